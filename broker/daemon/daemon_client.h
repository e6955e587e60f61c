// DaemonClient: the other end of a DaemonConnection: asks the daemon, and gets answers in the order in which they come.
//
// Ownership: owns the socket. Threads: one. Fork: the connection is this process's.
#ifndef WRIT_BROKER_DAEMON_DAEMON_CLIENT_H_
#define WRIT_BROKER_DAEMON_DAEMON_CLIENT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/error.h"
#include "broker/base/json_text.h"
#include "broker/base/unique_fd.h"
#include "broker/protocol/message_channel.h"

namespace writ {

struct DaemonAnswer {
  std::uint64_t id = 0;  // of the request; 0: the welcome, which is an answer to none
  std::string refusal;   // one of kRefusalCodes; empty: it was done
  JsonValue value;
  std::vector<UniqueFd> descriptors;
};

class DaemonClient {
 public:
  // `socket` is connected (connect_to_daemon()). Says hello and does not wait for the answer. Error: the kernel's.
  [[nodiscard]] static Result<DaemonClient> open(UniqueFd socket);

  // Sends a request and returns its number. `descriptors` are closed once they are on their way. Errors: the daemon is
  // gone (EPIPE); the request is too large (EMSGSIZE).
  [[nodiscard]] Result<std::uint64_t> send(std::string_view name, JsonObject arguments,
                                           std::vector<UniqueFd> descriptors = {});
  // Waits for one message: after poll(2) said that there is one, it does not wait. Errors: the daemon is gone (EPIPE),
  // or speaks another protocol.
  [[nodiscard]] Result<DaemonAnswer> receive();
  // Both. For connections on which nothing else is asked meanwhile.
  [[nodiscard]] Result<DaemonAnswer> ask(std::string_view name, JsonObject arguments);

  // For poll(2): receive() has something to do.
  [[nodiscard]] int descriptor() const { return channel_.descriptor(); }

 private:
  explicit DaemonClient(UniqueFd socket) : channel_(std::move(socket)) {}

  MessageChannel channel_;
  std::uint64_t last_request_ = 0;
};

}  // namespace writ

#endif  // WRIT_BROKER_DAEMON_DAEMON_CLIENT_H_
