// MessageChannel: one end of a broker socket. Sends and receives whole messages with their descriptors; does not know
// which message is allowed when (connection_state.h).
//
// Ownership: owns the socket, and closes it when it ends. Descriptors of a sent message are closed here once they are
// on their way; those of a received one belong to the message. Those of a refused message are closed.
// Threads: one thread receives; any number may send meanwhile, each message arrives whole.
// Fork: the socket is closed on exec; a forked child must not use it.
// System calls: sendmsg, recvmsg, and for a payload in a descriptor memfd_create, write, fcntl, pread64, close. A tool
// under a filter that knows no others can use both directions.
#ifndef WRIT_BROKER_PROTOCOL_MESSAGE_CHANNEL_H_
#define WRIT_BROKER_PROTOCOL_MESSAGE_CHANNEL_H_

#include <cstdint>
#include <optional>
#include <utility>

#include "broker/base/error.h"
#include "broker/base/unique_fd.h"
#include "broker/protocol/message.h"

namespace writ {

// What send() does where the other end does not read and the socket is full. After poll(2) said POLLOUT one message
// always has room.
enum class SendWait : std::uint8_t { kForRoom, kNever };

class MessageChannel {
 public:
  // `socket` is a connected SOCK_SEQPACKET socket. `requests`: of those that come.
  explicit MessageChannel(UniqueFd socket, RequestDescriptors requests = RequestDescriptors::kNone)
      : socket_(std::move(socket)), requests_(requests) {}

  // Makes a connected pair, both closed on exec. Errors: the kernel's.
  [[nodiscard]] static Result<std::pair<UniqueFd, UniqueFd>> pair();

  // Sends `message`, in a sealed memfd where it is larger than a packet, and closes its descriptors.
  // Errors: EMSGSIZE: a payload above the limits, too many descriptors (nothing is sent, the connection is sound);
  // EAGAIN: the socket is full, and `wait` is kNever (or it is set to non-blocking); EPIPE, ECONNRESET: the other end
  // is closed.
  [[nodiscard]] Status send(Message message, SendWait wait = SendWait::kForRoom) const;

  // Waits for the next message. Nothing: the other end is closed, and everything it sent was received.
  // Errors: with an errno what the kernel said; without one what is wrong with the message that came. After such an
  // error there is no next message: this call only fails, and the owner closes the connection by ending the channel.
  // EAGAIN is no such error; it comes from a socket that is set to non-blocking.
  [[nodiscard]] Result<std::optional<Message>> receive();

  // The socket, for poll(2).
  [[nodiscard]] int descriptor() const { return socket_.get(); }

 private:
  [[nodiscard]] Result<std::optional<Message>> receive_message();

  UniqueFd socket_;
  RequestDescriptors requests_;
  bool broken_ = false;
};

}  // namespace writ

#endif  // WRIT_BROKER_PROTOCOL_MESSAGE_CHANNEL_H_
