#include "broker/sandbox/view_mounts.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "broker/base/escape.h"
#include "broker/kernel/kernel_abi.h"
#include "broker/kernel/mount_tree.h"
#include "broker/kernel/raw_syscall.h"

namespace writ {
namespace {

// Name used in the root while we build; removed before the view is finished.
const std::string kSyntheticFile = ".writ-synthetic-file-";
// By CoverKind. They stay, where /proc will hide them: a file or directory that was removed can no longer be mounted on
// (ENOENT), and a cover is where a late grant is attached (late_mounts.h). Without any mode bit nobody but a capable
// user opens them; the tool has no capability, and the mount is read-only, so their owner cannot give itself the bits
// either.
constexpr std::array<const char*, kCoverKindCount> kEmptyFiles = {"proc/.writ-empty-file", "proc/.writ-forbidden-file"};
constexpr std::array<const char*, kCoverKindCount> kEmptyDirectories = {"proc/.writ-empty-directory",
                                                                        "proc/.writ-forbidden-directory"};
constexpr std::array<mode_t, kCoverKindCount> kFileModes = {0444, 0};
constexpr std::array<mode_t, kCoverKindCount> kDirectoryModes = {0555, 0};
constexpr const char* kHeldMount = ".writ-held-mount";

// Where the root is attached on kernels that cannot attach to a detached tree: a directory every host has and the
// broker does not use. Only our own mount namespace sees it.
constexpr const char* kAssemblyPoint = "/sys";

bool lies_in(const std::string& path, const std::string& tree) {
  if (tree == "/") return true;
  return path.size() >= tree.size() && path.compare(0, tree.size(), tree) == 0 &&
         (path.size() == tree.size() || path[tree.size()] == '/');
}

// One component at a time beneath a held directory: a link in the view (/var/tmp, /bin) would otherwise be followed
// into the host, and directories made there. `relative` is not empty.
Result<UniqueFd> make_directories(int directory, const std::string& relative) {
  UniqueFd held;
  int parent = directory;
  for (std::size_t begin = 0; begin < relative.size();) {
    const std::size_t end = std::min(relative.find('/', begin), relative.size());
    const std::string part = relative.substr(begin, end - begin);
    begin = end + 1;
    if (part.empty()) continue;
    if (::mkdirat(parent, part.c_str(), 0755) != 0 && errno != EEXIST)
      return fail_errno(errno, "cannot make the mount point " + quote_bytes(relative) + " in the view");
    held = UniqueFd(::openat(parent, part.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    parent = held.get();
    if (!held.valid())
      return fail_errno(errno, "cannot make the mount point " + quote_bytes(relative) + " in the view",
                        "a link of the view stands in the way");
  }
  return held;
}

struct SplitPath {
  std::string parent;
  std::string name;
};

SplitPath split(const std::string& relative) {
  const std::size_t slash = relative.rfind('/');
  if (slash == std::string::npos) return {"", relative};
  return {relative.substr(0, slash), relative.substr(slash + 1)};
}

Status make_mask_place(int mask, const MaskPlace& place) {
  const bool is_tree = place.link.empty() && place.kind == TreeKind::kDirectory;
  const auto [parent_path, name] = split(place.path);
  const std::string& directories = is_tree ? place.path : parent_path;
  UniqueFd held;
  if (!directories.empty()) {
    WRIT_ASSIGN(held, make_directories(mask, directories));
  }
  if (is_tree) return {};
  const int parent = held.valid() ? held.get() : mask;
  const int made = place.link.empty() ? ::mknodat(parent, name.c_str(), S_IFREG | 0644, 0)
                                      : ::symlinkat(place.link.c_str(), parent, name.c_str());
  if (made != 0 && errno != EEXIST) return fail_errno(errno, "cannot make " + quote_bytes(place.path) + " in the view");
  return {};
}

}  // namespace

Result<ViewMounts> ViewMounts::create() {
  WRIT_ASSIGN(UniqueFd root, make_detached_mount("tmpfs", {{"mode", "0755"}, {"size", "1m"}, {"nr_inodes", "4096"}},
                                                 abi::kMountNoSuid | abi::kMountNoDevices));
  return ViewMounts(std::move(root));
}

// The deepest private area wins; a granted tree that is deeper still means that we must not create anything there.
ViewMounts::Place ViewMounts::locate(const std::string& path) const {
  Place place{root_.get(), path.substr(1), false};
  std::size_t deepest = 0;
  for (const PrivateArea& area : areas_) {
    if (!lies_in(path, area.at) || area.at.size() < deepest) continue;
    deepest = area.at.size();
    place = {area.directory.get(), path.size() == area.at.size() ? "" : path.substr(area.at.size() + 1), false};
  }
  for (const std::string& tree : trees_)
    if (path != tree && lies_in(path, tree) && tree.size() > deepest) place.in_tree = true;
  return place;
}

// Devices and links of one directory come one after the other, so the last parent is kept.
Result<int> ViewMounts::open_parent(int directory, const std::string& parent) {
  if (parent.empty()) return directory;
  if (last_parent_.directory == directory && last_parent_.path == parent) return last_parent_.held.get();
  WRIT_ASSIGN(UniqueFd held, make_directories(directory, parent));
  new_place_ = {};
  last_parent_ = {directory, parent, std::move(held)};
  return last_parent_.held.get();
}

Status ViewMounts::make_place(const std::string& path, TreeKind kind) {
  const Place place = locate(path);
  if (place.in_tree || place.relative.empty()) return {};
  const auto [parent_path, name] = split(place.relative);
  WRIT_ASSIGN(const int parent, open_parent(place.directory, parent_path));
  const int made = kind == TreeKind::kFile ? ::mknodat(parent, name.c_str(), S_IFREG | 0644, 0)
                                           : ::mkdirat(parent, name.c_str(), 0755);
  // What is there already is judged by attach(), which follows no link and mounts no file on a directory.
  if (made != 0 && errno != EEXIST)
    return fail_errno(errno, "cannot make the mount point " + quote_bytes(path) + " in the view");
  // What is mounted in a private area belongs on its clone in the view, which is not what we hold of it.
  if (made == 0 && place.directory == root_.get()) new_place_ = {path, parent, name};
  return {};
}

Status ViewMounts::make_file(const std::string& path, std::string_view content) {
  const Place place = locate(path);
  if (place.in_tree) return {};
  const auto [parent_path, name] = split(place.relative);
  WRIT_ASSIGN(const int parent, open_parent(place.directory, parent_path));
  const UniqueFd file(::openat(parent, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0444));
  if (!file.valid() || ::write(file.get(), content.data(), content.size()) != static_cast<ssize_t>(content.size()))
    return fail_errno(errno, "cannot write " + quote_bytes(path) + " of the view");
  return {};
}

Status ViewMounts::make_link(const std::string& path, const std::string& target) {
  const Place place = locate(path);
  if (place.in_tree) return {};
  const auto [parent_path, name] = split(place.relative);
  WRIT_ASSIGN(const int parent, open_parent(place.directory, parent_path));
  if (::symlinkat(target.c_str(), parent, name.c_str()) != 0 && errno != EEXIST)
    return fail_errno(errno, "cannot make the link " + quote_bytes(path) + " in the view");
  return {};
}

Status ViewMounts::attach(const std::string& path, int mount) {
  const NewPlace made = std::exchange(new_place_, {});
  if (made.path == path) return attach_mount_at(mount, made.parent, made.name);
  if (last_parent_.held.valid()) forget_parent_beneath(path);
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC | O_NOFOLLOW;
  // The place may lie in a tree that a tool wrote: a link there must not lead the mount elsewhere.
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  const long opened = raw_syscall(SYS_openat2, root_.get(), path.c_str() + 1, &how, sizeof how);
  const UniqueFd target(static_cast<int>(opened));
  if (!target.valid())
    return fail_errno(static_cast<int>(-opened), "cannot place " + quote_bytes(path) + " in the view",
                      "a symbolic link or a missing directory stands in the way; grant the real path");
  return attach_mount(mount, target.get());
}

// A directory that is held from before something was mounted over it is no longer the one at its path.
void ViewMounts::forget_parent_beneath(const std::string& path) {
  const Place place = locate(path);
  if (place.directory == last_parent_.directory && lies_in(last_parent_.path, place.relative)) last_parent_ = {};
}

void ViewMounts::add_area(const std::string& path, UniqueFd directory) {
  areas_.push_back({path, std::move(directory)});
}

// A mount whose root has been removed cannot be attached any more (ENOENT), so the originals go in finish().
Result<UniqueFd> ViewMounts::clone_original(const std::string& name) {
  return clone_restricted_tree(root_.get(), name,
                               abi::kMountReadOnly | abi::kMountNoSuid | abi::kMountNoDevices | abi::kMountNoExecute);
}

Result<UniqueFd> ViewMounts::make_synthetic_file(std::string_view content) {
  const std::string name = kSyntheticFile + std::to_string(synthetic_files_);
  const UniqueFd file(::openat(root_.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444));
  if (!file.valid()) return fail_errno(errno, "cannot make a synthetic file for the view");
  ++synthetic_files_;
  if (::write(file.get(), content.data(), content.size()) != static_cast<ssize_t>(content.size()))
    return fail_errno(errno, "cannot write a synthetic file for the view");
  return clone_original(name);
}

Result<UniqueFd> ViewMounts::make_empty_file(CoverKind kind) {
  const auto index = static_cast<std::size_t>(kind);
  if (empty_files_[index] == MadeOriginal::kNo &&
      ::mknodat(root_.get(), kEmptyFiles[index], S_IFREG | kFileModes[index], 0) != 0)
    return fail_errno(errno, "cannot make an empty file for the view");
  empty_files_[index] = MadeOriginal::kYes;
  return clone_original(kEmptyFiles[index]);
}

Result<UniqueFd> ViewMounts::make_empty_directory(CoverKind kind) {
  const auto index = static_cast<std::size_t>(kind);
  if (empty_directories_[index] == MadeOriginal::kNo &&
      ::mkdirat(root_.get(), kEmptyDirectories[index], kDirectoryModes[index]) != 0)
    return fail_errno(errno, "cannot make an empty directory for the view");
  empty_directories_[index] = MadeOriginal::kYes;
  return clone_original(kEmptyDirectories[index]);
}

Result<UniqueFd> ViewMounts::make_mask(const std::vector<MaskPlace>& places) {
  WRIT_ASSIGN(UniqueFd mask, make_detached_mount("tmpfs", {{"mode", "0755"}, {"size", "64k"}},
                                                 abi::kMountNoSuid | abi::kMountNoDevices | abi::kMountNoExecute));
  for (const MaskPlace& place : places) WRIT_TRY(make_mask_place(mask.get(), place));
  WRIT_TRY(restrict_mount(mask.get(), abi::kMountReadOnly));
  return mask;
}

void ViewMounts::remove_synthetic_files() {
  for (int i = 0; i < synthetic_files_; ++i) ::unlinkat(root_.get(), (kSyntheticFile + std::to_string(i)).c_str(), 0);
}

Status ViewMounts::attach_root_for_assembly() {
  const UniqueFd target(::open(kAssemblyPoint, O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!target.valid()) return fail_errno(errno, "cannot open the place to assemble the view at");
  WRIT_TRY(attach_mount(root_.get(), target.get()));
  attached_ = true;
  return {};
}

Status ViewMounts::hold_for_cloning(int mount) {
  if (!attached_) return {};
  WRIT_ASSIGN(const UniqueFd place, make_directories(root_.get(), kHeldMount));
  return attach_mount(mount, place.get());
}

Status ViewMounts::release_held_mount() {
  if (!attached_) return {};
  std::string path(kAssemblyPoint);
  path.append("/").append(kHeldMount);
  if (::umount2(path.c_str(), MNT_DETACH) != 0 && errno != EINVAL && errno != ENOENT)
    return fail_errno(errno, "cannot take down what the view was made from");
  ::unlinkat(root_.get(), kHeldMount, AT_REMOVEDIR);
  return {};
}

Result<UniqueFd> ViewMounts::finish() {
  last_parent_ = {};
  areas_.clear();
  remove_synthetic_files();
  WRIT_TRY(release_held_mount());
  WRIT_TRY(restrict_mount(root_.get(), abi::kMountReadOnly | abi::kMountNoSuid | abi::kMountNoDevices));
  if (!attached_) return std::move(root_);
  auto clone = clone_mount_tree(root_.get(), "");
  if (::umount2(kAssemblyPoint, MNT_DETACH) != 0) return fail_errno(errno, "cannot take down the assembly place");
  return clone;
}

}  // namespace writ
