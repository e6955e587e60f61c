// Bytes as lower-case hexadecimal digits, and back. Pure; any thread.
#ifndef WRIT_BROKER_BASE_HEX_TEXT_H_
#define WRIT_BROKER_BASE_HEX_TEXT_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace writ {

// Writes two digits for each byte to `out`, which has room for them.
void write_hex(std::span<const std::uint8_t> bytes, char* out);

[[nodiscard]] std::string hex_text(std::span<const std::uint8_t> bytes);

// Reads exactly `bytes.size()` bytes. Returns false where `digits` is anything but twice as many lower-case digits: one
// value has one text, so that texts can be compared. `bytes` is then unspecified.
[[nodiscard]] bool read_hex(std::string_view digits, std::span<std::uint8_t> bytes);

}  // namespace writ

#endif  // WRIT_BROKER_BASE_HEX_TEXT_H_
