#include "launcher/approvals_command.h"

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "launcher/approvals_decide.h"
#include "launcher/approvals_show.h"
#include "launcher/approvals_watch.h"

namespace writ {
namespace {

constexpr std::string_view kFooter =
    "A run asks by this queue when it was started with --approve queue.\n"
    "\n"
    "Examples:\n"
    "  writ approvals list\n"
    "  writ approvals show 1a2b\n"
    "  writ approvals approve 1a2b --once\n"
    "  writ approvals watch\n";

constexpr std::string_view kIdFooter =
    "ID is an id as `writ approvals list` prints it, or its beginning: at least four digits.\n";

constexpr std::string_view kApproveFooter =
    "ID is an id as `writ approvals list` prints it, or its beginning: at least four digits. Without an option a call\n"
    "that waits is allowed once, or for its run where it cannot be allowed once. --always shows the rule that would "
    "be\n"
    "written, and wants it confirmed (--yes without a terminal).\n"
    "\n"
    "Exit status: 0 approved, 1 it was decided already, is over, or cannot be answered so, 125 wrong usage.\n"
    "\n"
    "Examples:\n"
    "  writ approvals approve 1a2b\n"
    "  writ approvals approve 1a2b --run --revision 1\n"
    "  writ approvals approve 1a2b --always\n"
    "  writ approvals approve 5d6e --policy ask_each_time            a request for permission\n"
    "  writ approvals approve 5d6e --policy always_allow --resource filesystem:/srv/data/a --right read\n"
    "  writ approvals approve 7f80 --answer 'the blue one'           a question\n";

constexpr std::string_view kDenyFooter =
    "ID is an id as `writ approvals list` prints it, or its beginning: at least four digits.\n"
    "\n"
    "Exit status: 0 denied, 1 it was decided already or is over, 125 wrong usage.\n"
    "\n"
    "Examples:\n"
    "  writ approvals deny 1a2b --reason 'not this file'\n"
    "  writ approvals deny 5d6e --policy always_deny                 a request for permission\n";

constexpr std::string_view kWatchFooter =
    "Waits, and prints what comes. At a terminal each question can be answered as it comes, with the keys of\n"
    "`writ run --approve ask`; Ctrl-C ends without an answer. With --json each request is one line.\n";

enum class Takes : std::uint8_t { kNothing, kAll, kId, kApproval, kDenial };

struct Subcommand {
  CommandTitle title;
  Takes takes;
  std::string_view footer;
  int (*run)(const ApprovalsOptions&);
};

constexpr auto kSubcommands = std::to_array<Subcommand>({
    {{"list", "List what waits for a person"},
     Takes::kAll,
     "Exit status: 0, also when nothing waits.\n",
     list_approvals},
    {{"show", "Show one request in full"}, Takes::kId, kIdFooter, show_approval},
    {{"approve", "Answer yes"}, Takes::kApproval, kApproveFooter, approve_request},
    {{"deny", "Answer no"}, Takes::kDenial, kDenyFooter, deny_request},
    {{"watch", "Wait for requests and answer them as they come"}, Takes::kNothing, kWatchFooter, watch_approvals},
});

void add_decision_options(CommandSpec& spec, ApprovalsOptions& options) {
  spec.options.push_back({"--policy", "What holds from now on, for a request for permission",
                          "always_allow|always_deny|ask_each_time|allow_once", &options.policy});
  spec.options.push_back({"--reason", "Why, for whoever asked", "TEXT", &options.reason});
  spec.options.push_back({"--revision", "Only if the request still is as `show` printed it", "N", &options.revision});
}

void add_options(CommandSpec& spec, Takes takes, ApprovalsOptions& options, bool& json) {
  if (takes == Takes::kAll) spec.options.push_back({"--all", "Also what is decided", "", &options.all});
  if (takes != Takes::kAll && takes != Takes::kNothing)
    spec.options.push_back({"ID", "Which request", "", &options.ids, Need::kRequired});
  if (takes == Takes::kApproval) {
    spec.options.push_back({"--once", "Allow this one call", "", &options.once});
    spec.options.push_back({"--run", "Allow it for the rest of the run", "", &options.for_run});
    spec.options.push_back({"--always", "Allow it, and write a rule for later runs", "", &options.always});
    spec.options.push_back({"--yes", "Confirm the rule of --always without being asked", "", &options.yes});
    spec.options.push_back({"--answer", "The answer to a question", "TEXT", &options.answer});
    spec.options.push_back(
        {"--resource", "Grant this instead: something narrower", "KIND:NAME", &options.edited_resource});
    spec.options.push_back({"--right", "Grant these rights only", "RIGHT", &options.edited_rights});
  }
  if (takes == Takes::kApproval || takes == Takes::kDenial) add_decision_options(spec, options);
  spec.options.push_back({"--json", "Print JSON", "", &json});
}

Parsed<ApprovalsOptions> parse_subcommand(const Subcommand& subcommand, std::span<const std::string> words) {
  ApprovalsOptions options;
  options.run = subcommand.run;
  bool json = false;
  CommandSpec spec{
      "writ approvals " + std::string(subcommand.title.name), subcommand.title.summary, subcommand.footer, {}};
  add_options(spec, subcommand.takes, options, json);
  if (const auto read = read_words(spec, words); !read) return tl::unexpected(read.error());
  if (options.ids.size() > 1) return tl::unexpected(usage_error("one ID at a time", spec.name));
  const int answers = (options.once ? 1 : 0) + (options.for_run ? 1 : 0) + (options.always ? 1 : 0);
  if (answers > 1) return tl::unexpected(usage_error("--once, --run and --always: one of them", spec.name));
  if (json) options.format = OutputFormat::kJson;
  return options;
}

}  // namespace

Parsed<ApprovalsOptions> parse_approvals_options(const TypedWords& typed) {
  const std::vector<std::string>& words = typed.ours;
  std::array<CommandTitle, kSubcommands.size()> titles;
  for (std::size_t i = 0; i < titles.size(); ++i) {
    titles[i] = kSubcommands[i].title;
    if (!words.empty() && words.front() == titles[i].name)
      return parse_subcommand(kSubcommands[i], std::span(words).subspan(1));
  }
  return tl::unexpected(answer_without_command(
      {"writ approvals", "Look at what waits for a person, and answer it", kFooter, {}}, titles, words));
}

int run_approvals_command(const ApprovalsOptions& options) { return options.run(options); }

}  // namespace writ
