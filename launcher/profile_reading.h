// ProfileReading: profiles for the commands that look at them, read exactly as `writ run` would. Reads files, launches
// nothing.
#ifndef WRIT_LAUNCHER_PROFILE_READING_H_
#define WRIT_LAUNCHER_PROFILE_READING_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/base/error.h"
#include "broker/policy/profile_loader.h"
#include "launcher/person.h"
#include "launcher/profile_options.h"
#include "launcher/profile_store.h"

namespace writ {

// What the loader must know: the built-in variables, and where `extends` looks. The context borrows `store`.
[[nodiscard]] ProfileContext profile_context(const ProfileStore& store, const Person& person,
                                             const std::string& workspace);

// What a person types is relative to where they stand; ".." is taken lexically because getcwd is a physical path.
// Returns an absolute, lexically normal path. Errors: an empty text, and what normalize_absolute_path() refuses.
[[nodiscard]] Result<std::string> typed_path(const std::string& typed, const Person& person);

// A profile with the texts that it was made of.
struct ReadProfile {
  Profile profile;
  std::vector<ProfileSource> layers;  // in the order in which they were laid over each other, itself last
};

class ProfileReading {
 public:
  // The person who runs this process. `workspace` is what was typed; empty: the current directory, or a stand-in where
  // that cannot be a workspace. Nothing need exist there. Errors: the current directory is gone, a malformed path.
  [[nodiscard]] static Result<ProfileReading> start(const std::string& workspace);

  // Reads what a person typed: a name or a file. Errors: those of ProfileStore and load_profile().
  [[nodiscard]] Result<ReadProfile> read(const std::string& name_or_file) const;

  [[nodiscard]] const ProfileStore& store() const { return store_; }
  [[nodiscard]] const Person& person() const { return person_; }
  [[nodiscard]] const std::string& workspace() const { return workspace_; }
  [[nodiscard]] ProfileContext context() const { return profile_context(store_, person_, workspace_); }

 private:
  ProfileReading(Person person, std::string workspace)
      : person_(std::move(person)), store_(person_.configuration_home), workspace_(std::move(workspace)) {}

  Person person_;
  ProfileStore store_;
  std::string workspace_;
};

// Reads one profile for a command. On failure the error is printed and the result is empty.
[[nodiscard]] std::optional<ReadProfile> read_or_complain(const ProfileReading& reading, const std::string& name);

// Starts reading for the options of a command; complains in the same way.
[[nodiscard]] std::optional<ProfileReading> start_or_complain(const ProfileOptions& options);

}  // namespace writ

#endif  // WRIT_LAUNCHER_PROFILE_READING_H_
