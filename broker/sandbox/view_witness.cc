#include "broker/sandbox/view_witness.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <vector>

#include "broker/base/unique_fd.h"
#include "broker/grant/git_directories.h"
#include "broker/grant/protected_names.h"

namespace writ {
namespace {

template <class T>
void append(std::string& witness, const T& value) {
  witness.append(reinterpret_cast<const char*>(&value), sizeof value);
}

// Mode and owner count too: they decide whether a secret is out of the person's own reach.
void append_status(std::string& witness, const struct stat& status) {
  append(witness, status.st_dev);
  append(witness, status.st_ino);
  append(witness, status.st_mode);
  append(witness, status.st_uid);
}

void append_path(std::string& witness, const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0)
    append_status(witness, status);
  else
    append(witness, errno);
}

bool append_protected(std::string& witness, const PathGrant& grant, const Profile& profile) {
  const UniqueFd tree(::open(grant.host_path().c_str(), O_PATH | O_CLOEXEC));
  struct stat status {};
  if (!tree.valid() || ::fstat(tree.get(), &status) != 0) return grant.presence == Presence::kOptional;
  if (!S_ISDIR(status.st_mode)) return true;
  const std::vector<std::string> names = with_git_directories(tree.get(), profile.filesystem.protect);
  const auto inventory = inspect_protected_names(tree.get(), names);
  if (!inventory) return false;
  for (const auto* list : {&inventory->ancestors_to_pin, &inventory->mounts_to_protect}) {
    for (const ProtectedMount& entry : *list) {
      if (::fstat(entry.object.get(), &status) != 0) return false;
      witness += entry.name;
      append_status(witness, status);
    }
    witness += '\n';
  }
  return true;
}

}  // namespace

std::string witness_view_inputs(const Profile& profile) {
  std::string witness;
  for (const std::string& hidden : profile.filesystem.hide) append_path(witness, hidden);
  for (const PathGrant& grant : profile.filesystem.grants) {
    append_path(witness, grant.host_path());
    if (grant.access == PathAccess::kWrite && !append_protected(witness, grant, profile)) return {};
  }
  return witness;
}

}  // namespace writ
