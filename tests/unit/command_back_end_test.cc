// `--approve=command:PATH`: each way in which a program can fail denies, and nothing of it outlives its question.
#include "broker/approval/command_back_end.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <thread>

#include "broker/approval/approve_option.h"
#include "broker/approval/descriptor_protocol.h"
#include "broker/base/json_text.h"
#include "tests/unit/approval_fixture.h"

namespace writ::approval_tests {
namespace {

// A directory with programs in it.
class Place {
 public:
  Place() {
    std::signal(SIGPIPE, SIG_IGN);
    std::string pattern = std::filesystem::canonical(std::filesystem::temp_directory_path()) / "writ-command-XXXXXX";
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    top_ = pattern;
  }
  ~Place() { std::filesystem::remove_all(top_); }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  [[nodiscard]] const std::string& top() const { return top_; }
  [[nodiscard]] std::string in(const std::string& name) const { return top_ + "/" + name; }
  std::string script(const std::string& text, const std::string& name = "answer") const {
    std::ofstream(in(name)) << "#!/bin/sh\n" << text << "\n";
    ::chmod(in(name).c_str(), 0755);
    return in(name);
  }
  [[nodiscard]] std::string text_of(const std::string& name) const {
    std::ostringstream all;
    all << std::ifstream(in(name)).rdbuf();
    return all.str();
  }

