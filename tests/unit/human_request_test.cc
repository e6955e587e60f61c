// The pure parts of the human queue: ids, transitions, payloads, hashes, and which decisions are valid. The numbers are
// those of the conformance list for human requests.
#include "broker/requests/human_request.h"

#include <array>
#include <catch2/catch.hpp>
#include <set>
#include <string>

#include "broker/base/escape.h"
#include "broker/requests/request_decision.h"
#include "broker/requests/request_payload.h"
#include "tests/unit/request_fixture.h"

namespace writ::request_tests {
namespace {

TEST_CASE("request id: 128 random bits, one spelling", "[requests]") {
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) ids.insert(RequestId::make().value().text());
  CHECK(ids.size() == 1000);
  const std::string& id = *ids.begin();
  CHECK(id.size() == 5 + 32);
  CHECK(RequestId::parse(id)->text() == id);
  for (const std::string& other : {std::string(), id.substr(5), id.substr(0, 36), id + "0", "HREQ_" + id.substr(5),
                                   "hreq_" + std::string(32, 'A'), "hreq_" + std::string(32, 'g'), id + "\n"}) {
    INFO(other);
    CHECK_FALSE(RequestId::parse(other));
  }
}

TEST_CASE("request id: what may be typed for it", "[requests]") {
  CHECK(request_id_prefix("hreq_12ab") == "hreq_12ab");
  CHECK(request_id_prefix("12ab") == "hreq_12ab");
  for (const char* wrong : {"", "hreq_", "12a", "hreq_12a", "12ag", "12AB", "*%*%", "1234' OR 1"}) {
    INFO(wrong);
    CHECK_FALSE(request_id_prefix(wrong));
  }
  CHECK_FALSE(request_id_prefix(std::string(33, '1')));
}

TEST_CASE("48 and 49: what is decided or cancelled stays so", "[requests][conformance]") {
  constexpr std::array kKinds = {RequestKind::kQuestion, RequestKind::kPermissionRequest, RequestKind::kPerUse,
                                 RequestKind::kOutput};
  constexpr std::array kActs = {RequestAct::kApprove, RequestAct::kReject, RequestAct::kEdit, RequestAct::kCancel,
                                RequestAct::kDeliver};
  int possible = 0;
  int impossible = 0;
  for (const RequestKind kind : kKinds)
    for (const RequestAct act : kActs)
      for (std::size_t i = 0; i < kRequestStatusNames.size(); ++i) {
        const auto status = static_cast<RequestStatus>(i);
        const auto after = status_after(kind, status, act);
        if (status != RequestStatus::kPending) CHECK_FALSE(after);
        ++(after ? possible : impossible);
        if (after) CHECK(*after != RequestStatus::kPending);
      }
  CHECK(possible == 12);
  CHECK(impossible == 4 * 5 * 6 - 12);
  CHECK_FALSE(status_after(RequestKind::kPerUse, RequestStatus::kPending, RequestAct::kEdit));
  CHECK_FALSE(status_after(RequestKind::kOutput, RequestStatus::kPending, RequestAct::kApprove));
  CHECK(status_after(RequestKind::kOutput, RequestStatus::kPending, RequestAct::kDeliver) == RequestStatus::kDelivered);
}

std::string text_of(const RequestPayload& payload) { return JsonValue(payload_json(payload)).to_text(); }

TEST_CASE("payload: every byte comes back", "[requests]") {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  all += "\\x41 \\\\ \xe2\x80\xae раypal";
  CHECK(unescape_bytes(escape_bytes(all, all.size())) == all);
  ApprovalQuestion question = command_question({"sh", all, ""});
  question.requested = question.rule.text = question.rule.origin = question.rule.reason = all;
  question.asker.argv = {all, all};
  question.always_rule = all;
  const std::string text = text_of(PerUsePayload{question, all, "default"});
  const auto back = parse_payload(RequestKind::kPerUse, text);
  REQUIRE(back);
  const auto& call = std::get<PerUsePayload>(*back);
  CHECK(call.workspace == all);
  CHECK(std::get<CommandObject>(call.question.object).argv == std::get<CommandObject>(question.object).argv);
  CHECK(call.question.rule.origin == all);
  CHECK(call.question.asker.process == 4711);
  CHECK(call.question.possible == question.possible);
  CHECK(text_of(*back) == text);
  CHECK(argument_hash(call.question) == argument_hash(question));
}

TEST_CASE("payload: addresses and the other kinds come back", "[requests]") {
  for (const char* address : {"192.0.2.1:443", "[2001:db8::1]:22"}) {
    ApprovalQuestion question = approval_tests::address_question(address);
    std::get<Address>(question.object).host = "example.org";
    question.possible = {};
    const auto back = parse_payload(RequestKind::kPerUse, text_of(PerUsePayload{question, "/", ""}));
    REQUIRE(back);
    CHECK(argument_hash(std::get<PerUsePayload>(*back).question) == argument_hash(question));
    CHECK(std::get<PerUsePayload>(*back).question.possible == OutcomeSet{});
  }
  CHECK(std::get<TextPayload>(parse_payload(RequestKind::kOutput, text_of(TextPayload{"a\nb"})).value()).text ==
        "a\nb");
  const PermissionPayload wanted{"filesystem:/a", {"read"}, "why"};
  CHECK(std::get<PermissionPayload>(parse_payload(RequestKind::kPermissionRequest, text_of(wanted)).value()).resource ==
        "filesystem:/a");
}

TEST_CASE("payload: what nobody of ours has written is refused", "[requests]") {
  const std::string good = text_of(PerUsePayload{path_question("/a"), "/w", "p"});
  REQUIRE(parse_payload(RequestKind::kPerUse, good));
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    REQUIRE(text.find(from) != std::string::npos);
    return text.replace(text.find(from), from.size(), to);
  };
  for (const std::string& bad :
       {std::string(), std::string("[]"), std::string("{}"), with("\"rights\"", "\"right\""),
        with("[\"read\"]", "[\"*\"]"), with("[\"read\"]", "\"read\""), with("\"path\"", "\"device\""),
        with("\"pid\": 4711", "\"pid\": -1"), with("\"pid\": 4711", "\"pid\": \"4711\""),
        with("\"workspace\"", "\"extra\": 1, \"workspace\""), with("\"/a\"", "\"/a\\\\x1\""),
        with("\"/a\"", "\"/a\\\\n\""), with("\"once\"", "\"forever\""), good + " x",
        "{\"text\": \"" + std::string(kRequestPayloadLimit, 'x') + "\"}"}) {
    INFO(bad.substr(0, 300));
    CHECK_FALSE(parse_payload(RequestKind::kPerUse, bad));
  }
  CHECK_FALSE(parse_payload(RequestKind::kQuestion, good));
  CHECK_FALSE(parse_decision(R"({"outcome": "once"})"));
  CHECK_FALSE(parse_decision(R"({"outcome": "root", "by": "x"})"));
  CHECK_FALSE(parse_decision(R"({"outcome": "once", "by": "x", "rights": []})"));
  CHECK(parse_decision(R"({"outcome": "once", "by": "x"})"));
}

