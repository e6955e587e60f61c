#include "broker/base/json_escape.h"

#include <catch2/catch.hpp>
#include <string>

#include "broker/base/json_text.h"

using writ::escape_json_text;

TEST_CASE("Characters that steer a terminal are written as JSON escapes", "[escape]") {
  CHECK(escape_json_text("\"a\xc2\x9b"
                         "b\"") == "\"a\\u009bb\"");                        // C1
  CHECK(escape_json_text("\"\xe2\x80\xae\"") == "\"\\u202e\"");             // an override of the direction
  CHECK(escape_json_text("\"\x7f\"") == "\"\\u007f\"");                     // DEL
  CHECK(escape_json_text("\"\xf3\xa0\x81\x81\"") == "\"\\udb40\\udc41\"");  // a tag, beyond the first 65,536
}

TEST_CASE("Everything else of JSON text stays as it is", "[escape]") {
  const std::string text = "{\n  \"a\\n\\\\\": \"\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80\"\n}";
  CHECK(escape_json_text(text) == text);
  CHECK(escape_json_text("").empty());
}

TEST_CASE("Escaped JSON text means the same", "[escape]") {
  const std::string hostile = "a\xc2\x9b\xe2\x81\xa6\xf3\xa0\x81\x81\x7f";
  const std::string text = writ::JsonValue(hostile).to_text();
  const auto read = writ::parse_json(escape_json_text(text));
  REQUIRE(read);
  CHECK(std::get<std::string>(read->storage()) == hostile);
  CHECK(escape_json_text(text) != text);
}
