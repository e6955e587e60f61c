#include "broker/mediation/tree_door.h"

#include <fcntl.h>
#include <linux/openat2.h>

#include <cerrno>

#include "broker/kernel/raw_syscall.h"
#include "broker/mediation/place_walk.h"

namespace writ {
namespace {

// A program that opens the same file again and again (a log) need not have it looked at each time. Names that change
// through the broker end it at once (forget()); this bound is for those that somebody on the host changes.
constexpr std::chrono::milliseconds kSeenFor{200};

bool same_directory(int left, int right) {
  struct stat a {};
  struct stat b {};
  return ::fstat(left, &a) == 0 && ::fstat(right, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

const char* beneath(const MediatedTree& tree, const std::string& path) {
  return path.size() == tree.path.size() ? "." : path.c_str() + tree.path.size() + 1;
}

// ELOOP: a link is on the way, or in the last place (openat2(2): NO_SYMLINKS implies O_NOFOLLOW). EAGAIN: something was
// renamed meanwhile, somewhere.
UniqueFd open_beneath(const MediatedTree& tree, const std::string& path, std::uint64_t flags, mode_t mode) {
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.mode = mode;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  const long opened = raw_syscall(SYS_openat2, tree.writable.get(), beneath(tree, path), &how, sizeof how);
  return UniqueFd(opened < 0 ? -1 : static_cast<int>(opened));
}

}  // namespace

UniqueFd TreeDoor::open(const MediatedTree& tree, const std::string& path, std::uint64_t flags) {
  return open_beneath(tree, path, flags, 0);
}

UniqueFd TreeDoor::make(const MediatedTree& tree, const std::string& path, std::uint64_t flags, mode_t mode) {
  return open_beneath(tree, path, flags | O_CREAT | O_EXCL, mode);
}

bool TreeDoor::stands_in_view(int root, const MediatedTree& tree) {
  const long seen = open_place(root, tree.path.c_str(), O_DIRECTORY, RESOLVE_IN_ROOT);
  const UniqueFd place(seen < 0 ? -1 : static_cast<int>(seen));
  return place.valid() && same_directory(place.get(), tree.writable.get());
}

// The directory is opened through no link, and must be the one that the tool sees at that path.
TreeDoor::Known* TreeDoor::directory_of(int root, const MediatedTree& tree, std::string_view path) {
  for (Known& known : known_)
    if (known.tree == &tree && known.path == path) return &known;
  const std::string text(path);
  UniqueFd ours = open_beneath(tree, text, O_PATH | O_DIRECTORY, 0);
  if (!ours.valid()) return nullptr;
  const long seen = open_place(root, text.c_str(), O_DIRECTORY, RESOLVE_IN_ROOT);
  const UniqueFd theirs(seen < 0 ? -1 : static_cast<int>(seen));
  if (!theirs.valid() || !same_directory(ours.get(), theirs.get())) return nullptr;
  Known& known = known_[next_];
  next_ = (next_ + 1) % known_.size();
  known = {&tree, text, std::move(ours), {}, {}};
  return &known;
}

TreeDoor::Name TreeDoor::look(int root, const MediatedTree& tree, const std::string& path) {
  if (path.size() <= tree.path.size()) return Name::kUnclear;
  const std::size_t slash = path.rfind('/');
  Known* known = directory_of(root, tree, std::string_view(path).substr(0, slash));
  if (known == nullptr) return Name::kUnclear;
  const char* name = path.c_str() + slash + 1;
  const auto now = std::chrono::steady_clock::now();
  if (known->file == name && now - known->seen < kSeenFor) return Name::kFile;
  struct stat status {};
  if (::fstatat(known->directory.get(), name, &status, AT_SYMLINK_NOFOLLOW) != 0)
    return errno == ENOENT ? Name::kFree : Name::kUnclear;
  if (!S_ISREG(status.st_mode) || status.st_nlink != 1) return Name::kUnclear;
  known->file = name;
  known->seen = now;
  return Name::kFile;
}

void TreeDoor::forget_files() {
  for (Known& known : known_) known.file.clear();
}

}  // namespace writ
