// ProfileDraft: a profile while its layers (`extends`, then the file itself) are being laid over each other. Internal
// to the profile loader. Plain data; any thread.
//
// Scalars are written straight into `profile`: the nearest layer comes last and wins. What may hold variables stays
// source text with its position until every layer is in, because a nearer layer may change a variable's value.
#ifndef WRIT_BROKER_POLICY_PROFILE_DRAFT_H_
#define WRIT_BROKER_POLICY_PROFILE_DRAFT_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "broker/policy/layer.h"
#include "broker/policy/profile.h"
#include "broker/policy/yaml_document.h"

namespace writ {

// Where a text came from, for messages. The document outlives the draft.
struct SourceOrigin {
  const YamlDocument* document = nullptr;
  YamlPosition position;
};

struct SourceText {
  std::string text;
  SourceOrigin origin;
};

[[nodiscard]] inline RuleOrigin rule_origin(const SourceOrigin& origin) {
  return {origin.document->source, origin.position.line, origin.position.column};
}

enum class PlaceKind : std::uint8_t {
  kPath,   // the text is a path
  kGroup,  // the text is the name of a list of paths
};

// An entry of filesystem.read, write or hide, or of a group.
struct DraftPath {
  SourceText source;
  Presence presence = Presence::kRequired;
  PlaceKind kind = PlaceKind::kPath;
};

struct DraftGroup {
  SourceText name;
  std::vector<DraftPath> paths;
};

// A rule whose place is not expanded yet; a rule about an address is complete.
struct DraftRule {
  Rule rule;
  DraftPath place;
  PathScope scope = PathScope::kExact;
};

struct DraftCommand {
  CommandRule rule;
  SourceText program;
};

struct DraftCase {
  PolicyCase policy_case;
  SourceText target;
};

struct DraftSetting {
  std::string name;
  SourceText value;
};

struct ProfileDraft {
  Profile profile;
  std::vector<DraftPath> read;
  std::vector<DraftPath> write;
  std::vector<DraftPath> hide;
  std::vector<DraftGroup> groups;
  std::vector<DraftRule> rules;
  std::vector<DraftCommand> commands;
  std::vector<DraftCase> tests;
  std::vector<DraftSetting> environment;
  std::vector<DraftSetting> variables;
  std::array<SourceOrigin, kLayerCount> isolation_origins{};
};

}  // namespace writ

#endif  // WRIT_BROKER_POLICY_PROFILE_DRAFT_H_
