#include "launcher/profile_list.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "broker/base/escape.h"
#include "broker/base/json_text.h"
#include "broker/sandbox/launch.h"
#include "launcher/message.h"
#include "launcher/profile_reading.h"
#include "launcher/profile_store.h"

namespace writ {
namespace {

struct Row {
  StoredProfile stored;
  std::string description;
  std::string broken;  // why it cannot be used; several lines
};

std::string_view place_name(ProfilePlace place) { return kProfilePlaceNames[static_cast<std::size_t>(place)]; }

Row look_at(const ProfileReading& reading, const StoredProfile& stored) {
  Row row{stored, "", stored.unreachable};
  if (!row.broken.empty()) return row;
  // By name, as `--profile` and `extends` do, so that the name inside of the file is compared.
  Result<ProfileSource> source = reading.store().find(stored.name);
  Result<Profile> profile =
      source ? load_profile(*source, reading.context()) : tl::unexpected<Error>(std::move(source.error()));
  if (!profile)
    row.broken = profile.error().describe();
  else if (profile->name != stored.name)
    row.broken = "the file calls itself " + quote_bytes(profile->name) + ": no profile can extend it";
  else
    row.description = profile->description;
  return row;
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

std::string row_text(const Row& row, std::size_t width, Colour colour) {
  std::string name = escape_bytes(row.stored.name, 80);
  name.resize(std::max(width, name.size()), ' ');
  const std::string what = row.broken.empty() ? escape_bytes(row.description)
                                              : painted("broken", Tint::kBad, colour) + ": " + first_line(row.broken);
  std::string line = "  " + painted(name, Tint::kStrong, colour) + "  " + what;
  return line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
}

std::string list_text(const std::vector<Row>& rows, const ProfileStore& store, Colour colour) {
  std::size_t width = 0;
  for (const Row& row : rows) width = std::max(width, escape_bytes(row.stored.name, 80).size());
  std::string text;
  std::optional<ProfilePlace> place;
  for (const Row& row : rows) {
    if (place != row.stored.place) {
      place = row.stored.place;
      const std::string directory = store.directory(*place);
      text.append(text.empty() ? "" : "\n").append(place_name(*place));
      text.append(directory.empty() ? "" : ", in " + escape_bytes(directory)).append("\n");
    }
    text += row_text(row, width, colour);
  }
  return text;
}

std::string list_json(const std::vector<Row>& rows) {
  JsonArray profiles;
  for (const Row& row : rows) {
    JsonObject profile;
    profile.set("name", escape_bytes(row.stored.name)).set("place", place_name(row.stored.place));
    if (!row.stored.path.empty()) profile.set("path", escape_bytes(row.stored.path));
    profile.set("usable", row.broken.empty());
    if (row.broken.empty()) profile.set("description", row.description);
    if (!row.broken.empty()) profile.set("error", row.broken);
    profiles.add(std::move(profile));
  }
  JsonObject list;
  list.set("schema", "writ.profile.list").set("schema_version", 1).set("profiles", std::move(profiles));
  return JsonValue(std::move(list)).to_text(2) + "\n";
}

}  // namespace

int run_profile_list(const ProfileOptions& options) {
  ProfileOptions anywhere = options;
  anywhere.workspace = "/";  // whether a profile is right does not depend on where the person stands
  const std::optional<ProfileReading> reading = start_or_complain(anywhere);
  if (!reading) return kExitWritFailed;
  const ProfileListing listing = reading->store().list();
  for (const std::string& problem : listing.problems) print_message("warning: " + problem);
  std::vector<Row> rows;
  rows.reserve(listing.profiles.size());
  for (const StoredProfile& stored : listing.profiles) rows.push_back(look_at(*reading, stored));
  if (options.format == OutputFormat::kJson) return print_result(list_json(rows), 0);
  return print_result(list_text(rows, reading->store(), colour_for_standard_output()), 0);
}

}  // namespace writ
