#include "launcher/run_confinement.h"

#include <unistd.h>

#include <utility>

namespace writ {
namespace {

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string nearest_existing(std::string path) {
  while (path.size() > 1 && ::access(path.c_str(), F_OK) != 0) path = directory_of(path);
  return path;
}

}  // namespace

std::vector<std::string> places_written_later(const RunOptions& options, const RunSetup& setup,
                                              const std::string& audit_log) {
  std::vector<std::string> places = {"/dev", "/sys/fs/cgroup", nearest_existing(setup.person.state_home + "/writ")};
  if (!options.report.empty()) places.push_back(directory_of(options.report));
  if (!audit_log.empty()) places.push_back(nearest_existing(directory_of(audit_log)));
  for (const PathGrant& grant : setup.profile.filesystem.grants)
    if (grant.access == PathAccess::kWrite) places.push_back(grant.host_path());
  return places;
}

JsonObject confinement_json(const BrokerConfinement& confinement) {
  JsonArray capabilities;
  for (const std::string& name : confinement.capabilities) capabilities.add(name);
  JsonObject seccomp;
  const bool filtered = confinement.seccomp_instructions != 0;
  seccomp.set("state", filtered ? "active" : "degraded").set("instructions", confinement.seccomp_instructions);
  if (!filtered) seccomp.set("reason", confinement.no_seccomp);
  JsonObject landlock;
  landlock.set("state", confinement.landlock_abi != 0 ? "active" : "degraded").set("abi", confinement.landlock_abi);
  if (!confinement.no_landlock.empty()) landlock.set("reason", confinement.no_landlock);
  JsonObject object;
  object.set("capabilities", std::move(capabilities)).set("seccomp", std::move(seccomp));
  return object.set("landlock", std::move(landlock));
}

}  // namespace writ
