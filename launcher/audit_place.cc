#include "launcher/audit_place.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <memory>

#include "broker/base/escape.h"
#include "launcher/profile_reading.h"

namespace writ {
namespace {

std::string resolved(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr), &std::free);
  return real ? std::string(real.get()) : path;
}

bool lies_in(const std::string& path, const std::string& tree) {
  return path == tree || tree == "/" || path.starts_with(tree + "/");
}

// A log that the tool can write proves nothing: its head lies beside it.
Status refuse_writable(const AuditPlan& plan, const RunSetup& setup) {
  const std::string directory = resolved(plan.directory);
  for (const PathGrant& grant : setup.profile.filesystem.grants)
    if (grant.access == PathAccess::kWrite && lies_in(directory, resolved(grant.path)))
      return fail("--audit: the tool could change its own audit log: " + quote_bytes(plan.directory + "/" + plan.name) +
                      " lies in " + quote_bytes(grant.path) + ", which is granted for writing",
                  "put it elsewhere; without --audit it is " + quote_bytes(own_audit_log(setup.person)));
  return {};
}

}  // namespace

std::string own_audit_log(const Person& person) { return person.state_home + "/writ/audit/" + kAuditLogName; }

Result<std::optional<AuditPlan>> plan_audit(const RunOptions& options, const RunSetup& setup) {
  const AuditSetting setting = setup.profile.audit;
  AuditPlan plan;
  if (setting == AuditSetting::kRequired) plan = {AuditNeed::kRequired, AuditDetail::kEverything, {}, kAuditLogName};
  if (options.audit == "none") {
    if (setting == AuditSetting::kRequired)
      return fail("--audit none: the profile requires an audit log", "leave the option out, or name a file");
    return std::nullopt;
  }
  if (options.audit.empty()) {
    if (setting == AuditSetting::kOff) return std::nullopt;
    return plan;
  }
  WRIT_ASSIGN(const std::string path, typed_path(options.audit, setup.person));
  const std::size_t slash = path.rfind('/');
  plan.detail = AuditDetail::kEverything;
  plan.directory = slash == 0 ? "/" : path.substr(0, slash);
  plan.name = path.substr(slash + 1);
  if (plan.name.empty()) return fail("--audit: " + quote_bytes(options.audit) + " names no file");
  WRIT_TRY(refuse_writable(plan, setup));
  return plan;
}

Result<HeldDirectory> own_state_directory(const Person& person) {
  // A home that is not there is nobody's to make, least of all root's.
  const bool in_home = lies_in(person.state_home, person.home);
  if (in_home && ::access(person.home.c_str(), F_OK) != 0)
    return fail_errno(errno, "there is no home for it: " + quote_bytes(person.home),
                      "set XDG_STATE_HOME, or name a file with --audit, or none");
  WRIT_ASSIGN(const HeldDirectory state, HeldDirectory::make(person.state_home));
  return state.make_below("writ");
}

Result<HeldDirectory> own_audit_directory(const Person& person) {
  WRIT_ASSIGN(const HeldDirectory own, own_state_directory(person));
  return own.make_below("audit");
}

Result<std::unique_ptr<AuditLog>> open_planned_log(const AuditPlan& plan, const Person& person) {
  WRIT_ASSIGN(const HeldDirectory own, own_state_directory(person));
  WRIT_ASSIGN(InstallationKeys keys, InstallationKeys::open(own));
  AuditLogOptions options;
  options.need = plan.need;
  if (plan.directory.empty()) {
    WRIT_ASSIGN(HeldDirectory directory, own.make_below("audit"));
    return AuditLog::open(std::move(directory), plan.name, std::move(keys), options);
  }
  WRIT_ASSIGN(HeldDirectory directory, HeldDirectory::open(plan.directory));
  return AuditLog::open(std::move(directory), plan.name, std::move(keys), options);
}

}  // namespace writ
