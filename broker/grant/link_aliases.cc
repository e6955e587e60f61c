#include "broker/grant/link_aliases.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "broker/kernel/kernel_abi.h"
#include "broker/kernel/raw_syscall.h"

namespace writ {
namespace {

constexpr unsigned kOverlayMagic = 0x794c7630;  // linux/magic.h: OVERLAYFS_SUPER_MAGIC

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using OpenDirectory = std::unique_ptr<DIR, CloseDirectory>;

using FileKey = std::pair<dev_t, ino_t>;

// What readdir(3) says of an inode can be trusted, except on overlayfs, which may name the lower file's.
enum class EntryNumbers { kTrusted, kUnreliable };

EntryNumbers entry_numbers(int directory) {
  struct statfs status {};
  const bool overlay = ::fstatfs(directory, &status) == 0 && static_cast<unsigned>(status.f_type) == kOverlayMagic;
  return overlay ? EntryNumbers::kUnreliable : EntryNumbers::kTrusted;
}

// Opens `relative` (empty: the root itself) beneath `root` without following links. Each directory is opened from the
// root again: a stack of open directories would be as deep as a hostile tree.
UniqueFd open_beneath(int root, const std::string& relative, int flags) {
  open_how how{};
  how.flags = static_cast<__u64>(flags | O_CLOEXEC | O_NOFOLLOW);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  const long opened = raw_syscall(SYS_openat2, root, relative.empty() ? "." : relative.c_str(), &how, sizeof how);
  if (opened < 0) errno = static_cast<int>(-opened);
  return UniqueFd(static_cast<int>(opened));
}

// Walks one tree, calling `visit(directory descriptor, directory's relative path, entry)` for what is no directory.
class TreeWalk {
 public:
  TreeWalk(int root, std::size_t& budget) : root_(root), budget_(budget) {}

  template <class Visit>
  Status run(Visit visit) {
    waiting_.emplace_back();
    while (!waiting_.empty()) {
      const std::string relative = std::move(waiting_.back());
      waiting_.pop_back();
      WRIT_TRY(read_directory(relative, visit));
    }
    return {};
  }

 private:
  template <class Visit>
  Status read_directory(const std::string& relative, Visit& visit) {
    UniqueFd opened = open_beneath(root_, relative, O_RDONLY | O_DIRECTORY);
    if (!opened.valid()) return {};  // not ours to read, or gone: nothing that the tool could find there either
    const OpenDirectory directory(::fdopendir(opened.get()));
    if (!directory) return fail_errno(errno, "cannot list a granted directory");
    const int descriptor = opened.release();  // closedir(3) closes it
    const EntryNumbers numbers = entry_numbers(descriptor);
    for (const dirent* entry = ::readdir(directory.get()); entry != nullptr; entry = ::readdir(directory.get())) {
      if (std::strcmp(entry->d_name, ".") == 0 || std::strcmp(entry->d_name, "..") == 0) continue;
      if (budget_ == 0)
        return fail("the granted trees are too large to search them for hard links of a denied file",
                    "grant smaller trees, or remove the other links of the file");
      --budget_;
      if (is_directory(descriptor, *entry))
        waiting_.push_back(relative.empty() ? entry->d_name : relative + "/" + entry->d_name);
      else
        visit(descriptor, relative, *entry, numbers);
    }
    return {};
  }

  static bool is_directory(int parent, const dirent& entry) {
    if (entry.d_type != DT_UNKNOWN) return entry.d_type == DT_DIR;
    struct stat status {};
    return ::fstatat(parent, entry.d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode);
  }

  int root_;
  std::size_t& budget_;
  std::vector<std::string> waiting_;  // directories still to be read, relative to the root
};

class AliasSearch {
 public:
  AliasSearch(std::span<const LinkedFile> wanted, std::size_t limit) : wanted_(wanted), budget_(limit) {
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      index_.emplace(FileKey{wanted[i].device, wanted[i].inode}, i);
      inodes_.insert(wanted[i].inode);
    }
  }

  Status search(std::size_t tree, int root) {
    return TreeWalk(root, budget_).run([&](int parent, const std::string& relative, const dirent& entry, auto numbers) {
      if (numbers == EntryNumbers::kTrusted && !inodes_.contains(entry.d_ino)) return;
      look_at(tree, parent, relative, entry.d_name);
    });
  }

  std::vector<LinkAlias> take() { return std::move(found_); }

 private:
  void look_at(std::size_t tree, int parent, const std::string& relative, const char* name) {
    UniqueFd object(::openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat status {};
    if (!object.valid() || ::fstat(object.get(), &status) != 0) return;
    const auto wanted = index_.find({status.st_dev, status.st_ino});
    if (wanted == index_.end()) return;
    found_.push_back({tree, relative.empty() ? name : relative + "/" + name, wanted->second, std::move(object)});
  }

  std::span<const LinkedFile> wanted_;
  std::size_t budget_;
  std::map<FileKey, std::size_t> index_;
  std::set<ino_t> inodes_;
  std::vector<LinkAlias> found_;
};

void add_if_linked(const struct stat& status, std::vector<LinkedFile>& files) {
  if (S_ISDIR(status.st_mode) || status.st_nlink <= 1) return;
  const LinkedFile file{status.st_dev, status.st_ino};
  if (std::find(files.begin(), files.end(), file) == files.end()) files.push_back(file);
}

}  // namespace

Result<std::vector<LinkedFile>> linked_files_beneath(int root, std::size_t limit) {
  std::vector<LinkedFile> files;
  struct stat status {};
  if (::fstat(root, &status) != 0) return fail_errno(errno, "cannot inspect a denied path");
  add_if_linked(status, files);
  if (!S_ISDIR(status.st_mode)) return files;
  std::size_t budget = limit;
  WRIT_TRY(TreeWalk(root, budget).run([&](int parent, const std::string&, const dirent& entry, EntryNumbers) {
    struct stat found {};
    if (::fstatat(parent, entry.d_name, &found, AT_SYMLINK_NOFOLLOW) == 0) add_if_linked(found, files);
  }));
  return files;
}

Result<std::vector<LinkAlias>> find_link_aliases(std::span<const int> trees, std::span<const LinkedFile> wanted,
                                                 std::size_t limit) {
  if (wanted.empty()) return std::vector<LinkAlias>{};
  AliasSearch search(wanted, limit);
  for (std::size_t i = 0; i < trees.size(); ++i) WRIT_TRY(search.search(i, trees[i]));
  return search.take();
}

}  // namespace writ
