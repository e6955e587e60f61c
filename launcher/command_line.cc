#include "launcher/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstring>
#include <iostream>
#include <string_view>

#include "broker/sandbox/launch.h"

namespace writ {
namespace {

constexpr const char* kDescription = "Launch programs that hold no authority of their own.";
constexpr const char* kFooter =
    "Examples:\n"
    "  writ run -- python3 script.py                 work in this directory, see the system, nothing else\n"
    "  writ run --profile build -- make -j2\n"
    "  writ run --read ~/data --timeout 60s -- ./tool --flag\n"
    "  writ doctor                                    what this host can enforce\n";
constexpr const char* kRunFooter =
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

struct RunFlags {
  bool dry_run = false;
  bool quiet = false;
  std::string nested;
};

void add_run_options(CLI::App& run, RunOptions& options, RunFlags& flags) {
  run.add_option("-p,--profile", options.profile, "Profile by name, or a file")->type_name("NAME|FILE");
  run.add_option("-C,--workspace", options.workspace, "Workspace instead of the current directory")->type_name("DIR");
  run.add_option("--chdir", options.start_directory, "Start in this directory of the sandbox instead of the workspace")
      ->type_name("DIR");
  // Not for people: what a run tells the nested runs of its commands.
  run.add_option("--nested", flags.nested)->group("");
  run.add_option("--protect", options.protect)->allow_extra_args(false)->group("");
  run.add_option("-r,--read", options.read, "Grant a file or tree for reading")
      ->type_name("PATH")
      ->allow_extra_args(false);
  run.add_option("-w,--write", options.write, "Grant a file or tree for reading and writing")
      ->type_name("PATH")
      ->allow_extra_args(false);
  run.add_option("-e,--env", options.environment, "Pass an environment variable on, or set it")
      ->type_name("NAME[=VALUE]")
      ->allow_extra_args(false);
  run.add_option("-t,--timeout", options.timeout, "End everything after this time (500ms, 60s, 5m, 2h)")
      ->type_name("DURATION");
  run.add_option("--network", options.network, "Network of the sandbox")->type_name("none|host");
  run.add_option("--prefer", options.preferred_layers, "Go on without this layer of isolation if the host lacks it")
      ->type_name("LAYER")
      ->allow_extra_args(false);
  run.add_option("--report", options.report, "Write a report of the run as JSON (- for standard error)")
      ->type_name("FILE");
  run.add_flag("-n,--dry-run", flags.dry_run, "Show what would be granted, run nothing");
  run.add_flag("--json", options.json, "With --dry-run: print JSON");
  run.add_flag("-q,--quiet", flags.quiet, "No warnings and no list of denials on standard error");
  run.add_flag_callback("--trace", [&options] { options.trace = Trace::kDenials; },
                        "Say on standard error what is denied, as it happens");
  run.footer(kRunFooter);
}

struct SplitArguments {
  std::vector<std::string> ours;
  std::vector<std::string> command;
  bool separated = false;
};

SplitArguments split_at_separator(std::span<const std::string> arguments) {
  const auto separator = std::find(arguments.begin(), arguments.end(), "--");
  SplitArguments split{{arguments.begin(), separator}, {}, separator != arguments.end()};
  if (split.separated) split.command.assign(separator + 1, arguments.end());
  return split;
}

CommandLineDone usage_error(const std::string& message) {
  std::cerr << "writ: " << message << "\nTry 'writ --help'.\n";
  return {kExitWritFailed};
}

Command finish_run(RunOptions options, SplitArguments split) {
  if (!split.separated || split.command.empty())
    return usage_error("run: the program to run is missing; write it after --, as in: writ run -- python3 script.py");
  if (options.json && options.mode != RunMode::kDryRun)
    return usage_error("run: --json goes with --dry-run; for a report of the run use --report FILE");
  options.command = std::move(split.command);
  return options;
}

}  // namespace

Command parse_command_line(std::span<const std::string> arguments) {
  SplitArguments split = split_at_separator(arguments);
  CLI::App app(kDescription, "writ");
  app.set_version_flag("--version", "writ " WRIT_VERSION);
  app.footer(kFooter);
  app.require_subcommand(1);
  app.failure_message(CLI::FailureMessage::simple);

  RunOptions run_options;
  RunFlags flags;
  CLI::App* run = app.add_subcommand("run", "Run a program in a sandbox");
  add_run_options(*run, run_options, flags);

  bool doctor_as_json = false;
  CLI::App* doctor = app.add_subcommand("doctor", "Say what this host can enforce, layer by layer");
  doctor->add_flag("--json", doctor_as_json, "Print JSON");

  try {  // CLI11 reports by exception; none leaves this function
    std::vector<std::string> reversed(split.ours.rbegin(), split.ours.rend());
    app.parse(reversed);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return CommandLineDone{app.exit(error)};
    return usage_error(error.what());
  }
  if (doctor->parsed()) return DoctorOptions{doctor_as_json ? DoctorFormat::kJson : DoctorFormat::kText, {}};
  if (!flags.nested.empty()) {
    auto nesting = Nesting::parse(flags.nested);
    if (!nesting) return usage_error(nesting.error().describe());
    run_options.nesting = *nesting;
  }
  run_options.mode = flags.dry_run ? RunMode::kDryRun : RunMode::kRun;
  run_options.verbosity = flags.quiet ? Verbosity::kQuiet : Verbosity::kNormal;
  return finish_run(std::move(run_options), std::move(split));
}

bool is_launch_command(int argc, const char* const* argv) {
  if (argc < 3 || std::strcmp(argv[1], "run") != 0) return false;
  bool separated = false;
  for (int i = 2; i < argc && !separated; ++i) {
    if (std::strcmp(argv[i], "--help") == 0 || std::strcmp(argv[i], "-h") == 0) return false;
    separated = std::strcmp(argv[i], "--") == 0;
  }
  return separated;
}

}  // namespace writ
