// AskingDecider: the policy decides; what a rule wants asked, a questioner asks somebody about, while the call waits.
//
// What was allowed for the run is remembered: the very object and rights that were asked about, never more.
//
// Ownership: policy, questioner and taker are borrowed. Threads: one, that of the loop.
#ifndef WRIT_BROKER_MEDIATION_ASKING_DECIDER_H_
#define WRIT_BROKER_MEDIATION_ASKING_DECIDER_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "broker/mediation/decider.h"

namespace writ {

class AskingDecider final : public Decider {
 public:
  // Without a questioner everything that is to be asked is denied.
  explicit AskingDecider(Decider& policy) : policy_(policy) {}
  // The answers come to `taker`, which knows whose call waits.
  void set_questioner(Questioner& questioner, AnswerTaker& taker) {
    questioner_ = &questioner;
    taker_ = &taker;
  }

  [[nodiscard]] AccessVerdict decide(std::uint64_t id, const AccessRequest& request) override;
  void withdraw(std::uint64_t id) override;
  [[nodiscard]] bool allows_plainly(const AccessRequest& request) const override {
    return policy_.allows_plainly(request);
  }

  [[nodiscard]] AccessVerdict explain(const AccessRequest& request) override { return policy_.explain(request); }
  [[nodiscard]] bool may_allow(const AccessRequest& request) const override { return policy_.may_allow(request); }

  // What was allowed for the run about `path` and everything beneath it is not any more. Returns how much that was.
  std::size_t forget(std::string_view path);

  // The question about the call `id` was answered; what is allowed for the run (kRun) is remembered.
  void settle(std::uint64_t id, Approval approval);

 private:
  struct Remembered {
    Rights rights;
    std::string path;
  };
  [[nodiscard]] bool is_remembered(Rights rights, std::string_view path) const;

  Decider& policy_;
  Questioner* questioner_ = nullptr;
  AnswerTaker* taker_ = nullptr;
  std::map<std::uint64_t, Remembered> asked_;
  std::vector<Remembered> allowed_;
};

}  // namespace writ

#endif  // WRIT_BROKER_MEDIATION_ASKING_DECIDER_H_
