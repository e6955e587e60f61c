#include "launcher/run_options.h"

#include <charconv>
#include <string_view>
#include <system_error>
#include <utility>

namespace writ {
namespace {

constexpr std::string_view kFooter =
    "Everything after -- is the program and its arguments.\n"
    "\n"
    "Exit status: the program's; 128+n when it died of signal n (137 also at a limit of memory and the\n"
    "like: docs/limits.md); 124 time limit reached; 125 Writ could not build\n"
    "the sandbox; 126 the program cannot be executed; 127 it was not found.\n"
    "\n"
    "Examples:\n"
    "  writ run -- python3 script.py\n"
    "  writ run --profile build -- make -j2\n"
    "  writ run --read ~/data --write out --env LANG --timeout 60s -- ./tool --flag\n"
    "  writ run --profile ./my.yaml --report run.json -- node app.js\n"
    "  writ run -- bash\n"
    "  writ run --detach -- make test\n";

}  // namespace

std::vector<OptionSpec> grant_option_specs(RunOptions& options) {
  return {
      {"-C,--workspace", "Workspace instead of the current directory", "DIR", &options.workspace},
      {"-r,--read", "Grant a file or tree for reading", "PATH", &options.read},
      {"-w,--write", "Grant a file or tree for reading and writing", "PATH", &options.write},
      {"--manifest", "Grant nothing beyond this profile file, the upper bound of the tool", "FILE", &options.manifests},
      {"--network", "Network of the sandbox", "none|host", &options.network},
  };
}

namespace {

// What is typed as a word and means one of two.
struct RunFlags {
  bool dry_run = false;
  bool quiet = false;
  bool trace = false;
  bool explain = false;
  bool broker = false;
  bool detach = false;
  std::string nested;
  std::string broker_socket;
  std::string supervisor;
};

// A number of a process, as Writ gives it to itself.
bool read_process(const std::string& text, std::int32_t& process) {
  if (text.empty()) return true;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), process);
  return problem == std::errc() && *end == '\0' && process > 0;
}

CommandSpec run_spec(RunOptions& options, RunFlags& flags) {
  CommandSpec spec{"writ run", "Run a program in a sandbox", kFooter, {}};
  spec.options = {{"-p,--profile", "Profile by name, or a file", "NAME|FILE", &options.profile}};
  const std::vector<OptionSpec> grants = grant_option_specs(options);
  spec.options.insert(spec.options.end(), grants.begin(), grants.end());
  const std::vector<OptionSpec> own = {
      {"--chdir", "Start in this directory of the sandbox instead of the workspace", "DIR", &options.start_directory},
      {"--broker", "Launch through the broker of this person (writ broker), which keeps sandboxes ready", "",
       &flags.broker},
      {"--detach", "Launch through the broker, print the sandbox's number, and go; see writ ps, logs, attach, kill", "",
       &flags.detach},
      {"--terminal", "With --detach: give it a terminal, for writ attach", "", &options.terminal},
      {"--nested", "", "", &flags.nested},                // what a run tells the nested runs of its commands
      {"--broker-socket", "", "", &flags.broker_socket},  // what `writ tool run` tells its run
      {"--supervisor", "", "", &flags.supervisor},        // what `writ ci` tells its run
      {"--placed", "", "", &options.placed},
      {"--under-rules", "", "", &options.under_rules},
      {"--protect", "", "", &options.protect},
      {"-e,--env", "Pass an environment variable on, or set it", "NAME[=VALUE]", &options.environment},
      {"-t,--timeout", "End everything after this time (500ms, 60s, 5m, 2h)", "DURATION", &options.timeout},
      {"--limit", "Set one limit, as under limits: of a profile (memory=512M, cpus=1.5)", "NAME=VALUE",
       &options.limits},
      {"--prefer", "Go on without this layer of isolation if the host lacks it", "LAYER", &options.preferred_layers},
      {"--approve", "Who answers what a rule wants asked: the terminal, nobody, an approval file, a program",
       "ask|deny|queue|FILE|fd:N|command:PATH", &options.approve},
      {"--subject", "Whose capabilities count in this run, for example agent:builder (writ caps list); without it none",
       "SUBJECT", &options.subject},
      {"--report", "Write a report of the run as JSON (- for standard error)", "FILE", &options.report},
      {"--audit", "Write the audit log of this run to FILE instead of the person's own; none: write none", "FILE|none",
       &options.audit},
      {"-n,--dry-run", "Show what would be granted, run nothing", "", &flags.dry_run},
      {"--json", "With --dry-run: print JSON", "", &options.json},
      {"-q,--quiet", "No warnings and no list of denials on standard error", "", &flags.quiet},
      {"--explain", "Find out what the program looks for in vain because the policy keeps it away; slower", "",
       &flags.explain},
      {"--trace", "Say on standard error what is decided about calls that wait for Writ, as it happens", "",
       &flags.trace},
  };
  spec.options.insert(spec.options.end(), own.begin(), own.end());
  return spec;
}

