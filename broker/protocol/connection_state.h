// Which message may come or go when. Pure; one thread for each object, as it changes with each message.
//
//   BrokerEnd end;
//   WRIT_TRY(end.admit(message.type, message.id));   // what came; an error closes the connection
//   WRIT_TRY(end.announce(MessageType::kReply, 7));  // what is about to be sent; an error: it must not be sent
#ifndef WRIT_BROKER_PROTOCOL_CONNECTION_STATE_H_
#define WRIT_BROKER_PROTOCOL_CONNECTION_STATE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "broker/base/error.h"
#include "broker/protocol/message.h"

namespace writ {

enum class ConnectionEnd : std::uint8_t { kBroker, kTool };

// greeted: the hello is on its way or was read, its welcome is not.
enum class ConnectionPhase : std::uint8_t { kNew, kGreeted, kReady, kCalled, kFinished };
inline constexpr std::size_t kConnectionPhaseCount = 5;

[[nodiscard]] std::string_view phase_name(ConnectionPhase phase);

class PhaseSet {
 public:
  constexpr PhaseSet(std::initializer_list<ConnectionPhase> phases) {
    for (const ConnectionPhase phase : phases) bits_ |= bit(phase);
  }
  [[nodiscard]] constexpr bool has(ConnectionPhase phase) const { return (bits_ & bit(phase)) != 0; }

 private:
  static constexpr unsigned bit(ConnectionPhase phase) { return 1U << static_cast<unsigned>(phase); }
  unsigned bits_ = 0;
};

// A row of the table: who sends the message, and in which phases each end lets it pass. The ends differ in one thing: a
// reply that the broker sent before it read the result reaches a tool that is finished already.
struct MessageRule {
  MessageType type;
  ConnectionEnd sender;
  PhaseSet at_broker;
  PhaseSet at_tool;
};

// One row for each type, in their order.
[[nodiscard]] std::span<const MessageRule> message_rules();

// The state of one end.
class ConnectionState {
 public:
  explicit ConnectionState(ConnectionEnd end) : end_(end) {}

  // Takes note of a message that came. Errors: it is not one for this end, not in this phase; a request whose id is
  // not greater than that of the one before, or which is the seventeenth without an answer; an answer to nothing. The
  // state is then unchanged, and the connection is to be closed.
  [[nodiscard]] Status admit(MessageType type, std::uint64_t id);

  // Takes note of a message that is about to be sent. Errors: the same rules; it must not be sent.
  [[nodiscard]] Status announce(MessageType type, std::uint64_t id);

  [[nodiscard]] ConnectionPhase phase() const { return phase_; }
  // Requests without an answer.
  [[nodiscard]] std::size_t outstanding() const { return outstanding_.size(); }
  [[nodiscard]] bool is_outstanding(std::uint64_t id) const;
  // The id of the call, 0 before there is one.
  [[nodiscard]] std::uint64_t call() const { return call_; }

 private:
  [[nodiscard]] Status pass(MessageType type, std::uint64_t id, ConnectionEnd sender);
  [[nodiscard]] Status take_request(std::uint64_t id);
  [[nodiscard]] Status take_answer(std::uint64_t id);
  [[nodiscard]] Status take_result(std::uint64_t id);

  ConnectionEnd end_;
  ConnectionPhase phase_ = ConnectionPhase::kNew;
  std::uint64_t last_request_ = 0;
  std::uint64_t call_ = 0;
  std::vector<std::uint64_t> outstanding_;
};

class BrokerEnd : public ConnectionState {
 public:
  BrokerEnd() : ConnectionState(ConnectionEnd::kBroker) {}
};

class ToolEnd : public ConnectionState {
 public:
  ToolEnd() : ConnectionState(ConnectionEnd::kTool) {}
};

}  // namespace writ

#endif  // WRIT_BROKER_PROTOCOL_CONNECTION_STATE_H_
