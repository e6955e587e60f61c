// WhyAnswer: one access judged under everything that decides about it: the profile with the options of the command
// line, manifests, the ceiling. Looks at the host only for what a name means here.
#ifndef WRIT_LAUNCHER_WHY_ANSWER_H_
#define WRIT_LAUNCHER_WHY_ANSWER_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "broker/base/error.h"
#include "broker/policy/access_policy.h"
#include "launcher/effective_profile.h"
#include "launcher/run_setup.h"

namespace writ {

// Whether there is something on the host that the question is about. The sandbox's own scratch (/tmp, the private home)
// never shows it.
enum class AskedAbout : std::uint8_t { kPlace, kHostObject };

// All names of one object: as typed, and what symbolic links on the host make of it. Each must be allowed.
struct PathRequest {
  Rights rights;
  std::vector<std::string> names;
  AskedAbout about = AskedAbout::kPlace;
};
struct AddressRequest {
  Rights rights;
  Address address;
};
struct CommandRequest {
  std::vector<std::string> argv;   // the program as absolute path where it was found
  std::vector<std::string> names;  // of the program; empty: it was not found
};
using AccessRequest = std::variant<PathRequest, AddressRequest, CommandRequest>;

// What the decision was made from, in words for programs.
enum class WhyCause : std::uint8_t { kRule, kSecret, kHidden, kProtected, kNothing, kCommand, kSandbox };
inline constexpr std::array<std::string_view, 7> kWhyCauseNames = {"rule",    "secret",  "hidden", "protected",
                                                                   "nothing", "command", "sandbox"};

struct WhyDecision {
  Effect effect = Effect::kDeny;
  WhyCause cause = WhyCause::kNothing;
  std::string rule;    // text of the deciding one, may be empty
  std::string reason;  // why the rule is there, may be empty
  std::string place;   // "my.yaml:12", empty when it is in no file
};

// Returns what `profile` alone says.
[[nodiscard]] WhyDecision decide_request(const Profile& profile, const AccessRequest& request);

struct WhyAnswer {
  WhyDecision decision;
  std::optional<BoundKind> bound;  // what decided was not the profile, but this
  std::string decided_by;          // "the profile default", "the ceiling /etc/writ/ceiling.yaml"; escaped
  Mechanism mechanism = Mechanism::kNotInView;
};

// Judges `request`. Errors: those of make_effective_profile().
[[nodiscard]] Result<WhyAnswer> judge(const RunPolicy& policy, const AccessRequest& request);

}  // namespace writ

#endif  // WRIT_LAUNCHER_WHY_ANSWER_H_
