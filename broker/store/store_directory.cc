#include "broker/store/store_directory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

#include "broker/base/escape.h"

namespace writ {
namespace {

constexpr mode_t kDirectoryMode = 0700;
constexpr mode_t kFileMode = 0600;
constexpr mode_t kOthers = 077;

std::string entry_path(int descriptor) { return "/proc/self/fd/" + std::to_string(descriptor); }

struct WantedKind {
  mode_t type;
  const char* words;
};
constexpr WantedKind kDirectoryKind = {S_IFDIR, "a directory"};
constexpr WantedKind kFileKind = {S_IFREG, "a regular file"};

Status check_status(const struct stat& status, WantedKind wanted, const std::string& path) {
  const std::string subject = "will not use " + quote_bytes(path) + ": ";
  const std::string hint = "Writ keeps authority there: look at who made it, then move it away";
  if (S_ISLNK(status.st_mode)) return fail(subject + "it is a symbolic link", hint);
  if ((status.st_mode & S_IFMT) != wanted.type) return fail(subject + "it is not " + wanted.words, hint);
  if (status.st_uid != ::geteuid())
    return fail(
        subject + "it belongs to uid " + std::to_string(status.st_uid) + ", not to " + std::to_string(::geteuid()),
        hint);
  if ((status.st_mode & kOthers) != 0)
    return fail(subject + "others may access it", "chmod go= it, if nobody else can have changed it");
  if (wanted.type == S_IFREG && status.st_nlink != 1) return fail(subject + "it has more than one name", hint);
  return {};
}

void make_parents(const std::string& directory) {
  for (std::size_t slash = directory.find('/', 1); slash != std::string::npos; slash = directory.find('/', slash + 1))
    (void)::mkdir(directory.substr(0, slash).c_str(), kDirectoryMode);
}

// O_PATH | O_NOFOLLOW opens a link itself, which check_status() then names.
Result<UniqueFd> open_checked(int parent, const std::string& name, WantedKind wanted, const std::string& path) {
  UniqueFd opened(::openat(parent, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat status {};
  if (!opened.valid() || ::fstat(opened.get(), &status) != 0)
    return fail_errno(errno, "cannot open " + quote_bytes(path));
  WRIT_TRY(check_status(status, wanted, path));
  return opened;
}

// What was just made has the mode that the umask left of it.
Status give_mode(int parent, const std::string& name, mode_t mode, const std::string& path) {
  const UniqueFd made(::openat(parent, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!made.valid() || ::chmod(entry_path(made.get()).c_str(), mode) != 0)
    return fail_errno(errno, "cannot make " + quote_bytes(path));
  return {};
}

Result<UniqueFd> make_directory(const std::string& directory) {
  make_parents(directory);
  if (::mkdir(directory.c_str(), kDirectoryMode) == 0) {
    WRIT_TRY(give_mode(AT_FDCWD, directory, kDirectoryMode, directory));
  } else if (errno != EEXIST) {
    return fail_errno(errno, "cannot make the directory " + quote_bytes(directory));
  }
  return open_checked(AT_FDCWD, directory, kDirectoryKind, directory);
}

// mknod(2) makes the file without opening it: closing an ordinary descriptor would drop the locks of a connection to
// the same file elsewhere in this process.
Result<UniqueFd> make_file(int directory, const std::string& path) {
  if (::mknodat(directory, kStoreFileName, S_IFREG | kFileMode, 0) == 0) {
    WRIT_TRY(give_mode(directory, kStoreFileName, kFileMode, path));
  } else if (errno != EEXIST) {
    return fail_errno(errno, "cannot make " + quote_bytes(path));
  }
  return open_checked(directory, kStoreFileName, kFileKind, path);
}

}  // namespace

Result<StoreDirectory> StoreDirectory::open(const std::string& directory) {
  if (directory.empty() || directory.front() != '/' || directory.ends_with('/'))
    return fail("the place of the store must be an absolute path, not " + quote_bytes(directory));
  StoreDirectory store;
  store.name_ = directory;
  WRIT_ASSIGN(store.directory_, make_directory(directory));
  WRIT_ASSIGN(store.file_, make_file(store.directory_.get(), directory + "/" + kStoreFileName));
  WRIT_TRY(store.check_companions());
  return store;
}

// The write-ahead log and its index, and the journal of a database that is not in WAL mode yet.
Status StoreDirectory::check_companions() const {
  for (const char* suffix : {"-wal", "-shm", "-journal"}) {
    const std::string name = kStoreFileName + std::string(suffix);
    struct stat status {};
    if (::fstatat(directory_.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) continue;
      return fail_errno(errno, "cannot look at " + quote_bytes(name_ + "/" + name));
    }
    // Another process that leaves last removes them: a second look may find no name any more.
    if (S_ISREG(status.st_mode) && status.st_nlink == 0) continue;
    WRIT_TRY(check_status(status, kFileKind, name_ + "/" + name));
  }
  return {};
}

Result<std::string> StoreDirectory::file_path() const {
  std::array<char, PATH_MAX> path{};
  const ssize_t length = ::readlink(entry_path(directory_.get()).c_str(), path.data(), path.size());
  if (length <= 0 || path[0] != '/' || static_cast<std::size_t>(length) >= path.size())
    return fail_errno(errno, "cannot find the path of " + quote_bytes(name_));
  return std::string(path.data(), static_cast<std::size_t>(length)) + "/" + kStoreFileName;
}

Status StoreDirectory::verify(const std::string& path) const {
  struct stat checked {};
  struct stat opened {};
  if (::fstat(file_.get(), &checked) != 0 || ::lstat(path.c_str(), &opened) != 0)
    return fail_errno(errno, "cannot look at " + quote_bytes(path));
  if (checked.st_dev != opened.st_dev || checked.st_ino != opened.st_ino)
    return fail("will not use " + quote_bytes(path) + ": it was exchanged while it was being opened");
  return check_companions();
}

}  // namespace writ
