#include "broker/audit/audit_export.h"

#include <charconv>

#include "broker/base/hex_text.h"

namespace writ {
namespace {

constexpr std::string_view kBegin = "{\"export\":1,\"seq\":";
constexpr std::string_view kHash = ",\"hash\":\"";
constexpr std::string_view kEnd = "\"}";

}  // namespace

std::string export_anchor(const ChainState& before) {
  std::string line(kBegin);
  return line.append(std::to_string(before.sequence)).append(kHash).append(hex_text(before.hash)).append(kEnd);
}

std::optional<ChainState> read_export_anchor(std::string_view line) {
  if (!line.starts_with(kBegin) || !line.ends_with(kEnd)) return std::nullopt;
  line.remove_prefix(kBegin.size());
  line.remove_suffix(kEnd.size());
  ChainState state;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), state.sequence);
  const std::string_view rest = line.substr(static_cast<std::size_t>(end - line.data()));
  if (error != std::errc() || !rest.starts_with(kHash)) return std::nullopt;
  if (!read_hex(rest.substr(kHash.size()), state.hash)) return std::nullopt;
  return state;
}

}  // namespace writ
