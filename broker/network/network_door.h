// NetworkDoor: everything of one run that answers calls about addresses: the rules, the calls, and what was denied.
//
// Ownership: owns them all; the loop is borrowed and must outlive it. Threads: that of the loop.
#ifndef WRIT_BROKER_NETWORK_NETWORK_DOOR_H_
#define WRIT_BROKER_NETWORK_NETWORK_DOOR_H_

#include <memory>
#include <utility>

#include "broker/base/error.h"
#include "broker/network/address_rules.h"
#include "broker/network/network_denial.h"
#include "broker/network/socket_calls.h"
#include "broker/policy/profile.h"

namespace writ {

class NetworkDoor {
 public:
  // For a tool that may come by sockets of the host. Call in the host's network namespace.
  [[nodiscard]] static Result<std::unique_ptr<NetworkDoor>> open(const Profile& profile, NotificationLoop& loop,
                                                                 TcpFloor floor);
  NetworkDoor(const NetworkDoor&) = delete;
  NetworkDoor& operator=(const NetworkDoor&) = delete;

  [[nodiscard]] SocketCalls& calls() { return *calls_; }
  [[nodiscard]] const NetworkDenials& denials() const { return denials_; }

  // Told of each denial, and of what is given on the host before it is (network_denial.h).
  void set_observers(DenialSink denied, GrantObserver granted) {
    on_denied_ = std::move(denied);
    calls_->set_grant_observer(std::move(granted));
  }

 private:
  explicit NetworkDoor(const Profile& profile) : rules_(profile) {}

  AddressRules rules_;
  NetworkDenials denials_;
  DenialSink on_denied_;                // empty: nobody is told
  std::unique_ptr<SocketCalls> calls_;  // borrows what is above
};

// An error for a profile whose rules about addresses nothing can hold: with the host's network nothing stands between
// the tool and any address, whatever the rules say.
[[nodiscard]] Status check_address_rules(const Profile& profile);

}  // namespace writ

#endif  // WRIT_BROKER_NETWORK_NETWORK_DOOR_H_
