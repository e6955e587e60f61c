#include "broker/mediation/mediated_tree.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "broker/kernel/raw_syscall.h"
#include "broker/mediation/place_walk.h"

namespace writ {
namespace {

bool lies_in(std::string_view path, std::string_view tree) {
  return path.starts_with(tree) && (path.size() == tree.size() || path[tree.size()] == '/');
}

std::uint64_t mount_id(int descriptor) {
  struct statx status {};
  if (::statx(descriptor, "", AT_EMPTY_PATH, STATX_MNT_ID, &status) != 0 || (status.stx_mask & STATX_MNT_ID) == 0)
    return 0;
  return status.stx_mnt_id;
}

bool same_object(const struct stat& left, const struct stat& right) {
  return left.st_dev == right.st_dev && left.st_ino == right.st_ino;
}

// `path` of the view as a path beneath the tree.
const char* beneath(const MediatedTree& tree, const std::string& path) {
  return path.size() == tree.path.size() ? "." : path.c_str() + tree.path.size() + 1;
}

}  // namespace

MediatedTrees::MediatedTrees(std::vector<MediatedTree> trees, const std::vector<ViewEntry>& entries)
    : trees_(std::move(trees)) {
  for (const MediatedTree& tree : trees_) mounts_.push_back(mount_id(tree.writable.get()));
  for (const ViewEntry& entry : entries) {
    const auto found =
        std::find_if(trees_.begin(), trees_.end(), [&](const MediatedTree& tree) { return tree.path == entry.path; });
    entries_.push_back({entry.path, found == trees_.end() ? nullptr : &*found, entry.kind});
  }
  std::stable_sort(entries_.begin(), entries_.end(),
                   [](const Entry& a, const Entry& b) { return a.path.size() > b.path.size(); });
  for (const MediatedTree& tree : trees_) fixed_.push_back(way_is_fixed(tree.path));
}

// What stands in the view's own root, or in a tree for reading, the tool cannot move. In a private place it can move
// directories, and with them what is mounted beneath; but not a mount point itself (EBUSY, rename(2)).
bool MediatedTrees::way_is_fixed(std::string_view path) const {
  for (const Entry& entry : entries_) {
    if (entry.path.size() >= path.size() || !lies_in(path, entry.path)) continue;
    if (entry.kind == "private" && path.substr(0, path.rfind('/')) != entry.path) return false;
    if (entry.kind != "private" && entry.kind != "read") return false;
    path = entry.path;  // the entries above it come later
  }
  return true;
}

const MediatedTree* MediatedTrees::holding(std::string_view path) const {
  for (const Entry& entry : entries_)
    if (lies_in(path, entry.path)) return entry.tree;
  return nullptr;
}

const MediatedTree* MediatedTrees::around(std::string_view path) const {
  for (const Entry& entry : entries_)
    if (entry.tree != nullptr && entry.path != path && lies_in(path, entry.path)) return entry.tree;
  return nullptr;
}

bool MediatedTrees::is_mount_point(std::string_view path) const {
  return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.path == path; });
}

std::vector<std::string> MediatedTrees::paths() const {
  std::vector<std::string> paths;
  for (const MediatedTree& tree : trees_) paths.push_back(tree.path);
  return paths;
}

std::vector<std::string> MediatedTrees::covered_places() const {
  std::vector<std::string> places;
  for (const Entry& entry : entries_) {
    const bool inside = std::any_of(trees_.begin(), trees_.end(), [&](const MediatedTree& tree) {
      return entry.path != tree.path && lies_in(entry.path, tree.path);
    });
    if (inside) places.push_back(entry.path);
  }
  return places;
}

tl::expected<UniqueFd, int> MediatedTrees::directory(const MediatedTree& tree, const Place& place) const {
  const long opened =
      open_place(tree.writable.get(), beneath(tree, place.directory_path), O_DIRECTORY, RESOLVE_BENEATH);
  // ENOENT, ELOOP, ENOTDIR: what the tool saw there a moment ago is not there any more.
  if (opened < 0) return tl::unexpected<int>(opened == -EACCES ? EACCES : ESTALE);
  UniqueFd directory(static_cast<int>(opened));
  struct stat ours {};
  struct stat theirs {};
  if (::fstat(directory.get(), &ours) != 0 || ::fstat(place.directory.get(), &theirs) != 0)
    return tl::unexpected<int>(errno);
  if (!same_object(ours, theirs)) return tl::unexpected<int>(ESTALE);
  return directory;
}

tl::expected<UniqueFd, int> MediatedTrees::object(const MediatedTree& tree, const Place& place) const {
  const std::string path = place.path();
  const long opened = open_place(tree.writable.get(), beneath(tree, path), O_NOFOLLOW, RESOLVE_BENEATH);
  if (opened < 0) return tl::unexpected<int>(opened == -EACCES ? EACCES : ESTALE);
  UniqueFd object(static_cast<int>(opened));
  struct stat status {};
  if (::fstat(object.get(), &status) != 0) return tl::unexpected<int>(errno);
  if (!place.object || !same_object(status, *place.object)) return tl::unexpected<int>(ESTALE);
  return object;
}

tl::expected<UniqueFd, int> MediatedTrees::open(const MediatedTree& tree, const Place& place,
                                                std::uint64_t flags) const {
  const std::string path = place.path();
  open_how how{};
  how.flags = flags | O_CLOEXEC;  // NO_SYMLINKS implies O_NOFOLLOW (openat2(2)), which F_GETFL would show
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  const long opened = raw_syscall(SYS_openat2, tree.writable.get(), beneath(tree, path), &how, sizeof how);
  const bool moved = opened == -ENOENT || opened == -ELOOP || opened == -ENOTDIR || opened == -EAGAIN;
  if (opened < 0) return tl::unexpected<int>(moved ? ESTALE : static_cast<int>(-opened));
  UniqueFd file(static_cast<int>(opened));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return tl::unexpected<int>(errno);
  if (!place.object || !same_object(status, *place.object)) return tl::unexpected<int>(ESTALE);
  return file;
}

const MediatedTree* MediatedTrees::holding_descriptor(int descriptor, std::string& path) const {
  const std::uint64_t mount = mount_id(descriptor);
  for (std::size_t i = 0; mount != 0 && i < trees_.size(); ++i) {
    if (mounts_[i] != mount) continue;
    const std::optional<std::string> inside = path_of_place(descriptor);
    path = inside ? trees_[i].path + (*inside == "/" ? "" : *inside) : std::string();
    return &trees_[i];
  }
  return nullptr;
}

}  // namespace writ
