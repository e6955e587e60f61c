// ProfileProvenance: in which file and line the entries of a resolved profile were written. Pure; any thread.
#ifndef WRIT_LAUNCHER_PROFILE_PROVENANCE_H_
#define WRIT_LAUNCHER_PROFILE_PROVENANCE_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "broker/policy/profile.h"
#include "broker/policy/profile_loader.h"
#include "broker/policy/profile_variables.h"
#include "broker/policy/yaml_document.h"
#include "launcher/profile_outline.h"

namespace writ {

// "my.yaml:12" for a rule, a grant, a case; "built in" where it is in no file. Escaped.
[[nodiscard]] std::string place_text(const Profile& profile, const RuleOrigin& origin);

class ProfileProvenance {
 public:
  // `layers` in the order in which they were laid over each other, each of which has been loaded already.
  ProfileProvenance(const std::vector<ProfileSource>& layers, const VariableMap& built_in);

  // Returns "my.yaml:12", or an empty text for what no file says. Escaped.
  [[nodiscard]] std::string place_of(const Profile& profile, const OutlineEntry& entry) const;

 private:
  using Key = std::pair<std::string, std::string>;  // section; key of a value, or subject of an item

  void add_layer(const YamlDocument& document, VariableExpander& expander);
  void add_entry(const YamlDocument& document, const std::string& section, const YamlNode& node,
                 VariableExpander& expander);
  void add_items(const YamlDocument& document, const std::string& section, const YamlNode& list,
                 VariableExpander& expander);
  void forget_reset_lists(const YamlDocument& document);

  std::string home_;
  std::map<Key, std::string> places_;
};

}  // namespace writ

#endif  // WRIT_LAUNCHER_PROFILE_PROVENANCE_H_
