// DenialLog: what was denied in one run, each thing once and counted, in a bounded list: for the lines at the end, the
// report, and the live trace. One thread at a time.
#ifndef WRIT_BROKER_MEDIATION_DENIAL_LOG_H_
#define WRIT_BROKER_MEDIATION_DENIAL_LOG_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/policy/access_policy.h"

namespace writ {

inline constexpr std::size_t kDenialLimit = 200;

// Everything as raw bytes: escape before showing.
struct DeniedAccess {
  std::string path;  // the resolved object
  Rights rights;
  DecisionCause cause = DecisionCause::kNothing;
  std::string rule;     // that denied; may be empty
  std::string reason;   // may be empty
  std::string program;  // whose call it was first
  std::string remedy;   // the one change that would allow it; empty where there is none, or it is nobody's business
  std::uint64_t times = 0;
};

class DenialLog {
 public:
  // Called for each denial, with its count so far.
  void set_observer(std::function<void(const DeniedAccess&)> observer) { observer_ = std::move(observer); }

  void add(DeniedAccess denial);

  [[nodiscard]] const std::vector<DeniedAccess>& denials() const { return denials_; }
  [[nodiscard]] std::uint64_t not_listed() const { return not_listed_; }

 private:
  std::vector<DeniedAccess> denials_;
  std::uint64_t not_listed_ = 0;
  std::function<void(const DeniedAccess&)> observer_;
};

// Words for reports: "rule", "secret", "hidden", "protected", "nothing".
[[nodiscard]] std::string_view cause_name(DecisionCause cause);

}  // namespace writ

#endif  // WRIT_BROKER_MEDIATION_DENIAL_LOG_H_
