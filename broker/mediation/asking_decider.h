// AskingDecider: the policy decides; what a rule wants asked, a questioner asks somebody about, while the call waits.
//
// What was allowed for the run is remembered: the very object and rights that were asked about, never more.
//
// Ownership: policy and questioner are borrowed. Threads: one, that of the loop.
#ifndef WRIT_BROKER_MEDIATION_ASKING_DECIDER_H_
#define WRIT_BROKER_MEDIATION_ASKING_DECIDER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "broker/mediation/decider.h"

namespace writ {

// Whoever asks. The answer comes to the mediator whose call waits, by resume().
class Questioner {
 public:
  Questioner() = default;
  Questioner(const Questioner&) = delete;
  Questioner& operator=(const Questioner&) = delete;
  virtual ~Questioner() = default;
  // `verdict` says which rule asks. Does not block.
  virtual void ask(std::uint64_t id, const AccessRequest& request, const AccessVerdict& verdict) = 0;
  // The call is gone: nobody waits for the answer.
  virtual void withdraw(std::uint64_t id) = 0;
};

class AskingDecider final : public Decider {
 public:
  // Without a questioner everything that is to be asked is denied.
  explicit AskingDecider(Decider& policy) : policy_(policy) {}
  void set_questioner(Questioner& questioner) { questioner_ = &questioner; }

  [[nodiscard]] AccessVerdict decide(std::uint64_t id, const AccessRequest& request) override;
  void withdraw(std::uint64_t id) override {
    if (questioner_ != nullptr) questioner_->withdraw(id);
  }
  [[nodiscard]] bool allows_plainly(const AccessRequest& request) const override {
    return policy_.allows_plainly(request);
  }

  [[nodiscard]] AccessVerdict explain(const AccessRequest& request) override { return policy_.explain(request); }
  [[nodiscard]] bool may_allow(const AccessRequest& request) const override { return policy_.may_allow(request); }

  // `request` was allowed for the run.
  void remember(const AccessRequest& request);

 private:
  struct Remembered {
    Rights rights;
    std::string path;
  };
  [[nodiscard]] bool is_remembered(const AccessRequest& request) const;

  Decider& policy_;
  Questioner* questioner_ = nullptr;
  std::vector<Remembered> allowed_;
};

}  // namespace writ

#endif  // WRIT_BROKER_MEDIATION_ASKING_DECIDER_H_
