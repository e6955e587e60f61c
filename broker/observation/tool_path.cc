#include "broker/observation/tool_path.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <deque>
#include <string_view>
#include <utility>

#include "broker/kernel/raw_syscall.h"

namespace writ {
namespace {

constexpr int kLinkLimit = 40;  // as the kernel's (path_resolution(7))
constexpr int kRaceRetries = 4;

bool is_kernel_place(std::string_view path) { return path == "/proc" || path.starts_with("/proc/"); }

std::deque<std::string> segments_of(std::string_view path) {
  std::deque<std::string> list;
  while (!path.empty()) {
    const std::size_t end = path.find('/');
    if (end != 0 && path.substr(0, end) != ".") list.emplace_back(path.substr(0, end));
    if (end == std::string_view::npos) break;
    path.remove_prefix(end + 1);
  }
  return list;
}

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

// The path with "." and ".." taken by the letter; `climbs` tells whether there was any "..".
std::string lexically_normal(std::string_view path, bool& climbs) {
  std::string normal;
  climbs = false;
  for (const std::string& segment : segments_of(path)) {
    climbs = climbs || segment == "..";
    if (segment == "..")
      normal = normal.empty() ? normal : parent_of(normal);
    else
      normal.append("/").append(segment);
  }
  return normal.empty() ? "/" : normal;
}

// Opens `path` beneath `root` if no link lies on the way. EAGAIN: something was renamed meanwhile, anywhere
// (openat2(2)).
long open_without_links(int root, const std::string& path) {
  open_how how{};
  how.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  long opened = -EAGAIN;
  for (int attempt = 0; opened == -EAGAIN && attempt < kRaceRetries; ++attempt)
    opened = raw_syscall(SYS_openat2, root, path.c_str(), &how, sizeof how);
  return opened;
}

bool take(ResolvedPath& result, long opened) {
  if (opened < 0) return false;
  result.object.reset(static_cast<int>(opened));
  if (::fstat(result.object.get(), &result.status) == 0) return true;
  result.object.reset();
  return false;
}

std::string link_target(int link) {
  std::array<char, PATH_MAX> target{};
  const ssize_t length = ::readlinkat(link, "", target.data(), target.size());
  return std::string(target.data(), length <= 0 ? 0 : static_cast<std::size_t>(length));
}

// Goes along a path that has links on it, one segment after the other.
class Walk {
 public:
  Walk(int root, std::string_view path, EndLink final_link)
      : root_(root), final_link_(final_link), rest_(segments_of(path)) {}

  ResolvedPath go() {
    while (!rest_.empty() && step()) {
    }
    // Nothing more to look up: what is left is where it is, or would be.
    for (const std::string& segment : rest_) here_.append("/").append(segment);
    result_.canonical = here_.empty() ? "/" : here_;
    return std::move(result_);
  }

 private:
  // False when the walk is over before the segments are.
  bool step() {
    const std::string segment = rest_.front();
    rest_.pop_front();
    if (segment == "..") {
      here_ = here_.empty() ? here_ : parent_of(here_);
      return rest_.empty() ? look() : true;
    }
    here_.append("/").append(segment);
    if (is_kernel_place(here_)) return false;
    return look();
  }

  bool look() {
    result_.object.reset();
    if (!take(result_, open_without_links(root_, here_.empty() ? "/" : here_))) return missing();
    const bool link = S_ISLNK(result_.status.st_mode) && (!rest_.empty() || final_link_ == EndLink::kFollowed);
    return !link || follow();
  }

  // Where a file could be made, its directory is the answer.
  bool missing() {
    if (rest_.empty()) {
      const std::string parent = parent_of(here_);
      const long opened = open_without_links(root_, parent.empty() ? "/" : parent);
      if (opened >= 0) result_.directory.reset(static_cast<int>(opened));
    }
    return false;
  }

  bool follow() {
    if (static_cast<int>(result_.links.size()) >= kLinkLimit) {
      result_.object.reset();
      return false;
    }
    const std::string target = link_target(result_.object.get());
    result_.links.push_back(here_);
    result_.object.reset();
    if (target.empty()) return false;
    here_ = target.front() == '/' ? std::string() : parent_of(here_);
    std::deque<std::string> segments = segments_of(target);
    rest_.insert(rest_.begin(), std::make_move_iterator(segments.begin()), std::make_move_iterator(segments.end()));
    return !rest_.empty() || look();
  }

  int root_;
  EndLink final_link_;
  std::deque<std::string> rest_;
  std::string here_;  // canonical so far; empty: the root
  ResolvedPath result_;
};

std::string read_link(const std::string& link) {
  std::array<char, PATH_MAX> target{};
  const ssize_t length = ::readlink(link.c_str(), target.data(), target.size());
  if (length <= 0) return {};
  std::string path(target.data(), static_cast<std::size_t>(length));
  // "pipe:[1]", and "/x (deleted)" for what has no name any more (proc(5)).
  if (path.front() != '/' || path.ends_with(" (deleted)")) return {};
  return path;
}

}  // namespace

Result<ToolRoot> ToolRoot::open(pid_t thread) {
  const std::string link = "/proc/" + std::to_string(thread) + "/root";
  UniqueFd root(::open(link.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root.valid()) return fail_errno(errno, "cannot open the root directory of the sandbox");
  return ToolRoot(std::move(root));
}

ResolvedPath ToolRoot::resolve(const std::string& path, EndLink final_link) const {
  bool climbs = false;
  std::string normal = lexically_normal(path, climbs);
  if (is_kernel_place(normal)) {
    ResolvedPath result;
    result.canonical = std::move(normal);
    return result;
  }
  // Most paths have no link in them: one call says so, and the path as it stands is the canonical one.
  ResolvedPath direct;
  const long opened = open_without_links(root_.get(), path);
  const bool found = take(direct, opened);
  if (found && (!S_ISLNK(direct.status.st_mode) || final_link == EndLink::kMeant)) {
    direct.canonical = std::move(normal);
    return direct;
  }
  ResolvedPath result = Walk(root_.get(), path, final_link).go();
  if (!result.links.empty() && !climbs) result.used = std::move(normal);
  return result;
}

std::string working_directory_of(pid_t thread) { return read_link("/proc/" + std::to_string(thread) + "/cwd"); }

std::string directory_of_descriptor(pid_t thread, int descriptor) {
  return read_link("/proc/" + std::to_string(thread) + "/fd/" + std::to_string(descriptor));
}

std::string through_own_process(pid_t thread, const std::string& path) {
  constexpr std::array<std::string_view, 3> kOwn = {"/proc/self/", "/proc/thread-self/", "/dev/"};
  for (const std::string_view own : kOwn) {
    if (!path.starts_with(own)) continue;
    const std::string_view rest = std::string_view(path).substr(own.size());
    // One segment: cwd, root. Two: fd/N.
    const std::size_t first = rest.find('/');
    const bool descriptor = rest.starts_with("fd/");
    if (!descriptor && (own == "/dev/" || (rest.substr(0, first) != "cwd" && rest.substr(0, first) != "root")))
      continue;
    const std::size_t end = descriptor ? rest.find('/', 3) : first;
    const std::string place = read_link("/proc/" + std::to_string(thread) + "/" + std::string(rest.substr(0, end)));
    if (place.empty()) return path;
    return end == std::string_view::npos ? place : place + std::string(rest.substr(end));
  }
  return path;
}

}  // namespace writ
