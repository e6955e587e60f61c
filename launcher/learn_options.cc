#include "launcher/learn_options.h"

#include <string_view>
#include <utility>

#include "launcher/profile_store.h"

namespace writ {
namespace {

constexpr std::string_view kFooter =
    "Everything after -- is the program and its arguments. It runs in a sandbox that shows it your home and the "
    "system\n"
    "read-only, without secrets, and lets it write to the workspace. What it uses becomes a proposed profile: read it\n"
    "before you use it.\n"
    "\n"
    "Exit status: the program's, or 125 when Writ could not build the sandbox or write the profile.\n"
    "\n"
    "Examples:\n"
    "  writ learn -o tests.yaml -- python3 -m unittest\n"
    "  writ learn -o tests.yaml --merge tests.yaml -- python3 -m unittest tests.slow\n"
    "  writ learn --permissive --profile strict -- ./tool    what would `strict` have denied?\n";

tl::unexpected<CommandLineDone> misused(std::string_view message) {
  return tl::unexpected(usage_error(message, "writ learn"));
}

Parsed<LearnOptions> check(LearnOptions options) {
  const bool permissive = options.mode == LearnMode::kPermissive;
  if (options.run.command.empty())
    return misused("learn: the program to run is missing; write it after --, as in: writ learn -o p.yaml -- make");
  if (permissive && (!options.output.empty() || !options.merge.empty()))
    return misused("learn: --permissive lists what a profile would deny and writes none: leave -o and --merge out");
  if (permissive && !options.names_profile) return misused("learn: --permissive needs --profile: whose denials?");
  if (!permissive && options.output.empty()) return misused("learn: -o FILE is missing: where does the profile go?");
  if (!options.merge.empty() && options.names_profile)
    return misused("learn: --merge takes the place of --profile: the run is compared with that file");
  if (!permissive && options.names_profile && names_profile_file(options.run.profile))
    return misused("learn: a profile cannot extend a file; add to that one with --merge FILE");
  if (!options.merge.empty()) {
    // Named like a file even where nobody would take it for one: --merge p.
    options.run.profile = names_profile_file(options.merge) ? options.merge : "./" + options.merge;
  }
  return options;
}

}  // namespace

Parsed<LearnOptions> parse_learn_options(const TypedWords& typed) {
  LearnOptions options;
  std::string profile;
  bool permissive = false;
  bool quiet = false;
  CommandSpec spec{"writ learn", "Observe a run and propose a profile for it", kFooter, {}};
  spec.options = {
      {"-o,--output", "Write the proposed profile to this file", "FILE", &options.output},
      {"--merge", "Add what is new to the profile in this file", "FILE", &options.merge},
      {"-p,--profile", "Profile that the new one extends, or that is compared with", "NAME|FILE", &profile},
      {"--permissive", "List what --profile would have denied, write nothing", "", &permissive},
  };
  const std::vector<OptionSpec> grants = grant_option_specs(options.run);
  spec.options.insert(spec.options.end(), grants.begin(), grants.end());
  const std::vector<OptionSpec> own = {
      {"-e,--env", "Pass an environment variable on, or set it", "NAME[=VALUE]", &options.run.environment},
      {"-t,--timeout", "End everything after this time (500ms, 60s, 5m, 2h)", "DURATION", &options.run.timeout},
      {"--prefer", "Go on without this layer of isolation if the host lacks it", "LAYER",
       &options.run.preferred_layers},
      {"--report", "Write a report of the run as JSON (- for standard error)", "FILE", &options.run.report},
      {"--json", "Print what was learned as JSON", "", &options.json},
      {"-q,--quiet", "Print nothing but errors", "", &quiet},
  };
  spec.options.insert(spec.options.end(), own.begin(), own.end());
  if (const auto read = read_words(spec, typed.ours); !read) return tl::unexpected(read.error());
  options.names_profile = !profile.empty();
  if (options.names_profile) options.run.profile = profile;
  options.mode = permissive ? LearnMode::kPermissive : LearnMode::kPropose;
  options.run.verbosity = quiet ? Verbosity::kQuiet : Verbosity::kNormal;
  options.run.command = typed.command;
  return check(std::move(options));
}

}  // namespace writ