TEST_CASE("53: the hash is bound to rights, object and every word", "[requests][conformance]") {
  std::set<std::string> hashes;
  int count = 0;
  const auto add = [&](const ApprovalQuestion& question) {
    hashes.insert(argument_hash(question));
    ++count;
  };
  add(path_question("/a"));
  add(path_question("/a/"));
  add(path_question("/a", 1, {Right::kWrite}));
  add(path_question("/a", 1, {Right::kRead, Right::kWrite}));
  add(command_question({"git", "push"}));
  add(command_question({"git", "push", ""}));
  add(command_question({"git", "pushx"}));
  add(command_question({"git", "pu", "sh"}));
  add(command_question({"git push"}));
  add(command_question({"git", "push", "--force"}));
  add(approval_tests::address_question("192.0.2.1:443"));
  add(approval_tests::address_question("192.0.2.1:80"));
  CHECK(hashes.size() == static_cast<std::size_t>(count));
  // Nothing else counts: the same call asked about again is the same.
  ApprovalQuestion other = path_question("/a", 99);
  other.rule = {};
  other.asker = {};
  CHECK(argument_hash(other) == argument_hash(path_question("/a")));
  CHECK(argument_hash("filesystem:/a", std::vector<std::string>{"read"}) !=
        argument_hash("filesystem:/a", std::vector<std::string>{"read", "write"}));
}

