#include "launcher/profile_provenance.h"

#include <algorithm>
#include <deque>

#include "broker/base/escape.h"

namespace writ {
namespace {

std::string place_in(const YamlDocument& document, YamlPosition position) {
  return escape_bytes(document.display_name) + ":" + std::to_string(position.line);
}

void collect_variables(const YamlDocument& document, std::vector<DraftSetting>& variables) {
  const YamlNode* defined = document.root.find("variables");
  if (defined == nullptr) return;
  for (const YamlNode& entry : defined->children) {
    std::erase_if(variables, [&](const DraftSetting& known) { return known.name == entry.key; });
    variables.push_back({entry.key, {entry.text, {&document, entry.position}}});
  }
}

// Variables have their values in paths only; elsewhere a dollar sign is just one.
bool holds_paths(const std::string& section) {
  return section == "filesystem.read" || section == "filesystem.write" || section == "filesystem.hide";
}

const YamlNode* subject_of(const YamlNode& item) { return item.kind == YamlKind::kMapping ? item.find("path") : &item; }

}  // namespace

std::string place_text(const Profile& profile, const RuleOrigin& origin) {
  if (origin.line == 0 || origin.source >= profile.sources.size()) return "built in";
  return escape_bytes(profile.sources[origin.source]) + ":" + std::to_string(origin.line);
}

ProfileProvenance::ProfileProvenance(const std::vector<ProfileSource>& layers, const VariableMap& built_in) {
  if (const auto home = built_in.find("home"); home != built_in.end()) home_ = home->second;
  std::deque<YamlDocument> documents;
  std::vector<DraftSetting> variables;
  for (const ProfileSource& layer : layers) {
    Result<YamlDocument> document = parse_yaml(layer.display_name, layer.text);
    if (!document) continue;  // it has been loaded: cannot be
    collect_variables(documents.emplace_back(std::move(*document)), variables);
  }
  VariableExpander expander(built_in, variables);
  for (const YamlDocument& document : documents) add_layer(document, expander);
}

void ProfileProvenance::forget_reset_lists(const YamlDocument& document) {
  const YamlNode* reset = document.root.find("reset");
  if (reset == nullptr) return;
  for (const YamlNode& list : reset->children)
    std::erase_if(places_, [&](const auto& place) { return place.first.first == list.text; });
}

void ProfileProvenance::add_layer(const YamlDocument& document, VariableExpander& expander) {
  forget_reset_lists(document);
  for (const YamlNode& entry : document.root.children) add_entry(document, "", entry, expander);
}

void ProfileProvenance::add_entry(const YamlDocument& document, const std::string& section, const YamlNode& node,
                                  VariableExpander& expander) {
  const std::string inner = section.empty() ? node.key : section + "." + node.key;
  if (node.kind == YamlKind::kMapping)
    for (const YamlNode& child : node.children) add_entry(document, inner, child, expander);
  else if (node.kind == YamlKind::kSequence)
    add_items(document, inner, node, expander);
  else
    places_[{section, node.key}] = place_in(document, node.key_position);  // the nearest layer has the last word
}

void ProfileProvenance::add_items(const YamlDocument& document, const std::string& section, const YamlNode& list,
                                  VariableExpander& expander) {
  for (const YamlNode& item : list.children) {
    const YamlNode* subject = subject_of(item);
    if (subject == nullptr) continue;
    std::string text = subject->text;
    if (holds_paths(section)) {
      if (text.starts_with("~/")) text = home_ + text.substr(1);
      if (const auto expanded = expander.expand({text, {&document, subject->position}})) text = expanded->text;
    }
    while (text.size() > 1 && text.back() == '/') text.pop_back();
    places_.emplace(Key{section, text}, place_in(document, item.position));  // an entry that is there keeps its place
  }
}

std::string ProfileProvenance::place_of(const Profile& profile, const OutlineEntry& entry) const {
  if (entry.origin.line != 0) return place_text(profile, entry.origin);
  const auto place = places_.find({entry.section, entry.key.empty() ? entry.subject : entry.key});
  return place == places_.end() ? std::string() : place->second;
}

}  // namespace writ
