// WriteMediator: what is changed about an object that is there: size, mode, owner, times, attributes; and whether it
// may be written. The object is held (O_PATH, in the writable mount), and what is held is what is changed.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "broker/kernel/raw_syscall.h"
#include "broker/mediation/write_mediator.h"

namespace writ {
namespace {

constexpr std::uint64_t kSetIds = S_ISUID | S_ISGID;
constexpr std::uint32_t kUnchanged = 0xFFFFFFFFu;  // chown(2): -1

std::string link_to(int descriptor) { return "/proc/self/fd/" + std::to_string(descriptor); }

int error_of(long result) { return result < 0 ? static_cast<int>(-result) : 0; }

// What the number of a tool's own id is outside; nothing for an id that it does not have (EINVAL, as in its namespace).
std::optional<std::uint32_t> outside(std::uint64_t inside, std::uint32_t own_inside, std::uint32_t own_outside) {
  const auto id = static_cast<std::uint32_t>(inside);
  if (id == kUnchanged) return kUnchanged;
  if (id == own_inside) return own_outside;
  return std::nullopt;
}

}  // namespace

Answer WriteMediator::change_object(Work& work, Action action) {
  FoundTarget found = object_target(work);
  if (!found) return std::move(found.error());
  if (!found->place.object) return AnswerErrno{ENOENT};
  const struct stat& status = *found->place.object;
  if (found->place.trailing_slash && !S_ISDIR(status.st_mode)) return AnswerErrno{ENOTDIR};
  if (auto refused = refuse(work, {Right::kWrite}, *found, Change::kKeepsWay)) return std::move(*refused);
  auto object = parts_.trees.object(*found->tree, found->place);
  if (!object) return AnswerErrno{object.error()};
  if (const int error = (this->*action)(work, object->get(), status); error != 0) return AnswerErrno{error};
  return AnswerValue{0};
}

int WriteMediator::truncate(const Work& work, int object, const struct stat& status) {
  const auto length = static_cast<std::int64_t>(work.call.value());
  if (S_ISDIR(status.st_mode)) return EISDIR;
  if (!S_ISREG(status.st_mode) || length < 0) return EINVAL;
  rlimit64 limit{};
  // The limit on sizes is the caller's, not ours.
  if (raw_syscall(SYS_prlimit64, work.call.thread, RLIMIT_FSIZE, nullptr, &limit) == 0 && length > status.st_size &&
      static_cast<std::uint64_t>(length) > limit.rlim_cur)
    return EFBIG;
  return ::truncate64(link_to(object).c_str(), length) == 0 ? 0 : errno;
}

int WriteMediator::change_mode(const Work& work, int object, const struct stat& status) {
  const auto mode = static_cast<mode_t>(work.call.value() & 07777);
  if ((mode & kSetIds) != 0) return EPERM;
  if (S_ISLNK(status.st_mode)) return EOPNOTSUPP;
  return ::chmod(link_to(object).c_str(), mode) == 0 ? 0 : errno;
}

int WriteMediator::change_owner(const Work& work, int object, const struct stat&) {
  const IdentityMap& own = parts_.identity;
  const auto uid = outside(work.call.value(0), own.inside_uid, own.outside_uid);
  const auto gid = outside(work.call.value(1), own.inside_gid, own.outside_gid);
  if (!uid || !gid) return EINVAL;
  return error_of(raw_syscall(SYS_fchownat, object, "", *uid, *gid, AT_EMPTY_PATH));
}

int WriteMediator::set_times(const Work& work, int object, const struct stat&) {
  const timespec* times = work.call.times ? work.call.times->data() : nullptr;
  return error_of(raw_syscall(SYS_utimensat, object, "", times, AT_EMPTY_PATH));
}

int WriteMediator::set_attribute(const Work& work, int object, const struct stat& status) {
  if (S_ISLNK(status.st_mode)) return EPERM;  // xattr(7): user attributes of links do not exist
  // An access list holds ids as numbers of the caller's namespace; only an ordinary user's broker has the same ones.
  if (::geteuid() == 0 && work.call.text.starts_with("system.")) return EOPNOTSUPP;
  const auto flags = static_cast<int>(work.call.value(3));
  return error_of(raw_syscall(SYS_setxattr, link_to(object).c_str(), work.call.text.c_str(), work.call.bytes.data(),
                              work.call.bytes.size(), flags));
}

int WriteMediator::remove_attribute(const Work& work, int object, const struct stat& status) {
  if (S_ISLNK(status.st_mode)) return EPERM;
  return error_of(raw_syscall(SYS_removexattr, link_to(object).c_str(), work.call.text.c_str()));
}

// A read-only mount would say EROFS, and programs would not even try. A question is no attempt: what the policy refuses
// is answered, not logged.
Answer WriteMediator::access(Work& work) {
  FoundTarget found = object_target(work);
  if (!found) return std::move(found.error());
  if (!found->place.object) return AnswerErrno{ENOENT};
  if (found->place.trailing_slash && !S_ISDIR(found->place.object->st_mode)) return AnswerErrno{ENOTDIR};
  // Nobody is asked because of a question: what would be asked about may well be allowed.
  if (!decider_.may_allow(request_of(work, {Right::kWrite}, *found)) || is_alias(*found->place.object))
    return AnswerErrno{EACCES};
  auto object = parts_.trees.object(*found->tree, found->place);
  if (!object) return AnswerErrno{object.error()};
  // AT_EACCESS: with root's own uid the broker would be asked about. A tool's ids are all the same anyway.
  constexpr int flags = AT_EACCESS | AT_EMPTY_PATH;
  const auto mode = static_cast<int>(work.call.value());
  const long result = raw_syscall(SYS_faccessat2, object->get(), "", mode, flags);
  if (result < 0) return AnswerErrno{static_cast<int>(-result)};
  return AnswerValue{0};
}

}  // namespace writ
