#include "launcher/profile_reading.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <utility>

#include "broker/policy/profile_values.h"
#include "broker/policy/yaml_document.h"
#include "launcher/message.h"

namespace writ {
namespace {

// For a look at a profile from "/", which can be no workspace.
constexpr const char* kStandInWorkspace = "/workspace";

// The names that a text extends. It has been loaded: what it says is right.
std::vector<std::string> bases_of(const ProfileSource& source) {
  const Result<YamlDocument> document = parse_yaml(source.display_name, source.text);
  const YamlNode* extends = document ? document->root.find("extends") : nullptr;
  if (extends == nullptr) return {};
  if (extends->kind == YamlKind::kScalar) return {extends->text};
  std::vector<std::string> names;
  names.reserve(extends->children.size());
  for (const YamlNode& name : extends->children) names.push_back(name.text);
  return names;
}

// Puts `source` behind the profiles that it extends, each one once: the order in which the loader lays them.
void add_in_order(const ProfileSource& source, const std::map<std::string, ProfileSource>& found,
                  std::vector<ProfileSource>& layers) {
  for (const std::string& name : bases_of(source)) {
    const auto base = found.find(name);
    const auto is_base = [&](const ProfileSource& layer) { return layer.display_name == base->second.display_name; };
    if (base != found.end() && std::none_of(layers.begin(), layers.end(), is_base))
      add_in_order(base->second, found, layers);
  }
  layers.push_back(source);
}

}  // namespace

ProfileContext profile_context(const ProfileStore& store, const Person& person, const std::string& workspace) {
  ProfileContext context;
  context.variables = {{"workspace", workspace},
                       {"home", person.home},
                       {"user", person.name},
                       {"uid", std::to_string(person.uid)},
                       {"gid", std::to_string(person.gid)}};
  context.find_profile = [&store](std::string_view name) { return store.find(name); };
  context.groups_source = &ProfileStore::shipped_groups;
  return context;
}

Result<std::string> typed_path(const std::string& typed, const Person& person) {
  if (typed.empty()) return fail("an empty path cannot be granted");
  const std::filesystem::path absolute = std::filesystem::path(person.current_directory) / typed;
  return normalize_absolute_path(absolute.lexically_normal().native());
}

Result<ProfileReading> ProfileReading::start(const std::string& workspace) {
  WRIT_ASSIGN(Person person, identify_person(::geteuid(), ::getegid()));
  const std::string& wanted = workspace.empty() ? person.current_directory : workspace;
  WRIT_ASSIGN(std::string path, typed_path(wanted, person));
  if (path == "/") path = kStandInWorkspace;
  return ProfileReading(std::move(person), std::move(path));
}

Result<ReadProfile> ProfileReading::read(const std::string& name_or_file) const {
  WRIT_ASSIGN(const ProfileSource source, store_.find_typed(name_or_file));
  std::map<std::string, ProfileSource> found;
  ProfileContext recording = context();
  recording.find_profile = [&](std::string_view name) {
    Result<ProfileSource> base = store_.find(name);
    if (base) found.emplace(name, *base);
    return base;
  };
  ReadProfile read;
  WRIT_ASSIGN(read.profile, load_profile(source, recording));
  add_in_order(source, found, read.layers);
  return read;
}

std::optional<ReadProfile> read_or_complain(const ProfileReading& reading, const std::string& name) {
  Result<ReadProfile> read = reading.read(name);
  if (read) return std::move(*read);
  print_message(read.error().describe());
  return std::nullopt;
}

std::optional<ProfileReading> start_or_complain(const ProfileOptions& options) {
  Result<ProfileReading> reading = ProfileReading::start(options.workspace);
  if (reading) return std::move(*reading);
  print_message(reading.error().describe());
  return std::nullopt;
}

}  // namespace writ
