// PrimitiveAuthority and Permit: authorise → act → settle, for one primitive.
//
//   WRIT_ATTEMPT(Permit permit, authority.authorize(CapabilityRight::kWrite, resource, {}));
//   …look at the target, prepare…
//   WRIT_REQUIRE(permit.begin());   // revoked in the meantime: refused
//   …act…
//   permit.settle(EffectOutcome::kDone);
//
// A use that was reserved returns only by settle(EffectOutcome::kNotStarted); a Permit that is dropped before begin()
// does that, after begin() it counts as done.
#ifndef WRIT_BROKER_PRIMITIVES_PERMIT_H_
#define WRIT_BROKER_PRIMITIVES_PERMIT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "broker/capability/capability_rights.h"
#include "broker/capability/capability_table.h"
#include "broker/capability/typed_resource.h"
#include "broker/primitives/primitive.h"

namespace writ {

// What a permit stands on: a use of a capability, or nothing that is used up.
class PermitGround {
 public:
  PermitGround() = default;
  PermitGround(const PermitGround&) = delete;
  PermitGround& operator=(const PermitGround&) = delete;
  virtual ~PermitGround() = default;
  [[nodiscard]] virtual bool may_proceed() = 0;
  // False: the store could not be written; the use stays taken.
  virtual bool settle(EffectOutcome outcome) = 0;
};

class Permit {
 public:
  explicit Permit(std::unique_ptr<PermitGround> ground) : ground_(std::move(ground)) {}
  Permit(Permit&&) noexcept = default;
  Permit& operator=(Permit&&) = delete;
  ~Permit() {
    if (ground_) (void)ground_->settle(begun_ ? EffectOutcome::kDone : EffectOutcome::kNotStarted);
  }

  // Call right before the effect. Error: what it stands on does not stand any more.
  [[nodiscard]] Attempt<std::monostate> begin() {
    if (!ground_->may_proceed()) return refuse(PrimitiveCode::kDenied, "the authority was taken back in the meantime");
    begun_ = true;
    return std::monostate();
  }
  // After it. kNotStarted only where it is certain that nothing happened.
  void settle(EffectOutcome outcome) {
    (void)ground_->settle(outcome);
    ground_.reset();
  }

 private:
  std::unique_ptr<PermitGround> ground_;
  bool begun_ = false;
};

// A program that shall be executed.
struct CommandWish {
  std::vector<std::string> argv;     // not empty
  std::string working_directory;     // in the workspace: "." or "src"
  std::string argument_hash;         // SHA-256 over both, 64 digits
  std::int64_t timeout_seconds = 0;  // rounded up
};

// Who may do what in one session. Asks a person where a rule or a capability says so; authorize() then waits.
class PrimitiveAuthority {
 public:
  PrimitiveAuthority() = default;
  PrimitiveAuthority(const PrimitiveAuthority&) = delete;
  PrimitiveAuthority& operator=(const PrimitiveAuthority&) = delete;
  virtual ~PrimitiveAuthority() = default;
  // `argument_hash`: SHA-256 of what an approval is bound to beside the resource (argv, content), or empty. Errors:
  // kDenied, whatever the reason; the reason is in the detail and in the audit log.
  [[nodiscard]] virtual Attempt<Permit> authorize(CapabilityRight right, const TypedResource& resource,
                                                  const std::string& argument_hash) = 0;
  // Reading the names in a directory.
  [[nodiscard]] virtual Attempt<Permit> authorize_listing(const TypedResource& directory) {
    return authorize(CapabilityRight::kRead, directory, {});
  }
  // Executing a program.
  [[nodiscard]] virtual Attempt<Permit> authorize_command(const CommandWish& wish) {
    return authorize(CapabilityRight::kExecute, "shell:" + wish.argv.front(), wish.argument_hash);
  }
  // The same from its text; a text that is no exact resource is denied.
  [[nodiscard]] Attempt<Permit> authorize(CapabilityRight right, const std::string& resource,
                                          const std::string& argument_hash = {}) {
    auto parsed = TypedResource::parse_exact(resource);
    if (!parsed) return refuse(PrimitiveCode::kDenied, parsed.error().what);
    return authorize(right, *parsed, argument_hash);
  }
};

}  // namespace writ

#endif  // WRIT_BROKER_PRIMITIVES_PERMIT_H_
