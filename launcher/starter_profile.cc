// The text of `writ profile init`, apart from what decides about it.
#include <string>

#include "launcher/profile_init.h"

namespace writ {
namespace {

constexpr std::string_view kHead =
    "# yaml-language-server: $schema=./profile.schema.json\n"
    "# (make that file with: writ profile schema > profile.schema.json)\n"
    "#\n"
    "# What the programs of this project get. Everything that is not mentioned here, or in the profile that this one\n"
    "# extends, does not exist for them. Use it:    writ run --profile ./THIS-FILE -- COMMAND\n"
    "# Check it:                                    writ profile check ./THIS-FILE\n"
    "# All keys: docs/profiles.md and docs/policy.md. What it adds up to: writ profile show ./THIS-FILE --resolved\n"
    "version: 1\n";

constexpr std::string_view kBody =
    "\n"
    "filesystem:\n"
    "  # Files and directories outside of the workspace. The workspace itself can be written already.\n"
    "  read: []\n"
    "  #  - ~/datasets\n"
    "  #  - {path: /srv/models, optional: true}     # no error where it does not exist\n"
    "  write: []\n"
    "  #  - ~/.cache/my-tool\n"
    "\n"
    "environment:\n"
    "  # Variables that are passed on from your shell: names, or a prefix such as MY_APP_*.\n"
    "  pass: []\n"
    "  # Variables with a value of their own.\n"
    "  set: {}\n"
    "\n"
    "limits:\n"
    "  wall_time: 1h\n"
    "\n"
    "# Sentences about single paths. deny wins over every allow, also over those of the profile above.\n"
    "rules: []\n"
    "#  - {effect: deny, rights: [write], path: '${workspace}/package-lock.json', reason: run npm outside instead}\n"
    "#  - {effect: allow, rights: [read, execute], path: /srv/tools/*, optional: true}\n"
    "\n"
    "# Cases that must stay true, whatever is changed above; `writ profile check` runs them.\n"
    "tests:\n"
    "  - {read: ~/.ssh/id_ed25519, expect: deny}\n"
    "  - {write: '${workspace}/new-file', expect: allow}\n"
    "\n"
    "# There is no network unless you write `network: host`.\n"
    "network: none\n";

}  // namespace

std::string starter_profile(const std::string& name, const DetectedStack& stack) {
  std::string text(kHead);
  text.append("name: ").append(name).append("\n");
  text.append("description: What the programs of this project get\n");
  text.append("extends: ").append(stack.profile);
  if (!stack.because.empty()) text.append("        # because there is a ").append(stack.because);
  return text.append("\n").append(kBody);
}

}  // namespace writ
