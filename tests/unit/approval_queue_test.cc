// The limiter and the queue of questions.
#include "broker/approval/question_queue.h"

#include <catch2/catch.hpp>
#include <map>

#include "tests/unit/approval_fixture.h"

namespace writ::approval_tests {
namespace {

constexpr ApprovalAnswer by_person(ApprovalOutcome outcome) { return {outcome, ApprovalCause::kPerson, {}}; }

std::map<std::uint64_t, ApprovalAnswer> answers_of(QuestionQueue& queue) {
  std::map<std::uint64_t, ApprovalAnswer> answers;
  for (AnsweredQuestion& one : queue.take_answers()) {
    CHECK_FALSE(answers.contains(one.id.value));
    answers[one.id.value] = std::move(one.answer);
  }
  return answers;
}

TEST_CASE("limiter: so many questions in each minute, whatever they are about", "[approval]") {
  ApprovalLimiter limiter({.questions_in_a_minute = 3});
  CHECK(limiter.admit(1, at(0ms)) == Admission::kAsk);
  CHECK(limiter.admit(2, at(20s)) == Admission::kAsk);
  CHECK(limiter.admit(3, at(40s)) == Admission::kAsk);
  CHECK(limiter.admit(4, at(59'999ms)) == Admission::kTooManyQuestions);
  CHECK(limiter.admit(4, at(60s)) == Admission::kAsk);
  CHECK(limiter.admit(4, at(61s)) == Admission::kTooManyQuestions);
  CHECK(limiter.admit(4, at(80s)) == Admission::kAsk);
}

TEST_CASE("limiter: an object that was denied so often is not asked about again", "[approval]") {
  ApprovalLimiter limiter({.denials_of_one_object = 2, .questions_in_a_minute = 100});
  limiter.note_denied(7);
  CHECK(limiter.admit(7, at(0ms)) == Admission::kAsk);
  limiter.note_denied(7);
  CHECK(limiter.admit(7, at(0ms)) == Admission::kDeniedTooOften);
  CHECK(limiter.admit(7, at(48h)) == Admission::kDeniedTooOften);
  CHECK(limiter.admit(8, at(0ms)) == Admission::kAsk);
}

TEST_CASE("limiter: what it remembers is bounded, and then it denies", "[approval]") {
  ApprovalLimiter limiter({.denials_of_one_object = 2, .questions_in_a_minute = 100});
  for (std::uint64_t object = 0; object < ApprovalLimiter::kRememberedObjects; ++object) limiter.note_denied(object);
  limiter.note_denied(1'000'000);
  CHECK(limiter.admit(0, at(0ms)) == Admission::kAsk);
  CHECK(limiter.admit(1'000'000, at(0ms)) == Admission::kDeniedTooOften);
}

TEST_CASE("queue: first in, first out, each answered once", "[approval]") {
  QuestionQueue queue({});
  for (std::uint64_t id = 1; id <= 3; ++id) CHECK(queue.add(path_question("/srv/" + std::to_string(id), id), at(0ms)));
  REQUIRE(queue.first() != nullptr);
  CHECK(queue.first()->id == QuestionId{1});
  CHECK(queue.size() == 3);
  queue.answer({1}, by_person(ApprovalOutcome::kAllowOnce));
  queue.answer({1}, by_person(ApprovalOutcome::kAllowRun));
  CHECK(queue.first()->id == QuestionId{2});
  const auto answers = answers_of(queue);
  REQUIRE(answers.size() == 1);
  CHECK(answers.at(1).outcome == ApprovalOutcome::kAllowOnce);
  CHECK_FALSE(queue.has_answers());
}

TEST_CASE("queue: a time-out denies, and counts from the beginning that it was given", "[approval]") {
  QuestionQueue queue({.time_out = 10s});
  CHECK(queue.add(path_question("/a", 1), at(0ms)));
  CHECK(queue.add(path_question("/b", 2), at(0ms)));
  CHECK_FALSE(queue.next_time_out());
  queue.expire(at(1h));
  CHECK_FALSE(queue.has_answers());
  queue.begin({1}, at(5s));
  queue.begin({1}, at(12s));
  CHECK(queue.next_time_out() == at(15s));
  queue.expire(at(14'999ms));
  CHECK_FALSE(queue.has_answers());
  queue.expire(at(15s));
  const auto answers = answers_of(queue);
  REQUIRE(answers.size() == 1);
  CHECK(answers.at(1).outcome == ApprovalOutcome::kDeny);
  CHECK(answers.at(1).cause == ApprovalCause::kTimedOut);
  CHECK(answers.at(1).text == "nobody answered within 10 s");
  CHECK(queue.first()->id == QuestionId{2});
}

TEST_CASE("queue: an answer for the run answers who asks the same", "[approval]") {
  QuestionQueue queue({});
  CHECK(queue.add(path_question("/a", 1), at(0ms)));
  CHECK(queue.add(path_question("/a", 2), at(0ms)));
  CHECK(queue.add(path_question("/a", 3, {Right::kWrite}), at(0ms)));
  CHECK(queue.add(path_question("/ab", 4), at(0ms)));
  SECTION("once is for one call") {
    queue.answer({1}, by_person(ApprovalOutcome::kAllowOnce));
    CHECK(answers_of(queue).size() == 1);
  }
  SECTION("run") {
    queue.answer({1}, by_person(ApprovalOutcome::kAllowRun));
    const auto answers = answers_of(queue);
    REQUIRE(answers.size() == 2);
    CHECK(answers.at(2).outcome == ApprovalOutcome::kAllowRun);
  }
  SECTION("deny") {
    queue.answer({1}, by_person(ApprovalOutcome::kDeny));
    const auto answers = answers_of(queue);
    REQUIRE(answers.size() == 2);
    CHECK(answers.at(2).outcome == ApprovalOutcome::kDeny);
  }
  SECTION("withdrawn is about one call") {
    queue.withdraw({1}, ApprovalCause::kAskerGone);
    const auto answers = answers_of(queue);
    REQUIRE(answers.size() == 1);
    CHECK(answers.at(1).cause == ApprovalCause::kAskerGone);
  }
}

TEST_CASE("queue: always is written once", "[approval]") {
  QuestionQueue queue({});
  for (std::uint64_t id = 1; id <= 2; ++id) {
    ApprovalQuestion question = path_question("/a", id);
    question.always_rule = "- {effect: allow, rights: [read], path: /a}";
    CHECK(queue.add(std::move(question), at(0ms)));
  }
  queue.answer({1}, by_person(ApprovalOutcome::kAllowAlways));
  const auto answers = answers_of(queue);
  REQUIRE(answers.size() == 2);
  CHECK(answers.at(1).outcome == ApprovalOutcome::kAllowAlways);
  CHECK(answers.at(2).outcome == ApprovalOutcome::kAllowRun);
}

TEST_CASE("queue: what was not offered is denied", "[approval]") {
  QuestionQueue queue({});
  CHECK(queue.add(path_question("/a", 1), at(0ms)));  // no rule to write: no always
  ApprovalQuestion once_only = path_question("/b", 2);
  once_only.possible = {ApprovalOutcome::kAllowOnce};
  CHECK(queue.add(std::move(once_only), at(0ms)));
  queue.answer({1}, by_person(ApprovalOutcome::kAllowAlways));
  queue.answer({2}, by_person(ApprovalOutcome::kAllowRun));
  const auto answers = answers_of(queue);
  CHECK(answers.at(1).outcome == ApprovalOutcome::kDeny);
  CHECK(answers.at(1).text == "the answer 'always' was not offered");
  CHECK(answers.at(2).outcome == ApprovalOutcome::kDeny);
}

TEST_CASE("queue: denials and time-outs count for the object, other ends do not", "[approval]") {
  QuestionQueue queue({.time_out = 1s, .denials_of_one_object = 2});
  const auto ask = [&](std::uint64_t id) { return queue.add(path_question("/a", id), at(0ms)); };
  CHECK(ask(1));
  queue.withdraw({1}, ApprovalCause::kCancelled);
  CHECK(ask(2));
  queue.answer({2}, by_person(ApprovalOutcome::kDeny));
  CHECK(ask(3));
  queue.begin({3}, at(0ms));
  queue.expire(at(1s));
  CHECK_FALSE(ask(4));
  CHECK(queue.add(path_question("/b", 5), at(0ms)));
  const auto answers = answers_of(queue);
  CHECK(answers.at(4).outcome == ApprovalOutcome::kDeny);
  CHECK(answers.at(4).cause == ApprovalCause::kRateLimited);
}

TEST_CASE("queue: no more than so many wait, and all can be denied at once", "[approval]") {
  QuestionQueue queue({.questions_in_a_minute = 100, .waiting = 5});
  for (std::uint64_t id = 1; id <= 5; ++id) CHECK(queue.add(path_question("/" + std::to_string(id), id), at(0ms)));
  CHECK_FALSE(queue.add(path_question("/6", 6), at(0ms)));
  queue.deny_all(ApprovalCause::kNoTerminal, "gone");
  const auto answers = answers_of(queue);
  REQUIRE(answers.size() == 6);
  CHECK(answers.at(6).cause == ApprovalCause::kRateLimited);
  CHECK(answers.at(5).cause == ApprovalCause::kNoTerminal);
  CHECK(queue.first() == nullptr);
}

TEST_CASE("questions: the object in words", "[approval]") {
  CHECK(object_bytes(address_question("192.0.2.1:443").object) == "192.0.2.1:443");
  CHECK(object_bytes(address_question("[2001:db8::10]:80").object) == "[2001:db8:0:0:0:0:0:10]:80");
  CHECK(object_bytes(address_question("[::1]:80").object) == "[0:0:0:0:0:0:0:1]:80");
  CHECK(object_bytes(address_question("localhost:80").object) == "localhost:80");
  CHECK(object_bytes(command_question({"git", "push"}).object) == "/usr/bin/git");
  CHECK(object_number(command_question({"git", "push"}).object) != object_number(command_question({"git"}).object));
  CHECK(object_number(path_question("/a").object) == object_number(path_question("/a", 2, {Right::kWrite}).object));
}

TEST_CASE("answers: the words", "[approval]") {
  CHECK(outcome_from_name("always") == ApprovalOutcome::kAllowAlways);
  CHECK_FALSE(outcome_from_name("allow"));
  CHECK_FALSE(outcome_from_name(""));
  CHECK(offered_text({ApprovalOutcome::kAllowRun, ApprovalOutcome::kAllowOnce}) == "once, run, deny");
  CHECK(offered_text({}) == "deny");
}

}  // namespace
}  // namespace writ::approval_tests
