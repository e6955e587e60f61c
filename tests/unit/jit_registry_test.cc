// Tools made at run time: what is refused before anything runs, and how a candidate becomes a tool.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "broker/jit/jit_limits.h"
#include "broker/jit/jit_registry.h"

namespace writ {
namespace {

JsonValue json(std::string_view text) {
  auto value = parse_json(text);
  if (!value) FAIL(value.error().describe());
  return *value;
}

JsonObject object(std::string_view text) { return std::get<JsonObject>(json(text).storage()); }

JitDraft draft(const std::string& name = "add") {
  JitDraft made;
  made.name = name;
  made.description = "Adds two numbers";
  made.source = "def run(args, libos): return args['a'] + args['b']";
  made.tests = {{object(R"({"a": 1, "b": 2})"), json("3")}};
  return made;
}

bool is_free(std::string_view) { return false; }

// Gives the same result to every run, and counts them.
struct FixedRunner {
  JsonValue result;
  int runs = 0;
  JitRunner runner() {
    return [this](const JitCandidate&, const JsonObject&) -> tl::expected<JsonValue, std::string> {
      ++runs;
      return result;
    };
  }
};

std::string register_valid(JitRegistry& registry, const std::string& name) {
  FixedRunner run{json("3")};
  const std::string id = (*registry.propose(draft(name)))->id;
  CHECK(registry.validate(id, run.runner())->valid);
  return id;
}

TEST_CASE("a draft within the limits is taken, and one beyond any of them is not", "[jit]") {
  CHECK(check_jit_draft(draft()));
  const auto refused = [](auto change) {
    JitDraft changed = draft();
    change(changed);
    return !check_jit_draft(changed);
  };
  for (const char* name : {"", "A", "1a", "_a", "a-b", "a.b", "a b", "\xC3\xA4"})
    CHECK(refused([&](JitDraft& d) { d.name = name; }));
  CHECK(!refused([](JitDraft& d) { d.name = std::string(64, 'a'); }));
  CHECK(refused([](JitDraft& d) { d.name = std::string(65, 'a'); }));
  CHECK(refused([](JitDraft& d) { d.description.clear(); }));
  CHECK(!refused([](JitDraft& d) { d.description = std::string(1024, 'a'); }));
  CHECK(refused([](JitDraft& d) { d.description = std::string(1025, 'a'); }));
  CHECK(refused([](JitDraft& d) { d.source.clear(); }));
  CHECK(!refused([](JitDraft& d) { d.source = std::string(65536, 'a'); }));
  CHECK(refused([](JitDraft& d) { d.source = std::string(65537, 'a'); }));
  CHECK(refused([](JitDraft& d) { d.source = "a\xFF"; }));
  CHECK(refused([](JitDraft& d) { d.source = std::string("a\0b", 3); }));
  CHECK(!refused([](JitDraft& d) { d.tests.resize(32); }));
  CHECK(refused([](JitDraft& d) { d.tests.resize(33); }));
  CHECK(refused([](JitDraft& d) { d.tests[0].expected = std::string(32768, 'a'); }));
  CHECK(!refused([](JitDraft& d) { d.input_schema = json(R"({"type": "object", "properties": {"a": {}}})"); }));
  CHECK(refused([](JitDraft& d) { d.input_schema = json(R"({"$ref": "#"})"); }));
  CHECK(refused([](JitDraft& d) { d.input_schema = json("[]"); }));
}

TEST_CASE("a tool cannot declare capabilities for itself", "[jit]") {
  JitDraft asking = draft();
  asking.requested_capabilities = {"filesystem:workspace:*"};
  JitRegistry registry;
  const auto refused = registry.propose(asking);
  REQUIRE(!refused);
  CHECK(refused.error().problem == JitProblem::kInvalid);
  CHECK(registry.candidate("jitc_1") == nullptr);
}

TEST_CASE("the numbers of candidates are those of the session", "[jit]") {
  JitRegistry one;
  JitRegistry other;
  CHECK((*one.propose(draft()))->id == "jitc_1");
  CHECK((*one.propose(draft()))->id == "jitc_2");
  CHECK((*other.propose(draft()))->id == "jitc_1");
  CHECK(one.candidate("jitc_2") != nullptr);
  CHECK(other.candidate("jitc_2") == nullptr);
  for (std::size_t i = 2; i < kJitCandidateLimit; ++i) REQUIRE(one.propose(draft()));
  CHECK(one.propose(draft()).error().problem == JitProblem::kTooMany);
}

TEST_CASE("a candidate is valid when every test gives what is expected", "[jit]") {
  JitRegistry registry;
  JitDraft two = draft();
  two.tests.push_back({object(R"({"a": 2, "b": 2})"), json("4")});
  const std::string id = (*registry.propose(two))->id;
  FixedRunner run{json("3.0")};  // 3.0 is 3
  const auto validation = registry.validate(id, run.runner());
  REQUIRE(validation);
  CHECK(!validation->valid);
  CHECK(validation->problems == std::vector<std::string>{"test 2: the result is not the expected one"});
  CHECK(run.runs == 2);
  CHECK(registry.register_tool(id, is_free).error().problem == JitProblem::kNotValidated);
  CHECK(registry.validate("jitc_9", run.runner()).error().problem == JitProblem::kUnknown);
}

TEST_CASE("results are compared in their depth", "[jit]") {
  JitRegistry registry;
  JitDraft deep = draft();
  deep.tests[0].expected = json(R"({"a": [1, {"b": null}], "c": "x"})");
  const std::string id = (*registry.propose(deep))->id;
  const auto valid = [&](std::string_view result) {
    FixedRunner run{json(result)};
    return registry.validate(id, run.runner())->valid;
  };
  CHECK(valid(R"({"c": "x", "a": [1, {"b": null}]})"));
  CHECK(!valid(R"({"c": "x", "a": [1, {"b": false}]})"));
  CHECK(!valid(R"({"c": "x", "a": [{"b": null}, 1]})"));
  CHECK(!valid(R"({"c": "x", "a": [1, {"b": null}], "d": 1})"));
}

TEST_CASE("arguments of a test that the schema does not have are not run", "[jit]") {
  JitRegistry registry;
  JitDraft typed = draft();
  typed.input_schema = json(R"({"type": "object", "properties": {"a": {"type": "string"}, "b": {}}})");
  const std::string id = (*registry.propose(typed))->id;
  FixedRunner run{json("3")};
  CHECK(!registry.validate(id, run.runner())->valid);
  CHECK(run.runs == 0);
  CHECK(!check_jit_arguments(typed, object(R"({"a": 1})")));
  CHECK(check_jit_arguments(typed, object(R"({"a": "1"})")));
}

TEST_CASE("without a test nothing is valid", "[jit]") {
  JitRegistry registry;
  JitDraft untested = draft();
  untested.tests.clear();
  const std::string id = (*registry.propose(untested))->id;
  FixedRunner run{json("3")};
  CHECK(!registry.validate(id, run.runner())->valid);
}

TEST_CASE("what cannot be run is not valid, and loses an earlier validation", "[jit]") {
  JitRegistry registry;
  const std::string id = register_valid(registry, "add");
  const JitRunner failing = [](const JitCandidate&, const JsonObject&) -> tl::expected<JsonValue, std::string> {
    return tl::unexpected<std::string>("no sandbox");
  };
  CHECK(registry.validate(id, failing)->problems == std::vector<std::string>{"test 1: no sandbox"});
  CHECK(registry.register_tool(id, is_free).error().problem == JitProblem::kNotValidated);
}

TEST_CASE("only what was validated becomes a tool, and no name is ever taken over", "[jit]") {
  JitRegistry registry;
  const std::string unvalidated = (*registry.propose(draft("other")))->id;
  CHECK(registry.register_tool(unvalidated, is_free).error().problem == JitProblem::kNotValidated);
  CHECK(registry.register_tool("jitc_7", is_free).error().problem == JitProblem::kUnknown);

  const std::string id = register_valid(registry, "add");
  CHECK(registry.tool("add") == nullptr);
  const auto taken = [](std::string_view name) { return name == "add"; };
  CHECK(registry.register_tool(id, taken).error().problem == JitProblem::kTaken);
  CHECK(registry.tool("add") == nullptr);
  REQUIRE(registry.register_tool(id, is_free));
  CHECK(registry.tool("add")->id == id);
  CHECK(registry.register_tool(id, is_free).error().problem == JitProblem::kTaken);
  const std::string shadowing = register_valid(registry, "add");
  CHECK(registry.register_tool(shadowing, is_free).error().problem == JitProblem::kTaken);
  CHECK(registry.tool("add")->id == id);
  CHECK(registry.tools().size() == 1);
}

}  // namespace
}  // namespace writ
