// plain_path(): what a path leads to when no link is on its way, found out from its text alone. Pure; any thread.
#ifndef WRIT_BROKER_MEDIATION_PLAIN_PATH_H_
#define WRIT_BROKER_MEDIATION_PLAIN_PATH_H_

#include <optional>
#include <string>
#include <string_view>

namespace writ {

// `text` as an absolute path without doubled slashes. A relative one begins at `start`, the canonical path of a
// directory. Nothing where the text does not say it all: "." and ".." (which a link before them would turn elsewhere),
// a slash at the end (which demands a directory), no text, or no `start` where one is needed.
[[nodiscard]] std::optional<std::string> plain_path(std::string_view start, std::string_view text);

}  // namespace writ

#endif  // WRIT_BROKER_MEDIATION_PLAIN_PATH_H_
