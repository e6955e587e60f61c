#include "broker/base/json_text.h"

#include <catch2/catch.hpp>
#include <limits>

namespace writ {
namespace {

TEST_CASE("json: scalars", "[json]") {
  CHECK(JsonValue().to_text() == "null");
  CHECK(JsonValue(nullptr).to_text() == "null");
  CHECK(JsonValue(true).to_text() == "true");
  CHECK(JsonValue(-7).to_text() == "-7");
  CHECK(JsonValue(std::numeric_limits<std::uint64_t>::max()).to_text() == "18446744073709551615");
  CHECK(JsonValue(1.5).to_text() == "1.5");
  CHECK(JsonValue(std::numeric_limits<double>::infinity()).to_text() == "null");
}

TEST_CASE("json: a string literal is a string, not a truth value", "[json]") {
  CHECK(JsonValue("text").to_text() == "\"text\"");
}

TEST_CASE("json: strings are escaped and always well-formed", "[json]") {
  CHECK(JsonValue("a\"b\\c\n").to_text() == R"("a\"b\\c\n")");
  CHECK(JsonValue(std::string("\x01", 1)).to_text() == R"("\u0001")");
  CHECK(JsonValue(std::string("\xff", 1)).to_text() == R"("\\xff")");
  CHECK(JsonValue("gr\xc3\xbc\xc3\x9f").to_text() == "\"gr\xc3\xbc\xc3\x9f\"");
}

TEST_CASE("json: arrays and objects on one line", "[json]") {
  JsonObject object;
  object.set("list", JsonArray().add(1).add("two")).set("empty", JsonObject());
  CHECK(JsonValue(object).to_text() == R"({"list": [1, "two"], "empty": {}})");
}

TEST_CASE("json: indented text", "[json]") {
  const JsonValue value = JsonObject().set("a", JsonArray().add(1).add(2)).set("b", JsonArray());
  CHECK(value.to_text(2) == "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": []\n}");
}

TEST_CASE("json: a member set twice keeps its place and the last value", "[json]") {
  const JsonValue value = JsonObject().set("a", 1).set("b", 2).set("a", 3);
  CHECK(value.to_text() == R"({"a": 3, "b": 2})");
}

std::string read_again(std::string_view text) {
  const Result<JsonValue> value = parse_json(text);
  return value ? value->to_text() : "error: " + value.error().what;
}

TEST_CASE("json: what is read is written the same", "[json]") {
  for (const char* text : {"null", "true", "-7", "18446744073709551615", "1.5", R"("a\"b\\c\n")", "[]", "{}",
                           R"({"list": [1, {"two": [null, false]}], "empty": {}, "text": ""})"})
    CHECK(read_again(text) == text);
  CHECK(read_again(" {\"a\":1}\r\n") == R"({"a": 1})");
  const std::string long_text = "\"" + std::string(100'000, 'x') + "\"";
  CHECK(read_again(long_text) == long_text);
}

TEST_CASE("json: members are found by their key", "[json]") {
  const Result<JsonValue> value = parse_json(R"({"a": 1, "b": "two"})");
  REQUIRE(value);
  const auto& object = std::get<JsonObject>(value->storage());
  REQUIRE(object.find("b") != nullptr);
  CHECK(std::get<std::string>(object.find("b")->storage()) == "two");
  CHECK(object.find("c") == nullptr);
}

TEST_CASE("json: what readers disagree about is an error", "[json]") {
  for (const char* text : {"", "{", R"({"a": 1} x)", R"({"a": 1}{"a": 2})", "[1,]", "// c\n1", "'a'", "01", "NaN",
                           "\"\xff\"", "\"\n\"", R"("\ud800")"})
    CHECK(read_again(text).starts_with("error: not JSON: "));
  CHECK(read_again(R"({"a": 1, "b": 2, "a": 3})") == "error: not JSON: a key stands twice at byte 19");
  CHECK(read_again(R"({"x": {"a": 1}, "y": {"a": 2}})") == R"({"x": {"a": 1}, "y": {"a": 2}})");
}

TEST_CASE("json: depth is bounded", "[json]") {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  CHECK(read_again(nested(kJsonDepthLimit)) == nested(kJsonDepthLimit));
  CHECK(read_again(nested(kJsonDepthLimit + 1)).starts_with("error: "));
  CHECK(read_again(std::string(1'000'000, '[')).starts_with("error: "));
}

}  // namespace
}  // namespace writ
