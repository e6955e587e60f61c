// Tool tables: the complete table, and the part of it that a model sees.
#include "broker/tool/tool_table.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace writ {
namespace {

using Names = std::vector<std::string>;

ToolManifest manifest(const std::string& name) {
  Result<ToolManifest> made =
      ToolManifest::parse("t.yaml", "version: 1\nname: " + name + "\ndescription: does " + name +
                                        "\nprogram: native\narguments: {type: object}\nresult: {}\n");
  if (!made) FAIL(made.error().describe());
  return std::move(*made);
}

MadeTool made_tool(const std::string& name) {
  return {name, "made at run time", *JsonSchema::parse(JsonObject().set("type", "object"))};
}

ToolTable table_of(const Names& names) {
  ToolTable table;
  for (const std::string& name : names) REQUIRE(table.add(manifest(name)));
  return table;
}

TEST_CASE("tool table: all tools are callable and visible, sorted", "[tool][table]") {
  const ToolTable table = table_of({"write", "ask", "read"});
  CHECK(table.callable() == Names{"ask", "read", "write"});
  CHECK(table.visible() == table.callable());
  REQUIRE(table.find("read") != nullptr);
  CHECK(table.find("read")->manifest() != nullptr);
  CHECK(table.find("read")->made() == nullptr);
  CHECK(table.find("reed") == nullptr);
}

TEST_CASE("tool table: a projection hides and does not take away", "[tool][table]") {
  ToolTable table = table_of({"ask", "read", "write"});
  REQUIRE(table.project({"write", "ask"}));
  CHECK(table.visible() == Names{"ask", "write"});
  CHECK(table.callable() == Names{"ask", "read", "write"});
  CHECK(table.find("read") != nullptr);
  CHECK(
      JsonValue(table.model_schemas()).to_text() ==
      R"([{"name": "ask", "description": "does ask", "arguments": {"type": "object", "additionalProperties": false}}, )"
      R"({"name": "write", "description": "does write", "arguments": {"type": "object", "additionalProperties": false}}])");
  REQUIRE(table.project({}));
  CHECK(table.visible().empty());
  REQUIRE(table.project({"read"}));
  CHECK(table.visible() == Names{"read"});
}

TEST_CASE("tool table: a projection that cannot be changes nothing", "[tool][table]") {
  ToolTable table = table_of({"ask", "read"});
  REQUIRE(table.project({"ask"}));
  const Status unknown = table.project({"read", "reda"});
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().what == "there is no tool 'reda' (did you mean 'read'?)");
  CHECK_FALSE(table.project({"read", "read"}));
  CHECK(table.visible() == Names{"ask"});
}

TEST_CASE("tool table: no tool takes the place of another (42)", "[tool][table]") {
  ToolTable table = table_of({"read"});
  CHECK_FALSE(table.add(manifest("read")));
  CHECK_FALSE(table.add(made_tool("read")));
  CHECK(table.find("read")->made() == nullptr);
  CHECK(table.find("read")->description() == "does read");
  // Hidden is not gone.
  REQUIRE(table.project({}));
  CHECK_FALSE(table.add(made_tool("read")));
}

TEST_CASE("tool table: a tool that was made is callable and visible like others", "[tool][table]") {
  ToolTable table = table_of({"read"});
  REQUIRE(table.project({}));
  REQUIRE(table.add(made_tool("count_words")));
  CHECK(table.callable() == Names{"count_words", "read"});
  CHECK(table.visible() == Names{"count_words"});
  REQUIRE(table.find("count_words")->made() != nullptr);
  CHECK(table.find("count_words")->manifest() == nullptr);
  CHECK_FALSE(table.add(made_tool("Bad-Name")));
  MadeTool silent = made_tool("silent");
  silent.description.clear();
  CHECK_FALSE(table.add(std::move(silent)));
  MadeTool listing = made_tool("listing");
  listing.arguments = *JsonSchema::parse(JsonObject().set("type", "array"));
  CHECK_FALSE(table.add(std::move(listing)));
}

}  // namespace
}  // namespace writ
