#include "launcher/profile_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "broker/base/escape.h"
#include "broker/base/name_suggestion.h"
#include "broker/base/unique_fd.h"
#include "broker/policy/profile_values.h"
#include "broker/policy/yaml_document.h"

namespace writ {
namespace {

// A larger file would be refused later, after it was read.
constexpr std::size_t kProfileSizeLimit = kYamlSizeLimit;

struct ShippedProfile {
  std::string_view name;
  std::string_view text;
};

constexpr ShippedProfile kShipped[] = {
#include "shipped_profiles.inc"
};

constexpr std::array kPlacesOfFiles = {ProfilePlace::kPersonal, ProfilePlace::kAdministrator};
constexpr const char* kSuffix = ".yaml";

// The names of the *.yaml files of a directory, sorted. A directory that does not exist has none.
Result<std::vector<std::string>> profile_files_of(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  std::filesystem::directory_iterator entry(directory, error);
  for (; !error && entry != std::filesystem::directory_iterator() && names.size() < kListedProfilesLimit;
       entry.increment(error)) {
    const std::string file = entry->path().filename().native();
    if (file.ends_with(kSuffix)) names.push_back(file.substr(0, file.size() - std::strlen(kSuffix)));
  }
  if (error && error.value() != ENOENT && error.value() != ENOTDIR)
    return fail_errno(error.value(), "cannot list " + quote_bytes(directory));
  std::sort(names.begin(), names.end());
  return names;
}
constexpr ShippedProfile kShippedGroups[] = {
#include "shipped_groups.inc"
};

}  // namespace

bool names_profile_file(std::string_view typed) {
  return typed.find('/') != std::string_view::npos || typed.ends_with(".yaml") || typed.ends_with(".yml");
}

Result<std::string> read_bounded_file(const std::string& path, std::size_t limit) {
  // O_NONBLOCK: a FIFO must not hold us up before fstat says what it is.
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file.valid()) return fail_errno(errno, "cannot read " + quote_bytes(path));
  return read_open_file(file.get(), path, limit);
}

Result<std::string> read_open_file(int file, const std::string& path, std::size_t limit) {
  struct stat status {};
  if (::fstat(file, &status) != 0) return fail_errno(errno, "cannot inspect " + quote_bytes(path));
  if (!S_ISREG(status.st_mode)) return fail("cannot read " + quote_bytes(path) + ": not a regular file");
  if (static_cast<std::size_t>(status.st_size) > limit)
    return fail(quote_bytes(path) + " is too large: " + std::to_string(status.st_size) + " bytes, the limit is " +
                std::to_string(limit));
  std::string text;
  std::array<char, 16384> part{};
  for (;;) {
    const ssize_t got = ::read(file, part.data(), part.size());
    if (got < 0) return fail_errno(errno, "cannot read " + quote_bytes(path));
    if (got == 0) return text;
    text.append(part.data(), static_cast<std::size_t>(got));
    if (text.size() > limit) return fail(quote_bytes(path) + " grew over " + std::to_string(limit) + " bytes");
  }
}

std::vector<std::string_view> ProfileStore::shipped_names() {
  std::vector<std::string_view> names;
  for (const ShippedProfile& profile : kShipped) names.push_back(profile.name);
  return names;
}

Result<ProfileSource> ProfileStore::shipped_groups() {
  return ProfileSource{"the shipped groups", std::string(kShippedGroups[0].text)};
}

Result<ProfileSource> ProfileStore::find(std::string_view name) const {
  for (const ShippedProfile& profile : kShipped)
    if (profile.name == name) return ProfileSource{"profile '" + std::string(name) + "'", std::string(profile.text)};
  for (const ProfilePlace place : kPlacesOfFiles) {
    const std::string files = directory(place);
    if (files.empty()) continue;
    const std::string path = files + "/" + std::string(name) + kSuffix;
    auto text = read_bounded_file(path, kProfileSizeLimit);
    if (text) return ProfileSource{path, std::move(*text)};
    if (text.error().system_errno != ENOENT && text.error().system_errno != ENOTDIR)
      return tl::unexpected<Error>(std::move(text.error()));
  }
  const std::vector<std::string_view> names = shipped_names();
  return fail("there is no profile " + quote_bytes(name) + did_you_mean(name, names),
              "a file is named by its path, as in --profile ./my.yaml");
}

Result<ProfileSource> ProfileStore::find_typed(const std::string& name_or_path) const {
  if (!names_profile_file(name_or_path)) return find(name_or_path);
  WRIT_ASSIGN(std::string text, read_bounded_file(name_or_path, kProfileSizeLimit));
  return ProfileSource{name_or_path, std::move(text)};
}

std::string ProfileStore::directory(ProfilePlace place) const {
  if (place == ProfilePlace::kAdministrator) return "/etc/writ/profiles";
  const bool usable = place == ProfilePlace::kPersonal && configuration_home_.starts_with('/');
  return usable ? configuration_home_ + "/writ/profiles" : "";
}

ProfileListing ProfileStore::list() const {
  ProfileListing listing;
  for (const std::string_view name : shipped_names())
    listing.profiles.push_back({ProfilePlace::kShipped, std::string(name), "", ""});
  for (const ProfilePlace place : kPlacesOfFiles) {
    const std::string files = directory(place);
    if (files.empty()) continue;
    Result<std::vector<std::string>> names = profile_files_of(files);
    if (!names) listing.problems.push_back(names.error().describe());
    if (!names) continue;
    for (const std::string& name : *names) {
      StoredProfile found{place, name, files + "/" + name + kSuffix, ""};
      const auto taken =
          std::find_if(listing.profiles.begin(), listing.profiles.end(),
                       [&](const StoredProfile& other) { return other.name == name && other.place != place; });
      if (taken != listing.profiles.end())
        found.unreachable = "never used: the name belongs to the " +
                            std::string(kProfilePlaceNames[static_cast<std::size_t>(taken->place)]) + " profile";
      if (!is_profile_name(name)) found.unreachable = "not the name of a profile (a-z, 0-9 and '-', at most 40)";
      listing.profiles.push_back(std::move(found));
    }
  }
  return listing;
}

}  // namespace writ
