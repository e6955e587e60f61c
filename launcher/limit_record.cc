#include "launcher/limit_record.h"

#include <algorithm>
#include <chrono>

#include "launcher/yaml_text.h"

namespace writ {
namespace {

// Sizes that nobody wrote are rounded: 1.4M says more than 1468006.
std::string size_text(std::uint64_t bytes) {
  constexpr std::uint64_t kStep = 1024;
  if (bytes % kStep == 0) return yaml_size(bytes);
  std::string_view units = "KMGT";
  std::uint64_t tenths = bytes * 10 / kStep;
  while (units.size() > 1 && tenths >= kStep * 10) {
    tenths /= kStep;
    units.remove_prefix(1);
  }
  if (bytes < kStep) return std::to_string(bytes);
  return std::to_string(tenths / 10).append(".").append(std::to_string(tenths % 10)).append(units.substr(0, 1));
}

}  // namespace

std::string limit_value_text(LimitUnit unit, std::uint64_t value) {
  switch (unit) {
    case LimitUnit::kBytes:
      return size_text(value);
    case LimitUnit::kCount:
      break;
    case LimitUnit::kMilliseconds:
      return yaml_duration(std::chrono::milliseconds(static_cast<std::int64_t>(value)));
    case LimitUnit::kThousandths:
      return yaml_thousandths(value);
  }
  return std::to_string(value);
}

std::string LimitRecord::describe() const {
  std::string text = "limit reached: ";
  text.append(name).append(" ").append(limit_value_text(unit, value));
  if (peak && *peak != value) text.append(" (peak ").append(limit_value_text(unit, *peak)).append(")");
  if (!detail.empty()) text.append(": ").append(detail);
  // Twice as much is a guess; that it is one is plain.
  const std::uint64_t more = 2 * std::max(value, std::uint64_t{1});
  text.append("; to allow more: --limit ").append(name).append("=").append(limit_value_text(unit, more));
  return text;
}

}  // namespace writ
