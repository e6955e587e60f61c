// The requests about Object Memory: what each authorises, in which order, and what it gives away.
#include "broker/primitives/memory_primitives.h"

#include <catch2/catch.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "tests/unit/recording_authority.h"

namespace writ::primitive_tests {
namespace {

using enum CapabilityRight;
using Asked = std::vector<std::string>;
using Outcomes = std::vector<EffectOutcome>;

JsonObject json(std::string_view text) {
  Result<JsonValue> value = parse_json(text);
  if (!value) FAIL("not JSON: " << text);
  return std::get<JsonObject>(value->storage());
}

struct Scene {
  Scene() {
    REQUIRE(memory.open_private_namespace("process:pid_1", owner));
    REQUIRE(memory.open_private_namespace("process:pid_2", other));
    REQUIRE(memory.create_namespace("project", other));
  }

  // An object of somebody else in "project".
  ObjectId put(const std::string& name, ObjectChange change = ObjectChange::kImmutable) {
    ObjectDraft draft{"project", other, json(R"({"entries": ["SECRET"]})")};
    draft.name = name;
    draft.change = change;
    return memory.create(std::move(draft))->id;
  }
  std::string create(std::string_view arguments) { return outcome_of(memory_create_object(context, json(arguments))); }
  std::string read(std::string_view arguments) { return outcome_of(memory_read_object(context, json(arguments))); }
  std::string append(std::string_view arguments) { return outcome_of(memory_append_object(context, json(arguments))); }
  std::string list(std::string_view arguments) { return outcome_of(memory_list_namespace(context, json(arguments))); }
  std::string found(std::string_view arguments) {
    return outcome_of(memory_create_namespace(context, json(arguments)));
  }

