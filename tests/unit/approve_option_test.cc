// The value of --approve.
#include "broker/approval/approve_option.h"

#include <catch2/catch.hpp>
#include <string>

#include "tests/unit/approval_fixture.h"

namespace writ::approval_tests {
namespace {

ApprovalChoice parsed(std::string_view text) {
  Result<ApprovalChoice> choice = parse_approve_option(text);
  if (!choice) FAIL("should parse: " << choice.error().describe());
  return std::move(*choice);
}

TEST_CASE("approve option: its values", "[approval]") {
  CHECK(std::holds_alternative<AskPerson>(parsed("ask")));
  CHECK(std::holds_alternative<DenyEverything>(parsed("deny")));
  const auto socket = std::get<ApprovalDescriptors>(parsed("fd:7"));
  CHECK(socket.answers == 7);
  CHECK(socket.questions == 7);
  const auto pipes = std::get<ApprovalDescriptors>(parsed("fd:7,8"));
  CHECK(pipes.answers == 7);
  CHECK(pipes.questions == 8);
  CHECK(std::get<ApprovalProgram>(parsed("command:./a")).path == "./a");
  CHECK(std::get<ApprovalProgram>(parsed("command:/usr/bin/a b")).path == "/usr/bin/a b");
  CHECK(std::get<ApprovalFilePath>(parsed("./command:/a")).path == "./command:/a");
  CHECK(std::get<ApprovalFilePath>(parsed("./ask")).path == "./ask");
  CHECK(std::get<ApprovalFilePath>(parsed("ASK")).path == "ASK");
}

TEST_CASE("approve option: what is none", "[approval]") {
  for (const char* text :
       {"", "fd:", "fd:-1", "fd:x", "fd:07", "fd:99999999999999999999", "fd:4294967296", "fd:2", "fd:0", "fd:3,",
        "fd:,3", "fd:3,3", "fd:3,4,5", "fd:3,1", "fd: 3", "fd:3 ", "command:", "command:approve", "command: "}) {
    INFO(text);
    CHECK_FALSE(parse_approve_option(text));
  }
}

TEST_CASE("approve option: what cannot be opened is an error, but for the terminal", "[approval]") {
  CHECK_FALSE(open_back_end(ApprovalFilePath{"/nonexistent/a.yaml"}, {}, {}));
  CHECK_FALSE(open_back_end(ApprovalDescriptors{999, 999}, {}, {}));
  auto deny = open_back_end(DenyEverything{}, {}, {});
  REQUIRE(deny);
  (*deny)->submit(path_question("/a"), at(0ms));
  CHECK((*deny)->on_ready(at(0ms)).at(0).answer.cause == ApprovalCause::kPolicyDeny);
}

}  // namespace
}  // namespace writ::approval_tests