 private:
  std::string top_;
};

using Answers = std::map<std::uint64_t, ApprovalAnswer>;

std::unique_ptr<CommandBackEnd> asking(const std::string& program, const ApprovalLimits& limits = {}) {
  const char* none[] = {nullptr};
  return std::make_unique<CommandBackEnd>(ProgramToAsk{program, answering_environment(none)}, limits);
}

// The loop of a run, until so many questions are answered.
Answers answers_of(ApprovalBackEnd& back_end, std::size_t count, std::chrono::milliseconds patience = 10s) {
  Answers answers;
  for (const auto end = ApprovalClock::now() + patience; answers.size() < count && ApprovalClock::now() < end;) {
    for (AnsweredQuestion& one : back_end.on_ready(ApprovalClock::now()))
      answers.emplace(one.id.value, std::move(one.answer));
    if (answers.size() >= count) break;
    std::vector<pollfd> entries;
    back_end.add_poll_entries(entries);
    ::poll(entries.data(), entries.size(), 50);
  }
  return answers;
}

ApprovalAnswer answer_by(const std::string& program, ApprovalQuestion question = path_question("/srv/data/a"),
                         const ApprovalLimits& limits = {}) {
  const std::uint64_t id = question.id.value;
  const auto back_end = asking(program, limits);
  back_end->submit(std::move(question), ApprovalClock::now());
  Answers answers = answers_of(*back_end, 1);
  REQUIRE(answers.size() == 1);
  CHECK(back_end->running() == 0);
  return answers.at(id);
}

bool has_children() {
  siginfo_t information{};
  return ::waitid(P_ALL, 0, &information, WEXITED | WNOHANG | WNOWAIT) == 0;
}

// The starter of the programs is one of them while there is a back end.
std::size_t count_children() {
  std::ifstream list("/proc/self/task/" + std::to_string(::getpid()) + "/children");
  std::size_t count = 0;
  for (std::string pid; list >> pid;) ++count;
  return count;
}

constexpr const char* kOnce = R"(echo '{"id": "1", "answer": "once", "reason": "fine"}')";

TEST_CASE("command: a program reads the question and answers it", "[approval][command]") {
  const Place place;
  const ApprovalAnswer answer = answer_by(place.script("cat > " + place.in("asked") + "\n" + kOnce));
  CHECK(answer.outcome == ApprovalOutcome::kAllowOnce);
  CHECK(answer.cause == ApprovalCause::kCommand);
  CHECK(answer.text == "fine");
  CHECK(place.text_of("asked") == question_line(path_question("/srv/data/a"), 60s));
  CHECK_FALSE(has_children());
}

TEST_CASE("command: whatever goes wrong denies and says why", "[approval][command]") {
  struct Row {
    const char* script;
    const char* why;
  };
  const std::string once = kOnce;
  const Row rows[] = {
      {"exit 3", "exit status 3"},
      {"echo 'no network' >&2; exit 1", "exit status 1: 'no network'"},
      {"printf '\\033[2Jx' >&2; exit 1", "'\\x1b[2Jx'"},
      {"kill -9 $$", "signal 9"},
      {"exit 0", "gave no answer"},
      {"echo", "gave no answer"},
      {"echo yes", "was not understood"},
      {"echo '[]'", "was not understood"},
      {R"(echo '{"id": "1"}')", "'answer' is missing"},
      {R"(echo '{"id": "1", "answer": "maybe"}')", "there is no answer 'maybe'"},
      {R"(echo '{"id": "1", "answer": "once", "rights": "all"}')", "unknown key 'rights'"},
      {R"(echo '{"id": "2", "answer": "once"}')", "answered another question"},
      {R"(echo '{"id": "01", "answer": "once"}')", "was never sent"},
      {R"(echo '{"answer": "once"}')", "'id' is missing"},
      {R"(echo '{"id": "1", "answer": "always"}')", "was not offered"},
      {R"(echo '{"id": "1", "answer": "once"}'; echo '{"id": "1", "answer": "once"}')", "more than one line"},
      {R"(echo '{"id": "1", "answer": "once"}'; exit 9)", "exit status 9"},
      {"exec yes", "wrote too much"},
      {"exec yes >&2", "wrote too much"},
      {R"(printf '\377\n')", "was not understood"},
      {"head -c 5000 /dev/zero", "wrote too much"},
  };
  const Place place;
  for (const Row& row : rows) {
    INFO(row.script);
    const ApprovalAnswer answer = answer_by(place.script(row.script));
    CHECK(answer.outcome == ApprovalOutcome::kDeny);
    CHECK(answer.cause == ApprovalCause::kCommand);
    CHECK_THAT(answer.text, Catch::Contains(row.why));
    CHECK(answer.text.find('\x1b') == std::string::npos);
  }
  // The control: the same loop, and an answer that is right.
  CHECK(answer_by(place.script(once)).outcome == ApprovalOutcome::kAllowOnce);
  CHECK_FALSE(has_children());
  WARN("failures tried: " << std::size(rows));
}

TEST_CASE("command: what cannot be executed denies", "[approval][command]") {
  const Place place;
  place.script("exit 0", "dead");
  std::ofstream(place.in("dead")) << "#!/nonexistent/interpreter\n";
  CHECK_THAT(answer_by(place.in("dead")).text, Catch::Contains("could not be executed"));
  CHECK_THAT(answer_by(place.in("missing")).text, Catch::Contains("could not be executed"));
}

TEST_CASE("command: silence is over in time, and the program with all its children", "[approval][command]") {
  const Place place;
  ApprovalLimits limits;
  limits.time_out = 300ms;
  const std::string slow =
      place.script("sleep 60 & echo $! > " + place.in("child") + "; echo $$ > " + place.in("pid") + "; sleep 60");
  const ApprovalAnswer answer = answer_by(slow, path_question("/srv/data/a"), limits);
  CHECK(answer.outcome == ApprovalOutcome::kDeny);
  CHECK(answer.cause == ApprovalCause::kTimedOut);
  CHECK_FALSE(has_children());
  const auto gone = [&](const char* name) {
    const pid_t pid = std::stoi(place.text_of(name));
    for (int i = 0; i < 100 && ::kill(pid, 0) == 0; ++i) std::this_thread::sleep_for(20ms);
    // A killed child whose parent is gone may wait for init to reap it.
    std::ifstream status("/proc/" + std::to_string(pid) + "/stat");
    std::string text;
    std::getline(status, text);
    return text.empty() || text.find(") Z") != std::string::npos;
  };
  CHECK(gone("pid"));
  CHECK(gone("child"));
}

TEST_CASE("command: a child that holds the output does not delay the answer", "[approval][command]") {
  const Place place;
  const ApprovalTime begun = ApprovalClock::now();
  CHECK(answer_by(place.script(std::string("sleep 30 &\n") + kOnce)).outcome == ApprovalOutcome::kAllowOnce);
  CHECK(ApprovalClock::now() - begun < 5s);
}

TEST_CASE("command: a withdrawn question ends its program", "[approval][command]") {
  const Place place;
  const auto back_end = asking(place.script("sleep 60"));
  back_end->submit(path_question("/a"), ApprovalClock::now());
  (void)back_end->on_ready(ApprovalClock::now());
  REQUIRE(back_end->running() == 1);
  REQUIRE(count_children() == 2);
  back_end->cancel({1}, ApprovalCause::kAskerGone);
  CHECK(back_end->running() == 0);
  CHECK(count_children() == 1);
  const auto answers = back_end->on_ready(ApprovalClock::now());
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].answer.cause == ApprovalCause::kAskerGone);
}

TEST_CASE("command: the end of the run ends the programs", "[approval][command]") {
  const Place place;
  auto back_end = asking(place.script("sleep 60"));
  for (std::uint64_t id = 1; id <= 3; ++id) back_end->submit(path_question("/" + std::to_string(id), id), at(0ms));
  (void)back_end->on_ready(at(0ms));
  REQUIRE(back_end->running() == 3);
  back_end.reset();
  CHECK_FALSE(has_children());
}

