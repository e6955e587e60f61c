// ProfileStore: where profiles come from. Shipped ones are part of the program; a person's own lie in
// $XDG_CONFIG_HOME/writ/profiles, an administrator's in /etc/writ/profiles; a path names a file.
#ifndef WRIT_LAUNCHER_PROFILE_STORE_H_
#define WRIT_LAUNCHER_PROFILE_STORE_H_

#include <string>
#include <string_view>
#include <vector>

#include "broker/base/error.h"
#include "broker/policy/profile_loader.h"

namespace writ {

class ProfileStore {
 public:
  // `configuration_home` is $XDG_CONFIG_HOME or ~/.config, may be empty.
  explicit ProfileStore(std::string configuration_home) : configuration_home_(std::move(configuration_home)) {}

  // Finds a profile by name. The names of shipped profiles are reserved: a file of the same name is never taken
  // instead. Errors: unknown name, with a suggestion; a file that cannot be read.
  [[nodiscard]] Result<ProfileSource> find(std::string_view name) const;

  // The same for what a person typed: a text with a slash or ending in .yaml is a file.
  [[nodiscard]] Result<ProfileSource> find_typed(const std::string& name_or_path) const;

  [[nodiscard]] static std::vector<std::string_view> shipped_names();

  // Returns the groups that ship with Writ, for ProfileContext::groups_source.
  [[nodiscard]] static Result<ProfileSource> shipped_groups();

 private:
  std::string configuration_home_;
};

// True when what a person typed names a file and not a profile: it has a slash or ends in .yaml or .yml.
[[nodiscard]] bool names_profile_file(std::string_view typed);

// Reads a whole regular file of at most `limit` bytes. Errors: not a regular file, larger, or what open(2) reports.
[[nodiscard]] Result<std::string> read_bounded_file(const std::string& path, std::size_t limit);

}  // namespace writ

#endif  // WRIT_LAUNCHER_PROFILE_STORE_H_
