// `--approve=queue`: a question waits in the store until somebody at another connection decides, and an answer counts
// for that very call only.
#include "broker/requests/queue_back_end.h"

#include <poll.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "broker/approval/approve_option.h"
#include "tests/unit/request_fixture.h"

namespace writ::request_tests {
namespace {

using store_tests::StorePlace;

// One run that asks, and somebody else with a connection of their own.
class Scene {
 public:
  explicit Scene(std::chrono::milliseconds time_out = 60s) {
    (void)queue_in(place_);
    QueueOptions options;
    options.directory = place_.directory();
    options.limits.time_out = time_out;
    options.workspace = "/work";
    options.profile = "asking";
    options.announce = [this](const RequestId& id) { announced_.push_back(id); };
    auto made = QueueBackEnd::open(std::move(options));
    if (!made) FAIL(made.error().describe());
    back_end_ = std::move(*made);
    other_.emplace(queue_in(place_));
  }

  const RequestId& ask(ApprovalQuestion question) {
    back_end_->submit(std::move(question), ApprovalClock::now());
    REQUIRE_FALSE(announced_.empty());
    return announced_.back();
  }
  Decided decide(const RequestId& id, ApprovalOutcome outcome) {
    const bool deny = outcome == ApprovalOutcome::kDeny;
    return other_
        ->decide(id, found(*other_, id).revision, deny ? RequestAct::kReject : RequestAct::kApprove,
                 decision_by_test(outcome))
        .value()
        .how;
  }
  // The loop of a run, until so many questions are answered.
  std::map<std::uint64_t, ApprovalAnswer> answers(std::size_t count, std::chrono::milliseconds patience = 5s) {
    std::map<std::uint64_t, ApprovalAnswer> answers;
    for (const auto end = ApprovalClock::now() + patience; answers.size() < count && ApprovalClock::now() < end;) {
      for (AnsweredQuestion& one : back_end_->on_ready(ApprovalClock::now()))
        answers.emplace(one.id.value, std::move(one.answer));
      if (answers.size() >= count) break;
      std::vector<pollfd> entries;
      back_end_->add_poll_entries(entries);
      ::poll(entries.data(), entries.size(), 50);
    }
    return answers;
  }
  ApprovalAnswer answer() {
    const auto all = answers(1);
    REQUIRE(all.size() == 1);
    return all.begin()->second;
  }
  void forge(const std::string& sql) const { REQUIRE(place_.open().database().execute(sql)); }

  [[nodiscard]] QueueBackEnd& back_end() { return *back_end_; }
  void end_run() { back_end_.reset(); }
  [[nodiscard]] RequestStore& other() { return *other_; }
  [[nodiscard]] RequestStatus status(const RequestId& id) const { return found(*other_, id).status; }
  [[nodiscard]] const StorePlace& place() const { return place_; }

