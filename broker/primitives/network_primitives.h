// network.connect: a connected stream socket, made by the broker, for an address that is allowed.
//
//   network.connect  {host, port} → {address} and the socket
//
// The tool can neither aim it elsewhere nor make another one: its filter has no connect and no socket. Names are not
// looked up (but for localhost): who wants one reached looks it up outside.
#ifndef WRIT_BROKER_PRIMITIVES_NETWORK_PRIMITIVES_H_
#define WRIT_BROKER_PRIMITIVES_NETWORK_PRIMITIVES_H_

#include <chrono>

#include "broker/base/json_text.h"
#include "broker/primitives/permit.h"
#include "broker/primitives/primitive.h"

namespace writ {

struct NetworkContext {
  PrimitiveAuthority& authority;
  int cancel = -1;  // borrowed: ends the waiting
  std::chrono::milliseconds time_limit{10'000};
};

// Errors: kInvalidArguments; kUnavailable: a name; kDenied; kTimedOut; kFailed: nobody answers there.
[[nodiscard]] PrimitiveResult network_connect(NetworkContext& context, const JsonObject& arguments);

}  // namespace writ

#endif  // WRIT_BROKER_PRIMITIVES_NETWORK_PRIMITIVES_H_
