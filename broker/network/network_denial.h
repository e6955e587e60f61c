// NetworkDenial: one thing that a tool asked of the network and did not get; and the list of those of one run.
#ifndef WRIT_BROKER_NETWORK_NETWORK_DENIAL_H_
#define WRIT_BROKER_NETWORK_NETWORK_DENIAL_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace writ {

struct NetworkDenial {
  pid_t thread = 0;       // of the first caller, in the broker's pid namespace
  std::string_view call;  // "connect", "bind", "listen"; static storage
  std::string address;    // "192.0.2.1:80"; empty where the call has none
  std::string because;    // the rule, or that there is none
  std::uint64_t times = 1;

  [[nodiscard]] std::string describe() const;  // one line for people
};

// Called for each denial, on the thread of the notification loop.
using DenialSink = std::function<void(const NetworkDenial&)>;

// The same for what is given on the host, before it is. `because` is the rule. False: it is denied all the same.
using GrantObserver = std::function<bool(const NetworkDenial& granted)>;

inline constexpr std::size_t kNetworkDenialLimit = 100;

// Each thing once and counted, in a bounded list. One thread at a time.
class NetworkDenials {
 public:
  void add(const NetworkDenial& denial);
  [[nodiscard]] const std::vector<NetworkDenial>& list() const { return list_; }
  [[nodiscard]] std::uint64_t not_listed() const { return not_listed_; }

 private:
  std::vector<NetworkDenial> list_;
  std::uint64_t not_listed_ = 0;
};

}  // namespace writ

#endif  // WRIT_BROKER_NETWORK_NETWORK_DENIAL_H_
