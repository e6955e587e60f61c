#include "broker/kernel/acting_identity.h"

#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "broker/kernel/namespace_ids.h"
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

// The group 0 of a user namespace may be an ordinary group outside of it (namespace_ids.h).
bool is_host_root(FileIdentity identity) {
  if (identity.uid != 0 && identity.gid != 0) return false;
  const NamespaceIds ids = read_namespace_ids();
  return ids.level != UserNamespaceLevel::kContained || ids.root == RootMeaning::kHostRoot;
}

// Whom the thread acts as; nobody: itself.
thread_local std::optional<FileIdentity> acting_as;

// What the process had when it began to act as others.
int parent_death_signal = 0;  // 0: none
pid_t parent = 0;

// Every change of the fsuid takes the parent-death signal away (PR_SET_PDEATHSIG(2const)). A parent that died meanwhile
// is seen by its number.
void keep_dying_with_parent() {
  if (parent_death_signal == 0) return;
  (void)::prctl(PR_SET_PDEATHSIG, parent_death_signal);
  if (::getppid() != parent) (void)::raise(parent_death_signal);
}

}  // namespace

UmaskScope::UmaskScope(mode_t mask) : own_(::umask(mask)) {}
UmaskScope::~UmaskScope() { ::umask(own_); }

Result<ActingIdentity> ActingIdentity::as(FileIdentity identity) {
  if (is_host_root(identity)) return fail("a tool's files are never written as root");
  // Root's own groups would open files that the tool may not touch.
  // Where they cannot be dropped, the tool's own process has them as well.
  const long dropped = raw_syscall(SYS_setgroups, 0, nullptr);
  if (dropped < 0 && read_namespace_ids().groups == SupplementaryGroups::kCanBeDropped)
    return fail_errno(static_cast<int>(-dropped), "cannot drop the broker's groups");
  ActingIdentity acting;
  acting.identity_ = identity;
  (void)::prctl(PR_GET_PDEATHSIG, &parent_death_signal);
  parent = ::getppid();
  const bool works = Scope(acting).in_force();
  if (!step_back() || !works) return fail("cannot act as the tool's identity");
  return acting;
}

bool ActingIdentity::step_back() {
  if (!acting_as) return true;
  const bool switched = switch_to({::geteuid(), ::getegid()});
  keep_dying_with_parent();
  if (switched) acting_as.reset();
  return switched;
}

ActingIdentity::Pause::Pause() : before_(acting_as) {
  if (!before_) return;
  mask_.emplace(077);
  (void)step_back();
}

ActingIdentity::Pause::~Pause() {
  if (!before_ || acting_as == before_) return;
  acting_as = before_;
  if (!switch_to(*before_)) std::abort();
  keep_dying_with_parent();
}

ActingIdentity::Scope::Scope(const ActingIdentity& identity, std::optional<mode_t> mask) : in_force_(true) {
  if (mask) mask_.emplace(*mask);
  if (acting_as == identity.identity_) return;
  in_force_ = step_back();
  if (!in_force_ || !identity.identity_) return;
  acting_as = identity.identity_;  // even if it is switched in half only
  in_force_ = switch_to(*identity.identity_);
  keep_dying_with_parent();
  if (!in_force_) (void)step_back();
}

}  // namespace writ
