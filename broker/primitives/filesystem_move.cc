// filesystem.move. What was decided on is what is moved: other programs may change the workspace meanwhile, so what
// arrived is looked at again, and put back when it is something else.
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <iterator>
#include <set>
#include <string>
#include <utility>

#include "broker/base/hex_text.h"
#include "broker/primitives/filesystem_change.h"
#include "broker/primitives/filesystem_turn.h"
#include "broker/primitives/filesystem_write.h"
#include "broker/primitives/permit_set.h"

namespace writ {
namespace {

struct MoveArguments {
  WorkspacePath from;
  WorkspacePath to;
  bool overwrite;
};

Attempt<MoveArguments> move_arguments(FilesystemContext& context, const JsonObject& arguments) {
  StrictObject object = StrictObject::of(arguments, "arguments");
  WRIT_ATTEMPT(WorkspacePath from, changeable_path(object, "from", context.workspace));
  WRIT_ATTEMPT(WorkspacePath to, changeable_path(object, "to", context.workspace));
  WRIT_ATTEMPT(const bool overwrite, flag_argument(object, "overwrite", false));
  WRIT_REQUIRE(valid(object.finish()));
  return MoveArguments{std::move(from), std::move(to), overwrite};
}

Attempt<std::monostate> authorise_move(FilesystemContext& context, const MoveArguments& typed, PermitSet& permits) {
  WRIT_ATTEMPT(const TypedResource from, resource_of(typed.from));
  WRIT_ATTEMPT(const TypedResource to, resource_of(typed.to));
  WRIT_REQUIRE(permits.ask(CapabilityRight::kDelete, from));
  // Under another name it may be readable.
  WRIT_REQUIRE(permits.ask(CapabilityRight::kRead, from));
  WRIT_REQUIRE(permits.ask(CapabilityRight::kWrite, to));
  WRIT_REQUIRE(context.workspace.respects_shields(typed.from, Way::kReplaced));
  return context.workspace.respects_shields(typed.to, Way::kReplaced);
}

using Entries = std::set<WalkedEntry>;

Entries in_both(const Entries& one, const Entries& other) {
  Entries both;
  std::set_intersection(one.begin(), one.end(), other.begin(), other.end(), std::inserter(both, both.end()));
  return both;
}

Attempt<Entries> authorised_entries(FilesystemContext& context, CapabilityRight right, const WorkspacePath& path,
                                    const WorkspacePath& as) {
  WRIT_ATTEMPT(const WalkedTree tree, authorised_tree(context, right, path, as));
  return Entries(tree.entries.begin(), tree.entries.end());
}

// What lies in a directory is taken from one place and given to another. Returns what all of it was decided for.
Attempt<Entries> authorised_moved_tree(FilesystemContext& context, const MoveArguments& typed) {
  WRIT_ATTEMPT(const Entries decided, authorised_entries(context, CapabilityRight::kDelete, typed.from, typed.from));
  WRIT_ATTEMPT(const Entries read, authorised_entries(context, CapabilityRight::kRead, typed.from, typed.from));
  WRIT_ATTEMPT(const Entries written, authorised_entries(context, CapabilityRight::kWrite, typed.from, typed.to));
  return in_both(in_both(decided, read), written);
}

struct MoveSource {
  UniqueFd parent;
  struct stat status {};

  [[nodiscard]] bool is_directory() const { return S_ISDIR(status.st_mode); }
};

Attempt<MoveSource> open_moved(const Workspace& workspace, const WorkspacePath& path) {
  const Workspace::Access access(workspace);
  MoveSource source;
  WRIT_ATTEMPT(source.parent, workspace.open_for_change(path.parent()));
  if (::fstatat(source.parent.get(), path.name().c_str(), &source.status, AT_SYMLINK_NOFOLLOW) != 0)
    return refuse_errno(errno, "cannot inspect what is to be moved");
  if (S_ISREG(source.status.st_mode) && source.status.st_nlink > 1)
    return refuse(PrimitiveCode::kWrongKind, "a file with several hard links");
  return source;
}

// One move, from the decision to the last look.
class Move {
 public:
  Move(FilesystemContext& context, const MoveArguments& typed, MoveSource source)
      : context_(context), typed_(typed), source_(std::move(source)) {}

  // Asks about everything below; somebody may have to think about it, so nothing is locked yet.
  Attempt<std::monostate> decide() {
    if (!source_.is_directory()) return std::monostate();
    WRIT_ATTEMPT(decided_, authorised_moved_tree(context_, typed_));
    return std::monostate();
  }

