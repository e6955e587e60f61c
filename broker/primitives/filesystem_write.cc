#include "broker/primitives/filesystem_write.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string>
#include <utility>

#include "broker/primitives/filesystem_target.h"
#include "broker/primitives/filesystem_turn.h"
#include "broker/primitives/permit_set.h"
#include "broker/primitives/replace_file.h"
#include "broker/primitives/tree_walk.h"

namespace writ {
namespace {

constexpr mode_t kDirectoryMode = 0755;
constexpr std::size_t kHashDigits = 64;

Attempt<StrictObject> opened(const JsonValue& arguments) {
  return argument(StrictObject::open(arguments, "arguments"));
}

Attempt<bool> flag_argument(StrictObject& arguments, std::string_view key, bool usual) {
  WRIT_ATTEMPT(const std::optional<bool> typed, argument(arguments.optional_flag(key)));
  return typed.value_or(usual);
}

Attempt<FileExpectation> expectation_argument(StrictObject& arguments) {
  FileExpectation expected;
  WRIT_ATTEMPT(const bool overwrite, flag_argument(arguments, "overwrite", true));
  if (!overwrite) expected.overwriting = Overwriting::kRefused;
  WRIT_ATTEMPT(expected.content, argument(arguments.optional_text("expected_content_sha256")));
  const bool is_hash = expected.content && expected.content->size() == kHashDigits &&
                       expected.content->find_first_not_of("0123456789abcdef") == std::string::npos;
  if (expected.content && *expected.content != kMissing && !is_hash)
    return refuse(PrimitiveCode::kInvalidArguments, "expected_content_sha256 is no hash");
  return expected;
}

// A change of the workspace itself is nobody's.
Attempt<WorkspacePath> changeable_path(StrictObject& arguments, std::string_view key, const Workspace& workspace) {
  WRIT_ATTEMPT(WorkspacePath path, path_argument(arguments, key, workspace));
  if (path.is_workspace()) return refuse(PrimitiveCode::kDenied, "the workspace itself");
  return path;
}

Attempt<Permit> authorise(FilesystemContext& context, CapabilityRight right, const WorkspacePath& path,
                          const std::string& argument_hash = {}) {
  WRIT_ATTEMPT(const TypedResource resource, resource_of(path));
  return context.authority.authorize(right, resource, argument_hash);
}

Attempt<std::monostate> begin(Permit& permit, const Workspace::Access& access) {
  if (!access.in_force()) return refuse(PrimitiveCode::kFailed, "cannot act as the tool");
  return permit.begin();
}

enum class Made : std::uint8_t { kNow, kBefore };

Attempt<Made> make_directory(const Workspace& workspace, const WorkspacePath& path) {
  WRIT_REQUIRE(workspace.respects_shields(path, Way::kKept));
  WRIT_ATTEMPT(const UniqueFd parent, workspace.open_for_change(path.parent()));
  const std::string name = path.name();
  if (::mkdirat(parent.get(), name.c_str(), kDirectoryMode) == 0) return Made::kNow;
  if (errno != EEXIST) return refuse_errno(errno, "cannot make the directory");
  struct stat status {};
  if (::fstatat(parent.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(status.st_mode))
    return refuse(PrimitiveCode::kWrongKind, "no directory is there");
  return Made::kBefore;
}

// Each directory that is made is a change of its own, which must be allowed.
Attempt<std::monostate> make_parents(FilesystemContext& context, const WorkspacePath& path) {
  const std::string parent = path.parent();
  if (parent == ".") return std::monostate();
  {
    const Workspace::Access access(context.workspace);
    if (context.workspace.open_for_change(parent)) return std::monostate();
  }
  WRIT_ATTEMPT(const WorkspacePath above, WorkspacePath::parse(parent, context.workspace.path()));
  WRIT_REQUIRE(make_parents(context, above));
  WRIT_ATTEMPT(Permit permit, authorise(context, CapabilityRight::kWrite, above));
  const Workspace::Access access(context.workspace);
  WRIT_REQUIRE(begin(permit, access));
  WRIT_REQUIRE(make_directory(context.workspace, above));
  return std::monostate();
}

// A directory above a protected name may go when it is empty; a file or a link there is what gives that name its
// meaning.
Attempt<std::monostate> may_remove(const Workspace& workspace, const WorkspacePath& path, int parent) {
  struct stat status {};
  const bool replaced =
      ::fstatat(parent, path.name().c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(status.st_mode);
  return workspace.respects_shields(path, replaced ? Way::kReplaced : Way::kKept);
}

// Removes one entry; `flags` of unlinkat(2). False: there was none.
Attempt<bool> remove_entry(FilesystemContext& context, const WorkspacePath& path, int flags) {
  WRIT_ATTEMPT(Permit permit, authorise(context, CapabilityRight::kDelete, path));
  const Workspace::Access access(context.workspace);
  auto parent = context.workspace.open_for_change(path.parent());
  if (!parent && parent.error().code == PrimitiveCode::kNotFound) return false;
  if (!parent) return tl::unexpected(std::move(parent.error()));
  WRIT_REQUIRE(may_remove(context.workspace, path, parent->get()));
  WRIT_REQUIRE(begin(permit, access));
  if (::unlinkat(parent->get(), path.name().c_str(), flags) == 0) return true;
  const int failed = errno;
  permit.settle(EffectOutcome::kNotStarted);
  if (failed == ENOENT) return false;
  return refuse_errno(failed == EPERM || failed == EISDIR ? EISDIR : failed, "cannot delete it");
}

PrimitiveResult deletion(bool deleted, bool missing_ok) {
  if (!deleted && !missing_ok) return refuse(PrimitiveCode::kNotFound, "nothing is there");
  return PrimitiveReply{JsonObject().set("deleted", deleted)};
}

// Whether `right` holds for everything below `path`, as if it lay below `as`. Nothing is done yet: each use is given
// back.
Attempt<WalkedTree> authorised_tree(FilesystemContext& context, CapabilityRight right, const WorkspacePath& path,
                                    const WorkspacePath& as) {
  WRIT_ATTEMPT(WalkedTree tree, walk_tree(context.workspace, path));
  for (const WalkedEntry& entry : tree.entries) {
    WRIT_ATTEMPT(const WorkspacePath below, WorkspacePath::parse(as.text() + "/" + entry.relative, "/"));
    WRIT_REQUIRE(authorise(context, right, below));
    WRIT_REQUIRE(context.workspace.respects_shields(below, entry.is_directory ? Way::kKept : Way::kReplaced));
  }
  return tree;
}

Attempt<std::monostate> remove_below(FilesystemContext& context, const WorkspacePath& path) {
  WRIT_ATTEMPT(const WalkedTree tree, authorised_tree(context, CapabilityRight::kDelete, path, path));
  for (auto entry = tree.entries.rbegin(); entry != tree.entries.rend(); ++entry) {  // what is deepest comes last
    WRIT_ATTEMPT(const WorkspacePath below, WorkspacePath::parse(path.text() + "/" + entry->relative, "/"));
    WRIT_REQUIRE(remove_entry(context, below, entry->is_directory ? AT_REMOVEDIR : 0));
  }
  return std::monostate();
}

struct MoveArguments {
  WorkspacePath from;
  WorkspacePath to;
  bool overwrite;
};

Attempt<MoveArguments> move_arguments(FilesystemContext& context, const JsonValue& document) {
  WRIT_ATTEMPT(StrictObject object, opened(document));
  WRIT_ATTEMPT(WorkspacePath from, changeable_path(object, "from", context.workspace));
  WRIT_ATTEMPT(WorkspacePath to, changeable_path(object, "to", context.workspace));
  WRIT_ATTEMPT(const bool overwrite, flag_argument(object, "overwrite", false));
  WRIT_REQUIRE(arguments_complete(object));
  return MoveArguments{std::move(from), std::move(to), overwrite};
}

// What lies in a directory is taken from one place and given to another. Entries that somebody else makes meanwhile are
// not seen: they get the names that they would have had by being made a moment later.
Attempt<std::monostate> authorise_moved_tree(FilesystemContext& context, const MoveArguments& typed) {
  WRIT_REQUIRE(authorised_tree(context, CapabilityRight::kDelete, typed.from, typed.from));
  WRIT_REQUIRE(authorised_tree(context, CapabilityRight::kRead, typed.from, typed.from));
  WRIT_REQUIRE(authorised_tree(context, CapabilityRight::kWrite, typed.from, typed.to));
  return std::monostate();
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

struct MoveSource {
  UniqueFd parent;
  bool is_directory = false;
};

Attempt<MoveSource> open_moved(const Workspace& workspace, const WorkspacePath& path) {
  const Workspace::Access access(workspace);
  MoveSource source;
  WRIT_ATTEMPT(source.parent, workspace.open_for_change(path.parent()));
  struct stat status {};
  if (::fstatat(source.parent.get(), path.name().c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
    return refuse_errno(errno, "cannot inspect what is to be moved");
  if (S_ISREG(status.st_mode) && status.st_nlink > 1)
    return refuse(PrimitiveCode::kWrongKind, "a file with several hard links");
  source.is_directory = S_ISDIR(status.st_mode);
  return source;
}

struct WriteArguments {
  WorkspacePath path;
  std::string text;
  FileExpectation expected;
};

Attempt<WriteArguments> write_arguments(FilesystemContext& context, const JsonValue& document) {
  WRIT_ATTEMPT(StrictObject object, opened(document));
  WRIT_ATTEMPT(WorkspacePath path, changeable_path(object, "path", context.workspace));
  WRIT_ATTEMPT(std::string text, argument(object.text("text")));
  WRIT_ATTEMPT(FileExpectation expected, expectation_argument(object));
  WRIT_REQUIRE(arguments_complete(object));
  return WriteArguments{std::move(path), std::move(text), std::move(expected)};
}

}  // namespace

PrimitiveResult filesystem_write_text(FilesystemContext& context, const JsonObject& arguments) {
  const JsonValue document(arguments);
  WRIT_ATTEMPT(const WriteArguments typed, write_arguments(context, document));
  const std::string hash = sha256_text(typed.text);
  WRIT_ATTEMPT(Permit permit, authorise(context, CapabilityRight::kWrite, typed.path, hash));
  WRIT_REQUIRE(context.workspace.respects_shields(typed.path, Way::kReplaced));
  const Workspace::Access access(context.workspace);
  WRIT_ATTEMPT(const UniqueFd parent, context.workspace.open_for_change(typed.path.parent()));
  WRIT_ATTEMPT(const DirectoryTurn turn, DirectoryTurn::take({parent.get()}));
  WRIT_REQUIRE(begin(permit, access));
  const auto replaced = replace_file(parent.get(), typed.path.name(), typed.text, typed.expected);
  permit.settle(replaced ? EffectOutcome::kDone : EffectOutcome::kNotStarted);
  if (!replaced) return tl::unexpected(replaced.error());
  JsonObject value;
  value.set("size", typed.text.size()).set("content_sha256", hash).set("created", *replaced == Replaced::kCreated);
  return PrimitiveReply{std::move(value)};
}

PrimitiveResult filesystem_write_directory(FilesystemContext& context, const JsonObject& arguments) {
  const JsonValue document(arguments);
  WRIT_ATTEMPT(StrictObject object, opened(document));
  WRIT_ATTEMPT(const WorkspacePath path, changeable_path(object, "path", context.workspace));
  WRIT_ATTEMPT(const bool parents, flag_argument(object, "parents", true));
  WRIT_ATTEMPT(const bool exist_ok, flag_argument(object, "exist_ok", true));
  WRIT_REQUIRE(arguments_complete(object));
  WRIT_ATTEMPT(Permit permit, authorise(context, CapabilityRight::kWrite, path));
  if (parents) WRIT_REQUIRE(make_parents(context, path));
  const Workspace::Access access(context.workspace);
  WRIT_REQUIRE(begin(permit, access));
  const auto made = make_directory(context.workspace, path);
  permit.settle(made && *made == Made::kNow ? EffectOutcome::kDone : EffectOutcome::kNotStarted);
  if (!made) return tl::unexpected(made.error());
  if (*made == Made::kBefore && !exist_ok) return refuse(PrimitiveCode::kExists, "the directory is there");
  return PrimitiveReply{JsonObject().set("created", *made == Made::kNow)};
}

PrimitiveResult filesystem_delete_file(FilesystemContext& context, const JsonObject& arguments) {
  const JsonValue document(arguments);
  WRIT_ATTEMPT(StrictObject object, opened(document));
  WRIT_ATTEMPT(const WorkspacePath path, changeable_path(object, "path", context.workspace));
  WRIT_ATTEMPT(const bool missing_ok, flag_argument(object, "missing_ok", false));
  WRIT_REQUIRE(arguments_complete(object));
  WRIT_ATTEMPT(const bool deleted, remove_entry(context, path, 0));
  return deletion(deleted, missing_ok);
}

PrimitiveResult filesystem_delete_directory(FilesystemContext& context, const JsonObject& arguments) {
  const JsonValue document(arguments);
  WRIT_ATTEMPT(StrictObject object, opened(document));
  WRIT_ATTEMPT(const WorkspacePath path, changeable_path(object, "path", context.workspace));
  WRIT_ATTEMPT(const bool recursive, flag_argument(object, "recursive", false));
  WRIT_ATTEMPT(const bool missing_ok, flag_argument(object, "missing_ok", false));
  WRIT_REQUIRE(arguments_complete(object));
  if (recursive) {
    // Before the look into it.
    WRIT_REQUIRE(authorise(context, CapabilityRight::kDelete, path));
    WRIT_REQUIRE(context.workspace.respects_shields(path, Way::kKept));
    const auto emptied = remove_below(context, path);
    if (!emptied && emptied.error().code != PrimitiveCode::kNotFound) return tl::unexpected(emptied.error());
  }
  WRIT_ATTEMPT(const bool deleted, remove_entry(context, path, AT_REMOVEDIR));
  return deletion(deleted, missing_ok);
}

PrimitiveResult filesystem_move(FilesystemContext& context, const JsonObject& arguments) {
  const JsonValue document(arguments);
  WRIT_ATTEMPT(const MoveArguments typed, move_arguments(context, document));
  PermitSet permits(context.authority);
  WRIT_REQUIRE(authorise_move(context, typed, permits));
  WRIT_ATTEMPT(const MoveSource source, open_moved(context.workspace, typed.from));
  if (source.is_directory) WRIT_REQUIRE(authorise_moved_tree(context, typed));
  const Workspace::Access access(context.workspace);
  if (!access.in_force()) return refuse(PrimitiveCode::kFailed, "cannot act as the tool");
  WRIT_ATTEMPT(const UniqueFd target, context.workspace.open_for_change(typed.to.parent()));
  WRIT_ATTEMPT(const DirectoryTurn turn, DirectoryTurn::take({source.parent.get(), target.get()}));
  WRIT_REQUIRE(permits.begin());
  const unsigned flags = typed.overwrite ? 0 : RENAME_NOREPLACE;
  const std::string from = typed.from.name();
  const std::string to = typed.to.name();
  const bool moved = ::renameat2(source.parent.get(), from.c_str(), target.get(), to.c_str(), flags) == 0;
  const int failed = errno;
  permits.settle(moved ? EffectOutcome::kDone : EffectOutcome::kNotStarted);
  if (!moved) return refuse_errno(failed, "cannot move it");
  return PrimitiveReply{JsonObject()};
}

}  // namespace writ
