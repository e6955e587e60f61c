// A tool that wants something from the person, and the person at another terminal.
#ifndef WRIT_TESTS_UNIT_HUMAN_SCENE_H_
#define WRIT_TESTS_UNIT_HUMAN_SCENE_H_

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "broker/primitives/human_primitives.h"
#include "tests/unit/request_fixture.h"

namespace writ::request_tests {

using store_tests::needed;
using store_tests::StorePlace;

// Allows what it was told to, and writes down what was asked and what became of it.
class FakeAuthority final : public PrimitiveAuthority {
 public:
  using PrimitiveAuthority::authorize;
  Attempt<Permit> authorize(CapabilityRight right, const TypedResource& resource, const std::string& hash) override {
    asked.push_back(std::string(capability_right_name(right)) + " " + resource.text());
    hashes.push_back(hash);
    if (!allowed.contains(asked.back())) return refuse(PrimitiveCode::kDenied, "not in the test");
    return Permit(std::make_unique<Ground>(*this));
  }

  std::set<std::string> allowed{"write human:owner"};
  std::vector<std::string> asked;
  std::vector<std::string> hashes;
  std::vector<EffectOutcome> outcomes;
  bool stands = true;

 private:
  class Ground final : public PermitGround {
   public:
    explicit Ground(FakeAuthority& authority) : authority_(authority) {}
    bool may_proceed() override { return authority_.stands; }
    bool settle(EffectOutcome outcome) override {
      authority_.outcomes.push_back(outcome);
      return true;
    }

   private:
    FakeAuthority& authority_;
  };
};

// A tool's broker, and somebody else with a connection of their own.
class Scene {
 public:
  Scene()
      : person_(queue_in(place_)),
        capabilities_(needed(DurableAuthority::open(place_.open()))),
        subject_(needed(Subject::parse("agent:builder"))) {
    context_.store_directory = place_.directory();
    context_.capabilities = capabilities_.get();
    context_.subject = subject_;
    context_.places = {"/home/ann", "/home/ann/work", {"/home/ann/.ssh"}};
    context_.announce = [this](const std::string& line) { announced_.push_back(line); };
    context_.time_limit = 20s;
  }

  // `act` is what the person does with the request that comes. Returns what the tool gets.
  template <class Primitive, class Act>
  PrimitiveResult call(Primitive primitive, const JsonObject& arguments, Act act) {
    bool acted = false;
    std::thread person([&] {
      const std::optional<HumanRequest> request = next_pending();
      acted = request.has_value();
      if (acted) act(*request);
    });
    PrimitiveResult result = primitive(context_, arguments);
    person.join();
    CHECK(acted);
    return result;
  }
  // Nobody does anything.
  template <class Primitive>
  PrimitiveResult call(Primitive primitive, const JsonObject& arguments) {
    return primitive(context_, arguments);
  }

  // Also for other threads, so that nothing is asserted.
  DecideResult decide(const HumanRequest& request, RequestAct act, RequestDecision decision = decision_by_test()) {
    return person_.decide(request.id, request.revision, act, decision).value();
  }
  DecideResult answer(const HumanRequest& request, const std::string& text) {
    RequestDecision decision = decision_by_test();
    decision.answer = text;
    return decide(request, RequestAct::kApprove, decision);
  }
  DecideResult choose(const HumanRequest& request, RequestAct act, const std::string& policy,
                      std::optional<PermissionPayload> edited = std::nullopt) {
    RequestDecision decision = decision_by_test();
    decision.policy = policy;
    decision.edited = std::move(edited);
    return decide(request, act, decision);
  }
  void forge(const RequestId& id, const std::string& changes) {
    (void)place_.open().database().execute("UPDATE human_requests SET " + changes + " WHERE id = '" + id.text() + "'");
  }

  // `count` more rows like that of `id`, of the process that the SQL expression `pid` names.
  void insert_copies(const RequestId& id, std::size_t count, const std::string& pid) {
    const std::string rest =
        "owner_start, owner_boot, owner_namespace, status, decision, created_ms, updated_ms, deadline_ms, revision";
    const std::string front = "subject, kind, payload, argument_hash, target_version, blocking, ";
    REQUIRE(place_.open().database().execute(
        "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < " +
        std::to_string(count) + ") INSERT INTO human_requests (id, " + front + "owner_pid, " + rest +
        ") SELECT 'hreq_' || lower(hex(randomblob(16))), " + front + pid + ", " + rest +
        " FROM human_requests, numbers WHERE id = '" + id.text() + "'"));
  }

  [[nodiscard]] std::vector<HumanRequest> requests(Listed which = Listed::kPending) const {
    return needed(person_.list(which)).requests;
  }
  [[nodiscard]] HumanRequest only_request() const {
    const auto all = requests(Listed::kAll);
    REQUIRE(all.size() == 1);
    return all.front();
  }
  [[nodiscard]] std::vector<Capability> held() { return needed(capabilities_->list(subject_)); }
  [[nodiscard]] Effect effect_of(CapabilityRight right, const std::string& resource) {
    return needed(capabilities_->decide({subject_, right, needed(TypedResource::parse(resource))})).effect;
  }

  [[nodiscard]] HumanContext& context() { return context_; }
  [[nodiscard]] FakeAuthority& authority() { return authority_; }
  [[nodiscard]] RequestStore& person() { return person_; }
  [[nodiscard]] DurableAuthority& capabilities() { return *capabilities_; }
  [[nodiscard]] const Subject& subject() const { return subject_; }
  [[nodiscard]] const std::vector<std::string>& announced() const { return announced_; }

 private:
  // Nothing: nothing came.
  std::optional<HumanRequest> next_pending() {
    for (const auto end = std::chrono::steady_clock::now() + 5s; std::chrono::steady_clock::now() < end;) {
      auto pending = person_.list(Listed::kPending);
      if (pending && !pending->requests.empty()) return std::move(pending->requests.front());
      std::this_thread::sleep_for(1ms);
    }
    return std::nullopt;
  }

  StorePlace place_;
  RequestStore person_;
  std::unique_ptr<DurableAuthority> capabilities_;
  Subject subject_;
  FakeAuthority authority_;
  std::vector<std::string> announced_;
  HumanContext context_{authority_};
};

inline JsonObject question(const std::string& text = "which colour?") {
  JsonObject arguments;
  arguments.set("question", text);
  return arguments;
}

inline JsonObject message(const std::string& text) {
  JsonObject arguments;
  arguments.set("message", text);
  return arguments;
}

inline JsonObject permission(const std::string& resource = "filesystem:/srv/data/*",
                             const std::vector<std::string>& rights = {"write", "read"}) {
  JsonArray words;
  for (const std::string& right : rights) words.add(right);
  JsonObject arguments;
  arguments.set("resource", resource).set("rights", std::move(words)).set("reason", "for the report");
  return arguments;
}

inline std::string text_of(const PrimitiveResult& result) {
  if (!result) return std::string(primitive_code_name(result.error().code));
  return result->value.to_text();
}

// What a capability came to be: in the reply of a grant.
inline std::string capability_in(const PrimitiveResult& result) {
  REQUIRE(result);
  const auto* value = std::get<JsonObject>(result->value.storage()).find("capability");
  REQUIRE(value != nullptr);
  return std::get<std::string>(value->storage());
}

}  // namespace writ::request_tests

#endif  // WRIT_TESTS_UNIT_HUMAN_SCENE_H_
