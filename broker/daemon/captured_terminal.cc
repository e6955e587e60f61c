#include "broker/daemon/captured_terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace writ {
namespace {

constexpr std::size_t kReadSize = std::size_t{16} << 10;
constexpr int kReadsPerCall = 16;  // then the other sandboxes get their turn

}  // namespace

CapturedTerminal::CapturedTerminal(PseudoTerminal terminal, std::size_t kept)
    : ring_(kept),
      master_(std::move(terminal.master)),
      slave_(std::move(terminal.slave)),
      devpts_(std::move(terminal.devpts_mount)) {}

Result<std::unique_ptr<CapturedTerminal>> CapturedTerminal::create(CapturedTerminalOptions options) {
  auto made = options.instance == DevptsInstance::kPrivate ? make_private_pseudo_terminal(options.owner)
                                                           : make_host_pseudo_terminal(options.owner);
  if (!made) return tl::unexpected<Error>(std::move(made.error()));
  if (::ioctl(made->master.get(), TIOCSWINSZ, &options.size) != 0)
    return fail_errno(errno, "cannot set the size of the terminal");
  return std::unique_ptr<CapturedTerminal>(new CapturedTerminal(std::move(*made), options.kept));
}

short CapturedTerminal::poll_events() const { return static_cast<short>(typed_.empty() ? POLLIN : POLLIN | POLLOUT); }

void CapturedTerminal::handle_events(short ready) {
  if (has_ended()) return;
  if ((ready & POLLOUT) != 0) write_typed();
  for (int reads = 0; reads < kReadsPerCall && read_once(); ++reads) {
  }
}

bool CapturedTerminal::read_once() {
  if (has_ended()) return false;
  std::array<char, kReadSize> bytes;
  const ssize_t count = ::read(master_.get(), bytes.data(), bytes.size());
  if (count > 0) {
    ring_.append({bytes.data(), static_cast<std::size_t>(count)});
    return true;
  }
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  // EIO: no slave is open any more and the kernel holds nothing back (n_tty flushes its buffers before it says so).
  master_.reset();
  slave_.reset();
  typed_.clear();
  return false;
}

void CapturedTerminal::write_typed() {
  while (!typed_.empty()) {
    const ssize_t count = ::write(master_.get(), typed_.data(), typed_.size());
    if (count <= 0) return;  // later; a closed slave shows when output is read
    typed_.erase(0, static_cast<std::size_t>(count));
  }
}

void CapturedTerminal::tool_ended() {
  slave_.reset();
  while (read_once()) {
  }
  master_.reset();  // a slave that is still open somewhere has no process behind it that could write
  typed_.clear();
}

Result<ViewerId> CapturedTerminal::attach(ViewerRole role) {
  if (viewers_.size() >= kViewerLimit)
    return fail_errno(EAGAIN, "too many viewers are attached to this terminal", "detach one of them");
  if (role == ViewerRole::kWriter && writer_)
    return fail_errno(EBUSY, "somebody types on this terminal already", "attach for reading only");
  const ViewerId viewer{next_viewer_++};
  viewers_.emplace(viewer, ring_.first());
  if (role == ViewerRole::kWriter) writer_ = viewer;
  return viewer;
}

void CapturedTerminal::detach(ViewerId viewer) {
  viewers_.erase(viewer);
  if (writer_ == viewer) writer_.reset();
}

Result<OutputRing::Piece> CapturedTerminal::next(ViewerId viewer, std::size_t most) const {
  const auto found = viewers_.find(viewer);
  if (found == viewers_.end()) return fail_errno(ENOENT, "no such viewer is attached to this terminal");
  return ring_.read(found->second, most);
}

void CapturedTerminal::advance(ViewerId viewer, std::size_t bytes) {
  const auto found = viewers_.find(viewer);
  if (found == viewers_.end()) return;
  const OutputRing::Piece piece = ring_.read(found->second, bytes);
  found->second = piece.next;
}

Status CapturedTerminal::check_writer(ViewerId viewer) const {
  if (writer_ != viewer) return fail_errno(EPERM, "this viewer is attached for reading only");
  if (has_ended()) return fail_errno(EPIPE, "the tool of this terminal has ended");
  return {};
}

Result<std::size_t> CapturedTerminal::type(ViewerId viewer, std::string_view keys) {
  WRIT_TRY(check_writer(viewer));
  const std::size_t taken = std::min(keys.size(), kTypedLimit - typed_.size());
  typed_.append(keys.substr(0, taken));
  write_typed();
  return taken;
}

Status CapturedTerminal::resize(ViewerId viewer, winsize size) {
  WRIT_TRY(check_writer(viewer));
  if (::ioctl(master_.get(), TIOCSWINSZ, &size) != 0) return fail_errno(errno, "cannot set the size of the terminal");
  return {};
}

}  // namespace writ
