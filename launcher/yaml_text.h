// Single YAML values as profiles write them. What these functions make, the profile loader reads back as the same text.
// Pure; any thread.
#ifndef WRIT_LAUNCHER_YAML_TEXT_H_
#define WRIT_LAUNCHER_YAML_TEXT_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace writ {

// Returns `text` on one line: plain where that is safe also inside of {…} and […], in quotes otherwise.
[[nodiscard]] std::string yaml_text(std::string_view text);

// The same for a place where variables are expanded: a dollar sign is doubled.
[[nodiscard]] std::string yaml_literal(std::string_view text);

// "90s", "10m": the largest unit that divides `time`.
[[nodiscard]] std::string yaml_duration(std::chrono::milliseconds time);

// "64K", "2G", "1000": the largest unit that divides `bytes`.
[[nodiscard]] std::string yaml_size(std::uint64_t bytes);

// "2", "0.5": thousandths as a decimal number.
[[nodiscard]] std::string yaml_thousandths(std::uint64_t thousandths);

}  // namespace writ

#endif  // WRIT_LAUNCHER_YAML_TEXT_H_
