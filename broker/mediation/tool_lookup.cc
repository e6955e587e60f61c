#include "broker/mediation/tool_lookup.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstring>
#include <utility>

#include "broker/mediation/place_walk.h"

namespace writ {
namespace {

tl::unexpected<int> failed(int error) { return tl::unexpected<int>(error); }

// The path without slashes at its end, cut into what leads to the directory and the last name.
struct SplitText {
  std::string directory;  // empty: where the path starts
  std::string name;
  bool trailing_slash;
};

SplitText split(std::string_view text) {
  const std::size_t end = text.find_last_not_of('/');
  if (end == std::string_view::npos) return {"/", "", true};
  const std::string_view trimmed = text.substr(0, end + 1);
  const std::size_t slash = trimmed.rfind('/');
  const bool trailing = trimmed.size() != text.size();
  if (slash == std::string_view::npos) return {"", std::string(trimmed), trailing};
  return {std::string(trimmed.substr(0, slash + 1)), std::string(trimmed.substr(slash + 1)), trailing};
}

// A view has one /proc, and nothing else of that place can be granted.
bool is_kernel_place(std::string_view path) { return path == "/proc" || path.starts_with("/proc/"); }

}  // namespace

std::string Place::path() const {
  if (name.empty() || name == ".") return directory_path.empty() ? "/" : directory_path;
  return directory_path + "/" + name;
}

std::optional<std::string> path_of_place(int descriptor) {
  constexpr std::string_view kRemoved = " (deleted)";  // proc(5)
  std::array<char, PATH_MAX> target{};
  std::array<char, 32> link{};
  std::memcpy(link.data(), "/proc/self/fd/", 14);
  std::to_chars(link.data() + 14, link.data() + link.size() - 1, descriptor);
  const ssize_t length = ::readlink(link.data(), target.data(), target.size());
  if (length <= 0 || target[0] != '/') return std::nullopt;
  std::string path(target.data(), static_cast<std::size_t>(length));
  struct stat status {};
  const bool removed = path.ends_with(kRemoved) && ::fstat(descriptor, &status) == 0 && status.st_nlink == 0;
  if (removed || length == PATH_MAX) return std::nullopt;
  return path;
}

Result<ToolLookup> ToolLookup::open(pid_t thread) {
  const std::string link = "/proc/" + std::to_string(thread) + "/root";
  UniqueFd root(::open(link.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root.valid()) return fail_errno(errno, "cannot open the root directory of the sandbox");
  return ToolLookup(std::move(root));
}

// Most paths have no link in them: then one call finds the directory and another one the object. Nothing: they have.
std::optional<FoundPlace> ToolLookup::find_directly(const CopiedPath& path, FinalLink last_link) const {
  const SplitText text = split(path.text);
  if (text.name.empty() || text.name == "." || text.name == "..") return std::nullopt;
  const bool absolute = path.text.front() == '/';
  // From the root ".." stays inside. From a directory of the tool's it does as well: there is no mount above the root,
  // and no link is followed that could begin anew at ours.
  const long opened = absolute ? open_place(root_.get(), text.directory.c_str(), O_DIRECTORY, RESOLVE_IN_ROOT)
                      : text.directory.empty() ? ::fcntl(path.start.get(), F_DUPFD_CLOEXEC, 3)
                                               : open_place(path.start.get(), text.directory.c_str(), O_DIRECTORY, 0);
  if (opened == -ELOOP) return std::nullopt;
  if (opened < 0) return FoundPlace(failed(opened == -1 ? errno : static_cast<int>(-opened)));
  Place place;
  place.directory.reset(static_cast<int>(opened));
  struct stat object {};
  const int looked = ::fstatat(place.directory.get(), text.name.c_str(), &object, AT_SYMLINK_NOFOLLOW);
  if (looked != 0 && errno != ENOENT) return FoundPlace(failed(errno));
  const bool follows = last_link == FinalLink::kFollowed || (last_link == FinalLink::kMeant && text.trailing_slash);
  if (looked == 0 && S_ISLNK(object.st_mode) && follows) return std::nullopt;
  const std::optional<std::string> where = path_of_place(place.directory.get());
  if (!where) return FoundPlace(failed(ENOENT));
  if (is_kernel_place(*where)) return std::nullopt;
  place.directory_path = *where == "/" ? "" : *where;
  place.name = text.name;
  place.trailing_slash = text.trailing_slash;
  if (looked == 0) place.object = object;
  return FoundPlace(std::optional(std::move(place)));
}

FoundPlace ToolLookup::find(const CopiedPath& path, FinalLink last_link, const CallerRecord& caller) const {
  if (path.text.empty()) return failed(ENOENT);
  if (path.text.size() >= PATH_MAX) return failed(ENAMETOOLONG);
  if (auto direct = find_directly(path, last_link)) return std::move(*direct);
  return PlaceWalk(root_.get(), last_link, caller).go(path);
}

std::optional<StoppedPlace> ToolLookup::find_stop(const CopiedPath& path, FinalLink last_link,
                                                  const CallerRecord& caller) const {
  PlaceWalk walk(root_.get(), last_link, caller);
  if (path.text.empty() || path.text.size() >= PATH_MAX || walk.go(path)) return std::nullopt;
  return walk.stopped();
}

FoundPlace ToolLookup::find_object(int object) const {
  Place place;
  struct stat status {};
  if (::fstat(object, &status) != 0) return failed(errno);
  const std::optional<std::string> path = path_of_place(object);
  if (!path) return failed(ENOENT);
  if (is_kernel_place(*path)) return std::nullopt;
  const SplitText text = split(*path);
  place.directory_path = text.directory.size() <= 1 ? "" : text.directory.substr(0, text.directory.size() - 1);
  place.name = text.name;
  place.object = status;
  const long opened = open_place(root_.get(), text.directory.c_str(), O_DIRECTORY, RESOLVE_IN_ROOT);
  if (opened < 0) return failed(static_cast<int>(-opened));
  place.directory.reset(static_cast<int>(opened));
  return std::optional(std::move(place));
}

}  // namespace writ
