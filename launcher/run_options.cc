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
    "Exit status: the program's; 128+n when it died of signal n; 124 time limit reached; 125 Writ could not build\n"
    "the sandbox; 126 the program cannot be executed; 127 it was not found.\n"
    "\n"
    "Examples:\n"
    "  writ run -- python3 script.py\n"
    "  writ run --profile build -- make -j2\n"
    "  writ run --read ~/data --write out --env LANG --timeout 60s -- ./tool --flag\n"
    "  writ run --profile ./my.yaml --report run.json -- node app.js\n"
    "  writ run -- bash\n";

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
  std::string nested;
  std::string broker_socket;
};

CommandSpec run_spec(RunOptions& options, RunFlags& flags) {
  CommandSpec spec{"writ run", "Run a program in a sandbox", kFooter, {}};
  spec.options = {{"-p,--profile", "Profile by name, or a file", "NAME|FILE", &options.profile}};
  const std::vector<OptionSpec> grants = grant_option_specs(options);
  spec.options.insert(spec.options.end(), grants.begin(), grants.end());
  const std::vector<OptionSpec> own = {
      {"--chdir", "Start in this directory of the sandbox instead of the workspace", "DIR", &options.start_directory},
      {"--nested", "", "", &flags.nested},                // what a run tells the nested runs of its commands
      {"--broker-socket", "", "", &flags.broker_socket},  // what `writ tool run` tells its run
      {"--under-rules", "", "", &options.under_rules},
      {"--protect", "", "", &options.protect},
      {"-e,--env", "Pass an environment variable on, or set it", "NAME[=VALUE]", &options.environment},
      {"-t,--timeout", "End everything after this time (500ms, 60s, 5m, 2h)", "DURATION", &options.timeout},
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
  if (!flags.broker_socket.empty()) {
    const auto [end, problem] = std::from_chars(
        flags.broker_socket.data(), flags.broker_socket.data() + flags.broker_socket.size(), options.broker_socket);
    if (problem != std::errc() || *end != '\0' || options.broker_socket <= 0)
      return tl::unexpected(usage_error("run: --broker-socket is not for people", spec.name));
  }
  apply(flags, options);
  if (typed.command.empty())
    return tl::unexpected(usage_error(
        "run: the program to run is missing; write it after --, as in: writ run -- python3 script.py", spec.name));
  if (options.json && options.mode != RunMode::kDryRun)
    return tl::unexpected(
        usage_error("run: --json goes with --dry-run; for a report of the run use --report FILE", spec.name));
  options.command = typed.command;
  return options;
}

}  // namespace writ
