#include "launcher/command_line.h"

#include <array>
#include <cstring>
#include <string_view>
#include <utility>

#include "launcher/audit_command.h"
#include "launcher/caps_command.h"
#include "launcher/tool_command.h"

namespace writ {
namespace {

constexpr std::string_view kFooter =
    "Examples:\n"
    "  writ run -- python3 script.py                 work in this directory, see the system, nothing else\n"
    "  writ run --profile build -- make -j2\n"
    "  writ run --read ~/data --timeout 60s -- ./tool --flag\n"
    "  writ why default read ~/.ssh/id_ed25519        what a profile decides, and why\n"
    "  writ profile list                              the profiles there are\n"
    "  writ doctor                                    what this host can enforce\n";

// One command of `writ`. `parse` gets the words behind its name.
struct CommandEntry {
  CommandTitle title;
  Command (*parse)(const TypedWords& typed);
};

template <auto kParse>
Command parsed_by(const TypedWords& typed) {
  auto options = kParse(typed);
  if (!options) return options.error();
  return std::move(*options);
}

template <SandboxesCommand kCommand>
Command parsed_for(const TypedWords& typed) {
  auto options = parse_sandboxes_options(kCommand, typed);
  if (!options) return options.error();
  return std::move(*options);
}

constexpr auto kCommands = std::to_array<CommandEntry>({
    {{"run", "Run a program in a sandbox"}, parsed_by<parse_run_options>},
    {{"ci", "Run a step of a CI job in a sandbox, with a verdict"}, parsed_by<parse_ci_options>},
    {{"learn", "Observe a run and propose a profile for it"}, parsed_by<parse_learn_options>},
    {{"why", "Say what a profile decides about one access, and what would change it"}, parsed_by<parse_why_options>},
    {{"tool", "Look at the tools for agents, and call them"}, parsed_by<parse_tool_options>},
    {{"broker", "Keep sandboxes for other commands: in the background, or ready for many launches"},
     parsed_by<parse_broker_options>},
    {{"ps", "List the sandboxes of the broker"}, parsed_for<SandboxesCommand::kPs>},
    {{"inspect", "Print all that is known about a sandbox of the broker"}, parsed_for<SandboxesCommand::kInspect>},
    {{"logs", "Print what a detached sandbox has written"}, parsed_for<SandboxesCommand::kLogs>},
    {{"kill", "End sandboxes of the broker"}, parsed_for<SandboxesCommand::kKill>},
    {{"pause", "Stop all processes of a sandbox for a while"}, parsed_for<SandboxesCommand::kPause>},
    {{"resume", "Let a paused sandbox go on"}, parsed_for<SandboxesCommand::kResume>},
    {{"attach", "Use the terminal of a detached sandbox"}, parsed_for<SandboxesCommand::kAttach>},
    {{"profile", "Look at profiles, check them, compare them"}, parsed_by<parse_profile_options>},
    {{"caps", "Grant, delegate, revoke and explain capabilities"}, parsed_by<parse_caps_options>},
    {{"audit", "Look at audit logs and verify them"}, parsed_by<parse_audit_options>},
    {{"approvals", "Look at what waits for a person, and answer it"}, parsed_by<parse_approvals_options>},
    {{"doctor", "Say what this host can enforce, layer by layer"}, parsed_by<parse_doctor_options>},
});

CommandLineDone answer_without_name(std::span<const std::string> words) {
  std::array<CommandTitle, kCommands.size()> titles;
  for (std::size_t i = 0; i < titles.size(); ++i) titles[i] = kCommands[i].title;
  return answer_without_command({"writ", "Launch programs that hold no authority of their own.", kFooter, {}}, titles,
                                words);
}

}  // namespace

Command parse_command_line(std::span<const std::string> arguments) {
  for (const CommandEntry& entry : kCommands)
    if (!arguments.empty() && arguments.front() == entry.title.name)
      return entry.parse(split_at_separator(arguments.subspan(1)));
  return answer_without_name(split_at_separator(arguments).ours);
}

bool is_launch_command(int argc, const char* const* argv) {
  if (argc < 3 || (std::strcmp(argv[1], "run") != 0 && std::strcmp(argv[1], "learn") != 0)) return false;
  bool separated = false;
  for (int i = 2; i < argc && !separated; ++i) {
    if (std::strcmp(argv[i], "--help") == 0 || std::strcmp(argv[i], "-h") == 0) return false;
    // The daemon launches then, and this process needs no init.
    if (std::strcmp(argv[i], "--broker") == 0 || std::strcmp(argv[i], "--detach") == 0) return false;
    separated = std::strcmp(argv[i], "--") == 0;
  }
  return separated;
}

}  // namespace writ
