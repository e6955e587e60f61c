#include "broker/primitives/filesystem_write.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "broker/primitives/filesystem_change.h"
#include "broker/primitives/filesystem_turn.h"
#include "broker/primitives/replace_file.h"
#include "broker/primitives/tree_walk.h"

namespace writ {
namespace {

constexpr mode_t kDirectoryMode = 0755;
constexpr std::size_t kHashDigits = 64;

Attempt<FileExpectation> expectation_argument(StrictObject& arguments) {
  FileExpectation expected;
  WRIT_ATTEMPT(const bool overwrite, flag_argument(arguments, "overwrite", true));
  if (!overwrite) expected.overwriting = Overwriting::kRefused;
  WRIT_ATTEMPT(expected.content, valid(arguments.optional_text("expected_content_sha256")));
  const bool is_hash = expected.content && expected.content->size() == kHashDigits &&
                       expected.content->find_first_not_of("0123456789abcdef") == std::string::npos;
  if (expected.content && *expected.content != kMissing && !is_hash)
    return refuse(PrimitiveCode::kInvalidArguments, "expected_content_sha256 is no hash");
  return expected;
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
  WRIT_REQUIRE(begin_effect(permit, access));
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
  WRIT_REQUIRE(begin_effect(permit, access));
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

Attempt<std::monostate> remove_below(FilesystemContext& context, const WorkspacePath& path) {
  WRIT_ATTEMPT(const WalkedTree tree, authorised_tree(context, CapabilityRight::kDelete, path, path));
  for (auto entry = tree.entries.rbegin(); entry != tree.entries.rend(); ++entry) {  // what is deepest comes last
    WRIT_ATTEMPT(const WorkspacePath below, WorkspacePath::parse(path.text() + "/" + entry->relative, "/"));
    WRIT_REQUIRE(remove_entry(context, below, entry->is_directory ? AT_REMOVEDIR : 0));
  }
  return std::monostate();
}

struct WriteArguments {
  WorkspacePath path;
  std::string text;
  FileExpectation expected;
};

Attempt<WriteArguments> write_arguments(FilesystemContext& context, const JsonObject& arguments) {
  StrictObject object = StrictObject::of(arguments, "arguments");
  WRIT_ATTEMPT(WorkspacePath path, changeable_path(object, "path", context.workspace));
  WRIT_ATTEMPT(std::string text, valid(object.text("text")));
  WRIT_ATTEMPT(FileExpectation expected, expectation_argument(object));
  WRIT_REQUIRE(valid(object.finish()));
  return WriteArguments{std::move(path), std::move(text), std::move(expected)};
}

}  // namespace

PrimitiveResult filesystem_write_text(FilesystemContext& context, const JsonObject& arguments) {
  WRIT_ATTEMPT(const WriteArguments typed, write_arguments(context, arguments));
  const std::string hash = sha256_text(typed.text);
  WRIT_ATTEMPT(Permit permit, authorise(context, CapabilityRight::kWrite, typed.path, hash));
  WRIT_REQUIRE(context.workspace.respects_shields(typed.path, Way::kReplaced));
  const Workspace::Access access(context.workspace);
  WRIT_ATTEMPT(const UniqueFd parent, context.workspace.open_for_change(typed.path.parent()));
  WRIT_ATTEMPT(const DirectoryTurn turn, DirectoryTurn::take({parent.get()}));
  WRIT_REQUIRE(begin_effect(permit, access));
  // Not a member of the arguments: nothing that a tool says.
  FileExpectation expected = typed.expected;
  expected.cancel = context.cancel;
  const auto replaced = replace_file(parent.get(), typed.path.name(), typed.text, expected);
  permit.settle(replaced ? EffectOutcome::kDone : EffectOutcome::kNotStarted);
  if (!replaced) return tl::unexpected(replaced.error());
  JsonObject value;
  value.set("size", typed.text.size()).set("content_sha256", hash).set("created", *replaced == Replaced::kCreated);
  return PrimitiveReply{std::move(value)};
}

PrimitiveResult filesystem_write_directory(FilesystemContext& context, const JsonObject& arguments) {
  StrictObject object = StrictObject::of(arguments, "arguments");
  WRIT_ATTEMPT(const WorkspacePath path, changeable_path(object, "path", context.workspace));
  WRIT_ATTEMPT(const bool parents, flag_argument(object, "parents", true));
  WRIT_ATTEMPT(const bool exist_ok, flag_argument(object, "exist_ok", true));
  WRIT_REQUIRE(valid(object.finish()));
  if (parents && path.depth() > kWalkDepth) return refuse(PrimitiveCode::kLimit, "the directory would lie too deep");
  WRIT_ATTEMPT(Permit permit, authorise(context, CapabilityRight::kWrite, path));
  if (parents) WRIT_REQUIRE(make_parents(context, path));
  const Workspace::Access access(context.workspace);
  WRIT_REQUIRE(begin_effect(permit, access));
  const auto made = make_directory(context.workspace, path);
  permit.settle(made && *made == Made::kNow ? EffectOutcome::kDone : EffectOutcome::kNotStarted);
  if (!made) return tl::unexpected(made.error());
  if (*made == Made::kBefore && !exist_ok) return refuse(PrimitiveCode::kExists, "the directory is there");
  return PrimitiveReply{JsonObject().set("created", *made == Made::kNow)};
}

PrimitiveResult filesystem_delete_file(FilesystemContext& context, const JsonObject& arguments) {
  StrictObject object = StrictObject::of(arguments, "arguments");
  WRIT_ATTEMPT(const WorkspacePath path, changeable_path(object, "path", context.workspace));
  WRIT_ATTEMPT(const bool missing_ok, flag_argument(object, "missing_ok", false));
  WRIT_REQUIRE(valid(object.finish()));
  WRIT_ATTEMPT(const bool deleted, remove_entry(context, path, 0));
  return deletion(deleted, missing_ok);
}

PrimitiveResult filesystem_delete_directory(FilesystemContext& context, const JsonObject& arguments) {
  StrictObject object = StrictObject::of(arguments, "arguments");
  WRIT_ATTEMPT(const WorkspacePath path, changeable_path(object, "path", context.workspace));
  WRIT_ATTEMPT(const bool recursive, flag_argument(object, "recursive", false));
  WRIT_ATTEMPT(const bool missing_ok, flag_argument(object, "missing_ok", false));
  WRIT_REQUIRE(valid(object.finish()));
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

}  // namespace writ
