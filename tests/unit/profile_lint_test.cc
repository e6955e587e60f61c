// Advice of `writ profile check`: each piece is given where it applies, and nowhere else.
#include "launcher/profile_lint.h"

#include <catch2/catch.hpp>

#include "launcher/profile_store.h"
#include "tests/unit/profile_fixture.h"

namespace {

using namespace writ;
using namespace writ::profile_tests;

ReadProfile read_text(std::string_view body) {
  static const ProfileStore store("");
  ProfileContext context = context_with();
  context.find_profile = [](std::string_view name) { return store.find(name); };
  context.groups_source = &ProfileStore::shipped_groups;
  const ProfileSource source{"t.yaml", with_head(body)};
  const auto profile = load_profile(source, context);
  if (!profile) FAIL(profile.error().describe());
  return {*profile, {source}};
}

// "code place" of each finding.
Strings findings(std::string_view body) {
  Strings found;
  for (const LintFinding& finding : lint_profile(read_text(body), "/home/u"))
    found.push_back(std::string(finding.code) + " " + finding.place);
  return found;
}

TEST_CASE("a profile without anything odd gets no advice", "[profile_lint]") {
  CHECK(findings("extends: default\nvariables: {data: /srv/data}\nfilesystem: {read: ['${data}']}\n").empty());
  CHECK(findings("rules:\n"
                 "  - {effect: allow, rights: [read], path: /srv/*}\n"
                 "  - {effect: deny, rights: [read], path: /srv/private/*, reason: private}\n")
            .empty());
}

TEST_CASE("what nothing uses", "[profile_lint]") {
  CHECK(findings("variables: {data: /srv/data, other: '${data}'}\n") == Strings{"unused-variable t.yaml:3"});
  CHECK(findings("groups:\n  mine: [/srv/a]\n") == Strings{"unused-group t.yaml:4"});
  CHECK(findings("groups:\n  mine: [/srv/a]\nfilesystem: {read: [{group: mine}]}\n").empty());
}

TEST_CASE("rules that never matter", "[profile_lint]") {
  CHECK(findings("filesystem: {read: [/srv]}\nrules:\n  - {effect: allow, rights: [read], path: /srv/data/*}\n") ==
        Strings{"no-effect t.yaml:5"});
  CHECK(findings("rules:\n"
                 "  - {effect: deny, rights: [read], path: /srv/*, reason: closed}\n"
                 "  - {effect: allow, rights: [read], path: /srv/data/*}\n") == Strings{"no-effect t.yaml:5"});
  CHECK(findings("rules:\n  - {effect: deny, rights: [read], path: /srv/*, reason: closed}\n") ==
        Strings{"no-effect t.yaml:4"});
}

TEST_CASE("a whole home, a denial without a reason", "[profile_lint]") {
  CHECK(findings("filesystem: {read: [/home/u]}\n") == Strings{"whole-home t.yaml:3"});
  CHECK(findings("rules:\n  - {effect: allow, rights: [read], path: /home/*}\n") == Strings{"whole-home t.yaml:4"});
  CHECK(findings("filesystem: {read: [/srv]}\nrules:\n  - {effect: deny, rights: [read], path: /srv/x}\n") ==
        Strings{"no-reason t.yaml:5"});
  CHECK(findings("commands:\n  - {program: git, effect: deny}\n") == Strings{"no-reason t.yaml:4"});
}

}  // namespace
