#include "launcher/caps_command.h"

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "launcher/caps_actions.h"

namespace writ {
namespace {

constexpr std::string_view kFooter =
    "A capability says that a subject may, may not, or has to ask before it may do something with a resource. The\n"
    "person who types these commands is the root of all of them; --as SUBJECT acts with that subject's own.\n"
    "\n"
    "Examples:\n"
    "  writ caps grant --to agent:builder --right read 'filesystem:/srv/data/*' --expires 1h\n"
    "  writ caps explain agent:builder read filesystem:/srv/data/a\n"
    "  writ caps list\n";

enum class Takes : std::uint8_t { kList, kId, kGrant, kDelegate, kRevoke, kExplain };

struct Subcommand {
  CommandTitle title;
  Takes takes;
  const char* words;  // title of the positional arguments, or nullptr
  std::size_t word_count;
  std::string_view footer;
  int (*run)(const CapsOptions&);
};

constexpr auto kSubcommands = std::to_array<Subcommand>({
    {{"list", "List capabilities, and effects that were in flight when their process died"},
     Takes::kList,
     nullptr,
     0,
     "Examples:\n"
     "  writ caps list --subject agent:builder\n"
     "  writ caps list --all --json\n",
     run_caps_list},
    {{"inspect", "Print everything about one capability"},
     Takes::kId,
     "ID",
     1,
     "Example:\n"
     "  writ caps inspect cap_0123456789abcdef0123456789abcdef\n",
     run_caps_inspect},
    {{"grant", "Make a capability"},
     Takes::kGrant,
     "RESOURCE",
     1,
     "RESOURCE is KIND:NAME, a directory with everything beneath it (filesystem:/srv/data/*) or everything that "
     "begins\n"
     "with a part (shell:git:*, network:*). Rights: read, write, execute, link, diff, materialize, delete, grant,\n"
     "revoke, approve, admin, connect, bind.\n"
     "\n"
     "Exit status: 0 made, 1 the rules refuse it, 125 wrong usage or no store.\n"
     "\n"
     "Examples:\n"
     "  writ caps grant --to agent:builder --right read --right write 'filesystem:/srv/data/*' --delegable\n"
     "  writ caps grant --to agent:builder --right delete filesystem:/srv/data/old --uses 1 --expires 10m\n"
     "  writ caps grant --to agent:builder --right write 'filesystem:*' --effect ask\n",
     run_caps_grant},
    {{"delegate", "Hand on a part of a capability"},
     Takes::kDelegate,
     "WORDS",
     2,
     "Words: the id of the capability, and the RESOURCE that is handed on. The part ends when the whole does.\n"
     "\n"
     "Example:\n"
     "  writ caps delegate --as agent:builder --to agent:helper --right read \\\n"
     "      cap_0123456789abcdef0123456789abcdef filesystem:/srv/data/a\n",
     run_caps_delegate},
    {{"revoke", "Take a capability back, and everything that was delegated from it"},
     Takes::kRevoke,
     "ID",
     1,
     "The next call that needs it is refused at once, in sandboxes that run as well. A place that one of them was "
     "given\n"
     "as a whole is taken out of its view, and whoever in it still holds a file, a directory or a mapping of it is\n"
     "listed: no kernel takes that back. --kill-holders ends them, also of what was revoked before.\n"
     "\n"
     "Exit status: 0 revoked (or it was before), 1 the rules refuse it, 125 wrong usage or no store.\n"
     "\n"
     "Examples:\n"
     "  writ caps revoke cap_0123456789abcdef0123456789abcdef\n"
     "  writ caps revoke --kill-holders cap_0123456789abcdef0123456789abcdef\n",
     run_caps_revoke},
    {{"explain", "Say what a subject may do, by which capability, and from whom it has that"},
     Takes::kExplain,
     "WORDS",
     3,
     "Words: SUBJECT RIGHT RESOURCE. Behind -- stand the arguments of a command, for capabilities with rules.\n"
     "\n"
     "Exit status: 0 allowed, 1 denied, 3 somebody would be asked, 125 there is no answer.\n"
     "\n"
     "Examples:\n"
     "  writ caps explain agent:builder read filesystem:/srv/data/a\n"
     "  writ caps explain agent:builder execute shell:git --operation shell.run -- git push\n",
     run_caps_explain},
});

void add_draft_options(CommandSpec& spec, CapsOptions& options) {
  spec.options.push_back({"--to", "Whose it will be: agent:NAME, profile:NAME, run:NAME, user:UID, process:pid_ID",
                          "SUBJECT", &options.subject, Need::kRequired});
  spec.options.push_back({"--right", "A right; may be given several times", "RIGHT", &options.rights, Need::kRequired});
  spec.options.push_back({"--uses", "How often it can be used", "N", &options.uses});
  spec.options.push_back({"--expires", "When it ends, from now (500ms, 60s, 5m, 2h)", "DURATION", &options.expires});
  spec.options.push_back({"--delegable", "Its holder may hand on parts of it", "", &options.delegable});
  spec.options.push_back({"--depth", "How often parts may be handed on further (4)", "N", &options.depth});
  spec.options.push_back({"--constraints", "Rules about operations, in a JSON file", "FILE", &options.constraints});
  spec.options.push_back({"--reason", "Why; is kept with it", "TEXT", &options.reason});
}

struct Switches {
  bool all = false;
  bool kill = false;
};

void add_options(CommandSpec& spec, Takes takes, CapsOptions& options, Switches& switches) {
  if (takes == Takes::kRevoke)
    spec.options.push_back({"--kill-holders", "End the processes that still hold something of it", "", &switches.kill});
  if (takes == Takes::kList) {
    spec.options.push_back({"--subject", "Only those of one subject", "SUBJECT", &options.subject});
    spec.options.push_back({"--all", "Also what was revoked, is used up or has expired", "", &switches.all});
  }
  if (takes == Takes::kGrant || takes == Takes::kDelegate) add_draft_options(spec, options);
  if (takes == Takes::kGrant)
    spec.options.push_back({"--effect", "allow (the default), ask or deny", "EFFECT", &options.effect});
  if (takes == Takes::kGrant || takes == Takes::kRevoke)
    spec.options.push_back({"--as", "Act with this subject's capabilities only", "SUBJECT", &options.acting_as});
  if (takes == Takes::kDelegate)
    spec.options.push_back({"--as", "Whose capability is handed on", "SUBJECT", &options.acting_as, Need::kRequired});
  if (takes == Takes::kExplain)
    spec.options.push_back({"--operation", "What is being done: provider.operation", "NAME", &options.operation});
}

Parsed<CapsOptions> parse_subcommand(const Subcommand& subcommand, std::span<const std::string> words,
                                     const TypedWords& typed) {
  CapsOptions options;
  options.run = subcommand.run;
  bool json = false;
  Switches switches;
  const std::string name(subcommand.title.name);
  CommandSpec spec{"writ caps " + name, subcommand.title.summary, subcommand.footer, {}};
  if (subcommand.words != nullptr)
    spec.options.push_back({subcommand.words, "See below", "", &options.words, Need::kRequired});
  add_options(spec, subcommand.takes, options, switches);
  spec.options.push_back({"--json", "Print JSON", "", &json});
  if (const auto read = read_words(spec, words); !read) return tl::unexpected(read.error());
  if (options.words.size() != subcommand.word_count)
    return tl::unexpected(usage_error("caps " + name + ": expected " + std::to_string(subcommand.word_count) +
                                          (subcommand.word_count == 1 ? " word" : " words") + ", got " +
                                          std::to_string(options.words.size()),
                                      spec.name));
  if (typed.separated && subcommand.takes != Takes::kExplain)
    return tl::unexpected(usage_error("caps " + name + ": nothing may stand behind --", spec.name));
  options.command = typed.command;
  if (json) options.format = OutputFormat::kJson;
  if (switches.kill) options.holders = HolderFate::kKilled;
  if (switches.all) options.listed = ListedCapabilities::kAll;
  return options;
}

}  // namespace

Parsed<CapsOptions> parse_caps_options(const TypedWords& typed) {
  std::array<CommandTitle, kSubcommands.size()> titles;
  for (std::size_t i = 0; i < titles.size(); ++i) {
    titles[i] = kSubcommands[i].title;
    if (!typed.ours.empty() && typed.ours.front() == titles[i].name)
      return parse_subcommand(kSubcommands[i], std::span(typed.ours).subspan(1), typed);
  }
  return tl::unexpected(answer_without_command(
      {"writ caps", "Grant, delegate, revoke and explain capabilities", kFooter, {}}, titles, typed.ours));
}

int run_caps_command(const CapsOptions& options) { return options.run(options); }

}  // namespace writ
