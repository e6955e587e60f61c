#include "launcher/person.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "broker/policy/profile_values.h"
#include "launcher/profile_store.h"

namespace writ {
namespace {

constexpr std::size_t kAccountsLimit = std::size_t{4} << 20;

struct Account {
  std::string name;
  std::string home;
};

// The text before the next `separator`, or all that is left; takes both from `rest`.
std::string_view take_field(std::string_view& rest, char separator) {
  const std::size_t end = std::min(rest.find(separator), rest.size());
  const std::string_view field = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return field;
}

// passwd(5): name:password:uid:gid:comment:home:shell. No streams: this is part of every launch.
Account find_account(uid_t uid) {
  const auto accounts = read_bounded_file("/etc/passwd", kAccountsLimit);
  const std::string wanted = std::to_string(uid);
  std::string_view lines = accounts ? std::string_view(*accounts) : std::string_view();
  while (!lines.empty()) {
    std::string_view line = take_field(lines, '\n');
    std::array<std::string_view, 7> fields;
    for (std::string_view& field : fields) field = take_field(line, ':');
    if (fields[2] == wanted) return {std::string(fields[0]), std::string(fields[5])};
  }
  return {};
}

std::string absolute_variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && value[0] == '/' ? value : "";
}

// XDG base directory specification: a relative value is ignored.
std::string base_directory(const char* variable, const std::string& home, const char* below_home) {
  std::string value = absolute_variable(variable);
  if (!value.empty()) return value;
  return home + below_home;
}

}  // namespace

Result<Person> identify_person(uid_t uid, gid_t gid) {
  Person person;
  person.uid = uid;
  person.gid = gid;
  std::array<char, PATH_MAX> path{};
  if (::getcwd(path.data(), path.size()) == nullptr || path[0] != '/')
    return fail_errno(errno, "cannot find the current directory", "it may have been removed; cd elsewhere first");
  person.current_directory = path.data();
  const auto home =
      normalize_absolute_path(std::filesystem::path(absolute_variable("HOME")).lexically_normal().native());
  if (home) person.home = *home;
  const Account account = find_account(uid);
  person.name = account.name.empty() ? std::to_string(uid) : account.name;
  const auto account_home = normalize_absolute_path(account.home);
  person.account_home = account_home && *account_home != "/" ? *account_home : "/nonexistent";
  if (person.home.empty()) person.home = account.home.empty() ? "/nonexistent" : account.home;
  person.configuration_home = base_directory("XDG_CONFIG_HOME", person.home, "/.config");
  person.state_home = base_directory("XDG_STATE_HOME", person.home, "/.local/state");
  person.cache_home = base_directory("XDG_CACHE_HOME", person.home, "/.cache");
  return person;
}

}  // namespace writ
