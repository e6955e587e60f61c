// Keys, and what must not count as one.
#include "broker/approval/answer_line.h"

#include <catch2/catch.hpp>

#include "tests/unit/approval_fixture.h"

namespace writ::approval_tests {
namespace {

// A line whose guard time is over at 500 ms.
AnswerLine open_line() {
  AnswerLine line(500ms);
  line.open(at(0ms));
  return line;
}

TEST_CASE("answer line: a word and Enter", "[approval]") {
  AnswerLine line = open_line();
  CHECK(line.feed("on", at(600ms)) == KeyEvent::kNothing);
  CHECK(line.take_echo() == "on");
  CHECK(line.feed("ce\r", at(700ms)) == KeyEvent::kLine);
  CHECK(line.take_line() == "once");
  CHECK(line.feed("\n", at(800ms)) == KeyEvent::kLine);
  CHECK(line.take_line().empty());
}

TEST_CASE("answer line: keys within the guard time do not count, and make it begin anew", "[approval]") {
  AnswerLine line = open_line();
  CHECK(line.feed("o\r", at(0ms)) == KeyEvent::kNothing);
  CHECK(line.feed("o\r", at(499ms)) == KeyEvent::kNothing);
  CHECK(line.feed("o\r", at(998ms)) == KeyEvent::kNothing);
  CHECK(line.feed("\x04", at(1'497ms)) == KeyEvent::kNothing);
  CHECK(line.take_echo().empty());
  CHECK(line.feed("d\r", at(1'997ms)) == KeyEvent::kLine);
  CHECK(line.take_line() == "d");
}

TEST_CASE("answer line: opening again begins the guard time again and forgets what was typed", "[approval]") {
  AnswerLine line = open_line();
  CHECK(line.feed("onc", at(600ms)) == KeyEvent::kNothing);
  line.open(at(700ms));
  CHECK(line.feed("e\r", at(800ms)) == KeyEvent::kNothing);
  CHECK(line.feed("r\r", at(1'400ms)) == KeyEvent::kLine);
  CHECK(line.take_line() == "r");
}

TEST_CASE("answer line: the interrupt key always counts, end of file only on an empty line", "[approval]") {
  AnswerLine line = open_line();
  CHECK(line.feed("\x03", at(1ms)) == KeyEvent::kInterrupt);
  CHECK(line.feed("on\x03", at(600ms)) == KeyEvent::kInterrupt);
  CHECK(line.feed("o\x04", at(700ms)) == KeyEvent::kNothing);
  CHECK(line.feed("\x7f\x04", at(800ms)) == KeyEvent::kEnd);
}

TEST_CASE("answer line: what a terminal types by itself is thrown away", "[approval]") {
  AnswerLine line = open_line();
  CHECK(line.feed("onc", at(600ms)) == KeyEvent::kNothing);
  CHECK(line.feed("\x1b[M o\r", at(610ms)) == KeyEvent::kDiscarded);              // a report of the mouse
  CHECK(line.feed("o\r", at(620ms)) == KeyEvent::kNothing);                       // its end, late
  CHECK(line.feed("\x1b[200~once\r\x1b[201~", at(900ms)) == KeyEvent::kNothing);  // pasted
  CHECK(line.feed("r\r", at(1'100ms)) == KeyEvent::kLine);
  CHECK(line.take_line() == "r");
}

TEST_CASE("answer line: text that goes on after a line is no answer", "[approval]") {
  AnswerLine line = open_line();
  CHECK(line.feed("once\rls\r", at(600ms)) == KeyEvent::kDiscarded);
  CHECK(line.feed("once\r\n", at(700ms)) == KeyEvent::kLine);
  CHECK(line.take_line() == "once");
}

TEST_CASE("answer line: erasing, other keys, and the limit of its length", "[approval]") {
  AnswerLine line = open_line();
  CHECK(line.feed("ob\x7fx\b\xff\x01 \t", at(600ms)) == KeyEvent::kNothing);
  CHECK(line.take_echo() == "ob\b \bx\b \b");
  CHECK(line.feed("\x15run\r", at(700ms)) == KeyEvent::kLine);
  CHECK(line.take_line() == "run");
  CHECK(line.feed(std::string(1'000, 'o'), at(800ms)) == KeyEvent::kNothing);
  CHECK(line.feed("\r", at(900ms)) == KeyEvent::kLine);
  CHECK(line.take_line().size() == AnswerLine::kLengthLimit);
}

TEST_CASE("answer line: the terminal's own keys", "[approval]") {
  AnswerLine line = open_line();
  line.set_keys({.interrupt = 'i', .end = 'e', .erase = 'b', .kill = 'k'});
  CHECK(line.feed("oob", at(600ms)) == KeyEvent::kNothing);
  CHECK(line.feed("\r", at(600ms)) == KeyEvent::kLine);
  CHECK(line.take_line() == "o");
  CHECK(line.feed("e", at(700ms)) == KeyEvent::kEnd);
  CHECK(line.feed("i", at(700ms)) == KeyEvent::kInterrupt);
}

}  // namespace
}  // namespace writ::approval_tests
