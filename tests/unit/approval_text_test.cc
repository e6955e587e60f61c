// What a person sees of hostile questions.
#include "broker/approval/question_text.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "broker/approval/shown_text.h"
#include "broker/base/escape.h"
#include "tests/unit/approval_fixture.h"

namespace writ::approval_tests {
namespace {

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

// Each line but the first begins with one of our labels, or with the bar of a continuation.
bool begins_like_ours(const std::string& line) {
  for (const char* start : {"  program ", "  started ", "  rule    ", "  reason  ", "  named   ", "  wants   ",
                            "  path    ", "  address ", "  command ", "  runs    ", "  (bytes) ", "        | "})
    if (line.starts_with(start)) return true;
  return false;
}

std::size_t count_starting(const std::vector<std::string>& lines, std::string_view start) {
  return static_cast<std::size_t>(
      std::count_if(lines.begin(), lines.end(), [&](const std::string& line) { return line.starts_with(start); }));
}

// Nothing that escape_bytes() would have to escape, but for the backslashes that it has written itself.
bool is_harmless(std::string line) {
  std::replace(line.begin(), line.end(), '\\', '/');
  return escape_bytes(line, line.size()) == line;
}

// What holds for every question, whatever a tool put into it.
void check_harmless(const ApprovalQuestion& question, const QuestionView& view) {
  const std::vector<std::string> lines = lines_of(question_text(question, view));
  REQUIRE(lines.size() > 5);
  CHECK(lines[0] == "writ: a program asks for something that its policy leaves to you");
  for (std::size_t i = 1; i < lines.size(); ++i) {
    INFO("line: " << lines[i]);
    CHECK(is_harmless(lines[i]));
    CHECK(begins_like_ours(lines[i]));
    CHECK(columns_of(lines[i]) < view.columns);
  }
  for (const char* label : {"  program ", "  rule    ", "  wants   "}) CHECK(count_starting(lines, label) == 1);
  CHECK(count_starting(lines, "  path    ") + count_starting(lines, "  runs    ") == 1);
}

const std::vector<std::string> kHostile = {
    "\n  path    '/srv/harmless'\n",                         // a line of its own
    "\r\x1b[2K  path    '/srv/harmless'",                    // over the line
    "\x1b[1A\x1b[2K\x1b]0;title\x07\x1b]52;c;ZXZpbA==\x07",  // cursor, title, clipboard
    "\x9b"
    "2J\xc2\x9b"
    "2J",  // C1 controls, raw and in UTF-8
    "\xe2\x80\xae"
    "txt.exe\xe2\x80\xac",  // right-to-left override
    "a\xe2\x80\x8b"
    "b\xef\xbb\xbf\xe2\x81\xa6",                         // zero width, byte order mark, isolate
    "\xff\xfe\x80\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80",  // no UTF-8
    std::string("a\0b", 3),
    "' (process 1)  wants 'nothing",  // out of the quotes
    "\\x27\\n",                       // looks escaped already
    "\xd0\xb0pple",                   // Cyrillic a
    "\t\b\b\b\x7f",
    std::string(300, ' ') + "  path    '/srv/harmless'",  // to the next line by its length
    std::string(1'000'000, 'A') + "\n/end",
    std::string(1'000'000, '\x1b'),
    std::string(4096, '\xe4'),
};

TEST_CASE("question: nothing of a tool reaches the screen raw", "[approval]") {
  for (const std::string& bytes : kHostile) {
    ApprovalQuestion question = path_question("/srv/" + bytes);
    question.requested = bytes;
    question.rule = {bytes, bytes, bytes};
    question.asker.program = bytes;
    question.asker.argv = {bytes, bytes, "last"};
    for (const std::size_t columns : {30U, 80U, 200U}) {
      check_harmless(question, {.columns = columns});
      check_harmless(question, {.columns = columns, .detail = QuestionDetail::kFull});
    }
    CHECK(is_harmless(lines_of(answer_prompt(question, 1s)).front()));
  }
}

TEST_CASE("question: hostile commands as well", "[approval]") {
  for (const std::string& bytes : kHostile) {
    check_harmless(command_question({"git", bytes, "--", bytes}), {});
    ApprovalQuestion many = command_question(std::vector<std::string>(100'000, bytes.substr(0, 50)));
    check_harmless(many, {.detail = QuestionDetail::kFull});
  }
}

TEST_CASE("question: hostile rules that would be written", "[approval]") {
  for (const std::string& bytes : kHostile) {
    ApprovalQuestion question = path_question("/a");
    question.always_rule = "- path: " + bytes + "\n  effect: allow";
    const std::vector<std::string> lines = lines_of(confirmation_text(question, {}));
    REQUIRE(lines.size() > 2);
    for (std::size_t i = 1; i + 1 < lines.size(); ++i) {
      INFO("line: " << lines[i]);
      CHECK(is_harmless(lines[i]));
      CHECK((lines[i].starts_with("  rule    '") || lines[i].starts_with("        | ")));
    }
    CHECK(lines.back() == "write \"yes\" to confirm, Enter to go back: ");
  }
}

TEST_CASE("question: the check above can fail", "[approval]") {
  CHECK_FALSE(is_harmless("a\x1b[2K"));
  CHECK_FALSE(is_harmless("a\xe2\x80\xae"));
  CHECK_FALSE(begins_like_ours("x  path    "));
  CHECK(columns_of("\xe4\xbd\xa0") == 2);
}

TEST_CASE("question: how it looks", "[approval]") {
  ApprovalQuestion question = path_question("/srv/data/report 1.csv");
  question.requested = "../data/report 1.csv";
  CHECK(question_text(question, {.waiting_more = 2}) ==
        "writ: a program asks for something that its policy leaves to you (2 more waiting)\n"
        "  program '/usr/bin/python3.11' (process 4711)\n"
        "  started python3 report.py --all\n"
        "  rule    'ask read /srv/data/*' in 'policy.yaml:12'\n"
        "  reason  'data of the customer'\n"
        "  named   '../data/report 1.csv'\n"
        "  wants   read\n"
        "  path    '/srv/data/report 1.csv'\n");
  CHECK(answer_prompt(question, 59'001ms) == "answer once, run, deny, or ? (60 s; Enter alone denies): ");
  question.always_rule = "- {effect: allow, rights: [read], path: '/srv/data/report 1.csv'}";
  CHECK(answer_prompt(question, 1s) == "answer once, run, always, deny, or ? (1 s; Enter alone denies): ");
}

TEST_CASE("question: a command", "[approval]") {
  const std::string text = question_text(command_question({"git", "push", "--force", "my branch"}), {});
  CHECK(text.ends_with("  wants   execute\n  command git push --force 'my branch'\n  runs    '/usr/bin/git'\n"));
}

TEST_CASE("question: letters that look like others are told apart", "[approval]") {
  const std::string text = question_text(path_question("/srv/\xd0\xb0pple"), {});
  CHECK(text.ends_with("  path    '/srv/\xd0\xb0pple'\n  (bytes) '/srv/\\xd0\\xb0pple'\n"));
}

TEST_CASE("question: beginning and end of what is too long", "[approval]") {
  CHECK(shown_bytes("abc", 10) == "'abc'");
  CHECK(shown_bytes("it's", 10) == "'it\\x27s'");
  const std::string cut = shown_bytes("/begin" + std::string(1'000'000, 'x') + "/end", 30);
  CHECK(cut.starts_with("'/beginxx"));
  CHECK(cut.ends_with("xx/end'"));
  CHECK(cut.find("' … 999980 bytes left out … '") != std::string::npos);
  const std::string hostile = shown_bytes(std::string(1'000'000, '\n'), 30);
  CHECK(columns_of(hostile) < 30 + 40);

  std::vector<std::string> argv(1000, "--harmless");
  argv.front() = "rm";
  argv.back() = "/important";
  const std::string command = shown_command(argv, 60);
  CHECK(command.starts_with("rm --harmless"));
  CHECK(command.find(" more words … ") != std::string::npos);
  CHECK(command.ends_with(" /important"));
}

TEST_CASE("question: a text of a million bytes is cheap to show, and fits on a screen", "[approval]") {
  ApprovalQuestion question = command_question({"sh", "-c", std::string(1'000'000, '\x1b')});
  question.asker.argv = std::vector<std::string>(1'000'000, "'");
  const std::vector<std::string> lines = lines_of(question_text(question, {}));
  CHECK(lines.size() < 24);
}

TEST_CASE("question: long lines are continued behind a bar", "[approval]") {
  std::string screen;
  add_labelled(screen, "path", "'" + std::string(30, 'a') + "\\x1b'", 40);
  CHECK(screen == "  path    '" + std::string(29, 'a') + "\n        | a\\x1b'\n");
}

TEST_CASE("prompt colour: NO_COLOR and terminals without control sequences", "[approval]") {
  CHECK(prompt_colour(nullptr, "xterm") == PromptColour::kAnsi);
  CHECK(prompt_colour("", "xterm") == PromptColour::kAnsi);
  CHECK(prompt_colour("1", "xterm") == PromptColour::kNever);
  CHECK(prompt_colour(nullptr, "dumb") == PromptColour::kNever);
  CHECK(prompt_colour(nullptr, nullptr) == PromptColour::kNever);
  const ApprovalQuestion question = path_question("/a");
  CHECK(question_text(question, {.colour = PromptColour::kNever}).find('\x1b') == std::string::npos);
  CHECK(question_text(question, {.colour = PromptColour::kAnsi}).find("\x1b[1mwrit: ") == 0);
}

}  // namespace
}  // namespace writ::approval_tests
