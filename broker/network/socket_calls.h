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
// Where a rule asks, the call waits with the open file and the address that were copied, and goes on with those.
//
// Ownership: owns the sockets of waiting connects. Threads: that of the NotificationLoop; nothing blocks. Fork: all
// descriptors are close-on-exec.
#ifndef WRIT_BROKER_NETWORK_SOCKET_CALLS_H_
#define WRIT_BROKER_NETWORK_SOCKET_CALLS_H_

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <variant>

#include "broker/approval/questioner.h"
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

class SocketCalls final : public NotificationHandler, public AnswerTaker {
 public:
  // `rules` and `loop` are borrowed and outlive this object. Registers itself for the calls of network_traps(). Call in
  // the host's network namespace. Errors: a kernel without SO_NETNS_COOKIE.
  [[nodiscard]] static Result<std::unique_ptr<SocketCalls>> attach(const AddressRules& rules, NotificationLoop& loop,
                                                                   TcpFloor floor, DenialSink on_denied);

  ~SocketCalls() override;

  [[nodiscard]] std::variant<std::unique_ptr<CallCopy>, Answer> read(const Notification& call) override;
  [[nodiscard]] Answer decide(std::uint64_t id, std::unique_ptr<CallCopy> copy) override;
  void abandon(std::uint64_t id) override;

  // Who asks where a rule wants that; borrowed. Without it such calls are denied.
  void set_questioner(Questioner& questioner) { questioner_ = &questioner; }
  void take_answer(std::uint64_t id, Approval approval, const std::string& reason) override;

  // Told of what is given on the host.
  void set_grant_observer(GrantObserver observer) { on_granted_ = std::move(observer); }

  // What to poll for POLLIN, and for how long at most; then finish_waiting().
  [[nodiscard]] int poll_descriptor() const { return waiting_.poll_descriptor(); }
  [[nodiscard]] std::optional<std::chrono::milliseconds> poll_timeout() const { return waiting_.poll_timeout(); }
  void finish_waiting();

 private:
  struct Call;
  using OwnedCall = std::unique_ptr<Call>;
  // What an answer was about.
  struct Destination {
    Right right;
    IpAddress address;
    std::uint16_t port;
    std::uint32_t scope;
    [[nodiscard]] auto key() const { return std::tie(right, address, port, scope); }
    [[nodiscard]] friend bool operator==(const Destination& a, const Destination& b) { return a.key() == b.key(); }
    [[nodiscard]] friend bool operator<(const Destination& a, const Destination& b) { return a.key() < b.key(); }
  };
  struct Asked {
    OwnedCall call;
    std::string because;
  };
  SocketCalls(const AddressRules& rules, NotificationLoop& loop, TcpFloor floor, DenialSink on_denied,
              std::uint64_t host, WaitingConnects waiting);

  // These take the call only where it waits for somebody's answer.
  [[nodiscard]] Answer connect(std::uint64_t id, OwnedCall& call);
  [[nodiscard]] Answer bind(std::uint64_t id, OwnedCall& call);
  [[nodiscard]] Answer listen(std::uint64_t id, OwnedCall& call);
  [[nodiscard]] Answer other_family(const Call& call) const;
  [[nodiscard]] Answer deny(const Call& call, std::string because) const;
  // False: nobody may have it, because it cannot be recorded.
  [[nodiscard]] bool note_grant(const Call& call, const std::string& because) const;

  [[nodiscard]] static Destination destination_of(const Call& call);
  [[nodiscard]] bool is_approved(const Call& call) const;
  [[nodiscard]] Answer ask(std::uint64_t id, OwnedCall& call, AddressDecision decision);
  void note_approved_connection(const Call& call, int socket);

  [[nodiscard]] Answer connect_in_place(std::uint64_t id, Call& call);
  [[nodiscard]] Answer connect_on_host(std::uint64_t id, Call& call);
  [[nodiscard]] Answer bind_on_host(std::uint64_t id, Call& call);
  [[nodiscard]] Answer go_on(std::uint64_t id, WaitingConnect connect, int error);
  [[nodiscard]] Answer hand_over(std::uint64_t id, CallerSocket& caller, PromptSocket made, int error);

  const AddressRules& rules_;
  NotificationLoop& loop_;
  TcpFloor floor_;
  DenialSink on_denied_;
  GrantObserver on_granted_;  // empty: nobody is told
  std::uint64_t host_;        // network_cookie() of the broker's sockets
  WaitingConnects waiting_;
  std::set<std::uint64_t> bound_;  // socket_cookie() of the sockets that were let be bound on the host
  Questioner* questioner_ = nullptr;
  std::map<std::uint64_t, Asked> asked_;  // by the id of the waiting call
  std::set<Destination> allowed_;         // by somebody, for the run
  // Sockets of the host that somebody let be connected, by socket_cookie(), and where to: calling connect again is how
  // a program that does not block asks how far its connection is.
  std::map<std::uint64_t, Destination> connected_;
};

}  // namespace writ

#endif  // WRIT_BROKER_NETWORK_SOCKET_CALLS_H_
