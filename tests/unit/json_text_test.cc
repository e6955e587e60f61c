#include "launcher/json_text.h"

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

}  // namespace
}  // namespace writ
