// Caches of `writ ci`: named directories of the person's that outlive a run, and appear at a path of the view.
#ifndef WRIT_LAUNCHER_CI_CACHE_H_
#define WRIT_LAUNCHER_CI_CACHE_H_

#include <string>
#include <vector>

#include "broker/base/error.h"
#include "launcher/ci_options.h"
#include "launcher/person.h"

namespace writ {

// Makes the directories of `options.caches`, and their places where these lie in the workspace; returns the words of
// `writ run` that grant them (placed_grant.h). As root they belong to the workspace's owner, whose identity the tool
// has. Errors: a directory that cannot be made, is a link, or belongs to somebody else.
[[nodiscard]] Result<std::vector<std::string>> prepare_ci_caches(const CiOptions& options, const Person& person,
                                                                 const std::string& workspace);

}  // namespace writ

#endif  // WRIT_LAUNCHER_CI_CACHE_H_
