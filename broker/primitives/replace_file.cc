#include "broker/primitives/replace_file.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "broker/audit/audit_crypto.h"
#include "broker/base/hex_text.h"
#include "broker/base/unique_fd.h"
#include "broker/primitives/filesystem_target.h"
#include "broker/primitives/workspace.h"

namespace writ {
namespace {

constexpr mode_t kUsualMode = 0644;
constexpr mode_t kPermissions = 0777;  // set-id bits are never given
constexpr const char* kTooLargeToCompare = "the file to be replaced is too large to be compared";

// What has the name now; an invalid descriptor: nothing.
Attempt<OpenedFile> open_old(int parent, const std::string& name) {
  OpenedFile old;
  old.fd.reset(::openat(parent, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!old.fd.valid() && errno == ENOENT) return old;
  if (!old.fd.valid()) return refuse_errno(errno, "cannot open the file to be replaced");
  WRIT_ATTEMPT(old.status, regular_file_status(old.fd.get()));
  return old;
}

bool is_ready(int descriptor) {
  pollfd entry{descriptor, POLLIN, 0};  // poll(2) passes over a negative one
  return ::poll(&entry, 1, 0) > 0 && entry.revents != 0;
}

// In parts, between which it is looked whether anybody still waits.
Attempt<std::string> content_hash_of(int fd, int cancel) {
  std::array<char, 65536> part;
  Sha256 hash;
  off_t at = 0;
  for (;;) {
    const ssize_t got = ::pread(fd, part.data(), part.size(), at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return refuse_errno(errno, "cannot read the file to be replaced");
    if (got == 0) break;
    at += got;
    if (static_cast<std::size_t>(at) > kComparedLimit) return refuse(PrimitiveCode::kTooLarge, kTooLargeToCompare);
    if (is_ready(cancel)) return refuse(PrimitiveCode::kCancelled, "the caller is gone");
    hash.update(std::string_view(part.data(), static_cast<std::size_t>(got)));
  }
  return hex_text(hash.finish());
}

Attempt<std::monostate> meets(const OpenedFile& old, const FileExpectation& expected) {
  const bool there = old.fd.valid();
  if (there && expected.overwriting == Overwriting::kRefused) return refuse(PrimitiveCode::kExists, "it is there");
  if (!expected.content) return std::monostate();
  if (*expected.content == kMissing || !there)
    return (*expected.content == kMissing) != there
               ? Attempt<std::monostate>(std::monostate())
               : refuse(PrimitiveCode::kConflict, there ? "it is there" : "it is not there");
  // Its size is known without reading it; it may grow all the same.
  if (static_cast<std::uint64_t>(old.status.st_size) > kComparedLimit)
    return refuse(PrimitiveCode::kTooLarge, kTooLargeToCompare);
  WRIT_ATTEMPT(const std::string found, content_hash_of(old.fd.get(), expected.cancel));
  if (found != *expected.content) return refuse(PrimitiveCode::kConflict, "the content is another one");
  return std::monostate();
}

std::string temporary_name() {
  std::array<std::uint8_t, 12> chance{};
  // Should there be none, the name is a poor one, and taken names are refused.
  if (::getrandom(chance.data(), chance.size(), 0) < 0) chance.fill(0);
  return ".writ-" + hex_text(chance);
}

// A file in the directory, without a name where the file system can do that.
struct NewFile {
  UniqueFd fd;
  std::string name;  // empty: none yet
};

Attempt<NewFile> make_new(int parent) {
  NewFile made;
  made.fd.reset(::openat(parent, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (made.fd.valid()) return made;
  if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)
    return refuse_errno(errno, "cannot write to the directory");
  made.name = temporary_name();
  made.fd.reset(::openat(parent, made.name.c_str(), O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!made.fd.valid()) return refuse_errno(errno, "cannot write to the directory");
  return made;
}

Attempt<std::monostate> write_all(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t done = ::write(fd, content.data(), content.size());
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return refuse_errno(errno, "cannot write the new content");
    content.remove_prefix(static_cast<std::size_t>(done));
  }
  return std::monostate();
}

// Removes the temporary name, if there is one still.
class NameRemoval {
 public:
  NameRemoval(int parent, const std::string& name) : parent_(parent), name_(name) {}
  NameRemoval(const NameRemoval&) = delete;
  NameRemoval& operator=(const NameRemoval&) = delete;
  ~NameRemoval() {
    if (!name_.empty()) (void)::unlinkat(parent_, name_.c_str(), 0);
  }

 private:
  int parent_;
  const std::string& name_;
};

// Gives the file a name that nobody has. 0 or the errno.
int give_name(int parent, const NewFile& file, const std::string& name) {
  if (!file.name.empty())
    return ::renameat2(parent, file.name.c_str(), parent, name.c_str(), RENAME_NOREPLACE) == 0 ? 0 : errno;
  std::array<char, 32> self{};
  (void)std::snprintf(self.data(), self.size(), "/proc/self/fd/%d", file.fd.get());
  return ::linkat(AT_FDCWD, self.data(), parent, name.c_str(), AT_SYMLINK_FOLLOW) == 0 ? 0 : errno;
}

bool same_file(const struct stat& a, const struct stat& b) { return a.st_dev == b.st_dev && a.st_ino == b.st_ino; }

// What was exchanged out lies under `name` now: is it what was decided on, as it was decided on?
bool is_what_was_there(int parent, const std::string& name, const OpenedFile& old, const FileExpectation& expected) {
  struct stat now {};
  if (::fstatat(parent, name.c_str(), &now, AT_SYMLINK_NOFOLLOW) != 0 || !same_file(now, old.status)) return false;
  if (!expected.content) return true;
  const auto found = content_hash_of(old.fd.get(), expected.cancel);
  return found && *found == *expected.content;
}

// The new file has `temporary` as its name, and takes the old one's place.
Attempt<Replaced> exchange(int parent, const std::string& temporary, const std::string& name, const OpenedFile& old,
                           const FileExpectation& expected) {
  if (::renameat2(parent, temporary.c_str(), parent, name.c_str(), RENAME_EXCHANGE) == 0) {
    if (is_what_was_there(parent, temporary, old, expected)) return Replaced::kReplaced;
    (void)::renameat2(parent, temporary.c_str(), parent, name.c_str(), RENAME_EXCHANGE);
    return refuse(PrimitiveCode::kConflict, "it was changed in the meantime");
  }
  if (errno != EINVAL && errno != ENOSYS) return refuse_errno(errno == ENOENT ? EBUSY : errno, "cannot replace it");
  if (!is_what_was_there(parent, name, old, expected))
    return refuse(PrimitiveCode::kConflict, "it was changed in the meantime");
  if (::renameat(parent, temporary.c_str(), parent, name.c_str()) != 0) return refuse_errno(errno, "cannot replace it");
  return Replaced::kReplaced;
}

Attempt<Replaced> put_in_place(int parent, NewFile& made, const std::string& name, const OpenedFile& old,
                               const FileExpectation& expected) {
  if (!old.fd.valid()) {
    const int failed = give_name(parent, made, name);
    // Somebody was quicker: then it is not what was decided on.
    if (failed == EEXIST) return refuse(PrimitiveCode::kConflict, "it appeared in the meantime");
    if (failed != 0) return refuse_errno(failed, "cannot name the new file");
    made.name.clear();
    return Replaced::kCreated;
  }
  if (made.name.empty()) {
    std::string temporary = temporary_name();
    if (const int failed = give_name(parent, made, temporary); failed != 0)
      return refuse_errno(failed, "cannot name the new file");
    made.name = std::move(temporary);
  }
  return exchange(parent, made.name, name, old, expected);
}

}  // namespace

Attempt<Replaced> replace_file(int parent, const std::string& name, std::string_view content,
                               const FileExpectation& expected) {
  WRIT_ATTEMPT(const OpenedFile old, open_old(parent, name));
  WRIT_REQUIRE(meets(old, expected));
  WRIT_ATTEMPT(NewFile made, make_new(parent));
  const NameRemoval removal(parent, made.name);
  WRIT_REQUIRE(write_all(made.fd.get(), content));
  const mode_t mode = old.fd.valid() ? old.status.st_mode & kPermissions : kUsualMode;
  if (::fchmod(made.fd.get(), mode) != 0) return refuse_errno(errno, "cannot set the mode of the new file");
  return put_in_place(parent, made, name, old, expected);
}

}  // namespace writ
