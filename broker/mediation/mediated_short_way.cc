// WriteMediator: the short way of open, for the call that is made most: a regular file, or a new name, at a path that
// needs no looking up. It only ever gives what the long way (mediated_open.cc) would give; whatever is not as plain as
// that gets no answer here, and the long way begins anew.
//
// Why what was decided on is what is opened:
//
//  1. The path P is made from the text of the call and from the canonical path of its directory. It has no "." and no
//     "..", lies in a mediated tree, and nothing else of the view is mounted on it or above it in that tree.
//  2. P is decided on first. Only a plain "allowed" goes on: nothing is denied, logged or asked here.
//  3. One openat2(2) opens P beneath the broker's own mount of the tree with BENEATH, NO_SYMLINKS and NO_MAGICLINKS:
//  the
//     kernel takes the names of P one by one, and ends where one of them is a link. So what is opened stands at P, at
//     that moment, whoever moves what meanwhile. Nothing is opened through a directory that was held before.
//  4. The tool's mount and the broker's are two mounts of the same directory, so the tool sees at P the same object;
//  its
//     own lookup would have ended at the same canonical P, as there is no link on the way.
//
// A path that leads there through a link fails in 3 (ELOOP), and the long way decides on where it leads.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "broker/kernel/acting_identity.h"
#include "broker/kernel/raw_syscall.h"
#include "broker/mediation/open_flags.h"
#include "broker/mediation/plain_path.h"
#include "broker/mediation/write_mediator.h"

namespace writ {

std::optional<WriteMediator::PlainTarget> WriteMediator::plain_target(const Work& work) const {
  const CopiedPath& given = work.call.first;
  std::optional<std::string> path = plain_path(given.start_path, given.text);
  if (!path) return std::nullopt;
  const MediatedTree* tree = parts_.trees.holding(*path);
  if (tree == nullptr || tree->path == *path) return std::nullopt;
  // An absolute path leads to the tree by its name only as long as the tool has not moved what is above it.
  const bool absolute = given.text.front() == '/';
  if (absolute && !parts_.trees.has_fixed_way(*tree) && !TreeDoor::stands_in_view(lookup_->root(), *tree))
    return std::nullopt;
  AccessRequest request;
  request.rights = rights_of_open(work.call.flags);
  request.path = *path;
  if (!decider_.allows_plainly(request)) return std::nullopt;
  if (!parts_.shields.beneath(*path).empty() || !parts_.shields.alias_of(*path).empty()) return std::nullopt;
  return PlainTarget{tree, std::move(*path)};
}

std::optional<Answer> WriteMediator::open_plainly(const Work& work) {
  const std::uint64_t flags = work.call.flags;
  // Reading is not what the short way is for: a FIFO that is opened for it waits for a writer.
  if ((flags & (O_PATH | O_DIRECTORY | kTemporaryBit)) != 0 || (flags & O_ACCMODE) == O_RDONLY) return std::nullopt;
  const std::optional<PlainTarget> target = plain_target(work);
  if (!target) return std::nullopt;
  const TreeDoor::Name name = door_.look(lookup_->root(), *target->tree, target->path);
  if (name == TreeDoor::Name::kUnclear) return std::nullopt;
  auto answer = name == TreeDoor::Name::kFile ? open_plain_file(work, *target) : make_plain_file(work, *target);
  // It was not as it looked: perhaps that directory is another one by now.
  if (!answer) door_.forget();
  return answer;
}

std::optional<Answer> WriteMediator::open_plain_file(const Work& work, const PlainTarget& target) {
  const std::uint64_t flags = work.call.flags;
  if ((flags & O_CREAT) != 0 && (flags & O_EXCL) != 0) return std::nullopt;
  const std::uint64_t asked = flags & ~(kOfTheWay | kNeverOurs);
  // O_NONBLOCK: should somebody on the host put a FIFO there, or hold a lease, we would wait.
  UniqueFd file = TreeDoor::open(*target.tree, target.path, (asked & ~std::uint64_t{O_TRUNC}) | O_NONBLOCK);
  struct stat status {};
  if (!file.valid() || raw_syscall(SYS_fstat, file.get(), &status) < 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  if (is_alias(status)) return std::nullopt;
  // Only now, when it is known what was opened.
  if ((flags & O_TRUNC) != 0 && ::ftruncate(file.get(), 0) != 0) return std::nullopt;
  if ((asked & O_NONBLOCK) == 0) (void)::fcntl(file.get(), F_SETFL, static_cast<int>(asked));
  return hand_over(work, std::move(file), status.st_mode);
}

std::optional<Answer> WriteMediator::make_plain_file(const Work& work, const PlainTarget& target) {
  const std::uint64_t flags = work.call.flags;
  const auto mode = static_cast<mode_t>(work.call.value() & 07777);
  if ((flags & O_CREAT) == 0 || (mode & kSetIds) != 0) return std::nullopt;
  const UmaskScope mask(umask_of(work));
  // Made here and nowhere else (O_EXCL), so it is a regular file without another name.
  UniqueFd file = TreeDoor::make(*target.tree, target.path, flags & ~kNeverOurs, mode);
  if (!file.valid()) return std::nullopt;
  return hand_over(work, std::move(file), S_IFREG | mode);
}

}  // namespace writ
