// What an audit record can say: the closed lists of events and fields, each in one table. A new event is one row here;
// docs/audit.md describes the format. Plain data; any thread.
#ifndef WRIT_BROKER_AUDIT_AUDIT_EVENT_H_
#define WRIT_BROKER_AUDIT_AUDIT_EVENT_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>

namespace writ {

inline constexpr int kAuditSchemaVersion = 1;

enum class AuditEvent : std::uint8_t {
  kSegment,           // the first record of a file, and the last one of a file that another follows
  kHead,              // a signature over everything before
  kIncomplete,        // something is missing before this record, and it is known what
  kStart,             // a run begins
  kLaunch,            // its program is executed, or could not be
  kRequest,           // something was asked for, and is decided later
  kDecision,          // about a call, an address or a command
  kGrant,             // something was given during the run
  kApprovalAsked,     // somebody is asked
  kApprovalAnswered,  // the answer; its parent is the question
  kCapability,        // a capability changed
  kLimit,             // a limit was reached
  kExit,              // a run is over
};

enum class FieldKind : std::uint8_t {
  kWord,    // one of Writ's own words, or digits: printable ASCII without quotes and backslashes
  kText,    // bytes from elsewhere: redacted, escaped, capped
  kNumber,  // an unsigned integer
  kList,    // texts
};

// In the order in which they stand in a line.
enum class AuditField : std::uint8_t {
  kAction,
  kObjectKind,
  kObject,
  kRights,
  kOutcome,
  kCause,
  kRule,
  kOrigin,
  kReason,
  kCapability,
  kUses,
  kTimes,
  kArgv,
  kProgram,
  kProfile,
  kProfileDigest,
  kSources,
  kWorkspace,
  kRequested,
  kPid,
  kSupervisor,
  kDepth,
  kWritVersion,
  kActiveLayers,
  kDegradedLayers,
  kViewDigest,
  kViewEntries,
  kLimit,
  kValue,
  kPeak,
  kStatus,
  kSignal,
  kWallTime,
  kUserTime,
  kSystemTime,
  kPeakMemory,
  kMissing,
  kPartialBytes,
  kPartialDigest,
  kLog,
  kPrevious,
  kReplacedLog,
  kReplacedCount,
  kCount,
  kOf,
  kKey,
  kSignature,
};

struct AuditFieldRow {
  std::string_view name;
  FieldKind kind;
};

inline constexpr auto kAuditFields = std::to_array<AuditFieldRow>({
    {"action", FieldKind::kWord},
    {"object_kind", FieldKind::kWord},
    {"object", FieldKind::kText},
    {"rights", FieldKind::kWord},
    {"outcome", FieldKind::kWord},
    {"cause", FieldKind::kWord},
    {"rule", FieldKind::kText},
    {"origin", FieldKind::kText},
    {"reason", FieldKind::kText},
    {"capability", FieldKind::kText},
    {"uses", FieldKind::kNumber},
    {"times", FieldKind::kNumber},
    {"argv", FieldKind::kList},
    {"program", FieldKind::kText},
    {"profile", FieldKind::kText},
    {"profile_digest", FieldKind::kWord},
    {"sources", FieldKind::kList},
    {"workspace", FieldKind::kText},
    {"requested", FieldKind::kText},
    {"pid", FieldKind::kNumber},
    {"supervisor", FieldKind::kNumber},
    {"depth", FieldKind::kNumber},
    {"writ_version", FieldKind::kWord},
    {"active_layers", FieldKind::kList},
    {"degraded_layers", FieldKind::kList},
    {"view_digest", FieldKind::kWord},
    {"view_entries", FieldKind::kNumber},
    {"limit", FieldKind::kWord},
    {"value", FieldKind::kNumber},
    {"peak", FieldKind::kNumber},
    {"status", FieldKind::kNumber},
    {"signal", FieldKind::kNumber},
    {"wall_us", FieldKind::kNumber},
    {"user_us", FieldKind::kNumber},
    {"system_us", FieldKind::kNumber},
    {"peak_memory_kib", FieldKind::kNumber},
    {"missing", FieldKind::kNumber},
    {"partial_bytes", FieldKind::kNumber},
    {"partial_sha256", FieldKind::kWord},
    {"log", FieldKind::kWord},
    {"previous", FieldKind::kWord},
    {"replaced_log", FieldKind::kWord},
    {"replaced_count", FieldKind::kNumber},
    {"count", FieldKind::kNumber},
    {"of", FieldKind::kWord},
    {"key", FieldKind::kWord},
    {"signature", FieldKind::kWord},
});
inline constexpr std::size_t kAuditFieldCount = kAuditFields.size();
static_assert(kAuditFieldCount == static_cast<std::size_t>(AuditField::kSignature) + 1 && kAuditFieldCount <= 64);

// Some of the fields.
class AuditFieldSet {
 public:
  constexpr AuditFieldSet() = default;
  constexpr AuditFieldSet(std::initializer_list<AuditField> fields) {
    for (const AuditField field : fields) add(field);
  }
  constexpr void add(AuditField field) { bits_ |= std::uint64_t{1} << static_cast<unsigned>(field); }
  [[nodiscard]] constexpr bool has(AuditField field) const { return (bits_ >> static_cast<unsigned>(field) & 1u) != 0; }
  [[nodiscard]] constexpr bool covers(AuditFieldSet other) const { return (bits_ & other.bits_) == other.bits_; }
  [[nodiscard]] constexpr std::uint64_t bits() const { return bits_; }

