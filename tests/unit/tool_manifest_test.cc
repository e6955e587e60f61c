// Manifests of tools: the format, its errors, and the upper bound.
#include "broker/tool/tool_manifest.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

namespace writ {
namespace {

constexpr std::string_view kComplete = R"(version: 1
name: read_file
description: Read a text file of the workspace, or a range of its lines
program: native
arguments:
  type: object
  additionalProperties: false
  required: [path]
  properties:
    path: {type: string, minLength: 1, maxLength: 4096, description: where}
    from: {type: integer, minimum: 1, default: 1}
result: {type: object, required: [text], properties: {text: {type: string}}}
authority:
  - {resource: 'filesystem:workspace:*', rights: [read]}
  - {resource: 'clock:*', rights: [read]}
limits: {wall_time: 5s, requests: 100000, result_bytes: 1M}
)";

ToolManifest manifest(const std::string& text) {
  Result<ToolManifest> made = ToolManifest::parse("t.yaml", text);
  if (!made) FAIL("should be a manifest: " << made.error().describe());
  return std::move(*made);
}

std::string flaw_of(const std::string& text) {
  const Result<ToolManifest> made = ToolManifest::parse("t.yaml", text);
  return made ? "" : made.error().describe();
}

// The complete manifest with one text in place of another.
std::string changed(std::string_view from, std::string_view to) {
  std::string text(kComplete);
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

bool says(const std::string& message, std::string_view part) {
  INFO("message: " << message);
  CHECK(message.find(part) != std::string::npos);
  return message.find(part) != std::string::npos;
}

TypedResource resource(std::string_view text) { return *TypedResource::parse(text); }

TEST_CASE("tool manifest: everything that a file says is in it", "[tool][manifest]") {
  const ToolManifest made = manifest(std::string(kComplete));
  CHECK(made.name() == "read_file");
  CHECK(made.description() == "Read a text file of the workspace, or a range of its lines");
  CHECK(made.program() == ToolProgram::kNative);
  CHECK(made.limits().wall_time == std::chrono::seconds(5));
  CHECK(made.limits().requests == 100000);
  CHECK(made.limits().result_bytes == 1048576);
  REQUIRE(made.authority().size() == 2);
  CHECK(made.authority()[0].resource.text() == "filesystem:workspace:*");
  CHECK(made.arguments().check(JsonObject().set("path", "a").set("from", 2)));
  CHECK(made.arguments().check(JsonObject().set("from", 1)).error().what == "arguments.path: is missing");
  CHECK_FALSE(made.arguments().check(JsonObject().set("path", "a").set("from", 0)));
  CHECK_FALSE(made.result().check(JsonObject()));
}

TEST_CASE("tool manifest: limits and authority may be left out, and then there is none", "[tool][manifest]") {
  const std::string text =
      "version: 1\nname: t\ndescription: d\nprogram: native\narguments: {type: object}\nresult: {}\n";
  const ToolManifest made = manifest(text);
  CHECK(made.limits().wall_time == std::chrono::seconds(30));
  CHECK(made.limits().requests == 1000);
  CHECK(made.limits().result_bytes == 1572864);
  CHECK(made.authority().empty());
  CHECK_FALSE(made.allows(CapabilityRight::kRead, resource("clock:now")));
  CHECK(manifest(text + "limits: {requests: 1}\n").limits().wall_time == std::chrono::seconds(30));
}

TEST_CASE("tool manifest: the authority is an upper bound by right and resource", "[tool][manifest]") {
  const ToolManifest made = manifest(std::string(kComplete));
  using enum CapabilityRight;
  CHECK(made.allows(kRead, resource("filesystem:workspace:src/a")));
  CHECK(made.allows(kRead, resource("filesystem:workspace:.")));
  CHECK_FALSE(made.allows(kWrite, resource("filesystem:workspace:src/a")));
  CHECK_FALSE(made.allows(kRead, resource("filesystem:/etc/passwd")));
  CHECK(made.allows(kRead, resource("clock:sleep")));
  CHECK_FALSE(made.allows(kRead, resource("network:example.org:443")));
  // A set is covered only by a set that is as large.
  CHECK_FALSE(made.allows(kRead, resource("filesystem:/*")));
}

TEST_CASE("tool manifest: every kind of resource that tools ask about can be bounded", "[tool][manifest]") {
  using enum CapabilityRight;
  const auto bound = [](std::string_view set, std::string_view right) {
    return manifest(changed("'filesystem:workspace:*', rights: [read]",
                            "'" + std::string(set) + "', rights: [" + std::string(right) + "]"));
  };
  CHECK(bound("shell:*", "execute").allows(kExecute, resource("shell:git")));
  CHECK(bound("network:*", "connect").allows(kConnect, resource("network:example.org:443")));
  CHECK(bound("human:*", "write").allows(kWrite, resource("human:owner")));
  CHECK(bound("object:*", "read").allows(kRead, resource("object:obj_3")));
  CHECK(bound("object_namespace:*", "write").allows(kWrite, resource("object_namespace:project/research")));
  CHECK(bound("object_namespace:*", "write").allows(kWrite, resource("object_namespace:process:pid_1")));
  CHECK(bound("capability:*", "read").allows(kRead, resource("capability:own")));
}

TEST_CASE("tool manifest: errors say line and column, and what was meant", "[tool][manifest]") {
  CHECK(says(flaw_of(changed("limits:", "limts:")), "t.yaml:16:1: unknown key 'limts' (did you mean 'limits'?)"));
  CHECK(says(flaw_of(changed("requests: 100000", "requets: 1")), "t.yaml:16:25: unknown key 'requets'"));
  CHECK(says(flaw_of(changed("rights: [read]}", "rigths: [read]}")), "t.yaml:14:42: unknown key 'rigths'"));
  CHECK(says(flaw_of(changed("rights: [read]}", "rights: [raed]}")), "t.yaml:14:51: "));
  CHECK(says(flaw_of(changed("rights: [read]}", "rights: [raed]}")), "did you mean 'read'?"));
  CHECK(says(flaw_of(changed("program: native", "program: nativ")), "t.yaml:4:10: "));
  CHECK(says(flaw_of(changed("type: string, minLength", "type: strnig, minLength")),
             "t.yaml:10:18: arguments.properties.path.type: there is no type 'strnig' (did you mean 'string'?)"));
  CHECK(says(flaw_of(changed("minLength", "pattern: a, minLength")),
             "t.yaml:10:26: arguments.properties.path.pattern: the keyword 'pattern' is not part"));
  CHECK(says(flaw_of(changed("[path]", "[path, mode]")), "t.yaml:8:20: arguments.required[1]: "));
  CHECK(says(flaw_of(changed("name: read_file\n", "")), "t.yaml:1:1: there is no 'name'"));
}

TEST_CASE("tool manifest: what the format does not have is refused", "[tool][manifest]") {
  struct Change {
    std::string_view from;
    std::string_view to;
  };
  constexpr Change kChanges[] = {
      {"version: 1", "version: 2"},
      {"version: 1", "version: '1'"},
      {"name: read_file", "name: Read"},
      {"name: read_file", "name: 1read"},
      {"name: read_file", "name: read-file"},
      {"name: read_file", "name: a\nname: b"},
      {"program: native", "program: python"},
      {"description: Read a text file of the workspace, or a range of its lines", "description: ''"},
      {"description: Read a text file of the workspace, or a range of its lines", "description: [a]"},
      {"  type: object", "  type: array"},
      {"  type: object", "  type: [object, 'null']"},
      {"result: {type: object,", "result: &r {type: object,"},
      {"result: {type: object,", "result: !map {type: object,"},
      {"result: {type: object,", "result: {type: object, $ref: a,"},
      {"'filesystem:workspace:*'", "'filesystem:src*'"},
      {"'filesystem:workspace:*'", "'*'"},
      {"'filesystem:workspace:*'", "'files:a'"},
      {"rights: [read]}", "rights: []}"},
      {"rights: [read]}", "rights: ['*']}"},
      {"rights: [read]}", "rights: [read, read]}"},
      {"rights: [read]}", "rights: read}"},
      {", rights: [read]}", "}"},
      {"wall_time: 5s", "wall_time: 5"},
      {"wall_time: 5s", "wall_time: 0s"},
      {"requests: 100000", "requests: 0"},
      {"requests: 100000", "requests: 1000001"},
      {"requests: 100000", "requests: '5'"},
      {"result_bytes: 1M", "result_bytes: 0"},
      {"result_bytes: 1M", "result_bytes: 3M"},
      {"minimum: 1", "minimum: 01"},
      {"minimum: 1", "minimum: 0x1"},
      {"minimum: 1", "minimum: .inf"},
      {"minimum: 1", "minimum: 1e999"},
      {"additionalProperties: false", "additionalProperties: no"},
      {"additionalProperties: false", "additionalProperties: False"},
      {"additionalProperties: false", "additionalProperties: 'false'"},
      {"default: 1", "default: 2020-01-01"},
      {"default: 1", "default: 12:30"},
      {"default: 1", "default: 1_000"},
  };
  for (const Change& change : kChanges) {
    INFO(change.to);
    CHECK(flaw_of(changed(change.from, change.to)).find("t.yaml:") == 0);
  }
}

TEST_CASE("tool manifest: scalars in schemas are read by the core rules of YAML 1.2", "[tool][manifest]") {
  const ToolManifest made = manifest(changed(
      "default: 1", "enum: [true, null, ~, -1.5e3, 0, 18446744073709551615, 'true', '1', n, 4 apples, a.b, '']"));
  CHECK(made.arguments().text().to_text().find(
            R"("enum": [true, null, null, -1500, 0, 18446744073709551615, "true", "1", "n", "4 apples", "a.b", ""])") !=
        std::string::npos);
}

TEST_CASE("tool manifest: names of tools", "[tool][manifest]") {
  CHECK(is_tool_name("a"));
  CHECK(is_tool_name("read_file2"));
  CHECK(is_tool_name(std::string(64, 'a')));
  CHECK_FALSE(is_tool_name(std::string(65, 'a')));
  for (const std::string_view name : {"", "_a", "2a", "A", "a-b", "a.b", "a b", "ä"}) CHECK_FALSE(is_tool_name(name));
}

TEST_CASE("tool manifest: every file of tools/ is one, and names itself", "[tool][manifest]") {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(WRIT_SOURCE_DIR "/tools")) {
    if (entry.path().extension() != ".yaml") continue;
    ++count;
    std::ifstream file(entry.path());
    const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    const Result<ToolManifest> made = ToolManifest::parse(entry.path().filename().string(), text);
    INFO((made ? std::string() : made.error().describe()));
    REQUIRE(made);
    CHECK(made->name() == entry.path().stem());
  }
  CHECK(count > 0);
}

}  // namespace
}  // namespace writ
