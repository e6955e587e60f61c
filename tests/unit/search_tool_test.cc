// search and find_files over a tree in memory: what is found, what is passed over, and what bad patterns cost.
#include "tools/native/search_tools.h"

#include <catch2/catch.hpp>

#include "tests/unit/native_tools_fixture.h"
#include "tools/native/glob_set.h"
#include "tools/native/utf8_cutting.h"

namespace writ::native_tools_tests {
namespace {

struct SmallTree : FakeBroker {
  SmallTree() {
    files = {{"README.md", "about foo\n"},
             {"src/a.cc", "int main() {\n  foo();\n}\n"},
             {"src/b.h", "void foo();\r\nvoid bar();\r\n"},
             {"src/deep/c.cc", "no\nFOO\nno\n"},
             {"src/.hidden/d.cc", "foo\n"},
             {"src/picture.png", std::string("foo\0bar\n", 8)}};
    links = {{"src/loop", "."}};
  }
};

// "path:line:column text", one a line; then the numbers.
std::string found(FakeBroker& broker, std::string_view arguments) {
  const ToolResult<JsonValue> result = search(broker, json(arguments));
  if (!result) return outcome(result) + ": " + message(result);
  std::string text;
  for (const JsonValue& match : std::get<JsonArray>(reply_member(*result, "matches")->storage()).elements())
    text += *reply_text(match, "path") + ":" + std::to_string(*reply_count(match, "line")) + ":" +
            std::to_string(*reply_count(match, "column")) + " " + *reply_text(match, "text") + "\n";
  return text + std::to_string(*reply_count(*result, "files_searched")) + " searched, " +
         std::to_string(*reply_count(*result, "files_skipped")) + " skipped" +
         (reply_flag(*result, "truncated") ? ", truncated" : "");
}

std::string found_files(FakeBroker& broker, std::string_view arguments) {
  const ToolResult<JsonValue> result = find_files(broker, json(arguments));
  return result ? result->to_text() : outcome(result) + ": " + message(result);
}

TEST_CASE("search: the whole tree, in the order of names", "[native]") {
  SmallTree broker;
  CHECK(found(broker, R"({"pattern": "foo"})") ==
        "README.md:1:7 about foo\nsrc/a.cc:2:3   foo();\nsrc/b.h:1:6 void foo();\n4 searched, 1 skipped");
  CHECK(broker.count_asked("filesystem.read_directory src/loop") == 0);
  CHECK(broker.count_asked("filesystem.read_directory src/.hidden") == 0);
}

TEST_CASE("search: hidden names on demand", "[native]") {
  SmallTree broker;
  CHECK(found(broker, R"({"pattern": "foo", "hidden": true, "path": "src/.hidden"})") ==
        "src/.hidden/d.cc:1:1 foo\n1 searched, 0 skipped");
  CHECK(found(broker, R"({"pattern": "^foo$", "hidden": true})").starts_with("src/.hidden/d.cc:1:1 foo\n"));
}

TEST_CASE("search: regular expressions, texts, letter case", "[native]") {
  SmallTree broker;
  CHECK(
      found(broker, R"({"pattern": "f.o\\(\\);$", "path": "src"})").starts_with("src/a.cc:2:3   foo();\nsrc/b.h:1:6"));
  CHECK(found(broker, R"j({"pattern": "foo()", "kind": "text"})j").starts_with("src/a.cc:2:3   foo();\nsrc/b.h:1:6 "));
  CHECK(found(broker, R"({"pattern": "foo", "ignore_case": true, "glob": "c.cc"})") ==
        "src/deep/c.cc:2:1 FOO\n1 searched, 0 skipped");
  CHECK(found(broker, R"({"pattern": "f.o", "kind": "text"})").starts_with("4 searched"));
}

TEST_CASE("search: a text is found on every line that has it, with its number", "[native]") {
  FakeBroker broker;
  broker.files["f"] = "x\n\nab x\n\n\nx x\nend x";
  const std::string expected = "f:1:1 x\nf:3:4 ab x\nf:6:1 x x\nf:7:5 end x\n1 searched, 0 skipped";
  CHECK(found(broker, R"({"pattern": "x", "kind": "text"})") == expected);
  CHECK(found(broker, R"({"pattern": "x"})") == expected);
}

TEST_CASE("search: one file as the place", "[native]") {
  SmallTree broker;
  CHECK(found(broker, R"({"pattern": "foo", "path": "src/a.cc"})") == "src/a.cc:2:3   foo();\n1 searched, 0 skipped");
  CHECK(found(broker, R"({"pattern": "foo", "path": "src/a.cc", "glob": "*.h"})") == "0 searched, 0 skipped");
}

TEST_CASE("search: globs", "[native]") {
  SmallTree broker;
  CHECK(found(broker, R"({"pattern": "o", "glob": ["*.h", "deep/*"], "path": "src"})")
            .ends_with("2 searched, 0 skipped"));
  CHECK(found_files(broker, R"({"glob": "*.{cc,h}"})") ==
        R"({"files": ["src/a.cc", "src/b.h", "src/deep/c.cc"], "skipped": 0, "truncated": false})");
  CHECK(found_files(broker, R"({"glob": "src/*.cc"})").find(R"(["src/a.cc"])") != std::string::npos);
  CHECK(found_files(broker, R"({"glob": "src/**/*.cc"})").find(R"(["src/a.cc", "src/deep/c.cc"])") !=
        std::string::npos);
  CHECK(found_files(broker, R"({"glob": "./*.md"})").find(R"(["README.md"])") != std::string::npos);
  CHECK(found_files(broker, R"({"glob": "[ab].*", "limit": 1})") ==
        R"({"files": ["src/a.cc"], "skipped": 0, "truncated": true})");
  CHECK(found_files(broker, R"({"glob": "*.{cc"})").starts_with("invalid_arguments: the glob '*.{cc'"));
  CHECK(found_files(broker, R"({"glob": "[a"})").starts_with("invalid_arguments: the glob '[a' is wrong"));
}

TEST_CASE("search: braces", "[native]") {
  CHECK(expand_braces("a{b,c{d,e}}f").value() == std::vector<std::string>{"abf", "acdf", "acef"});
  CHECK(expand_braces("{a,}").value() == std::vector<std::string>{"a", ""});
  CHECK(expand_braces("\\{a,b\\}").value() == std::vector<std::string>{"\\{a,b\\}"});
  CHECK(!expand_braces("{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}"));
  CHECK(expand_braces("{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}").value().size() == 64);
}

TEST_CASE("search: lines around a match", "[native]") {
  FakeBroker broker;
  broker.files["f"] = "1\n2\nfoo\r\n4\n5\n6";
  const auto context = [&](const char* arguments) { return search(broker, json(arguments)).value().to_text(); };
  CHECK(context(R"({"pattern": "foo", "context_lines": 2})").find(R"("before": ["1", "2"], "after": ["4", "5"])") !=
        std::string::npos);
  CHECK(context(R"({"pattern": "1", "context_lines": 1})").find(R"("before": [], "after": ["2"])") !=
        std::string::npos);
  CHECK(context(R"({"pattern": "6", "context_lines": 1})").find(R"("before": ["5"], "after": [])") !=
        std::string::npos);
}

TEST_CASE("search: long lines are cut around the match, at whole characters", "[native]") {
  FakeBroker broker;
  std::string line;
  for (int i = 0; i < 1000; ++i) line += "ä";
  broker.files["f"] = line + "needle" + line + "\n";
  const std::string read = found(broker, R"({"pattern": "needle"})");
  CHECK(read.starts_with("f:1:1001 …ä"));
  CHECK(read.find("äneedleä") != std::string::npos);
  CHECK(read.find("ä…\n") != std::string::npos);
  CHECK(read.size() < 600);
}

TEST_CASE("search: bytes that are not UTF-8 stop nothing and are shown escaped", "[native]") {
  FakeBroker broker;
  broker.files["f"] = "\xFF\xFE foo\n";
  CHECK(found(broker, R"({"pattern": "fo+"})") == "f:1:4 \\xff\\xfe foo\n1 searched, 0 skipped");
}

TEST_CASE("search: what may not be read is counted, a refused place is a failure", "[native]") {
  SmallTree broker;
  broker.refusals = {{"src/a.cc", FailureCode::kDenied}, {"src/deep", FailureCode::kDenied}};
  CHECK(found(broker, R"({"pattern": "foo", "path": "src"})") == "src/b.h:1:6 void foo();\n1 searched, 3 skipped");
  CHECK(found(broker, R"({"pattern": "foo", "path": "src/deep"})").starts_with("denied: cannot list 'src/deep'"));
  CHECK(found(broker, R"({"pattern": "foo", "path": "nowhere"})").starts_with("not_found"));
  broker.refusals = {{"src/a.cc", FailureCode::kLimit}};
  CHECK(found(broker, R"({"pattern": "foo"})").starts_with("limit: cannot read 'src/a.cc'"));
}

TEST_CASE("search: no more results than asked for", "[native]") {
  FakeBroker broker;
  broker.files["f"] = "x\nx\nx\n";
  CHECK(found(broker, R"({"pattern": "x", "max_results": 2})") == "f:1:1 x\nf:2:1 x\n1 searched, 0 skipped, truncated");
  CHECK(found(broker, R"({"pattern": "x", "max_results": 3})").ends_with("skipped"));
}

TEST_CASE("search: large files are passed over", "[native]") {
  FakeBroker broker;
  broker.files["f"] = std::string(8 * 1024 * 1024 + 1, 'x');
  CHECK(found(broker, R"({"pattern": "x"})") == "0 searched, 1 skipped");
}

TEST_CASE("search: a pattern that never ends is stopped", "[native]") {
  FakeBroker broker;
  broker.files["f"] = "ok\n" + std::string(64, 'a') + "b\n";
  CHECK(found(broker, R"({"pattern": "^(a+)+$"})") ==
        "limit: the pattern takes too many steps; avoid repetitions inside repetitions; it was at line 2 of 'f'");
}

TEST_CASE("search: wrong patterns are refused before anything is asked", "[native]") {
  SmallTree broker;
  CHECK(found(broker, R"({"pattern": "(foo"})")
            .starts_with("invalid_arguments: the pattern is wrong at byte 4: missing"));
  CHECK(found(broker, R"({"pattern": ""})").starts_with("invalid_arguments"));
  CHECK(found(broker, R"({"pattern": "\\C"})").starts_with("invalid_arguments"));
  CHECK(found(broker, R"({"pattern": "x", "kind": "glob"})").starts_with("invalid_arguments: 'kind'"));
  CHECK(found(broker, R"({"pattern": "a\nb", "kind": "text"})").starts_with("invalid_arguments"));
  CHECK(found(broker, R"({"pattern": "x", "glob": 3})").starts_with("invalid_arguments"));
  CHECK(found(broker, R"({"pattern": ")" + std::string(5000, 'x') + "\"}").starts_with("invalid_arguments"));
  CHECK(found(broker, R"({"pattern": ")" + std::string(300, '(') + std::string(300, ')') + "\"}")
            .starts_with("invalid_arguments"));
  CHECK(broker.asked.empty());
}

TEST_CASE("utf8 cutting: never within a character", "[native]") {
  const std::string_view text = "aä€😀";  // 1, 2, 3, 4 bytes
  const std::vector<std::size_t> prefixes = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10};
  const std::vector<std::size_t> suffixes = {0, 0, 0, 0, 4, 4, 4, 7, 7, 9, 10, 10};
  for (std::size_t size = 0; size < prefixes.size(); ++size) {
    CHECK(utf8_prefix(text, size).size() == prefixes[size]);
    CHECK(utf8_suffix(text, size).size() == suffixes[size]);
  }
  CHECK(utf8_characters(text) == 4);
}

}  // namespace
}  // namespace writ::native_tools_tests
