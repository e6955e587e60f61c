// What `writ caps` writes into the person's audit log: a capability that was made, handed on or taken back.
#ifndef WRIT_LAUNCHER_CAPS_AUDIT_H_
#define WRIT_LAUNCHER_CAPS_AUDIT_H_

#include <functional>

#include "broker/audit/audit_record.h"
#include "broker/capability/capability_table.h"

namespace writ {

// Gives `use` the record of an event, which borrows what it is made of until `use` returns.
void with_capability_record(const AuthorityEvent& event, const std::function<void(const AuditRecord&)>& use);

// To be called when it is done. What cannot be recorded is said on standard error; it has happened all the same.
void record_in_audit_log(AuthorityEventKind kind, const Capability& capability, const Actor& actor);

}  // namespace writ

#endif  // WRIT_LAUNCHER_CAPS_AUDIT_H_
