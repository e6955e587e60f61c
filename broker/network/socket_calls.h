// SocketCalls: answers the calls of network_traps(): connects to and binds at what the rules give on the host, and does
// everything else in the sandbox's own network.
//
// How, and why it holds. A socket belongs to the network namespace in which it was made. Those that the tool makes
// belong to the sandbox's own, empty one and reach nothing outside, so they need no guarding. What a rule gives is a
// socket that the broker makes in the host's namespace, connects or binds, and puts in place of the caller's. From then
// on the caller holds power, and must not be able to aim it elsewhere. So every call that could (connect, bind, listen)
// is made *by the broker*: on the open file that it took from the caller, with the address that it copied. It never
// lets the kernel read the caller's memory or table again (CONTINUE): between the decision and that reading, a second
// thread could put a socket of the host under the number, AF_UNSPEC into the address, and take the socket's peer away.
// Where Landlock refuses TCP to the tool's own calls (ABI 4), that is held twice.
//
// Ownership: owns the sockets of waiting connects. Threads: that of the NotificationLoop; nothing blocks. Fork: all
// descriptors are close-on-exec.
#ifndef WRIT_BROKER_NETWORK_SOCKET_CALLS_H_
#define WRIT_BROKER_NETWORK_SOCKET_CALLS_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <variant>

#include "broker/base/error.h"
#include "broker/mediation/notification_handler.h"
#include "broker/mediation/notification_loop.h"
#include "broker/network/address_rules.h"
#include "broker/network/caller_socket.h"
#include "broker/network/network_denial.h"
#include "broker/network/socket_address.h"
#include "broker/network/waiting_connects.h"

namespace writ {

// Does Landlock refuse TCP to the tool's own connect and bind?
enum class TcpFloor : std::uint8_t { kNone, kLandlock };

class SocketCalls final : public NotificationHandler {
 public:
  // `rules` and `loop` are borrowed and outlive this object. Registers itself for the calls of network_traps(). Call in
  // the host's network namespace. Errors: a kernel without SO_NETNS_COOKIE.
  [[nodiscard]] static Result<std::unique_ptr<SocketCalls>> attach(const AddressRules& rules, NotificationLoop& loop,
                                                                   TcpFloor floor, DenialSink on_denied);

  [[nodiscard]] std::variant<std::unique_ptr<CallCopy>, Answer> read(const Notification& call) override;
  [[nodiscard]] Answer decide(std::uint64_t id, std::unique_ptr<CallCopy> copy) override;
  void abandon(std::uint64_t id) override;

  // What to poll for POLLIN, and for how long at most; then finish_waiting().
  [[nodiscard]] int poll_descriptor() const { return waiting_.poll_descriptor(); }
  [[nodiscard]] std::optional<std::chrono::milliseconds> poll_timeout() const { return waiting_.poll_timeout(); }
  void finish_waiting();

 private:
  struct Call;
  SocketCalls(const AddressRules& rules, NotificationLoop& loop, TcpFloor floor, DenialSink on_denied,
              std::uint64_t host, WaitingConnects waiting);

  [[nodiscard]] Answer connect(std::uint64_t id, Call& call);
  [[nodiscard]] Answer bind(std::uint64_t id, Call& call);
  [[nodiscard]] Answer listen(std::uint64_t id, Call& call);
  [[nodiscard]] Answer other_family(const Call& call) const;
  [[nodiscard]] Answer deny(const Call& call, std::string because) const;

  [[nodiscard]] Answer connect_in_place(std::uint64_t id, Call& call);
  [[nodiscard]] Answer connect_on_host(std::uint64_t id, Call& call);
  [[nodiscard]] Answer bind_on_host(std::uint64_t id, Call& call);
  [[nodiscard]] Answer go_on(std::uint64_t id, WaitingConnect connect, int error);
  [[nodiscard]] Answer hand_over(std::uint64_t id, CallerSocket& caller, PromptSocket made, int error);

  const AddressRules& rules_;
  NotificationLoop& loop_;
  TcpFloor floor_;
  DenialSink on_denied_;
  std::uint64_t host_;  // network_cookie() of the broker's sockets
  WaitingConnects waiting_;
  std::set<std::uint64_t> bound_;  // socket_cookie() of the sockets that a rule let be bound on the host
};

}  // namespace writ

#endif  // WRIT_BROKER_NETWORK_SOCKET_CALLS_H_
