#include "launcher/why_command.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>
#include <utility>

#include "broker/base/escape.h"
#include "broker/base/name_suggestion.h"
#include "broker/sandbox/launch.h"
#include "launcher/message.h"
#include "launcher/profile_reading.h"
#include "launcher/why_print.h"

namespace writ {
namespace {

constexpr std::string_view kFooter =
    "The policy is that of `writ run` in this directory with the same options; nothing is run.\n"
    "ACTION is read, write, execute or list with paths, connect or bind with HOST:PORT, or exec with a command.\n"
    "A command with options of its own is written after --.\n"
    "\n"
    "Exit status: 0 allowed, 1 denied, 3 a person would be asked, 125 there is no answer (usage, a mistake in a\n"
    "profile). Of several targets the strictest counts.\n"
    "\n"
    "Examples:\n"
    "  writ why default read ~/.ssh/id_ed25519\n"
    "  writ why build write Makefile .git/hooks/pre-commit\n"
    "  writ why ./my.yaml connect 192.0.2.1:443 --json\n"
    "  writ why git exec -- git push --force\n";

constexpr std::array<std::string_view, 7> kActions = {"read", "write", "execute", "list", "connect", "bind", "exec"};

std::string resolved_on_host(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr), &std::free);
  return real ? std::string(real.get()) : path;
}

HostKind kind_on_host(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return HostKind::kAbsent;
  return S_ISDIR(status.st_mode) ? HostKind::kDirectory : HostKind::kFile;
}

std::vector<std::string> names_of(const std::string& path) {
  std::vector<std::string> names = {path};
  if (std::string real = resolved_on_host(path); real != path) names.push_back(std::move(real));
  return names;
}

AskedObject object_at(const std::string& path) {
  return {kind_on_host(path), kind_on_host(path.substr(0, std::max<std::size_t>(1, path.rfind('/'))))};
}

// Where a program is found that is named without a slash, as execvp(3) looks for it.
std::string find_program(const std::string& name, const Person& person) {
  if (name.find('/') != std::string::npos) return typed_path(name, person).value_or(name);
  const char* path = std::getenv("PATH");
  std::string_view rest = path == nullptr ? "/usr/local/bin:/usr/bin:/bin" : path;
  while (!rest.empty()) {
    std::string candidate = std::string(rest.substr(0, rest.find(':'))) + "/" + name;
    if (candidate.front() == '/' && ::access(candidate.c_str(), X_OK) == 0 &&
        kind_on_host(candidate) == HostKind::kFile)
      return candidate;
    rest.remove_prefix(
        std::min(rest.size(), rest.find(':') == std::string_view::npos ? rest.size() : rest.find(':') + 1));
  }
  return name;
}

class Why {
 public:
  Why(const WhyOptions& options, Person person) : options_(options), person_(std::move(person)) {}

  Status read_policy(const CeilingFile& ceiling) {
    WRIT_ASSIGN(const std::string workspace, workspace_path(options_.run, person_));
    WRIT_ASSIGN(policy_, read_run_policy(options_.run, person_, workspace, ceiling));
    return {};
  }

  Result<std::vector<WhyRow>> answer() const {
    std::vector<WhyRow> rows;
    if (options_.action == "exec") {
      WRIT_ASSIGN(WhyRow row, answer_command());
      rows.push_back(std::move(row));
      return rows;
    }
    const Rights rights{*right_from_name(options_.action)};
    for (const std::string& target : options_.targets) {
      WRIT_ASSIGN(WhyRow row,
                  kPathRights.covers(rights) ? answer_path(rights, target) : answer_address(rights, target));
      rows.push_back(std::move(row));
    }
    return rows;
  }

 private:
  Result<WhyRow> answer_request(const AccessRequest& request, const std::string& target,
                                const std::string& object_path) const {
    WhyRow row;
    row.action = options_.action;
    row.target = target;
    const AskedObject object = object_path.empty() ? AskedObject{} : object_at(object_path);
    WRIT_ASSIGN(row.answer, judge(policy_, request));
    row.change = find_change(policy_, request, row.answer, object);
    if (!object_path.empty()) {
      const std::string real = resolved_on_host(object_path);
      if (real != object_path) row.resolved = real;
      row.exists = object.kind != HostKind::kAbsent;
    }
    return row;
  }

