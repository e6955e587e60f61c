// The short way to read a command line reads what CLI11 would read, or leaves the line to it.
#include "launcher/plain_words.h"

#include <catch2/catch.hpp>
#include <random>

namespace {

using namespace writ;

// What one line says: a flag, a value, a list.
struct Line {
  bool quiet = false;
  std::string profile = "default";
  std::vector<std::string> read;

  bool operator==(const Line&) const = default;
};

CommandSpec spec_for(Line& line, Need need = Need::kOptional) {
  CommandSpec spec{"writ run", "", "", {}};
  spec.options = {{"-p,--profile", "help", "NAME", &line.profile, need},
                  {"-r,--read", "help", "PATH", &line.read},
                  {"-q,--quiet", "help", "", &line.quiet}};
  return spec;
}

using Words = std::vector<std::string>;

PlainWords read_plainly(const Words& words, Line& line) { return read_plain_words(spec_for(line), words); }

// `words` are read, and by both readers alike.
void check_same(const Words& words) {
  CAPTURE(words);
  Line plain;
  REQUIRE(read_plainly(words, plain) == PlainWords::kRead);
  Line any;
  REQUIRE(read_any_words(spec_for(any), words));
  CHECK(plain == any);
}

}  // namespace

TEST_CASE("plain words: what most launches type is read, by both readers alike") {
  for (const Words& words :
       {Words{}, Words{"-q"}, Words{"--quiet"}, Words{"--profile", "build"}, Words{"-p", "./my.yaml", "-q"},
        Words{"--read", "/a", "-r", "~/b", "--read", "c"}, Words{"--quiet", "--read", "a=b", "-p", "x,y"}})
    check_same(words);
  Line line;
  REQUIRE(read_plainly({"-p", "build", "--read", "/a", "-q", "-r", "b"}, line) == PlainWords::kRead);
  CHECK(line == Line{true, "build", {"/a", "b"}});
}

TEST_CASE("plain words: everything else is left to CLI11, with nothing touched") {
  for (const Words& words :
       {Words{"-q", "--profile=build"}, Words{"-q", "-pbuild"}, Words{"-qp", "x"}, Words{"-q", "--help"},
        Words{"-q", "-h"}, Words{"-q", "--unknown"}, Words{"-q", "word"}, Words{"-q", "--profile"},
        Words{"-q", "--profile", ""}, Words{"-q", "--read", "-x"}, Words{"-q", "--read", "[a,b]"},
        Words{"-q", "--read", "{a}"}, Words{"-q", "-q"}, Words{"-p", "a", "--profile", "b"}, Words{"-q", "--prof", "a"},
        Words{"-q", ""}, Words{"-p,--profile", "a"}}) {
    CAPTURE(words);
    Line line;
    CHECK(read_plainly(words, line) == PlainWords::kNotPlain);
    CHECK(line == Line{});
  }
}

TEST_CASE("plain words: a required option that is missing is CLI11's to complain about") {
  Line line;
  CHECK(read_plain_words(spec_for(line, Need::kRequired), Words{"-q"}) == PlainWords::kNotPlain);
  CHECK(read_plain_words(spec_for(line, Need::kRequired), Words{"-p", "a"}) == PlainWords::kRead);
}

TEST_CASE("plain words: both readers agree on generated lines") {
  const Words alphabet{"-q",   "--quiet", "-p", "--profile", "-r", "--read", "a",
                       "/b c", "~",       "0",  "_x=y",      "é",  "[a]",    "-"};
  std::mt19937 random(7);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same lines in every run
  int read = 0;
  for (int round = 0; round < 20000; ++round) {
    Words words(random() % 6);
    for (std::string& word : words) word = alphabet[random() % alphabet.size()];
    Line line;
    if (read_plainly(words, line) != PlainWords::kRead) continue;
    ++read;
    check_same(words);
  }
  CHECK(read > 1000);
}
