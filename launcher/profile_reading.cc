#include "launcher/profile_reading.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "broker/policy/profile_values.h"
#include "launcher/message.h"

namespace writ {
namespace {

// For a look at a profile from "/", which can be no workspace.
constexpr const char* kStandInWorkspace = "/workspace";

// `extends` is walked depth first; Profile::sources says in which order the layers were laid over each other.
void order_layers(ReadProfile& read) {
  const std::vector<std::string>& order = read.profile.sources;
  const auto place = [&](const ProfileSource& layer) {
    return std::find(order.begin(), order.end(), layer.display_name) - order.begin();
  };
  std::stable_sort(read.layers.begin(), read.layers.end(),
                   [&](const ProfileSource& a, const ProfileSource& b) { return place(a) < place(b); });
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
  ReadProfile read;
  ProfileContext recording = context();
  recording.find_profile = [&](std::string_view name) -> Result<ProfileSource> {
    Result<ProfileSource> found = store_.find(name);
    const auto same = [&](const ProfileSource& layer) { return layer.display_name == found->display_name; };
    if (found && std::none_of(read.layers.begin(), read.layers.end(), same)) read.layers.push_back(*found);
    return found;
  };
  WRIT_ASSIGN(read.profile, load_profile(source, recording));
  read.layers.push_back(source);
  order_layers(read);
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
