#include "broker/policy/profile_loader.h"

#include <algorithm>
#include <deque>
#include <iterator>
#include <utility>
#include <vector>

#include "broker/base/escape.h"
#include "broker/policy/profile_draft.h"
#include "broker/policy/profile_resolve.h"
#include "broker/policy/profile_schema.h"
#include "broker/policy/schema_sections.h"
#include "broker/policy/yaml_document.h"

namespace writ {
namespace {

// Walks `extends` depth first and lays the profiles over each other, bases first.
class LayerStack {
 public:
  explicit LayerStack(const ProfileContext& context) : context_(context) {}

  // Adds the bases of `source`, then `source` itself. `expected_name` is empty for the profile that was asked for.
  Status add(const ProfileSource& source, std::string_view expected_name) {
    chain_.push_back(source.display_name);
    WRIT_ASSIGN(YamlDocument parsed, parse_yaml(source.display_name, source.text));
    const YamlDocument& document = keep(std::move(parsed));
    WRIT_ASSIGN(const ProfileHeader header, read_profile_header(document));
    WRIT_TRY(check_name(header.name, expected_name));
    for (const SourceText& base : header.extends) WRIT_TRY(add_base(base));
    WRIT_TRY(apply_profile(document, draft_));
    draft_.profile.name = header.name.text;
    finished_.push_back(source.display_name);
    chain_.pop_back();
    return {};
  }

  // Adds the shipped groups, if the profile speaks of groups at all: reading them takes time.
  Status add_shipped_groups() {
    if (!context_.groups_source || !speaks_of_groups()) return {};
    WRIT_ASSIGN(const ProfileSource source, context_.groups_source());
    WRIT_ASSIGN(YamlDocument parsed, parse_yaml(source.display_name, source.text));
    std::vector<DraftGroup> shipped;
    WRIT_TRY(read_group_file(keep(std::move(parsed)), shipped));
    for (const DraftGroup& own : draft_.groups)
      for (const DraftGroup& group : shipped)
        if (group.name.text == own.name.text)
          return refuse(own.name, "the group '" + own.name.text + "' ships with Writ and cannot be redefined");
    std::move(shipped.begin(), shipped.end(), std::back_inserter(draft_.groups));
    return {};
  }

  [[nodiscard]] ProfileDraft take_draft() {
    std::vector<std::string>& sources = draft_.profile.sources;
    sources.reserve(documents_.size() + 1);
    sources.emplace_back("built in");
    for (const YamlDocument& document : documents_) sources.push_back(document.display_name);
    return std::move(draft_);
  }

 private:
  const YamlDocument& keep(YamlDocument parsed) {
    YamlDocument& document = documents_.emplace_back(std::move(parsed));
    document.source = static_cast<std::uint16_t>(documents_.size());  // Profile::sources[0] is no file
    return document;
  }

  [[nodiscard]] bool speaks_of_groups() const {
    const auto names_group = [](const DraftPath& place) { return place.kind == PlaceKind::kGroup; };
    const auto any_in = [&](const std::vector<DraftPath>& list) {
      return std::any_of(list.begin(), list.end(), names_group);
    };
    return !draft_.groups.empty() || any_in(draft_.read) || any_in(draft_.write) || any_in(draft_.hide) ||
           std::any_of(draft_.rules.begin(), draft_.rules.end(),
                       [&](const DraftRule& rule) { return names_group(rule.place); });
  }

  static tl::unexpected<Error> refuse(const SourceText& source, std::string_view message) {
    return fail_at(*source.origin.document, source.origin.position, message);
  }

  static Status check_name(const SourceText& name, std::string_view expected) {
    if (expected.empty() || name.text == expected) return {};
    return refuse(name, "this profile was found as " + quote_bytes(expected) + " but calls itself '" + name.text + "'");
  }

  Status add_base(const SourceText& base) {
    if (!context_.find_profile) return refuse(base, "profile '" + base.text + "' cannot be found");
    const Result<ProfileSource> found = context_.find_profile(base.text);
    if (!found) return refuse(base, found.error().describe());
    if (contains(chain_, found->display_name))
      return refuse(base, "profiles extend each other: " + chain_to(found->display_name));
    if (contains(finished_, found->display_name)) return {};
    if (chain_.size() >= kProfileDepthLimit) return refuse(base, "'extends' goes deeper than 10 profiles");
    if (documents_.size() >= kProfileCountLimit) return refuse(base, "one profile is made of more than 32 profiles");
    return add(*found, base.text);
  }

  static bool contains(const std::vector<std::string>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  }

  [[nodiscard]] std::string chain_to(std::string_view last) const {
    std::string text;
    for (const std::string& name : chain_) text.append(escape_bytes(name)).append(" → ");
    return text.append(escape_bytes(last));
  }

  const ProfileContext& context_;
  std::deque<YamlDocument> documents_;  // a deque: the draft points into its elements
  ProfileDraft draft_;
  std::vector<std::string> chain_;     // from the profile that was asked for to the one being read
  std::vector<std::string> finished_;  // identities of the layers that are in the draft
};

}  // namespace

Result<Profile> load_profile(const ProfileSource& source, const ProfileContext& context) {
  LayerStack layers(context);
  WRIT_TRY(layers.add(source, {}));
  WRIT_TRY(layers.add_shipped_groups());
  return resolve_profile(layers.take_draft(), context.variables, context.role);
}

}  // namespace writ
