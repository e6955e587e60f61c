// AccessPolicy: a profile compiled for deciding. decide() is a pure function of the request: no file is looked at, so
// what exists and what does not are answered alike. Immutable; any number of threads.
//
// Cost: one walk over the segments of the path, whatever the number of rules.
#ifndef WRIT_BROKER_POLICY_ACCESS_POLICY_H_
#define WRIT_BROKER_POLICY_ACCESS_POLICY_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/error.h"
#include "broker/policy/profile.h"
#include "broker/policy/rule.h"

namespace writ {

// Why a request was decided as it was.
enum class DecisionCause : std::uint8_t {
  kRule,       // an allow, ask or deny rule (also what filesystem.read / write grant)
  kSecret,     // lies in a secret location that no rule names exactly
  kHidden,     // lies below an entry of filesystem.hide
  kProtected,  // writing to a protected name (filesystem.protect)
  kNothing,    // no rule speaks of it
};

struct Decision {
  Effect effect = Effect::kDeny;
  DecisionCause cause = DecisionCause::kNothing;
  // The rule that decided: of those with the deciding effect, the one with the longest path. nullptr for kNothing.
  // Secrets, hidden and protected names appear as deny rules made from them. Lives as long as the policy.
  const Rule* rule = nullptr;
};

class AccessPolicy {
 public:
  // Compiles everything that `profile` says about paths and addresses: filesystem.read and write (allow), secrets and
  // hide, protect, network, rules. The policy does not refer to `profile` afterwards.
  [[nodiscard]] static AccessPolicy compile(const Profile& profile);

  AccessPolicy(AccessPolicy&&) noexcept;
  AccessPolicy& operator=(AccessPolicy&&) noexcept;
  ~AccessPolicy();

  // Decides whether every right of `rights` (path rights) may be used on `path` (absolute, lexically normal, as the
  // tool sees it). The effect is the strongest over the single rights. Empty rights are denied.
  [[nodiscard]] Decision decide_path(Rights rights, std::string_view path) const;

  // The same for connect and bind. Link-local and metadata addresses (169.254.0.0/16, fe80::/10, fd00:ec2::254, …) are
  // denied unless an allow rule names the very address.
  [[nodiscard]] Decision decide_address(Rights rights, const Address& address) const;

  // Every rule, in the order of the profile, with those made from lists; for explanations.
  [[nodiscard]] const std::vector<Rule>& rules() const;

 private:
  struct Index;
  explicit AccessPolicy(std::unique_ptr<Index> index);
  std::unique_ptr<Index> index_;
};

}  // namespace writ

#endif  // WRIT_BROKER_POLICY_ACCESS_POLICY_H_
