// Requests for the tests of broker/requests.
#ifndef WRIT_TESTS_UNIT_REQUEST_FIXTURE_H_
#define WRIT_TESTS_UNIT_REQUEST_FIXTURE_H_

#include <catch2/catch.hpp>
#include <string>
#include <utility>

#include "broker/requests/request_binding.h"
#include "broker/requests/request_store.h"
#include "tests/unit/approval_fixture.h"
#include "tests/unit/store_fixture.h"

namespace writ::request_tests {

using approval_tests::at;
using approval_tests::command_question;
using approval_tests::path_question;
using namespace std::chrono_literals;

inline RequestStore queue_in(const store_tests::StorePlace& place) {
  auto store = RequestStore::open(place.directory());
  if (!store) FAIL("should open: " << store.error().describe());
  return std::move(*store);
}

inline HumanRequest request_of(RequestKind kind, RequestPayload payload, std::string hash) {
  HumanRequest request(RequestId::make().value());
  request.kind = kind;
  request.subject = "run_1";
  request.payload = std::move(payload);
  request.argument_hash = std::move(hash);
  request.owner = request_owner_of_this_process().value();
  request.created_ms = wall_clock_ms();
  return request;
}

inline HumanRequest call_request(const ApprovalQuestion& question = path_question("/srv/data/a")) {
  HumanRequest request =
      request_of(RequestKind::kPerUse, PerUsePayload{question, "/work", "default"}, argument_hash(question));
  request.target_version = target_version(question.object);
  return request;
}

inline HumanRequest text_request(RequestKind kind, const std::string& text = "which colour?") {
  return request_of(kind, TextPayload{text}, argument_hash(text));
}

inline HumanRequest permission_request(const std::string& resource = "filesystem:/srv/data/*",
                                       std::vector<std::string> rights = {"read", "write"}) {
  const std::string hash = argument_hash(resource, rights);
  return request_of(RequestKind::kPermissionRequest, PermissionPayload{resource, std::move(rights), "for the report"},
                    hash);
}

inline RequestDecision decision_by_test(ApprovalOutcome outcome = ApprovalOutcome::kAllowOnce) {
  RequestDecision decision;
  decision.outcome = outcome;
  decision.by = "the test";
  return decision;
}

inline HumanRequest added(RequestStore& store, HumanRequest request) {
  const Status done = store.add(request);
  if (!done) FAIL("should be added: " << done.error().describe());
  return request;
}

inline HumanRequest found(const RequestStore& store, const RequestId& id) {
  auto row = store.find(id);
  if (!row) FAIL("should be read: " << row.error().describe());
  REQUIRE(row->has_value());
  return std::move(**row);
}

}  // namespace writ::request_tests

#endif  // WRIT_TESTS_UNIT_REQUEST_FIXTURE_H_
