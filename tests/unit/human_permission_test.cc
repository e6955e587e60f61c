// human.request_permission: exactly what the person has approved becomes a capability, and nothing else does. The
// numbers are those of the assertions of Agent libOS.
#include <sys/eventfd.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/primitives/human_primitives.h"
#include "tests/unit/human_scene.h"

namespace writ::request_tests {
namespace {

TEST_CASE("human: an answer that came before the asker was gone counts", "[human]") {
  Scene scene;
  const UniqueFd gone(::eventfd(0, EFD_CLOEXEC));
  scene.context().cancel = gone.get();
  const PrimitiveResult result = scene.call(human_request_permission, permission(), [&](const HumanRequest& request) {
    (void)scene.choose(request, RequestAct::kApprove, "always_allow");
    (void)::eventfd_write(gone.get(), 1);
  });
  REQUIRE(scene.only_request().status == RequestStatus::kApproved);
  CHECK(capability_in(result) == id_text(scene.held().at(0).id));
}

TEST_CASE("50: a request that is over-broad is refused before anybody is asked", "[human][conformance]") {
  const std::vector<std::pair<std::string, std::vector<std::string>>> broad = {
      {"filesystem:/*", {"read"}},
      {"filesystem:*", {"read"}},
      {"filesystem:/home/ann/*", {"read"}},
      {"filesystem:/home/ann/.ssh/id_ed25519", {"read"}},
      {"filesystem:workspace:*", {"delete"}},
      {"filesystem:/srv/data/*", {"read", "admin"}},
      {"shell:*", {"execute"}},
      {"shell:bash:*", {"execute"}},
      {"shell:git:*", {"execute"}},
      {"capability:*", {"read"}},
      {"network:*", {"connect"}},
      {"network:169.254.169.254:80", {"connect"}},
  };
  Scene scene;
  scene.context().time_limit = 1ms;
  for (const auto& [resource, rights] : broad) {
    INFO(resource);
    CHECK(text_of(scene.call(human_request_permission, permission(resource, rights))) == "denied");
  }
  CHECK(scene.requests(Listed::kAll).empty());
  CHECK(scene.announced().empty());
  CHECK(scene.held().empty());
  // The control: what is not over-broad does get there.
  CHECK(text_of(scene.call(human_request_permission, permission())) == "timed_out");
  CHECK(scene.requests(Listed::kAll).size() == 1);
}

TEST_CASE("human: what is approved becomes a capability of the subject", "[human]") {
  Scene scene;
  const auto call = [&](RequestAct act, const std::string& policy, std::optional<PermissionPayload> edited = {}) {
    return scene.call(human_request_permission, permission(),
                      [&](const HumanRequest& request) { (void)scene.choose(request, act, policy, edited); });
  };
  SECTION("always_allow") {
    const PrimitiveResult result = call(RequestAct::kApprove, "always_allow");
    CHECK(text_of(result) ==
          R"({"granted": true, "policy": "always_allow", "capability": ")" + capability_in(result) + R"("})");
    const Capability made = scene.held().at(0);
    CHECK(id_text(made.id) == capability_in(result));
    CHECK(made.issued_by.text() == "user:" + std::to_string(::geteuid()));
    CHECK(made.subject == scene.subject());
    CHECK(made.resource.text() == "filesystem:/srv/data/*");
    CHECK(made.rights == CapabilityRights{CapabilityRight::kRead, CapabilityRight::kWrite});
    CHECK_FALSE(made.delegable);
    CHECK_FALSE(made.uses_remaining);
    CHECK(made.metadata.at("request") == scene.only_request().id.text());
    CHECK(made.metadata.at("reason") == "asked for: for the report");
    CHECK(scene.effect_of(CapabilityRight::kWrite, "filesystem:/srv/data/a") == Effect::kAllow);
    CHECK(scene.effect_of(CapabilityRight::kDelete, "filesystem:/srv/data/a") == Effect::kDeny);
  }
  SECTION("ask_each_time") {
    const PrimitiveResult result = call(RequestAct::kApprove, "ask_each_time");
    CHECK(text_of(result) ==
          R"({"granted": true, "policy": "ask_each_time", "capability": ")" + capability_in(result) + R"("})");
    CHECK(scene.effect_of(CapabilityRight::kWrite, "filesystem:/srv/data/a") == Effect::kAsk);
  }
  SECTION("something narrower") {
    const PrimitiveResult result =
        call(RequestAct::kEdit, "always_allow", PermissionPayload{"filesystem:/srv/data/a", {"read"}, {}});
    CHECK(scene.held().at(0).resource.text() == "filesystem:/srv/data/a");
    CHECK(scene.effect_of(CapabilityRight::kRead, "filesystem:/srv/data/a") == Effect::kAllow);
    CHECK(scene.effect_of(CapabilityRight::kRead, "filesystem:/srv/data/b") == Effect::kDeny);
    CHECK(scene.effect_of(CapabilityRight::kWrite, "filesystem:/srv/data/a") == Effect::kDeny);
  }
  CHECK(scene.held().size() == 1);
  CHECK(scene.requests().empty());
}

TEST_CASE("human: a rejection is an answer", "[human]") {
  Scene scene;
  const auto reject = [&](const std::string& policy) {
    return scene.call(human_request_permission, permission(),
                      [&](const HumanRequest& request) { (void)scene.choose(request, RequestAct::kReject, policy); });
  };
  SECTION("for this time") {
    CHECK(text_of(reject("ask_each_time")) == R"({"granted": false})");
    CHECK(scene.held().empty());
  }
  SECTION("for good: nothing else allows it, and it is not asked about again") {
    CHECK(text_of(reject("always_deny")) == R"({"granted": false})");
    REQUIRE(scene.held().size() == 1);
    const CapabilityId denial = scene.held().at(0).id;
    (void)needed(scene.capabilities().grant(
        {scene.subject(), ActingAs::kPerson},
        {scene.subject(), needed(TypedResource::parse("filesystem:/srv/*")), {CapabilityRight::kWrite}}));
    CHECK(scene.effect_of(CapabilityRight::kWrite, "filesystem:/srv/data/a") == Effect::kDeny);
    CHECK(scene.effect_of(CapabilityRight::kWrite, "filesystem:/srv/other") == Effect::kAllow);
    const std::size_t before = scene.requests(Listed::kAll).size();
    CHECK(text_of(scene.call(human_request_permission, permission("filesystem:/srv/data/a", {"read"}))) ==
          R"({"granted": false})");
    CHECK(scene.requests(Listed::kAll).size() == before);
    // Until the person takes it back.
    store_tests::need(scene.capabilities().revoke({scene.subject(), ActingAs::kPerson}, denial));
    CHECK(text_of(reject("ask_each_time")) == R"({"granted": false})");
    CHECK(scene.requests(Listed::kAll).size() == before + 1);
  }
}

TEST_CASE("53: exactly what was asked is what is granted", "[human][conformance]") {
  const std::string approved =
      "status = 'approved', revision = 2, decision = '{\"outcome\": \"once\", \"policy\": \"always_allow\", \"by\": "
      "\"x\"}'";
  const std::vector<std::string> forgeries = {
      approved + ", argument_hash = zeroblob(32)",
      approved + ", subject = 'agent:other'",
      approved + ", payload = replace(payload, '/srv/data', '/etc')",
      approved + ", payload = replace(payload, 'report', 'fun')",
      approved + ", revision = 3",
      "payload = replace(payload, '/srv/data', '/etc')",
  };
  Scene scene;
  const auto call = [&](const std::string& forgery) {
    return scene.call(human_request_permission, permission(),
                      [&](const HumanRequest& request) { scene.forge(request.id, forgery); });
  };
  for (const std::string& forgery : forgeries) {
    INFO(forgery);
    CHECK(text_of(call(forgery)) == "failed");
    CHECK(scene.held().empty());
    CHECK(scene.requests().empty());
  }
  // The control: the same without a change is an approval.
  const PrimitiveResult result = call(approved);
  CHECK(capability_in(result) == id_text(scene.held().at(0).id));
}

TEST_CASE("54: a decision that is not valid has no effect", "[human][conformance]") {
  Scene scene;
  std::vector<Decided> refused;
  SECTION("a question without an answer") {
    const PrimitiveResult result = scene.call(human_ask, question(), [&](const HumanRequest& request) {
      refused.push_back(scene.answer(request, "").how);
      refused.push_back(scene.decide(request, RequestAct::kDeliver).how);
      (void)scene.answer(request, "blue");
    });
    CHECK(text_of(result) == R"({"answer": "blue"})");
    CHECK(refused == std::vector<Decided>(2, Decided::kRefused));
  }
  SECTION("a request for permission with a policy that contradicts, or an edit that is not narrower") {
    using enum RequestAct;
    const PrimitiveResult result = scene.call(human_request_permission, permission(), [&](const HumanRequest& request) {
      for (const auto& [act, policy] : std::vector<std::pair<RequestAct, std::string>>{
               {kApprove, ""}, {kApprove, "allow_once"}, {kApprove, "always_deny"}, {kReject, "always_allow"}})
        refused.push_back(scene.choose(request, act, policy).how);
      for (const char* resource : {"filesystem:/srv/*", "filesystem:/srv/data/../x", "filesystem:/srv/data2"})
        refused.push_back(scene.choose(request, kEdit, "always_allow", PermissionPayload{resource, {"read"}, {}}).how);
      (void)scene.choose(request, kReject, "ask_each_time");
    });
    CHECK(text_of(result) == R"({"granted": false})");
    CHECK(refused == std::vector<Decided>(7, Decided::kRefused));
    CHECK(scene.held().empty());
  }
  SECTION("an edit that names nothing that could be granted") {
    const PrimitiveResult result = scene.call(human_request_permission, permission(), [&](const HumanRequest& request) {
      (void)scene.choose(request, RequestAct::kEdit, "always_allow",
                         PermissionPayload{"filesystem:/srv/data/./a", {"read"}, {}});
    });
    CHECK(text_of(result) == "failed");
    CHECK(scene.held().empty());
  }
  SECTION("forged into the store") {
    const PrimitiveResult result = scene.call(human_ask, question(), [&](const HumanRequest& request) {
      scene.forge(request.id, "status = 'approved', revision = 2, decision = '{\"outcome\": \"once\", \"by\": \"x\"}'");
    });
    CHECK(text_of(result) == "failed");
  }
  CHECK(scene.requests().empty());
}

}  // namespace
}  // namespace writ::request_tests
