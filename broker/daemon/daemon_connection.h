// DaemonConnection: one client of the daemon. The protocol is that of the broker socket (docs/protocol.md): requests
// with a name and arguments, answered by replies and refusals; an answer may come much later than its request.
//
// A client that breaks the protocol, or does not read what it asked for, is disconnected; nobody waits for it.
// Ownership: owns the socket; borrows loop and service. Threads: one.
#ifndef WRIT_BROKER_DAEMON_DAEMON_CONNECTION_H_
#define WRIT_BROKER_DAEMON_DAEMON_CONNECTION_H_

#include <cstdint>
#include <deque>
#include <string_view>
#include <vector>

#include "broker/base/error.h"
#include "broker/base/json_text.h"
#include "broker/base/unique_fd.h"
#include "broker/daemon/daemon_place.h"
#include "broker/daemon/event_loop.h"
#include "broker/protocol/connection_state.h"
#include "broker/protocol/message_channel.h"
#include "broker/protocol/message_forms.h"

namespace writ {

class DaemonConnection;

// Who answers.
class DaemonService {
 public:
  DaemonService() = default;
  DaemonService(const DaemonService&) = delete;
  DaemonService& operator=(const DaemonService&) = delete;
  virtual ~DaemonService() = default;
  // To be answered with reply() or refuse(), now or later.
  virtual void request(DaemonConnection& from, std::uint64_t id, NamedArguments request,
                       std::vector<UniqueFd> descriptors) = 0;
  // The connection is over; it must be destroyed, but not from inside of this call.
  virtual void closed(DaemonConnection& connection) = 0;
};

class DaemonConnection {
 public:
  DaemonConnection(EventLoop& loop, DaemonService& service, UniqueFd socket, PeerIdentity peer);
  DaemonConnection(const DaemonConnection&) = delete;
  DaemonConnection& operator=(const DaemonConnection&) = delete;
  ~DaemonConnection();

  // Begins to listen. Error: the kernel's.
  [[nodiscard]] Status start();

  void reply(std::uint64_t id, JsonValue value, std::vector<UniqueFd> descriptors = {});
  // `code` is one of kRefusalCodes.
  void refuse(std::uint64_t id, std::string_view code);

  [[nodiscard]] const PeerIdentity& peer() const { return peer_; }
  [[nodiscard]] bool is_closed() const { return closed_; }

 private:
  void on_events(std::uint32_t events);
  [[nodiscard]] Status receive_one();
  [[nodiscard]] Status take(Message message);
  void send(Message message);
  [[nodiscard]] bool has_room() const;
  void flush();
  void close();

  EventLoop& loop_;
  DaemonService& service_;
  MessageChannel channel_;
  BrokerEnd state_;
  PeerIdentity peer_;
  std::deque<Message> unsent_;
  bool closed_ = false;
};

}  // namespace writ

#endif  // WRIT_BROKER_DAEMON_DAEMON_CONNECTION_H_
