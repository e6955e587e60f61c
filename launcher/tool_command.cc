#include "launcher/tool_command.h"

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "launcher/tool_actions.h"

namespace writ {
namespace {

constexpr std::string_view kFooter =
    "A tool is a small program that reaches nothing by itself: each call runs in a fresh sandbox, and what it reads "
    "or\n"
    "changes it asks the broker for, which decides by the profile and the capabilities of the subject.\n"
    "\n"
    "Examples:\n"
    "  writ tool list\n"
    "  writ tool call read_file --args '{\"path\": \"README.md\"}'\n"
    "  writ tool call search --args '{\"pattern\": \"TODO\", \"glob\": \"*.py\"}' --profile readonly\n"
    "  writ tool serve --subject agent:builder\n";

constexpr std::string_view kCallFooter =
    "Prints the result as JSON. Why something was refused stands on standard error; the tool itself only learns that.\n"
    "Secrets belong into --args-file: other users of this host can see what --args says.\n"
    "Without --subject the tool may do what the profile lets a program of yours do. With it, what the profile does "
    "not\n"
    "give needs a capability of that subject (writ caps).\n"
    "\n"
    "Exit status: 0 done, 1 refused or failed, 124 its time was over, 125 Writ itself failed, 127 no such tool.\n"
    "\n"
    "Examples:\n"
    "  writ tool call read_file --args '{\"path\": \"README.md\"}'\n"
    "  writ tool call edit --args-file edit.json --profile strict\n"
    "  writ tool call run_command --args '{\"argv\": [\"make\", \"test\"]}' --command-profile build\n";

constexpr std::string_view kServeFooter =
    "One JSON object for each line: {\"id\": 1, \"tool\": \"read_file\", \"arguments\": {\"path\": \"README.md\"}} is "
    "answered\n"
    "by {\"id\": 1, \"ok\": true, \"value\": …} or {\"id\": 1, \"ok\": false, \"code\": \"denied\", \"message\": …}.\n"
    "{\"id\": 2, \"tools\": true} asks for what a model is told of the tools. What tools make (objects, tools of "
    "their\n"
    "own) lives as long as the session.\n"
    "\n"
    "Example:\n"
    "  writ tool serve --subject agent:builder --approve queue\n";

constexpr std::string_view kRunFooter =
    "The program runs as under `writ run`, with the same profile and subject, and finds a broker socket at the number\n"
    "that WRIT_BROKER_FD names (docs/protocol.md; clients for C and Python come along). Its standard input is empty.\n"
    "\n"
    "Exit status: the program's, as of `writ run`.\n"
    "\n"
    "Example:\n"
    "  writ tool run --subject agent:builder -- python3 agent.py\n";

enum class Takes : std::uint8_t { kList, kShow, kCall, kServe, kRun };

struct Subcommand {
  CommandTitle title;
  Takes takes;
  std::string_view footer;
  int (*run)(const ToolOptions&, const CeilingFile&);
};

constexpr auto kSubcommands = std::to_array<Subcommand>({
    {{"list", "List the tools"}, Takes::kList, "Example:\n  writ tool list\n", run_tool_list},
    {{"show", "Print what one tool takes, gives, and could ever reach"},
     Takes::kShow,
     "Example:\n  writ tool show edit\n",
     run_tool_show},
    {{"call", "Call a tool"}, Takes::kCall, kCallFooter, run_tool_call},
    {{"serve", "Call tools that standard input names, until it ends"}, Takes::kServe, kServeFooter, run_tool_serve},
    {{"run", "Run a program that speaks to the broker itself"}, Takes::kRun, kRunFooter, run_tool_run},
});

void add_session_options(CommandSpec& spec, ToolOptions& options) {
  RunOptions& grants = options.grants;
  const std::vector<OptionSpec> own = {
      {"-p,--profile", "Profile by name, or a file", "NAME|FILE", &grants.profile},
      {"-C,--workspace", "Workspace instead of the current directory", "DIR", &grants.workspace},
      {"--manifest", "Grant nothing beyond this profile file", "FILE", &grants.manifests},
      {"--command-profile", "Profile of the commands that tools run (--profile)", "NAME|FILE",
       &options.command_profile},
      {"--subject", "Whose capabilities count, for example agent:builder", "SUBJECT", &grants.subject},
      {"--approve", "Who answers what a rule wants asked: the terminal, nobody, an approval file, a program",
       "ask|deny|queue|FILE|fd:N|command:PATH", &grants.approve},
      {"--audit", "Write the audit log to FILE instead of the person's own; none: write none", "FILE|none",
       &grants.audit},
  };
  spec.options.insert(spec.options.end(), own.begin(), own.end());
}

void add_options(CommandSpec& spec, Takes takes, ToolOptions& options) {
  if (takes == Takes::kShow || takes == Takes::kCall)
    spec.options.push_back({"NAME", "The tool", "", &options.words, Need::kRequired});
  if (takes == Takes::kCall) {
    spec.options.push_back({"-a,--args", "Its arguments ({}); others can see them", "JSON", &options.arguments});
    spec.options.push_back(
        {"--args-file", "Its arguments, from a file (- for standard input)", "FILE", &options.arguments_file});
  }
  if (takes == Takes::kList || takes == Takes::kServe)
    spec.options.push_back({"--visible",
                            "Show this tool to a model, and no other than those named so; all can be called", "NAME",
                            &options.visible});
  if (takes == Takes::kCall || takes == Takes::kServe || takes == Takes::kRun) add_session_options(spec, options);
}

Parsed<ToolOptions> parse_subcommand(const Subcommand& subcommand, std::span<const std::string> words,
                                     const TypedWords& typed) {
  ToolOptions options;
  options.run = subcommand.run;
  bool json = false;
  bool quiet = false;
  const std::string name(subcommand.title.name);
  CommandSpec spec{"writ tool " + name, subcommand.title.summary, subcommand.footer, {}};
  add_options(spec, subcommand.takes, options);
  if (subcommand.takes != Takes::kServe && subcommand.takes != Takes::kRun)
    spec.options.push_back({"--json", "Print JSON", "", &json});
  spec.options.push_back({"-q,--quiet", "Do not say on standard error what was refused", "", &quiet});
  if (const auto read = read_words(spec, words); !read) return tl::unexpected(read.error());
  const bool runs = subcommand.takes == Takes::kRun;
  if (typed.separated && !runs)
    return tl::unexpected(usage_error("tool " + name + ": nothing may stand behind --", spec.name));
  if (runs && typed.command.empty())
    return tl::unexpected(usage_error("tool run: the program is missing; write it after --", spec.name));
  options.grants.command = typed.command;
  if (options.words.size() > 1) return tl::unexpected(usage_error("tool " + name + ": one tool at a time", spec.name));
  if (!options.arguments.empty() && !options.arguments_file.empty())
    return tl::unexpected(usage_error("tool call: either --args or --args-file", spec.name));
  if (json) options.format = OutputFormat::kJson;
  if (quiet) options.grants.verbosity = Verbosity::kQuiet;
  return options;
}

}  // namespace

Parsed<ToolOptions> parse_tool_options(const TypedWords& typed) {
  std::array<CommandTitle, kSubcommands.size()> titles;
  for (std::size_t i = 0; i < titles.size(); ++i) {
    titles[i] = kSubcommands[i].title;
    if (!typed.ours.empty() && typed.ours.front() == titles[i].name)
      return parse_subcommand(kSubcommands[i], std::span(typed.ours).subspan(1), typed);
  }
  return tl::unexpected(
      answer_without_command({"writ tool", "Look at tools, and call them", kFooter, {}}, titles, typed.ours));
}

int run_tool_command(const ToolOptions& options, const CeilingFile& ceiling) { return options.run(options, ceiling); }

}  // namespace writ
