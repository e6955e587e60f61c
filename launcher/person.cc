#include "launcher/person.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "broker/policy/profile_values.h"
#include "launcher/profile_store.h"

namespace writ {
namespace {

constexpr std::size_t kAccountsLimit = std::size_t{4} << 20;

struct Account {
  std::string name;
  std::string home;
};

// passwd(5): name:password:uid:gid:comment:home:shell
Account find_account(uid_t uid) {
  const auto accounts = read_bounded_file("/etc/passwd", kAccountsLimit);
  std::istringstream lines(accounts ? *accounts : std::string());
  for (std::string line; std::getline(lines, line);) {
    std::array<std::string, 7> fields;
    std::istringstream columns(line);
    for (std::string& field : fields) std::getline(columns, field, ':');
    if (fields[2] == std::to_string(uid)) return {fields[0], fields[5]};
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
