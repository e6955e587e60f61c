// Commands on behalf of a primitive: what is captured, how they end, and that nothing of them is left.
#include <catch2/catch.hpp>
#include <chrono>
#include <string>
#include <utility>

#include "broker/primitives/sandboxed_command.h"
#include "tests/unit/plain_starter.h"

namespace writ {
namespace {

using primitive_tests::is_gone;
using primitive_tests::open_descriptors;
using primitive_tests::PlainStarter;
using std::chrono::milliseconds;

const CommandSandbox kSandbox{"default", "/w", {"--network=none"}};

SandboxedCommand shell(const std::string& script) {
  SandboxedCommand command;
  command.argv = {"/bin/sh", "-c", script};
  command.working_directory = "/w";
  command.output_limit = command.error_limit = 100;
  command.time_limit = milliseconds(20000);
  command.kill_grace = milliseconds(20);
  return command;
}

CommandOutcome run(PlainStarter& starter, const SandboxedCommand& command) {
  auto outcome = run_sandboxed(starter, kSandbox, command);
  if (!outcome) FAIL(outcome.error().describe());
  return std::move(*outcome);
}

TEST_CASE("a nested run is started with one word for each option, and the command after --", "[primitives][command]") {
  SandboxedCommand command = shell("-x");
  command.time_limit = milliseconds(1500);
  CHECK(sandboxed_arguments(kSandbox, command) ==
        std::vector<std::string>{"writ", "run", "--quiet", "--profile=default", "--workspace=/w", "--chdir=/w",
                                 "--timeout=2500ms", "--network=none", "--", "/bin/sh", "-c", "-x"});
}

TEST_CASE("both streams and the status of a command are captured", "[primitives][command]") {
  PlainStarter starter;
  const std::size_t before = open_descriptors();
  const CommandOutcome outcome = run(starter, shell("cat; echo out; echo err >&2; exit 7"));
  CHECK(outcome.ending == CommandEnding::kByItself);
  CHECK(outcome.exit_status == 7);
  CHECK(outcome.signal == 0);
  CHECK(outcome.output.bytes() == "out\n");
  CHECK(outcome.errors.bytes() == "err\n");
  CHECK(open_descriptors() == before);
  CHECK(is_gone(starter.process));
}

TEST_CASE("a command that writes more than is kept is never blocked", "[primitives][command]") {
  PlainStarter starter;
  const CommandOutcome outcome =
      run(starter, shell("head -c 3000000 /dev/zero; head -c 200000 /dev/zero >&2; echo end >&2"));
  CHECK(outcome.exit_status == 0);
  CHECK(outcome.output.bytes().size() == 100);
  CHECK(outcome.output.total() == 3000000);
  CHECK(outcome.errors.total() == 200004);
}

TEST_CASE("the time limit ends a command, one that ignores SIGTERM too", "[primitives][command]") {
  PlainStarter starter;
  const std::size_t before = open_descriptors();
  SandboxedCommand command = shell("exec sleep 100");
  command.time_limit = milliseconds(20);
  CommandOutcome outcome = run(starter, command);
  CHECK(outcome.ending == CommandEnding::kTimedOut);
  CHECK(outcome.signal == SIGTERM);
  CHECK(outcome.wall < milliseconds(5000));
  CHECK(is_gone(starter.process));

  command = shell("trap '' TERM; exec sleep 100");
  command.time_limit = milliseconds(50);  // until the trap is set
  outcome = run(starter, command);
  CHECK(outcome.ending == CommandEnding::kTimedOut);
  CHECK(outcome.signal == SIGKILL);
  CHECK(is_gone(starter.process));
  CHECK(open_descriptors() == before);
}

TEST_CASE("a command whose caller is gone is ended", "[primitives][command]") {
  PlainStarter starter;
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  UniqueFd read_end(ends[0]);
  UniqueFd(ends[1]).reset();  // hung up
  SandboxedCommand command = shell("exec sleep 100");
  command.cancel = read_end.get();
  const CommandOutcome outcome = run(starter, command);
  CHECK(outcome.ending == CommandEnding::kCancelled);
  CHECK(is_gone(starter.process));
}

TEST_CASE("what was not started is an error, and holds nothing", "[primitives][command]") {
  PlainStarter starter;
  starter.fails = true;
  const std::size_t before = open_descriptors();
  CHECK(!run_sandboxed(starter, kSandbox, shell("echo")));
  CHECK(open_descriptors() == before);
}

// Sends `opening`, and answers every piece with `answer` until `pieces` have come.
class Dialogue final : public CommandConversation {
 public:
  Dialogue(std::string opening, ConversationStep last) : opening_(std::move(opening)), last_(last) {}
  std::string open() override { return opening_; }
  void take(std::string_view bytes) override { taken += bytes; }
  ConversationStep step(std::string& written) override {
    if (taken.ends_with("again\n") && !answered_) {
      answered_ = true;
      written = "answer\n";
      return ConversationStep::kWrite;
    }
    return taken.ends_with("end\n") ? last_ : ConversationStep::kWaiting;
  }
  std::string taken;

