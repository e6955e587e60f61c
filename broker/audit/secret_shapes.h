// What a secret looks like inside of a text: the tables of redaction.h and the search for their rows. Pure; any thread.
#ifndef WRIT_BROKER_AUDIT_SECRET_SHAPES_H_
#define WRIT_BROKER_AUDIT_SECRET_SHAPES_H_

#include <cstddef>
#include <optional>
#include <string_view>

namespace writ {

struct FoundSecret {
  std::string_view rule;
  std::size_t begin = 0;
  std::size_t end = 0;  // one past the last byte
};

// The first secret that begins at or behind `from`. Nearly all texts have none, and are looked at once.
[[nodiscard]] std::optional<FoundSecret> find_secret(std::string_view text, std::size_t from);

// A character that the name of a variable, an option or a header may have.
[[nodiscard]] constexpr bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

}  // namespace writ

#endif  // WRIT_BROKER_AUDIT_SECRET_SHAPES_H_
