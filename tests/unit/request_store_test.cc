// The human queue in the store: decided once, by whoever is first; nobody answers for the dead; forged rows are seen.
#include "broker/requests/request_store.h"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <csignal>
#include <map>
#include <string>
#include <vector>

#include "tests/unit/request_fixture.h"

namespace writ::request_tests {
namespace {

using store_tests::StorePlace;

TEST_CASE("request store: what was put in comes out", "[requests][store]") {
  const StorePlace place;
  RequestStore store = queue_in(place);
  HumanRequest request = call_request(command_question({"git", "push", "\x1b[2J"}));
  request.deadline_ms = request.created_ms + 60'000;
  added(store, request);
  const RequestStore other = queue_in(place);
  const HumanRequest back = found(other, request.id);
  CHECK(back.status == RequestStatus::kPending);
  CHECK(back.revision == 1);
  CHECK(back.subject == "run_1");
  CHECK(back.argument_hash == request.argument_hash);
  CHECK(back.deadline_ms == request.deadline_ms);
  CHECK(back.owner.start == request.owner.start);
  CHECK(std::get<CommandObject>(std::get<PerUsePayload>(back.payload).question.object).argv[2] == "\x1b[2J");
  const RequestList pending = other.list(Listed::kPending).value();
  CHECK(pending.requests.size() == 1);
  CHECK(other.ids_beginning_with(request.id.text().substr(0, 9), 10).value() ==
        std::vector<std::string>{request.id.text()});
  CHECK_FALSE(store.add(request));  // the same id again
}

TEST_CASE("48: decided once", "[requests][store][conformance]") {
  const StorePlace place;
  RequestStore store = queue_in(place);
  const HumanRequest request = added(store, call_request());
  const auto first = store.decide(request.id, 1, RequestAct::kApprove, decision_by_test());
  REQUIRE(first);
  CHECK(first->how == Decided::kDone);
  CHECK(first->request->revision == 2);
  const auto again = store.decide(request.id, 2, RequestAct::kReject, decision_by_test(ApprovalOutcome::kDeny));
  REQUIRE(again);
  CHECK(again->how == Decided::kDecidedAlready);
  CHECK(again->request->decision->by == "the test");
  CHECK(found(store, request.id).status == RequestStatus::kApproved);
  CHECK(store.decide(RequestId::make().value(), 1, RequestAct::kApprove, decision_by_test())->how == Decided::kUnknown);
}

TEST_CASE("49: what is cancelled cannot be approved", "[requests][store][conformance]") {
  const StorePlace place;
  RequestStore store = queue_in(place);
  const HumanRequest request = added(store, call_request());
  REQUIRE(store.cancel(request.id, "the run has ended", "Writ"));
  const auto late = store.decide(request.id, 2, RequestAct::kApprove, decision_by_test());
  CHECK(late->how == Decided::kDecidedAlready);
  CHECK(found(store, request.id).status == RequestStatus::kCancelled);
  CHECK(found(store, request.id).decision->reason == "the run has ended");
  REQUIRE(store.cancel(request.id, "again", "x"));  // nothing
  CHECK(found(store, request.id).revision == 2);
}

TEST_CASE("54: stale and invalid decisions have no effect", "[requests][store][conformance]") {
  const StorePlace place;
  RequestStore store = queue_in(place);
  const HumanRequest request = added(store, permission_request());
  RequestDecision decision = decision_by_test();
  decision.policy = "always_allow";
  for (const std::int64_t revision : {0, 2, -1, 100})
    CHECK(store.decide(request.id, revision, RequestAct::kApprove, decision)->how == Decided::kStale);
  CHECK(store.decide(request.id, 1, RequestAct::kReject, decision)->how == Decided::kRefused);
  CHECK(store.decide(request.id, 1, RequestAct::kDeliver, decision)->how == Decided::kRefused);
  CHECK(found(store, request.id).revision == 1);
  CHECK(found(store, request.id).status == RequestStatus::kPending);
  CHECK(store.decide(request.id, 1, RequestAct::kApprove, decision)->how == Decided::kDone);
}

TEST_CASE("request store: the four kinds end as they can", "[requests][store]") {
  const StorePlace place;
  RequestStore store = queue_in(place);
  const HumanRequest output = added(store, text_request(RequestKind::kOutput));
  CHECK(store.decide(output.id, 1, RequestAct::kApprove, decision_by_test())->how == Decided::kRefused);
  CHECK(store.decide(output.id, 1, RequestAct::kDeliver, decision_by_test())->request->status ==
        RequestStatus::kDelivered);
  const HumanRequest wide = added(store, permission_request());
  RequestDecision edit = decision_by_test();
  edit.policy = "always_allow";
  edit.edited = PermissionPayload{"filesystem:/srv/data/a", {"read"}, ""};
  const auto edited = store.decide(wide.id, 1, RequestAct::kEdit, edit);
  CHECK(edited->request->status == RequestStatus::kEdited);
  CHECK(edited->request->decision->edited->resource == "filesystem:/srv/data/a");
}

// A child that puts a request into the queue and waits, or dies.
pid_t child_that_asks(const StorePlace& place, int told) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  auto store = RequestStore::open(place.directory());
  const HumanRequest request = call_request();
  if (!store || !store->add(request)) ::_exit(1);
  const std::string& id = request.id.text();
  if (::write(told, id.data(), id.size()) < 0) ::_exit(1);
  while (true) ::pause();
}

TEST_CASE("49: what a killed process asked is cancelled by whoever looks", "[requests][store][conformance]") {
  const StorePlace place;
  (void)queue_in(place);
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  const pid_t child = child_that_asks(place, ends[1]);
  std::array<char, 64> text{};
  const ssize_t count = ::read(ends[0], text.data(), text.size());
  REQUIRE(count > 0);
  const RequestId id = RequestId::parse(std::string_view(text.data(), static_cast<std::size_t>(count))).value();
  RequestStore store = queue_in(place);
  CHECK(store.cancel_abandoned() == std::size_t{0});  // the control: it lives
  CHECK(found(store, id).status == RequestStatus::kPending);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  SECTION("by looking") {
    CHECK(store.cancel_abandoned() == std::size_t{1});
    CHECK(store.cancel_abandoned() == std::size_t{0});
  }
  SECTION("by deciding") {
    CHECK(store.decide(id, 1, RequestAct::kApprove, decision_by_test())->how == Decided::kOver);
  }
  CHECK(found(store, id).status == RequestStatus::kCancelled);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_CASE("request store: whose number was given to another process is gone", "[requests][store]") {
  const StorePlace place;
  RequestStore store = queue_in(place);
  HumanRequest request = call_request();
  CHECK(owner_state(request.owner) == OwnerState::kAlive);
  request.owner.start += 1;
  CHECK(owner_state(request.owner) == OwnerState::kGone);
  added(store, request);
  HumanRequest other_boot = call_request();
  other_boot.owner.boot = "00000000-0000-0000-0000-000000000000";
  CHECK(owner_state(other_boot.owner) == OwnerState::kGone);
  HumanRequest elsewhere = call_request();
  elsewhere.owner.pid_namespace = "pid:[1]";
  CHECK(owner_state(elsewhere.owner) == OwnerState::kUnknown);
  added(store, elsewhere);
  HumanRequest late = call_request();
  late.deadline_ms = wall_clock_ms() - 1;
  added(store, late);
  CHECK(store.cancel_abandoned() == std::size_t{2});
  CHECK(found(store, elsewhere.id).status == RequestStatus::kPending);
  CHECK(found(store, late.id).decision->reason == "nobody answered in time");
}

TEST_CASE("request store: forged rows are seen, and do not hide the others", "[requests][store]") {
  const StorePlace place;
  RequestStore store = queue_in(place);
  const HumanRequest good = added(store, call_request());
  const std::vector<std::string> forgeries = {
      "UPDATE human_requests SET status = 'Approved' WHERE id = ",
      "UPDATE human_requests SET kind = 'root' WHERE id = ",
      "UPDATE human_requests SET payload = '{}' WHERE id = ",
      "UPDATE human_requests SET payload = replace(payload, '\"rights\"', '\"x\": 1, \"rights\"') WHERE id = ",
      "UPDATE human_requests SET argument_hash = x'00' WHERE id = ",
      "UPDATE human_requests SET status = 'approved' WHERE id = ",  // without a decision
      "UPDATE human_requests SET status = 'approved', decision = '{\"outcome\": \"once\"}' WHERE id = ",
      "UPDATE human_requests SET id = 'hreq_x' WHERE id = ",
  };
  const Store raw = place.open();
  for (const std::string& forgery : forgeries) {
    const HumanRequest victim = added(store, call_request());
    REQUIRE(raw.database().execute(forgery + "'" + victim.id.text() + "'"));
  }
  const RequestList all = store.list(Listed::kAll).value();
  CHECK(all.requests.size() == 1);
  CHECK(all.requests.front().id == good.id);
  CHECK(all.unreadable.size() == forgeries.size());
}

TEST_CASE("request store: too large, too many", "[requests][store]") {
  const StorePlace place;
  RequestStore store = queue_in(place);
  CHECK_FALSE(store.add(text_request(RequestKind::kQuestion, std::string(kRequestPayloadLimit, 'x'))));
  CHECK(store.add(text_request(RequestKind::kQuestion, std::string(kRequestPayloadLimit - 100, 'x'))));
}

TEST_CASE("request store: others' changes are noticed, own ones are not", "[requests][store]") {
  const StorePlace place;
  RequestStore store = queue_in(place);
  RequestStore other = queue_in(place);
  CHECK(store.changed().value());
  CHECK_FALSE(store.changed().value());
  added(store, call_request());
  CHECK_FALSE(store.changed().value());
  added(other, call_request());
  CHECK(store.changed().value());
  CHECK_FALSE(store.changed().value());
}

// Exit status: 10 + how it ended, or 1.
pid_t child_that_decides(const StorePlace& place, const RequestId& id, bool approve, const std::array<int, 2>& start) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  ::close(start[1]);
  char byte = 0;
  (void)!::read(start[0], &byte, 1);  // the end of the pipe is the start for all
  auto store = RequestStore::open(place.directory(), std::chrono::seconds(20));
  if (!store) ::_exit(1);
  const auto done = store->decide(id, 1, approve ? RequestAct::kApprove : RequestAct::kReject,
                                  decision_by_test(approve ? ApprovalOutcome::kAllowOnce : ApprovalOutcome::kDeny));
  ::_exit(done ? 10 + static_cast<int>(done->how) : 1);
}

TEST_CASE("48: of 2 x 20 processes that decide at the same time one wins", "[requests][store][conformance]") {
  const StorePlace place;
  RequestId id = RequestId::make().value();
  {
    // No connection of ours is open while we fork.
    RequestStore store = queue_in(place);
    id = added(store, call_request()).id;
  }
  std::array<int, 2> start{};
  REQUIRE(::pipe(start.data()) == 0);
  std::vector<pid_t> children;
  for (int i = 0; i < 40; ++i) {
    const pid_t child = child_that_decides(place, id, i % 2 == 0, start);
    REQUIRE(child > 0);
    children.push_back(child);
  }
  ::close(start[1]);
  std::map<int, int> counts;
  for (const pid_t child : children) {
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    ++counts[WIFEXITED(status) ? WEXITSTATUS(status) : -1];
  }
  ::close(start[0]);
  const int won = counts[10 + static_cast<int>(Decided::kDone)];
  const int lost = counts[10 + static_cast<int>(Decided::kDecidedAlready)];
  CHECK(won == 1);
  CHECK(lost == 39);
  const RequestStore store = queue_in(place);
  CHECK(found(store, id).revision == 2);
  WARN("processes that decided: " << won << ", that came too late: " << lost);
}

}  // namespace
}  // namespace writ::request_tests
