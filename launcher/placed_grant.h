// Placed grants: directories of the host that appear in the view at another path, for writing: the caches of `writ ci`.
#ifndef WRIT_LAUNCHER_PLACED_GRANT_H_
#define WRIT_LAUNCHER_PLACED_GRANT_H_

#include <string>
#include <string_view>
#include <vector>

#include "broker/base/error.h"
#include "launcher/run_setup.h"

namespace writ {

// One word of the command line, "SOURCE=PATH": both absolute and normal, no '=' in the source.
[[nodiscard]] std::string placed_grant_word(std::string_view source, std::string_view path);

// Adds them to what `setup` grants. After the bounds were applied, because a bound speaks of the host's paths: where
// there are bounds, each must let the run write at the path itself. Errors: a word that Writ did not write; a path that
// covers the workspace, or lies where the kernel's own file systems are; a bound that says no.
[[nodiscard]] Status add_placed_grants(RunSetup& setup, const std::vector<std::string>& words);

}  // namespace writ

#endif  // WRIT_LAUNCHER_PLACED_GRANT_H_
