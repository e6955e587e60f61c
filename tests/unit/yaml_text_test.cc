// Single YAML values: what is written is read back as the same text.
#include "launcher/yaml_text.h"

#include <catch2/catch.hpp>
#include <string>

#include "broker/policy/profile_values.h"
#include "broker/policy/yaml_document.h"

namespace {

using namespace writ;

std::string read_back(const std::string& yaml) {
  const auto in_block = parse_yaml("t.yaml", "key: " + yaml + "\n");
  const auto in_flow = parse_yaml("t.yaml", "list: [{key: " + yaml + ", other: 1}]\n");
  if (!in_block) FAIL(in_block.error().describe());
  if (!in_flow) FAIL(in_flow.error().describe());
  CHECK(in_block->root.children[0].text == in_flow->root.children[0].children[0].children[0].text);
  CHECK(in_block->root.children[0].kind == YamlKind::kScalar);
  return in_block->root.children[0].text;
}

TEST_CASE("every text is read back as it was", "[yaml_text]") {
  for (const std::string text :
       {"plain", "/usr/bin", "/srv/*", ".git/hooks", "",     "null",      "~",          "true", "none", "a b",
        "a: b",  "a #b",     "it's",   "- x",        "{a}",  "[a]",       "a,b",        "*x",   "&x",   "!x",
        "%x",    "@x",       "`x",     "\"x\"",      "x\\y", "tab\there", "two\nlines", "grün", "→",    "1",
        "0x1",   " lead",    "trail ", "${x}",       "=",    "<<",        "?",          ":",    "a:"}) {
    INFO(text);
    CHECK(read_back(yaml_text(text)) == text);
  }
}

TEST_CASE("a dollar sign in a literal stays one", "[yaml_text]") {
  CHECK(yaml_literal("/a/${home}/b") == "'/a/$${home}/b'");
  CHECK(yaml_literal("/plain") == "/plain");
}

TEST_CASE("durations and sizes in their largest unit", "[yaml_text]") {
  CHECK(yaml_duration(std::chrono::milliseconds(0)) == "0ms");
  CHECK(yaml_duration(std::chrono::milliseconds(1500)) == "1500ms");
  CHECK(yaml_duration(std::chrono::seconds(90)) == "90s");
  CHECK(yaml_duration(std::chrono::hours(2)) == "2h");
  CHECK(yaml_size(1) == "1");
  CHECK(yaml_size(4096) == "4K");
  CHECK(yaml_size(2ull << 30) == "2G");
  for (const std::uint64_t size : {1ull, 1023ull, 1024ull, 1ull << 40, (1ull << 40) + 1})
    CHECK(parse_size(yaml_size(size)).value() == size);
}

}  // namespace
