// What a tool wants from the person: it waits in the queue and is decided once. The numbers are those of the assertions
// of Agent libOS.
#include "broker/primitives/human_primitives.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <future>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "broker/primitives/human_queue.h"
#include "tests/unit/human_scene.h"

namespace writ::request_tests {
namespace {

using Reachable = HumanContext::Reachable;

TEST_CASE("47: a question waits until the person answers, and the same call goes on", "[human][conformance]") {
  Scene scene;
  const PrimitiveResult result = scene.call(
      human_ask, question(), [&](const HumanRequest& request) { (void)scene.answer(request, "the blue one"); });
  CHECK(text_of(result) == R"({"answer": "the blue one"})");
  const HumanRequest row = scene.only_request();
  CHECK(row.kind == RequestKind::kQuestion);
  CHECK(row.status == RequestStatus::kApproved);
  CHECK(row.blocking);
  CHECK(row.subject == "agent:builder");
  CHECK(row.owner.pid == ::getpid());
  CHECK(std::get<TextPayload>(row.payload).text == "which colour?");
  CHECK(scene.authority().asked == std::vector<std::string>{"write human:owner"});
  CHECK(scene.authority().outcomes == std::vector<EffectOutcome>{EffectOutcome::kDone});
  REQUIRE(scene.announced().size() == 1);
  CHECK(scene.announced().front() ==
        "a program asks 'which colour?': `writ approvals approve " + row.id.text().substr(0, 13) + " --answer TEXT`");
}

TEST_CASE("human: a question that is rejected is denied", "[human]") {
  Scene scene;
  const PrimitiveResult result = scene.call(
      human_ask, question(), [&](const HumanRequest& request) { (void)scene.decide(request, RequestAct::kReject); });
  CHECK(text_of(result) == "denied");
  CHECK(scene.only_request().status == RequestStatus::kRejected);
}

TEST_CASE("human: an answer that is no text is escaped", "[human]") {
  Scene scene;
  const PrimitiveResult result = scene.call(
      human_ask, question(), [&](const HumanRequest& request) { (void)scene.answer(request, "a\xff\\b\n"); });
  CHECK(text_of(result) == R"({"answer": "a\\xff\\\\b\\x0a"})");
}

TEST_CASE("48: a request is decided once", "[human][conformance]") {
  Scene scene;
  Decided second = Decided::kDone;
  const PrimitiveResult result = scene.call(human_ask, question(), [&](const HumanRequest& request) {
    (void)scene.answer(request, "blue");
    second = scene.answer(request, "red").how;
  });
  CHECK(text_of(result) == R"({"answer": "blue"})");
  CHECK(second == Decided::kDecidedAlready);
}

TEST_CASE("49: when the asker is gone, the request is cancelled and cannot be approved later", "[human][conformance]") {
  Scene scene;
  const UniqueFd gone(::eventfd(0, EFD_CLOEXEC));
  scene.context().cancel = gone.get();
  const auto leave = [&](const HumanRequest&) { (void)::eventfd_write(gone.get(), 1); };
  SECTION("a question") { CHECK(text_of(scene.call(human_ask, question(), leave)) == "cancelled"); }
  SECTION("a request for permission") {
    CHECK(text_of(scene.call(human_request_permission, permission(), leave)) == "cancelled");
  }
  const HumanRequest row = scene.only_request();
  CHECK(row.status == RequestStatus::kCancelled);
  CHECK(row.decision->reason == "the program that asked is gone");
  CHECK(scene.choose(row, RequestAct::kApprove, "always_allow").how == Decided::kDecidedAlready);
  CHECK(scene.held().empty());
}

TEST_CASE("human: the time of a request ends", "[human]") {
  Scene scene;
  scene.context().time_limit = 60ms;
  SECTION("a question") { CHECK(text_of(scene.call(human_ask, question())) == "timed_out"); }
  SECTION("a request for permission") {
    CHECK(text_of(scene.call(human_request_permission, permission())) == "timed_out");
  }
  const HumanRequest row = scene.only_request();
  CHECK(row.status == RequestStatus::kCancelled);
  CHECK(scene.answer(row, "late").how == Decided::kDecidedAlready);
}

TEST_CASE("human: whoever looks at the queue ends what is over", "[human]") {
  Scene scene;
  PrimitiveResult result = PrimitiveReply{};
  SECTION("its deadline has passed by the other's clock") {
    result = scene.call(human_ask, question(), [&](const HumanRequest& request) {
      // As if the time of day had been set forward: cancelled when it was over.
      scene.forge(request.id,
                  "status = 'cancelled', revision = 2, updated_ms = deadline_ms,"
                  " decision = '{\"outcome\": \"deny\", \"by\": \"Writ\"}'");
    });
    CHECK(text_of(result) == "timed_out");
  }
  SECTION("it is cancelled") {
    result = scene.call(human_ask, question(), [&](const HumanRequest& request) {
      (void)scene.person().cancel(request.id, "not now", "the test");
    });
    CHECK(text_of(result) == "cancelled");
  }
  CHECK(scene.requests().empty());
}

TEST_CASE("51: whatever a tool wants from a person needs write on that person", "[human][conformance]") {
  Scene scene;
  const auto all_denied = [&] {
    scene.authority().asked.clear();
    CHECK(text_of(scene.call(human_ask, question())) == "denied");
    CHECK(text_of(scene.call(human_output, message("hello"))) == "denied");
    CHECK(text_of(scene.call(human_request_permission, permission())) == "denied");
    CHECK(scene.authority().asked == std::vector<std::string>(3, "write human:owner"));
  };
  for (const std::set<std::string>& allowed :
       std::vector<std::set<std::string>>{{}, {"read human:owner"}, {"write human:ann"}}) {
    scene.authority().allowed = allowed;
    all_denied();
  }
  // Taken back in the meantime.
  scene.authority().allowed = {"write human:owner"};
  scene.authority().stands = false;
  all_denied();
  CHECK(scene.requests(Listed::kAll).empty());
  CHECK(scene.announced().empty());
}

TEST_CASE("human: what is refused for another reason takes no use", "[human]") {
  Scene scene;
  scene.context().reachable = Reachable::kNobody;
  CHECK(text_of(scene.call(human_ask, question())) == "denied");
  CHECK(text_of(scene.call(human_output, message("hello"))) == "denied");
  CHECK(text_of(scene.call(human_request_permission, permission())) == "denied");
  scene.context().reachable = Reachable::kQueue;
  scene.context().subject.reset();  // nobody could hold the capability
  CHECK(text_of(scene.call(human_request_permission, permission())) == "unavailable");
  scene.context().subject = scene.subject();
  scene.context().capabilities = nullptr;
  CHECK(text_of(scene.call(human_request_permission, permission())) == "unavailable");
  scene.context().store_directory = "/dev/null/store";
  CHECK(text_of(scene.call(human_ask, question())) == "failed");
  // There is no such person, whatever is allowed.
  scene.authority().allowed = {"write human:ann"};
  JsonObject arguments = question();
  arguments.set("human", "ann");
  CHECK(text_of(scene.call(human_ask, arguments)) == "unavailable");
  CHECK(scene.authority().outcomes == std::vector<EffectOutcome>(7, EffectOutcome::kNotStarted));
  CHECK(scene.requests(Listed::kAll).empty());
}

TEST_CASE("human: arguments of a closed shape", "[human]") {
  Scene scene;
  scene.context().time_limit = 1ms;
  const auto with = [](JsonObject arguments, const char* key, JsonValue value) {
    arguments.set(key, std::move(value));
    return arguments;
  };
  const auto invalid = [&](auto primitive, const JsonObject& arguments) {
    INFO(JsonValue(arguments).to_text().substr(0, 200));
    CHECK(text_of(scene.call(primitive, arguments)) == "invalid_arguments");
  };
  invalid(human_ask, {});
  invalid(human_ask, question(""));
  invalid(human_ask, question(std::string(8193, 'x')));
  invalid(human_ask, with(question(), "question", 3));
  invalid(human_ask, with(question(), "timeout", 3));
  invalid(human_ask, with(question(), "human", 3));
  invalid(human_output, message(""));
  invalid(human_output, message(std::string(8193, 'x')));
  invalid(human_request_permission, permission("filesystem:/srv/data/*", {}));
  invalid(human_request_permission, permission("filesystem:/srv/data/*", {"*"}));
  invalid(human_request_permission, permission("filesystem:/srv/data/*", {"read", "fly"}));
  invalid(human_request_permission, permission("filesystem:/srv/data/*", std::vector<std::string>(17, "read")));
  invalid(human_request_permission, permission("filesystem:/srv/../etc"));
  invalid(human_request_permission, permission("filesystem:/srv/da*"));
  invalid(human_request_permission, permission("*"));
  invalid(human_request_permission, with(permission(), "reason", ""));
  invalid(human_request_permission, with(permission(), "uses", 1));
  CHECK(scene.requests(Listed::kAll).empty());
  // The limit itself is fine.
  CHECK(text_of(scene.call(human_ask, question(std::string(8192, 'x')))) == "timed_out");
}

TEST_CASE("55: what is said to a person reaches neither authority nor terminal as it is", "[human][conformance]") {
  Scene scene;
  const std::string hostile = "\x1b[2J\u202e red?\nrm -r /";
  scene.context().time_limit = 1ms;
  (void)scene.call(human_ask, question(hostile));
  (void)scene.call(human_output, message(hostile));
  CHECK(std::get<TextPayload>(scene.requests(Listed::kAll).at(0).payload).text == hostile);
  REQUIRE(scene.announced().size() == 2);
  for (const std::string& line : scene.announced()) {
    CHECK(line.find("\\x1b[2J") != std::string::npos);
    CHECK(line.find_first_of("\x1b\n\xe2") == std::string::npos);
  }
  for (const std::string& hash : scene.authority().hashes) CHECK(hash.size() == 64);
  CHECK(scene.authority().hashes.at(0) == scene.authority().hashes.at(1));
  // A long reason is cut where a capability keeps it.
  JsonObject arguments = permission();
  arguments.set("reason", std::string(8192, '\n'));
  scene.context().time_limit = 20s;
  (void)scene.person().cancel(scene.requests().at(0).id, "seen", "the test");
  (void)scene.call(human_request_permission, arguments, [&](const HumanRequest& request) {
    (void)scene.choose(request, RequestAct::kApprove, "always_allow");
  });
  const std::string kept = scene.held().at(0).metadata.at("reason");
  CHECK(kept.size() < 1100);
  CHECK(kept.find('\n') == std::string::npos);
}

TEST_CASE("human: an output is there at once, and is delivered when it was seen", "[human]") {
  Scene scene;
  CHECK(text_of(scene.call(human_output, message("half done"))) == R"({"delivered": true})");
  const HumanRequest row = scene.only_request();
  CHECK(row.kind == RequestKind::kOutput);
  CHECK(row.status == RequestStatus::kPending);
  CHECK_FALSE(row.blocking);
  CHECK_FALSE(row.deadline_ms);
  CHECK(scene.announced() == std::vector<std::string>{"a program says 'half done': `writ approvals show " +
                                                      row.id.text().substr(0, 13) + "`"});
  CHECK(scene.answer(row, "thanks").how == Decided::kRefused);
  CHECK(scene.decide(row, RequestAct::kDeliver).how == Decided::kDone);
  CHECK(scene.only_request().status == RequestStatus::kDelivered);
  SECTION("without a terminal") {
    scene.context().announce = nullptr;
    CHECK(text_of(scene.call(human_output, message("done"))) == R"({"delivered": true})");
  }
}

TEST_CASE("human: outputs that nobody looks at do not fill the queue", "[human]") {
  Scene scene;
  (void)scene.call(human_output, message("one"));
  const RequestId first = scene.only_request().id;
  const auto copies = [&](std::size_t count, const std::string& pid) { scene.insert_copies(first, count, pid); };
  copies(kWaitingOutputsLimit, "owner_pid + 1");  // another process's
  copies(kWaitingOutputsLimit - 2, "owner_pid");
  CHECK(text_of(scene.call(human_output, message("the last one"))) == R"({"delivered": true})");
  CHECK(text_of(scene.call(human_output, message("one too many"))) == "limit");
  CHECK(scene.authority().outcomes.back() == EffectOutcome::kNotStarted);
  // A question is not kept out by it.
  scene.context().time_limit = 1ms;
  CHECK(text_of(scene.call(human_ask, question())) == "timed_out");
}

TEST_CASE("human: several wait at the same time, each for a decision of its own", "[human]") {
  Scene scene;
  FakeAuthority authority;
  HumanContext second{authority};
  second.store_directory = scene.context().store_directory;
  second.subject = scene.subject();
  second.time_limit = 20s;
  auto other = std::async(std::launch::async, [&] { return human_ask(second, question("which size?")); });
  const PrimitiveResult result = scene.call(human_ask, question(), [&](const HumanRequest&) {
    std::vector<HumanRequest> both;
    while (both.size() < 2) both = scene.requests();
    for (const HumanRequest& request : both)
      (void)scene.answer(request, "to " + std::get<TextPayload>(request.payload).text);
  });
  CHECK(text_of(result) == R"({"answer": "to which colour?"})");
  CHECK(text_of(other.get()) == R"({"answer": "to which size?"})");
  CHECK(scene.requests().empty());
}

}  // namespace
}  // namespace writ::request_tests