 private:
  std::uint64_t bits_ = 0;
};

struct AuditEventRow {
  std::string_view name;
  AuditFieldSet fields;  // those that such a record may have
};

// In the order of AuditEvent.
inline constexpr auto kAuditEvents = std::to_array<AuditEventRow>({
    {"segment",
     {AuditField::kAction, AuditField::kWritVersion, AuditField::kLog, AuditField::kPrevious, AuditField::kReplacedLog,
      AuditField::kReplacedCount}},
    {"head", {AuditField::kLog, AuditField::kCount, AuditField::kOf, AuditField::kKey, AuditField::kSignature}},
    {"incomplete", {AuditField::kReason, AuditField::kMissing, AuditField::kPartialBytes, AuditField::kPartialDigest}},
    {"start",
     {AuditField::kArgv, AuditField::kProfile, AuditField::kProfileDigest, AuditField::kSources, AuditField::kWorkspace,
      AuditField::kPid, AuditField::kSupervisor, AuditField::kDepth, AuditField::kWritVersion}},
    {"launch",
     {AuditField::kOutcome, AuditField::kReason, AuditField::kProgram, AuditField::kPid, AuditField::kActiveLayers,
      AuditField::kDegradedLayers, AuditField::kViewDigest, AuditField::kViewEntries}},
    {"request",
     {AuditField::kObjectKind, AuditField::kObject, AuditField::kRights, AuditField::kArgv, AuditField::kRequested}},
    {"decision",
     {AuditField::kObjectKind, AuditField::kObject, AuditField::kRights, AuditField::kOutcome, AuditField::kCause,
      AuditField::kRule, AuditField::kOrigin, AuditField::kReason, AuditField::kCapability, AuditField::kTimes,
      AuditField::kArgv}},
    {"grant",
     {AuditField::kObjectKind, AuditField::kObject, AuditField::kRights, AuditField::kOutcome, AuditField::kReason,
      AuditField::kCapability}},
    {"approval_asked",
     {AuditField::kObjectKind, AuditField::kObject, AuditField::kRights, AuditField::kRule, AuditField::kOrigin,
      AuditField::kArgv, AuditField::kRequested}},
    {"approval_answered",
     {AuditField::kOutcome, AuditField::kCause, AuditField::kReason, AuditField::kRule, AuditField::kCapability}},
    {"capability",
     {AuditField::kAction, AuditField::kObjectKind, AuditField::kObject, AuditField::kRights, AuditField::kOutcome,
      AuditField::kCause, AuditField::kReason, AuditField::kCapability, AuditField::kUses}},
    {"limit", {AuditField::kReason, AuditField::kLimit, AuditField::kValue, AuditField::kPeak}},
    {"exit",
     {AuditField::kOutcome, AuditField::kReason, AuditField::kStatus, AuditField::kSignal, AuditField::kWallTime,
      AuditField::kUserTime, AuditField::kSystemTime, AuditField::kPeakMemory, AuditField::kMissing}},
});
inline constexpr std::size_t kAuditEventCount = kAuditEvents.size();
static_assert(kAuditEventCount == static_cast<std::size_t>(AuditEvent::kExit) + 1);

[[nodiscard]] constexpr std::string_view event_name(AuditEvent event) {
  return kAuditEvents[static_cast<std::size_t>(event)].name;
}

[[nodiscard]] constexpr std::optional<AuditEvent> event_from_name(std::string_view name) {
  for (std::size_t i = 0; i < kAuditEventCount; ++i)
    if (kAuditEvents[i].name == name) return static_cast<AuditEvent>(i);
  return std::nullopt;
}

}  // namespace writ

#endif  // WRIT_BROKER_AUDIT_AUDIT_EVENT_H_
