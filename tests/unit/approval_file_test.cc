// Approval files, and where they may lie.
#include "broker/approval/approval_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>

#include "broker/approval/immediate_back_end.h"
#include "tests/unit/approval_fixture.h"

namespace writ::approval_tests {
namespace {

const std::string kHead = "version: 1\napprovals:\n";

ApprovalFile parsed(const std::string& entries) {
  Result<ApprovalFile> file = ApprovalFile::parse("a.yaml", kHead + entries);
  if (!file) FAIL("should parse: " << file.error().describe());
  return std::move(*file);
}

std::string error_of(const std::string& text) {
  const Result<ApprovalFile> file = ApprovalFile::parse("a.yaml", text);
  if (file) FAIL("should not parse: " << text);
  return file.error().describe();
}

std::string error_of_entry(const std::string& entry) { return error_of(kHead + "  - " + entry + "\n"); }

ApprovalOutcome outcome_of(const ApprovalFile& file, const ApprovalQuestion& question) {
  const ApprovalAnswer answer = file.decide(question);
  CHECK(answer.cause == ApprovalCause::kFile);
  return answer.outcome;
}

TEST_CASE("approval file: the first entry that matches answers, and nothing is deny", "[approval]") {
  const ApprovalFile file = parsed(
      "  - {effect: deny, rights: [read], path: /srv/data/secret/*, reason: not this}\n"
      "  - {effect: run, rights: [read], path: /srv/data/*}\n"
      "  - {effect: once, rights: [read, write], path: /srv/log}\n");
  CHECK(outcome_of(file, path_question("/srv/data/a")) == ApprovalOutcome::kAllowRun);
  CHECK(outcome_of(file, path_question("/srv/data")) == ApprovalOutcome::kAllowRun);
  CHECK(outcome_of(file, path_question("/srv/data/secret/a")) == ApprovalOutcome::kDeny);
  CHECK(outcome_of(file, path_question("/srv/database")) == ApprovalOutcome::kDeny);
  CHECK(outcome_of(file, path_question("/srv/log", 1, {Right::kRead, Right::kWrite})) == ApprovalOutcome::kAllowOnce);
  CHECK(outcome_of(file, path_question("/srv/log/x")) == ApprovalOutcome::kDeny);
  CHECK(file.decide(path_question("/srv/data/secret/a")).text == "a.yaml:3: not this");
  CHECK(file.decide(path_question("/elsewhere")).text == "nothing in a.yaml answers this");
}

TEST_CASE("approval file: every right must be covered to allow, one is enough to deny", "[approval]") {
  const ApprovalFile file = parsed(
      "  - {effect: deny, rights: [execute], path: /srv/*}\n"
      "  - {effect: run, rights: [read, execute], path: /srv/*}\n");
  CHECK(outcome_of(file, path_question("/srv/a")) == ApprovalOutcome::kAllowRun);
  CHECK(outcome_of(file, path_question("/srv/a", 1, {Right::kRead, Right::kList})) == ApprovalOutcome::kAllowRun);
  CHECK(outcome_of(file, path_question("/srv/a", 1, {Right::kRead, Right::kWrite})) == ApprovalOutcome::kDeny);
  CHECK(outcome_of(file, path_question("/srv/a", 1, {Right::kRead, Right::kExecute})) == ApprovalOutcome::kDeny);
  CHECK(outcome_of(file, path_question("/srv/a", 1, {})) == ApprovalOutcome::kDeny);
}

TEST_CASE("approval file: never more than is offered", "[approval]") {
  const ApprovalFile file = parsed(
      "  - {effect: run, rights: [read], path: /run/*}\n"
      "  - {effect: once, rights: [read], path: /once/*}\n");
  ApprovalQuestion question = path_question("/run/a");
  question.possible = {ApprovalOutcome::kAllowOnce};
  CHECK(outcome_of(file, question) == ApprovalOutcome::kAllowOnce);
  question = path_question("/once/a");
  question.possible = {ApprovalOutcome::kAllowRun};
  CHECK(outcome_of(file, question) == ApprovalOutcome::kDeny);
  question = path_question("/run/a");
  question.possible = {};
  CHECK(outcome_of(file, question) == ApprovalOutcome::kDeny);
}

TEST_CASE("approval file: named policies are effects, and ask_each_time leaves it to a person", "[approval]") {
  const ApprovalFile file = parsed(
      "  - {effect: ask_each_time, rights: [read], path: /srv/asked}\n"
      "  - {effect: always_deny, rights: [read], path: /srv/no}\n"
      "  - {effect: allow_once, rights: [read], path: /srv/one}\n"
      "  - {effect: always_allow, rights: [read], path: /srv/*}\n");
  CHECK(outcome_of(file, path_question("/srv/no")) == ApprovalOutcome::kDeny);
  CHECK(outcome_of(file, path_question("/srv/one")) == ApprovalOutcome::kAllowOnce);
  CHECK(outcome_of(file, path_question("/srv/other")) == ApprovalOutcome::kAllowRun);
  // Not the entry that stands later and would allow.
  CHECK_FALSE(file.find(path_question("/srv/asked")));
  CHECK_FALSE(file.find(path_question("/srv/asked", 1, {Right::kRead, Right::kWrite})));
  CHECK(file.decide(path_question("/srv/asked")).text == "a.yaml:3 leaves it to a person, and nobody is asked");
  CHECK(outcome_of(file, path_question("/srv/asked")) == ApprovalOutcome::kDeny);
  CHECK_THAT(error_of_entry("{effect: always, rights: [read], path: /a}"), Catch::Contains("always_allow"));
}

TEST_CASE("approval file: addresses", "[approval]") {
  const ApprovalFile file = parsed(
      "  - {effect: deny, rights: [connect], address: 10.1.0.0/16:*}\n"
      "  - {effect: once, rights: [connect], address: 10.0.0.0/8:443}\n"
      "  - {effect: once, rights: [connect], address: '[2001:db8::/32]:*'}\n"
      "  - {effect: once, rights: [connect], address: localhost:80}\n"
      "  - {effect: once, rights: [connect], address: 169.254.0.0/16:*}\n"
      "  - {effect: once, rights: [connect], address: 169.254.169.254:80}\n"
      "  - {effect: run, rights: [connect], address: '*:853'}\n");
  const auto outcome = [&](std::string_view address) { return outcome_of(file, address_question(address)); };
  CHECK(outcome("10.2.3.4:443") == ApprovalOutcome::kAllowOnce);
  CHECK(outcome("10.2.3.4:80") == ApprovalOutcome::kDeny);
  CHECK(outcome("10.1.3.4:443") == ApprovalOutcome::kDeny);
  CHECK(outcome("11.2.3.4:443") == ApprovalOutcome::kDeny);
  CHECK(outcome("[2001:db8::1]:1") == ApprovalOutcome::kAllowOnce);
  CHECK(outcome("127.0.0.1:80") == ApprovalOutcome::kAllowOnce);
  CHECK(outcome("127.0.0.2:80") == ApprovalOutcome::kDeny);
  CHECK(outcome("192.0.2.1:853") == ApprovalOutcome::kAllowRun);
  // Where clouds hand out credentials: only the address itself, on the port that was named.
  CHECK(outcome("169.254.169.254:80") == ApprovalOutcome::kAllowOnce);
  CHECK(outcome("169.254.169.254:853") == ApprovalOutcome::kDeny);
  CHECK(outcome("169.254.1.1:80") == ApprovalOutcome::kDeny);
  CHECK(outcome_of(file, path_question("10.2.3.4:443")) == ApprovalOutcome::kDeny);
}

TEST_CASE("approval file: commands are matched by what would be executed", "[approval]") {
  const ApprovalFile file = parsed(
      "  - {effect: deny, program: git, contains: [--force]}\n"
      "  - {effect: once, program: git, prefix: [push]}\n"
      "  - {effect: run, program: /usr/bin/make, exact: []}\n");
  CHECK(outcome_of(file, command_question({"git", "push", "origin"})) == ApprovalOutcome::kAllowOnce);
  CHECK(outcome_of(file, command_question({"git", "push", "--force"})) == ApprovalOutcome::kDeny);
  CHECK(outcome_of(file, command_question({"git", "pull"})) == ApprovalOutcome::kDeny);
  CHECK(outcome_of(file, command_question({"make"})) == ApprovalOutcome::kAllowRun);
  CHECK(outcome_of(file, command_question({"make", "clean"})) == ApprovalOutcome::kDeny);
  ApprovalQuestion disguised = command_question({"sh", "push"});
  std::get<CommandObject>(disguised.object).argv.front() = "git";
  CHECK(outcome_of(file, disguised) == ApprovalOutcome::kDeny);
  std::get<CommandObject>(disguised.object).argv.clear();
  CHECK(outcome_of(file, disguised) == ApprovalOutcome::kDeny);
}

TEST_CASE("approval file: mistakes are errors with their place", "[approval]") {
  CHECK(error_of("").find("a.yaml:1:1: ") == 0);
  CHECK(error_of("version: 1\n").find("'approvals' is missing") != std::string::npos);
  CHECK(error_of("approvals: []\n").find("'version' is missing") != std::string::npos);
  CHECK(error_of("version: 2\napprovals: []\n").find("a.yaml:1:10: ") == 0);
  CHECK(error_of("version: 1\napproval: []\n").find("did you mean 'approvals'") != std::string::npos);
  const auto refused = [](const std::string& entry, std::string_view part) {
    INFO(entry);
    const std::string message = error_of_entry(entry);
    INFO(message);
    CHECK(message.starts_with("a.yaml:3:"));
    CHECK(message.find(part) != std::string::npos);
  };
  refused("{effect: always, rights: [read], path: /a}", "expected one of once, run, deny");
  refused("{effect: allow, rights: [read], path: /a}", "expected one of once, run, deny");
  refused("{rights: [read], path: /a}", "'effect' is missing");
  refused("{effect: once, path: /a}", "'rights' is missing");
  refused("{effect: once, rights: [], path: /a}", "'rights' is empty");
  refused("{effect: once, rights: [reed], path: /a}", "did you mean 'read'");
  refused("{effect: once, rights: [connect], path: /a}", "about an address");
  refused("{effect: once, rights: [read], address: 10.0.0.1:1}", "about a path");
  refused("{effect: once, rights: [read]}", "about nothing");
  refused("{effect: once, rights: [read], path: /a, program: git}", "one of 'path', 'address' and 'program'");
  refused("{effect: once, rights: [read], path: a}", "absolute");
  refused("{effect: once, rights: [read], path: /a/../b}", "'..'");
  refused("{effect: once, rights: [read], path: '*'}", "*");
  refused("{effect: once, rights: [read], path: '${home}/a'}", "absolute");
  refused("{effect: once, rights: [connect], address: '*:*'}", "bare wildcard");
  refused("{effect: once, rights: [execute], program: git}", "no 'rights'");
  refused("{effect: once, program: ./git}", "absolute path");
  refused("{effect: once, program: git, exact: [a], prefix: [b]}", "one of 'exact', 'prefix' and 'contains'");
  refused("{effect: once, rights: [read], path: /a, prefix: [b]}", "arguments of a 'program'");
  refused("{effect: once, rights: [read], path: /a, colour: red}", "colour");
  refused("{effect: once, effect: deny, rights: [read], path: /a}", "effect");
  refused("&anchor {effect: once, rights: [read], path: /a}", "anchor");
}

// A directory of its own, removed at the end.
class Scratch {
 public:
  Scratch() {
    std::string name = (std::filesystem::temp_directory_path() / "writ-approval-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
    path_ = name;
  }
  ~Scratch() { std::filesystem::remove_all(path_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  [[nodiscard]] std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::string reading_error(const std::string& path) {
  const Result<ApprovalFile> file = ApprovalFile::read(path);
  return file ? "" : file.error().describe();
}

TEST_CASE("approval file: what may be one", "[approval]") {
  const Scratch scratch;
  const std::string path = scratch / "a.yaml";
  CHECK(reading_error(path).find("No such file") != std::string::npos);
  std::ofstream(path) << kHead << "  - {effect: once, rights: [read], path: /a}\n";
  ::chmod(path.c_str(), 0644);
  CHECK(reading_error(path).empty());
  CHECK(ApprovalFile::read(path)->entries().size() == 1);
  ::chmod(path.c_str(), 0646);
  CHECK(reading_error(path).find("written by everybody") != std::string::npos);
  ::chmod(path.c_str(), 0644);
  std::filesystem::create_hard_link(path, scratch / "b.yaml");
  CHECK(reading_error(path).find("second name") != std::string::npos);
  CHECK(reading_error(scratch.path()).find("not a regular file") != std::string::npos);
  REQUIRE(::mkfifo((scratch / "fifo").c_str(), 0600) == 0);
  CHECK(reading_error(scratch / "fifo").find("not a regular file") != std::string::npos);
  std::ofstream(scratch / "large.yaml") << std::string(300'000, '#');
  CHECK(reading_error(scratch / "large.yaml").find("is larger than") != std::string::npos);
}

TEST_CASE("approval file: not where the tool can write", "[approval]") {
  const Scratch scratch;
  std::filesystem::create_directories(scratch / "work/deep");
  std::filesystem::create_directories(scratch / "workshop");
  for (const char* name : {"work/deep/a.yaml", "workshop/a.yaml"}) std::ofstream(scratch / name) << kHead;
  std::filesystem::create_symlink(scratch / "work/deep/a.yaml", scratch / "workshop/link.yaml");
  std::filesystem::create_symlink(scratch / "work", scratch / "other");
  const std::vector<std::string> places = {scratch / "other"};
  const auto refused = [&](const char* name) { return !check_approval_file_place(scratch / name, places); };
  CHECK(refused("work/deep/a.yaml"));
  CHECK(refused("other/deep/a.yaml"));
  CHECK(refused("workshop/link.yaml"));
  CHECK_FALSE(refused("workshop/a.yaml"));
  CHECK_FALSE(check_approval_file_place(scratch / "missing.yaml", places));
  const std::vector<std::string> missing = {scratch / "missing"};
  CHECK_FALSE(check_approval_file_place(scratch / "workshop/a.yaml", missing));
  const std::vector<std::string> everything = {"/"};
  CHECK_FALSE(check_approval_file_place(scratch / "workshop/a.yaml", everything));
  const std::vector<std::string> itself = {scratch / "workshop/a.yaml"};
  CHECK_FALSE(check_approval_file_place(scratch / "workshop/a.yaml", itself));
  CHECK(check_approval_file_place(scratch / "workshop/a.yaml", {}));
}

TEST_CASE("immediate back ends: an answer for each question, at once", "[approval]") {
  FileBackEnd file(parsed("  - {effect: run, rights: [read], path: /a/*}\n"));
  CHECK_FALSE(file.deadline());
  file.submit(path_question("/a/b", 1), at(0ms));
  file.submit(path_question("/b", 2), at(0ms));
  file.cancel({1}, ApprovalCause::kAskerGone);
  CHECK(file.deadline() < at(0ms));
  const std::vector<AnsweredQuestion> answers = file.on_ready(at(0ms));
  REQUIRE(answers.size() == 2);
  CHECK(answers[0].id == QuestionId{1});
  CHECK(answers[0].answer.outcome == ApprovalOutcome::kAllowRun);
  CHECK(answers[1].answer.outcome == ApprovalOutcome::kDeny);
  CHECK_FALSE(file.deadline());

  DenyBackEnd deny(ApprovalCause::kPolicyDeny, "nobody is asked");
  deny.submit(path_question("/a/b", 3), at(0ms));
  const std::vector<AnsweredQuestion> denied = deny.on_ready(at(0ms));
  REQUIRE(denied.size() == 1);
  CHECK(denied[0].answer.outcome == ApprovalOutcome::kDeny);
  CHECK(denied[0].answer.cause == ApprovalCause::kPolicyDeny);
}

}  // namespace
}  // namespace writ::approval_tests
