#include "launcher/profile_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "broker/base/escape.h"
#include "broker/base/unique_fd.h"
#include "broker/policy/name_suggestion.h"
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
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return fail_errno(errno, "cannot inspect " + quote_bytes(path));
  if (!S_ISREG(status.st_mode)) return fail("cannot read " + quote_bytes(path) + ": not a regular file");
  if (static_cast<std::size_t>(status.st_size) > limit)
    return fail(quote_bytes(path) + " is too large: " + std::to_string(status.st_size) + " bytes, the limit is " +
                std::to_string(limit));
  std::string text;
  std::array<char, 16384> part{};
  for (;;) {
    const ssize_t got = ::read(file.get(), part.data(), part.size());
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
  for (const std::string& directory : {configuration_home_ + "/writ/profiles", std::string("/etc/writ/profiles")}) {
    if (directory.front() != '/') continue;
    const std::string path = directory + "/" + std::string(name) + ".yaml";
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

}  // namespace writ
