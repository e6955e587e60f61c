// The requests of a subject about its own capabilities.
#include "broker/primitives/capability_primitives.h"

#include <string>
#include <string_view>
#include <utility>

#include "tests/unit/capability_fixture.h"
#include "tests/unit/recording_authority.h"
#include "tests/unit/store_fixture.h"

namespace writ::capability_tests {
namespace {

using enum CapabilityRight;
using primitive_tests::outcome_of;
constexpr std::string_view kAgent = "agent:builder";
constexpr std::string_view kOther = "agent:reviewer";
constexpr std::string_view kChild = "process:pid_7";

struct Desk {
  Capability give(CapabilityDraft made) { return needed(authority->grant(person(), std::move(made))); }
  Capability give(std::string_view who, CapabilityRights rights, std::string_view what) {
    return give(draft(who, rights, what));
  }
  Capability give_delegable(std::string_view what, CapabilityRights rights = {kRead, kWrite}) {
    CapabilityDraft made = draft(kAgent, rights, what);
    made.delegable = true;
    return give(std::move(made));
  }
  bool allows(std::string_view who, CapabilityRight right, std::string_view what) {
    return needed(authority->decide(request(who, right, what))).allowed();
  }
  std::string list(const JsonObject& arguments = {}) { return outcome_of(capability_list(context, arguments)); }
  std::string inspect(const std::string& id) {
    return outcome_of(capability_inspect(context, JsonObject().set("capability_id", id)));
  }
  std::string revoke(const std::string& id) {
    return outcome_of(capability_revoke(context, JsonObject().set("capability_id", id)));
  }
  static JsonObject delegation(std::string_view what, std::string_view right = "read") {
    JsonObject arguments;
    arguments.set("child", kChild).set("resource", what).set("rights", JsonArray().add(right));
    return arguments;
  }
  std::string delegate(const JsonObject& arguments) { return outcome_of(capability_delegate(context, arguments)); }

