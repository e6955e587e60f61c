// Which message may come or go when, at both ends of the broker socket.
#include <catch2/catch.hpp>
#include <string>

#include "broker/protocol/connection_state.h"

namespace writ {
namespace {

using enum MessageType;

// An end that has come to a phase by the messages that lead there. Request 5 and, from `called` on, call 9 are open.
template <class End>
End end_in(ConnectionPhase phase) {
  constexpr bool kIsBroker = std::is_same_v<End, BrokerEnd>;
  End end;
  const auto from_tool = [&](MessageType type, std::uint64_t id) {
    REQUIRE((kIsBroker ? end.admit(type, id) : end.announce(type, id)));
  };
  const auto from_broker = [&](MessageType type, std::uint64_t id) {
    REQUIRE((kIsBroker ? end.announce(type, id) : end.admit(type, id)));
  };
  if (phase >= ConnectionPhase::kGreeted) from_tool(kHello, 0);
  if (phase >= ConnectionPhase::kReady) from_broker(kWelcome, 0), from_tool(kRequest, 5);
  if (phase >= ConnectionPhase::kCalled) from_broker(kCall, 9);
  if (phase >= ConnectionPhase::kFinished) from_tool(kResult, 9);
  REQUIRE(end.phase() == phase);
  return end;
}

std::uint64_t fitting_id(MessageType type) {
  switch (type) {
    case kHello:
    case kWelcome:
      return 0;
    case kRequest:
      return 6;
    case kReply:
    case kRefusal:
      return 5;
    default:
      return 9;
  }
}

// Letters of the messages that an end lets come (small) and go (capital) in a phase, written down from the document.
template <class End>
std::string allowed_in(ConnectionPhase phase) {
  std::string allowed;
  for (std::size_t i = 1; i <= kMessageTypeCount; ++i) {
    const auto type = static_cast<MessageType>(i);
    End coming = end_in<End>(phase);
    if (coming.admit(type, fitting_id(type))) allowed += "<" + std::string(message_name(type)) + " ";
    End going = end_in<End>(phase);
    if (going.announce(type, fitting_id(type))) allowed += ">" + std::string(message_name(type)) + " ";
  }
  return allowed;
}

TEST_CASE("the broker's end lets pass what the table says and nothing else", "[protocol]") {
  CHECK(allowed_in<BrokerEnd>(ConnectionPhase::kNew) == "<hello ");
  CHECK(allowed_in<BrokerEnd>(ConnectionPhase::kGreeted) == ">welcome ");
  CHECK(allowed_in<BrokerEnd>(ConnectionPhase::kReady) == ">call <request >reply >refusal ");
  CHECK(allowed_in<BrokerEnd>(ConnectionPhase::kCalled) == "<request >reply >refusal <result <failure ");
  CHECK(allowed_in<BrokerEnd>(ConnectionPhase::kFinished).empty());
}

TEST_CASE("the tool's end lets pass what the table says and nothing else", "[protocol]") {
  CHECK(allowed_in<ToolEnd>(ConnectionPhase::kNew) == ">hello ");
  CHECK(allowed_in<ToolEnd>(ConnectionPhase::kGreeted) == "<welcome ");
  CHECK(allowed_in<ToolEnd>(ConnectionPhase::kReady) == "<call >request <reply <refusal ");
  CHECK(allowed_in<ToolEnd>(ConnectionPhase::kCalled) == ">request <reply <refusal >result >failure ");
  CHECK(allowed_in<ToolEnd>(ConnectionPhase::kFinished) == "<reply <refusal ");
}

TEST_CASE("ids of requests grow", "[protocol]") {
  auto end = end_in<BrokerEnd>(ConnectionPhase::kReady);  // request 5 was there
  CHECK_FALSE(end.admit(kRequest, 5));
  CHECK_FALSE(end.admit(kRequest, 4));
  CHECK(end.admit(kRequest, 7));
  CHECK_FALSE(end.admit(kRequest, 6));
  REQUIRE(end.announce(kReply, 7));
  CHECK_FALSE(end.admit(kRequest, 7));  // an id is not used again, answered or not
  CHECK(end.admit(kRequest, UINT64_MAX));
  CHECK_FALSE(end.admit(kRequest, 8));
}

TEST_CASE("at most sixteen requests have no answer", "[protocol]") {
  auto end = end_in<BrokerEnd>(ConnectionPhase::kReady);
  for (std::uint64_t id = 6; id < 5 + kOutstandingLimit; ++id) REQUIRE(end.admit(kRequest, id));
  CHECK(end.outstanding() == kOutstandingLimit);
  CHECK_FALSE(end.admit(kRequest, 100));
  REQUIRE(end.announce(kRefusal, 8));
  CHECK(end.admit(kRequest, 100));
  CHECK_FALSE(end.admit(kRequest, 101));
}

TEST_CASE("an answer belongs to a request, once", "[protocol]") {
  auto end = end_in<BrokerEnd>(ConnectionPhase::kReady);
  CHECK_FALSE(end.announce(kReply, 6));
  CHECK(end.is_outstanding(5));
  CHECK(end.announce(kReply, 5));
  CHECK_FALSE(end.is_outstanding(5));
  CHECK_FALSE(end.announce(kReply, 5));
  CHECK_FALSE(end.announce(kRefusal, 5));
}

TEST_CASE("a result belongs to the call", "[protocol]") {
  auto end = end_in<BrokerEnd>(ConnectionPhase::kCalled);
  CHECK(end.call() == 9);
  CHECK_FALSE(end.admit(kResult, 8));
  CHECK_FALSE(end.admit(kFailure, 5));
  CHECK(end.phase() == ConnectionPhase::kCalled);
  CHECK(end.admit(kFailure, 9));
  CHECK_FALSE(end.admit(kResult, 9));
}

TEST_CASE("there is a row for each message, in their order", "[protocol]") {
  const auto rules = message_rules();
  REQUIRE(rules.size() == kMessageTypeCount);
  for (std::size_t i = 0; i < rules.size(); ++i) CHECK(static_cast<std::size_t>(rules[i].type) == i + 1);
}

}  // namespace
}  // namespace writ
