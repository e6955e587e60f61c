// The tools that are one request, the file tools around them, and the table that names them all.
#include "tools/native/tool_wrappers.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "broker/tool/tool_manifest.h"
#include "tests/unit/native_tools_fixture.h"
#include "tools/native/workspace_files.h"

namespace writ::native_tools_tests {
namespace {

std::string run_text(FakeBroker& broker, std::string_view tool, std::string_view arguments) {
  const ToolResult<JsonValue> result = run_tool(tool, broker, json(arguments));
  return result ? result->to_text() : outcome(result) + ": " + message(result);
}

ToolManifest manifest_of(const std::string& tool) {
  const std::filesystem::path path = std::filesystem::path(WRIT_SOURCE_DIR) / "tools" / (tool + ".yaml");
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return ToolManifest::parse(tool, text.str()).value();
}

// Runs `tool` as the broker would: the call and the result are held against its manifest.
std::string checked_run(FakeBroker& broker, const std::string& tool, std::string_view arguments) {
  const ToolManifest manifest = manifest_of(tool);
  if (const Status taken = manifest.arguments().check(json(arguments)); !taken) return taken.error().what;
  const ToolResult<JsonValue> result = run_tool(tool, broker, json(arguments));
  if (!result) return message(result);
  const Status right = manifest.result().check(*result, "result");
  return right ? "ok" : right.error().what;
}

// Answers `request` with its own arguments.
void answer_with_arguments(FakeBroker& broker, const std::string& request) {
  broker.answers[request] = [](const JsonObject& arguments) -> DoorResult<Reply> {
    return FakeBroker::replied(arguments);
  };
}

TEST_CASE("wrappers: arguments and value pass as they are", "[native]") {
  for (const ToolWrapper& wrapper : tool_wrappers()) {
    FakeBroker broker;
    answer_with_arguments(broker, std::string(wrapper.request));
    CHECK(run_text(broker, wrapper.tool, R"({"x": [1, {"y": null}], "z": "ä"})") ==
          R"({"x": [1, {"y": null}], "z": "ä"})");
    CHECK(broker.asked == std::vector<std::string>{std::string(wrapper.request)});
  }
}

TEST_CASE("wrappers: a refusal keeps its code and names what was asked", "[native]") {
  FakeBroker broker;
  for (int code = 0; code <= static_cast<int>(FailureCode::kFailed); ++code) {
    const auto each = static_cast<FailureCode>(code);
    broker.refusals["a\nb"] = each;
    const std::string text = run_text(broker, "stat", R"({"path": "a\nb"})");
    CHECK(text.starts_with(std::string(failure_code_name(each)) + ": cannot look at the path ('a\\x0ab'): "));
    CHECK(failure_code_of(failure_code_name(each)) == each);
  }
  CHECK(failure_code_of("something new") == FailureCode::kFailed);
}

TEST_CASE("tools: every one has a manifest of its name, and every native manifest a tool", "[native]") {
  std::set<std::string> described;
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(WRIT_SOURCE_DIR) / "tools")) {
    if (entry.path().extension() != ".yaml") continue;
    std::stringstream text;
    text << std::ifstream(entry.path()).rdbuf();
    const Result<ToolManifest> manifest = ToolManifest::parse(entry.path().filename().string(), text.str());
    INFO(entry.path() << ": " << (manifest ? "" : manifest.error().describe()));
    REQUIRE(manifest);
    CHECK(manifest->name() == entry.path().stem());
    if (manifest->program() == ToolProgram::kNative) described.insert(manifest->name());
  }
  std::set<std::string> names;
  for (const std::string_view name : tool_names()) CHECK(names.insert(std::string(name)).second);
  CHECK(names == described);
  FakeBroker broker;
  CHECK(run_text(broker, "no_such", "{}") == "unknown_name: there is no native tool 'no_such'");
}

TEST_CASE("tools: calls and results are as the manifests say", "[native]") {
  FakeBroker broker;
  broker.files = {{"f", "one\ntwo\nthree\n"}, {"d/g.cc", "two\n"}};
  const std::vector<std::pair<std::string, std::string>> calls = {
      {"read_file", R"({"path": "f", "offset_line": 2, "limit_lines": 1, "max_bytes": 100})"},
      {"write_file", R"({"path": "new", "text": "", "overwrite": false, "expected_content_sha256": "missing"})"},
      {"edit", R"({"path": "f", "edits": [{"old": "one", "new": "1", "all": true}]})"},
      {"edit", R"({"path": "f", "patch": "@@ -2,1 +2,1 @@\n-two\n+2\n"})"},
      {"search", R"({"pattern": "t", "glob": ["*"], "kind": "text", "ignore_case": true, "context_lines": 1})"},
      {"search", R"({"pattern": "t", "path": "d", "glob": "*.cc", "max_results": 1, "hidden": true})"},
      {"find_files", R"({"glob": "**", "path": ".", "limit": 1, "hidden": true})"},
      {"list_directory", R"({"limit": 5})"},
      {"echo", R"({"text": ""})"}};
  for (const auto& [tool, arguments] : calls) {
    INFO(tool << " " << arguments);
    CHECK(checked_run(broker, tool, arguments) == "ok");
  }
  CHECK(checked_run(broker, "echo", R"({"text": 1})") != "ok");
}

