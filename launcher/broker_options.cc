#include "launcher/broker_options.h"

#include <array>
#include <string_view>
#include <utility>

#include "launcher/sandboxes_command.h"

namespace writ {
namespace {

constexpr std::string_view kBrokerFooter =
    "Runs in the foreground until it is told to end (SIGTERM, Ctrl-C), and ends its sandboxes then. No other command\n"
    "needs it: it is for what shall go on in the background (writ run --detach), and for many launches in a row\n"
    "(writ run --broker). One for each person.\n"
    "\n"
    "Exit status: 0 it was told to end, 125 it could not work.\n"
    "\n"
    "Examples:\n"
    "  writ broker &\n"
    "  writ run --detach -- make test\n"
    "  writ ps\n"
    "  systemctl --user enable --now writ-broker.socket\n";

struct SandboxesEntry {
  CommandTitle title;
  std::string_view footer;
  int (*run)(const SandboxesOptions&);
};

// In the order of SandboxesCommand.
constexpr auto kEntries = std::to_array<SandboxesEntry>({
    {{"ps", "List the sandboxes of the broker"}, "Examples:\n  writ ps\n  writ ps --all --json\n", list_sandboxes},
    {{"inspect", "Print all that is known about a sandbox, as JSON"},
     "Example:\n  writ inspect 12\n",
     inspect_sandboxes},
    {{"logs", "Print what a detached sandbox has written"},
     "The last 256 KiB of each stream are kept, and a line says how much is missing before them. Bytes that are not\n"
     "printable are escaped at a terminal.\n"
     "\n"
     "Examples:\n"
     "  writ logs 12\n"
     "  writ logs --follow --stream stderr 12\n",
     print_logs},
    {{"kill", "End sandboxes"},
     "Asks by SIGTERM, and ends what is left after the grace; waits until it is gone. With --signal only that signal "
     "is\n"
     "sent.\n"
     "\n"
     "Examples:\n"
     "  writ kill 12\n"
     "  writ kill --grace 0s 12 13\n"
     "  writ kill --signal USR1 12\n",
     kill_sandboxes},
    {{"pause", "Stop all processes of sandboxes for a while"}, "Example:\n  writ pause 12\n", pause_sandboxes},
    {{"resume", "Let paused sandboxes go on"}, "Example:\n  writ resume 12\n", resume_sandboxes},
    {{"attach", "Use the terminal of a detached sandbox"},
     "For sandboxes that were started with `writ run --detach --terminal`. Ctrl-P Ctrl-Q leaves without ending it.\n"
     "\n"
     "Example:\n"
     "  writ attach 12\n",
     attach_sandbox},
});

void add_own_options(SandboxesCommand command, CommandSpec& spec, SandboxesOptions& options, bool& json) {
  using enum SandboxesCommand;
  if (command == kPs) spec.options.push_back({"-a,--all", "Also those that are over", "", &options.all});
  if (command == kPs) spec.options.push_back({"--json", "Print JSON", "", &json});
  if (command == kLogs) spec.options.push_back({"--stream", "Which stream (stdout)", "stdout|stderr", &options.stream});
  if (command == kLogs)
    spec.options.push_back({"-f,--follow", "Go on with what comes, until it ends", "", &options.follow});
  if (command == kKill) {
    spec.options.push_back({"-s,--signal", "Send this signal, and do not wait", "NAME", &options.signal});
    spec.options.push_back({"--grace", "Time between SIGTERM and SIGKILL (2s)", "DURATION", &options.grace});
  }
  if (command != kPs)
    spec.options.push_back({"SANDBOX", "Its number, as `writ ps` prints it", "", &options.sandboxes, Need::kRequired});
}

}  // namespace

Parsed<BrokerOptions> parse_broker_options(const TypedWords& typed) {
  BrokerOptions options;
  CommandSpec spec{"writ broker", "Keep sandboxes for other commands", kBrokerFooter, {}};
  spec.options = {
      {"--socket", "Listen here instead of the usual place", "PATH", &options.socket},
      {"--ready", "Sandboxes that are kept ready for the next launches of the same kind (4; 0 to 64)", "N",
       &options.ready},
      {"-q,--quiet", "Say nothing of what goes on", "", &options.quiet},
  };
  if (const auto read = read_words(spec, typed.ours); !read) return tl::unexpected(read.error());
  if (typed.separated) return tl::unexpected(usage_error("broker takes no command", spec.name));
  return options;
}

Parsed<SandboxesOptions> parse_sandboxes_options(SandboxesCommand command, const TypedWords& typed) {
  const SandboxesEntry& entry = kEntries[static_cast<std::size_t>(command)];
  SandboxesOptions options;
  options.run = entry.run;
  bool json = false;
  CommandSpec spec{"writ " + std::string(entry.title.name), entry.title.summary, entry.footer, {}};
  add_own_options(command, spec, options, json);
  if (const auto read = read_words(spec, typed.ours); !read) return tl::unexpected(read.error());
  const bool takes_one = command == SandboxesCommand::kLogs || command == SandboxesCommand::kAttach;
  if (takes_one && options.sandboxes.size() > 1) return tl::unexpected(usage_error("one sandbox at a time", spec.name));
  if (!options.stream.empty() && options.stream != "stdout" && options.stream != "stderr")
    return tl::unexpected(usage_error("--stream is stdout or stderr", spec.name));
  if (json) options.format = OutputFormat::kJson;
  return options;
}

}  // namespace writ
