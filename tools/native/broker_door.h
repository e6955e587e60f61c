// BrokerDoor: what a native tool sees of the broker. A tool has no other way to reach anything, so that a fake door in
// memory is all that a unit test needs. The real one is in main.cc.
//
// Threads: one. Fork: tools do not fork.
#ifndef WRIT_TOOLS_NATIVE_BROKER_DOOR_H_
#define WRIT_TOOLS_NATIVE_BROKER_DOOR_H_

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "broker/base/json_text.h"
#include "broker/base/unique_fd.h"

namespace writ::tools {

// Why a request or a call failed: the closed list of protocol version 1.
enum class FailureCode {
  kInvalidArguments,
  kUnknownName,
  kDenied,
  kNotFound,
  kExists,
  kConflict,
  kTooLarge,
  kWrongKind,
  kLimit,
  kTimedOut,
  kCancelled,
  kUnavailable,
  kFailed,
};

// The word of the protocol: "invalid_arguments".
[[nodiscard]] std::string_view failure_code_name(FailureCode code);
// The code of a word; a word that is not in the list is kFailed.
[[nodiscard]] FailureCode failure_code_of(std::string_view name);

struct Reply {
  JsonValue value;
  std::vector<UniqueFd> descriptors;
};

struct RequestError {
  FailureCode code = FailureCode::kFailed;
  std::string correlation;  // under which the broker's audit log has the reason; may be empty
};

template <class T>
using DoorResult = tl::expected<T, RequestError>;

class BrokerDoor {
 public:
  BrokerDoor() = default;
  BrokerDoor(const BrokerDoor&) = delete;
  BrokerDoor& operator=(const BrokerDoor&) = delete;
  virtual ~BrokerDoor() = default;

  // Asks for one primitive and waits for the answer. Error: the broker's refusal, or kUnavailable where it is gone.
  [[nodiscard]] virtual DoorResult<Reply> request(std::string_view name, JsonObject arguments) = 0;
};

}  // namespace writ::tools

#endif  // WRIT_TOOLS_NATIVE_BROKER_DOOR_H_
