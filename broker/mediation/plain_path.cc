#include "broker/mediation/plain_path.h"

namespace writ {

std::optional<std::string> plain_path(std::string_view start, std::string_view text) {
  if (text.empty() || text.ends_with('/')) return std::nullopt;
  const bool absolute = text.starts_with('/');
  if (!absolute && !start.starts_with('/')) return std::nullopt;
  std::string path;
  path.reserve(start.size() + 1 + text.size());
  if (!absolute && start != "/") path = start;
  while (!text.empty()) {
    const std::size_t end = text.find('/');
    const std::string_view segment = text.substr(0, end);
    if (segment == "." || segment == "..") return std::nullopt;
    if (!segment.empty()) path.append(1, '/').append(segment);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return path;
}

}  // namespace writ