TEST_CASE("echo: asks for nothing", "[native]") {
  FakeBroker broker;
  CHECK(run_text(broker, "echo", R"({"text": "a\u0000b"})") == R"({"text": "a\u0000b"})");
  CHECK(run_text(broker, "echo", R"({"text": "a", "more": 1})") == "invalid_arguments: 'more' is unknown here");
  CHECK(broker.asked.empty());
}

TEST_CASE("write_file: writes, and keeps to what was expected", "[native]") {
  FakeBroker broker;
  const std::string sum = sha256_text("x");
  CHECK(run_text(broker, "write_file", R"({"path": "f", "text": "x"})") ==
        R"({"size": 1, "content_sha256": ")" + sum + R"(", "created": true})");
  CHECK(run_text(broker, "write_file", R"({"path": "f", "text": "y", "overwrite": false})").starts_with("exists"));
  CHECK(run_text(broker, "write_file", R"({"path": "f", "text": "y", "expected_content_sha256": "missing"})")
            .starts_with("conflict: cannot write 'f'"));
  CHECK(run_text(broker, "write_file", R"({"path": "f", "text": "y", "expected_content_sha256": ")" + sum + "\"}")
            .find("\"created\": false") != std::string::npos);
  CHECK(broker.files["f"] == "y");
}

TEST_CASE("write_file: makes directories only when told, and only when they are missing", "[native]") {
  FakeBroker broker;
  broker.answers["filesystem.write_text"] = [&](const JsonObject&) -> DoorResult<Reply> {
    if (broker.count_asked("filesystem.write_directory a/b") == 0) return FakeBroker::refused(FailureCode::kNotFound);
    return FakeBroker::replied(JsonObject().set("size", 1).set("content_sha256", "00").set("created", true));
  };
  answer_with_arguments(broker, "filesystem.write_directory");
  CHECK(run_text(broker, "write_file", R"({"path": "a/b/c", "text": "x"})").starts_with("not_found"));
  CHECK(run_text(broker, "write_file", R"({"path": "a/b/c", "text": "x", "make_parents": true})")
            .starts_with("{\"size\": 1"));
  CHECK(broker.count_asked("filesystem.write_directory") == 1);
}

TEST_CASE("paths: what is above", "[native]") {
  CHECK(parent_of("a").empty());
  CHECK(parent_of("a/").empty());
  CHECK(parent_of("/a").empty());
  CHECK(parent_of("").empty());
  CHECK(parent_of("a/b") == "a");
  CHECK(parent_of("a//b/") == "a");
  CHECK(parent_of("/a/b/c") == "/a/b");
}

TEST_CASE("delete: a file first, a directory when it is one", "[native]") {
  FakeBroker broker;
  FailureCode code = FailureCode::kWrongKind;
  broker.answers["filesystem.delete_file"] = [&](const JsonObject&) { return FakeBroker::refused(code); };
  answer_with_arguments(broker, "filesystem.delete_directory");
  CHECK(run_text(broker, "delete", R"({"path": "d", "recursive": true})") ==
        R"({"path": "d", "missing_ok": false, "recursive": true})");
  code = FailureCode::kDenied;
  broker.asked.clear();
  CHECK(run_text(broker, "delete", R"({"path": "d"})").starts_with("denied: cannot delete 'd'"));
  CHECK(broker.asked == std::vector<std::string>{"filesystem.delete_file d"});
}

TEST_CASE("list_directory: the workspace where no path is given", "[native]") {
  FakeBroker broker;
  broker.files["a/b"] = "";
  CHECK(run_text(broker, "list_directory", "{}") ==
        R"({"entries": [{"name": "a", "kind": "directory", "size": 0}], "complete": true})");
  CHECK(run_text(broker, "list_directory", R"({"limit": 10001})").starts_with("invalid_arguments"));
}

TEST_CASE("objects: content goes from file to object and back, past the caller", "[native]") {
  FakeBroker broker;
  broker.files["f"] = "content";
  std::string stored;
  broker.answers["memory.create_object"] = [&](const JsonObject& arguments) -> DoorResult<Reply> {
    stored = JsonValue(arguments).to_text();
    return FakeBroker::replied(JsonObject().set("oid", "o1").set("name", "n").set("version", 1));
  };
  CHECK(run_text(broker, "create_object_from_file", R"({"path": "f", "name": "n", "namespace": "s"})") ==
        R"({"oid": "o1", "name": "n", "version": 1, "size": 7, "content_sha256": ")" + sha256_text("content") + "\"}");
  CHECK(stored == R"({"name": "n", "namespace": "s", "type": "artifact", "payload": "content"})");

  JsonValue payload = "text";
  broker.answers["memory.read_object"] = [&](const JsonObject&) -> DoorResult<Reply> {
    return FakeBroker::replied(JsonObject().set("oid", "o1").set("payload", payload));
  };
  CHECK(run_text(broker, "write_object_to_file", R"({"name": "n", "path": "g"})").find("\"created\": true") !=
        std::string::npos);
  CHECK(broker.files["g"] == "text");
  payload = JsonObject().set("a", 1);
  CHECK(run_text(broker, "write_object_to_file", R"({"name": "n", "path": "g", "overwrite": false})")
            .starts_with("exists"));
  CHECK(run_text(broker, "write_object_to_file", R"({"name": "n", "path": "g"})").starts_with("{"));
  CHECK(broker.files["g"] == "{\n  \"a\": 1\n}\n");
}

}  // namespace
}  // namespace writ::native_tools_tests