  store_tests::StorePlace place;
  std::unique_ptr<DurableAuthority> authority = needed(DurableAuthority::open(place.open()));
  CapabilityContext context{authority.get(), subject(kAgent)};
};

const std::string kNobodys = "cap_" + std::string(32, '0');

TEST_CASE("capability primitives: a session without capabilities has none of the requests", "[authority]") {
  CapabilityContext none{nullptr, subject(kAgent)};
  CHECK(outcome_of(capability_list(none, {})) == "unavailable");
  CHECK(outcome_of(capability_inspect(none, JsonObject().set("capability_id", kNobodys))) == "unavailable");
  CHECK(outcome_of(capability_revoke(none, JsonObject().set("capability_id", kNobodys))) == "unavailable");
  CHECK(outcome_of(capability_delegate(none, Desk::delegation("clock:now"))) == "unavailable");
}

TEST_CASE("capability primitives: a list holds the subject's own, and the ended ones when asked", "[authority]") {
  Desk desk;
  const std::string own = id_text(desk.give(kAgent, {kRead}, "filesystem:/own").id);
  const Capability ended = desk.give(kAgent, {kRead}, "filesystem:/ended");
  need(desk.authority->revoke(person(), ended.id));
  desk.give(kOther, {kRead}, "filesystem:/other");
  const std::string active = desk.list();
  CHECK(active.find(own) != std::string::npos);
  CHECK(active.find("\"standing\": \"counts\"") != std::string::npos);
  CHECK(active.find("/ended") == std::string::npos);
  CHECK(active.find("/other") == std::string::npos);
  CHECK(active.find("\"complete\": true") != std::string::npos);
  const std::string all = desk.list(JsonObject().set("include_inactive", true));
  CHECK(all.find("/ended") != std::string::npos);
  CHECK(all.find("\"standing\": \"revoked\"") != std::string::npos);
  CHECK(all.find("/other") == std::string::npos);
  const std::string one = desk.list(JsonObject().set("include_inactive", true).set("limit", 1));
  CHECK(one.find("/own") != std::string::npos);
  CHECK(one.find("/ended") == std::string::npos);
  CHECK(one.find("\"complete\": false") != std::string::npos);
  for (const JsonObject& wrong :
       {JsonObject().set("limit", 0), JsonObject().set("limit", 1001), JsonObject().set("limit", true),
        JsonObject().set("include_inactive", 1), JsonObject().set("subject", kOther)})
    CHECK(desk.list(wrong) == "invalid_arguments");
}

TEST_CASE("capability primitives: somebody else's id and one of nobody are answered alike", "[authority]") {
  Desk desk;
  const std::string own = id_text(desk.give(kAgent, {kRead}, "filesystem:/own").id);
  const Capability other = desk.give(kOther, {kRead}, "filesystem:/other");
  CHECK(desk.inspect(own).find("filesystem:/own") != std::string::npos);
  for (const std::string& id : {id_text(other.id), kNobodys}) {
    CHECK(desk.inspect(id) == "not_found");
    CHECK(desk.revoke(id) == "not_found");
    CHECK(desk.delegate(Desk::delegation("filesystem:/other").set("parent", id)) == "not_found");
  }
  CHECK(desk.allows(kOther, kRead, "filesystem:/other"));
  for (const std::string_view wrong : {"", "cap_", "obj_1", "filesystem:/own"})
    CHECK(desk.inspect(std::string(wrong)) == "invalid_arguments");
  CHECK(outcome_of(capability_inspect(desk.context, {})) == "invalid_arguments");
}

TEST_CASE("capability primitives: a subject gives up its own, and takes back what it passed on (16, 17)",
          "[authority]") {
  Desk desk;
  const Capability own = desk.give_delegable("filesystem:/srv/*");
  const std::string made = desk.delegate(Desk::delegation("filesystem:/srv/a"));
  REQUIRE(made.find("{\"capability\": \"cap_") == 0);
  CHECK(desk.allows(kChild, kRead, "filesystem:/srv/a"));
  CHECK_FALSE(desk.allows(kChild, kWrite, "filesystem:/srv/a"));
  // The part is the child's: its maker cannot look into it, but can take it back.
  const std::string part = made.substr(made.find("cap_"), 36);
  CHECK(desk.inspect(part) == "not_found");
  CHECK(desk.revoke(part) == "{}");
  CHECK_FALSE(desk.allows(kChild, kRead, "filesystem:/srv/a"));
  REQUIRE(desk.delegate(Desk::delegation("filesystem:/srv/b")).find("cap_") != std::string::npos);
  CHECK(desk.allows(kChild, kRead, "filesystem:/srv/b"));
  CHECK(desk.revoke(id_text(own.id)) == "{}");
  CHECK_FALSE(desk.allows(kAgent, kRead, "filesystem:/srv/b"));
  CHECK_FALSE(desk.allows(kChild, kRead, "filesystem:/srv/b"));
}

TEST_CASE("capability primitives: a subject cannot take off what restricts it (21)", "[authority]") {
  Desk desk;
  const Capability denial = desk.give(draft(kAgent, {kRead}, "filesystem:/srv/a", Effect::kDeny));
  CHECK(desk.revoke(id_text(denial.id)) == "denied");
  CapabilityDraft fixed = draft(kAgent, {kRead}, "filesystem:/srv/b");
  fixed.revocable = false;
  CHECK(desk.revoke(id_text(desk.give(std::move(fixed)).id)) == "denied");
}

TEST_CASE("capability primitives: what is taken back for a right over the resource", "[authority]") {
  Desk desk;
  const Capability other = desk.give(kOther, {kRead}, "filesystem:/srv/a");
  CHECK(desk.revoke(id_text(other.id)) == "not_found");
  desk.give(kAgent, {kRevoke}, "filesystem:/srv/*");
  CHECK(desk.revoke(id_text(other.id)) == "{}");
  CHECK_FALSE(desk.allows(kOther, kRead, "filesystem:/srv/a"));
}

TEST_CASE("capability primitives: only a part of what is held and delegable is passed on (18, 19, 20)", "[authority]") {
  Desk desk;
  CHECK(desk.delegate(Desk::delegation("filesystem:/srv/a")) == "denied");
  desk.give(kAgent, {kRead}, "filesystem:/srv/*");  // not delegable
  CapabilityDraft counted = draft(kAgent, {kRead}, "filesystem:/srv/*");
  counted.uses = 3;
  desk.give(std::move(counted));
  CHECK(desk.delegate(Desk::delegation("filesystem:/srv/a")) == "denied");
  const Capability parent = desk.give_delegable("filesystem:/srv/*", {kRead});
  CHECK(desk.delegate(Desk::delegation("filesystem:/srv/a", "write")) == "denied");
  CHECK(desk.delegate(Desk::delegation("filesystem:/srv2")) == "denied");
  CHECK(desk.delegate(Desk::delegation("filesystem:/*").set("parent", id_text(parent.id))) == "denied");
  CHECK(desk.delegate(Desk::delegation("filesystem:/srv/a").set("parent", id_text(parent.id))).find("cap_") !=
        std::string::npos);
  CHECK(desk.allows(kChild, kRead, "filesystem:/srv/a"));
}

TEST_CASE("capability primitives: a part keeps the constraints and the end of the whole", "[authority]") {
  Desk desk;
  CapabilityDraft bounded = draft(kAgent, {kExecute}, "shell:git");
  bounded.delegable = true;
  bounded.expires_at = system_authority_time().wall + kHour;
  bounded.constraints.rules.push_back(rule("no-push", Effect::kDeny, "shell.run", {"git", "push"}));
  desk.give(std::move(bounded));
  const std::string made = desk.delegate(Desk::delegation("shell:git", "execute").set("reason", "for the build"));
  REQUIRE(made.find("cap_") != std::string::npos);
  const auto part = needed(desk.authority->find(needed(parse_id<CapabilityId>(made.substr(made.find("cap_"), 36)))));
  REQUIRE(part);
  CHECK(part->constraints.rules.size() == 1);
  CHECK(part->expires_at);
  CHECK(part->metadata.at("reason") == "for the build");
  CHECK(desk.delegate(Desk::delegation("shell:git", "execute").set("constraints", JsonObject().set("x", 1))) ==
        "invalid_arguments");
}

TEST_CASE("capability primitives: arguments of a delegation are read strictly", "[authority]") {
  Desk desk;
  desk.give_delegable("filesystem:/srv/*");
  const JsonObject good = Desk::delegation("filesystem:/srv/a");
  const auto with = [&](std::string_view key, JsonValue value) {
    JsonObject changed = good;
    changed.set(key, std::move(value));
    return changed;
  };
  for (const JsonObject& wrong :
       {with("child", "builder"), with("child", "human:owner"), with("resource", "*"), with("resource", "/srv/a"),
        with("rights", JsonArray()), with("rights", JsonArray().add("*")), with("rights", "read"), with("uses", -1),
        with("uses", true), with("delegable", "yes"), with("max_delegation_depth", 65), with("expires_at", 1.5),
        with("effect", "allow"), with("parent", 3)})
    CHECK(desk.delegate(wrong) == "invalid_arguments");
  CHECK(desk.delegate(with("uses", 0)) == "denied");
  CHECK(desk.delegate(with("expires_at", 1)) == "denied");
  CHECK(desk.delegate(with("uses", 1)).find("cap_") != std::string::npos);
}

}  // namespace
}  // namespace writ::capability_tests
