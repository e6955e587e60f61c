#include "broker/grant/guard_findings.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "broker/base/escape.h"

namespace writ {
namespace {

struct KindText {
  FindingKind kind;
  const char* name;
  const char* sentence;
};

constexpr std::array kKinds = {
    KindText{FindingKind::kCreated, "created", "appeared during the run"},
    KindText{FindingKind::kReplacedLink, "replaced_link", "was a symbolic link and was replaced"},
    KindText{FindingKind::kChanged, "changed", "was changed during the run"},
    KindText{FindingKind::kTargetChanged, "target_changed", "points to something that was changed during the run"},
    KindText{FindingKind::kRemoved, "removed", "was removed during the run"},
    KindText{FindingKind::kAppeared, "appeared", "is new"},
};

struct ActionText {
  FindingAction action;
  const char* name;
  const char* sentence;
};

// In the order of seriousness: of several objects at one path the report shows the worst outcome.
constexpr std::array kActions = {
    ActionText{FindingAction::kReported, "reported", ""},
    ActionText{FindingAction::kVanished, "vanished", "; it was gone again before it could be moved"},
    ActionText{FindingAction::kQuarantined, "quarantined", "; moved to "},
    ActionText{FindingAction::kRemoved, "removed", "; the first was kept at "},
    ActionText{FindingAction::kSetAside, "set_aside", "; renamed to "},
    ActionText{FindingAction::kLeftInPlace, "left_in_place", "; IT IS STILL THERE and could not be moved"},
};

const KindText& text_of(FindingKind kind) {
  return *std::find_if(kKinds.begin(), kKinds.end(), [&](const KindText& text) { return text.kind == kind; });
}

std::size_t seriousness_of(FindingAction action) {
  const auto* found =
      std::find_if(kActions.begin(), kActions.end(), [&](const ActionText& text) { return text.action == action; });
  return static_cast<std::size_t>(found - kActions.begin());
}

const ActionText& text_of(FindingAction action) { return kActions[seriousness_of(action)]; }

}  // namespace

std::string_view finding_kind_name(FindingKind kind) { return text_of(kind).name; }
std::string_view finding_action_name(FindingAction action) { return text_of(action).name; }

std::string GuardFinding::describe() const {
  std::string text = quote_bytes(path) + " " + text_of(kind).sentence;
  const bool says_where = action != FindingAction::kLeftInPlace && !kept_at.empty();
  if (says_where || action == FindingAction::kVanished || action == FindingAction::kLeftInPlace) {
    text += text_of(action).sentence;
  }
  if (says_where) text += quote_bytes(kept_at);
  if (action == FindingAction::kLeftInPlace) text += std::string(": ") + std::strerror(system_errno);
  if (action == FindingAction::kRemoved) text += "; later ones were deleted";
  if (link_restored) text += "; the link was put back";
  if (times > 1) text += " (" + std::to_string(times) + " times)";
  return text;
}

void GuardFindings::record(GuardFinding finding) {
  const auto same = std::find_if(listed_.begin(), listed_.end(), [&](const GuardFinding& listed) {
    return listed.kind == finding.kind && listed.path == finding.path;
  });
  if (same != listed_.end()) {
    ++same->times;
    same->link_restored = finding.link_restored;
    if (same->kept_at.empty()) same->kept_at = std::move(finding.kept_at);
    if (seriousness_of(finding.action) <= seriousness_of(same->action)) return;
    same->action = finding.action;
    same->system_errno = finding.system_errno;
    return;
  }
  if (listed_.size() >= limit_) {
    ++not_listed_;
    return;
  }
  finding.times = 1;
  listed_.push_back(std::move(finding));
}

void GuardFindings::relocate(const std::string& old_place, const std::string& new_place) {
  for (GuardFinding& finding : listed_) {
    if (finding.kept_at != old_place) continue;
    finding.kept_at = new_place;
    if (finding.action == FindingAction::kSetAside) finding.action = FindingAction::kQuarantined;
  }
}

void GuardFindings::warn(std::string sentence) {
  if (warnings_.size() >= limit_ || std::find(warnings_.begin(), warnings_.end(), sentence) != warnings_.end()) return;
  warnings_.push_back(std::move(sentence));
}

GuardReport GuardFindings::take() {
  return GuardReport{.findings = std::move(listed_),
                     .findings_not_listed = not_listed_,
                     .queue_overflows = 0,
                     .warnings = std::move(warnings_)};
}

}  // namespace writ
