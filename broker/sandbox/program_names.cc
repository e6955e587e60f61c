#include "broker/sandbox/program_names.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <fstream>
#include <memory>
#include <set>
#include <sstream>
#include <tuple>

#include "broker/base/escape.h"
#include "broker/kernel/kernel_abi.h"
#include "broker/kernel/raw_syscall.h"

namespace writ {
namespace {

constexpr unsigned kAnyExecuteBit = 0111;
constexpr std::size_t kEntryLimit = 2'000'000;  // a few seconds of looking; a larger tree is not a system's
constexpr int kDepthLimit = 64;

// RESOLVE_IN_ROOT: absolute links and ".." mean what they mean to the tool.
UniqueFd open_in_view(int root, const std::string& path, int flags) {
  open_how how{};
  how.flags = static_cast<__u64>(flags | O_CLOEXEC);
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  return UniqueFd(static_cast<int>(raw_syscall(SYS_openat2, root, path.c_str(), &how, sizeof how)));
}

// Where a descriptor that was opened beneath the view's root lies in the view: the kernel's name for it ends at the top
// of the tree that it is mounted in.
std::string path_in_view(int fd) {
  std::array<char, PATH_MAX> target{};
  const ssize_t length = ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), target.data(), target.size());
  return std::string(target.data(), length <= 0 ? 0 : static_cast<std::size_t>(length));
}

bool is_same(const struct stat& status, const FoundProgram& program) {
  return S_ISREG(status.st_mode) && status.st_dev == program.device && status.st_ino == program.inode;
}

struct DirectoryClose {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using Directory = std::unique_ptr<DIR, DirectoryClose>;

// Looks through directories for names of one program.
class NameCollector {
 public:
  NameCollector(int root, const FoundProgram& program) : root_(root), program_(program) { names_.insert(program.path); }

  void look_in(const std::string& directory) { visit(directory, 0, 0); }
  void walk(const std::string& tree) { visit(tree, kDepthLimit, 0); }
  // A file that was granted by itself, or a name that may be an alias.
  void look_at(const std::string& path) {
    const UniqueFd file = open_in_view(root_, path, O_PATH);
    struct stat status {};
    if (file.valid() && ::fstat(file.get(), &status) == 0 && is_same(status, program_)) add(path_in_view(file.get()));
  }

  [[nodiscard]] bool complete() const { return links_.size() >= program_.links; }
  [[nodiscard]] bool overflowed() const { return entries_ > kEntryLimit; }
  [[nodiscard]] const std::set<std::string>& names() const { return names_; }
  [[nodiscard]] std::size_t found() const { return links_.size(); }

 private:
  void add(const std::string& path) {
    if (path.starts_with('/')) names_.insert(path);
    note_link(path);
  }

  // The same link can have several paths, where its directory is mounted twice; it counts once.
  void note_link(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    const UniqueFd parent = open_in_view(root_, path.substr(0, slash + 1), O_PATH | O_DIRECTORY);
    struct stat status {};
    if (parent.valid() && ::fstat(parent.get(), &status) == 0)
      links_.insert({status.st_dev, status.st_ino, path.substr(slash + 1)});
  }

  void visit(const std::string& path, int depth, int level) {
    UniqueFd opened = open_in_view(root_, path, O_RDONLY | O_DIRECTORY | O_NONBLOCK);
    if (!opened.valid()) return;
    const std::string canonical = path_in_view(opened.get());
    const Directory directory(::fdopendir(opened.get()));
    if (!directory) return;
    (void)opened.release();  // closed with the stream
    visit_entries(directory.get(), canonical == "/" ? "" : canonical, depth, level);
  }

