#include "broker/primitives/filesystem_target.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "broker/audit/audit_crypto.h"
#include "broker/base/hex_text.h"

namespace writ {

Attempt<WorkspacePath> path_argument(StrictObject& arguments, std::string_view key, const Workspace& workspace) {
  WRIT_ATTEMPT(const std::string typed, valid(arguments.text(key)));
  return WorkspacePath::parse(typed, workspace.path());
}

Attempt<std::monostate> begin_effect(Permit& permit, const Workspace::Access& access) {
  if (!access.in_force()) return refuse(PrimitiveCode::kFailed, "cannot act as the tool");
  return permit.begin();
}

Attempt<TypedResource> resource_of(const WorkspacePath& path) {
  auto resource = TypedResource::parse_exact("filesystem:workspace:" + path.text());
  if (!resource) return refuse(PrimitiveCode::kDenied, std::move(resource.error().what));
  return std::move(*resource);
}

Attempt<struct stat> regular_file_status(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return refuse_errno(errno, "cannot inspect a file of the workspace");
  if (!S_ISREG(status.st_mode)) return refuse(PrimitiveCode::kWrongKind, "no regular file");
  if (status.st_nlink > 1) return refuse(PrimitiveCode::kWrongKind, "a file with several hard links");
  return status;
}

// O_NONBLOCK: a FIFO is opened at once, and refused then.
Attempt<OpenedFile> open_regular_file(const Workspace& workspace, const WorkspacePath& path) {
  WRIT_ATTEMPT(UniqueFd fd, workspace.open_readable(path, O_RDONLY | O_NOCTTY | O_NONBLOCK));
  WRIT_ATTEMPT(const struct stat status, regular_file_status(fd.get()));
  return OpenedFile{std::move(fd), status};
}

Attempt<std::string> read_bounded(int fd, std::size_t limit) {
  std::string content;
  // One byte more than may be there: so that a file that grows is noticed.
  content.resize(limit + 1);
  std::size_t filled = 0;
  while (filled < content.size()) {
    const ssize_t got = ::pread(fd, content.data() + filled, content.size() - filled, static_cast<off_t>(filled));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return refuse_errno(errno, "cannot read a file of the workspace");
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  if (filled > limit) return refuse(PrimitiveCode::kTooLarge, "the file is longer than was asked for");
  content.resize(filled);
  return content;
}

std::string sha256_text(std::string_view bytes) {
  const Sha256Digest digest = sha256(bytes);
  return hex_text(digest);
}

}  // namespace writ
