#include "broker/requests/over_broad.h"

#include <algorithm>
#include <array>
#include <variant>

#include "broker/policy/ip_address.h"
#include "broker/policy/secrets.h"

namespace writ {
namespace {

// A request, taken apart.
struct Wanted {
  std::string_view kind;
  std::string_view body;
  std::vector<std::string_view> rights;
  std::string path;            // of a filesystem resource; empty: not understood
  bool subtree = false;        // the path and everything beneath it
  std::string_view program;    // of a shell resource: its file name
  std::string_view arguments;  // "*": any

  [[nodiscard]] bool has(std::string_view right) const {
    return std::find(rights.begin(), rights.end(), right) != rights.end();
  }
};

constexpr auto kAuthorityRights = std::to_array<std::string_view>({"grant", "revoke", "approve", "admin"});
// Programs that run what their arguments, or their input, say.
constexpr auto kInterpreters = std::to_array<std::string_view>(
    {"sh",   "bash", "dash", "zsh",     "fish",   "ksh",  "csh", "tcsh", "busybox", "env", "sudo",   "su",
     "doas", "perl", "ruby", "python3", "python", "node", "php", "lua",  "xargs",   "ssh", "docker", "awk"});
// What of git only looks, word for word.
constexpr auto kGitInspections =
    std::to_array<std::string_view>({"status", "status --short", "branch --show-current", "rev-parse --show-toplevel",
                                     "diff", "diff --stat", "--version"});
// Options of git that name programs to run, or settings that do.
constexpr auto kGitPrograms = std::to_array<std::string_view>(
    {"-c", "--exec-path", "--config-env", "--upload-pack", "--receive-pack", "-u", "--ext-diff", "--textconv"});

template <std::size_t kCount>
bool is_one_of(const std::array<std::string_view, kCount>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::string_view file_name(std::string_view program) { return program.substr(program.rfind('/') + 1); }

bool is_beneath(std::string_view path, std::string_view directory) {
  if (directory == "/") return true;
  return path.starts_with(directory) && (path.size() == directory.size() || path[directory.size()] == '/');
}

bool covers(const Wanted& wanted, std::string_view place) {
  if (wanted.path.empty() || place.empty()) return false;
  return wanted.path == place || (wanted.subtree && is_beneath(place, wanted.path));
}

void read_path(Wanted& wanted, const BroadPlaces& places) {
  std::string text(wanted.body);
  constexpr std::string_view kWorkspace = "workspace:";
  if (text.starts_with(kWorkspace)) text = places.workspace + "/" + text.substr(kWorkspace.size());
  if (text == "~" || text.starts_with("~/")) text = places.home + text.substr(1);
  if (text == "*") text = "/*";
  wanted.subtree = text.ends_with("/*");
  if (wanted.subtree) text.resize(text.size() - 2);
  while (text.size() > 1 && text.ends_with('/')) text.pop_back();
  if (text.empty() && wanted.subtree) text = "/";
  const auto pattern = PathPattern::parse(text == "/" ? "/*" : text);
  // "/" is the one path that PathPattern knows only as a tree.
  if (text == "/" || (pattern && pattern->scope == PathScope::kExact)) wanted.path = text;
}

void read_program(Wanted& wanted) {
  const std::size_t colon = wanted.body.find(':');
  wanted.program = file_name(wanted.body.substr(0, colon));
  wanted.arguments = colon == std::string_view::npos ? std::string_view("*") : wanted.body.substr(colon + 1);
}

// ---- the rows

using Test = bool (*)(const Wanted&, const BroadPlaces&);

bool wants_any_right(const Wanted& wanted, const BroadPlaces&) { return wanted.has("*"); }
bool wants_nothing(const Wanted& wanted, const BroadPlaces&) { return wanted.rights.empty(); }
bool wants_any_resource(const Wanted& wanted, const BroadPlaces&) {
  return wanted.kind.empty() || wanted.kind == "*" || wanted.body.empty();
}
bool wants_capabilities(const Wanted& wanted, const BroadPlaces&) { return wanted.kind == "capability"; }
bool wants_authority(const Wanted& wanted, const BroadPlaces&) {
  return std::any_of(kAuthorityRights.begin(), kAuthorityRights.end(),
                     [&](std::string_view right) { return wanted.has(right); });
}
bool wants_any_program(const Wanted& wanted, const BroadPlaces&) {
  return wanted.kind == "shell" && wanted.program.find_first_not_of('*') == std::string_view::npos;
}
bool wants_interpreter(const Wanted& wanted, const BroadPlaces&) {
  return wanted.kind == "shell" && wanted.arguments == "*" && is_one_of(kInterpreters, wanted.program);
}
bool wants_git(const Wanted& wanted, const BroadPlaces&) {
  return wanted.kind == "shell" && wanted.program == "git" && !is_one_of(kGitInspections, wanted.arguments);
}
bool wants_strange_path(const Wanted& wanted, const BroadPlaces&) {
  return wanted.kind == "filesystem" && wanted.path.empty();
}
bool wants_everything(const Wanted& wanted, const BroadPlaces&) { return wanted.path == "/"; }
bool wants_home(const Wanted& wanted, const BroadPlaces& places) { return covers(wanted, places.home); }
bool wants_deletion(const Wanted& wanted, const BroadPlaces& places) {
  return wanted.has("delete") && wanted.subtree && covers(wanted, places.workspace);
}
bool wants_secrets(const Wanted& wanted, const BroadPlaces& places) {
  if (wanted.path.empty()) return false;
  const auto holds = [&](const std::string& secret) { return covers(wanted, secret); };
  return !secret_above(wanted.path, places.secrets).empty() ||
         std::any_of(places.secrets.begin(), places.secrets.end(), holds);
}
bool wants_any_address(const Wanted& wanted, const BroadPlaces&) {
  if (wanted.kind != "network") return false;
  const auto pattern = AddressPattern::parse(wanted.body);
  if (!pattern || pattern->host == "*") return true;
  // All of IPv4 is a block of IPv4-mapped addresses; a block that holds it, or one as large, is everybody.
  constexpr std::uint8_t kLargeBlock = 8;
  if (!pattern->network) return false;
  const bool all_ipv4 = pattern->prefix_length <= kMappedPrefixBits &&
                        masked(*parse_ipv4("0.0.0.0"), pattern->prefix_length) == *pattern->network;
  return all_ipv4 || pattern->prefix_length < kLargeBlock;
}
bool wants_metadata(const Wanted& wanted, const BroadPlaces&) {
  if (wanted.kind != "network") return false;
  const auto pattern = AddressPattern::parse(wanted.body);
  if (!pattern) return false;
  return pattern->network ? is_metadata_address(*pattern->network) : is_metadata_name(pattern->host);
}

struct Row {
  BroadReason why;
  Test matches;
};

constexpr auto kRows = std::to_array<Row>({
    {{"any right", "rights are named one by one; there is no '*'"}, wants_any_right},
    {{"no right", "a request names the rights that it wants"}, wants_nothing},
    {{"any resource", "a request names a resource as KIND:NAME"}, wants_any_resource},
    {{"capabilities", "power over capabilities is given by a person, not asked for"}, wants_capabilities},
    {{"authority", "the rights to grant, revoke, approve and administer are given by a person, not asked for"},
     wants_authority},
    {{"any program", "a right to run every program is a right to do anything: name the program"}, wants_any_program},
    {{"interpreter", "a program that runs what it is told is every program: name its arguments"}, wants_interpreter},
    {{"git as a shell", "git runs programs that its settings and hooks name: only git that looks may be asked for"},
     wants_git},
    {{"strange path", "a path is absolute, or begins with 'workspace:', and has no '.', '..' and no '*' inside"},
     wants_strange_path},
    {{"everything", "the whole file system is never asked for: name what is needed"}, wants_everything},
    {{"home", "a home directory as a whole is never asked for: name what is needed in it"}, wants_home},
    {{"workspace deletion", "deleting in the whole workspace is never asked for: name what shall go"}, wants_deletion},
    {{"secrets", "places for keys and passwords are granted by a profile, not asked for"}, wants_secrets},
    {{"any address", "every address at once is never asked for: name the host"}, wants_any_address},
    {{"metadata", "addresses where clouds hand out credentials are granted by a profile, not asked for"},
     wants_metadata},
});

std::optional<BroadReason> first_row(const Wanted& wanted, const BroadPlaces& places) {
  for (const Row& row : kRows)
    if (row.matches(wanted, places)) return row.why;
  return std::nullopt;
}

// Exactly these arguments may be agreed to for ever, but for git that is told which programs to run.
std::optional<BroadReason> broad_command(const CommandObject& command) {
  if (file_name(command.program) != "git") return std::nullopt;
  for (std::size_t i = 1; i < command.argv.size(); ++i) {
    const std::string_view word = std::string_view(command.argv[i]).substr(0, command.argv[i].find('='));
    if (is_one_of(kGitPrograms, word))
      return BroadReason{"git as a shell", "git is told which programs to run: that is asked about each time"};
  }
  return std::nullopt;
}

std::optional<BroadReason> broad_address(const Address& address) {
  const bool metadata = address.address ? is_metadata_address(*address.address) : is_metadata_name(address.host);
  if (!metadata) return std::nullopt;
  return BroadReason{"metadata", "addresses where clouds hand out credentials are asked about each time"};
}

}  // namespace

std::optional<BroadReason> over_broad(std::string_view resource, std::span<const std::string> rights,
                                      const BroadPlaces& places) {
  Wanted wanted;
  const std::size_t colon = resource.find(':');
  if (colon != std::string_view::npos) {
    wanted.kind = resource.substr(0, colon);
    wanted.body = resource.substr(colon + 1);
  }
  wanted.rights.assign(rights.begin(), rights.end());
  if (wanted.kind == "filesystem") read_path(wanted, places);
  if (wanted.kind == "shell") read_program(wanted);
  return first_row(wanted, places);
}

std::optional<BroadReason> over_broad_rule(const ApprovalObject& object, const BroadPlaces& places) {
  if (const auto* command = std::get_if<CommandObject>(&object)) return broad_command(*command);
  if (const auto* address = std::get_if<Address>(&object)) return broad_address(*address);
  Wanted wanted;
  wanted.kind = "filesystem";
  wanted.body = wanted.path = std::get<PathObject>(object).path;
  wanted.rights = {"read"};
  wanted.subtree = true;
  return first_row(wanted, places);
}

}  // namespace writ
