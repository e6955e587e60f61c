#include "launcher/profile_command.h"

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "launcher/profile_check.h"
#include "launcher/profile_diff.h"
#include "launcher/profile_explain.h"
#include "launcher/profile_init.h"
#include "launcher/profile_list.h"
#include "launcher/profile_schema_command.h"
#include "launcher/profile_show.h"
#include "launcher/profile_test.h"

namespace writ {
namespace {

constexpr std::string_view kFooter =
    "A profile is named by its name, or by the path of its file (with a slash, or ending in .yaml).\n"
    "\n"
    "Examples:\n"
    "  writ profile list\n"
    "  writ profile show default --resolved\n"
    "  writ profile init writ.yaml && writ profile check writ.yaml\n"
    "  writ profile diff default build\n";

// What the words behind a subcommand name, and how many there may be.
struct NamesSpec {
  const char* title = nullptr;  // nullptr: none
  const char* help = nullptr;
  std::size_t least = 0;
  std::size_t most = 0;
};
constexpr std::size_t kAnyNumber = 1000;

enum class ExtraOption : std::uint8_t { kNone, kResolved, kAll };

struct Subcommand {
  CommandTitle title;
  NamesSpec names;
  ExtraOption extra = ExtraOption::kNone;
  std::string_view footer;
  int (*run)(const ProfileOptions&);
};

constexpr NamesSpec kNoNames = {};
constexpr NamesSpec kOneProfile = {"PROFILE", "Name of a profile, or a file", 1, 1};
constexpr NamesSpec kTwoProfiles = {"PROFILES", "The old and the new profile: names, or files", 2, 2};
constexpr NamesSpec kSomeProfiles = {"PROFILES", "Names of profiles, or files", 1, kAnyNumber};
constexpr NamesSpec kOneFile = {"FILE", "The file to make; standard output unless given", 0, 1};

constexpr auto kSubcommands = std::to_array<Subcommand>({
    {{"list", "List the profiles that can be named"},
     kNoNames,
     ExtraOption::kNone,
     "Shipped profiles are part of writ; personal ones lie in ~/.config/writ/profiles, an administrator's in\n"
     "/etc/writ/profiles. A profile with a mistake is listed as broken.\n",
     run_profile_list},
    {{"show", "Print a profile as it was written, or as what it means"},
     kOneProfile,
     ExtraOption::kResolved,
     "Examples:\n"
     "  writ profile show build\n"
     "  writ profile show ./my.yaml --resolved     one file without extends, with the place of each entry\n",
     run_profile_show},
    {{"check", "Look for mistakes, run the tests of a profile, and give advice"},
     kSomeProfiles,
     ExtraOption::kNone,
     "Exit status: 0 no mistake (there may be warnings), 1 a mistake or a failed test, 125 wrong usage.\n"
     "\n"
     "Examples:\n"
     "  writ profile check ./my.yaml\n"
     "  writ profile check profiles/*.yaml --json\n",
     run_profile_check},
    {{"test", "Run the cases that a profile's `tests:` holds"},
     kSomeProfiles,
     ExtraOption::kNone,
     "Exit status: 0 all passed, 1 one failed, 125 a profile cannot be loaded.\n",
     run_profile_test},
    {{"diff", "Compare what two profiles mean"},
     kTwoProfiles,
     ExtraOption::kNone,
     "Exit status: 0 they mean the same, 1 they differ, 125 one of them cannot be loaded.\n"
     "\n"
     "Examples:\n"
     "  writ profile diff default build\n"
     "  git show HEAD:my.yaml > /tmp/old.yaml && writ profile diff /tmp/old.yaml my.yaml\n",
     run_profile_diff},
    {{"explain", "Say by which mechanism each part of a profile is enforced, and what that costs"},
     kOneProfile,
     ExtraOption::kAll,
     "Examples:\n"
     "  writ profile explain strict\n"
     "  writ profile explain ./my.yaml --all       also each place for secrets and each protected name\n",
     run_profile_explain},
    {{"schema", "Print the JSON Schema of profiles, for editors"},
     kNoNames,
     ExtraOption::kNone,
     "Example, for every editor that uses yaml-language-server:\n"
     "  writ profile schema > ~/.config/writ/profile.schema.json\n"
     "  # yaml-language-server: $schema=~/.config/writ/profile.schema.json      (first line of a profile)\n",
     run_profile_schema},
    {{"init", "Write a first profile for the project in this directory"},
     kOneFile,
     ExtraOption::kNone,
     "An existing file is never overwritten.\n"
     "\n"
     "Examples:\n"
     "  writ profile init\n"
     "  writ profile init writ.yaml && writ run --profile ./writ.yaml -- make test\n",
     run_profile_init},
});

void add_options(CommandSpec& spec, const Subcommand& subcommand, ProfileOptions& options, bool& json, bool& extra) {
  const NamesSpec& names = subcommand.names;
  const Need need = names.least > 0 ? Need::kRequired : Need::kOptional;
  if (names.title != nullptr) spec.options.push_back({names.title, names.help, "", &options.names, need});
  if (subcommand.extra == ExtraOption::kResolved)
    spec.options.push_back({"--resolved", "Print the policy that the profile means", "", &extra});
  if (subcommand.extra == ExtraOption::kAll)
    spec.options.push_back({"--all", "Also what every profile denies: each place for secrets", "", &extra});
  spec.options.push_back({"--json", "Print JSON", "", &json});
  if (names.title != nullptr)
    spec.options.push_back(
        {"-C,--workspace", "What ${workspace} is, instead of the current directory", "DIR", &options.workspace});
}

Parsed<ProfileOptions> parse_subcommand(const Subcommand& subcommand, std::span<const std::string> words) {
  ProfileOptions options;
  options.run = subcommand.run;
  bool json = false;
  bool extra = false;
  CommandSpec spec{
      "writ profile " + std::string(subcommand.title.name), subcommand.title.summary, subcommand.footer, {}};
  add_options(spec, subcommand, options, json, extra);
  if (const auto read = read_words(spec, words); !read) return tl::unexpected(read.error());
  const NamesSpec& names = subcommand.names;
  if (options.names.size() < names.least || options.names.size() > names.most)
    return tl::unexpected(usage_error("profile " + std::string(subcommand.title.name) + ": expected " +
                                          std::to_string(names.most) + (names.most == 1 ? " name" : " names") +
                                          ", got " + std::to_string(options.names.size()),
                                      spec.name));
  if (json) options.format = OutputFormat::kJson;
  if (extra) options.form = ShownForm::kResolved;
  if (extra) options.detail = Detail::kEverything;
  return options;
}

}  // namespace

Parsed<ProfileOptions> parse_profile_options(const TypedWords& typed) {
  std::vector<std::string> words = typed.ours;
  // What follows "--" are names as well, whatever they begin with.
  if (typed.separated) words.insert(words.end(), typed.command.begin(), typed.command.end());
  std::array<CommandTitle, kSubcommands.size()> titles;
  for (std::size_t i = 0; i < titles.size(); ++i) {
    titles[i] = kSubcommands[i].title;
    if (!words.empty() && words.front() == titles[i].name)
      return parse_subcommand(kSubcommands[i], std::span(words).subspan(1));
  }
  return tl::unexpected(answer_without_command(
      {"writ profile", "Look at profiles, check them, compare them", kFooter, {}}, titles, words));
}

int run_profile_command(const ProfileOptions& options) { return options.run(options); }

}  // namespace writ
