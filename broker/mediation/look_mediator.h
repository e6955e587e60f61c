// LookMediator: where rules ask: calls that look at something by name wait here, and somebody is asked when one leads
// into a place that may be asked about. Then the very same call completes: with a descriptor of the one file, or by the
// kernel after the place has joined the view.
//
// Where a run is to be explained, it also notes which names were looked for in vain although the host has them: those
// that the policy keeps out of the view.
//
// Calls that lead elsewhere go on as they would without it: to the mediator of changes where one is there, else to the
// kernel.
//
// Ownership: owns the asked places; decider, log and the mediator of changes are borrowed. Threads: one, that of the
// loop. Nothing here blocks.
#ifndef WRIT_BROKER_MEDIATION_LOOK_MEDIATOR_H_
#define WRIT_BROKER_MEDIATION_LOOK_MEDIATOR_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/kernel/acting_identity.h"
#include "broker/mediation/asked_trees.h"
#include "broker/mediation/caller_record.h"
#include "broker/mediation/decider.h"
#include "broker/mediation/denial_log.h"
#include "broker/mediation/look_calls.h"
#include "broker/mediation/tool_lookup.h"
#include "broker/mediation/write_mediator.h"

namespace writ {

enum class Explaining : std::uint8_t { kNo, kYes };

struct LookParts {
  AskedTrees places;
  ActingIdentity acting;
  WriteMediator* changes = nullptr;  // borrowed; null: the tool writes natively
  Explaining explaining = Explaining::kNo;
  // Asks init to attach the mount at the path. The answer comes to LookMediator::joined() with the same number.
  std::function<Status(std::size_t place, const AskedTree& tree)> join;
  // Asks init to take the place out of the view again.
  std::function<void(std::size_t place, const AskedTree& tree)> leave;
};

class LookMediator final : public NotificationHandler {
 public:
  LookMediator(LookParts parts, Decider& decider, DenialLog& denials);
  ~LookMediator() override;

  [[nodiscard]] std::variant<std::unique_ptr<CallCopy>, Answer> read(const Notification& call) override;
  [[nodiscard]] Answer decide(std::uint64_t id, std::unique_ptr<CallCopy> copy) override;
  void abandon(std::uint64_t id) override;

  // Goes on with a call for which the decider said kLater; as WriteMediator::resume(). AnswerLater: the place joins the
  // view first.
  [[nodiscard]] Answer resume(std::uint64_t id, Approval approval, const std::string& reason);
  [[nodiscard]] bool is_waiting(std::uint64_t id) const { return waiting_.contains(id); }

  // True where the question about the waiting call `id` is about one file, and not about the whole place.
  [[nodiscard]] bool asks_about_one_object(std::uint64_t id) const;

  // The place was attached (`error` 0) or not. Returns the calls that waited for it, and how all of them end.
  struct Ended {
    std::vector<std::uint64_t> calls;
    int error = 0;  // 0: the kernel makes the calls now
  };
  [[nodiscard]] Ended joined(std::size_t place, int error);

  // Whatever was allowed about the places at and beneath `path` is not any more: no later call finds them, one that
  // joins right now is taken away as soon as it has joined, and nobody is asked again in this run. Returns how many
  // are taken out of the view.
  std::size_t revoke(std::string_view path);

 private:
  struct CopiedLook;
  struct Spot {
    std::size_t place;
    std::string rest;  // beneath it; empty: the place itself
  };
  struct Asked {
    AccessRequest request;
    AccessVerdict verdict;
  };

  [[nodiscard]] int read_path(const Notification& call, CopiedLook& copy);
  [[nodiscard]] Answer perform(std::uint64_t id, std::unique_ptr<CopiedLook> look);
  [[nodiscard]] Answer go_on(std::uint64_t id, CopiedLook& look);
  [[nodiscard]] std::optional<Spot> locate(CopiedLook& look) const;
  void explain(const CopiedLook& look);
  [[nodiscard]] Answer ask_about(std::uint64_t id, std::unique_ptr<CopiedLook> look, const Spot& spot);
  [[nodiscard]] AccessVerdict verdict_about(std::uint64_t id, AccessRequest& request, const AskedTree& tree);
  [[nodiscard]] Answer allow(std::uint64_t id, std::unique_ptr<CopiedLook> look, Approval approval);
  [[nodiscard]] AccessRequest request_about(const CopiedLook& look, const Spot& spot) const;
  [[nodiscard]] static AnswerReach reach_of(const CopiedLook& look, const AskedTree& tree);
  [[nodiscard]] Answer refuse_revoked(CopiedLook& look, const Spot& spot);
  [[nodiscard]] Answer wait_for_joining(std::uint64_t id, std::unique_ptr<CopiedLook> look);
  [[nodiscard]] Answer deny(const AccessRequest& request, const AccessVerdict& verdict, const CallerRecord& caller);

  LookParts parts_;
  Decider& decider_;
  DenialLog& denials_;
  CallerTable callers_;
  std::optional<ToolLookup> lookup_;
  std::optional<ToolLookup> first_lookup_;  // opened for a call that was not found valid afterwards yet
  std::map<std::uint64_t, std::unique_ptr<CopiedLook>> waiting_;
  std::map<std::uint64_t, Asked> asked_;
  std::map<std::uint64_t, std::size_t> joining_;  // calls that wait for a place to join
};

}  // namespace writ

#endif  // WRIT_BROKER_MEDIATION_LOOK_MEDIATOR_H_