 private:
  StorePlace place_;
  std::vector<RequestId> announced_;
  std::unique_ptr<QueueBackEnd> back_end_;
  std::optional<RequestStore> other_;
};

TEST_CASE("47: a call waits until somebody decides, and the same call goes on", "[requests][queue][conformance]") {
  Scene scene;
  const RequestId id = scene.ask(path_question("/srv/data/a"));
  CHECK(scene.answers(1, 100ms).empty());
  CHECK(scene.decide(id, ApprovalOutcome::kAllowRun) == Decided::kDone);
  const ApprovalAnswer answer = scene.answer();
  CHECK(answer.outcome == ApprovalOutcome::kAllowRun);
  CHECK(answer.cause == ApprovalCause::kPerson);
  CHECK(answer.text == "approved by the test");
  CHECK(scene.status(id) == RequestStatus::kApproved);
}

TEST_CASE("52: each call that waits needs a decision of its own", "[requests][queue][conformance]") {
  Scene scene;
  const RequestId first = scene.ask(path_question("/a", 1));
  const RequestId second = scene.ask(path_question("/b", 2));
  CHECK(scene.decide(first, ApprovalOutcome::kAllowOnce) == Decided::kDone);
  CHECK(scene.answer().outcome == ApprovalOutcome::kAllowOnce);
  CHECK(scene.answers(1, 100ms).empty());
  CHECK(scene.decide(second, ApprovalOutcome::kDeny) == Decided::kDone);
  const auto answers = scene.answers(1);
  CHECK(answers.at(2).outcome == ApprovalOutcome::kDeny);
  CHECK(answers.at(2).text == "denied by the test");
}

TEST_CASE("queue: an answer for the run answers the same questions, and nobody answers those in vain",
          "[requests][queue]") {
  Scene scene;
  const RequestId first = scene.ask(path_question("/a", 1));
  const RequestId second = scene.ask(path_question("/a", 2));
  CHECK(scene.decide(first, ApprovalOutcome::kAllowRun) == Decided::kDone);
  CHECK(scene.answers(2).size() == 2);
  CHECK(scene.status(second) == RequestStatus::kCancelled);
  CHECK(scene.decide(second, ApprovalOutcome::kAllowOnce) == Decided::kDecidedAlready);
}

TEST_CASE("queue: what nobody waits for is cancelled", "[requests][queue]") {
  Scene scene(200ms);
  SECTION("withdrawn") {
    const RequestId id = scene.ask(path_question("/a"));
    scene.back_end().cancel({1}, ApprovalCause::kAskerGone);
    CHECK(scene.status(id) == RequestStatus::kCancelled);
    CHECK(scene.answer().cause == ApprovalCause::kAskerGone);
  }
  SECTION("timed out") {
    const RequestId id = scene.ask(path_question("/a"));
    CHECK(scene.answer().cause == ApprovalCause::kTimedOut);
    CHECK(scene.status(id) == RequestStatus::kCancelled);
  }
  SECTION("the run ends") {
    const RequestId id = scene.ask(path_question("/a"));
    scene.end_run();
    CHECK(scene.status(id) == RequestStatus::kCancelled);
    CHECK(found(scene.other(), id).decision->reason == "the run has ended");
  }
}

TEST_CASE("74: an answer counts for this call only", "[requests][queue][conformance]") {
  const std::string approved = "status = 'approved', decision = '{\"outcome\": \"once\", \"by\": \"x\"}'";
  const std::vector<std::pair<std::string, const char*>> forgeries = {
      {approved + ", revision = 3", "changed in the queue"},
      {approved + ", revision = 1", "changed in the queue"},
      {approved + ", revision = 2, argument_hash = zeroblob(32)", "not the one that was asked"},
      {approved + ", revision = 2, subject = 'run_2'", "not the one that was asked"},
      {approved + ", revision = 2, target_version = '1:2'", "not the one that was asked"},
      {approved + ", revision = 2, payload = replace(payload, '/srv/data/a', '/srv/data/b')",
       "not the one that was asked"},
      {approved + ", revision = 2, kind = 'question'", "cannot be read"},
      {"status = 'approved', revision = 2, decision = '{}'", "cannot be read"},
      {"status = 'approved', revision = 2", "cannot be read"},
      {"status = 'approved', revision = 2, decision = '{\"outcome\": \"deny\", \"by\": \"x\"}'", "no answer"},
      {"status = 'delivered', revision = 2, decision = '{\"outcome\": \"once\", \"by\": \"x\"}'", "no answer"},
      {"revision = 2", "changed in the queue"},
  };
  int denied = 0;
  for (const auto& [sql, why] : forgeries) {
    INFO(sql);
    Scene scene;
    const RequestId id = scene.ask(path_question("/srv/data/a"));
    scene.forge("UPDATE human_requests SET " + sql + " WHERE id = '" + id.text() + "'");
    const ApprovalAnswer answer = scene.answer();
    CHECK(answer.outcome == ApprovalOutcome::kDeny);
    CHECK(answer.cause == ApprovalCause::kQueue);
    CHECK_THAT(answer.text, Catch::Contains(why));
    denied += answer.outcome == ApprovalOutcome::kDeny ? 1 : 0;
  }
  // The control: with the same statement and nothing else changed, the answer counts.
  Scene scene;
  const RequestId id = scene.ask(path_question("/srv/data/a"));
  scene.forge("UPDATE human_requests SET " + approved + ", revision = 2 WHERE id = '" + id.text() + "'");
  CHECK(scene.answer().outcome == ApprovalOutcome::kAllowOnce);
  WARN("forged rows denied: " << denied);
}

TEST_CASE("74: an answer that was not offered, and a row that is gone, deny", "[requests][queue]") {
  Scene scene;
  ApprovalQuestion once = path_question("/a");
  once.possible = {ApprovalOutcome::kAllowOnce};
  const RequestId id = scene.ask(std::move(once));
  CHECK(scene.decide(id, ApprovalOutcome::kAllowRun) == Decided::kRefused);
  scene.forge(
      "UPDATE human_requests SET status = 'approved', revision = 2, decision = "
      "'{\"outcome\": \"run\", \"by\": \"x\"}' WHERE id = '" +
      id.text() + "'");
  CHECK(scene.answer().outcome == ApprovalOutcome::kDeny);
  (void)scene.ask(path_question("/b", 2));
  scene.forge("DELETE FROM human_requests");
  CHECK_THAT(scene.answers(1).at(2).text, Catch::Contains("gone"));
}

TEST_CASE("74: an object that was changed while the question waited is not given", "[requests][queue]") {
  Scene scene;
  const std::string file = scene.place().base() + "/letter";
  std::ofstream(file) << "one";
  const auto ask_and_change = [&](std::uint64_t id, const std::function<void()>& change) {
    const RequestId request = scene.ask(path_question(file, id));
    change();
    REQUIRE(scene.decide(request, ApprovalOutcome::kAllowOnce) == Decided::kDone);
    return scene.answers(1).at(id);
  };
  CHECK(ask_and_change(1, [] {}).outcome == ApprovalOutcome::kAllowOnce);
  CHECK_THAT(ask_and_change(2, [&] { std::ofstream(file) << "two"; }).text, Catch::Contains("has changed"));
  const auto exchange = [&] {
    std::ofstream(file + ".new") << "one";
    std::filesystem::rename(file + ".new", file);
  };
  CHECK(ask_and_change(3, exchange).outcome == ApprovalOutcome::kDeny);
  CHECK(ask_and_change(4, [&] { std::filesystem::remove(file); }).outcome == ApprovalOutcome::kDeny);
  CHECK(target_version(PathObject{file}).empty());
  CHECK_FALSE(target_version(PathObject{scene.place().base()}).empty());
}

TEST_CASE("queue: what is too long to be shown is denied without asking", "[requests][queue]") {
  Scene scene;
  scene.back_end().submit(command_question({"sh", std::string(kRequestPayloadLimit, 'x')}), ApprovalClock::now());
  const ApprovalAnswer answer = scene.answer();
  CHECK(answer.cause == ApprovalCause::kQueue);
  CHECK_THAT(answer.text, Catch::Contains("too long"));
  CHECK(scene.other().list(Listed::kAll)->requests.empty());
}

TEST_CASE("queue: the limits of a run hold", "[requests][queue]") {
  Scene scene;
  std::size_t limited = 0;
  for (std::uint64_t id = 1; id <= 20; ++id)
    scene.back_end().submit(path_question("/" + std::to_string(id), id), ApprovalClock::now());
  for (const auto& [id, answer] : scene.answers(8)) limited += answer.cause == ApprovalCause::kRateLimited ? 1 : 0;
  CHECK(limited == 8);
  CHECK(scene.other().list(Listed::kPending)->requests.size() == 12);
}

TEST_CASE("queue: the option", "[requests][queue]") {
  CHECK(std::get<AskQueue>(parse_approve_option("queue").value()).time_out == 600s);
  CHECK(std::get<AskQueue>(parse_approve_option("queue:2s").value()).time_out == 2s);
  for (const char* wrong : {"queue:", "queue:x", "queue:0s", "queue:-1s"}) CHECK_FALSE(parse_approve_option(wrong));
  CHECK_FALSE(open_back_end(AskQueue{}, {}, {}));
}

}  // namespace
}  // namespace writ::request_tests
