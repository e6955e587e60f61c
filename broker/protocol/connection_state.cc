#include "broker/protocol/connection_state.h"

#include <algorithm>
#include <array>
#include <string>

namespace writ {
namespace {

using enum ConnectionPhase;
using enum ConnectionEnd;

constexpr std::array<MessageRule, kMessageTypeCount> kRules = {{
    {MessageType::kHello, kTool, {kNew}, {kNew}},
    {MessageType::kWelcome, kBroker, {kGreeted}, {kGreeted}},
    {MessageType::kCall, kBroker, {kReady}, {kReady}},
    {MessageType::kRequest, kTool, {kReady, kCalled}, {kReady, kCalled}},
    {MessageType::kReply, kBroker, {kReady, kCalled}, {kReady, kCalled, kFinished}},
    {MessageType::kRefusal, kBroker, {kReady, kCalled}, {kReady, kCalled, kFinished}},
    {MessageType::kResult, kTool, {kCalled}, {kCalled}},
    {MessageType::kFailure, kTool, {kCalled}, {kCalled}},
}};

constexpr std::array<std::string_view, kConnectionPhaseCount> kPhaseNames = {"new", "greeted", "ready", "called",
                                                                             "finished"};

const MessageRule& rule_of(MessageType type) { return kRules[static_cast<std::size_t>(type) - 1]; }

std::string a_message(MessageType type) { return "a message of type " + std::string(message_name(type)); }

}  // namespace

std::string_view phase_name(ConnectionPhase phase) { return kPhaseNames[static_cast<std::size_t>(phase)]; }

std::span<const MessageRule> message_rules() { return kRules; }

bool ConnectionState::is_outstanding(std::uint64_t id) const {
  return std::find(outstanding_.begin(), outstanding_.end(), id) != outstanding_.end();
}

Status ConnectionState::admit(MessageType type, std::uint64_t id) {
  return pass(type, id, end_ == kBroker ? kTool : kBroker);
}

Status ConnectionState::announce(MessageType type, std::uint64_t id) { return pass(type, id, end_); }

Status ConnectionState::pass(MessageType type, std::uint64_t id, ConnectionEnd sender) {
  const MessageRule& rule = rule_of(type);
  if (rule.sender != sender) return fail(a_message(type) + " does not go this way");
  const PhaseSet phases = end_ == kBroker ? rule.at_broker : rule.at_tool;
  if (!phases.has(phase_))
    return fail(a_message(type) + " has no place in a connection that is " + std::string(phase_name(phase_)));
  switch (type) {
    case MessageType::kHello:
      phase_ = kGreeted;
      return {};
    case MessageType::kWelcome:
      phase_ = kReady;
      return {};
    case MessageType::kCall:
      call_ = id;
      phase_ = kCalled;
      return {};
    case MessageType::kRequest:
      return take_request(id);
    case MessageType::kReply:
    case MessageType::kRefusal:
      return take_answer(id);
    case MessageType::kResult:
    case MessageType::kFailure:
      return take_result(id);
  }
  return fail("there is no such message");
}

Status ConnectionState::take_request(std::uint64_t id) {
  if (id <= last_request_) return fail("the id of a request is not greater than that of the one before");
  if (outstanding_.size() >= kOutstandingLimit) return fail("more than 16 requests have no answer");
  outstanding_.push_back(id);
  last_request_ = id;
  return {};
}

Status ConnectionState::take_answer(std::uint64_t id) {
  const auto found = std::find(outstanding_.begin(), outstanding_.end(), id);
  if (found == outstanding_.end()) return fail("an answer has the id of no request that waits for one");
  outstanding_.erase(found);
  return {};
}

Status ConnectionState::take_result(std::uint64_t id) {
  if (id != call_) return fail("a result has another id than the call");
  phase_ = kFinished;
  return {};
}

}  // namespace writ
