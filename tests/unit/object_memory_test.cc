// Object Memory: names, namespaces, versions, limits. Numbers are those of the reference assertions
// (tests/conformance of capabilities does the same): 64 names, 65 isolation, 67 payloads.
#include "broker/agent/object_memory.h"

#include <catch2/catch.hpp>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace writ {
namespace {

Subject subject(std::string_view text) { return *Subject::parse(text); }

JsonValue json(std::string_view text) {
  Result<JsonValue> value = parse_json(text);
  if (!value) FAIL("not JSON: " << text);
  return std::move(*value);
}

struct Scene {
  Scene() {
    REQUIRE(memory.open_private_namespace("process:pid_1", owner));
    REQUIRE(memory.open_private_namespace("process:pid_2", other));
    REQUIRE(memory.create_namespace("project", owner));
  }

  ObjectDraft draft(std::string_view payload = "{}", std::string_view home = "project") const {
    return {std::string(home), owner, json(payload)};
  }
  CreatedObject make(std::string name, std::string_view payload = "{}",
                     ObjectChange change = ObjectChange::kImmutable) {
    ObjectDraft made = draft(payload);
    made.name = std::move(name);
    made.change = change;
    auto created = memory.create(std::move(made));
    if (!created) FAIL(created.error().what);
    return *created;
  }
  MemoryFlaw flaw_of(ObjectDraft made) {
    const auto created = memory.create(std::move(made));
    if (created) FAIL("should not be created");
    return created.error().flaw;
  }

