#include "broker/daemon/output_pump.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

namespace writ {
namespace {

// Sent in one go to one client; the loop serves the others then.
constexpr std::size_t kShare = std::size_t{64} << 10;

}  // namespace

OutputPump::OutputPump(EventLoop& loop, const OutputRing& ring, UniqueFd socket,
                       std::function<void(std::string_view)> typed, std::function<void()> ended)
    : loop_(loop), ring_(ring), socket_(std::move(socket)), typed_(std::move(typed)), ended_(std::move(ended)) {
  position_ = ring.first();
}

OutputPump::~OutputPump() { loop_.forget(socket_.get()); }

Status OutputPump::start() {
  WRIT_TRY(loop_.watch(socket_.get(), EPOLLIN, [this](std::uint32_t events) { on_events(events); }));
  pump();
  return {};
}

void OutputPump::end() {
  if (over_) return;
  over_ = true;
  loop_.forget(socket_.get());
  socket_.reset();
  ended_();
}

void OutputPump::receive() {
  std::array<char, 4096> buffer;
  const ssize_t count = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) return end();
  if (typed_) typed_({buffer.data(), static_cast<std::size_t>(count)});
}

void OutputPump::on_events(std::uint32_t events) {
  if ((events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0) receive();
  if (!over_ && (events & EPOLLOUT) != 0) pump();
}

bool OutputPump::send(std::string_view bytes, std::size_t& sent) {
  const ssize_t count = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  sent = count > 0 ? static_cast<std::size_t>(count) : 0;
  if (count < 0 && errno != EAGAIN && errno != EINTR) end();
  return !over_ && sent == bytes.size();
}

void OutputPump::pump() {
  bool room = !over_;
  std::size_t share = kShare;
  while (room && share > 0) {
    std::size_t sent = 0;
    if (!notice_.empty()) {
      room = send(notice_, sent);
      notice_.erase(0, sent);
      continue;
    }
    const OutputRing::Piece piece = ring_.read(position_, share);
    if (piece.lost > 0) {
      notice_.append("\nwrit: ").append(std::to_string(piece.lost)).append(" bytes are missing here\n");
      position_ += piece.lost;
      continue;
    }
    if (piece.bytes.empty()) break;
    room = send(piece.bytes, sent);
    position_ += sent;
    share -= sent;
  }
  if (over_) return;
  const bool all_sent = notice_.empty() && position_ == ring_.end();
  if (all_sent && finishing_) return end();
  loop_.change(socket_.get(), all_sent ? EPOLLIN : EPOLLIN | EPOLLOUT);
}

void OutputPump::finish() {
  finishing_ = true;
  pump();
}

}  // namespace writ
