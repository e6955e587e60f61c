// CapabilityIndex: the capabilities that there are, found by id and by subject, and what they say together. The part of
// a CapabilityTable that has no lock, no ids to give and no reservations.
//
// Pure. Threads: one at a time.
#ifndef WRIT_BROKER_CAPABILITY_CAPABILITY_INDEX_H_
#define WRIT_BROKER_CAPABILITY_CAPABILITY_INDEX_H_

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "broker/capability/capability_request.h"

namespace writ {

class CapabilityIndex {
 public:
  // Puts a capability in, or in the place of the one with its id.
  void put(Capability capability);
  [[nodiscard]] const Capability* find(const CapabilityId& id) const;

  // Changes of one capability; it must be there.
  void set_status(const CapabilityId& id, CapabilityStatus status);
  void take_use(const CapabilityId& id);
  void return_use(const CapabilityId& id);

  // Deny > approval that resolves an ask > ask > allow > nothing, over all capabilities of the subject that count.
  // `reserved`: one that counts although its uses are used up, because one of them is reserved for this request.
  [[nodiscard]] CapabilityDecision decide(const CapabilityRequest& request, std::int64_t now,
                                          const Capability* reserved = nullptr) const;
  // Whether that decision would allow it; without saying why.
  [[nodiscard]] bool allows(const CapabilityRequest& request, std::int64_t now,
                            const Capability* reserved = nullptr) const;
  [[nodiscard]] CapabilityExplanation explain(const CapabilityRequest& request, std::int64_t now) const;

  // Whether the capability and all its parents are active, unexpired and not used up.
  [[nodiscard]] CapabilityStanding standing(const Capability& capability, std::int64_t now) const;

  // Calls `see` for each capability of `subject` that could count: not revoked, not used up.
  void for_each_usable(const Subject& subject, const std::function<void(const Capability&)>& see) const;
  // All, in no order.
  void for_each(const std::function<void(const Capability&)>& see) const;
  [[nodiscard]] std::size_t size() const { return by_id_.size(); }
  void clear();

 private:
  void list(Capability& capability);
  void unlist(const Capability& capability);
  [[nodiscard]] Capability& at(const CapabilityId& id) { return by_id_.find(id)->second; }
  void finish(CapabilityDecision& decision) const;
  // Shows `deliberation` every capability that counts.
  template <class Deliberation>
  void consult(const CapabilityRequest& request, std::int64_t now, const Capability* reserved,
               Deliberation& deliberation) const;

  std::unordered_map<CapabilityId, Capability, RandomBitsHash> by_id_;
  // Those that could count: what is revoked or used up is left out, so that it costs later decisions nothing.
  std::unordered_map<std::string, std::vector<Capability*>> usable_;
};

}  // namespace writ

#endif  // WRIT_BROKER_CAPABILITY_CAPABILITY_INDEX_H_
