#include "broker/mediation/place_walk.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <utility>

#include "broker/kernel/raw_syscall.h"

namespace writ {
namespace {

constexpr int kLinkLimit = 40;  // as the kernel's (path_resolution(7))
constexpr int kRaceRetries = 16;

std::deque<std::string> segments_of(std::string_view path) {
  std::deque<std::string> list;
  while (!path.empty()) {
    const std::size_t end = path.find('/');
    if (end != 0) list.emplace_back(path.substr(0, end));
    if (end == std::string_view::npos) break;
    path.remove_prefix(end + 1);
  }
  return list;
}

bool same_place(int left, int right) {
  struct stat a {};
  struct stat b {};
  return ::fstat(left, &a) == 0 && ::fstat(right, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

}  // namespace

long open_place(int directory, const char* path, std::uint64_t flags, std::uint64_t resolve) {
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC | flags;
  how.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | resolve;
  long opened = -EAGAIN;
  for (int attempt = 0; opened == -EAGAIN && attempt < kRaceRetries; ++attempt)
    opened = raw_syscall(SYS_openat2, directory, path, &how, sizeof how);
  return opened;
}

PlaceWalk::Step PlaceWalk::fail(int error) {
  error_ = error;
  return Step::kFailed;
}

bool PlaceWalk::start_at(int directory) {
  here_.reset(::fcntl(directory, F_DUPFD_CLOEXEC, 3));
  return here_.valid();
}

void PlaceWalk::put_in_front(std::string_view path) {
  // A slash at the end of a link's text, or of the path itself, demands a directory.
  if (rest_.empty() && path.ends_with('/')) must_be_directory_ = true;
  std::deque<std::string> segments = segments_of(path);
  rest_.insert(rest_.begin(), std::make_move_iterator(segments.begin()), std::make_move_iterator(segments.end()));
}

bool PlaceWalk::in_kernel_place() const {
  struct statfs status {};
  return ::fstatfs(here_.get(), &status) == 0 && status.f_type == PROC_SUPER_MAGIC;
}

// ".." at the root stays there. Elsewhere the kernel knows the way, across mounts too.
PlaceWalk::Step PlaceWalk::climb() {
  if (same_place(here_.get(), root_)) return Step::kGoOn;
  const long above = open_place(here_.get(), "..", O_DIRECTORY, 0);
  if (above < 0) return fail(static_cast<int>(-above));
  here_.reset(static_cast<int>(above));
  return Step::kGoOn;
}

PlaceWalk::Step PlaceWalk::settle(const std::string& segment, const struct stat* object) {
  place_.name = segment;
  if (object != nullptr) place_.object = *object;
  return Step::kArrived;
}

PlaceWalk::Step PlaceWalk::follow(int link) {
  if (++links_ > kLinkLimit) return fail(ELOOP);
  std::array<char, PATH_MAX> target{};
  const ssize_t length = ::readlinkat(link, "", target.data(), target.size());
  if (length <= 0) return fail(length == 0 ? ENOENT : errno);
  const std::string_view text(target.data(), static_cast<std::size_t>(length));
  if (text.front() == '/' && !start_at(root_)) return fail(EMFILE);
  put_in_front(text);
  return Step::kGoOn;
}

// /proc/self and /proc/thread-self are the caller's, not ours. Of what is there only the places it already holds are
// looked up: its working directory, its root and its descriptors.
PlaceWalk::Step PlaceWalk::caller_place(const std::string& segment) {
  const bool own = segment == "self" || segment == "thread-self";
  const std::optional<std::string> where = path_of_place(here_.get());
  if (!own || where != "/proc" || rest_.empty()) return Step::kKernelPlace;
  const std::string what = rest_.front();
  rest_.pop_front();
  if (what == "fd") return caller_descriptor();
  if (what == "root") return start_at(root_) ? Step::kGoOn : fail(EMFILE);
  if (what != "cwd") return Step::kKernelPlace;
  here_ = caller_.working_directory();
  return here_.valid() ? Step::kGoOn : fail(errno);
}

PlaceWalk::Step PlaceWalk::caller_descriptor() {
  if (rest_.empty()) return Step::kKernelPlace;
  const std::string number = rest_.front();
  rest_.pop_front();
  int value = -1;
  const auto parsed = std::from_chars(number.data(), number.data() + number.size(), value);
  if (parsed.ec != std::errc() || parsed.ptr != number.data() + number.size() || value < 0) return fail(ENOENT);
  UniqueFd object = caller_.descriptor(value);
  if (!object.valid()) return fail(ENOENT);  // a name in a directory, not a number in a call
  if (rest_.empty() && last_link_ == FinalLink::kMeant) return Step::kKernelPlace;
  if (rest_.empty()) {
    place_.descriptor = std::move(object);
    return Step::kArrived;
  }
  here_ = std::move(object);  // if it is no directory, the next step says so
  return Step::kGoOn;
}

PlaceWalk::Step PlaceWalk::enter(UniqueFd object, const struct stat& status, const std::string& segment) {
  const bool last = rest_.empty();
  const bool follows =
      !last || last_link_ == FinalLink::kFollowed || (last_link_ == FinalLink::kMeant && must_be_directory_);
  if (S_ISLNK(status.st_mode) && follows) return follow(object.get());
  if (last) return settle(segment, &status);
  if (!S_ISDIR(status.st_mode)) return fail(ENOTDIR);
  here_ = std::move(object);
  return Step::kGoOn;
}

PlaceWalk::Step PlaceWalk::step() {
  struct stat status {};
  if (rest_.empty()) return ::fstat(here_.get(), &status) == 0 ? settle("", &status) : fail(errno);
  const std::string segment = rest_.front();
  rest_.pop_front();
  if (segment == "." || segment == "..") {
    // As a name to be made or removed they are an error, and which one depends on the call.
    if (rest_.empty() && last_link_ == FinalLink::kName) return settle(segment, nullptr);
    entering_ = segment;
    return segment == "." ? Step::kGoOn : climb();
  }
  if (in_kernel_place()) return caller_place(segment);
  if (segment.size() > NAME_MAX) return fail(ENAMETOOLONG);
  entering_ = segment;
  const long opened = open_place(here_.get(), segment.c_str(), O_NOFOLLOW, 0);
  UniqueFd object(static_cast<int>(opened));
  if (opened == -ENOENT && rest_.empty()) return settle(segment, nullptr);
  if (opened < 0) return fail(static_cast<int>(-opened));
  if (::fstat(object.get(), &status) != 0) return fail(errno);
  return enter(std::move(object), status, segment);
}

std::optional<StoppedPlace> PlaceWalk::stopped() const {
  const std::optional<std::string> where = here_.valid() ? path_of_place(here_.get()) : std::nullopt;
  if (!where || entering_.empty()) return std::nullopt;
  StoppedPlace stopped{*where, entering_};
  for (const std::string& segment : rest_) stopped.rest.append("/").append(segment);
  return stopped;
}

FoundPlace PlaceWalk::go(const CopiedPath& path) {
  if (!start_at(path.text.starts_with('/') ? root_ : path.start.get())) return tl::unexpected<int>(EMFILE);
  put_in_front(path.text);
  Step done = Step::kGoOn;
  while (done == Step::kGoOn) done = step();
  if (done == Step::kFailed) return tl::unexpected<int>(error_);
  if (done == Step::kKernelPlace || (!place_.descriptor.valid() && in_kernel_place())) return std::nullopt;
  if (place_.descriptor.valid()) return std::optional(std::move(place_));
  const std::optional<std::string> where = path_of_place(here_.get());
  if (!where) return tl::unexpected<int>(ENOENT);
  place_.directory_path = *where == "/" ? "" : *where;
  place_.directory = std::move(here_);
  place_.trailing_slash = must_be_directory_;
  return std::optional(std::move(place_));
}

}  // namespace writ
