#include "broker/sandbox/view_areas.h"

#include <algorithm>
#include <string>

#include "broker/sandbox/host_path.h"

namespace writ {

std::uint64_t area_inodes(std::uint64_t size) {
  constexpr std::uint64_t kPage = 4096;
  constexpr std::uint64_t kFewest = 256;
  constexpr std::uint64_t kMost = std::uint64_t{1} << 20;
  return std::clamp(size / kPage, kFewest, kMost);
}

void settle_areas(View& view, const std::vector<AreaEntry>& placed) {
  std::vector<std::string> trees;
  for (const AreaEntry& entry : placed) {
    std::erase_if(view.areas, [&](const LeftOutArea& area) { return area.path == entry.path; });
    const auto holds = [&](const std::string& tree) { return path_lies_in(entry.path, tree); };
    const bool in_area =
        std::any_of(view.areas.begin(), view.areas.end(), [&](const LeftOutArea& area) { return holds(area.path); });
    if (!in_area || std::any_of(trees.begin(), trees.end(), holds)) continue;
    if (entry.link.empty()) trees.push_back(entry.path);
    view.area_entries.push_back(entry);
  }
}

}  // namespace writ