  // Takes the turn in both directories and moves. Nothing new was decided on: what came since is a conflict.
  Attempt<std::monostate> perform(PermitSet& permits) {
    WRIT_ATTEMPT(const DirectoryTurn turn, take_turn());
    WRIT_REQUIRE(holds_what_was_decided(typed_.from));
    WRIT_REQUIRE(rename(permits));
    if (arrived()) {
      permits.settle(EffectOutcome::kDone);
      return std::monostate();
    }
    permits.settle(put_back() ? EffectOutcome::kNotStarted : EffectOutcome::kDone);
    return refuse(PrimitiveCode::kConflict, "it was changed in the meantime");
  }

 private:
  Attempt<DirectoryTurn> take_turn() {
    const Workspace::Access access(context_.workspace);
    if (!access.in_force()) return refuse(PrimitiveCode::kFailed, "cannot act as the tool");
    WRIT_ATTEMPT(target_, context_.workspace.open_for_change(typed_.to.parent()));
    return DirectoryTurn::take({source_.parent.get(), target_.get()});
  }

  Attempt<std::monostate> holds_what_was_decided(const WorkspacePath& path) {
    if (!source_.is_directory()) return std::monostate();
    WRIT_ATTEMPT(const WalkedTree now, walk_tree(context_.workspace, path));
    const bool known = std::all_of(now.entries.begin(), now.entries.end(),
                                   [&](const WalkedEntry& entry) { return decided_.contains(entry); });
    if (!known) return refuse(PrimitiveCode::kConflict, "something was put into it in the meantime");
    return std::monostate();
  }

  Attempt<std::monostate> rename(PermitSet& permits) {
    const Workspace::Access access(context_.workspace);
    if (!access.in_force()) return refuse(PrimitiveCode::kFailed, "cannot act as the tool");
    WRIT_REQUIRE(permits.begin());
    const unsigned flags = typed_.overwrite ? 0 : RENAME_NOREPLACE;
    if (::renameat2(source_.parent.get(), typed_.from.name().c_str(), target_.get(), typed_.to.name().c_str(), flags) ==
        0)
      return std::monostate();
    const int failed = errno;
    permits.settle(EffectOutcome::kNotStarted);
    return refuse_errno(failed, "cannot move it");
  }

  // Whether the very object is there that was looked at, with nothing in it that was not decided on.
  bool arrived() {
    struct stat now {};
    {
      const Workspace::Access access(context_.workspace);
      if (!access.in_force() || ::fstatat(target_.get(), typed_.to.name().c_str(), &now, AT_SYMLINK_NOFOLLOW) != 0)
        return false;
    }
    const bool same = now.st_dev == source_.status.st_dev && now.st_ino == source_.status.st_ino &&
                      (now.st_mode & S_IFMT) == (source_.status.st_mode & S_IFMT);
    return same && holds_what_was_decided(typed_.to).has_value();
  }

  // To where it was; where somebody has taken that name, to one beside it that nobody knows. False: that is not as if
  // nothing had happened.
  bool put_back() {
    const Workspace::Access access(context_.workspace);
    if (!access.in_force()) return false;
    if (give_back(typed_.from.name())) return true;
    std::array<std::uint8_t, 12> chance{};
    if (::getrandom(chance.data(), chance.size(), 0) < 0) chance.fill(0);
    (void)give_back(".writ-set-aside-" + hex_text(chance));
    return false;
  }

  bool give_back(const std::string& name) {
    return ::renameat2(target_.get(), typed_.to.name().c_str(), source_.parent.get(), name.c_str(), RENAME_NOREPLACE) ==
           0;
  }

  FilesystemContext& context_;
  const MoveArguments& typed_;
  MoveSource source_;
  UniqueFd target_;
  Entries decided_;
};

}  // namespace

PrimitiveResult filesystem_move(FilesystemContext& context, const JsonObject& arguments) {
  WRIT_ATTEMPT(const MoveArguments typed, move_arguments(context, arguments));
  PermitSet permits(context.authority);
  WRIT_REQUIRE(authorise_move(context, typed, permits));
  WRIT_ATTEMPT(MoveSource source, open_moved(context.workspace, typed.from));
  Move move(context, typed, std::move(source));
  WRIT_REQUIRE(move.decide());
  WRIT_REQUIRE(move.perform(permits));
  return PrimitiveReply{JsonObject()};
}

}  // namespace writ
