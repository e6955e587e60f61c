#include "launcher/placed_grant.h"

#include <algorithm>
#include <utility>

#include "broker/base/escape.h"
#include "broker/policy/profile_values.h"
#include "broker/sandbox/host_path.h"

namespace writ {
namespace {

bool lets_write(const Profile& bound, const std::string& path) {
  const auto& grants = bound.filesystem.grants;
  return std::any_of(grants.begin(), grants.end(), [&](const PathGrant& grant) {
    return grant.access == PathAccess::kWrite && path_lies_in(path, grant.path);
  });
}

Status check_place(const RunSetup& setup, const std::string& path) {
  if (path_lies_in(setup.workspace, path))
    return fail("a cache at " + quote_bytes(path) + " would cover the workspace", "choose a path beneath it");
  for (const char* taken : {"/proc", "/sys", "/dev", "/run"})
    if (path_lies_in(path, taken)) return fail("no cache can be at " + quote_bytes(path));
  for (const Bound& bound : setup.bounds)
    if (!lets_write(bound.profile, path))
      return fail(bound.name + " lets nothing be written at " + quote_bytes(path) + ", so no cache can be there");
  return {};
}

void replace_grant(FilesystemPolicy& filesystem, const PathGrant& placed) {
  std::erase_if(filesystem.grants, [&](const PathGrant& grant) { return grant.path == placed.path; });
  filesystem.grants.push_back(placed);
}

}  // namespace

std::string placed_grant_word(std::string_view source, std::string_view path) {
  return std::string(source).append("=").append(path);
}

Status add_placed_grants(RunSetup& setup, const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos) return fail("--placed: `writ ci` uses this option for its caches");
    PathGrant grant;
    WRIT_ASSIGN(grant.source, normalize_absolute_path(word.substr(0, equals)));
    WRIT_ASSIGN(grant.path, normalize_absolute_path(word.substr(equals + 1)));
    WRIT_TRY(check_place(setup, grant.path));
    grant.access = PathAccess::kWrite;
    grant.named_exactly = true;
    replace_grant(setup.profile.filesystem, grant);
    replace_grant(setup.policy.filesystem, grant);
  }
  return {};
}

}  // namespace writ
