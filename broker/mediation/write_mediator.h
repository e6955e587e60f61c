// WriteMediator: performs the calls that make, change or remove something in a mediated tree, as the tool, beneath the
// broker's own writable mount, after the policy allowed it on the canonical path (docs/mediation.md).
//
// A tool sees such a tree read-only. That is what makes letting the kernel go on (AnswerContinue) harmless wherever a
// call is none of ours: whatever its arguments turn into by then, in a mediated tree it ends in EROFS.
//
// Ownership: owns trees, lookup and table of callers; decider and log are borrowed. Threads: one, that of the loop;
// nothing here blocks: only regular files and directories are opened.
#ifndef WRIT_BROKER_MEDIATION_WRITE_MEDIATOR_H_
#define WRIT_BROKER_MEDIATION_WRITE_MEDIATOR_H_

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "broker/kernel/acting_identity.h"
#include "broker/kernel/user_namespace.h"
#include "broker/mediation/call_reader.h"
#include "broker/mediation/denial_log.h"
#include "broker/mediation/mediated_tree.h"
#include "broker/mediation/shielded_objects.h"
#include "broker/mediation/tree_door.h"
#include "broker/mediation/write_shields.h"

namespace writ {

struct MediationParts {
  MediatedTrees trees;
  WriteShields shields;
  IdentityMap identity;  // of the tool: chown(2) takes the numbers that the tool sees
  ActingIdentity acting;
};

class WriteMediator : public NotificationHandler {
 public:
  WriteMediator(MediationParts parts, Decider& decider, DenialLog& denials);

  [[nodiscard]] std::variant<std::unique_ptr<CallCopy>, Answer> read(const Notification& call) override;
  [[nodiscard]] Answer decide(std::uint64_t id, std::unique_ptr<CallCopy> copy) override;
  void abandon(std::uint64_t id) override {
    waiting_.erase(id);
    if (asked_.erase(id) > 0) decider_.withdraw(id);
  }

  // Goes on with a call for which the decider said kLater. The answer is for NotificationLoop::answer_later(), except
  // AnswerLater: then it waits for another decision. `reason`: of a denial, for the list of denials.
  [[nodiscard]] Answer resume(std::uint64_t id, Approval approval, const std::string& reason);
  [[nodiscard]] bool is_waiting(std::uint64_t id) const { return waiting_.contains(id); }

 private:
  // One call at work.
  struct Work {
    std::uint64_t id;
    CopiedCall& call;
  };
  // Something in a mediated tree; `tree` is nullptr where the view decides.
  struct Target {
    Place place;
    const MediatedTree* tree = nullptr;
    std::string path;
  };
  using FoundTarget = tl::expected<Target, Answer>;
  // What a change does to the directories above a shielded name.
  enum class Change : std::uint8_t {
    kKeepsWay,  // makes, keeps or removes a directory: the shielded name keeps its meaning
    kReplaces,  // puts something else there, or moves it
  };

  // ---- write_mediator.cc
  [[nodiscard]] Answer perform(Work& work);
  [[nodiscard]] FoundTarget target(const Work& work, const CopiedPath& path, FinalLink last_link) const;
  [[nodiscard]] FoundTarget object_target(const Work& work) const;
  [[nodiscard]] FoundTarget target_at(Place place) const;
  [[nodiscard]] FoundTarget target_of_descriptor(int descriptor) const;
  [[nodiscard]] std::optional<Answer> refuse(Work& work, Rights rights, const Target& target, Change change);
  [[nodiscard]] static AccessRequest request_of(const Work& work, Rights rights, const Target& target);
  [[nodiscard]] Answer deny(Work& work, const AccessRequest& request, const AccessVerdict& verdict);
  [[nodiscard]] bool is_alias(const struct stat& status);

  // ---- mediated_short_way.cc
  struct PlainTarget {
    const MediatedTree* tree;
    std::string path;
  };
  [[nodiscard]] std::optional<Answer> open_plainly(const Work& work);
  [[nodiscard]] std::optional<PlainTarget> plain_target(const Work& work) const;
  [[nodiscard]] std::optional<Answer> open_plain_file(const Work& work, const PlainTarget& target);
  [[nodiscard]] std::optional<Answer> make_plain_file(const Work& work, const PlainTarget& target);

  // ---- mediated_open.cc
  [[nodiscard]] Answer open(Work& work);
  [[nodiscard]] Answer open_existing(Work& work, const Target& target);
  [[nodiscard]] Answer open_new(Work& work, const Target& target);
  [[nodiscard]] Answer open_nameless(Work& work);
  [[nodiscard]] std::optional<Answer> open_again(const Work& work);
  [[nodiscard]] mode_t umask_of(const Work& work);
  [[nodiscard]] static Answer hand_over(const Work& work, UniqueFd file);
  [[nodiscard]] static Answer hand_over(const Work& work, UniqueFd file, mode_t mode);

  // ---- mediated_names.cc
  [[nodiscard]] Answer make_directory(Work& work);
  [[nodiscard]] Answer make_node(Work& work);
  [[nodiscard]] Answer unlink(Work& work);
  [[nodiscard]] Answer rename(Work& work);
  [[nodiscard]] Answer link(Work& work);
  [[nodiscard]] Answer link_object(Work& work, const Target& from, const Target& to);
  [[nodiscard]] Answer link_nameless(Work& work, const Target& to, int descriptor);
  [[nodiscard]] static Answer link_held(int object, int directory, const Place& to);
  [[nodiscard]] Answer symlink(Work& work);

  // ---- mediated_objects.cc
  using Action = int (WriteMediator::*)(const Work& work, int object, const struct stat& status);
  [[nodiscard]] Answer change_object(Work& work, Action action);
  [[nodiscard]] int truncate(const Work& work, int object, const struct stat& status);
  [[nodiscard]] int change_mode(const Work& work, int object, const struct stat& status);
  [[nodiscard]] int change_owner(const Work& work, int object, const struct stat& status);
  [[nodiscard]] int set_times(const Work& work, int object, const struct stat& status);
  [[nodiscard]] int set_attribute(const Work& work, int object, const struct stat& status);
  [[nodiscard]] int remove_attribute(const Work& work, int object, const struct stat& status);
  [[nodiscard]] Answer access(Work& work);

  MediationParts parts_;
  Decider& decider_;
  DenialLog& denials_;
  CallerTable callers_;
  ShieldedObjects shielded_;
  TreeDoor door_;
  std::optional<ToolLookup> lookup_;
  std::optional<ToolLookup> first_lookup_;  // opened for a call that was not found valid afterwards yet
  std::map<std::uint64_t, std::unique_ptr<CopiedCall>> waiting_;
  struct Asked {
    AccessRequest request;
    AccessVerdict verdict;
  };
  std::map<std::uint64_t, Asked> asked_;
};

}  // namespace writ

#endif  // WRIT_BROKER_MEDIATION_WRITE_MEDIATOR_H_