  Subject owner = subject("process:pid_1");
  Subject other = subject("process:pid_2");
  ObjectMemory memory;
};

TEST_CASE("object memory: there are 24 types, each with a name of its own", "[memory]") {
  const std::set<std::string_view> names(kObjectTypeNames.begin(), kObjectTypeNames.end());
  CHECK(names.size() == 24);
  CHECK(object_type_name(ObjectType::kTask) == "task");
  CHECK(object_type_name(ObjectType::kObservation) == "observation");
  CHECK(object_type_name(ObjectType::kArtifact) == "artifact");
}

TEST_CASE("object memory: an object is found by its name and read by its id", "[memory]") {
  Scene scene;
  const CreatedObject made = scene.make("plan", R"({"steps": [1, 2]})");
  CHECK(made.id.text() == "obj_1");
  CHECK(made.version == 1);
  REQUIRE(scene.memory.find("project", "plan") == made.id);
  const auto object = scene.memory.read(made.id);
  REQUIRE(object);
  CHECK(object->payload.to_text() == R"({"steps": [1, 2]})");
  CHECK(object->type == ObjectType::kObservation);
  CHECK(object->change == ObjectChange::kImmutable);
  CHECK(object->owner == scene.owner);
  CHECK_FALSE(scene.memory.find("project", "plans"));
  CHECK_FALSE(scene.memory.find("nowhere", "plan"));
  CHECK(scene.memory.read(ObjectId{2}) == nullptr);
  CHECK(scene.memory.read(ObjectId{0}) == nullptr);
}

TEST_CASE("object memory: a name is unique in its namespace (test_object_memory 2)", "[memory]") {
  Scene scene;
  (void)scene.make("plan");
  ObjectDraft again = scene.draft();
  again.name = "plan";
  CHECK(scene.flaw_of(again) == MemoryFlaw::kExists);
  CHECK(scene.memory.object_count() == 1);
  again.in_namespace = "process:pid_1";
  CHECK(scene.memory.create(again));
}

TEST_CASE("object memory: the same bare name in two private namespaces is two objects (65)", "[memory]") {
  Scene scene;
  ObjectDraft mine = scene.draft("\"mine\"", "process:pid_1");
  ObjectDraft theirs = scene.draft("\"theirs\"", "process:pid_2");
  mine.name = theirs.name = "notes";
  const auto first = scene.memory.create(mine);
  const auto second = scene.memory.create(theirs);
  REQUIRE(first);
  REQUIRE(second);
  CHECK_FALSE(first->id == second->id);
  CHECK(scene.memory.read(*scene.memory.find("process:pid_1", "notes"))->payload.to_text() == "\"mine\"");
  CHECK(scene.memory.read(*scene.memory.find("process:pid_2", "notes"))->payload.to_text() == "\"theirs\"");
}

TEST_CASE("object memory: without a name an object is called after its type and id", "[memory]") {
  Scene scene;
  ObjectDraft nameless = scene.draft();
  nameless.type = ObjectType::kTestResult;
  CHECK(scene.memory.create(nameless)->name == "test_result:obj_1");
  ObjectDraft ahead = scene.draft();
  ahead.name = "test_result:obj_2";  // would stand in the way of the next one
  CHECK(scene.flaw_of(ahead) == MemoryFlaw::kInvalid);
  CHECK(scene.memory.create(nameless)->name == "test_result:obj_2");
}

TEST_CASE("object memory: names", "[memory]") {
  CHECK(is_object_name("a"));
  CHECK(is_object_name("Plan für Übermorgen: 2"));
  CHECK(is_object_name(std::string(128, 'a')));
  for (const std::string& name : {std::string(), std::string(129, 'a'), std::string("a\nb"), std::string("a\x1b[0m"),
                                  std::string(" a"), std::string("a "), std::string("a\xff"), std::string("a\\b")})
    CHECK_FALSE(is_object_name(name));
  CHECK(is_default_object_name("task:obj_7"));
  CHECK_FALSE(is_default_object_name("tasks:obj_7"));
  CHECK_FALSE(is_default_object_name("task:obj_"));
  for (const std::string_view name : {"a", "project/research", "A-1._/b/c/d/e/f/g/h"}) CHECK(is_namespace_name(name));
  for (const std::string& name : std::vector<std::string>{"", "/", "/a", "a/", "a//b", "..", "a/..", "a/./b", "a:b",
                                                          "a*", "a b", "a/b/c/d/e/f/g/h/i", std::string(65, 'a')})
    CHECK_FALSE(is_namespace_name(name));
  CHECK(is_private_namespace_name("process:pid_7"));
  CHECK(is_private_namespace_name("run:a.b-1"));
  for (const std::string_view name : {"process:", ":a", "process", "process:a/b", "process:..", "P:a", "a:b:c"})
    CHECK_FALSE(is_private_namespace_name(name));
}

TEST_CASE("object memory: names become resources, exactly", "[memory]") {
  CHECK(namespace_resource("project/research")->text() == "object_namespace:project/research");
  CHECK(namespace_resource("process:pid_7")->text() == "object_namespace:process:pid_7");
  CHECK_FALSE(namespace_resource("project/*"));
  CHECK_FALSE(namespace_resource("*"));
  CHECK(object_resource(ObjectId{7}).text() == "object:obj_7");
  CHECK(absent_object_resource().text() == "object:obj_0");
}

TEST_CASE("object memory: namespaces are like directories", "[memory]") {
  Scene scene;
  const auto flaw = [&](const std::string& name) {
    return scene.memory.create_namespace(name, scene.owner).error().flaw;
  };
  REQUIRE(scene.memory.create_namespace("project/research", scene.owner));
  CHECK(flaw("project/research") == MemoryFlaw::kExists);
  CHECK(flaw("elsewhere/research") == MemoryFlaw::kNotFound);
  CHECK(flaw("process:pid_3") == MemoryFlaw::kInvalid);
  CHECK(scene.memory.open_private_namespace("shared", scene.owner).error().flaw == MemoryFlaw::kInvalid);
  CHECK(scene.memory.open_private_namespace("process:pid_2", scene.owner).error().flaw == MemoryFlaw::kExists);
  CHECK(scene.flaw_of(scene.draft("{}", "nowhere")) == MemoryFlaw::kNotFound);
}

TEST_CASE("object memory: appending changes the version and not what was read before", "[memory]") {
  Scene scene;
  const ObjectId id = scene.make("log", R"({"entries": [1]})", ObjectChange::kMutable).id;
  const auto before = scene.memory.read(id);
  CHECK(scene.memory.append(id, "entries", json("{\"a\": null}")) == 2u);
  CHECK(scene.memory.append(id, "other", json("3"), 2) == 3u);
  CHECK(before->payload.to_text() == R"({"entries": [1]})");
  const auto after = scene.memory.read(id);
  CHECK(after->payload.to_text() == R"({"entries": [1, {"a": null}], "other": [3]})");
  CHECK(after->version == 3);
  CHECK(after->payload_bytes == after->payload.to_text().size());
  CHECK(scene.memory.append(id, "entries", json("4"), 2).error().flaw == MemoryFlaw::kConflict);
  CHECK(scene.memory.read(id)->version == 3);
}

TEST_CASE("object memory: what cannot be appended to", "[memory]") {
  Scene scene;
  const auto flaw = [&](ObjectId id, std::string_view field) {
    return scene.memory.append(id, field, json("1")).error().flaw;
  };
  CHECK(flaw(scene.make("fixed", R"({"entries": []})").id, "entries") == MemoryFlaw::kWrongKind);
  CHECK(flaw(scene.make("text", "\"a\"", ObjectChange::kMutable).id, "entries") == MemoryFlaw::kWrongKind);
  CHECK(flaw(scene.make("list", "[]", ObjectChange::kMutable).id, "entries") == MemoryFlaw::kWrongKind);
  CHECK(flaw(scene.make("field", R"({"a": 1})", ObjectChange::kMutable).id, "a") == MemoryFlaw::kWrongKind);
  CHECK(flaw(ObjectId{99}, "entries") == MemoryFlaw::kNotFound);
}

TEST_CASE("object memory: renaming keeps names unique (test_object_memory 6)", "[memory]") {
  Scene scene;
  const ObjectId id = scene.make("a").id;
  (void)scene.make("b");
  CHECK(scene.memory.rename(id, "b").error().flaw == MemoryFlaw::kExists);
  CHECK(scene.memory.rename(id, "a").error().flaw == MemoryFlaw::kExists);
  CHECK(scene.memory.rename(id, "task:obj_9").error().flaw == MemoryFlaw::kInvalid);
  CHECK(scene.memory.rename(id, "c") == 2u);
  CHECK_FALSE(scene.memory.find("project", "a"));
  CHECK(scene.memory.find("project", "c") == id);
  CHECK(scene.memory.read(id)->name == "c");
  (void)scene.make("a");
}

TEST_CASE("object memory: sizes are limited", "[memory]") {
  Scene scene;
  const auto text = [](std::size_t size) { return "\"" + std::string(size - 2, 'x') + "\""; };
  CHECK(scene.memory.create(scene.draft(text(kObjectPayloadLimit))));
  CHECK(scene.flaw_of(scene.draft(text(kObjectPayloadLimit + 1))) == MemoryFlaw::kTooLarge);
  const ObjectId log = scene.make("log", "{}", ObjectChange::kMutable).id;
  CHECK(scene.memory.append(log, "entries", json(text(kObjectEntryLimit))));
  CHECK(scene.memory.append(log, "entries", json(text(kObjectEntryLimit + 1))).error().flaw == MemoryFlaw::kTooLarge);
  for (int i = 0; i < 5; ++i) REQUIRE(scene.memory.append(log, "entries", json(text(kObjectEntryLimit))));
  CHECK(scene.memory.append(log, "entries", json(text(kObjectEntryLimit))).error().flaw == MemoryFlaw::kTooLarge);
  ObjectDraft labelled = scene.draft();
  labelled.metadata.set("title", std::string(kObjectMetadataLimit, 'x'));
  CHECK(scene.flaw_of(labelled) == MemoryFlaw::kTooLarge);
  const std::string deep = std::string(kObjectDepthLimit + 1, '[') + std::string(kObjectDepthLimit + 1, ']');
  CHECK(scene.flaw_of(scene.draft(deep)) == MemoryFlaw::kInvalid);
  CHECK(scene.memory.create(scene.draft(deep.substr(1, deep.size() - 2))));
}

TEST_CASE("object memory: what lies in memory counts, and not only its text", "[memory]") {
  Scene scene;
  std::string many = "[0";
  for (int i = 1; i < 60'000; ++i) many += ",0";
  std::size_t made = 0;
  ObjectDraft draft = scene.draft(many + "]");
  ObjectMemoryResult<CreatedObject> last = scene.memory.create(draft);
  for (; last && made < 100; ++made) last = scene.memory.create(draft);
  REQUIRE_FALSE(last);
  CHECK(last.error().flaw == MemoryFlaw::kLimit);
  CHECK(scene.memory.held_bytes() <= kMemoryBytesLimit);
  CHECK(scene.memory.held_bytes() > kMemoryBytesLimit / 2);
  const std::size_t count = scene.memory.object_count();
  CHECK(count == made);
  CHECK(scene.memory.release_all(scene.owner) == count);
  CHECK(scene.memory.held_bytes() == 0);
}

TEST_CASE("object memory: objects and namespaces are counted", "[memory]") {
  Scene scene;
  const ObjectDraft draft = scene.draft("0");
  for (std::size_t i = 0; i < kObjectCountLimit; ++i) REQUIRE(scene.memory.create(draft));
  CHECK(scene.flaw_of(draft) == MemoryFlaw::kLimit);
  REQUIRE(scene.memory.release(ObjectId{1}));
  CHECK(scene.memory.create(draft));
  for (std::size_t i = 3; i < kNamespaceCountLimit; ++i)
    REQUIRE(scene.memory.create_namespace("n" + std::to_string(i), scene.owner));
  CHECK(scene.memory.create_namespace("last", scene.owner).error().flaw == MemoryFlaw::kLimit);
}

TEST_CASE("object memory: the end of an owner releases all but the result (63, test_object_memory 7)", "[memory]") {
  Scene scene;
  const ObjectId plan = scene.make("plan").id;
  ObjectDraft made = scene.draft("\"done\"", "process:pid_1");
  made.name = "answer";
  const ObjectId result = scene.memory.create(made)->id;
  ObjectDraft foreign = scene.draft("1", "process:pid_2");
  foreign.owner = scene.other;
  const ObjectId kept = scene.memory.create(foreign)->id;
  CHECK(scene.memory.release_all(scene.owner, result) == 1);
  CHECK(scene.memory.read(plan) == nullptr);
  CHECK_FALSE(scene.memory.find("project", "plan"));
  CHECK(scene.memory.read(kept));
  REQUIRE(scene.memory.read(result));
  CHECK(scene.memory.read(result)->hold == ObjectHold::kResult);
  CHECK(scene.memory.read(result)->version == 2);
  CHECK(scene.memory.find("process:pid_1", "answer") == result);
  // A result outlives a second end of the same name.
  CHECK(scene.memory.release_all(scene.owner) == 0);
  CHECK(scene.memory.read(result));
  REQUIRE(scene.memory.release(result));
  CHECK(scene.memory.read(result) == nullptr);
  // What is shared stays; what was private can be opened again.
  CHECK(scene.memory.list("project")->empty());
  CHECK(scene.memory.release_all(scene.owner) == 0);
  CHECK(scene.memory.open_private_namespace("process:pid_1", scene.owner));
}

TEST_CASE("object memory: a listing is in the order of making and says nothing of the content", "[memory]") {
  Scene scene;
  (void)scene.make("z", "\"abc\"");
  (void)scene.make("a");
  const auto listed = scene.memory.list("project");
  REQUIRE(listed);
  REQUIRE(listed->size() == 2);
  CHECK((*listed)[0].name == "z");
  CHECK((*listed)[0].payload_bytes == 5);
  CHECK((*listed)[1].name == "a");
  CHECK(scene.memory.list("nowhere").error().flaw == MemoryFlaw::kNotFound);
}

TEST_CASE("object memory: appends of several threads are all there", "[memory]") {
  Scene scene;
  const ObjectId id = scene.make("log", "{}", ObjectChange::kMutable).id;
  std::vector<std::thread> threads;
  for (int each = 0; each < 4; ++each)
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) (void)scene.memory.append(id, "entries", JsonValue(i));
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(scene.memory.read(id)->version == 201);
  const JsonValue payload = scene.memory.read(id)->payload;
  CHECK(std::get<JsonArray>(std::get<JsonObject>(payload.storage()).find("entries")->storage()).elements().size() ==
        200);
}

}  // namespace
}  // namespace writ
