// View areas: the private directories of a view (/tmp, the home, /dev/shm), and what a view for many sandboxes says of
// them in their place.
#ifndef WRIT_BROKER_SANDBOX_VIEW_AREAS_H_
#define WRIT_BROKER_SANDBOX_VIEW_AREAS_H_

#include <cstdint>
#include <vector>

#include "broker/sandbox/view.h"

namespace writ {

// How many files a private area of `size` bytes may have. Names cost memory of the host too: one inode for each page of
// the size, within bounds.
[[nodiscard]] std::uint64_t area_inodes(std::uint64_t size);

// Completes `view.areas` of a view from which they were left out: what has been placed at the very path of one is there
// instead of it, and of what was placed within one, the topmost become `view.area_entries`. `placed` is in the order of
// the paths.
void settle_areas(View& view, const std::vector<AreaEntry>& placed);

}  // namespace writ

#endif  // WRIT_BROKER_SANDBOX_VIEW_AREAS_H_
