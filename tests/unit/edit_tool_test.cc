// edit: all or nothing, byte by byte, and never over the change of another.
#include "tools/native/edit_tool.h"

#include <catch2/catch.hpp>

#include "tests/unit/native_tools_fixture.h"
#include "tools/native/text_edits.h"

namespace writ::native_tools_tests {
namespace {

JsonValue edits_of(std::string_view edits) { return json(R"({"path": "f", "edits": )" + std::string(edits) + "}"); }

// The file after the edits, or what the caller is told.
std::string edited(const std::string& text, std::string_view edits) {
  FakeBroker broker;
  broker.files["f"] = text;
  const ToolResult<JsonValue> result = edit(broker, edits_of(edits));
  if (!result && broker.files["f"] != text) return "changed although it failed";
  return result ? broker.files["f"] : outcome(result) + ": " + message(result);
}

TEST_CASE("edit: replaces one place, or all, in order", "[native]") {
  CHECK(edited("one two", R"([{"old": "two", "new": "three"}])") == "one three");
  CHECK(edited("a a a", R"([{"old": "a", "new": "bb", "all": true}])") == "bb bb bb");
  CHECK(edited("ab", R"([{"old": "a", "new": "x"}, {"old": "xb", "new": "y"}])") == "y");
  CHECK(edited("aXb", R"([{"old": "X", "new": ""}])") == "ab");
}

TEST_CASE("edit: bytes are kept as they are", "[native]") {
  CHECK(edited("\xEF\xBB\xBFä\r\nß\r\n", R"([{"old": "ß", "new": "ss"}])") == "\xEF\xBB\xBFä\r\nss\r\n");
  CHECK(edited(std::string("a\0b", 3), R"([{"old": "b", "new": "c"}])") == std::string("a\0c", 3));
}

TEST_CASE("edit: says which edit failed and why, and writes nothing", "[native]") {
  CHECK(edited("x\ny\nx\n", R"([{"old": "x", "new": "z"}])") ==
        "invalid_arguments: edit 1: 'old' was found 2 times, at lines 1, 3; give more of the text around it, or set "
        "'all'; nothing was written");
  const std::string second = edited("x\n", R"([{"old": "x", "new": "z"}, {"old": "q", "new": "r"}])");
  CHECK(second == "conflict: edit 2: 'old' was not found; read the file again; nothing was written");
  CHECK(edited("x", R"([{"old": "", "new": "r"}])").starts_with("invalid_arguments: edit 1: 'old' is empty"));
  CHECK(edited("x", R"([{"old": "x", "new": "x"}])").starts_with("invalid_arguments: edit 1: 'old' and 'new'"));
  CHECK(edited("aaa", R"([{"old": "aa", "new": "b"}])").find("found 2 times") != std::string::npos);
}

TEST_CASE("edit: hints at line ends and blanks", "[native]") {
  CHECK(edited("a\r\nb\r\n", R"([{"old": "a\nb", "new": "c"}])").find("end in \\r\\n") != std::string::npos);
  CHECK(edited("  if (x)\n", R"j([{"old": "if  (x)", "new": "c"}])j").find("only in blanks") != std::string::npos);
}

TEST_CASE("edit: many places are told in short", "[native]") {
  std::string text;
  for (int i = 0; i < 15; ++i) text += "x\n";
  CHECK(edited(text, R"([{"old": "x", "new": "y"}])").find("at lines 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 5 more") !=
        std::string::npos);
}

TEST_CASE("edit: a change by another between reading and writing is a conflict", "[native]") {
  FakeBroker broker;
  broker.files["f"] = "one";
  broker.before_write = [&] { broker.files["f"] = "theirs"; };
  const ToolResult<JsonValue> result = edit(broker, edits_of(R"([{"old": "one", "new": "two"}])"));
  CHECK(outcome(result) == "conflict");
  CHECK(broker.files["f"] == "theirs");
  CHECK(message(result).find("read it again") != std::string::npos);
}

TEST_CASE("edit: the result says what was done", "[native]") {
  FakeBroker broker;
  broker.files["f"] = "a b a";
  const ToolResult<JsonValue> result = edit(broker, edits_of(R"([{"old": "a", "new": "c", "all": true}])"));
  REQUIRE(result);
  CHECK(result->to_text() == R"({"replacements": 2, "size": 5, "content_sha256": ")" + sha256_text("c b c") + "\"}");
}

TEST_CASE("edit: a patch, and a patch that makes a file", "[native]") {
  FakeBroker broker;
  broker.files["f"] = "a\nb\n";
  const ToolResult<JsonValue> changed =
      edit(broker, JsonObject().set("path", "f").set("patch", "@@ -1,2 +1,2 @@\n a\n-b\n+c\n"));
  CHECK(outcome(changed) == "ok");
  CHECK(broker.files["f"] == "a\nc\n");
  const char* creation = "--- /dev/null\n+++ b/new\n@@ -0,0 +1,1 @@\n+hello\n";
  CHECK(outcome(edit(broker, JsonObject().set("path", "new").set("patch", creation))) == "ok");
  CHECK(broker.files["new"] == "hello\n");
  CHECK(outcome(edit(broker, JsonObject().set("path", "f").set("patch", creation))) == "conflict");
  CHECK(broker.files["f"] == "a\nc\n");
}

TEST_CASE("edit: a patch that does not fit leaves the file alone", "[native]") {
  FakeBroker broker;
  broker.files["f"] = "a\nb\n";
  const char* patch = "@@ -1,1 +1,1 @@\n-a\n+x\n@@ -2,1 +2,1 @@\n-z\n+y\n";
  CHECK(outcome(edit(broker, JsonObject().set("path", "f").set("patch", patch))) == "conflict");
  CHECK(broker.files["f"] == "a\nb\n");
  CHECK(broker.count_asked("filesystem.write_text") == 0);
}

TEST_CASE("edit: wrong arguments ask for nothing", "[native]") {
  FakeBroker broker;
  for (const char* arguments :
       {R"({"path": "f"})", R"({"path": "f", "edits": []})", R"({"path": "f", "edits": [{"old": "a"}]})",
        R"({"path": "f", "edits": [{"old": "a", "new": "b", "more": 1}]})", R"({"path": "", "patch": "x"})",
        R"({"path": "f", "edits": [{"old": "a", "new": "b"}], "patch": "@@ -1 +1 @@\n-a\n+b\n"})",
        R"({"path": "f", "patch": "@@ -1 +1 @@\n-a\n+b\n", "other": 1})"})
    CHECK(outcome(edit(broker, json(arguments))) == "invalid_arguments");
  CHECK(broker.asked.empty());
}

TEST_CASE("edit: a refusal is passed on with its code", "[native]") {
  FakeBroker broker;
  broker.refusals["f"] = FailureCode::kDenied;
  const ToolResult<JsonValue> result = edit(broker, edits_of(R"([{"old": "a", "new": "b"}])"));
  CHECK(outcome(result) == "denied");
  CHECK(message(result) ==
        "cannot read 'f': not allowed in this run; do without it, or ask with request_permission (reference c-1)");
}

}  // namespace
}  // namespace writ::native_tools_tests