  void visit_entries(DIR* directory, const std::string& base, int depth, int level) {
    while (const dirent* entry = ::readdir(directory)) {
      const std::string name = entry->d_name;
      if (name == "." || name == ".." || ++entries_ > kEntryLimit) continue;
      const bool unknown = entry->d_type == DT_UNKNOWN;
      if (!unknown && entry->d_type != DT_REG && entry->d_type != DT_DIR) continue;
      if (!unknown && entry->d_type == DT_DIR && level >= depth) continue;
      struct stat status {};
      if (entry->d_type != DT_DIR) {
        if (::fstatat(::dirfd(directory), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
        if (is_same(status, program_)) add(base + "/" + name);
      }
      const bool is_directory = entry->d_type == DT_DIR || (unknown && S_ISDIR(status.st_mode));
      if (is_directory && level < depth && !complete()) visit(base + "/" + name, depth, level + 1);
    }
  }

  struct Link {
    dev_t device;
    ino_t directory;
    std::string name;
    bool operator<(const Link& other) const {
      return std::tie(device, directory, name) < std::tie(other.device, other.directory, other.name);
    }
  };

  int root_;
  const FoundProgram& program_;
  std::set<std::string> names_;
  std::set<Link> links_;
  std::size_t entries_ = 0;
};

struct HostMount {
  std::string device;  // "8:1"
  std::string root;    // what of its file system is mounted
  std::string point;
};

std::string unescape_octal(const std::string& text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 3 >= text.size()) {
      plain.push_back(text[i]);
      continue;
    }
    plain.push_back(static_cast<char>(std::stoi(text.substr(i + 1, 3), nullptr, 8)));
    i += 3;
  }
  return plain;
}

std::vector<HostMount> host_mounts() {
  std::vector<HostMount> mounts;
  std::ifstream file("/proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string number, parent;
    HostMount mount;
    fields >> number >> parent >> mount.device >> mount.root >> mount.point;
    mount.root = unescape_octal(mount.root);
    mount.point = unescape_octal(mount.point);
    mounts.push_back(std::move(mount));
  }
  return mounts;
}

// The rest of `path` below `top`, with its slash; nothing when it does not lie there.
bool below(const std::string& path, const std::string& top, std::string& rest) {
  if (top == "/") return rest = path, true;
  if (!path.starts_with(top) || (path.size() > top.size() && path[top.size()] != '/')) return false;
  return rest = path.substr(top.size()), true;
}

// A directory that the host has mounted at two places, and that was granted at both, shows the program twice although
// it has one link. Where it lies in its file system follows from the mounts; every mount of that file system that
// contains the place is another path on the host, and thus perhaps in the view.
void look_at_other_mounts(NameCollector& collector, const std::string& path) {
  const std::vector<HostMount> mounts = host_mounts();
  const HostMount* home = nullptr;
  std::string inside;
  for (const HostMount& mount : mounts) {
    std::string rest;
    if (!below(path, mount.point, rest) || (home != nullptr && mount.point.size() < home->point.size())) continue;
    home = &mount;
    inside = (mount.root == "/" ? "" : mount.root) + rest;
  }
  if (home == nullptr) return;
  for (const HostMount& mount : mounts) {
    std::string rest;
    if (mount.device != home->device || !below(inside, mount.root, rest)) continue;
    collector.look_at((mount.point == "/" ? "" : mount.point) + rest);
  }
}

Result<std::vector<std::string>> names_of(const NameCollector& collector, const FoundProgram& program) {
  if (collector.complete()) return std::vector<std::string>(collector.names().begin(), collector.names().end());
  return fail("cannot put " + quote_bytes(program.path) + " under its rule: it has " + std::to_string(program.links) +
                  " names (hard links), and " + std::to_string(collector.found()) + " were found in the view" +
                  (collector.overflowed() ? " among too many files" : ""),
              "another name would lead around the rule; remove the other links, or replace the program by a copy");
}

}  // namespace

Result<std::vector<FoundProgram>> find_program_along(int view_root, const std::string& name_or_path,
                                                     const std::vector<std::string>& directories) {
  std::vector<std::string> candidates;
  if (name_or_path.find('/') != std::string::npos) candidates.push_back(name_or_path);
  if (candidates.empty())
    for (const std::string& directory : directories) candidates.push_back(directory + "/" + name_or_path);
  std::vector<FoundProgram> found;
  for (const std::string& path : candidates) {
    FoundProgram program;
    program.object = open_in_view(view_root, path, O_PATH);
    struct stat status {};
    if (!program.object.valid() || ::fstat(program.object.get(), &status) != 0) continue;
    if (!S_ISREG(status.st_mode) || (status.st_mode & kAnyExecuteBit) == 0) continue;
    program.path = path_in_view(program.object.get());
    if (!program.path.starts_with('/')) return fail("cannot find the path of " + quote_bytes(path) + " in the view");
    program.found_at = path;
    program.device = status.st_dev;
    program.inode = status.st_ino;
    program.links = status.st_nlink;
    found.push_back(std::move(program));
  }
  return found;
}

Result<std::vector<std::string>> find_program_names(const NameSearch& search, const FoundProgram& program) {
  NameCollector collector(search.view_root, program);
  collector.look_at(program.path);
  if (program.links > 1) {
    for (const std::string& directory : search.directories) collector.look_in(directory);
    collector.look_in(program.path.substr(0, program.path.rfind('/') + 1));
    for (const std::string& tree : search.trees) collector.look_at(tree);
    for (const std::string& tree : search.trees)
      if (!collector.complete()) collector.walk(tree);
  }
  const std::vector<std::string> links(collector.names().begin(), collector.names().end());
  for (const std::string& name : links) look_at_other_mounts(collector, name);
  return names_of(collector, program);
}

}  // namespace writ