  Result<WhyRow> answer_path(Rights rights, const std::string& target) const {
    WRIT_ASSIGN(const std::string path, typed_path(target, person_));
    const AskedAbout about = kind_on_host(path) == HostKind::kAbsent ? AskedAbout::kPlace : AskedAbout::kHostObject;
    return answer_request(PathRequest{rights, names_of(path), about}, path, path);
  }

  Result<WhyRow> answer_address(Rights rights, const std::string& target) const {
    WRIT_ASSIGN(const Address address, Address::parse(target));
    return answer_request(AddressRequest{rights, address}, target, "");
  }

  Result<WhyRow> answer_command() const {
    std::string text;
    for (const std::string& word : options_.targets) text.append(text.empty() ? "" : " ").append(word);
    CommandRequest request{options_.targets, {}};
    request.argv.front() = find_program(request.argv.front(), person_);
    if (request.argv.front().front() == '/') request.names = names_of(request.argv.front());
    if (!request.names.empty()) return answer_request(request, text, request.argv.front());
    // Ruled by its name although it is not installed here; otherwise there is nothing to decide about.
    if (!is_ruled(policy_.own.commands, request.argv.front()))
      return fail("there is no program " + quote_bytes(request.argv.front()) + " in PATH", "name it by its path");
    return answer_request(request, text, "");
  }

  const WhyOptions& options_;
  Person person_;
  RunPolicy policy_;
};

int exit_status_of(const std::vector<WhyRow>& rows) {
  constexpr std::array<int, 3> kStatuses = {kExitAllowed, kExitAsked, kExitDenied};  // in the order of Effect
  Effect strongest = Effect::kAllow;
  for (const WhyRow& row : rows) strongest = std::max(strongest, row.answer.decision.effect);
  return kStatuses[static_cast<std::size_t>(strongest)];
}

int complain(const Error& error) {
  print_message(error.describe());
  return kExitWritFailed;
}

}  // namespace

Parsed<WhyOptions> parse_why_options(const TypedWords& typed) {
  WhyOptions options;
  bool json = false;
  CommandSpec spec{"writ why", "Say what a profile decides about one access, and what would change it", kFooter, {}};
  spec.options = grant_option_specs(options.run);
  spec.options.push_back({"PROFILE", "Name of a profile, or a file", "", &options.run.profile, Need::kRequired});
  spec.options.push_back({"ACTION", "What is done", "", &options.action, Need::kRequired});
  spec.options.push_back({"TARGET", "To what", "", &options.targets});
  spec.options.push_back({"--json", "Print JSON", "", &json});
  if (const auto read = read_words(spec, typed.ours); !read) return tl::unexpected(read.error());
  options.targets.insert(options.targets.end(), typed.command.begin(), typed.command.end());
  if (std::find(kActions.begin(), kActions.end(), options.action) == kActions.end())
    return tl::unexpected(usage_error("why: " + quote_bytes(options.action, 80) +
                                          " is none of read, write, execute, list, connect, bind, exec" +
                                          did_you_mean(options.action, kActions),
                                      spec.name));
  if (options.targets.empty() || options.targets.front().empty())
    return tl::unexpected(usage_error("why: a target is missing: " + options.action + " what?", spec.name));
  if (json) options.format = OutputFormat::kJson;
  return options;
}

int run_why_command(const WhyOptions& options, const CeilingFile& ceiling) {
  Result<Person> person = identify_person(::geteuid(), ::getegid());
  if (!person) return complain(person.error());
  Why why(options, std::move(*person));
  if (const Status read = why.read_policy(ceiling); !read) return complain(read.error());
  const Result<std::vector<WhyRow>> rows = why.answer();
  if (!rows) return complain(rows.error());
  const std::string text = options.format == OutputFormat::kJson ? why_json(options.run.profile, *rows)
                                                                 : why_text(*rows, colour_for_standard_output());
  return print_result(text, exit_status_of(*rows));
}

}  // namespace writ
