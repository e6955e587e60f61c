// ProfileDraft: a profile while its layers (`extends`, then the file itself) are being laid over each other. Internal
// to the profile loader. Plain data; any thread.
//
// Scalars are written straight into `profile`: the nearest layer comes last and wins. What may hold variables stays
// source text with its position until every layer is in, because a nearer layer may change a variable's value.
#ifndef WRIT_BROKER_POLICY_PROFILE_DRAFT_H_
#define WRIT_BROKER_POLICY_PROFILE_DRAFT_H_

#include <array>
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

struct DraftPath {
  SourceText source;
  Presence presence = Presence::kRequired;
};

struct DraftSetting {
  std::string name;
  SourceText value;
};

struct ProfileDraft {
  Profile profile;
  std::vector<DraftPath> read;
  std::vector<DraftPath> write;
  std::vector<SourceText> hide;
  std::vector<DraftSetting> environment;
  std::vector<DraftSetting> variables;
  std::array<SourceOrigin, kLayerCount> isolation_origins{};
};

}  // namespace writ

#endif  // WRIT_BROKER_POLICY_PROFILE_DRAFT_H_
