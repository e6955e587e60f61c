// The subset of JSON Schema that tools may use: what is in it, what is refused, and what messages say and do not say.
#include "broker/tool/json_schema.h"

#include <catch2/catch.hpp>
#include <limits>
#include <string>
#include <string_view>

#include "broker/tool/json_equality.h"

namespace writ {
namespace {

JsonValue json(std::string_view text) {
  Result<JsonValue> value = parse_json(text);
  if (!value) FAIL("not JSON: " << text << ": " << value.error().describe());
  return std::move(*value);
}

JsonSchema schema(std::string_view text) {
  Result<JsonSchema> made = JsonSchema::parse(json(text));
  if (!made) FAIL("should be a schema: " << made.error().describe());
  return std::move(*made);
}

std::string flaw_of(std::string_view text) {
  const Result<JsonSchema> made = JsonSchema::parse(json(text));
  return made ? "" : made.error().describe();
}

// The message about `value`, or nothing.
std::string complaint_about(std::string_view schema_text, const JsonValue& value) {
  const Status checked = schema(schema_text).check(value);
  return checked ? "" : checked.error().describe();
}
std::string complaint(std::string_view schema_text, std::string_view value) {
  return complaint_about(schema_text, json(value));
}

std::string repeated(std::string_view text, std::size_t count) {
  std::string result;
  for (std::size_t i = 0; i < count; ++i) result.append(text);
  return result;
}

TEST_CASE("json schema: each type takes its own values and no others", "[tool][schema]") {
  struct Case {
    std::string_view type;
    std::string_view taken;
  };
  constexpr Case kCases[] = {{"object", "{}"},   {"array", "[]"},      {"string", "\"\""}, {"integer", "3"},
                             {"number", "3.25"}, {"boolean", "false"}, {"null", "null"}};
  for (const Case& wanted : kCases) {
    const std::string text = R"({"type":")" + std::string(wanted.type) + "\"}";
    for (const Case& given : kCases) {
      INFO(wanted.type << " and " << given.taken);
      const bool fits = wanted.type == given.type || (wanted.type == "number" && given.type == "integer");
      CHECK(complaint(text, given.taken).empty() == fits);
    }
  }
  CHECK(complaint(R"({"type":["string","null"]})", "null").empty());
  CHECK(complaint(R"({"type":["string","null"]})", "3") == "arguments: a string or null is expected");
}

TEST_CASE("json schema: numbers are compared by value, and booleans are none", "[tool][schema]") {
  CHECK(complaint(R"({"type":"integer"})", "1.0").empty());
  CHECK_FALSE(complaint(R"({"type":"integer"})", "1.5").empty());
  CHECK_FALSE(complaint(R"({"type":"integer"})", "true").empty());
  CHECK_FALSE(complaint(R"({"type":"number"})", "false").empty());
  CHECK_FALSE(complaint_about(R"({"type":"number"})", JsonValue(std::numeric_limits<double>::quiet_NaN())).empty());
  CHECK_FALSE(complaint_about(R"({"type":"integer"})", JsonValue(std::numeric_limits<double>::infinity())).empty());
  CHECK(complaint(R"({"enum":[1,"a"]})", "1.0").empty());
  CHECK_FALSE(complaint(R"({"enum":[1]})", "true").empty());
  CHECK(complaint(R"({"minimum":0,"maximum":60})", "60").empty());
  CHECK(complaint(R"({"type":"number","minimum":0,"maximum":60})", "60.5") ==
        "arguments: a number of 0 to 60 is expected");
  CHECK(complaint(R"({"type":"integer","minimum":1})", "0") == "arguments: an integer of at least 1 is expected");
  // Neighbours that a double cannot tell apart.
  CHECK_FALSE(complaint(R"({"maximum":9007199254740992})", "9007199254740993").empty());
  CHECK_FALSE(complaint(R"({"const":18446744073709551615})", "18446744073709551614").empty());
  CHECK(complaint(R"({"minimum":-9223372036854775808})", "-9223372036854775808").empty());
}

TEST_CASE("json schema: a message names the place", "[tool][schema]") {
  constexpr std::string_view kEdits = R"({"type":"object","required":["edits"],"properties":{"edits":{"type":"array",
    "minItems":1,"maxItems":3,"items":{"type":"object","required":["old"],
    "properties":{"old":{"type":"string","minLength":1,"maxLength":64},"new":{"type":"string"}}}}}})";
  CHECK(complaint(kEdits, "{}") == "arguments.edits: is missing");
  CHECK(complaint(kEdits, R"({"edits":[]})") == "arguments.edits: an array of 1 to 3 elements is expected");
  CHECK(complaint(kEdits, R"({"edits":[{"old":"a"},{"old":"b"},{"new":""}]})") == "arguments.edits[2].old: is missing");
  CHECK(complaint(kEdits, R"({"edits":[{"old":""}]})") ==
        "arguments.edits[0].old: a string of 1 to 64 characters is expected");
  CHECK(complaint(kEdits, R"({"edits":[{"old":7}]})") ==
        "arguments.edits[0].old: a string of 1 to 64 characters is expected");
  CHECK(complaint(kEdits, R"({"edits":[{"old":"a"}]})").empty());
  const Status result = schema(kEdits).check(json("{}"), "result");
  CHECK(result.error().what == "result.edits: is missing");
}

