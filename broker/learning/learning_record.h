// LearningRecord: what one run used, sorted while it is seen: what a policy grants already is only counted, by rule;
// the rest is kept. Memory is bounded whatever the tool does. Pure; one thread at a time.
#ifndef WRIT_BROKER_LEARNING_LEARNING_RECORD_H_
#define WRIT_BROKER_LEARNING_LEARNING_RECORD_H_

#include <cstdint>
#include <map>
#include <string_view>

#include "broker/learning/learning_places.h"
#include "broker/learning/observation.h"
#include "broker/policy/access_policy.h"

namespace writ {

// The rights that `sighting` needs by the words of the policy language: a directory is listed and not read, and to look
// at something one must be able to see it.
[[nodiscard]] Rights needed_rights(const PathSighting& sighting);

// A rule that no profile wrote: what every sandbox has.
[[nodiscard]] bool is_built_in(const Rule& rule);

class LearningRecord {
 public:
  // Both borrowed; they must outlive the record. `policy` is what the run would have had without learning.
  LearningRecord(const LearningPlaces& places, const AccessPolicy& policy) : places_(places), policy_(policy) {}

  void add(const PathSighting& sighting, std::string_view program);
  void add(const AddressSighting& sighting, std::string_view program) { addresses_.add(sighting, program); }

  // What the policy does not grant, or grants only under another name. Absent things that were only looked for are not
  // among it, except secrets.
  [[nodiscard]] const ObservationLog& not_granted() const { return log_; }
  [[nodiscard]] const AddressLog& addresses() const { return addresses_; }
  // How often each allow rule of the policy was what a call needed.
  [[nodiscard]] const std::map<const Rule*, std::uint64_t>& rule_uses() const { return uses_; }
  // The rights that were used in the workspace.
  [[nodiscard]] Rights workspace_use() const { return workspace_; }
  [[nodiscard]] std::uint64_t sightings() const { return sightings_; }

  [[nodiscard]] const LearningPlaces& places() const { return places_; }
  [[nodiscard]] const AccessPolicy& policy() const { return policy_; }

  // The policy's decision about the real object. What every sandbox has of its own in its place (a private home, or
  // /tmp where the home or the workspace lies there) is no grant of it.
  [[nodiscard]] Decision decide(Rights rights, std::string_view path) const;

  // Whether a call finds `link` in the sandbox without a rule of its own.
  [[nodiscard]] bool is_there_anyway(std::string_view link) const;

 private:
  [[nodiscard]] bool needs_its_name(const PathSighting& sighting) const;

  const LearningPlaces& places_;
  const AccessPolicy& policy_;
  ObservationLog log_;
  AddressLog addresses_;
  std::map<const Rule*, std::uint64_t> uses_;
  Rights workspace_;
  std::uint64_t sightings_ = 0;
};

}  // namespace writ

#endif  // WRIT_BROKER_LEARNING_LEARNING_RECORD_H_
