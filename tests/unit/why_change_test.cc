// What `writ why` proposes: it works, it is small, and it never opens more of a secret than was asked for.
#include "launcher/why_change.h"

#include <catch2/catch.hpp>

#include "launcher/outline_rules.h"
#include "tests/unit/profile_fixture.h"

namespace {

using namespace writ;
using namespace writ::profile_tests;

constexpr std::string_view kBody = "filesystem: {write: ['${workspace}'], protect: [.envrc]}\n";

RunPolicy policy_of(std::string_view body) {
  RunPolicy policy;
  policy.own = loaded(body);
  return policy;
}

struct Asked {
  WhyAnswer answer;
  WhyChange change;
};

Asked ask(const RunPolicy& policy, const AccessRequest& request, AskedObject object = {HostKind::kFile, {}}) {
  const auto answer = judge(policy, request);
  if (!answer) FAIL(answer.error().describe());
  return {*answer, find_change(policy, request, *answer, object)};
}

PathRequest reads(std::string path) { return {{Right::kRead}, {std::move(path)}, AskedAbout::kHostObject}; }
PathRequest writes(std::string path) { return {{Right::kWrite}, {std::move(path)}, AskedAbout::kPlace}; }

// A proposed rule, pasted into a profile, must load and allow.
void check_paste(const WhyChange& change, const AccessRequest& request, std::string_view list = "rules") {
  INFO(change.yaml);
  REQUIRE_FALSE(change.yaml.empty());
  const std::string body = std::string(kBody) + std::string(list) + ":\n  - " + change.yaml + "\n";
  CHECK(judge(policy_of(body), request)->decision.effect == Effect::kAllow);
}

TEST_CASE("a file is opened by its own name", "[why_change]") {
  const Asked asked = ask(policy_of(kBody), reads("/srv/data/x"));
  CHECK(asked.answer.decision.effect == Effect::kDeny);
  CHECK(asked.change.yaml == "{effect: allow, rights: [read], path: /srv/data/x}");
  CHECK(asked.change.option == "--read /srv/data/x");
  check_paste(asked.change, reads("/srv/data/x"));
}

TEST_CASE("a directory as a tree, a new file through its directory", "[why_change]") {
  const Asked tree = ask(policy_of(kBody), reads("/srv/data"), {HostKind::kDirectory, HostKind::kDirectory});
  CHECK(tree.change.yaml == "{effect: allow, rights: [read], path: /srv/data/*}");
  const Asked fresh = ask(policy_of(kBody), writes("/srv/out/new"), {HostKind::kAbsent, HostKind::kDirectory});
  CHECK(fresh.change.yaml == "{effect: allow, rights: [read, write], path: /srv/out/*}");
  CHECK(fresh.change.option == "--write /srv/out");
  check_paste(fresh.change, writes("/srv/out/new"));
}

TEST_CASE("the sandbox's own scratch does not show what the host has there", "[why_change]") {
  const Asked hosts = ask(policy_of(kBody), reads("/home/u/data/x"));
  CHECK(hosts.answer.decision.effect == Effect::kDeny);
  CHECK(hosts.answer.decision.cause == WhyCause::kSandbox);
  CHECK(hosts.answer.mechanism == Mechanism::kNotInView);
  CHECK(hosts.change.yaml == "{effect: allow, rights: [read], path: /home/u/data/x}");
  check_paste(hosts.change, reads("/home/u/data/x"));
  const Asked fresh = ask(policy_of(kBody), writes("/tmp/new"), {HostKind::kAbsent, HostKind::kDirectory});
  CHECK(fresh.answer.decision.effect == Effect::kAllow);
}

TEST_CASE("secrets are never generalised", "[why_change]") {
  const Asked key = ask(policy_of(kBody), reads("/home/u/.ssh/id_ed25519"));
  CHECK(key.answer.decision.cause == WhyCause::kSecret);
  CHECK(key.change.yaml == "{effect: allow, rights: [read], path: /home/u/.ssh/id_ed25519}");
  check_paste(key.change, reads("/home/u/.ssh/id_ed25519"));
  const Asked all = ask(policy_of(kBody), reads("/home/u/.ssh"), {HostKind::kDirectory, HostKind::kDirectory});
  CHECK(all.change.yaml.empty());
  CHECK(all.change.option.empty());
  const Asked fresh = ask(policy_of(kBody), writes("/home/u/.ssh/new"), {HostKind::kAbsent, HostKind::kDirectory});
  CHECK(fresh.change.yaml.find("/.ssh/*") == std::string::npos);
}

TEST_CASE("against a deny rule nothing is proposed", "[why_change]") {
  const std::string body =
      std::string(kBody) + "rules:\n  - {effect: deny, rights: [read], path: /srv/x, reason: closed}\n";
  const Asked asked = ask(policy_of(body), reads("/srv/x"));
  CHECK(asked.answer.decision.place == "test.yaml:5");
  CHECK(asked.answer.decision.reason == "closed");
  CHECK(asked.change.yaml.empty());
  says(asked.change.advice, "deny wins");
  says(asked.change.advice, "test.yaml:5");
}

TEST_CASE("a protected name", "[why_change]") {
  const Asked asked = ask(policy_of(kBody), writes("/home/u/work/.envrc"));
  CHECK(asked.answer.decision.cause == WhyCause::kProtected);
  CHECK(asked.change.yaml.empty());
  says(asked.change.advice, "filesystem.protect");
}

TEST_CASE("what a bound takes away is not for the profile to give", "[why_change]") {
  RunPolicy policy = policy_of(std::string(kBody) + "rules:\n  - {effect: allow, rights: [read], path: /srv/*}\n");
  policy.bounds.push_back({BoundKind::kCeiling, "the ceiling", loaded(kBody)});
  const Asked taken = ask(policy, reads("/srv/x"));
  CHECK(taken.answer.bound == BoundKind::kCeiling);
  CHECK(taken.change.yaml.empty());
  says(taken.change.advice, "only the administrator");
  const Asked neither = ask(policy, reads("/opt/x"));  // not allowed by either
  CHECK_FALSE(neither.answer.bound);
  CHECK(neither.change.yaml.empty());
  says(neither.change.advice, "not enough");
}

TEST_CASE("commands", "[why_change]") {
  const std::string body = std::string(kBody) + "commands:\n  - {program: git, exact: [status], effect: allow}\n";
  const CommandRequest push{{"/usr/bin/git", "push"}, {"/usr/bin/git"}};
  const Asked asked = ask(policy_of(body), push);
  CHECK(asked.answer.decision.cause == WhyCause::kCommand);
  CHECK(asked.answer.mechanism == Mechanism::kSeparateSandbox);
  CHECK(asked.change.yaml == "{effect: allow, program: /usr/bin/git, exact: [push]}");
  check_paste(asked.change, push, "commands");
}

TEST_CASE("what is allowed can be denied by one rule", "[why_change]") {
  const Asked asked = ask(policy_of(kBody), writes("/home/u/work/x"));
  CHECK(asked.answer.decision.effect == Effect::kAllow);
  CHECK(asked.change.yaml == "{effect: deny, rights: [write], path: /home/u/work/x}");
  CHECK(asked.change.option.empty());
}

}  // namespace
