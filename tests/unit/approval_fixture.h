// Questions for the tests of broker/approval.
#ifndef WRIT_TESTS_UNIT_APPROVAL_FIXTURE_H_
#define WRIT_TESTS_UNIT_APPROVAL_FIXTURE_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/approval/approval_clock.h"
#include "broker/approval/approval_question.h"

namespace writ::approval_tests {

using namespace std::chrono_literals;

inline ApprovalTime at(std::chrono::milliseconds since_start) { return ApprovalTime{} + 1h + since_start; }

inline ApprovalQuestion question_about(ApprovalObject object, Rights rights, std::uint64_t id = 1) {
  ApprovalQuestion question;
  question.id = {id};
  question.rights = rights;
  question.object = std::move(object);
  question.rule = {"ask read /srv/data/*", "policy.yaml:12", "data of the customer"};
  question.asker = {4711, "/usr/bin/python3.11", {"python3", "report.py", "--all"}};
  question.possible = {ApprovalOutcome::kAllowOnce, ApprovalOutcome::kAllowRun, ApprovalOutcome::kAllowAlways};
  return question;
}

inline ApprovalQuestion path_question(std::string path, std::uint64_t id = 1, Rights rights = {Right::kRead}) {
  return question_about(PathObject{std::move(path)}, rights, id);
}

inline ApprovalQuestion address_question(std::string_view address, std::uint64_t id = 1) {
  return question_about(Address::parse(address).value(), {Right::kConnect}, id);
}

inline ApprovalQuestion command_question(std::vector<std::string> argv, std::uint64_t id = 1) {
  const std::string program = "/usr/bin/" + argv.front();
  return question_about(CommandObject{program, std::move(argv)}, {Right::kExecute}, id);
}

}  // namespace writ::approval_tests

#endif  // WRIT_TESTS_UNIT_APPROVAL_FIXTURE_H_
