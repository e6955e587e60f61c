// PathGlob: patterns for files below a directory: "dist/*.tar.gz", "**/junit.xml", "build/reports". Pure.
//
// `*`, `?` and `[…]` stand for bytes within one name, and not for a dot at its beginning; `**` as a whole part stands
// for any number of directories whose names do not begin with a dot. A pattern whose last part has no wildcard also
// names everything beneath a directory of that name.
#ifndef WRIT_LAUNCHER_PATH_GLOB_H_
#define WRIT_LAUNCHER_PATH_GLOB_H_

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/error.h"

namespace writ {

class PathGlob {
 public:
  // Errors: empty, absolute, ".." in it, more than 64 parts.
  [[nodiscard]] static Result<PathGlob> parse(std::string_view text);

  // Is the file with these names from the top matched?
  [[nodiscard]] bool matches(std::span<const std::string> path) const;
  // Could anything beneath this directory be?
  [[nodiscard]] bool may_match_beneath(std::span<const std::string> directory) const;

  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  [[nodiscard]] std::vector<bool> after(std::size_t part, const std::vector<bool>& ends,
                                        std::span<const std::string> path) const;

  std::string text_;
  std::vector<std::string> parts_;
  bool names_tree_ = false;  // the last part has no wildcard
};

}  // namespace writ

#endif  // WRIT_LAUNCHER_PATH_GLOB_H_