TEST_CASE("54: an invalid decision is refused", "[requests][conformance]") {
  using enum RequestAct;
  const auto with_policy = [](const char* policy) {
    RequestDecision decision = decision_by_test();
    decision.policy = policy;
    return decision;
  };
  const HumanRequest permission = permission_request();
  CHECK(check_decision(permission, kApprove, with_policy("always_allow")));
  CHECK(check_decision(permission, kApprove, with_policy("ask_each_time")));
  CHECK(check_decision(permission, kReject, with_policy("always_deny")));
  CHECK(check_decision(permission, kReject, with_policy("ask_each_time")));
  // Each combination that would say the opposite of the act, or nothing.
  CHECK_FALSE(check_decision(permission, kApprove, with_policy("always_deny")));
  CHECK_FALSE(check_decision(permission, kReject, with_policy("always_allow")));
  CHECK_FALSE(check_decision(permission, kApprove, with_policy("allow_once")));
  CHECK_FALSE(check_decision(permission, kReject, with_policy("allow_once")));
  CHECK_FALSE(check_decision(permission, kApprove, with_policy("")));
  CHECK_FALSE(check_decision(permission, kApprove, with_policy("always")));

  HumanRequest question = text_request(RequestKind::kQuestion);
  CHECK_FALSE(check_decision(question, kApprove, decision_by_test()));
  RequestDecision answered = decision_by_test();
  answered.answer = "blue";
  CHECK(check_decision(question, kApprove, answered));
  question.status = RequestStatus::kCancelled;
  CHECK_FALSE(check_decision(question, kApprove, answered));

  ApprovalQuestion once = path_question("/a");
  once.possible = {ApprovalOutcome::kAllowOnce};
  const HumanRequest call = call_request(once);
  CHECK(check_decision(call, kApprove, decision_by_test(ApprovalOutcome::kAllowOnce)));
  CHECK_FALSE(check_decision(call, kApprove, decision_by_test(ApprovalOutcome::kAllowRun)));
  CHECK_FALSE(check_decision(call, kApprove, decision_by_test(ApprovalOutcome::kAllowAlways)));
  CHECK_FALSE(check_decision(call, kApprove, decision_by_test(ApprovalOutcome::kDeny)));
  CHECK_FALSE(check_decision(call, kReject, decision_by_test(ApprovalOutcome::kAllowOnce)));
  CHECK(check_decision(call, kReject, decision_by_test(ApprovalOutcome::kDeny)));
  CHECK_FALSE(check_decision(call, kEdit, decision_by_test()));
  CHECK_FALSE(check_decision(call, kApprove, with_policy("always_allow")));
}

TEST_CASE("an edit is narrower than what was asked for", "[requests]") {
  const PermissionPayload asked{"filesystem:/srv/data/*", {"read", "write"}, ""};
  CHECK(is_narrower({"filesystem:/srv/data/*", {"read"}, ""}, asked));
  CHECK(is_narrower({"filesystem:/srv/data/sub/*", {"read", "write"}, ""}, asked));
  CHECK(is_narrower({"filesystem:/srv/data", {"write"}, ""}, asked));
  for (const PermissionPayload& wider :
       {asked, PermissionPayload{"filesystem:/srv/*", {"read"}, ""},
        PermissionPayload{"filesystem:/srv/data2", {"read"}, ""},
        PermissionPayload{"filesystem:/srv/data/*", {"read", "execute"}, ""},
        PermissionPayload{"filesystem:/srv/data/*", {}, ""},
        PermissionPayload{"filesystem:/srv/data/../x", {"read"}, ""},
        PermissionPayload{"filesystem:/srv/data/a/..", {"read"}, ""}, PermissionPayload{"shell:sh", {"read"}, ""}}) {
    INFO(wider.resource);
    CHECK_FALSE(is_narrower(wider, asked));
  }
  HumanRequest request = permission_request();
  RequestDecision decision = decision_by_test();
  decision.policy = "always_allow";
  decision.edited = PermissionPayload{"filesystem:/srv/*", {"read"}, ""};
  CHECK_FALSE(check_decision(request, RequestAct::kEdit, decision));
  decision.edited = PermissionPayload{"filesystem:/srv/data/a", {"read"}, ""};
  CHECK(check_decision(request, RequestAct::kEdit, decision));
  CHECK_FALSE(check_decision(request, RequestAct::kApprove, decision));
}

}  // namespace
}  // namespace writ::request_tests