TEST_CASE("json schema: a message never repeats the value, nor the name of a member", "[tool][schema]") {
  constexpr std::string_view kSchema = R"({"type":"object","properties":{"mode":{"enum":["a","b"]},
    "text":{"type":"string","maxLength":3},"count":{"type":"integer","maximum":5},"fixed":{"const":1}}})";
  for (const std::string_view value : {R"({"mode":"SECRET"})", R"({"text":"SECRET"})", R"({"SECRET":1})",
                                       R"({"count":"SECRET"})", R"({"fixed":"SECRET"})", R"(["SECRET"])"}) {
    const std::string message = complaint(kSchema, value);
    INFO(message);
    CHECK_FALSE(message.empty());
    CHECK(message.find("SECRET") == std::string::npos);
  }
  CHECK(complaint(kSchema, R"({"mode":"c"})") == R"(arguments.mode: one of "a", "b" is expected)");
  CHECK(complaint(kSchema, R"({"other":1})") ==
        "arguments: a member that the schema does not have; it has count, fixed, mode, text");
}

TEST_CASE("json schema: what a schema says is escaped in messages", "[tool][schema]") {
  const std::string message =
      complaint("{\"type\":\"object\",\"properties\":{\"a\\u001bb\":{\"type\":\"null\"}}}", "{\"a\\u001bb\":1}");
  CHECK(message == "arguments.a\\x1bb: null is expected");
}

TEST_CASE("json schema: members that are not named are refused unless the schema says otherwise", "[tool][schema]") {
  CHECK_FALSE(complaint(R"({"type":"object"})", R"({"a":1})").empty());
  CHECK_FALSE(complaint(R"({"type":["object","null"]})", R"({"a":1})").empty());
  CHECK_FALSE(complaint(R"({"properties":{}})", R"({"a":1})").empty());
  CHECK(complaint(R"({"type":"object","additionalProperties":true})", R"({"a":1})").empty());
  CHECK(complaint("{}", R"({"a":[1,{"b":null}]})").empty());
  CHECK(complaint(R"({"type":"object","additionalProperties":true,"required":["a"]})", "{}") ==
        "arguments.a: is missing");
  CHECK(schema(R"({"type":"object","properties":{"a":{"type":"array","items":{"type":"object"}}}})").text().to_text() ==
        R"({"type": "object", "properties": {"a": {"type": "array", "items": {"type": "object", )"
        R"("additionalProperties": false}}}, "additionalProperties": false})");
}

TEST_CASE("json schema: lengths count code points", "[tool][schema]") {
  constexpr std::string_view kTwo = R"({"type":"string","minLength":2,"maxLength":2})";
  CHECK(complaint(kTwo, "\"äö\"").empty());
  CHECK(complaint(kTwo, "\"😀😀\"").empty());
  CHECK(complaint(kTwo, "\"😀\"") == "arguments: a string of 2 characters is expected");
  CHECK_FALSE(complaint(kTwo, "\"abc\"").empty());
}

TEST_CASE("json schema: bounds of one type say nothing about another, default fills nothing in", "[tool][schema]") {
  CHECK(complaint(R"({"minLength":5,"minItems":5,"minimum":5})", "true").empty());
  CHECK(complaint(R"({"type":"object","required":["a"],"properties":{"a":{"type":"integer","default":1}}})", "{}") ==
        "arguments.a: is missing");
}

