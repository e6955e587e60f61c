// WhyChange: the one rule that would turn a decision around, tried out before it is proposed. Pure; any thread.
#ifndef WRIT_LAUNCHER_WHY_CHANGE_H_
#define WRIT_LAUNCHER_WHY_CHANGE_H_

#include <cstdint>
#include <string>

#include "launcher/run_setup.h"
#include "launcher/why_answer.h"

namespace writ {

enum class HostKind : std::uint8_t { kAbsent, kFile, kDirectory };

// What the answer says about the object on this host.
struct AskedObject {
  HostKind kind = HostKind::kAbsent;
  HostKind parent = HostKind::kAbsent;
};

struct WhyChange {
  std::string advice;  // one sentence, escaped
  std::string yaml;    // a rule to paste below `rules:` or `commands:`, may be empty
  std::string option;  // the same for one run: "--read /srv/data"; may be empty
};

// Returns what would change `answer`. A rule is proposed only when deciding with it comes out the other way round and
// the kernel can hold it today. Nothing is proposed that shows more of a place for secrets than the file that was asked
// about, and nothing against a deny rule or a bound: those must be changed themselves.
[[nodiscard]] WhyChange find_change(const RunPolicy& policy, const AccessRequest& request, const WhyAnswer& answer,
                                    const AskedObject& object);

}  // namespace writ

#endif  // WRIT_LAUNCHER_WHY_CHANGE_H_
