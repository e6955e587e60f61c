#include "launcher/caps_audit.h"

#include <unistd.h>

#include <string>

#include "launcher/audit_place.h"
#include "launcher/message.h"

namespace writ {
namespace {

Status write_record(AuthorityEventKind kind, const Capability& capability, const Actor& actor) {
  WRIT_ASSIGN(const Person person, identify_person(::geteuid(), ::getegid()));
  WRIT_ASSIGN(const auto log, open_planned_log(AuditPlan(), person));
  with_capability_record({kind, capability, actor}, [&](const AuditRecord& record) { (void)log->append(record); });
  return log->finish();
}

}  // namespace

void with_capability_record(const AuthorityEvent& event, const std::function<void(const AuditRecord&)>& use) {
  const Capability& capability = event.capability;
  const std::string resource = capability.resource.text();
  const std::string rights = capability_rights_text(capability.rights);
  const std::string id = id_text(capability.id);
  const bool by_person = event.actor.as == ActingAs::kPerson;
  AuditRecord record(AuditEvent::kCapability,
                     by_person ? kSubjectPerson : std::string_view(event.actor.subject.text()));
  record.set(AuditField::kAction, kAuthorityEventNames[static_cast<std::size_t>(event.kind)]);
  record.set(AuditField::kObjectKind, capability.resource.kind()).set(AuditField::kObject, resource);
  record.set(AuditField::kRights, rights).set(AuditField::kOutcome, effect_name(capability.effect));
  record.set(AuditField::kCause, capability.subject.text()).set(AuditField::kCapability, id);
  if (capability.uses_remaining) record.set(AuditField::kUses, *capability.uses_remaining);
  // Why it was made is not why it was taken back.
  const auto made_for = capability.metadata.find("reason");
  const bool revoked = event.kind == AuthorityEventKind::kRevoked;
  const std::string_view reason =
      revoked || made_for == capability.metadata.end() ? event.reason : std::string_view(made_for->second);
  record.set_unless_empty(AuditField::kReason, reason);
  use(record);
}

void record_in_audit_log(AuthorityEventKind kind, const Capability& capability, const Actor& actor) {
  if (const Status written = write_record(kind, capability, actor); !written)
    print_message("warning: this is not in the audit log: " + written.error().describe());
}

}  // namespace writ
