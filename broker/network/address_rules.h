// AddressRules: what the rules of a profile say about one address: does it belong to the sandbox's own network, may it
// be reached on the host, is somebody to be asked about that, or none of it. Pure; immutable; any thread.
//
// Rules speak of the host's addresses. The loopback addresses mean the sandbox's own network, and the host's only where
// a rule that allows or asks names them: `localhost:8080` (127.0.0.1 and ::1), `127.0.0.1:8080`, `[::1]:8080`. A rule
// for every host
// (`*:443`) or a block that merely contains them does not. Names are not looked up: rules with other names match
// nothing.
#ifndef WRIT_BROKER_NETWORK_ADDRESS_RULES_H_
#define WRIT_BROKER_NETWORK_ADDRESS_RULES_H_

#include <set>
#include <string>
#include <vector>

#include "broker/approval/approval_question.h"
#include "broker/policy/access_policy.h"
#include "broker/policy/profile.h"

namespace writ {

enum class AddressVerdict : std::uint8_t {
  kOwn,     // stays in the sandbox's own network
  kHost,    // the broker does it on the host
  kAsk,     // the same, if somebody who is asked allows it
  kDenied,  // none of these
};

struct AddressDecision {
  AddressVerdict verdict = AddressVerdict::kDenied;
  std::string because;  // the rule, or that there is none; for people
  DecidingRule rule;    // of kAsk
};

class AddressRules {
 public:
  explicit AddressRules(const Profile& profile);

  // `address` as the kernel means it: as_destination() was applied.
  [[nodiscard]] AddressDecision decide_connect(const IpAddress& address, std::uint16_t port) const;
  // kOwn, kHost or kAsk: what no rule gives is bound in the sandbox's own network, as without rules.
  [[nodiscard]] AddressDecision decide_bind(const IpAddress& address, std::uint16_t port) const;

 private:
  [[nodiscard]] std::string because(const Decision& decision) const;
  // What holds on the host: kHost, kAsk, or kDenied where neither is written.
  [[nodiscard]] AddressVerdict on_host(const Decision& decision) const;
  [[nodiscard]] AddressDecision answer(AddressVerdict verdict, const Decision& decision) const;

  AccessPolicy policy_;
  std::vector<std::string> sources_;
  std::string nothing_;            // why, where no rule speaks of an address
  std::set<std::string> written_;  // the allow rules, as text: what the policy knows besides is built in
};

// True when calls must wait for the broker so that the rules of `profile` hold: it has a rule that allows addresses or
// asks about them (by address, block, port or localhost), and the sandbox has a network of its own.
[[nodiscard]] bool has_address_grants(const Profile& profile);

// True when one of those rules wants somebody asked.
[[nodiscard]] bool has_address_questions(const Profile& profile);

}  // namespace writ

#endif  // WRIT_BROKER_NETWORK_ADDRESS_RULES_H_
