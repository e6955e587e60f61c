// A PrimitiveAuthority that answers by what a test has allowed, and writes down what it was asked and how it was
// settled.
#ifndef WRIT_TESTS_UNIT_RECORDING_AUTHORITY_H_
#define WRIT_TESTS_UNIT_RECORDING_AUTHORITY_H_

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "broker/primitives/permit.h"

namespace writ::primitive_tests {

class RecordingAuthority : public PrimitiveAuthority {
 public:
  // "read object:*"; `uses`: how often, below 0: any number.
  void allow(CapabilityRight right, std::string_view resource, int uses = -1) {
    grants_.push_back(std::make_shared<Grant>(Grant{right, *TypedResource::parse(resource), uses}));
  }
  void take_back_everything() {
    for (const auto& grant : grants_) grant->revoked = true;
  }

  Attempt<Permit> authorize(CapabilityRight right, const TypedResource& resource,
                            const std::string& argument_hash) override {
    asked.push_back(std::string(capability_right_name(right)) + " " + resource.text());
    hashes.push_back(argument_hash);
    for (const auto& grant : grants_) {
      if (grant->revoked || grant->right != right || grant->uses == 0 || !grant->resource.covers(resource)) continue;
      if (grant->uses > 0) --grant->uses;
      return Permit(std::make_unique<Ground>(grant, settled));
    }
    return refuse(PrimitiveCode::kDenied, "not allowed in this test");
  }

  [[nodiscard]] bool was_asked(std::string_view what) const {
    return std::find(asked.begin(), asked.end(), what) != asked.end();
  }

  std::vector<std::string> asked;
  std::vector<std::string> hashes;
  std::vector<EffectOutcome> settled;

 private:
  struct Grant {
    CapabilityRight right;
    TypedResource resource;
    int uses;
    bool revoked = false;
  };

  class Ground : public PermitGround {
   public:
    Ground(std::shared_ptr<Grant> grant, std::vector<EffectOutcome>& record)
        : grant_(std::move(grant)), settled_(record) {}
    bool may_proceed() override { return !grant_->revoked; }
    bool settle(EffectOutcome outcome) override {
      settled_.push_back(outcome);
      if (outcome == EffectOutcome::kNotStarted && grant_->uses >= 0) ++grant_->uses;
      return true;
    }

   private:
    std::shared_ptr<Grant> grant_;
    std::vector<EffectOutcome>& settled_;
  };

  std::vector<std::shared_ptr<Grant>> grants_;
};

// What a request comes to: the JSON text of its value, or its code.
inline std::string outcome_of(const PrimitiveResult& result) {
  return result ? result->value.to_text() : std::string(primitive_code_name(result.error().code));
}

}  // namespace writ::primitive_tests

#endif  // WRIT_TESTS_UNIT_RECORDING_AUTHORITY_H_
