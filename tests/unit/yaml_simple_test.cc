// The reader for plain YAML: it reads what profiles are written in, and never otherwise than yaml-cpp does.
#include "broker/policy/yaml_simple.h"

#include <array>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <string_view>

#include "broker/policy/yaml_document.h"

namespace writ {
namespace {

bool same(YamlPosition a, YamlPosition b) { return a.line == b.line && a.column == b.column; }

bool same(const YamlNode& a, const YamlNode& b) {
  if (a.kind != b.kind || a.quoting != b.quoting || a.text != b.text || a.key != b.key) return false;
  if (!same(a.position, b.position) || !same(a.key_position, b.key_position)) return false;
  if (a.children.size() != b.children.size()) return false;
  for (std::size_t i = 0; i < a.children.size(); ++i)
    if (!same(a.children[i], b.children[i])) return false;
  return true;
}

// Compares both readers; a difference is shown with the text that makes it.
void check_same(const std::string& text) {
  const Result<YamlDocument> fast = parse_yaml("p.yaml", text, YamlReader::kFastest);
  const Result<YamlDocument> full = parse_yaml("p.yaml", text, YamlReader::kYamlCpp);
  const bool agree = fast.has_value() == full.has_value() &&
                     (fast ? same(fast->root, full->root) : fast.error().what == full.error().what);
  if (!agree)
    FAIL_CHECK("the readers differ on:\n" << text << "\nyaml-cpp: " << (full ? "accepts" : full.error().what));
}

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST_CASE("shipped profiles take the short way", "[yaml-simple]") {
  for (const auto& entry : std::filesystem::directory_iterator(WRIT_SOURCE_DIR "/profiles")) {
    if (entry.path().extension() != ".yaml") continue;
    INFO(entry.path());
    const std::string text = text_of(entry.path());
    CHECK(read_simple_yaml(text).has_value());
    check_same(text);
  }
}

TEST_CASE("both readers agree on the corpus", "[yaml-simple]") {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(WRIT_SOURCE_DIR "/tests/fuzz/corpus/profile_loader")) {
    INFO(entry.path());
    check_same(text_of(entry.path()));
    ++files;
  }
  CHECK(files > 20);
}

TEST_CASE("plain documents are read", "[yaml-simple]") {
  for (const char* text :
       {"a: b\n", "a: b", "a: 'b c'  # comment\n", "a:\n  - b\n  - c d\n", "a: [b, 'c', {d: e}]\n", "a: []\n",
        "a: {}\n", "a: {b: c, d: [e]}\nf: g\n", "# x\n\na:\n    b:\n        - ${c}/d\n    e: /x:/y\n",
        "a: b # c\n# d\n", "- a\n- b\n", "a:\n    # deeper\n  - b\n# shallower\n  - c\n", "a: b, c; (d)\n"}) {
    INFO(text);
    CHECK(read_simple_yaml(text).has_value());
    check_same(text);
  }
}

TEST_CASE("everything else is left to yaml-cpp", "[yaml-simple]") {
  for (const char* text : {"",
                           "a:\n",
                           "a: ~\n",
                           "a: null\n",
                           "a: \"b\"\n",
                           "a: 'b''c'\n",
                           "a: |\n  b\n",
                           "a: &b c\n",
                           "a: *b\n",
                           "a: !b c\n",
                           "a: b\na: c\n",
                           "{a: b}: c\n",
                           "a: [b\n",
                           "a: [b,\n  c]\n",
                           "a: b\n  c\n",
                           "a:\n  b\n",
                           "a:\n- b\n",
                           "a: b: c\n",
                           "a: b\n---\nc: d\n",
                           "--- a\n",
                           "...\n",
                           "- - a\n",
                           "- a: b\n",
                           "a: 'b'c\n",
                           "a: [b]c\n",
                           "a: b#c\n",
                           "a: 'b'# c\n",
                           "? a\n: b\n",
                           "a : b\n",
                           "a:b\n",
                           " a: b\n",
                           "a: b\n c: d\n",
                           "<<: {a: b}\n",
                           "a: [b, ]\n",
                           "a: [, b]\n",
                           "a: @b\n",
                           "a: `b`\n",
                           "a: %b\n",
                           "a: é\n",
                           "null: a\n",
                           "a: {b: c, b: d}\n",
                           "a: b\r\n",
                           "a:\tb\n"}) {
    INFO(text);
    CHECK(!read_simple_yaml(text).has_value());
    check_same(text);
  }
}

// Documents from pieces that mean something to YAML: far likelier to find a difference than random bytes.
TEST_CASE("both readers agree on generated documents", "[yaml-simple]") {
  constexpr auto kPieces = std::to_array<std::string_view>(
      {"a",   "b",   "c1",   "a: ", "b: ", "k:",   "- ",  "-", " ",  "  ",     "\n", "\n", "\n  ", "\n  - ", "\n    ",
       "# x", " #y", "'",    "'q'", "[",   "]",    "[a]", "{", "}",  "{a: b}", ",",  ", ", ":",    "://",    "/x",
       "~",   "~/y", "null", "...", "---", "${h}", "$",   "*", "&a", "!t",     "|",  ">",  "?",    "? ",     "<<",
       "%",   "@",   "\"",   "0",   "1.5", ".e",   "=",   "+", ";",  "(",      ")",  "\\", "é"});
  std::mt19937 random(20260101);  // fixed: a failure can be repeated
  std::size_t accepted = 0;
  for (int round = 0; round < 60000; ++round) {
    std::string text = random() % 2 == 0 ? "a: " : "";
    const std::size_t length = 1 + random() % 12;
    for (std::size_t i = 0; i < length; ++i) text += kPieces[random() % kPieces.size()];
    check_same(text);
    if (read_simple_yaml(text)) ++accepted;
  }
  CHECK(accepted > 500);  // otherwise the comparison compares nothing
}

}  // namespace
}  // namespace writ