  Subject owner = *Subject::parse("process:pid_1");
  Subject other = *Subject::parse("process:pid_2");
  ObjectMemory memory;
  RecordingAuthority authority;
  MemoryContext context{authority, memory, "process:pid_1", owner};
};

TEST_CASE("memory primitives: the session's own namespace needs no capability", "[memory]") {
  Scene scene;
  CHECK(scene.create(R"({"payload": {"a": null}, "name": "notes", "type": "plan", "immutable": false})") ==
        R"({"oid": "obj_1", "name": "notes", "version": 1})");
  CHECK(scene.append(R"({"name": "notes", "entry": 1})") == R"({"version": 2})");
  CHECK(scene.append(R"({"name": "notes", "entry": null, "list_field": "more"})") == R"({"version": 3})");
  CHECK(scene.read(R"({"name": "notes"})") == R"({"oid": "obj_1", "name": "notes", "type": "plan", "version": 3, )"
                                              R"("payload": {"a": null, "entries": [1], "more": [null]}})");
  CHECK(scene.list("{}") ==
        R"({"objects": [{"name": "notes", "type": "plan", "oid": "obj_1", "version": 3, "size": 43}], )"
        R"("complete": true})");
  CHECK(scene.read(R"({"name": "notes", "namespace": "process:pid_1"})") == scene.read(R"({"name": "notes"})"));
  CHECK(scene.read(R"({"name": "none"})") == "not_found");
  CHECK(scene.authority.asked.empty());
}

TEST_CASE("memory primitives: somebody else's private namespace needs one", "[memory]") {
  Scene scene;
  CHECK(scene.list(R"({"namespace": "process:pid_2"})") == "denied");
  CHECK(scene.list(R"({"namespace": "process:pid_3"})") == "denied");
  CHECK(scene.create(R"({"payload": 1, "namespace": "process:pid_2"})") == "denied");
  CHECK(scene.memory.object_count() == 0);
}

TEST_CASE("memory primitives: objects are made with write on their namespace (test_object_memory 1)", "[memory]") {
  Scene scene;
  scene.authority.allow(kRead, "object_namespace:project");
  CHECK(scene.create(R"({"payload": 1, "namespace": "project"})") == "denied");
  CHECK(scene.memory.object_count() == 0);
  scene.authority.allow(kWrite, "object_namespace:project");
  CHECK(scene.create(R"({"payload": 1, "namespace": "project"})") ==
        R"({"oid": "obj_1", "name": "observation:obj_1", "version": 1})");
  CHECK(scene.memory.read(ObjectId{1})->owner == scene.owner);
  CHECK(scene.authority.asked == Asked{"write object_namespace:project", "write object_namespace:project"});
  CHECK(scene.authority.hashes.back().size() == 64);
  CHECK(scene.create(R"({"payload": 1, "namespace": "project", "name": "observation:obj_9"})") == "invalid_arguments");
}

TEST_CASE("memory primitives: a name that is taken is refused and takes no use (test_object_memory 2)", "[memory]") {
  Scene scene;
  scene.put("plan");
  scene.authority.allow(kWrite, "object_namespace:project", 1);
  CHECK(scene.create(R"({"payload": 1, "namespace": "project", "name": "plan"})") == "exists");
  CHECK(scene.authority.settled == Outcomes{EffectOutcome::kNotStarted});
  CHECK(scene.create(R"({"payload": 1, "namespace": "project", "name": "other"})").find("obj_2") != std::string::npos);
  CHECK(scene.authority.settled.back() == EffectOutcome::kDone);
  CHECK(scene.create(R"({"payload": 1, "namespace": "project", "name": "third"})") == "denied");
}

TEST_CASE("memory primitives: a name gives nothing: the object needs its own right (64, test_object_memory 3)",
          "[memory]") {
  Scene scene;
  scene.put("plan");
  scene.authority.allow(kRead, "object_namespace:project");
  CHECK(scene.read(R"({"name": "plan", "namespace": "project"})") == "denied");
  CHECK(scene.authority.asked == Asked{"read object_namespace:project", "read object:obj_1"});
  scene.authority.allow(kRead, "object:obj_1");
  CHECK(scene.read(R"({"name": "plan", "namespace": "project"})").find("SECRET") != std::string::npos);
  // And an id gives nothing either: it is not even a name.
  CHECK(scene.read(R"({"name": "obj_1", "namespace": "project"})") == "denied");
}

TEST_CASE("memory primitives: without authority, what is there and what is not are refused alike", "[memory]") {
  Scene scene;
  scene.put("plan");
  const auto same = [&](const std::string& expected) {
    CHECK(scene.read(R"({"name": "plan", "namespace": "project"})") == expected);
    CHECK(scene.read(R"({"name": "none", "namespace": "project"})") == expected);
    CHECK(scene.append(R"({"name": "plan", "namespace": "project", "entry": 1})") == expected);
    CHECK(scene.append(R"({"name": "none", "namespace": "project", "entry": 1})") == expected);
  };
  same("denied");
  CHECK(scene.read(R"({"name": "none", "namespace": "nowhere"})") == "denied");
  CHECK(scene.list(R"({"namespace": "project"})") == "denied");
  CHECK(scene.list(R"({"namespace": "nowhere"})") == "denied");
  CHECK(scene.create(R"({"payload": 1, "namespace": "nowhere"})") == "denied");
  // The namespace was asked about, and nothing else: no name was looked up.
  for (const std::string& each : scene.authority.asked) CHECK(each.find("object_namespace:") != std::string::npos);
  // Whoever may look into the namespace learns no more about objects that are not theirs.
  scene.authority.allow(kRead, "object_namespace:project");
  same("denied");
  // Whoever may read all objects may know what there is.
  scene.authority.allow(kRead, "object:*");
  CHECK(scene.read(R"({"name": "none", "namespace": "project"})") == "not_found");
  scene.authority.allow(kRead, "object_namespace:nowhere");
  CHECK(scene.list(R"({"namespace": "nowhere"})") == "not_found");
}

TEST_CASE("memory primitives: reading is not writing (test_object_memory 4)", "[memory]") {
  Scene scene;
  const ObjectId log = scene.put("log", ObjectChange::kMutable);
  scene.authority.allow(kRead, "object_namespace:project");
  scene.authority.allow(kRead, "object:*");
  CHECK(scene.append(R"({"name": "log", "namespace": "project", "entry": 1})") == "denied");
  CHECK(scene.memory.read(log)->version == 1);
  scene.authority.allow(kWrite, "object:obj_1");
  CHECK(scene.append(R"({"name": "log", "namespace": "project", "entry": 1})") == R"({"version": 2})");
}

TEST_CASE("memory primitives: writing is not reading", "[memory]") {
  Scene scene;
  scene.put("log", ObjectChange::kMutable);
  scene.authority.allow(kRead, "object_namespace:project");
  scene.authority.allow(kWrite, "object:*");
  CHECK(scene.append(R"({"name": "log", "namespace": "project", "entry": 1})") == "denied");
}

TEST_CASE("memory primitives: a listing leaves out what cannot be read (test_object_memory 5)", "[memory]") {
  Scene scene;
  scene.put("first");
  scene.put("second");
  scene.put("third");
  scene.authority.allow(kRead, "object_namespace:project");
  CHECK(scene.list(R"({"namespace": "project"})") == R"({"objects": [], "complete": true})");
  scene.authority.allow(kRead, "object:obj_2");
  CHECK(scene.list(R"({"namespace": "project"})") ==
        R"({"objects": [{"name": "second", "type": "observation", "oid": "obj_2", "version": 1, "size": 23}], )"
        R"("complete": true})");
}

TEST_CASE("memory primitives: a listing uses up every counted right that it needed (66)", "[memory]") {
  Scene scene;
  scene.put("first");
  scene.put("second");
  scene.authority.allow(kRead, "object_namespace:project", 1);
  scene.authority.allow(kRead, "object:obj_1", 1);
  scene.authority.allow(kRead, "object:obj_2", 1);
  CHECK(scene.list(R"({"namespace": "project"})").find("second") != std::string::npos);
  CHECK(scene.authority.settled == Outcomes(3, EffectOutcome::kDone));
  CHECK(scene.list(R"({"namespace": "project"})") == "denied");
}

TEST_CASE("memory primitives: a one-shot right on a namespace is used by success only (66)", "[memory]") {
  Scene scene;
  scene.put("plan");
  scene.authority.allow(kRead, "object_namespace:project", 1);
  CHECK(scene.read(R"({"name": "plan", "namespace": "project"})") == "denied");
  CHECK(scene.read(R"({"name": "none", "namespace": "project"})") == "denied");
  scene.authority.allow(kRead, "object:*");
  CHECK(scene.read(R"({"name": "none", "namespace": "project"})") == "not_found");
  CHECK(scene.read(R"({"name": "plan", "namespace": "project"})").find("SECRET") != std::string::npos);
  CHECK(scene.read(R"({"name": "plan", "namespace": "project"})") == "denied");
}

TEST_CASE("memory primitives: an append that fails takes no use", "[memory]") {
  Scene scene;
  scene.put("fixed");
  scene.authority.allow(kRead, "object_namespace:project");
  scene.authority.allow(kRead, "object:*");
  scene.authority.allow(kWrite, "object:obj_1", 1);
  CHECK(scene.append(R"({"name": "fixed", "namespace": "project", "entry": 1})") == "wrong_kind");
  CHECK(scene.append(R"({"name": "fixed", "namespace": "project", "entry": 1})") == "wrong_kind");
  CHECK(scene.authority.settled == Outcomes(6, EffectOutcome::kNotStarted));
}

TEST_CASE("memory primitives: what is revoked between asking and acting is not done", "[memory]") {
  // Takes everything back while the last question is being answered.
  class Fickle : public RecordingAuthority {
   public:
    Attempt<Permit> authorize(CapabilityRight right, const TypedResource& resource, const std::string& hash) override {
      auto permit = RecordingAuthority::authorize(right, resource, hash);
      if (asked.size() == 3) take_back_everything();
      return permit;
    }
  };
  Scene scene;
  const ObjectId log = scene.put("log", ObjectChange::kMutable);
  Fickle authority;
  authority.allow(kRead, "object_namespace:project");
  authority.allow(kRead, "object:*");
  authority.allow(kWrite, "object:*");
  MemoryContext context{authority, scene.memory, "process:pid_1", scene.owner};
  CHECK(outcome_of(memory_append_object(context, json(R"({"name": "log", "namespace": "project", "entry": 1})"))) ==
        "denied");
  CHECK(authority.settled == Outcomes(3, EffectOutcome::kNotStarted));
  CHECK(scene.memory.read(log)->version == 1);
}

TEST_CASE("memory primitives: namespaces need write on the one above", "[memory]") {
  Scene scene;
  CHECK(scene.found(R"({"namespace": "project/research"})") == "denied");
  CHECK(scene.found(R"({"namespace": "project"})") == "denied");
  CHECK(scene.found(R"({"namespace": "new"})") == "denied");
  CHECK(scene.authority.asked ==
        Asked{"write object_namespace:project", "write object_namespace:project", "write object_namespace:new"});
  scene.authority.allow(kWrite, "object_namespace:project");
  scene.authority.allow(kWrite, "object_namespace:new");
  CHECK(scene.found(R"({"namespace": "project/research", "parent_namespace": "project"})") == "{}");
  CHECK(scene.found(R"({"namespace": "project/research"})") == "exists");
  CHECK(scene.found(R"({"namespace": "new/sub"})") == "not_found");
  CHECK(scene.found(R"({"namespace": "new"})") == "{}");
  for (const std::string_view wrong :
       {R"({"namespace": "project/b", "parent_namespace": "new"})",
        R"({"namespace": "b", "parent_namespace": "project"})", R"({"namespace": "process:pid_9"})",
        R"({"namespace": "project/.."})", R"({"namespace": ""})", R"({})", R"({"namespace": "*"})",
        R"({"namespace": "c", "recursive": true})"})
    CHECK(scene.found(wrong) == "invalid_arguments");
}

TEST_CASE("memory primitives: arguments are read strictly, before anything is asked", "[memory]") {
  Scene scene;
  for (const std::string_view wrong :
       {R"({})", R"({"payload": 1, "type": "thought"})", R"({"payload": 1, "immutable": 0})",
        R"({"payload": 1, "name": 3})", R"({"payload": 1, "name": ""})", R"({"payload": 1, "namespace": "a b"})",
        R"({"payload": 1, "metadata": []})", R"({"payload": 1, "metdata": {}})",
        R"({"payload": 1, "namespace": ["project"]})"})
    CHECK(scene.create(wrong) == "invalid_arguments");
  for (const std::string_view wrong :
       {R"({})", R"({"name": true})", R"({"name": "a", "oid": "obj_1"})", R"({"name": "a", "namespace": "project/*"})"})
    CHECK(scene.read(wrong) == "invalid_arguments");
  for (const std::string_view wrong :
       {R"({"name": "a"})", R"({"entry": 1})", R"({"name": "a", "entry": 1, "list_field": 1})"})
    CHECK(scene.append(wrong) == "invalid_arguments");
  CHECK(scene.list(R"({"limit": 1})") == "invalid_arguments");
  CHECK(scene.authority.asked.empty());
}

TEST_CASE("memory primitives: payloads are in no detail (67)", "[memory]") {
  Scene scene;
  scene.put("plan");
  const auto detail = [](const PrimitiveResult& result) { return result ? "" : result.error().detail; };
  const std::string large(kObjectPayloadLimit + 1, 'S');
  for (const JsonObject& arguments :
       {JsonObject().set("payload", "SECRET" + large), JsonObject().set("payload", "SECRET").set("type", "x"),
        JsonObject().set("payload", "SECRET").set("namespace", "project")}) {
    const std::string text = detail(memory_create_object(scene.context, arguments));
    INFO(text);
    CHECK_FALSE(text.empty());
    CHECK(text.find("SECRET") == std::string::npos);
  }
  const std::string text =
      detail(memory_append_object(scene.context, JsonObject().set("name", "plan").set("entry", "SECRET" + large)));
  CHECK_FALSE(text.empty());
  CHECK(text.find("SECRET") == std::string::npos);
}

TEST_CASE("memory primitives: limits have their own codes", "[memory]") {
  Scene scene;
  CHECK(outcome_of(memory_create_object(
            scene.context, JsonObject().set("payload", std::string(kObjectPayloadLimit, 'x')))) == "too_large");
  for (std::size_t i = 0; i < kListedObjectsLimit + 1; ++i)
    REQUIRE(memory_create_object(scene.context, json(R"({"payload": 1})")));
  const PrimitiveResult listed = memory_list_namespace(scene.context, JsonObject());
  REQUIRE(listed);
  const auto& value = std::get<JsonObject>(listed->value.storage());
  CHECK(value.find("complete")->to_text() == "false");
  CHECK(std::get<JsonArray>(value.find("objects")->storage()).elements().size() == kListedObjectsLimit);
}

}  // namespace
}  // namespace writ::primitive_tests
