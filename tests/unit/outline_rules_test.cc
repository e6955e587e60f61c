// Rules, commands and cases as YAML: what is written loads again to the same.
#include "launcher/outline_rules.h"

#include <catch2/catch.hpp>

#include "tests/unit/profile_fixture.h"

namespace {

using namespace writ;
using namespace writ::profile_tests;

constexpr std::string_view kBody =
    "filesystem: {write: ['${workspace}']}\n"
    "rules:\n"
    "  - {effect: allow, rights: [read], path: /srv/data/*, reason: \"it's data: all of it\"}\n"
    "  - {effect: allow, rights: [read, execute], path: /opt/tool, optional: true}\n"
    "  - {effect: deny, rights: [write], path: '${workspace}/go.sum'}\n"
    "  - {effect: deny, rights: [read], path: '${workspace}/a, b'}\n"
    "  - {effect: ask, rights: [write, read], path: /srv/out/*}\n"
    "  - {effect: allow, rights: [connect], address: 'example.org:443'}\n"
    "  - {effect: deny, rights: [connect, bind], address: '10.0.0.0/8:*'}\n"
    "  - {effect: allow, rights: [bind], address: '[::1]:8080'}\n"
    "commands:\n"
    "  - {program: git, prefix: [push], effect: deny, reason: no, match: ['git push', [git, push, 'a b']], not_match: "
    "['git log']}\n"
    "  - {program: /usr/bin/curl, contains: [-o, --output], effect: ask}\n"
    "  - {program: git, exact: [[log, show], '-1', ''], effect: allow, profile: readonly}\n"
    "  - {program: git, effect: allow}\n"
    "tests:\n"
    "  - {read: '${workspace}/a, b', expect: deny}\n"
    "  - {connect: '10.1.1.1:1', expect: deny}\n"
    "  - {exec: \"git push 'a b'\", expect: deny}\n";

Strings lines_of(const Profile& profile) {
  std::vector<OutlineEntry> entries;
  outline_rules(profile, entries);
  Strings lines;
  for (const OutlineEntry& entry : entries) lines.push_back(entry.section + ": " + entry.value);
  return lines;
}

TEST_CASE("rules, commands and cases load again to the same", "[outline_rules]") {
  const Profile first = loaded(kBody);
  REQUIRE(first.rules.size() == 8);
  REQUIRE(first.commands.size() == 4);
  std::string text(kHead);
  std::string section;
  for (const std::string& line : lines_of(first)) {
    const std::string name = line.substr(0, line.find(':'));
    if (name != section) text += name + ":\n";
    section = name;
    text += "  - " + line.substr(name.size() + 2) + "\n";
  }
  INFO(text);
  const Profile second = load_profile({"again.yaml", text}, context_with()).value();
  CHECK(lines_of(first) == lines_of(second));
  for (std::size_t i = 0; i < first.rules.size(); ++i) {
    CHECK(first.rules[i].text() == second.rules[i].text());
    CHECK(first.rules[i].reason == second.rules[i].reason);
    CHECK(first.rules[i].optional == second.rules[i].optional);
  }
  for (std::size_t i = 0; i < first.commands.size(); ++i) {
    CHECK(first.commands[i].text() == second.commands[i].text());
    CHECK(first.commands[i].examples_matching == second.commands[i].examples_matching);
  }
  REQUIRE(second.tests.size() == 3);
  CHECK(second.tests[2].command == Strings{"git", "push", "a b"});
}

TEST_CASE("a rule is as short as it can be written", "[outline_rules]") {
  const Profile profile = loaded(kBody);
  CHECK(rule_yaml(profile.rules[1]) == "{effect: allow, rights: [read, execute], path: /opt/tool, optional: true}");
  CHECK(rule_yaml(profile.rules[3]) == "{effect: deny, rights: [read], path: '/home/u/work/a, b'}");
}

}  // namespace
