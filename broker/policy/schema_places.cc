// Places and groups of the profile schema.
#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "broker/base/escape.h"
#include "broker/base/name_suggestion.h"
#include "broker/policy/profile_values.h"
#include "broker/policy/schema_sections.h"

namespace writ {
namespace {

constexpr auto kPresenceWords =
    std::to_array<Word<Presence>>({{"true", Presence::kOptional}, {"false", Presence::kRequired}});

// The same path in two layers: the stricter presence holds, so that a base cannot make a required path optional.
void add_path(std::vector<DraftPath>& paths, DraftPath path) {
  const auto same = std::find_if(paths.begin(), paths.end(), [&](const DraftPath& other) {
    return other.source.text == path.source.text && other.kind == path.kind;
  });
  if (same == paths.end()) {
    paths.push_back(std::move(path));
  } else if (path.presence == Presence::kRequired) {
    same->presence = Presence::kRequired;
  }
}

// {path: …, optional: true|false} or {group: …, optional: …}
Result<DraftPath> read_place_mapping(const SchemaValue& value) {
  constexpr std::array<std::string_view, 3> kKeys = {"path", "group", "optional"};
  WRIT_TRY(check_keys(value, kKeys));
  const YamlNode* path = value.node.find("path");
  const YamlNode* group = value.node.find("group");
  if (path != nullptr && group != nullptr) return value.refuse("this entry has both 'path' and 'group': write two");
  if (path == nullptr && group == nullptr) return value.refuse("this entry has no 'path' and no 'group'");
  DraftPath place;
  if (const YamlNode* optional = value.node.find("optional")) {
    WRIT_ASSIGN(place.presence, read_optional(value.child(*optional)));
  }
  place.kind = path != nullptr ? PlaceKind::kPath : PlaceKind::kGroup;
  WRIT_ASSIGN(place.source,
              path != nullptr ? read_path_text(value.child(*path)) : read_group_name(value.child(*group)));
  return place;
}

DraftGroup& group_named(std::vector<DraftGroup>& groups, const SchemaValue& entry) {
  for (DraftGroup& group : groups)
    if (group.name.text == entry.node.key) return group;
  groups.push_back({{entry.node.key, {&entry.document, entry.node.key_position}}, {}});
  return groups.back();
}

}  // namespace

Status check_keys(const SchemaValue& value, std::span<const std::string_view> keys) {
  WRIT_TRY(expect_mapping(value));
  for (const YamlNode& entry : value.node.children)
    if (std::find(keys.begin(), keys.end(), entry.key) == keys.end())
      return value.child(entry).refuse_key("unknown key " + quote_bytes(entry.key, 80) + did_you_mean(entry.key, keys));
  return {};
}

Result<Presence> read_optional(const SchemaValue& value) {
  Presence presence = Presence::kRequired;
  WRIT_TRY(read_word(value, kPresenceWords, presence));
  return presence;
}

// Checks of the text before variables are expanded: a '*' in the value of ${workspace} is just a letter.
Result<SourceText> read_path_text(const SchemaValue& value) {
  WRIT_ASSIGN(const std::string_view text, read_text(value));
  if (text.find('*') != std::string_view::npos)
    return value.refuse("the path " + quote_bytes(text) + " is a pattern: name a file or a directory tree");
  return SourceText{std::string(text), value.origin()};
}

Result<SourceText> read_group_name(const SchemaValue& value) {
  WRIT_ASSIGN(const std::string_view text, read_text(value));
  if (!is_profile_name(text))
    return value.refuse("the group name " + quote_bytes(text, 80) + " must be made of a-z, 0-9 and '-' (at most 40)");
  return SourceText{std::string(text), value.origin()};
}

Status read_places(const SchemaValue& value, std::vector<DraftPath>& target) {
  return for_each_item(value, [&](const SchemaValue& item) -> Status {
    if (item.node.kind == YamlKind::kMapping) {
      WRIT_ASSIGN(DraftPath place, read_place_mapping(item));
      add_path(target, std::move(place));
      return {};
    }
    WRIT_ASSIGN(SourceText text, read_path_text(item));
    add_path(target, {std::move(text), Presence::kRequired, PlaceKind::kPath});
    return {};
  });
}

Status read_groups(const SchemaValue& value, std::vector<DraftGroup>& groups) {
  return for_each_entry(value, [&](const SchemaValue& entry) -> Status {
    if (!is_profile_name(entry.node.key))
      return entry.refuse_key("the group name " + quote_bytes(entry.node.key, 80) +
                              " must be made of a-z, 0-9 and '-' (at most 40)");
    DraftGroup& group = group_named(groups, entry);
    WRIT_TRY(read_places(entry, group.paths));
    for (const DraftPath& place : group.paths)
      if (place.kind == PlaceKind::kGroup)
        return fail_at(entry.document, place.source.origin.position, "a group is a list of paths, not of other groups");
    return {};
  });
}

Status read_group_file(const YamlDocument& document, std::vector<DraftGroup>& groups) {
  constexpr std::array<std::string_view, 2> kKeys = {"version", "groups"};
  const SchemaValue root{document, document.root};
  WRIT_TRY(check_keys(root, kKeys));
  const YamlNode* node = root.node.find("groups");
  if (node == nullptr) return root.refuse("'groups' is missing");
  return read_groups(root.child(*node), groups);
}

}  // namespace writ
