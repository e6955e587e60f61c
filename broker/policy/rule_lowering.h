// Lowering: rules → what the view can enforce (grants, hidden paths, read-only paths), and which mechanism holds each
// rule. Pure; any thread.
#ifndef WRIT_BROKER_POLICY_RULE_LOWERING_H_
#define WRIT_BROKER_POLICY_RULE_LOWERING_H_

#include <string>
#include <vector>

#include "broker/base/error.h"
#include "broker/policy/profile.h"

namespace writ {

enum class Mechanism : std::uint8_t {
  kReadOnlyMount,     // allow read: a read-only mount of the tree in the view
  kWritableMount,     // allow write: a writable mount
  kNotInView,         // deny, ask: no allow reaches it, so it does not exist
  kCovered,           // deny read inside of an allowed tree: covered by an empty file or directory
  kReadOnlyCover,     // deny write inside of a writable tree: a read-only mount of the object itself
  kQuarantine,        // a protected name: the same, and a new one is taken away when it appears
  kNoExecuteMount,    // deny execute
  kNetworkNamespace,  // no address but the sandbox's own loopback exists
  kSeparateSandbox,   // commands: the executable is reached through the broker only
  kNotInForce,        // stricter than written: denied today
  kHostNetwork,       // network: host gives it, and nothing filters there
  kOnBehalf,          // addresses: the broker connects or binds on the host and hands the socket over
  kAsked,             // ask: the call waits while somebody decides
  kWrittenByBroker,   // allow write: read-only in the view, and the broker performs what changes it
  kRefusedByBroker,   // deny write there: refused call by call, also where nothing is yet
};
[[nodiscard]] std::string_view mechanism_text(Mechanism mechanism);  // a phrase for people

// What holds a rule about commands.
[[nodiscard]] Mechanism mechanism_of(const CommandRule& rule);

struct EnforcedRule {
  std::size_t rule;  // index into AccessPolicy::rules() of the same profile
  Mechanism mechanism;
};

struct Lowering {
  Profile profile;                     // `rules` folded into `filesystem`; nothing that only rules say is lost
  std::vector<EnforcedRule> enforced;  // one for each rule
  std::vector<std::string> warnings;   // rules that are not in force and denied instead
};

// Errors: a rule that no mechanism of today can hold and that would be weaker than written (with its origin).
[[nodiscard]] Result<Lowering> lower_rules(const Profile& profile);

}  // namespace writ

#endif  // WRIT_BROKER_POLICY_RULE_LOWERING_H_
