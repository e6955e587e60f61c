// Host paths: opening a path of the host and learning what it really is. Any thread; descriptors are close-on-exec.
#ifndef WRIT_BROKER_SANDBOX_HOST_PATH_H_
#define WRIT_BROKER_SANDBOX_HOST_PATH_H_

#include <string>
#include <string_view>

#include "broker/base/unique_fd.h"

namespace writ {

// True when `path` is `tree` or lies beneath it; both lexically normal.
[[nodiscard]] bool path_lies_in(std::string_view path, std::string_view tree);

// Returns what /proc/self/fd says of `fd`: the canonical path of the object, empty when that cannot be read.
[[nodiscard]] std::string path_of_descriptor(int fd);

// Opens the normal, absolute `path` with O_PATH, following links; `real` receives its canonical form. Invalid when it
// cannot be opened, or when its canonical form cannot be learned (without /proc nothing can be compared).
[[nodiscard]] UniqueFd open_and_resolve(const std::string& path, std::string& real);

}  // namespace writ

#endif  // WRIT_BROKER_SANDBOX_HOST_PATH_H_
