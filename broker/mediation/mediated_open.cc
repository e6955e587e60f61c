// WriteMediator: open, openat and creat. What is handed over is a regular file, always: no directory (with one the tool
// could open anything beneath it), nothing whose opening could wait.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "broker/kernel/acting_identity.h"
#include "broker/mediation/open_flags.h"
#include "broker/mediation/write_mediator.h"

namespace writ {
namespace {

FinalLink last_link_of(std::uint64_t flags) {
  const bool new_only = (flags & O_CREAT) != 0 && (flags & O_EXCL) != 0;
  return new_only ? FinalLink::kName : (flags & O_NOFOLLOW) != 0 ? FinalLink::kMeant : FinalLink::kFollowed;
}

// The errno for an object that cannot be written as a file, or 0.
int unfit(const struct stat& object, std::uint64_t flags, bool trailing_slash) {
  if ((flags & O_CREAT) != 0 && (flags & O_EXCL) != 0) return EEXIST;
  if (S_ISLNK(object.st_mode)) return ELOOP;
  if (S_ISDIR(object.st_mode)) return EISDIR;
  if (trailing_slash) return (flags & O_CREAT) != 0 ? EISDIR : ENOTDIR;
  return (flags & O_DIRECTORY) != 0 ? ENOTDIR : 0;
}

std::string link_to(int descriptor) { return "/proc/self/fd/" + std::to_string(descriptor); }

}  // namespace

Answer WriteMediator::open(Work& work) {
  const std::uint64_t flags = work.call.flags;
  // The kernel ignores every other flag then (open(2)), and so nothing can be written through it.
  if ((flags & O_PATH) != 0) return AnswerContinue{"O_PATH: a place in the view, with the view's rights"};
  if (auto answer = open_plainly(work)) return std::move(*answer);
  // Where only the path of the directory was read before, the long way takes the directory itself.
  CopiedPath& path = work.call.first;
  if (!path.start_path.empty() && !path.start.valid())
    path.start = work.call.caller->directory(work.call.start_number(work.call.row->first));
  if (!path.start_path.empty() && !path.start.valid()) return AnswerErrno{errno};
  if ((flags & kTemporaryBit) != 0) return open_nameless(work);
  if ((flags & O_CREAT) != 0 && (flags & O_DIRECTORY) != 0) return AnswerErrno{EINVAL};
  if (auto again = open_again(work)) return std::move(*again);
  FoundTarget found = target(work, work.call.first, last_link_of(flags));
  if (!found) return std::move(found.error());
  if (!found->place.object && found->place.names_itself()) return AnswerErrno{EISDIR};
  return found->place.object ? open_existing(work, *found) : open_new(work, *found);
}

Answer WriteMediator::open_existing(Work& work, const Target& target) {
  const struct stat& object = *target.place.object;
  const std::uint64_t flags = work.call.flags;
  if (const int error = unfit(object, flags, target.place.trailing_slash); error != 0) return AnswerErrno{error};
  if (auto refused = refuse(work, rights_of_open(flags), target, Change::kReplaces)) return std::move(*refused);
  // A FIFO's other end, or a driver, would keep us waiting; none of them is written to by being opened.
  if (!S_ISREG(object.st_mode)) return AnswerContinue{"no regular file: a read-only mount opens a FIFO, and no device"};
  // O_NONBLOCK: should somebody on the host put a FIFO there, or hold a lease, we would wait. O_TRUNC comes when it is
  // known what was opened.
  const std::uint64_t asked = flags & ~(kOfTheWay | kNeverOurs);
  auto file = parts_.trees.open(*target.tree, target.place, (asked & ~std::uint64_t{O_TRUNC}) | O_NONBLOCK);
  if (!file) return AnswerErrno{file.error()};
  // By its link: a file that was opened for reading can be emptied by open(2) and not by ftruncate(2).
  if ((flags & O_TRUNC) != 0 && ::truncate(link_to(file->get()).c_str(), 0) != 0) return AnswerErrno{errno};
  if ((asked & O_NONBLOCK) == 0) (void)::fcntl(file->get(), F_SETFL, static_cast<int>(asked));
  return hand_over(work, std::move(*file));
}

Answer WriteMediator::open_new(Work& work, const Target& target) {
  const std::uint64_t flags = work.call.flags;
  const auto mode = static_cast<mode_t>(work.call.value() & 07777);
  if ((flags & O_CREAT) == 0) return AnswerErrno{ENOENT};
  if (target.place.trailing_slash) return AnswerErrno{EISDIR};
  if ((mode & kSetIds) != 0) return AnswerErrno{EPERM};
  if (auto refused = refuse(work, rights_of_open(flags), target, Change::kReplaces)) return std::move(*refused);
  auto directory = parts_.trees.directory(*target.tree, target.place);
  if (!directory) return AnswerErrno{directory.error()};
  // O_EXCL: what is opened is what was made here, so it is a file and no link is followed.
  const UmaskScope mask(umask_of(work));
  const std::uint64_t exactly = (flags & ~kNeverOurs) | O_CREAT | O_EXCL | O_CLOEXEC;
  UniqueFd file(::openat(directory->get(), target.place.name.c_str(), static_cast<int>(exactly), mode));
  // Somebody else made it meanwhile; whether that is an error, the next look says.
  if (!file.valid()) return AnswerErrno{errno == EEXIST ? ESTALE : errno};
  return hand_over(work, std::move(file));
}

// O_TMPFILE: a file without a name, in the writable mount, so that it can be given a name there later (linkat).
Answer WriteMediator::open_nameless(Work& work) {
  const std::uint64_t flags = work.call.flags;
  const auto mode = static_cast<mode_t>(work.call.value() & 07777);
  if ((mode & kSetIds) != 0) return AnswerErrno{EPERM};
  FoundTarget found = target(work, work.call.first, FinalLink::kFollowed);
  if (!found) return std::move(found.error());
  if (!found->place.object) return AnswerErrno{ENOENT};
  if (!S_ISDIR(found->place.object->st_mode)) return AnswerErrno{ENOTDIR};
  if (auto refused = refuse(work, rights_of_open(flags), *found, Change::kKeepsWay)) return std::move(*refused);
  auto directory = parts_.trees.object(*found->tree, found->place);
  if (!directory) return AnswerErrno{directory.error()};
  const UmaskScope mask(umask_of(work));
  UniqueFd file(::openat(directory->get(), ".", static_cast<int>((flags & ~kNeverOurs) | O_CLOEXEC), mode));
  if (!file.valid()) return AnswerErrno{errno};
  return hand_over(work, std::move(file));
}

// /proc/self/fd/N of a file that came from here. The tool's own Landlock domain would refuse to open it anew, because
// it does not lie beneath the view; and it may write the file anyway.
std::optional<Answer> WriteMediator::open_again(const Work& work) {
  // Only such texts can lead there without a link of the tool's own on the way.
  const std::string& text = work.call.first.text;
  if (text.find("/fd/") == std::string::npos && !text.starts_with("/dev/std")) return std::nullopt;
  FoundPlace place = lookup_->find(work.call.first, last_link_of(work.call.flags), *work.call.caller);
  std::string path;
  if (!place || !*place || !(*place)->descriptor.valid()) return std::nullopt;
  const int held = (*place)->descriptor.get();
  struct stat status {};
  if (parts_.trees.holding_descriptor(held, path) == nullptr || ::fstat(held, &status) != 0) return std::nullopt;
  if (!S_ISREG(status.st_mode)) return std::nullopt;
  const std::uint64_t asked = work.call.flags & ~(kOfTheWay | kNeverOurs | O_NOFOLLOW);
  UniqueFd file(::open(link_to(held).c_str(), static_cast<int>(asked | O_CLOEXEC)));
  return file.valid() ? hand_over(work, std::move(file)) : Answer(AnswerErrno{errno});
}

// What nobody can find out must not widen a mode.
mode_t WriteMediator::umask_of(const Work& work) {
  return callers_.umask_of(work.call.thread, *work.call.caller).value_or(077);
}

// A file that can be executed must not be held open by us when the call returns: the tool may execute it at once, and
// would get ETXTBSY. That takes two steps; for all other files one step, and our copy closed right after, will do.
Answer WriteMediator::hand_over(const Work& work, UniqueFd file) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return AnswerErrno{EACCES};
  return hand_over(work, std::move(file), status.st_mode);
}

Answer WriteMediator::hand_over(const Work& work, UniqueFd file, mode_t mode) {
  const bool close_on_exec = (work.call.flags & O_CLOEXEC) != 0;
  const bool executable = (mode & (S_IXUSR | S_IXGRP | S_IXOTH)) != 0;
  if (executable) return AnswerBoth{std::move(file), 0, 1, close_on_exec};
  return AnswerDescriptor{std::move(file), close_on_exec};
}

}  // namespace writ
