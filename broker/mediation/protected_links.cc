#include "broker/mediation/protected_links.h"

#include <fcntl.h>

#include <filesystem>
#include <system_error>

#include "broker/base/unique_fd.h"
#include "broker/grant/directory_listing.h"

namespace writ {
namespace {

constexpr int kLinkLimit = 8;  // one behind the other, the last of them dangling

using std::filesystem::path;

// The path without links, also where its end does not exist. Empty when it cannot be told.
path resolve(path name) {
  for (int i = 0; i < kLinkLimit; ++i) {
    std::error_code problem;
    path direct = std::filesystem::weakly_canonical(name, problem);
    if (problem) return {};
    if (!std::filesystem::is_symlink(std::filesystem::symlink_status(direct, problem))) return direct;
    const path target = std::filesystem::read_symlink(direct, problem);
    if (problem) return {};
    name = target.is_absolute() ? target : direct.parent_path() / target;
  }
  return {};
}

}  // namespace

std::vector<std::string> protected_link_targets(const std::string& tree, const std::vector<std::string>& names) {
  std::vector<std::string> targets;
  const UniqueFd root(::open(tree.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root.valid()) return targets;
  const DirectoryListing listing = DirectoryListing::read(root.get());  // most of the names exist nowhere
  for (const std::string& name : names) {
    if (!listing.may_hold(name.substr(0, name.find('/')))) continue;
    const std::string whole = tree + "/" + name;
    const std::string target = resolve(whole).native();
    if (target != whole && target.starts_with(tree + "/")) targets.push_back(target);
  }
  return targets;
}

}  // namespace writ
