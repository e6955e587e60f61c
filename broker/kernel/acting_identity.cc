#include "broker/kernel/acting_identity.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "broker/kernel/raw_syscall.h"

namespace writ {
namespace {

constexpr std::uint32_t kNobody = 0xFFFFFFFFu;  // never valid, so that setfsuid(2) only answers who we are

// setfsuid(2) reports no errors: whether it worked is found out by asking again.
bool switch_to(FileIdentity identity) {
  raw_syscall(SYS_setfsgid, identity.gid);
  raw_syscall(SYS_setfsuid, identity.uid);
  return static_cast<std::uint32_t>(raw_syscall(SYS_setfsuid, kNobody)) == identity.uid &&
         static_cast<std::uint32_t>(raw_syscall(SYS_setfsgid, kNobody)) == identity.gid;
}

// Whom the thread acts as; nobody: itself.
thread_local std::optional<FileIdentity> acting_as;

}  // namespace

UmaskScope::UmaskScope(mode_t mask) : own_(::umask(mask)) {}
UmaskScope::~UmaskScope() { ::umask(own_); }

Result<ActingIdentity> ActingIdentity::as(FileIdentity identity) {
  if (identity.uid == 0 || identity.gid == 0) return fail("a tool's files are never written as root");
  // Root's own groups would open files that the tool may not touch.
  if (const long dropped = raw_syscall(SYS_setgroups, 0, nullptr); dropped < 0)
    return fail_errno(static_cast<int>(-dropped), "cannot drop the broker's groups");
  ActingIdentity acting;
  acting.identity_ = identity;
  const bool works = Scope(acting).in_force();
  if (!step_back() || !works) return fail("cannot act as the tool's identity");
  return acting;
}

bool ActingIdentity::step_back() {
  if (!acting_as) return true;
  if (!switch_to({::geteuid(), ::getegid()})) return false;
  acting_as.reset();
  return true;
}

ActingIdentity::Scope::Scope(const ActingIdentity& identity, std::optional<mode_t> mask) : in_force_(true) {
  if (mask) mask_.emplace(*mask);
  if (acting_as == identity.identity_) return;
  in_force_ = step_back();
  if (!in_force_ || !identity.identity_) return;
  acting_as = identity.identity_;  // even if it is switched in half only
  in_force_ = switch_to(*identity.identity_);
  if (!in_force_) (void)step_back();
}

}  // namespace writ
