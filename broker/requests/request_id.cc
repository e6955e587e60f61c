#include "broker/requests/request_id.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "broker/audit/audit_crypto.h"

namespace writ {
namespace {

constexpr std::size_t kShortestPrefix = 4;
constexpr std::string_view kDigits = "0123456789abcdef";

bool are_digits(std::string_view text) { return text.find_first_not_of(kDigits) == std::string_view::npos; }

}  // namespace

Result<RequestId> RequestId::make() {
  std::array<std::uint8_t, kRequestIdDigits / 2> bytes{};
  WRIT_TRY(fill_random(bytes));
  std::string text(kRequestIdPrefix);
  for (const unsigned byte : bytes) {
    text += kDigits[byte >> 4U];
    text += kDigits[byte & 0xFU];
  }
  return RequestId(std::move(text));
}

std::optional<RequestId> RequestId::parse(std::string_view text) {
  if (!text.starts_with(kRequestIdPrefix)) return std::nullopt;
  const std::string_view digits = text.substr(kRequestIdPrefix.size());
  if (digits.size() != kRequestIdDigits || !are_digits(digits)) return std::nullopt;
  return RequestId(std::string(text));
}

std::optional<std::string> request_id_prefix(std::string_view typed) {
  if (typed.starts_with(kRequestIdPrefix)) typed.remove_prefix(kRequestIdPrefix.size());
  if (typed.size() < kShortestPrefix || typed.size() > kRequestIdDigits || !are_digits(typed)) return std::nullopt;
  return std::string(kRequestIdPrefix) + std::string(typed);
}

}  // namespace writ
