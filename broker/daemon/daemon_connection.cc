#include "broker/daemon/daemon_connection.h"

#include <poll.h>
#include <sys/epoll.h>

#include <cerrno>
#include <utility>

namespace writ {
namespace {

// There are at most kOutstandingLimit requests without an answer, so a client that reads never comes near it.
constexpr std::size_t kUnsentLimit = 64;
// Messages of one client that are taken in a row: the others wait meanwhile.
constexpr int kMessagesAtOnce = 16;

constexpr std::string_view kNoCorrelation = "0";

}  // namespace

DaemonConnection::DaemonConnection(EventLoop& loop, DaemonService& service, UniqueFd socket, PeerIdentity peer)
    : loop_(loop), service_(service), channel_(std::move(socket), RequestDescriptors::kAllowed), peer_(peer) {}

DaemonConnection::~DaemonConnection() { loop_.forget(channel_.descriptor()); }

Status DaemonConnection::start() {
  return loop_.watch(channel_.descriptor(), EPOLLIN, [this](std::uint32_t events) { on_events(events); });
}

void DaemonConnection::close() {
  if (closed_) return;
  closed_ = true;
  unsent_.clear();
  loop_.forget(channel_.descriptor());
  service_.closed(*this);
}

Status DaemonConnection::take(Message message) {
  WRIT_TRY(state_.admit(message.type, message.id));
  if (message.type == MessageType::kHello) {
    WRIT_ASSIGN(const std::string client, read_hello(std::move(message.payload)));
    WRIT_TRY(state_.announce(MessageType::kWelcome, 0));
    send(welcome_message());
    return {};
  }
  if (message.type != MessageType::kRequest) return fail("a message that no client sends");
  WRIT_ASSIGN(NamedArguments request, read_request(std::move(message.payload)));
  service_.request(*this, message.id, std::move(request), std::move(message.descriptors));
  return {};
}

// Error: the connection is over, for whatever reason.
Status DaemonConnection::receive_one() {
  auto message = channel_.receive();
  if (!message) return tl::unexpected<Error>(std::move(message.error()));
  if (!*message) return fail("the client is gone");
  return take(std::move(**message));
}

void DaemonConnection::on_events(std::uint32_t events) {
  if ((events & EPOLLOUT) != 0) flush();
  if ((events & ~static_cast<std::uint32_t>(EPOLLOUT)) == 0) return;
  for (int i = 0; i < kMessagesAtOnce && !closed_; ++i) {
    const Status received = receive_one();
    if (received) continue;
    if (received.error().system_errno != EAGAIN) close();
    return;
  }
}

void DaemonConnection::send(Message message) {
  if (closed_) return;
  if (unsent_.size() >= kUnsentLimit) return close();
  unsent_.push_back(std::move(message));
  if (unsent_.size() == 1) flush();
}

// Asked for beforehand: a message that finds no room is lost with its descriptors.
bool DaemonConnection::has_room() const {
  pollfd entry{channel_.descriptor(), POLLOUT, 0};
  return ::poll(&entry, 1, 0) == 1 && (entry.revents & POLLOUT) != 0;
}

void DaemonConnection::flush() {
  while (!unsent_.empty() && has_room()) {
    const Status sent = channel_.send(std::move(unsent_.front()), SendWait::kNever);
    unsent_.pop_front();
    if (!sent) return close();
  }
  loop_.change(channel_.descriptor(), unsent_.empty() ? EPOLLIN : EPOLLIN | EPOLLOUT);
}

void DaemonConnection::reply(std::uint64_t id, JsonValue value, std::vector<UniqueFd> descriptors) {
  if (closed_ || !state_.announce(MessageType::kReply, id)) return;
  send(reply_message(id, std::move(value), std::move(descriptors)));
}

void DaemonConnection::refuse(std::uint64_t id, std::string_view code) {
  if (closed_ || !state_.announce(MessageType::kRefusal, id)) return;
  send(refusal_message(id, code, kNoCorrelation));
}

}  // namespace writ
