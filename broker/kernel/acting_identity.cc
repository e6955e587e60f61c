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
  if (!Scope(acting).in_force()) return fail("cannot act as the tool's identity");
  return acting;
}

ActingIdentity::Scope::Scope(const ActingIdentity& identity, std::optional<mode_t> mask) {
  if (mask) mask_.emplace(*mask);
  if (!identity.identity_) return;
  own_ = FileIdentity{::geteuid(), ::getegid()};
  in_force_ = switch_to(*identity.identity_);
}

ActingIdentity::Scope::~Scope() {
  // The user first: with root's fsuid the file capabilities come back.
  if (own_) {
    raw_syscall(SYS_setfsuid, own_->uid);
    raw_syscall(SYS_setfsgid, own_->gid);
  }
}

}  // namespace writ
