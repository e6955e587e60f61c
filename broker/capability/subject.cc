#include "broker/capability/subject.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "broker/base/escape.h"

namespace writ {
namespace {

constexpr std::size_t kNameLimit = 128;
constexpr std::string_view kUser = "user:";
constexpr auto kPrefixes = std::to_array<std::string_view>({kUser, "profile:", "agent:", "process:pid_", "run:"});

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_byte(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' || c == '-';
}

// One number has one spelling: no sign, no leading zero.
bool is_user_id(std::string_view name) {
  return name.size() <= 10 && std::all_of(name.begin(), name.end(), is_digit) && (name == "0" || name.front() != '0');
}

}  // namespace

Result<Subject> Subject::parse(std::string_view text) {
  for (const std::string_view prefix : kPrefixes) {
    if (!text.starts_with(prefix)) continue;
    const std::string_view name = text.substr(prefix.size());
    if (name.empty() || name.size() > kNameLimit || !std::all_of(name.begin(), name.end(), is_name_byte)) break;
    if (prefix == kUser && !is_user_id(name)) break;
    return Subject(text);
  }
  return fail("there is no subject " + quote_bytes(text, 80),
              "user:UID, profile:NAME, agent:NAME, process:pid_ID or run:NAME");
}

}  // namespace writ
