// SessionAuthority: what a capability about writing means for deleting.
#include "broker/primitives/session_authority.h"

#include "tests/unit/capability_fixture.h"
#include "tests/unit/store_fixture.h"

namespace writ::capability_tests {
namespace {

using enum CapabilityRight;
constexpr std::string_view kAgent = "agent:builder";
constexpr std::string_view kFile = "filesystem:workspace:file";

struct Session {
  explicit Session(Profile profile = {}) : policy(AccessPolicy::compile(profile)) {
    SessionAuthorityOptions options;
    options.policy = &policy;
    options.workspace = "/ws";
    options.capabilities = table.get();
    options.subject = subject(kAgent);
    options.ask = [this](const QuestionDraft&) {
      ++asked;
      return PersonsAnswer{Approval::kCall, {}};
    };
    authority.emplace(std::move(options));
  }
  CapabilityId give(CapabilityRight right, Effect effect = Effect::kAllow) {
    return needed(table->grant(person(), draft(kAgent, {right}, kFile, effect))).id;
  }
  bool may(CapabilityRight right) { return authority->authorize(right, resource(kFile), {}).has_value(); }

  store_tests::StorePlace place;
  std::unique_ptr<DurableAuthority> table = needed(DurableAuthority::open(place.open(), {}));
  AccessPolicy policy;
  std::optional<SessionAuthority> authority;
  int asked = 0;
};

Profile writable_workspace() {
  Profile profile;
  PathGrant grant;
  grant.path = "/ws";
  grant.access = PathAccess::kWrite;
  profile.filesystem.grants.push_back(grant);
  return profile;
}

TEST_CASE("what may not be written may not be deleted", "[session_authority]") {
  Session session;
  session.give(kDelete);
  CHECK(session.may(kDelete));  // the right to write is not needed for it
  const CapabilityId denial = session.give(kWrite, Effect::kDeny);
  CHECK_FALSE(session.may(kDelete));
  CHECK(session.asked == 0);
  need(session.table->revoke(person(), denial));
  CHECK(session.may(kDelete));
}

TEST_CASE("what is asked about before it is written is asked about before it is deleted", "[session_authority]") {
  Session session;
  session.give(kDelete);
  session.give(kWrite, Effect::kAsk);
  CHECK(session.may(kDelete));
  CHECK(session.asked == 1);
}

TEST_CASE("a right to write, or a question about it, is none to delete", "[session_authority]") {
  Session session;
  session.give(kWrite);
  CHECK_FALSE(session.may(kDelete));
  session.give(kWrite, Effect::kAsk);
  CHECK_FALSE(session.may(kDelete));
  CHECK(session.asked == 0);
  CHECK(session.may(kWrite));
  CHECK(session.asked == 1);
}

TEST_CASE("where the profile allows, a capability about writing still takes away", "[session_authority]") {
  Session session(writable_workspace());
  CHECK(session.may(kDelete));
  session.give(kWrite, Effect::kAsk);
  CHECK(session.may(kDelete));
  CHECK(session.asked == 1);
  session.give(kWrite, Effect::kDeny);
  CHECK_FALSE(session.may(kDelete));
}

}  // namespace
}  // namespace writ::capability_tests
