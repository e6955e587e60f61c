#include "launcher/ceiling_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <string>

#include "broker/base/unique_fd.h"
#include "broker/policy/yaml_document.h"
#include "launcher/profile_store.h"

namespace writ {
namespace {

constexpr const char* kHint = "the administrator must put this right; until then nothing is launched";

// The run of a ruled command starts inside of its broker's user namespace, where root has no number and root's files
// show the overflow id, as the fixed files of /proc do, which always belong to the host's root. That another user
// without a number here looks the same does not matter: the outer run has seen the owner as he is.
bool belongs_to_root(uid_t owner) {
  struct stat fixed {};
  return owner == 0 || (::stat("/proc/version", &fixed) == 0 && owner == fixed.st_uid);
}

// What is wrong with the file as a ceiling, or nothing.
const char* flaw_of(const struct stat& status) {
  if (!S_ISREG(status.st_mode)) return "is not a regular file";
  if (!belongs_to_root(status.st_uid)) return "does not belong to root";
  // The group bits are also the mask of an access control list (acl(5)).
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) return "can be written by others than root";
  return nullptr;
}

}  // namespace

CeilingFile read_ceiling_file() {
  // O_NONBLOCK: a FIFO must not hold us up before fstat says what it is. O_NOFOLLOW: what a link leads to may lie where
  // somebody else can write.
  const UniqueFd file(::open(kCeilingPath, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  const std::string name = "the ceiling " + std::string(kCeilingPath);
  if (!file.valid() && errno == ENOENT) return std::optional<ProfileSource>();
  if (!file.valid() && errno == ELOOP) return fail(name + " is a symbolic link", kHint);
  if (!file.valid()) return fail_errno(errno, "cannot read " + name, kHint);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return fail_errno(errno, "cannot inspect " + name, kHint);
  if (const char* flaw = flaw_of(status)) return fail(name + " " + flaw, kHint);
  WRIT_ASSIGN(std::string text, read_open_file(file.get(), kCeilingPath, kYamlSizeLimit));
  return std::optional<ProfileSource>(ProfileSource{kCeilingPath, std::move(text)});
}

}  // namespace writ
