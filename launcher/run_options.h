// The command line of `writ run`, and what it becomes. Plain data.
#ifndef WRIT_LAUNCHER_RUN_OPTIONS_H_
#define WRIT_LAUNCHER_RUN_OPTIONS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "broker/mediation/nested_run.h"
#include "launcher/command_spec.h"

namespace writ {

enum class Verbosity : std::uint8_t { kNormal, kQuiet };
enum class Trace : std::uint8_t { kOff, kDecisions };
enum class Explain : std::uint8_t { kOff, kDenials };
enum class RunMode : std::uint8_t { kRun, kDryRun };
enum class RunVia : std::uint8_t {
  kOwn,       // this process is the broker
  kBroker,    // --broker: the person's daemon
  kDetached,  // --detach: the same, and nobody waits
};

struct RunOptions {
  std::string profile = "default";            // name, or path of a file
  std::string workspace;                      // empty: the current directory
  std::string start_directory;                // --chdir DIR, empty: the workspace
  std::vector<std::string> read;              // --read PATH
  std::vector<std::string> write;             // --write PATH
  std::vector<std::string> manifests;         // --manifest FILE
  std::vector<std::string> protect;           // --protect PATH, given by Writ to its nested runs
  std::vector<std::string> placed;            // --placed SOURCE=PATH, given by `writ ci` (placed_grant.h)
  std::vector<std::string> environment;       // --env NAME or NAME=VALUE
  std::vector<std::string> preferred_layers;  // --prefer LAYER
  std::vector<std::string> limits;            // --limit NAME=VALUE
  std::string timeout;                        // --timeout DURATION, empty: as the profile says
  std::string network;                        // --network none|host, empty: as the profile says
  std::string approve = "ask";                // --approve ask|deny|queue|FILE|fd:N|command:PATH
  std::string subject;                        // --subject SUBJECT; empty: no capabilities
  std::string report;                         // --report FILE, "-" is standard error
  std::string audit;                          // --audit FILE|none, empty: as the profile says
  RunMode mode = RunMode::kRun;
  Verbosity verbosity = Verbosity::kNormal;
  Trace trace = Trace::kOff;
  Explain explain = Explain::kOff;
  bool json = false;               // --json with --dry-run
  std::int32_t broker_socket = 0;  // --broker-socket, given by Writ: standard input is one; the process that serves it
  std::int32_t supervisor = 0;     // --supervisor, given by `writ ci`: the process that started it; ends with it
  bool under_rules = false;        // --under-rules, given by Writ: rules about commands hold for the program itself
  Nesting nesting;                 // --nested, given by Writ to itself; depth 0: started by a person
  RunVia via = RunVia::kOwn;
  bool terminal = false;             // --terminal with --detach
  std::vector<std::string> words;    // for the daemon: what was typed, without these three
  std::vector<std::string> command;  // what follows "--"

  [[nodiscard]] bool is_nested() const { return nesting.depth > 0; }
};

// The options that decide what is granted, for every command that must see the same policy as `writ run`. They write
// into `options`, which must outlive them.
[[nodiscard]] std::vector<OptionSpec> grant_option_specs(RunOptions& options);

// Reads the words behind `writ run`. Errors are printed.
[[nodiscard]] Parsed<RunOptions> parse_run_options(const TypedWords& typed);

}  // namespace writ

#endif  // WRIT_LAUNCHER_RUN_OPTIONS_H_
