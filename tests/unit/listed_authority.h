// A PrimitiveAuthority that allows a list of exact resources, remembers what it was asked, and can take a permit back
// between authorize() and begin().
#ifndef WRIT_TESTS_UNIT_LISTED_AUTHORITY_H_
#define WRIT_TESTS_UNIT_LISTED_AUTHORITY_H_

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/primitives/permit.h"

namespace writ::primitive_tests {

class ListedAuthority final : public PrimitiveAuthority {
 public:
  explicit ListedAuthority(std::vector<std::string> allowed) : allowed_(std::move(allowed)) {}
  using PrimitiveAuthority::authorize;

  Attempt<Permit> authorize(CapabilityRight right, const TypedResource& resource,
                            const std::string& argument_hash) override {
    asked.push_back(std::string(capability_right_name(right)) + " " + resource.text());
    hashes.push_back(argument_hash);
    if (std::find(allowed_.begin(), allowed_.end(), asked.back()) == allowed_.end())
      return refuse(PrimitiveCode::kDenied, "not allowed here");
    return Permit(std::make_unique<ListedGround>(*this));
  }

  std::vector<std::string> asked;  // "execute shell:git"
  std::vector<std::string> hashes;
  std::optional<EffectOutcome> outcome;  // of the last permit
  bool stands = true;                    // false: taken back in the meantime

 private:
  class ListedGround final : public PermitGround {
   public:
    explicit ListedGround(ListedAuthority& authority) : authority_(authority) {}
    bool may_proceed() override { return authority_.stands; }
    bool settle(EffectOutcome outcome) override {
      authority_.outcome = outcome;
      return true;
    }

   private:
    ListedAuthority& authority_;
  };

  std::vector<std::string> allowed_;
};

}  // namespace writ::primitive_tests

#endif  // WRIT_TESTS_UNIT_LISTED_AUTHORITY_H_
