#include "launcher/terminal_output_filter.h"

#include <catch2/catch.hpp>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace writ {
namespace {

using namespace std::string_literals;

std::string filtered(std::string_view bytes, EightBitControls eight_bit = EightBitControls::kOrdinary) {
  TerminalOutputFilter filter(eight_bit);
  std::string passed;
  filter.filter(bytes, passed);
  filter.finish(passed);
  return passed;
}

std::string filtered_bytewise(std::string_view bytes) {
  TerminalOutputFilter filter;
  std::string passed;
  for (const char byte : bytes) filter.filter({&byte, 1}, passed);
  filter.finish(passed);
  return passed;
}

TEST_CASE("terminal output filter: what programs need passes byte for byte") {
  const std::vector<std::string> harmless{
      "plain text\r\n",
      "\x1b[1;31mred\x1b[0m \x1b[38;2;1;2;3mtrue colour\x1b[m",
      "\x1b[2J\x1b[H\x1b[?1049h\x1b[?25l\x1b[?2004h",
      "\x1b]0;title\x07\x1b]2;title\x1b\\ after",
      "\x1b]8;;https://example.org\x1b\\link\x1b]8;;\x1b\\",
      "\x1b]11;?\x07\x1b]7;file:///tmp\x1b\\",
      "\x1b]133;A\x07\x1b]520;x\x07\x1b]5;2\x07",
      "\x1b]1337;File=inline=1:AAAA\x07\x1b]1337;CursorShape=1\x07",
      "\x1bPq#0;2;0;0;0~~\x1b\\ sixel",
      "\x1bP=1s\x1b\\\x1bP=2s\x1b\\",
      "\x1b_Ga=T,f=100;AAAA\x1b\\",
      "\x1b(B\x1b)0\x1b#8\x1b"
      "7\x1b"
      "8\x1b=\x1b>\x1b%G",
      "\x1b[6n\x1b[5n\x1b[c\x1b[>c\x1b[18t\x1b[22;0t\x1b[23;0t\x1b[8;24;80t\x1b[>20t",
      "\x1b[2\n0C",
      "\x1bkscreen title\x1b\\",
      "\x1bPtmux;\x1b\x1b]0;t\x07\x1b\\",
      "caf\xc3\xa9 \xc2\xa7 \xd0\x90\xd0\x9d \xe2\x9c\x93 \xf0\x9f\x98\x80",
      "latin-1 \xe9 and stray \x9d\x90\x80 bytes\n",
      "\x1b[31\x18\x1b]52\x18m",
      "nul\0nul"s,
  };
  for (const std::string& text : harmless) {
    CAPTURE(text);
    CHECK(filtered(text) == text);
    CHECK(filtered_bytewise(text) == text);
  }
}

TEST_CASE("terminal output filter: dangerous sequences are dropped, what is around them stays") {
  const std::vector<std::string> dangerous{
      "\x1b]52;c;ZXZpbA==\x07",
      "\x1b]52;c;?\x1b\\",
      "\x1b]52;;ZXZpbA==\x9c\x07",
      "\x1b]052;c;QQ==\x07",
      "\x1b]5\n2;c;QQ==\x07",
      "\x1b]52\x07",
      "\x1b]52\x1b\\",
      "\x1b\r]52;c;QQ==\x07",
      "\xc2\x9d"
      "52;c;QQ==\xc2\x9c",
      "\xc2\x9d"
      "52;c;QQ==\x07",
      "\x1b]50;?\x07",
      "\x1b]5522;type=read\x1b\\",
      "\x1b]5113;ac=send\x1b\\",
      "\x1b]1337;CopyToClipboard=\x07",
      "\x1b]1337;Copy=:QQ==\x07",
      "\x1b]1337;EndCopy\x07",
      "\x1b[21t",
      "\x1b[20t",
      "\x1b[021t",
      "\x1b[21;0t",
      "\x1b[2\n1t",
      "\x1b[2\x7f"
      "1t",
      "\xc2\x9b"
      "21t",
      "\x1b[1;0;1;1;1;1*y",
      "\x1b[5i",
      "\x1b[?5i",
      "\x1bP$qm\x1b\\",
      "\x1bP1$q\"p\x1b\\",
      "\x1bP+q544e\x1b\\",
      "\x1bP0;1|17/414243\x1b\\",
      "\x1bP@kitty-cmd{\"cmd\":\"launch\"}\x1b\\",
      "\xc2\x90$qm\xc2\x9c",
      "\x1b%@",
      "\x1b[" + std::string(5000, '1') + "m",
  };
  for (const std::string& text : dangerous) {
    CAPTURE(text);
    CHECK(filtered("<" + text + ">") == "<>");
    CHECK(filtered_bytewise("<" + text + ">") == "<>");
  }
}

TEST_CASE("terminal output filter: a dropped sequence never leaves parts that later text could complete") {
  CHECK(filtered("\x1b[21\x1b]52;c;QQ==\x07t") == "t");
  CHECK(filtered("\x1b\x1b]52;c;QQ==\x07]52;c;QQ==\x07") == "]52;c;QQ==\x07");
  CHECK(filtered("\xc2\x1b]52;c;QQ==\x07\x9d"
                 "52;c;QQ==") ==
        "\x9d"
        "52;c;QQ==");
  CHECK(filtered("a\x1b") == "a");
  CHECK(filtered("a\x1b[21") == "a");
  CHECK(filtered("a\x1b]52;c;QQ==") == "a");
}

TEST_CASE("terminal output filter: sequences inside other strings are judged too") {
  // CAN takes the place of the dropped sequence, which would have ended the outer string.
  CHECK(filtered("\x1b]0;title\x1b]52;c;QQ==\x07text") == "\x1b]0;title\x18text");
  CHECK(filtered("\x1bPtmux;\x1b\x1b]52;c;QQ==\x07\x1b\\x") == "\x1bPtmux;\x18\x1b\\x");
  CHECK(filtered("\x1bP\x1b]52;c;QQ==\x07\x1b\\x").find("52") == std::string::npos);
}

TEST_CASE("terminal output filter: an unfinished string does not swallow what the shell prints next") {
  CHECK(filtered("\x1b]0;title") == "\x1b]0;title\x18");
  CHECK(filtered("\x1b_Gdata") == "\x1b_Gdata\x18");
  CHECK(filtered("\x1b]0;title\x07") == "\x1b]0;title\x07");
}

TEST_CASE("terminal output filter: an eight-bit terminal's controls") {
  CHECK(filtered("<\x9d"
                 "52;c;QQ==\x9c>",
                 EightBitControls::kControls) == "<>");
  CHECK(filtered("<\x9b"
                 "21t>",
                 EightBitControls::kControls) == "<>");
  CHECK(filtered("<\x9b"
                 "31m>",
                 EightBitControls::kControls) ==
        "<\x9b"
        "31m>");
}

TEST_CASE("terminal output filter: counts what it dropped") {
  TerminalOutputFilter filter;
  std::string passed;
  filter.filter("\x1b[21t\x1b]52;c;QQ==\x07\x1b[31m", passed);
  CHECK(filter.dropped() == 2);
}

TEST_CASE("terminal output filter: bounded state and the same result however the input is split") {
  std::mt19937 random(7);
  const std::string alphabet = "\x1b\x1b\x1b[]P_\\%@;:?$+q|t*yi0125\x07\x18\xc2\x9d\x9b\x9c\x90\n a";
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    for (int i = 0; i < 60; ++i) text.push_back(alphabet[random() % alphabet.size()]);
    CAPTURE(text);
    const std::string whole = filtered(text);
    REQUIRE(filtered_bytewise(text) == whole);
    // What has passed contains nothing more to drop.
    REQUIRE(filtered(whole) == whole);
    REQUIRE(whole.size() <= text.size() + 1);
  }
}

TEST_CASE("terminal output filter: one call never adds more than was kept back") {
  TerminalOutputFilter filter;
  std::string passed;
  for (int i = 0; i < 4000; ++i) {
    passed.clear();
    filter.filter("\x1b", passed);
    REQUIRE(passed.size() <= 1 + TerminalOutputFilter::kHeldLimit);
  }
  passed.clear();
  filter.filter("[31m", passed);
  CHECK(passed.size() <= 4 + TerminalOutputFilter::kHeldLimit);
  CHECK(passed.ends_with("\x1b[31m"));
}

}  // namespace
}  // namespace writ
