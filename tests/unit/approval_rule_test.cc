// The rule that `always` writes: read back, it answers the very question that it was written for, and no other.
#include <catch2/catch.hpp>

#include "broker/approval/approval_file.h"
#include "broker/policy/ip_address.h"
#include "launcher/approval_rule.h"

namespace writ {
namespace {

QuestionDraft about(ApprovalObject object, Rights rights = {Right::kRead}) {
  QuestionDraft draft;
  draft.object = std::move(object);
  draft.rights = rights;
  return draft;
}

// The outcome that the written rule gives to a question about `object`; deny where none is written.
ApprovalOutcome answered(const QuestionDraft& written, const QuestionDraft& asked) {
  const std::string rule = approval_rule(written);
  if (rule.empty()) return ApprovalOutcome::kDeny;
  const auto file = ApprovalFile::parse("test", "version: 1\napprovals:\n  - " + rule + "\n");
  REQUIRE(file);
  ApprovalQuestion question;
  question.rights = asked.rights;
  question.object = asked.object;
  question.possible = {ApprovalOutcome::kAllowOnce, ApprovalOutcome::kAllowRun};
  return file->decide(question).outcome;
}

QuestionDraft connect_to(std::string_view text, std::uint16_t port) {
  const auto four = parse_ipv4(text);
  return about(Address{"", four ? four : parse_ipv6(text), port}, {Right::kConnect});
}

QuestionDraft command(std::vector<std::string> argv, std::string program = "/usr/bin/git") {
  return about(CommandObject{std::move(program), std::move(argv)}, {Right::kExecute});
}

TEST_CASE("always: a path is written as it is, whatever it contains", "[approval]") {
  for (const char* path : {"/srv/data", "/srv/a b", "/srv/it's", "/srv/\"x\"", "/srv/{a, b}", "/srv/a: b", "/srv/a$b",
                           "/srv/${home}", "/srv/# x", "/srv/\xC3\xA9", "/srv/~"}) {
    INFO(path);
    CHECK(answered(about(PathObject{path}), about(PathObject{path})) == ApprovalOutcome::kAllowRun);
    CHECK(answered(about(PathObject{path}), about(PathObject{std::string(path) + "x"})) == ApprovalOutcome::kDeny);
  }
}

TEST_CASE("always: what would mean more than the one object is not offered", "[approval]") {
  CHECK(approval_rule(about(PathObject{"/srv/data/*"})).empty());
  CHECK(approval_rule(about(PathObject{"/srv/a*b"})).empty());
  CHECK(approval_rule(about(PathObject{"/srv/\xFF"})).empty());
  CHECK(approval_rule(about(PathObject{"/srv/new\nline"})).empty());
  CHECK(approval_rule(about(PathObject{"/srv/" + std::string(kApprovalRuleLimit, 'x')})).empty());
  CHECK(approval_rule(command({"git", "\xFF"})).empty());
  CHECK(approval_rule(about(Address{"example.org", std::nullopt, 443}, {Right::kConnect})).empty());
}

TEST_CASE("always: an address is written with its port", "[approval]") {
  for (const char* text : {"192.0.2.1", "127.0.0.1", "2001:db8::1", "::1", "169.254.169.254"}) {
    INFO(text);
    CHECK(answered(connect_to(text, 443), connect_to(text, 443)) == ApprovalOutcome::kAllowRun);
    CHECK(answered(connect_to(text, 443), connect_to(text, 444)) == ApprovalOutcome::kDeny);
  }
  CHECK(answered(connect_to("192.0.2.1", 443), connect_to("192.0.2.2", 443)) == ApprovalOutcome::kDeny);
  QuestionDraft bind = connect_to("192.0.2.1", 443);
  bind.rights = {Right::kBind};
  CHECK(answered(connect_to("192.0.2.1", 443), bind) == ApprovalOutcome::kDeny);
}

TEST_CASE("always: a command is written with all of its arguments", "[approval]") {
  const auto allows = [](std::vector<std::string> written, std::vector<std::string> asked) {
    return answered(command(std::move(written)), command(std::move(asked))) == ApprovalOutcome::kAllowRun;
  };
  CHECK(allows({"git", "push"}, {"git", "push"}));
  CHECK(allows({"git", "push"}, {"/usr/bin/git", "push"}));  // what the tool calls it does not matter
  CHECK(!allows({"git", "push"}, {"git", "push", "--force"}));
  CHECK(!allows({"git", "push"}, {"git"}));
  CHECK(allows({"git"}, {"git"}));
  CHECK(!allows({"git"}, {"git", "push"}));
  CHECK(
      allows({"git", "", "a, b", "[x]", "-1", "true", "*", "$x"}, {"git", "", "a, b", "[x]", "-1", "true", "*", "$x"}));
  CHECK(!allows({"git", "a, b"}, {"git", "a", "b"}));
  CHECK(answered(command({"git", "push"}), command({"git", "push"}, "/opt/git")) == ApprovalOutcome::kDeny);
}

TEST_CASE("always: an answer that reaches one call only is written like that", "[approval]") {
  QuestionDraft draft = about(PathObject{"/srv/data"});
  draft.reach = AnswerReach::kCall;
  CHECK(answered(draft, draft) == ApprovalOutcome::kAllowOnce);
}

}  // namespace
}  // namespace writ
