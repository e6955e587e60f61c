// AgentObject: one thing that an agent remembers. Plain values; pure; any thread.
#ifndef WRIT_BROKER_AGENT_MEMORY_OBJECT_H_
#define WRIT_BROKER_AGENT_MEMORY_OBJECT_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "broker/base/json_text.h"
#include "broker/capability/subject.h"

namespace writ {

enum class ObjectType : std::uint8_t {
  kTask,
  kGoal,
  kPlan,
  kStep,
  kConstraint,
  kMessage,
  kHumanDecision,
  kHumanRequest,
  kToolResult,
  kObservation,
  kErrorTrace,
  kCodePatch,
  kTestResult,
  kEvidence,
  kClaim,
  kSummary,
  kSkill,
  kToolSpec,
  kToolCandidate,
  kToolArtifact,
  kCheckpoint,
  kProcessState,
  kExternalRef,
  kArtifact,
};
// The words, in the order of ObjectType.
inline constexpr std::array<std::string_view, 24> kObjectTypeNames = {
    "task",           "goal",          "plan",        "step",          "constraint",   "message",
    "human_decision", "human_request", "tool_result", "observation",   "error_trace",  "code_patch",
    "test_result",    "evidence",      "claim",       "summary",       "skill",        "tool_spec",
    "tool_candidate", "tool_artifact", "checkpoint",  "process_state", "external_ref", "artifact"};

[[nodiscard]] constexpr std::string_view object_type_name(ObjectType type) {
  return kObjectTypeNames[static_cast<std::size_t>(type)];
}

// Counted in the order of creation, from 1. It is a reference and gives nothing to whoever knows it.
struct ObjectId {
  std::uint64_t number = 0;

  [[nodiscard]] std::string text() const { return "obj_" + std::to_string(number); }
  [[nodiscard]] friend bool operator==(ObjectId a, ObjectId b) { return a.number == b.number; }
};

enum class ObjectChange : std::uint8_t { kImmutable, kMutable };

// Who an object goes with: a live one when its owner ends, a result not.
enum class ObjectHold : std::uint8_t { kLive, kResult };

struct AgentObject {
  ObjectId id;
  std::string in_namespace;
  std::string name;  // unique there
  ObjectType type = ObjectType::kObservation;
  JsonValue payload;
  JsonObject metadata;
  std::uint64_t version = 1;  // one more with each change of the object, whatever it is
  ObjectChange change = ObjectChange::kImmutable;
  Subject owner;
  ObjectHold hold = ObjectHold::kLive;
  std::size_t payload_bytes = 0;  // of the payload as JSON text
  std::size_t held_bytes = 0;     // in memory, about
};

// What somebody wants an object to be.
struct ObjectDraft {
  std::string in_namespace;
  Subject owner;
  JsonValue payload;
  ObjectType type = ObjectType::kObservation;
  std::optional<std::string> name{};  // none: "<type>:<oid>"
  ObjectChange change = ObjectChange::kImmutable;
  JsonObject metadata{};
};

// What a listing says of an object: everything but its content.
struct ObjectListing {
  ObjectId id;
  std::string name;
  ObjectType type = ObjectType::kObservation;
  std::uint64_t version = 1;
  std::size_t payload_bytes = 0;
};

}  // namespace writ

#endif  // WRIT_BROKER_AGENT_MEMORY_OBJECT_H_
