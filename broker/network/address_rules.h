// AddressRules: what the rules of a profile say about one address: does it belong to the sandbox's own network, may it
// be reached on the host, or neither. Pure; immutable; any thread.
//
// Rules speak of the host's addresses. The loopback addresses mean the sandbox's own network, and the host's only where
// an allow rule names them: `localhost:8080` (127.0.0.1 and ::1), `127.0.0.1:8080`, `[::1]:8080`. A rule for every host
// (`*:443`) or a block that merely contains them does not. Names are not looked up: rules with other names match
// nothing.
#ifndef WRIT_BROKER_NETWORK_ADDRESS_RULES_H_
#define WRIT_BROKER_NETWORK_ADDRESS_RULES_H_

#include <set>
#include <string>

#include "broker/policy/access_policy.h"
#include "broker/policy/profile.h"

namespace writ {

enum class AddressVerdict : std::uint8_t {
  kOwn,     // stays in the sandbox's own network
  kHost,    // the broker does it on the host
  kDenied,  // neither
};

struct AddressDecision {
  AddressVerdict verdict = AddressVerdict::kDenied;
  std::string because;  // the rule, or that there is none; for people
};

class AddressRules {
 public:
  explicit AddressRules(const Profile& profile);

  // `address` as the kernel means it: as_destination() was applied.
  [[nodiscard]] AddressDecision decide_connect(const IpAddress& address, std::uint16_t port) const;
  // kOwn or kHost: what no rule gives is bound in the sandbox's own network, as without rules.
  [[nodiscard]] AddressDecision decide_bind(const IpAddress& address, std::uint16_t port) const;

 private:
  [[nodiscard]] std::string because(const Decision& decision) const;
  [[nodiscard]] bool is_written(const Decision& decision) const;

  AccessPolicy policy_;
  std::string nothing_;            // why, where no rule speaks of an address
  std::set<std::string> written_;  // the allow rules, as text: what the policy knows besides is built in
};

// True when calls must wait for the broker so that the rules of `profile` hold: it has an allow rule about addresses
// (by address, block, port or localhost), and the sandbox has a network of its own.
[[nodiscard]] bool has_address_grants(const Profile& profile);

}  // namespace writ

#endif  // WRIT_BROKER_NETWORK_ADDRESS_RULES_H_
