// GuardFindings: the bounded list behind PersistenceGuard's report. Pure; one thread at a time.
#ifndef WRIT_BROKER_GRANT_GUARD_FINDINGS_H_
#define WRIT_BROKER_GRANT_GUARD_FINDINGS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "broker/grant/persistence_guard.h"

namespace writ {

class GuardFindings {
 public:
  explicit GuardFindings(std::size_t limit) : limit_(limit) {}

  // Adds one, or counts it where the same path was noticed in the same way before: then the first `kept_at` stays, and
  // the most serious action. `finding.times` is ignored.
  void record(GuardFinding finding);

  // An object that lay at `old_place` is at `new_place` now (a set-aside object that reached the quarantine).
  void relocate(const std::string& old_place, const std::string& new_place);

  // Escaped sentence; the same one is kept once; at most `limit` are kept.
  void warn(std::string sentence);

  [[nodiscard]] const std::vector<GuardFinding>& listed() const { return listed_; }
  // Moves everything into a report.
  [[nodiscard]] GuardReport take();

 private:
  std::size_t limit_;
  std::vector<GuardFinding> listed_;
  std::uint64_t not_listed_ = 0;
  std::vector<std::string> warnings_;
};

}  // namespace writ

#endif  // WRIT_BROKER_GRANT_GUARD_FINDINGS_H_
