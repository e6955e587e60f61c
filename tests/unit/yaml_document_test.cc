// The YAML reader: each trap that yaml-cpp 0.7 leaves open for policies, and the limits.
#include "broker/policy/yaml_document.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <string>
#include <string_view>

namespace writ {
namespace {

YamlDocument parsed(std::string_view text) {
  Result<YamlDocument> document = parse_yaml("p.yaml", text);
  if (!document) FAIL("should parse: " << document.error().describe());
  return std::move(*document);
}

std::string error_of(std::string_view text) {
  const Result<YamlDocument> document = parse_yaml("p.yaml", text);
  if (document) FAIL("should not parse: " << text);
  return document.error().describe();
}

bool says(const std::string& message, std::string_view part) {
  INFO("message: " << message);
  CHECK(message.find(part) != std::string::npos);
  return message.find(part) != std::string::npos;
}

std::string repeated(std::string_view text, std::size_t count) {
  std::string result;
  for (std::size_t i = 0; i < count; ++i) result.append(text);
  return result;
}

TEST_CASE("a document becomes a tree with positions", "[yaml]") {
  const YamlDocument document = parsed("a: 1\nb:\n  - x\n  - 'y z'\nc: {d: \"e\"}\n");
  REQUIRE(document.root.kind == YamlKind::kMapping);
  REQUIRE(document.root.children.size() == 3);
  const YamlNode* list = document.root.find("b");
  REQUIRE(list != nullptr);
  CHECK(list->kind == YamlKind::kSequence);
  CHECK(list->key_position.line == 2);
  CHECK(list->key_position.column == 1);
  REQUIRE(list->children.size() == 2);
  CHECK(list->children[0].text == "x");
  CHECK(list->children[0].quoting == YamlQuoting::kPlain);
  CHECK(list->children[1].text == "y z");
  CHECK(list->children[1].quoting == YamlQuoting::kQuoted);
  CHECK(list->children[1].position.line == 4);
  CHECK(list->children[1].position.column == 5);
  CHECK(document.root.find("c")->find("d")->text == "e");
  CHECK(document.root.find("missing") == nullptr);
}

TEST_CASE("scalars stay text, nothing is coerced", "[yaml]") {
  const YamlDocument document = parsed("a: 010\nb: yes\nc: off\nd: 0x10\ne: 1_000\nf: 300\n");
  CHECK(document.root.find("a")->text == "010");
  CHECK(document.root.find("b")->text == "yes");
  CHECK(document.root.find("c")->text == "off");
  CHECK(document.root.find("d")->text == "0x10");
  CHECK(document.root.find("f")->kind == YamlKind::kScalar);
}

TEST_CASE("null is a kind of its own", "[yaml]") {
  for (const std::string_view text : {"a:", "a: ~", "a: null", "a: NULL", "{a}"}) {
    INFO(text);
    CHECK(parsed(text).root.find("a")->kind == YamlKind::kNull);
  }
  CHECK(parsed("a: 'null'").root.find("a")->kind == YamlKind::kScalar);
  CHECK(parsed("a: ''").root.find("a")->kind == YamlKind::kScalar);
}

TEST_CASE("errors show the place and the line", "[yaml]") {
  CHECK(error_of("a: 1\nbb: 2\na: 3\n") == "p.yaml:3:1: duplicate key 'a'\n  3 | a: 3\n    | ^");
  CHECK(error_of("x:\n  - é: *a\n").find("p.yaml:2:") == 0);
}

TEST_CASE("the caret stands below its column, also after wide bytes and escapes", "[yaml]") {
  const YamlDocument document = parsed("a: 'é' # \xC3\xA9\nb: 1\n");
  const std::string message = fail_at(document, {1, 9}, "here").value().describe();
  CHECK(message == "p.yaml:1:9: here\n  1 | a: 'é' # é\n    |        ^");
  // A position behind the end of the line or of the file is shown at its end.
  CHECK(says(fail_at(document, {2, 99}, "x").value().describe(), "\n  2 | b: 1\n    |     ^"));
  CHECK(says(fail_at(document, {99, 1}, "x").value().describe(), "p.yaml:99:1: x"));
}

TEST_CASE("a long line is cut around the caret", "[yaml]") {
  const std::string message = error_of("a: 1\n" + std::string(5000, 'k') + ": 1\na: 2\n");
  CHECK(message.size() < 400);
  CHECK(error_of("k: '" + std::string(5000, 'k') + "\xE2\x80\xAE'\n").size() < 400);
}

TEST_CASE("the display name is escaped", "[yaml]") {
  const Result<YamlDocument> document = parse_yaml("evil\x1b[2J.yaml", "a: *b");
  REQUIRE(!document);
  CHECK(document.error().describe().find('\x1b') == std::string::npos);
}

TEST_CASE("YAML features that hide meaning are refused", "[yaml]") {
  CHECK(says(error_of("a: &x 1\n"), "p.yaml:1:4: the anchor '&x' is refused"));
  CHECK(says(error_of("a: &x [1, 2]\nb: *x\n"), "anchor"));
  CHECK(says(error_of("a: *x\n"), "p.yaml:1:"));
  CHECK(says(error_of("&x a: 1\n"), "anchor"));
  CHECK(says(error_of("a: !mine 1\n"), "p.yaml:1:4: a tag"));
  CHECK(says(error_of("a: !!str 1\n"), "a tag"));
  CHECK(says(error_of("a: ! 1\n"), "a tag"));
  CHECK(says(error_of("a: !<tag:x> 1\n"), "a tag"));
  CHECK(says(error_of("a: !!set {x, y}\n"), "a tag"));
  CHECK(says(error_of("a: ! [1]\n"), "a tag"));
  CHECK(says(error_of("!!map {a: 1}\n"), "a tag"));
  CHECK(says(error_of("<<: {a: 1}\n"), "merge keys"));
  CHECK(says(error_of("'<<': {a: 1}\n"), "merge keys"));
  CHECK(says(error_of("%YAML 1.2\n---\na: 1\n"), "p.yaml:1:1: YAML directives"));
  CHECK(says(error_of("%TAG ! tag:x,2000:\n---\na: !b 1\n"), "YAML directives"));
}

TEST_CASE("duplicate keys are refused at any depth", "[yaml]") {
  CHECK(says(error_of("a: {b: 1, c: 2, b: 3}\n"), "p.yaml:1:17: duplicate key 'b'"));
  CHECK(says(error_of("a: 1\n'a': 2\n"), "p.yaml:2:1: duplicate key 'a'"));
  CHECK(says(error_of("a: 1\n\"\\x61\": 2\n"), "duplicate key 'a'"));
  CHECK(parsed("a: {x: 1}\nb: {x: 1}\n").root.children.size() == 2);
}

TEST_CASE("keys are plain words", "[yaml]") {
  CHECK(says(error_of("? [a]\n: 1\n"), "a key must be a plain word"));
  CHECK(says(error_of("{[a]: 1}\n"), "a key must be a plain word"));
  CHECK(says(error_of("{{a: 1}: 1}\n"), "a key must be a plain word"));
  CHECK(says(error_of("~: 1\n"), "a key must be a plain word"));
  CHECK(says(error_of(": 1\n"), "a key must be a plain word"));
}

TEST_CASE("exactly one document", "[yaml]") {
  CHECK(says(error_of("a: 1\n---\nb: 2\n"), "p.yaml:2:"));
  CHECK(says(error_of("a: 1\n---\nb: 2\n"), "a second document or stray content"));
  CHECK(says(error_of("a: 1\n...\nb: 2\n"), "a second document or stray content"));
  CHECK(says(error_of("a: 1\n---\n"), "a second document or stray content"));
  for (const std::string_view text : {"", "\n\n", "# only a comment\n", "---\n", "--- ~\n", "null", "---\n...\n"}) {
    INFO(text);
    CHECK(says(error_of(text), "the file is empty"));
  }
  CHECK(parsed("---\na: 1\n...\n").root.children.size() == 1);
}

TEST_CASE("bytes that mislead are refused", "[yaml]") {
  using namespace std::string_view_literals;
  CHECK(says(error_of("\xEF\xBB\xBF"
                      "a: 1\n"),
             "p.yaml:1:1: the file starts with a byte order mark"));
  CHECK(says(error_of("\xFF\xFE"
                      "a\0"sv),
             "the file is UTF-16"));
  CHECK(says(error_of("a: 1\nb: \0x\n"sv), "p.yaml:2:4: a NUL byte"));
  CHECK(says(error_of("a: 1\nb: \x1b[2J\n"), "p.yaml:2:4: the control character \\x1b"));
  CHECK(says(error_of("a: \x7f\n"), "the control character"));
  CHECK(says(error_of("a: 1\rb: 2\n"), "the control character \\x0d"));
  CHECK(says(error_of("a: \xff\n"), "p.yaml:1:4: this is not valid UTF-8"));
  CHECK(says(error_of("a: \xC0\xAF\n"), "not valid UTF-8"));
  CHECK(says(error_of("a: \xED\xA0\x80\n"), "not valid UTF-8"));
  CHECK(says(error_of("a: x\xE2\x82"), "not valid UTF-8"));
  CHECK(says(error_of("# \xE2\x80\xAE"
                      "evil\na: 1\n"),
             "p.yaml:1:3: the invisible or direction-changing"));
  CHECK(says(error_of("a\xE2\x80\x8B: 1\n"), "invisible"));
  CHECK(says(error_of("a: x\xC2\x85"
                      "b: 2\n"),
             "invisible"));
  CHECK(parsed("a: 1\r\nb: 2\r\n").root.find("a")->text == "1");
  CHECK(parsed("# käse ✓ 日本\na: ü\n").root.find("a")->text == "ü");
}

TEST_CASE("yaml-cpp takes byte 0x04 for the end of the file but the rest must not vanish", "[yaml]") {
  CHECK(says(error_of("a: 1\n\x04\nb: 2\n"), "p.yaml:2:1: the control character \\x04"));
}

TEST_CASE("escapes cannot bring in what the bytes may not hold", "[yaml]") {
  CHECK(says(error_of("a: \"x\\0y\"\n"), "NUL"));
  CHECK(says(error_of("a: \"x\\x1by\"\n"), "control character"));
  CHECK(says(error_of("a: \"x\\u202ey\"\n"), "invisible"));
  CHECK(says(error_of("a: \"x\\ud800y\"\n"), "not valid YAML"));
  CHECK(says(error_of("\"k\\0\": 1\n"), "NUL"));
  CHECK(parsed("a: \"x\\ty\\nz\"\n").root.find("a")->text == "x\ty\nz");
}

TEST_CASE("tabs do not indent", "[yaml]") {
  CHECK(says(error_of("a:\n\tb: 1\n"), "p.yaml:2:1: a tab in the indentation is refused"));
  CHECK(says(error_of("a:\n  \tb: 1\n"), "p.yaml:2:3: a tab in the indentation is refused"));
  CHECK(parsed("a: 1\t# comment\n").root.find("a")->text == "1");
}

TEST_CASE("a quotation mark that is never closed does not swallow the rest", "[yaml]") {
  for (const std::string_view end : {"", "\n", "\n\n", "  \n", "\r\n", "\nb: 1\n", "\n# comment\n\n"}) {
    INFO("ends in " << end);
    CHECK(says(error_of("a: 'x" + std::string(end)), "not valid YAML"));
    CHECK(says(error_of("a: \"x" + std::string(end)), "not valid YAML"));
    CHECK(says(error_of("a: \"x\\" + std::string(end)), "not valid YAML"));
  }
}

TEST_CASE("what the parser refuses has a place too", "[yaml]") {
  CHECK(says(error_of("a: [1, 2\n"), "not valid YAML"));
  CHECK(says(error_of("a: b: c\n"), "p.yaml:1:"));
  CHECK(says(error_of("a: 1\n  b: 2\n"), "p.yaml:2:"));
  CHECK(says(error_of("a: @x\n"), "p.yaml:1:"));
  CHECK(says(error_of("a: 1\n]\n"), "p.yaml:2:"));
}

TEST_CASE("limits of size, depth and count", "[yaml]") {
  CHECK(says(error_of(repeated("[", 33) + repeated("]", 33)), "the nesting is too deep"));
  CHECK(parsed(repeated("[", 32) + repeated("]", 32)).root.kind == YamlKind::kSequence);
  CHECK(says(error_of("a: [" + repeated("1,", 20000) + "]"), "too many values"));
  CHECK(says(error_of("a:\n" + repeated(" - 1\n", 20000)), "too many values"));
  CHECK(parsed("a: [" + repeated("1, ", 19990) + "1]").root.children[0].children.size() == 19991);
  CHECK(says(error_of(std::string(kYamlSizeLimit + 1, '#')), "larger than 256 KiB"));
  CHECK(says(error_of(repeated("#\n", kYamlSizeLimit / 2)), "the file is empty"));
}

TEST_CASE("hostile files fail fast", "[yaml]") {
  const std::string bomb =
      "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n";
  std::string keys;
  for (int i = 0; i < 15000; ++i) keys += "k" + std::to_string(i) + ": 1\n";
  std::string duplicates;
  for (int i = 0; i < 9000; ++i) duplicates += "k" + std::to_string(i) + ": 1\n";
  const std::string hostile[] = {
      std::string(10'000'000, 'x'),
      repeated("- ", 5'000'000),
      bomb,
      "&a [*a]\n",
      repeated("[", kYamlSizeLimit),
      repeated(repeated("[", 16383) + "\n", 15),
      repeated("[\n", kYamlSizeLimit / 2),
      repeated("{a: ", kYamlSizeLimit / 4),
      repeated("- ", kYamlSizeLimit / 2),
      repeated("? ", kYamlSizeLimit / 2),
      keys,
      duplicates + "k0: 2\n",
      std::string(kYamlSizeLimit - 2, ' ') + "\t",
  };
  for (const std::string& text : hostile) {
    INFO("starts with " << text.substr(0, 20));
    const auto start = std::chrono::steady_clock::now();
    CHECK(!parse_yaml("p.yaml", text));
    const auto elapsed = std::chrono::steady_clock::now() - start;
    // 50 ms is what users are promised; a sanitizer or a busy machine may take several times as long.
    CHECK(elapsed < std::chrono::milliseconds(400));
  }
}

}  // namespace
}  // namespace writ
