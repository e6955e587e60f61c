// `--approve=fd:N`: the lines, and the back end on a socket and on two pipes.
#include "broker/approval/descriptor_back_end.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <string_view>

#include "broker/base/json_text.h"
#include "tests/unit/approval_fixture.h"

namespace writ::approval_tests {
namespace {

using Answers = std::map<std::uint64_t, ApprovalAnswer>;

Answers answers_of(DescriptorBackEnd& back_end, ApprovalTime now = at(0ms)) {
  Answers answers;
  for (AnsweredQuestion& one : back_end.on_ready(now)) {
    CHECK_FALSE(answers.contains(one.id.value));
    answers[one.id.value] = std::move(one.answer);
  }
  return answers;
}

// The back end, and the program at the other end.
struct Talk {
  std::unique_ptr<DescriptorBackEnd> back_end;
  UniqueFd answers;    // written by the program
  UniqueFd questions;  // read by the program; invalid: the same socket

  void say(std::string_view text) const {
    REQUIRE(::write(answers.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }
  [[nodiscard]] std::string hear() const {
    const int from = questions.valid() ? questions.get() : answers.get();
    ::fcntl(from, F_SETFL, ::fcntl(from, F_GETFL) | O_NONBLOCK);
    std::string all;
    char buffer[65536];
    for (ssize_t count = 0; (count = ::read(from, buffer, sizeof buffer)) > 0;)
      all.append(buffer, static_cast<std::size_t>(count));
    return all;
  }
  void ask(ApprovalQuestion question) const { back_end->submit(std::move(question), at(0ms)); }
};

Talk talk_by_socket(const ApprovalLimits& limits = {}) {
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  auto made = DescriptorBackEnd::create({ends[0], ends[0]}, limits);
  REQUIRE(made);
  return {std::move(*made), UniqueFd(ends[1]), UniqueFd()};
}

Talk talk_by_pipes(const ApprovalLimits& limits = {}) {
  std::signal(SIGPIPE, SIG_IGN);
  int answers[2];
  int questions[2];
  REQUIRE(::pipe2(answers, O_CLOEXEC) == 0);
  REQUIRE(::pipe2(questions, O_CLOEXEC) == 0);
  auto made = DescriptorBackEnd::create({answers[0], questions[1]}, limits);
  REQUIRE(made);
  return {std::move(*made), UniqueFd(answers[1]), UniqueFd(questions[0])};
}

TEST_CASE("fd protocol: a question is one line of JSON", "[approval]") {
  ApprovalQuestion question = path_question("/srv/a\nb\xff", 18'446'744'073'709'551'615ULL);
  question.requested = "../a";
  question.always_rule = "- {}";
  const std::string line = question_line(question, 60s);
  CHECK(line ==
        R"({"type": "question", "version": 1, "id": "18446744073709551615", "rights": ["read"], )"
        R"("object": {"kind": "path", "text": "/srv/a\\x0ab\\xff"}, "requested": "../a", )"
        R"("rule": {"text": "ask read /srv/data/*", "origin": "policy.yaml:12", "reason": "data of the customer"}, )"
        R"("asker": {"pid": 4711, "program": "/usr/bin/python3.11", "argv": ["python3", "report.py", "--all"]}, )"
        R"("answers": ["deny", "once", "run", "always"], "always_rule": "- {}", "time_out_ms": 60000})"
        "\n");
}

TEST_CASE("fd protocol: hostile questions stay one bounded line of JSON", "[approval]") {
  const std::string bytes(1'000'000, '\x1b');
  ApprovalQuestion question = command_question({"sh"});
  std::get<CommandObject>(question.object) = {bytes, std::vector<std::string>(100'000, bytes.substr(0, 1000))};
  question.requested = question.rule.text = question.rule.reason = question.always_rule = bytes;
  question.asker = {1, bytes, std::vector<std::string>(100'000, "\n{\"id\": \"1\"}")};
  const std::string line = question_line(question, 60s);
  // A byte takes at most five characters: two backslashes and x1b.
  constexpr std::size_t kMostBytes = 2 * kAskedArguments * kAskedArgumentSize + 6 * kAskedTextSize + kAskedRuleSize;
  CHECK(line.size() < 5 * kMostBytes);
  CHECK(line.find('\n') == line.size() - 1);
  const Result<JsonValue> value = parse_json(line);
  REQUIRE(value);
  const auto& object = std::get<JsonObject>(std::get<JsonObject>(value->storage()).find("object")->storage());
  CHECK(std::get<JsonArray>(object.find("argv")->storage()).elements().size() == kAskedArguments);
  CHECK(std::get<std::int64_t>(object.find("arguments_not_listed")->storage()) == 100'000 - 128);
  REQUIRE(object.find("incomplete") != nullptr);
  CHECK(question_line(command_question({"sh", std::string(513, 'x')}), 1s).find("\"incomplete\": true") !=
        std::string::npos);
  CHECK(question_line(command_question({"sh", std::string(512, 'x')}), 1s).find("incomplete") == std::string::npos);
}

TEST_CASE("fd protocol: answers", "[approval]") {
  const AnswerMessage good = parse_answer(R"({"id": "7", "answer": "run", "reason": "fine\u001b"})");
  CHECK(good.fault.empty());
  CHECK(good.id == QuestionId{7});
  CHECK(good.outcome == ApprovalOutcome::kAllowRun);
  CHECK(good.reason == "fine\\x1b");
  CHECK(parse_answer("{\"answer\":\"deny\",\"id\":\"7\"}\r").fault.empty());
  for (const char* unknown : {"", "x", "[]", "7", R"({"answer": "run"})", R"({"id": 7, "answer": "run"})",
                              R"({"id": "07", "answer": "run"})", R"({"id": "-7", "answer": "run"})",
                              R"({"id": "7", "id": "8", "answer": "run"})", R"({"id": "7", "answer": "run"} x)",
                              R"({"id": "99999999999999999999", "answer": "run"})", R"({"id": "", "answer": "run"})"}) {
    INFO(unknown);
    CHECK_FALSE(parse_answer(unknown).fault.empty());
    CHECK_FALSE(parse_answer(unknown).id);
  }
  for (const char* known :
       {R"({"id": "7"})", R"({"id": "7", "answer": "allow"})", R"({"id": "7", "answer": true})",
        R"({"id": "7", "answer": "run", "always": true})", R"({"id": "7", "answer": "run", "reason": 1})"}) {
    INFO(known);
    CHECK_FALSE(parse_answer(known).fault.empty());
    CHECK(parse_answer(known).id == QuestionId{7});
  }
}

TEST_CASE("fd protocol: lines are put together from pieces, and bounded", "[approval]") {
  LineAssembler assembler;
  CHECK(assembler.feed("ab").empty());
  auto lines = assembler.feed("c\n\nde\nf");
  REQUIRE(lines.size() == 3);
  CHECK(lines[0].text == "abc");
  CHECK(lines[1].text.empty());
  CHECK(lines[2].text == "de");
  lines = assembler.feed(std::string(kAnswerLineLimit - 1, 'x') + "\n");
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].text.size() == kAnswerLineLimit);
  CHECK_FALSE(lines[0].too_long);
  for (int i = 0; i < 100; ++i) CHECK(assembler.feed(std::string(100'000, 'x')).empty());
  lines = assembler.feed("x\ng\n");
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].too_long);
  CHECK(lines[0].text.empty());
  CHECK(lines[1].text == "g");
}

TEST_CASE("fd back end: questions and answers", "[approval]") {
  const bool by_socket = GENERATE(true, false);
  const Talk talk = by_socket ? talk_by_socket() : talk_by_pipes();
  CHECK(answers_of(*talk.back_end).empty());
  CHECK_FALSE(talk.back_end->deadline());
  talk.ask(path_question("/a", 1));
  talk.ask(path_question("/b", 2));
  CHECK(answers_of(*talk.back_end).empty());
  CHECK(talk.back_end->deadline() == at(60s));
  CHECK(talk.hear() == question_line(path_question("/a", 1), 60s) + question_line(path_question("/b", 2), 60s));

  talk.say(R"({"id": "2", "answer": "once", "reason": "because"})"
           "\n"
           R"({"id": "1", "ans)");
  Answers answers = answers_of(*talk.back_end);
  REQUIRE(answers.size() == 1);
  CHECK(answers.at(2).outcome == ApprovalOutcome::kAllowOnce);
  CHECK(answers.at(2).cause == ApprovalCause::kDescriptor);
  CHECK(answers.at(2).text == "because");
  CHECK(answers_of(*talk.back_end).empty());
  talk.say("wer\": \"deny\"}\n");
  answers = answers_of(*talk.back_end);
  REQUIRE(answers.size() == 1);
  CHECK(answers.at(1).outcome == ApprovalOutcome::kDeny);
  CHECK(talk.hear().empty());
}

TEST_CASE("fd back end: a line without a known question denies everything that waits", "[approval]") {
  const Talk talk = talk_by_socket();
  talk.ask(path_question("/a", 1));
  talk.ask(path_question("/b", 2));
  CHECK(answers_of(*talk.back_end).empty());
  CHECK_FALSE(talk.hear().empty());
  const std::string garbage = GENERATE(std::string("yes\n"), std::string("\n"), std::string(10'000, 'x') + "\n");
  talk.say(garbage);
  const Answers answers = answers_of(*talk.back_end);
  REQUIRE(answers.size() == 2);
  for (const auto& [id, answer] : answers) {
    CHECK(answer.outcome == ApprovalOutcome::kDeny);
    CHECK(answer.cause == ApprovalCause::kDescriptor);
    CHECK(answer.text.find("the answer was not understood: ") == 0);
  }
  const std::string heard = talk.hear();
  CHECK(heard.find(R"({"type": "error", "message": ")") == 0);
  CHECK(heard.find(R"({"type": "withdrawn", "id": "1", "cause": "descriptor")") != std::string::npos);
}

TEST_CASE("fd back end: a faulty line denies the question that it names, and no other", "[approval]") {
  const Talk talk = talk_by_socket();
  talk.ask(path_question("/a", 1));
  talk.ask(path_question("/b", 2));
  const std::string faulty = GENERATE(std::string(R"({"id": "1", "answer": "always"})"),  // not offered
                                      std::string(R"({"id": "1", "answer": "yes"})"),
                                      std::string(R"({"id": "1", "answer": "once", "more": ""})"));
  talk.say(faulty + "\n");
  const Answers answers = answers_of(*talk.back_end);
  REQUIRE(answers.size() == 1);
  CHECK(answers.at(1).outcome == ApprovalOutcome::kDeny);
  CHECK(talk.hear().find(R"("type": "error")") != std::string::npos);
}

TEST_CASE("fd back end: an id that nothing waits for changes nothing", "[approval]") {
  const Talk talk = talk_by_socket();
  talk.ask(path_question("/a", 1));
  talk.say(R"({"id": "3", "answer": "always"})"
           "\n");
  CHECK(answers_of(*talk.back_end).empty());
  CHECK(talk.hear().find("no question with this id waits") != std::string::npos);
  talk.say(R"({"id": "1", "answer": "run"})"
           "\n"
           R"({"id": "1", "answer": "once"})"
           "\n");
  CHECK(answers_of(*talk.back_end).at(1).outcome == ApprovalOutcome::kAllowRun);
}

TEST_CASE("fd back end: the end of the other side denies everything, then and later", "[approval]") {
  const bool by_socket = GENERATE(true, false);
  Talk talk = by_socket ? talk_by_socket() : talk_by_pipes();
  talk.ask(path_question("/a", 1));
  talk.ask(path_question("/b", 2));
  CHECK(answers_of(*talk.back_end).empty());
  talk.say(R"({"id": "1", "answer": "once"})"
           "\n"
           R"({"id": "2", "answer": "once"})");  // the second has no end
  talk.answers.reset();
  talk.questions.reset();
  Answers answers = answers_of(*talk.back_end);
  for (auto& [id, answer] : answers_of(*talk.back_end)) answers[id] = answer;
  REQUIRE(answers.size() == 2);
  CHECK(answers.at(1).outcome == ApprovalOutcome::kAllowOnce);
  CHECK(answers.at(2).outcome == ApprovalOutcome::kDeny);
  talk.ask(path_question("/c", 3));
  CHECK(answers_of(*talk.back_end).at(3).cause == ApprovalCause::kDescriptor);
  std::vector<pollfd> entries;
  talk.back_end->add_poll_entries(entries);
  CHECK(entries.empty());
}

TEST_CASE("fd back end: time-outs and withdrawn questions are told", "[approval]") {
  const Talk talk = talk_by_socket({.time_out = 5s});
  talk.ask(path_question("/a", 1));
  talk.ask(path_question("/b", 2));
  CHECK(answers_of(*talk.back_end).empty());
  (void)talk.hear();
  talk.back_end->cancel({2}, ApprovalCause::kAskerGone);
  CHECK(talk.back_end->deadline() == kAtOnce);
  Answers answers = answers_of(*talk.back_end, at(5s));
  REQUIRE(answers.size() == 2);
  CHECK(answers.at(1).cause == ApprovalCause::kTimedOut);
  CHECK(answers.at(2).cause == ApprovalCause::kAskerGone);
  const std::string heard = talk.hear();
  CHECK(
      heard.find(R"({"type": "withdrawn", "id": "1", "cause": "timed_out", "reason": "nobody answered within 5 s"})") !=
      std::string::npos);
  CHECK(heard.find(R"("id": "2", "cause": "asker_gone")") != std::string::npos);
}

TEST_CASE("fd back end: who asks the same is answered together, and that is told", "[approval]") {
  const Talk talk = talk_by_socket();
  talk.ask(path_question("/a", 1));
  talk.ask(path_question("/a", 2));
  CHECK(answers_of(*talk.back_end).empty());
  (void)talk.hear();
  talk.say(R"({"id": "2", "answer": "run"})"
           "\n");
  CHECK(answers_of(*talk.back_end).size() == 2);
  CHECK(talk.hear() == R"({"type": "withdrawn", "id": "1", "cause": "descriptor", "reason": ""})"
                       "\n");
}

TEST_CASE("fd back end: a program that does not read blocks nothing", "[approval]") {
  const bool by_socket = GENERATE(true, false);
  const ApprovalLimits limits{.questions_in_a_minute = 1'000'000, .waiting = 1'000'000};
  const Talk talk = by_socket ? talk_by_socket(limits) : talk_by_pipes(limits);
  std::size_t refused = 0;
  for (std::uint64_t id = 0; id < 500; ++id) {
    talk.ask(path_question("/" + std::string(4000, 'x') + std::to_string(id), id));
    for (const auto& [denied, answer] : answers_of(*talk.back_end)) {
      CHECK(answer.cause == ApprovalCause::kRateLimited);
      ++refused;
    }
  }
  CHECK(refused > 0);
  CHECK(refused < 500);
  std::vector<pollfd> entries;
  talk.back_end->add_poll_entries(entries);
  CHECK((entries.back().events & POLLOUT) != 0);
}

// The client of the documentation, as it stands there.
std::string documented_client() {
  std::ifstream page(std::string(WRIT_SOURCE_DIR) + "/docs/approvals.md");
  const std::string text{std::istreambuf_iterator<char>(page), {}};
  const std::string begin = "```python\n";
  const std::size_t at = text.find(begin);
  REQUIRE(at != std::string::npos);
  return text.substr(at + begin.size(), text.find("\n```", at) - at - begin.size());
}

TEST_CASE("fd back end: the client of the documentation", "[approval]") {
  Talk talk = talk_by_socket();
  const std::string client = documented_client();
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(talk.answers.get(), 3);
    ::fcntl(3, F_SETFD, 0);
    ::alarm(30);
    ::execlp("python3", "python3", "-c", client.c_str(), static_cast<char*>(nullptr));
    ::_exit(127);
  }
  talk.answers.reset();
  talk.ask(path_question("/srv/data/a\nb", 1));
  talk.ask(path_question("/srv/data/../etc", 2));
  talk.ask(path_question("/srv/data/a", 3, {Right::kRead, Right::kWrite}));
  talk.ask(address_question("192.0.2.1:443", 4));
  Answers answers;
  for (int round = 0; round < 500 && answers.size() < 4; ++round) {
    std::vector<pollfd> entries;
    talk.back_end->add_poll_entries(entries);
    ::poll(entries.data(), entries.size(), 20);
    for (auto& [id, answer] : answers_of(*talk.back_end)) answers[id] = answer;
  }
  talk.back_end.reset();
  int status = -1;
  CHECK(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  REQUIRE(answers.size() == 4);
  CHECK(answers.at(1).outcome == ApprovalOutcome::kAllowOnce);
  for (const std::uint64_t id : {2U, 3U, 4U}) CHECK(answers.at(id).outcome == ApprovalOutcome::kDeny);
}

TEST_CASE("fd back end: what it takes", "[approval]") {
  const auto error = [](ApprovalDescriptors descriptors) {
    auto made = DescriptorBackEnd::create(descriptors, {});
    return made ? std::string() : made.error().describe();
  };
  CHECK(error({1000, 1000}).find("Bad file descriptor") != std::string::npos);
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  CHECK(error({ends[0], ends[0]}).find("is no socket") != std::string::npos);
  CHECK(error({ends[1], ends[0]}).find("cannot be read from") != std::string::npos);
  const UniqueFd file(::open("/dev/null", O_RDWR | O_CLOEXEC));
  CHECK(error({file.get(), file.get()}).find("is no socket") != std::string::npos);
  CHECK(error({ends[0], file.get()}).find("is no pipe") != std::string::npos);
  int packets[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, packets) == 0);
  CHECK(error({packets[0], packets[0]}).find("no stream socket") != std::string::npos);
  ::fcntl(ends[0], F_SETFD, 0);
  auto made = DescriptorBackEnd::create({ends[0], ends[1]}, {});
  REQUIRE(made);
  CHECK(::fcntl(ends[0], F_GETFD) == FD_CLOEXEC);
  for (const int end : packets) ::close(end);
}

}  // namespace
}  // namespace writ::approval_tests