 private:
  std::string opening_;
  ConversationStep last_;
  bool answered_ = false;
};

TEST_CASE("a conversation carries more than a pipe holds, both ways", "[primitives][command]") {
  PlainStarter starter;
  std::string opening(100000, 'x');
  opening += '\n';
  Dialogue dialogue(std::move(opening), ConversationStep::kFinished);
  SandboxedCommand command = shell(
      "printf '%s again\\n' $(head -c 100001 | wc -c); read -r line; echo $line; head -c 200000 /dev/zero; echo end");
  command.conversation = &dialogue;
  const CommandOutcome outcome = run(starter, command);
  CHECK(outcome.ending == CommandEnding::kByItself);
  CHECK(outcome.exit_status == 0);
  CHECK(dialogue.taken.starts_with("100001 again\nanswer\n"));
  CHECK(dialogue.taken.size() == 20 + 200000 + 4);
}

TEST_CASE("a broken conversation ends the command, and a finished one leaves it a second", "[primitives][command]") {
  PlainStarter starter;
  SandboxedCommand command = shell("echo end; exec sleep 100");
  Dialogue broken("", ConversationStep::kBroken);
  command.conversation = &broken;
  CHECK(run(starter, command).ending == CommandEnding::kBroken);
  CHECK(is_gone(starter.process));

  Dialogue finished("", ConversationStep::kFinished);
  command = shell("echo end; exec cat");  // ends with its input
  command.conversation = &finished;
  const CommandOutcome outcome = run(starter, command);
  CHECK(outcome.ending == CommandEnding::kByItself);
  CHECK(outcome.exit_status == 0);
}

TEST_CASE("a command that does not read what it is sent harms nobody", "[primitives][command]") {
  PlainStarter starter;
  Dialogue dialogue(std::string(300000, 'x'), ConversationStep::kFinished);
  SandboxedCommand command = shell("exit 3");
  command.conversation = &dialogue;
  CHECK(run(starter, command).exit_status == 3);
}

TEST_CASE("captured bytes become text", "[primitives][command]") {
  const auto text = [](std::string_view bytes, std::size_t limit) {
    CapturedOutput captured(limit);
    captured.take(bytes.substr(0, 1));
    captured.take(bytes.substr(1));
    return captured.text();
  };
  CHECK(text("a\tb\r\n\\x", 100).text == "a\tb\r\n\\x");
  CHECK(text("gr\xC3\xBC\xC3\x9F \xF0\x9F\x98\x80", 100).text == "gr\xC3\xBC\xC3\x9F \xF0\x9F\x98\x80");
  CHECK(text("a\xFF\xC3"
             "b\x1B[0m\x7F",
             100)
            .text == "a\\xff\\xc3b\\x1b[0m\\x7f");
  CHECK(text(std::string_view("\0", 1), 100).text == "\\x00");
  CHECK(text("\xED\xA0\x80", 100).text == "\\xed\\xa0\\x80");  // a surrogate is no character
  CHECK(!text("abc", 3).truncated);
  CHECK(text("abcd", 3).text == "abc");
  CHECK(text("abcd", 3).truncated);
  // Cut in the middle of a character: it is left out; the end of the output: it is escaped.
  CHECK(text("ab\xC3\xBC", 3).text == "ab");
  CHECK(text("ab\xC3", 10).text == "ab\\xc3");
  // Escaping makes text longer than the bytes: the limit holds for the text.
  CHECK(text("\xFF\xFF\xFF\xFF\xFF", 9).text == "\\xff\\xff");
  CHECK(text("\xFF\xFF\xFF\xFF\xFF", 9).truncated);
}

}  // namespace
}  // namespace writ