TEST_CASE("command: only so many run at once, and all are answered", "[approval][command]") {
  const Place place;
  // The id is taken from the question: the answer is about it and nothing else.
  const auto back_end = asking(place.script(R"sh(id=$(sed 's/.*"id": "\([0-9]*\)".*/\1/'); sleep 0.05
echo "{\"id\": \"$id\", \"answer\": \"once\"}")sh"));
  for (std::uint64_t id = 1; id <= 10; ++id)
    back_end->submit(path_question("/" + std::to_string(id), id), ApprovalClock::now());
  (void)back_end->on_ready(ApprovalClock::now());
  CHECK(back_end->running() == CommandBackEnd::kProgramsAtOnce);
  const Answers answers = answers_of(*back_end, 10);
  REQUIRE(answers.size() == 10);
  for (const auto& [id, answer] : answers) CHECK(answer.outcome == ApprovalOutcome::kAllowOnce);
}

TEST_CASE("command: an answer for the run answers the same questions, whose programs end", "[approval][command]") {
  const Place place;
  const auto back_end = asking(place.script(R"sh(id=$(sed 's/.*"id": "\([0-9]*\)".*/\1/'); [ "$id" = 1 ] || sleep 60
echo "{\"id\": \"$id\", \"answer\": \"run\"}")sh"));
  for (std::uint64_t id = 1; id <= 3; ++id) back_end->submit(path_question("/a", id), ApprovalClock::now());
  const Answers answers = answers_of(*back_end, 3);
  REQUIRE(answers.size() == 3);
  for (const auto& [id, answer] : answers) CHECK(answer.outcome == ApprovalOutcome::kAllowRun);
  CHECK(back_end->running() == 0);
}

TEST_CASE("command: a program gets three descriptors, its own session, and no secret", "[approval][command]") {
  const Place place;
  const UniqueFd secret(::open("/dev/null", O_RDONLY));  // not close-on-exec
  REQUIRE(secret.valid());
  ::signal(SIGUSR1, SIG_IGN);
  const char* environment[] = {"HOME=/home/somebody",
                               "AWS_SECRET_ACCESS_KEY=x",
                               "LD_PRELOAD=/nonexistent.so",
                               "DISPLAY=:0",
                               "PATH=/evil",
                               "HOMER=1",
                               nullptr};
  CommandBackEnd back_end(
      {place.script("cd " + place.top() +
                    "\nls -l /proc/self/fd | wc -l > fds\nenv > environment\n"
                    "cut -d' ' -f1,5,6 /proc/$$/stat > ids\ngrep SigIgn /proc/$$/status > ignored\n" +
                    kOnce),
       answering_environment(environment)},
      {});
  back_end.submit(path_question("/a"), ApprovalClock::now());
  CHECK(answers_of(back_end, 1).at(1).outcome == ApprovalOutcome::kAllowOnce);
  CHECK(std::stoi(place.text_of("fds")) == 5);  // the head line, 0, 1, 2, and that of ls itself
  std::istringstream ids(place.text_of("ids"));
  int pid = 0;
  int group = 0;
  int session = 0;
  ids >> pid >> group >> session;
  CHECK(pid > 0);
  CHECK(group == pid);
  CHECK(session == pid);
  CHECK(place.text_of("ignored").find("0000000000000000") != std::string::npos);
  const std::string given = place.text_of("environment");
  CHECK_THAT(given, Catch::Contains("HOME=/home/somebody\n") && Catch::Contains("DISPLAY=:0\n") &&
                        Catch::Contains("PATH=/usr/local/bin:/usr/bin:/bin\n"));
  CHECK_THAT(given, !Catch::Contains("AWS") && !Catch::Contains("LD_") && !Catch::Contains("evil") &&
                        !Catch::Contains("HOMER"));
  ::signal(SIGUSR1, SIG_DFL);
}

TEST_CASE("command: a program that the tool could change is refused", "[approval][command]") {
  const Place place;
  std::filesystem::create_directories(place.in("work"));
  std::filesystem::create_directories(place.in("safe"));
  const std::string outside = place.script("exit 0", "safe/answer");
  const std::string inside = place.script("exit 0", "work/answer");
  const std::vector<std::string> writable{place.in("work")};
  CHECK(find_answering_program(outside, writable) == outside);
  CHECK_FALSE(find_answering_program(inside, writable));
  CHECK(find_answering_program(inside, {}) == inside);  // the control: it is the place
  std::filesystem::create_symlink(inside, place.in("safe/link"));
  std::filesystem::create_symlink(outside, place.in("work/link"));
  CHECK_FALSE(find_answering_program(place.in("safe/link"), writable));
  CHECK_FALSE(find_answering_program(place.in("work/link"), writable));
  CHECK_FALSE(find_answering_program(place.in("safe/../work/answer"), writable));
}

TEST_CASE("command: what is no program is refused before anything runs", "[approval][command]") {
  const Place place;
  const std::string program = place.script("exit 0");
  REQUIRE(find_answering_program(program, {}));
  ::chmod(program.c_str(), 0757);
  CHECK_FALSE(find_answering_program(program, {}));
  ::chmod(program.c_str(), 0644);
  CHECK_FALSE(find_answering_program(program, {}));
  ::chmod(program.c_str(), 0755);
  std::filesystem::create_hard_link(program, place.in("second"));
  CHECK_FALSE(find_answering_program(program, {}));
  CHECK_FALSE(find_answering_program(place.top(), {}));
  CHECK_FALSE(find_answering_program(place.in("missing"), {}));
  CHECK_FALSE(open_back_end(ApprovalProgram{place.in("missing")}, {}, {}));
}

}  // namespace
}  // namespace writ::approval_tests
