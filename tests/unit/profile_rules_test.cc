// rules, groups, commands and tests of a profile: what is read, what is refused and where, how layers combine.
#include <catch2/catch.hpp>
#include <string>

#include "broker/policy/policy_case.h"
#include "tests/unit/profile_fixture.h"

namespace writ {
namespace {

using profile_tests::error_of;
using profile_tests::Files;
using profile_tests::grant_paths;
using profile_tests::loaded;
using profile_tests::says;
using profile_tests::Strings;

std::string rule_error(std::string_view entry) { return error_of("rules:\n  - {" + std::string(entry) + "}\n"); }

Strings rule_texts(const Profile& profile) {
  Strings texts;
  for (const Rule& rule : profile.rules) texts.push_back(rule.text());
  return texts;
}

TEST_CASE("rules are read with their origin", "[profile][rules]") {
  const Profile profile = loaded(
      "variables: {data: '${home}/data'}\nrules:\n"
      "  - {effect: allow, rights: [read, write], path: '${data}/out/*', reason: results, optional: true}\n"
      "  - {effect: ask, rights: [write], path: ~/x}\n"
      "  - {effect: deny, rights: [read], path: '${workspace}/secret/*'}\n"
      "  - {effect: allow, rights: [connect, bind], address: 'LOCALHOST:8080'}\n");
  CHECK(rule_texts(profile) == Strings{"allow read, write, list /home/u/data/out/*", "ask write /home/u/x",
                                       "deny read, write, execute, list /home/u/work/secret/*",
                                       "allow connect, bind localhost:8080"});
  const Rule& first = profile.rules.front();
  CHECK(first.reason == "results");
  CHECK(first.optional);
  CHECK(!profile.rules[1].optional);
  CHECK(first.origin.line == 5);
  CHECK(first.origin.column == 5);
  REQUIRE(profile.sources.size() == 2);
  CHECK(profile.sources[first.origin.source] == "test.yaml");
}

TEST_CASE("a rule that says nothing sensible is refused at its place", "[profile][rules][conformance]") {
  // A misspelt field is an error, never a rule that means something else.
  CHECK(says(rule_error("efect: allow, rights: [read], path: /a"),
             "test.yaml:4:6: unknown key 'efect' (did you mean 'effect'?)"));
  CHECK(says(rule_error("effect: alow, rights: [read], path: /a"), "did you mean 'allow'"));
  CHECK(says(rule_error("effect: allow, rights: [reed], path: /a"), "did you mean 'read'"));
  CHECK(says(rule_error("effect: allow, rights: ['*'], path: /a"), "expected one of read, write"));
  CHECK(says(rule_error("effect: allow, rights: [], path: /a"), "'rights' is empty"));
  CHECK(says(rule_error("effect: allow, rights: read, path: /a"), "expected a list"));
  CHECK(says(rule_error("rights: [read], path: /a"), "has no 'effect'"));
  CHECK(says(rule_error("effect: allow, path: /a"), "has no 'rights'"));
  CHECK(says(rule_error("effect: allow, rights: [read]"), "about nothing"));
  CHECK(says(rule_error("effect: allow, rights: [read], path: /a, group: b"), "write two rules"));
  CHECK(
      says(rule_error("effect: deny, rights: [read], path: /a, optional: true"), "'optional' is for rules that allow"));
}

TEST_CASE("rights fit their resource and what a view can give", "[profile][rules]") {
  CHECK(says(rule_error("effect: allow, rights: [connect], path: /a"), "not about a path"));
  CHECK(says(rule_error("effect: allow, rights: [read], address: 'a.org:1'"), "not about an address"));
  CHECK(says(rule_error("effect: allow, rights: [write], path: /a"), "add read"));
  CHECK(says(rule_error("effect: allow, rights: [execute], path: /a"), "add read"));
  CHECK(says(rule_error("effect: allow, rights: [list], path: /a"), "add read"));
  CHECK(says(rule_error("effect: deny, rights: [list], path: /a"), "add read"));
  CHECK(loaded("rules: [{effect: deny, rights: [write, execute], path: /a}]\n").rules.size() == 1);
}

TEST_CASE("bare wildcards and the whole file system are refused", "[profile][rules][conformance]") {
  CHECK(says(rule_error("effect: allow, rights: [read], path: '*'"), "bare pattern"));
  CHECK(says(rule_error("effect: allow, rights: [read], path: '${workspace}/src*'"), "whole last part"));
  CHECK(says(rule_error("effect: allow, rights: [read], path: '/a/*/b'"), "whole last part"));
  CHECK(says(rule_error("effect: allow, rights: [read], path: /"), "whole file system"));
  CHECK(says(rule_error("effect: deny, rights: [read], path: '/*'"), "whole file system"));
  CHECK(says(rule_error("effect: allow, rights: [read], path: a/b"), "not absolute"));
  CHECK(says(rule_error("effect: allow, rights: [read], path: '/a/../b/*'"), "'..' segment"));
  CHECK(says(rule_error("effect: allow, rights: [connect], address: '*:*'"), "bare wildcard"));
  CHECK(says(rule_error("effect: allow, rights: [connect], address: '0x7f.1:80'"), "neither a name nor an address"));
}

TEST_CASE("only a ceiling speaks of everything", "[profile][rules]") {
  const std::string text = profile_tests::with_head("rules: [{effect: allow, rights: [read], path: '/*'}]\n");
  ProfileContext context = profile_tests::context_with();
  CHECK(!load_profile({"test.yaml", text}, context));
  context.role = ProfileRole::kCeiling;
  CHECK(load_profile({"test.yaml", text}, context));
}

TEST_CASE("the workspace is where one stands, not a name for a secret", "[profile][rules][secrets]") {
  ProfileContext context = profile_tests::context_with();
  context.variables["workspace"] = "/home/u/.ssh";
  const std::string text =
      profile_tests::with_head("rules: [{effect: allow, rights: [read], path: '${workspace}/*'}]\n");
  const Result<Profile> profile = load_profile({"test.yaml", text}, context);
  REQUIRE(!profile);
  CHECK(says(profile.error().describe(), "lies in a place for secrets"));
}

TEST_CASE("groups are lists of paths with a name", "[profile][groups]") {
  const std::string body =
      "groups:\n  data: [/srv/a, {path: ~/b, optional: true}]\n"
      "filesystem:\n  read: [{group: data}]\n  hide: [{group: data, optional: true}]\n"
      "rules:\n  - {effect: deny, rights: [write], group: data}\n";
  const Profile profile = loaded(body);
  CHECK(grant_paths(profile) == Strings{"/srv/a", "/home/u/b"});
  CHECK(profile_tests::grant_of(profile, "/srv/a").presence == Presence::kRequired);
  CHECK(profile_tests::grant_of(profile, "/home/u/b").presence == Presence::kOptional);
  CHECK(rule_texts(profile) == Strings{"deny write /srv/a/*", "deny write /home/u/b/*"});
  CHECK(profile.filesystem.hide[0] == "/srv/a");
  CHECK(profile_tests::grant_of(profile, "/srv/a").origin.line == 6);
  const Profile optional = loaded("groups: {d: [/srv/a]}\nfilesystem: {read: [{group: d, optional: true}]}\n");
  CHECK(profile_tests::grant_of(optional, "/srv/a").presence == Presence::kOptional);
}

TEST_CASE("mistakes with groups", "[profile][groups]") {
  CHECK(says(error_of("groups: {data: [/a]}\nfilesystem: {read: [{group: dta}]}\n"),
             "test.yaml:4:29: there is no group 'dta' (did you mean 'data'?)"));
  CHECK(says(error_of("groups: {Data: [/a]}\n"), "must be made of a-z"));
  CHECK(says(error_of("groups: {a: [{group: b}], b: [/x]}\n"), "not of other groups"));
  CHECK(says(error_of("groups: {a: [/]}\nfilesystem: {read: [{group: a}]}\n"), "whole file system"));
  CHECK(says(error_of("filesystem: {read: [{group: a, path: /b}]}\n"), "both 'path' and 'group'"));
}

TEST_CASE("shipped groups are found when needed and cannot be redefined", "[profile][groups]") {
  ProfileContext context = profile_tests::context_with();
  int asked = 0;
  context.groups_source = [&asked]() -> Result<ProfileSource> {
    ++asked;
    return ProfileSource{"groups.yaml", "version: 1\ngroups:\n  base-system: [/usr]\n"};
  };
  const auto load = [&](std::string_view body) {
    return load_profile({"test.yaml", profile_tests::with_head(body)}, context);
  };
  CHECK(load("filesystem: {read: [/usr]}\n"));
  CHECK(asked == 0);  // a launch without groups does not read them
  const Result<Profile> profile = load("filesystem: {read: [{group: base-system}]}\n");
  REQUIRE(profile);
  CHECK(asked == 1);
  CHECK(grant_paths(*profile) == Strings{"/usr"});
  CHECK(profile->sources == Strings{"built in", "test.yaml", "groups.yaml"});
  CHECK(
      says(load("groups: {base-system: [/x]}\n").error().describe(), "test.yaml:3:10: the group 'base-system' ships"));
}

TEST_CASE("commands are read, and their examples hold", "[profile][commands]") {
  const Profile profile = loaded(
      "commands:\n  - {program: git, prefix: [push, [origin, fork]], effect: ask, profile: git-push, reason: "
      "publishes,\n"
      "     match: ['git push origin main', [git, push, fork]], not_match: [git status]}\n"
      "  - {program: ~/bin/tool, effect: allow}\n  - {program: /usr/bin/ls, exact: [], effect: allow}\n"
      "  - {program: rm, contains: ['-rf', [-fr]], effect: deny}\n");
  REQUIRE(profile.commands.size() == 4);
  const CommandRule& push = profile.commands[0];
  CHECK(push.text() == "ask git push (origin|fork) …");
  CHECK(push.profile == "git-push");
  CHECK(push.examples_matching.size() == 2);
  CHECK(push.origin.line == 4);
  CHECK(profile.commands[1].program == "/home/u/bin/tool");
  CHECK(profile.commands[3].arguments == std::vector<ArgumentAlternatives>{{"-rf", "-fr"}});
}

TEST_CASE("mistakes with commands", "[profile][commands]") {
  const auto error = [](std::string_view entry) { return error_of("commands:\n  - {" + std::string(entry) + "}\n"); };
  CHECK(says(error("program: git, prefix: [push], effect: deny, match: [git pull]"), "does not match its example"));
  CHECK(says(error("program: git, effect: deny, not_match: [git pull]"), "which its 'not_match' excludes"));
  CHECK(says(error("program: git, prefx: [push], effect: deny"), "did you mean 'prefix'"));
  CHECK(says(error("program: git, prefix: [a], exact: [b], effect: deny"), "one of 'exact', 'prefix'"));
  CHECK(says(error("program: git, prefix: [], effect: deny"), "'prefix' is empty"));
  CHECK(says(error("program: git, prefix: [[]], effect: deny"), "matches nothing"));
  CHECK(says(error("effect: deny"), "has no 'program'"));
  CHECK(says(error("program: git"), "has no 'effect'"));
  CHECK(says(error("program: bin/git, effect: deny"), "not absolute"));
  CHECK(says(error("program: git, effect: allow, profile: ./x.yaml"), "profile name"));
  CHECK(says(error("program: git, effect: deny, profile: x"), "this rule denies it"));
  CHECK(says(error("program: git, effect: deny, match: ['git \"x']"), "open quotation mark"));
}

TEST_CASE("cases are decided with the profile's own policy", "[profile][cases]") {
  const Profile profile = loaded(
      "filesystem: {write: ['${workspace}']}\nrules:\n  - {effect: deny, rights: [write], path: '${workspace}/x/*', "
      "reason: frozen}\n"
      "commands:\n  - {program: git, prefix: [push], effect: ask, reason: publishes}\n  - {program: git, effect: "
      "allow}\n"
      "tests:\n  - {write: '${workspace}/a', expect: allow}\n  - {write: '${workspace}/x/a', expect: deny}\n"
      "  - {read: ~/.ssh/id_rsa, expect: deny}\n  - {connect: '10.0.0.1:22', expect: deny}\n"
      "  - {exec: git push origin, expect: ask}\n  - {exec: [git, status], expect: allow}\n  - {list: /srv, expect: "
      "allow}\n");
  const std::vector<PolicyCaseResult> results = run_policy_cases(profile);
  REQUIRE(results.size() == 7);
  for (std::size_t i = 0; i < 6; ++i) {
    INFO(results[i].policy_case->text());
    CHECK(results[i].passed());
  }
  CHECK(!results[6].passed());
  CHECK(results[1].because == "deny write /home/u/work/x/*: frozen");
  CHECK(results[4].because == "ask git push …: publishes");
  CHECK(results[4].policy_case->text() == "exec git push origin → ask");
  CHECK(results[6].because == "no rule speaks of it");
  CHECK(results[1].policy_case->origin.line == 11);
}

TEST_CASE("mistakes with cases", "[profile][cases]") {
  const auto error = [](std::string_view entry) { return error_of("tests:\n  - {" + std::string(entry) + "}\n"); };
  CHECK(says(error("reed: /a, expect: deny"), "did you mean 'read'"));
  CHECK(says(error("read: /a, expect: dney"), "did you mean 'deny'"));
  CHECK(says(error("read: /a, write: /b, expect: deny"), "write two cases"));
  CHECK(says(error("expect: deny"), "no action"));
  CHECK(says(error("read: /a"), "has no 'expect'"));
  CHECK(says(error("read: '/a/*', expect: deny"), "is a pattern"));
  CHECK(says(error("connect: example.org, expect: deny"), "no port"));
}

TEST_CASE("rules, commands and groups grow over layers, cases do not, reset starts anew", "[profile][rules]") {
  const Files files = {{"low",
                        "version: 1\nname: low\ngroups: {g: [/srv/low]}\n"
                        "rules: [{effect: deny, rights: [write], path: /srv/low}]\n"
                        "commands: [{program: low, effect: deny}]\ntests: [{read: /x, expect: deny}]\n"}};
  const Profile grown = loaded(
      "extends: low\ngroups: {g: [/srv/high]}\nfilesystem: {read: [{group: g}]}\n"
      "rules: [{effect: allow, rights: [read], path: /srv/high}]\ncommands: [{program: high, effect: deny}]\n",
      files);
  CHECK(rule_texts(grown) == Strings{"deny write /srv/low", "allow read, list /srv/high"});
  CHECK(grant_paths(grown) == Strings{"/srv/low", "/srv/high"});
  CHECK(grown.commands.size() == 2);
  CHECK(grown.tests.empty());
  CHECK(grown.sources == Strings{"built in", "test.yaml", "low.yaml"});
  CHECK(grown.sources[grown.rules[0].origin.source] == "low.yaml");
  const Profile anew = loaded(
      "extends: low\nreset: [rules, commands, groups]\ngroups: {g: [/srv/high]}\n"
      "filesystem: {read: [{group: g}]}\n",
      files);
  CHECK(anew.rules.empty());
  CHECK(anew.commands.empty());
  CHECK(grant_paths(anew) == Strings{"/srv/high"});
}

}  // namespace
}  // namespace writ