TEST_CASE("json schema: what is not in the subset is refused with its place", "[tool][schema]") {
  for (const std::string_view keyword : {"$ref", "pattern", "anyOf", "oneOf", "allOf", "not", "format", "$defs",
                                         "exclusiveMinimum", "patternProperties"})
    CHECK(flaw_of("{\"" + std::string(keyword) + "\":{}}") == "schema." + std::string(keyword) + ": the keyword '" +
                                                                  std::string(keyword) +
                                                                  "' is not part of the subset that tools may use");
  CHECK(flaw_of(R"({"type":"object","properties":{"path":{"type":"strnig"}}})") ==
        "schema.properties.path.type: there is no type 'strnig' (did you mean 'string'?)");
  CHECK(flaw_of(R"({"maxLenght":3})") ==
        "schema.maxLenght: the keyword 'maxLenght' is unknown (did you mean 'maxLength'?)");
  CHECK(flaw_of(R"({"additionalProperties":{"type":"string"}})").find("schema.additionalProperties: ") == 0);
}

TEST_CASE("json schema: malformed and contradictory schemas are refused", "[tool][schema]") {
  for (const std::string_view text : {"true",
                                      "[]",
                                      R"({"type":[]})",
                                      R"({"type":["string","string"]})",
                                      R"({"type":3})",
                                      R"({"properties":[]})",
                                      R"({"properties":{"a":true}})",
                                      R"({"items":[{}]})",
                                      R"({"enum":[]})",
                                      R"({"enum":"a"})",
                                      R"({"minLength":-1})",
                                      R"({"minLength":1.5})",
                                      R"({"minLength":true})",
                                      R"({"minimum":"0"})",
                                      R"({"minimum":true})",
                                      R"({"minimum":2,"maximum":1})",
                                      R"({"minLength":2,"maxLength":1})",
                                      R"({"minItems":2,"maxItems":1})",
                                      R"({"required":"a"})",
                                      R"({"type":"object","required":["a"]})",
                                      R"({"properties":{"a":{}},"required":["a","a"]})",
                                      R"({"properties":{"a":{}},"required":["b"]})",
                                      R"({"description":3})",
                                      R"({"title":null})"}) {
    INFO(text);
    CHECK_FALSE(flaw_of(text).empty());
  }
  CHECK(flaw_of(R"({"properties":{"a":{}},"required":["a"],"title":"t","description":"d","default":{"any":[1]}})")
            .empty());
}

TEST_CASE("json schema: depth and size are limited", "[tool][schema]") {
  // Made by hand: the reader of JSON would refuse the depth by itself.
  const auto nested = [](std::size_t levels) {
    JsonValue value(JsonObject().set("type", "string"));
    for (std::size_t i = 0; i < levels; ++i) value = JsonValue(JsonObject().set("items", std::move(value)));
    return value;
  };
  CHECK(JsonSchema::parse(nested(kSchemaDepthLimit - 1)));
  CHECK_FALSE(JsonSchema::parse(nested(kSchemaDepthLimit)));
  CHECK_FALSE(JsonSchema::parse(nested(100'000 / 100)));
  const std::string head = R"({"enum":[1)";
  CHECK(flaw_of(head + repeated(",1", kSchemaNodeLimit - 3) + "]}").empty());
  CHECK_FALSE(flaw_of(head + repeated(",1", kSchemaNodeLimit - 2) + "]}").empty());
}

TEST_CASE("json equality: objects in any order, NaN like nothing", "[tool][schema]") {
  CHECK(same_json(json(R"({"a":1,"b":[2,{"c":null}]})"), json(R"({"b":[2.0,{"c":null}],"a":1})")));
  CHECK_FALSE(same_json(json(R"({"a":1})"), json(R"({"a":1,"b":2})")));
  CHECK_FALSE(same_json(json("[1,2]"), json("[2,1]")));
  CHECK_FALSE(same_json(json("[1]"), json("[1,1]")));
  CHECK_FALSE(same_json(json("\"1\""), json("1")));
  CHECK_FALSE(same_json(json("null"), json("false")));
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK_FALSE(same_json(nan, nan));
}

}  // namespace
}  // namespace writ
