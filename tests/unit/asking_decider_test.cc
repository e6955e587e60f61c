// Who is asked, and that an answer for the run is remembered for exactly what was asked.
#include "broker/mediation/asking_decider.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace writ {
namespace {

class FixedPolicy final : public Decider {
 public:
  AccessVerdict decide(std::uint64_t, const AccessRequest&) override {
    AccessVerdict verdict;
    verdict.verdict = word;
    verdict.rule = "the rule";
    return verdict;
  }
  AccessVerdict explain(const AccessRequest& request) override { return decide(0, request); }
  Verdict word = Verdict::kAsk;
};

class NoTaker final : public AnswerTaker {
 public:
  void take_answer(std::uint64_t, Approval, const std::string&) override { FAIL("nothing was answered here"); }
};

class NotedQuestions final : public Questioner {
 public:
  void ask(std::uint64_t call, QuestionDraft draft, AnswerTaker&) override {
    CHECK(draft.rule.text == "the rule");
    asked.push_back(std::to_string(call) + " " + rights_text(draft.rights) + " " + object_bytes(draft.object));
  }
  void withdraw(std::uint64_t id) override { withdrawn.push_back(id); }
  std::vector<std::string> asked;
  std::vector<std::uint64_t> withdrawn;
};

AccessRequest about(Rights rights, std::string path) {
  AccessRequest request;
  request.rights = rights;
  request.path = std::move(path);
  return request;
}

// Asks, and gets the answer for the run.
void remember(AskingDecider& decider, const AccessRequest& request) {
  constexpr std::uint64_t kCall = 99;
  if (decider.decide(kCall, request).verdict == Verdict::kLater) decider.settle(kCall, Approval::kRun);
}

TEST_CASE("without anybody to ask it is denied, and the reason says so") {
  FixedPolicy policy;
  AskingDecider decider(policy);
  const AccessVerdict verdict = decider.decide(1, about({Right::kRead}, "/a"));
  CHECK(verdict.verdict == Verdict::kDenied);
  CHECK(verdict.reason.find("nobody is there to ask") != std::string::npos);
  decider.withdraw(1);
}

TEST_CASE("only what the policy wants asked is asked") {
  FixedPolicy policy;
  NotedQuestions questions;
  AskingDecider decider(policy);
  NoTaker taker;
  decider.set_questioner(questions, taker);
  for (const Verdict word : {Verdict::kAllowed, Verdict::kDenied}) {
    policy.word = word;
    CHECK(decider.decide(1, about({Right::kRead}, "/a")).verdict == word);
  }
  CHECK(questions.asked.empty());
  policy.word = Verdict::kAsk;
  CHECK(decider.decide(7, about({Right::kRead}, "/a")).verdict == Verdict::kLater);
  CHECK(questions.asked == std::vector<std::string>{"7 read /a"});
  decider.withdraw(7);
  CHECK(questions.withdrawn == std::vector<std::uint64_t>{7});
}

TEST_CASE("what was allowed for the run is that object with those rights, and nothing else") {
  FixedPolicy policy;
  NotedQuestions questions;
  AskingDecider decider(policy);
  NoTaker taker;
  decider.set_questioner(questions, taker);
  remember(decider, about({Right::kRead, Right::kList}, "/a/b"));
  const auto verdict = [&](Rights rights, const char* path) { return decider.decide(1, about(rights, path)).verdict; };
  CHECK(verdict({Right::kRead}, "/a/b") == Verdict::kAllowed);
  CHECK(verdict({Right::kRead, Right::kList}, "/a/b") == Verdict::kAllowed);
  CHECK(verdict({Right::kWrite}, "/a/b") == Verdict::kLater);
  CHECK(verdict({Right::kRead, Right::kWrite}, "/a/b") == Verdict::kLater);
  for (const char* path : {"/a", "/a/b/c", "/a/bb", "/a/b/", "/a/b/.", "/A/b", ""})
    CHECK(verdict({Right::kRead}, path) == Verdict::kLater);
  // Rights of two answers do not add up to one that nobody gave.
  remember(decider, about({Right::kWrite}, "/a/b"));
  CHECK(verdict({Right::kRead, Right::kWrite}, "/a/b") == Verdict::kLater);
  // A denial of the policy stays one.
  policy.word = Verdict::kDenied;
  CHECK(verdict({Right::kRead}, "/a/b") == Verdict::kDenied);
}

TEST_CASE("the memory is bounded: beyond it is asked again") {
  FixedPolicy policy;
  NotedQuestions questions;
  AskingDecider decider(policy);
  NoTaker taker;
  decider.set_questioner(questions, taker);
  std::size_t last = 0;
  for (std::size_t i = 0; i < 5000; ++i) remember(decider, about({Right::kRead}, "/" + std::to_string(i)));
  while (decider.decide(1, about({Right::kRead}, "/" + std::to_string(last))).verdict == Verdict::kAllowed) ++last;
  CHECK(last > 0);
  CHECK(last < 5000);
  CHECK(decider.decide(1, about({Right::kRead}, "/4999")).verdict == Verdict::kLater);
}

}  // namespace
}  // namespace writ
