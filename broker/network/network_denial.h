// NetworkDenial: one address that a tool asked for and did not get. Plain data.
#ifndef WRIT_BROKER_NETWORK_NETWORK_DENIAL_H_
#define WRIT_BROKER_NETWORK_NETWORK_DENIAL_H_

#include <sys/types.h>

#include <functional>
#include <string>
#include <string_view>

namespace writ {

struct NetworkDenial {
  pid_t thread = 0;        // of the caller, in the broker's pid namespace
  std::string_view call;   // "connect", "listen"; static storage
  std::string address;     // "192.0.2.1:80"; empty where the call has none
  std::string because;     // the rule, or that there is none
};

// Called for each denial, on the thread of the notification loop.
using DenialSink = std::function<void(const NetworkDenial&)>;

}  // namespace writ

#endif  // WRIT_BROKER_NETWORK_NETWORK_DENIAL_H_