void apply(const RunFlags& flags, RunOptions& options) {
  options.mode = flags.dry_run ? RunMode::kDryRun : RunMode::kRun;
  options.explain = flags.explain ? Explain::kDenials : Explain::kOff;
  options.trace = flags.trace ? Trace::kDecisions : Trace::kOff;
  options.verbosity = flags.quiet ? Verbosity::kQuiet : Verbosity::kNormal;
}

// For the daemon, which reads the same words again. These three are flags, and so always words of their own.
std::vector<std::string> words_for_daemon(const std::vector<std::string>& typed) {
  std::vector<std::string> words;
  for (const std::string& word : typed)
    if (word != "--broker" && word != "--detach" && word != "--terminal") words.push_back(word);
  return words;
}

Parsed<void> choose_way(const RunFlags& flags, const TypedWords& typed, RunOptions& options) {
  if (flags.detach) options.via = RunVia::kDetached;
  if (flags.broker && !flags.detach) options.via = RunVia::kBroker;
  if (options.terminal && !flags.detach)
    return tl::unexpected(usage_error("run: --terminal goes with --detach; in the foreground the terminal is yours"));
  if (options.via == RunVia::kOwn) return {};
  if (options.mode == RunMode::kDryRun)
    return tl::unexpected(usage_error("run: --dry-run launches nothing, so it needs no broker"));
  options.words = words_for_daemon(typed.ours);
  return {};
}

}  // namespace

Parsed<RunOptions> parse_run_options(const TypedWords& typed) {
  RunOptions options;
  RunFlags flags;
  const CommandSpec spec = run_spec(options, flags);
  if (const auto read = read_words(spec, typed.ours); !read) return tl::unexpected(read.error());
  if (!flags.nested.empty()) {
    auto nesting = Nesting::parse(flags.nested);
    if (!nesting) return tl::unexpected(usage_error(nesting.error().describe(), spec.name));
    options.nesting = *nesting;
  }
  if (!read_process(flags.broker_socket, options.broker_socket))
    return tl::unexpected(usage_error("run: --broker-socket is not for people", spec.name));
  if (!read_process(flags.supervisor, options.supervisor))
    return tl::unexpected(usage_error("run: --supervisor is not for people", spec.name));
  apply(flags, options);
  if (typed.command.empty())
    return tl::unexpected(usage_error(
        "run: the program to run is missing; write it after --, as in: writ run -- python3 script.py", spec.name));
  if (options.json && options.mode != RunMode::kDryRun)
    return tl::unexpected(
        usage_error("run: --json goes with --dry-run; for a report of the run use --report FILE", spec.name));
  if (const auto chosen = choose_way(flags, typed, options); !chosen) return tl::unexpected(chosen.error());
  options.command = typed.command;
  return options;
}

}  // namespace writ
