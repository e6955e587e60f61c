// WriteMediator: names that are made, taken away and moved: mkdir, mknod, unlink, rmdir, rename, link, symlink. Each is
// done in a held directory of the writable mount with one name, so no link is followed on the way.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "broker/kernel/raw_syscall.h"
#include "broker/mediation/write_mediator.h"

namespace writ {
namespace {

constexpr Rights kWriteRight{Right::kWrite};
constexpr std::uint64_t kSetIds = S_ISUID | S_ISGID;

Answer result_of(long result) {
  if (result < 0) return AnswerErrno{static_cast<int>(-result)};
  return AnswerValue{0};
}

// With the slash that the tool wrote: the kernel then insists on a directory, in its own words.
std::string name_of(const Place& place) {
  const std::string name = place.name.empty() ? "." : place.name;
  return place.trailing_slash ? name + "/" : name;
}

// rmdir(2), unlink(2): what they say of ".", ".." and "/".
int error_of_removing(const std::string& name, std::uint64_t flags) {
  if ((flags & AT_REMOVEDIR) == 0) return EISDIR;
  return name == "." ? EINVAL : name == ".." ? ENOTEMPTY : EBUSY;
}

bool is_directory(const Place& place) { return place.object && S_ISDIR(place.object->st_mode); }

}  // namespace

Answer WriteMediator::make_directory(Work& work) {
  const auto mode = static_cast<mode_t>(work.call.value() & 07777);
  if ((mode & kSetIds) != 0) return AnswerErrno{EPERM};
  FoundTarget found = target(work, work.call.first, FinalLink::kName);
  if (!found) return std::move(found.error());
  if (found->place.object || found->place.names_itself()) return AnswerErrno{EEXIST};
  if (auto refused = refuse(work, kWriteRight, *found, Change::kKeepsWay)) return std::move(*refused);
  auto directory = parts_.trees.directory(*found->tree, found->place);
  if (!directory) return AnswerErrno{directory.error()};
  return result_of(raw_syscall(SYS_mkdirat, directory->get(), name_of(found->place).c_str(), mode));
}

Answer WriteMediator::make_node(Work& work) {
  const auto mode = static_cast<mode_t>(work.call.value() & (S_IFMT | 07777));
  const mode_t type = mode & S_IFMT;
  if ((mode & kSetIds) != 0) return AnswerErrno{EPERM};
  if (type != 0 && type != S_IFREG && type != S_IFIFO && type != S_IFSOCK) return AnswerErrno{EPERM};
  FoundTarget found = target(work, work.call.first, FinalLink::kName);
  if (!found) return std::move(found.error());
  if (found->place.object || found->place.names_itself()) return AnswerErrno{EEXIST};
  if (auto refused = refuse(work, kWriteRight, *found, Change::kReplaces)) return std::move(*refused);
  auto directory = parts_.trees.directory(*found->tree, found->place);
  if (!directory) return AnswerErrno{directory.error()};
  return result_of(raw_syscall(SYS_mknodat, directory->get(), name_of(found->place).c_str(), mode, 0));
}

Answer WriteMediator::unlink(Work& work) {
  if ((work.call.flags & ~std::uint64_t{AT_REMOVEDIR}) != 0) return AnswerErrno{EINVAL};
  FoundTarget found = target(work, work.call.first, FinalLink::kName);
  if (!found) return std::move(found.error());
  if (found->place.names_itself()) return AnswerErrno{error_of_removing(found->place.name, work.call.flags)};
  if (!found->place.object) return AnswerErrno{ENOENT};
  if (parts_.trees.is_mount_point(found->path)) return AnswerErrno{EBUSY};
  if (auto refused = refuse(work, kWriteRight, *found, Change::kKeepsWay)) return std::move(*refused);
  auto directory = parts_.trees.directory(*found->tree, found->place);
  if (!directory) return AnswerErrno{directory.error()};
  return result_of(raw_syscall(SYS_unlinkat, directory->get(), name_of(found->place).c_str(), work.call.flags));
}

Answer WriteMediator::rename(Work& work) {
  // RENAME_WHITEOUT makes a device node.
  if ((work.call.flags & ~std::uint64_t{RENAME_NOREPLACE | RENAME_EXCHANGE}) != 0) return AnswerErrno{EINVAL};
  FoundTarget from = target(work, work.call.first, FinalLink::kName);
  FoundTarget to = target(work, work.call.second, FinalLink::kName);
  if (!from && !to) return std::move(from.error());
  // One of the two lies elsewhere: another mount, so EXDEV. An error of the lookup comes first.
  if (!from)
    return std::holds_alternative<AnswerErrno>(from.error()) ? std::move(from.error()) : Answer(AnswerErrno{EXDEV});
  if (!to) return std::holds_alternative<AnswerErrno>(to.error()) ? std::move(to.error()) : Answer(AnswerErrno{EXDEV});
  if (from->tree != to->tree) return AnswerErrno{EXDEV};
  if (from->place.names_itself() || to->place.names_itself()) return AnswerErrno{EBUSY};
  if (!from->place.object) return AnswerErrno{ENOENT};
  if (parts_.trees.is_mount_point(from->path) || parts_.trees.is_mount_point(to->path)) return AnswerErrno{EBUSY};
  if (is_directory(from->place) || is_directory(to->place)) door_.forget();
  for (Target* end : {&*from, &*to})
    if (auto refused = refuse(work, kWriteRight, *end, Change::kReplaces)) return std::move(*refused);
  auto old_directory = parts_.trees.directory(*from->tree, from->place);
  auto new_directory = parts_.trees.directory(*to->tree, to->place);
  if (!old_directory) return AnswerErrno{old_directory.error()};
  if (!new_directory) return AnswerErrno{new_directory.error()};
  return result_of(raw_syscall(SYS_renameat2, old_directory->get(), name_of(from->place).c_str(), new_directory->get(),
                               name_of(to->place).c_str(), work.call.flags));
}

Answer WriteMediator::link(Work& work) {
  if ((work.call.flags & ~std::uint64_t{AT_SYMLINK_FOLLOW | AT_EMPTY_PATH}) != 0) return AnswerErrno{EINVAL};
  FoundTarget to = target(work, work.call.second, FinalLink::kName);
  if (to && (to->place.object || to->place.names_itself())) return AnswerErrno{EEXIST};
  if (to && work.call.form == ObjectForm::kDescriptor) return link_nameless(work, *to, work.call.first.start.get());
  if (to && work.call.last_link == FinalLink::kFollowed) {
    FoundPlace place = lookup_->find(work.call.first, FinalLink::kFollowed, *work.call.caller);
    if (place && *place && (*place)->descriptor.valid()) return link_nameless(work, *to, (*place)->descriptor.get());
  }
  FoundTarget from = object_target(work);
  if (!from && !to) return std::move(from.error());
  if (!from)
    return std::holds_alternative<AnswerErrno>(from.error()) ? std::move(from.error()) : Answer(AnswerErrno{EXDEV});
  if (!to) return std::holds_alternative<AnswerErrno>(to.error()) ? std::move(to.error()) : Answer(AnswerErrno{EXDEV});
  return link_object(work, *from, *to);
}

// A second name lets the file be written under it: who may not write it may not name it anew either.
Answer WriteMediator::link_object(Work& work, const Target& from, const Target& to) {
  if (!from.place.object) return AnswerErrno{ENOENT};
  if (is_directory(from.place)) return AnswerErrno{EPERM};
  if (from.tree != to.tree) return AnswerErrno{EXDEV};
  for (const Target* end : {&from, &to})
    if (auto refused = refuse(work, kWriteRight, *end, Change::kReplaces)) return std::move(*refused);
  auto object = parts_.trees.object(*from.tree, from.place);
  auto directory = parts_.trees.directory(*to.tree, to.place);
  if (!object) return AnswerErrno{object.error()};
  if (!directory) return AnswerErrno{directory.error()};
  return link_held(object->get(), directory->get(), to.place);
}

// Through the link of /proc it is the held object that gets the name; a symbolic link that is held gets it itself.
Answer WriteMediator::link_held(int object, int directory, const Place& to) {
  const std::string held = "/proc/self/fd/" + std::to_string(object);
  return result_of(raw_syscall(SYS_linkat, AT_FDCWD, held.c_str(), directory, name_of(to).c_str(), AT_SYMLINK_FOLLOW));
}

// /proc/self/fd/N or AT_EMPTY_PATH: the way in which a file of O_TMPFILE gets a name.
Answer WriteMediator::link_nameless(Work& work, const Target& to, int descriptor) {
  std::string path;
  struct stat status {};
  const MediatedTree* tree = parts_.trees.holding_descriptor(descriptor, path);
  if (tree == nullptr) {
    FoundTarget from = target_of_descriptor(descriptor);
    return from ? link_object(work, *from, to) : Answer(AnswerErrno{EXDEV});
  }
  if (tree != to.tree) return AnswerErrno{EXDEV};
  if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) return AnswerErrno{EPERM};
  if (is_alias(status)) return AnswerErrno{EACCES};
  if (auto refused = refuse(work, kWriteRight, to, Change::kReplaces)) return std::move(*refused);
  auto directory = parts_.trees.directory(*to.tree, to.place);
  if (!directory) return AnswerErrno{directory.error()};
  return link_held(descriptor, directory->get(), to.place);
}

Answer WriteMediator::symlink(Work& work) {
  FoundTarget found = target(work, work.call.first, FinalLink::kName);
  if (!found) return std::move(found.error());
  if (found->place.object || found->place.names_itself()) return AnswerErrno{EEXIST};
  // Where it leads does not matter: every lookup through it ends at a canonical path, and that is decided on.
  if (auto refused = refuse(work, kWriteRight, *found, Change::kReplaces)) return std::move(*refused);
  auto directory = parts_.trees.directory(*found->tree, found->place);
  if (!directory) return AnswerErrno{directory.error()};
  return result_of(raw_syscall(SYS_symlinkat, work.call.text.c_str(), directory->get(), name_of(found->place).c_str()));
}

}  // namespace writ
