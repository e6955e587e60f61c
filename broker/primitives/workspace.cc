#include "broker/primitives/workspace.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "broker/base/escape.h"
#include "broker/base/printable.h"
#include "broker/grant/tree_grant.h"

namespace writ {
namespace {

struct ErrnoRow {
  int number;
  PrimitiveCode code;
};

constexpr auto kErrnoCodes = std::to_array<ErrnoRow>({
    {ENOENT, PrimitiveCode::kNotFound},
    {EEXIST, PrimitiveCode::kExists},
    {ENOTDIR, PrimitiveCode::kWrongKind},
    {EISDIR, PrimitiveCode::kWrongKind},
    {ELOOP, PrimitiveCode::kWrongKind},
    {ENXIO, PrimitiveCode::kWrongKind},
    {ENOTEMPTY, PrimitiveCode::kConflict},
    {EBUSY, PrimitiveCode::kConflict},
    {EACCES, PrimitiveCode::kDenied},
    {EPERM, PrimitiveCode::kDenied},
    {EROFS, PrimitiveCode::kDenied},
    {EXDEV, PrimitiveCode::kDenied},
    {ENOSPC, PrimitiveCode::kLimit},
    {EDQUOT, PrimitiveCode::kLimit},
    {EFBIG, PrimitiveCode::kLimit},
    {ENAMETOOLONG, PrimitiveCode::kInvalidArguments},
});

// Nothing on the way is followed: neither a link nor what /proc pretends to be one. RESOLVE_NO_XDEV is not asked for:
// what is mounted in the workspace is a part of it, as in the view.
// A descriptor, or a negative errno.
long open_in(int root, std::string_view path, int flags) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(static_cast<unsigned>(flags | O_CLOEXEC));
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  const std::string text(path);
  for (;;) {
    const long fd = ::syscall(SYS_openat2, root, text.c_str(), &how, sizeof how);
    if (fd >= 0) return fd;
    // EAGAIN: something was renamed on the way (openat2(2)).
    if (errno != EINTR && errno != EAGAIN) return -errno;
  }
}

Attempt<UniqueFd> open_beneath(int root, std::string_view path, int flags) {
  const long fd = open_in(root, path, flags);
  if (fd < 0) return refuse_errno(static_cast<int>(-fd), "cannot open a file of the workspace");
  return UniqueFd(static_cast<int>(fd));
}

// Splits at slashes; "." and empty segments fall out. Nothing: a segment is "..".
std::optional<std::vector<std::string_view>> segments_of(std::string_view text) {
  std::vector<std::string_view> segments;
  while (!text.empty()) {
    const std::size_t slash = std::min(text.find('/'), text.size());
    const std::string_view segment = text.substr(0, slash);
    text.remove_prefix(std::min(slash + 1, text.size()));
    if (segment == "..") return std::nullopt;
    if (!segment.empty() && segment != ".") segments.push_back(segment);
  }
  return segments;
}

}  // namespace

tl::unexpected<PrimitiveFailure> refuse_errno(int system_errno, std::string_view what) {
  const auto row = std::find_if(kErrnoCodes.begin(), kErrnoCodes.end(),
                                [&](const ErrnoRow& entry) { return entry.number == system_errno; });
  const PrimitiveCode code = row == kErrnoCodes.end() ? PrimitiveCode::kFailed : row->code;
  return refuse(code, std::string(what) + ": " + std::strerror(system_errno));
}

Attempt<WorkspacePath> WorkspacePath::parse(std::string_view typed, std::string_view workspace) {
  if (typed.empty() || typed.size() > kWorkspacePathLimit || typed.find('\0') != std::string_view::npos)
    return refuse(PrimitiveCode::kInvalidArguments, "no path");
  if (typed.starts_with('/')) {
    const bool inside =
        typed.starts_with(workspace) && (typed.size() == workspace.size() || typed[workspace.size()] == '/');
    if (!inside) return refuse(PrimitiveCode::kDenied, "a path outside of the workspace");
    typed.remove_prefix(workspace.size());
  }
  const auto segments = segments_of(typed);
  // Also for "a/../b", which stays inside as a text: whether it does as a path, only a look would tell.
  if (!segments) return refuse(PrimitiveCode::kDenied, "a path with '..'");
  std::string text;
  for (const std::string_view segment : *segments) text.append(text.empty() ? "" : "/").append(segment);
  return WorkspacePath(text.empty() ? "." : std::move(text));
}

bool WorkspacePath::is_workspace() const { return text_ == "."; }

std::size_t WorkspacePath::depth() const {
  return is_workspace() ? 0 : static_cast<std::size_t>(std::count(text_.begin(), text_.end(), '/')) + 1;
}

std::string WorkspacePath::parent() const {
  const std::size_t slash = text_.rfind('/');
  return slash == std::string::npos ? "." : text_.substr(0, slash);
}

std::string WorkspacePath::name() const { return text_.substr(text_.rfind('/') + 1); }

bool passes_link(const std::string& workspace, const WorkspacePath& path) {
  const UniqueFd root(::open(workspace.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root.valid()) return false;
  // O_DIRECTORY: a link at the end would be opened itself otherwise, as O_PATH lets it (openat2(2)).
  const long opened = open_in(root.get(), path.text(), O_PATH | O_DIRECTORY);
  const UniqueFd held(static_cast<int>(std::max(opened, -1L)));
  return opened == -ELOOP;
}

Result<Workspace> Workspace::open(const WorkspaceOptions& options) {
  WRIT_ASSIGN(const OpenedTree tree, open_host_tree(options.path));
  if (tree.kind != TreeKind::kDirectory) return fail("the workspace is not a directory");
  TreeRestriction restriction{PathAccess::kRead, Execution::kDenied, options.ownership_namespace};
  WRIT_ASSIGN(UniqueFd readable, make_tree_grant(tree.object.get(), restriction));
  restriction.access = PathAccess::kWrite;
  WRIT_ASSIGN(UniqueFd writable, make_tree_grant(tree.object.get(), restriction));
  ActingIdentity identity;
  if (options.identity) {
    WRIT_ASSIGN(identity, ActingIdentity::as(*options.identity));
  }
  return Workspace(options, std::move(readable), std::move(writable), identity);
}

Attempt<std::monostate> Workspace::respects_shields(const WorkspacePath& path, Way way) const {
  const std::string absolute = path_ + (path.is_workspace() ? "" : "/" + path.text());
  const std::string_view beneath = way == Way::kReplaced ? shields_.beneath(absolute) : std::string_view();
  if (!beneath.empty())
    return refuse(PrimitiveCode::kDenied,
                  "it would give the protected name " + quote_bytes(beneath) + " another meaning");
  if (!shields_.alias_of(absolute).empty())
    return refuse(PrimitiveCode::kDenied, "a protected name leads here through a link");
  return std::monostate();
}

Attempt<UniqueFd> Workspace::open_readable(const WorkspacePath& path, int flags) const {
  return open_beneath(readable_.get(), path.text(), flags);
}

Attempt<UniqueFd> Workspace::open_for_change(std::string_view path) const {
  return open_beneath(writable_.get(), path, O_PATH | O_DIRECTORY);
}

}  // namespace writ
