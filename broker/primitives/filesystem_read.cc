#include "broker/primitives/filesystem_read.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "broker/base/escape.h"
#include "broker/primitives/filesystem_target.h"

namespace writ {
namespace {

constexpr mode_t kPermissionBits = 07777;

std::int64_t nanoseconds(const timespec& time) { return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

struct KindRow {
  mode_t type;
  std::string_view name;
};
constexpr std::array<KindRow, 3> kKinds = {{{S_IFREG, "file"}, {S_IFDIR, "directory"}, {S_IFLNK, "link"}}};

std::string_view kind_name(mode_t mode) {
  const auto row =
      std::find_if(kKinds.begin(), kKinds.end(), [&](const KindRow& k) { return k.type == (mode & S_IFMT); });
  return row == kKinds.end() ? "other" : row->name;
}

JsonObject status_json(const struct stat& status) {
  JsonObject value;
  value.set("size", status.st_size)
      .set("mode", static_cast<std::int64_t>(status.st_mode & kPermissionBits))
      .set("modified_ns", nanoseconds(status.st_mtim));
  return value;
}

Attempt<std::int64_t> bounded_argument(StrictObject& arguments, std::string_view key, std::int64_t usual,
                                       std::int64_t limit) {
  WRIT_ATTEMPT(const std::optional<std::int64_t> typed, valid(arguments.optional_integer(key)));
  const std::int64_t value = typed.value_or(usual);
  if (value < 1 || value > limit)
    return refuse(PrimitiveCode::kInvalidArguments, std::string(key) + " is out of range");
  return value;
}

struct ReadTarget {
  WorkspacePath path;
  Permit permit;
};

// The argument `path`, authorised for reading; `arguments` must be read to their end by now, but for it.
Attempt<ReadTarget> authorised_target(FilesystemContext& context, StrictObject& arguments) {
  WRIT_ATTEMPT(WorkspacePath path, path_argument(arguments, "path", context.workspace));
  WRIT_REQUIRE(valid(arguments.finish()));
  WRIT_ATTEMPT(const TypedResource resource, resource_of(path));
  WRIT_ATTEMPT(Permit permit, context.authority.authorize(CapabilityRight::kRead, resource, {}));
  return ReadTarget{std::move(path), std::move(permit)};
}

using DirectoryStream = std::unique_ptr<DIR, int (*)(DIR*)>;

struct Names {
  std::vector<std::string> sorted;
  bool complete = true;
};

Attempt<Names> read_names(DIR* stream, std::size_t limit) {
  Names names;
  errno = 0;
  while (const dirent* entry = ::readdir(stream)) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (names.sorted.size() == static_cast<std::size_t>(kListingLimit)) {
      names.complete = false;
      break;
    }
    names.sorted.emplace_back(name);
    errno = 0;
  }
  if (errno != 0) return refuse_errno(errno, "cannot read a directory of the workspace");
  std::sort(names.sorted.begin(), names.sorted.end());
  if (names.sorted.size() > limit) {
    names.sorted.resize(limit);
    names.complete = false;
  }
  return names;
}

// What vanished meanwhile is left out.
JsonArray entries_json(int directory, const Names& names) {
  JsonArray entries;
  for (const std::string& name : names.sorted) {
    struct stat status {};
    if (::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
    JsonObject entry;
    const bool text = is_valid_utf8(name);
    entry.set("name", text ? name : escape_bytes(name));
    if (!text) entry.set("escaped", true);
    entry.set("kind", kind_name(status.st_mode)).set("size", status.st_size);
    entries.add(std::move(entry));
  }
  return entries;
}

}  // namespace

PrimitiveResult filesystem_read_text(FilesystemContext& context, const JsonObject& arguments) {
  StrictObject object = StrictObject::of(arguments, "arguments");
  WRIT_ATTEMPT(const std::int64_t limit, bounded_argument(object, "max_bytes", kReadTextDefault, kReadTextLimit));
  WRIT_ATTEMPT(ReadTarget target, authorised_target(context, object));
  const Workspace::Access access(context.workspace);
  WRIT_REQUIRE(begin_effect(target.permit, access));
  WRIT_ATTEMPT(const OpenedFile file, open_regular_file(context.workspace, target.path));
  WRIT_ATTEMPT(std::string content, read_bounded(file.fd.get(), static_cast<std::size_t>(limit)));
  if (!is_valid_utf8(content)) return refuse(PrimitiveCode::kWrongKind, "the file is not UTF-8");
  JsonObject value;
  value.set("size", content.size()).set("content_sha256", sha256_text(content));
  value.set("text", std::move(content));
  return PrimitiveReply{std::move(value)};
}

PrimitiveResult filesystem_open(FilesystemContext& context, const JsonObject& arguments) {
  StrictObject object = StrictObject::of(arguments, "arguments");
  WRIT_ATTEMPT(ReadTarget target, authorised_target(context, object));
  const Workspace::Access access(context.workspace);
  WRIT_REQUIRE(begin_effect(target.permit, access));
  WRIT_ATTEMPT(OpenedFile file, open_regular_file(context.workspace, target.path));
  // O_NONBLOCK means nothing for a regular file, and whoever gets it shall not wonder.
  (void)::fcntl(file.fd.get(), F_SETFL, 0);
  PrimitiveReply reply{status_json(file.status)};
  reply.descriptors.push_back(std::move(file.fd));
  return reply;
}

PrimitiveResult filesystem_stat(FilesystemContext& context, const JsonObject& arguments) {
  StrictObject object = StrictObject::of(arguments, "arguments");
  WRIT_ATTEMPT(ReadTarget target, authorised_target(context, object));
  const Workspace::Access access(context.workspace);
  WRIT_REQUIRE(begin_effect(target.permit, access));
  // With O_PATH | O_NOFOLLOW a link is opened itself, also under RESOLVE_NO_SYMLINKS (openat2(2)).
  WRIT_ATTEMPT(const UniqueFd fd, context.workspace.open_readable(target.path, O_PATH | O_NOFOLLOW));
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return refuse_errno(errno, "cannot inspect a file of the workspace");
  JsonObject value = status_json(status);
  value.set("kind", kind_name(status.st_mode));
  return PrimitiveReply{std::move(value)};
}

PrimitiveResult filesystem_read_directory(FilesystemContext& context, const JsonObject& arguments) {
  StrictObject object = StrictObject::of(arguments, "arguments");
  WRIT_ATTEMPT(const std::int64_t limit, bounded_argument(object, "limit", kListingDefault, kListingLimit));
  WRIT_ATTEMPT(const WorkspacePath path, path_argument(object, "path", context.workspace));
  WRIT_REQUIRE(valid(object.finish()));
  WRIT_ATTEMPT(const TypedResource resource, resource_of(path));
  WRIT_ATTEMPT(Permit permit, context.authority.authorize_listing(resource));
  const Workspace::Access access(context.workspace);
  WRIT_REQUIRE(begin_effect(permit, access));
  WRIT_ATTEMPT(UniqueFd fd, context.workspace.open_readable(path, O_RDONLY | O_DIRECTORY));
  const DirectoryStream stream(::fdopendir(fd.get()), ::closedir);
  if (!stream) return refuse_errno(errno, "cannot read a directory of the workspace");
  const int directory = fd.release();  // the stream's now
  WRIT_ATTEMPT(const Names names, read_names(stream.get(), static_cast<std::size_t>(limit)));
  JsonObject value;
  value.set("entries", entries_json(directory, names)).set("complete", names.complete);
  return PrimitiveReply{std::move(value)};
}

}  // namespace writ
