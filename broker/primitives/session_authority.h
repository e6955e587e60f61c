// SessionAuthority: what the calls of one session may do: the tool's manifest as an upper bound, what the profile says
// of paths and addresses, and the capabilities of the session's subject.
//
// Bounds come before all of these: what they do not allow of paths and addresses is denied, whoever holds a capability
// for it. A deny of any of them wins. A capability that allows answers what the profile leaves open or wants asked; one
// that asks beats a profile that allows. Where a person started the session and named no subject, what the profile
// cannot speak of (the clock, programs, people, objects) is allowed: the person could do it anyway. A subject has only
// what it holds.
//
// Every request and every decision is recorded before anything comes of it. Ownership: everything is borrowed. Threads:
// one.
#ifndef WRIT_BROKER_PRIMITIVES_SESSION_AUTHORITY_H_
#define WRIT_BROKER_PRIMITIVES_SESSION_AUTHORITY_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/approval/questioner.h"
#include "broker/audit/audit_sink.h"
#include "broker/authority/durable_authority.h"
#include "broker/policy/access_policy.h"
#include "broker/primitives/permit.h"
#include "broker/tool/tool_manifest.h"

namespace writ {

struct PersonsAnswer {
  Approval approval = Approval::kDenied;
  std::string reason;
};

struct SessionAuthorityOptions {
  const AccessPolicy* policy = nullptr;
  // What the manifests of the session and the ceiling allow together, without the profile; null: there are none.
  const AccessPolicy* bounds = nullptr;
  std::string workspace;                            // absolute, canonical
  DurableAuthority* capabilities = nullptr;         // null: there are none
  std::optional<Subject> subject;                   // whose; nothing: a person's own session
  AuditSink* audit = nullptr;                       // null: nothing is recorded
  std::function<PersonsAnswer(QuestionDraft)> ask;  // waits for somebody; empty: nobody is asked
};

class SessionAuthority final : public PrimitiveAuthority {
 public:
  explicit SessionAuthority(SessionAuthorityOptions options) : options_(std::move(options)) {}

  // A call of the tool `tool` begins; `manifest` may be null: a tool without one has no upper bound of its own.
  void begin_call(std::string tool, const ToolManifest* manifest);
  // A request of it begins. Returns what names it in errors and in the log.
  [[nodiscard]] std::string begin_request(std::string_view name);
  // The same of the one that began last.
  [[nodiscard]] const std::string& current_request() const { return correlation_; }
  // False: what was recorded so far is not in the log although it has to be, so nothing may come of it. Decisions look
  // by themselves; this is for what needs none.
  [[nodiscard]] bool is_recorded() const { return options_.audit == nullptr || options_.audit->settle(); }

  using PrimitiveAuthority::authorize;
  [[nodiscard]] Attempt<Permit> authorize(CapabilityRight right, const TypedResource& resource,
                                          const std::string& argument_hash) override;
  [[nodiscard]] Attempt<Permit> authorize_listing(const TypedResource& directory) override;
  [[nodiscard]] Attempt<Permit> authorize_command(const CommandWish& wish) override;

 private:
  struct Wish {
    CapabilityRight right;
    const TypedResource& resource;
    Rights policy_rights;  // none: the profile cannot speak of it
    std::string argument_hash;
    const CommandWish* command = nullptr;
  };
  struct Choice {
    std::optional<CapabilityRequest> request;
    CapabilityDecision decision;
    bool own = false;  // one about the very right that is wished for was among them
  };
  // What was found, before somebody is asked.
  struct Verdict {
    Effect effect = Effect::kDeny;
    std::string_view cause;
    std::string rule;
    std::string capability;
    std::string reason;
  };

  struct Weighed {
    Verdict verdict;
    Choice choice;
  };

  [[nodiscard]] Attempt<Permit> decide(const Wish& wish);
  [[nodiscard]] Decision policy_decision(const Wish& wish) const;
  [[nodiscard]] bool bounds_allow(const Wish& wish) const;
  [[nodiscard]] std::vector<TypedResource> names_of(const TypedResource& resource) const;
  // Its own right first; of the others only what is denied or asked counts.
  [[nodiscard]] static std::vector<CapabilityRight> rights_of(const Wish& wish);
  [[nodiscard]] Result<Choice> capability_choice(const Wish& wish) const;
  // What holds at this moment.
  [[nodiscard]] Weighed weigh(const Wish& wish) const;
  [[nodiscard]] Verdict weigh(const Wish& wish, const Decision& policy, const Choice& choice) const;
  [[nodiscard]] Attempt<Permit> ask(const Wish& wish, const Verdict& verdict);
  [[nodiscard]] Attempt<Permit> allow(const Wish& wish, const Choice& choice, Verdict verdict);
  [[nodiscard]] tl::unexpected<PrimitiveFailure> deny(const Wish& wish, Verdict verdict);
  bool record(const Wish& wish, const Verdict& verdict);
  [[nodiscard]] std::optional<ApprovalObject> object_of(const Wish& wish) const;
  [[nodiscard]] std::string absolute_path(const TypedResource& resource) const;

  SessionAuthorityOptions options_;
  std::string tool_;
  const ToolManifest* manifest_ = nullptr;
  std::string request_;  // its name
  RecordNumber record_;
  std::string correlation_;
  std::uint64_t requests_ = 0;
};

}  // namespace writ

#endif  // WRIT_BROKER_PRIMITIVES_SESSION_AUTHORITY_H_
