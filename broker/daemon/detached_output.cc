#include "broker/daemon/detached_output.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace writ {
namespace {

constexpr std::size_t kReadAtOnce = std::size_t{64} << 10;

Result<UniqueFd> sealed_copy(const OutputRing& ring) {
  UniqueFd memory(::memfd_create("writ-output", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memory.valid()) return fail_errno(errno, "cannot copy the output");
  for (std::uint64_t position = ring.first(); position < ring.end();) {
    const OutputRing::Piece piece = ring.read(position);
    if (::write(memory.get(), piece.bytes.data(), piece.bytes.size()) != static_cast<ssize_t>(piece.bytes.size()))
      return fail_errno(errno, "cannot copy the output");
    position = piece.next;
  }
  (void)::lseek(memory.get(), 0, SEEK_SET);
  if (::fcntl(memory.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0)
    return fail_errno(errno, "cannot seal the output");
  return memory;
}

std::uint32_t epoll_events(short events) {
  return ((events & POLLIN) != 0 ? EPOLLIN : 0u) | ((events & POLLOUT) != 0 ? EPOLLOUT : 0u);
}

}  // namespace

Result<std::unique_ptr<DetachedOutput>> DetachedOutput::with_pipes(EventLoop& loop) {
  std::unique_ptr<DetachedOutput> output(new DetachedOutput(loop));
  for (const OutputStream stream : {OutputStream::kOutput, OutputStream::kError}) {
    Pipe& pipe = output->pipes_[static_cast<std::size_t>(stream)];
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno(errno, "cannot make a pipe");
    pipe.read_end.reset(ends[0]);
    pipe.write_end.reset(ends[1]);
    // Ours only: the tool's end blocks as every pipe does.
    (void)::fcntl(ends[0], F_SETFL, O_RDONLY | O_NONBLOCK);
    DetachedOutput* self = output.get();
    WRIT_TRY(loop.watch(ends[0], EPOLLIN, [self, stream](std::uint32_t) { self->read_pipe(stream); }));
  }
  return output;
}

Result<std::unique_ptr<DetachedOutput>> DetachedOutput::with_terminal(EventLoop& loop, winsize size) {
  std::unique_ptr<DetachedOutput> output(new DetachedOutput(loop));
  CapturedTerminalOptions options;
  options.size = size;
  // It is a terminal of `writ run`, which makes another one for the tool.
  options.instance = DevptsInstance::kHost;
  WRIT_ASSIGN(output->terminal_, CapturedTerminal::create(options));
  DetachedOutput* self = output.get();
  WRIT_TRY(loop.watch(self->terminal_->descriptor(), epoll_events(self->terminal_->poll_events()),
                      [self](std::uint32_t events) { self->serve_terminal(events); }));
  return output;
}

DetachedOutput::~DetachedOutput() {
  followers_.clear();
  for (const Pipe& pipe : pipes_) loop_.forget(pipe.read_end.get());
  if (terminal_) loop_.forget(terminal_->descriptor());
}

std::array<int, 3> DetachedOutput::streams() const {
  if (terminal_) return {terminal_->slave(), terminal_->slave(), terminal_->slave()};
  return {-1, pipes_[0].write_end.get(), pipes_[1].write_end.get()};
}

void DetachedOutput::handed_over() {
  for (Pipe& pipe : pipes_) pipe.write_end.reset();
}

// False when there is nothing to read at the moment, or ever.
bool DetachedOutput::read_some(Pipe& pipe) {
  std::array<char, 16384> buffer;
  const ssize_t count = ::read(pipe.read_end.get(), buffer.data(), buffer.size());
  if (count > 0) pipe.ring.append({buffer.data(), static_cast<std::size_t>(count)});
  if (count > 0 || (count < 0 && errno == EINTR)) return true;
  if (count < 0 && errno == EAGAIN) return false;
  loop_.forget(pipe.read_end.get());
  pipe.read_end.reset();
  return false;
}

void DetachedOutput::read_pipe(OutputStream stream) {
  Pipe& pipe = pipes_[static_cast<std::size_t>(stream)];
  for (std::size_t share = 0; share < kReadAtOnce && pipe.read_end.valid() && read_some(pipe); share += 16384) {
  }
  pump(stream);
}

void DetachedOutput::watch_terminal() {
  if (terminal_->descriptor() >= 0) loop_.change(terminal_->descriptor(), epoll_events(terminal_->poll_events()));
}

void DetachedOutput::serve_terminal(std::uint32_t events) {
  const int before = terminal_->descriptor();
  const bool reads = (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0;
  const bool writes = (events & EPOLLOUT) != 0;
  // Forgotten first: handle_events() closes it at the end.
  terminal_->handle_events(static_cast<short>((reads ? POLLIN : 0) | (writes ? POLLOUT : 0)));
  if (terminal_->descriptor() < 0) loop_.forget(before);
  watch_terminal();
  pump(OutputStream::kOutput);
}

void DetachedOutput::ended() {
  ended_ = true;
  if (terminal_) {
    loop_.forget(terminal_->descriptor());
    terminal_->tool_ended();
  }
  for (Pipe& pipe : pipes_) {
    while (pipe.read_end.valid() && read_some(pipe)) {
    }
    loop_.forget(pipe.read_end.get());
    pipe.read_end.reset();
  }
  for (Follower& follower : followers_) follower.pump->finish();
  sweep();
}

const OutputRing* DetachedOutput::ring_of(OutputStream stream) const {
  if (!terminal_) return &pipes_[static_cast<std::size_t>(stream)].ring;
  return stream == OutputStream::kOutput ? &terminal_->output() : nullptr;
}

Result<KeptOutput> DetachedOutput::kept(OutputStream stream) const {
  const OutputRing* ring = ring_of(stream);
  if (ring == nullptr) return fail_errno(ENODATA, "a terminal has one stream of output");
  KeptOutput kept;
  WRIT_ASSIGN(kept.memory, sealed_copy(*ring));
  kept.written = ring->end();
  kept.lost = ring->first();
  return kept;
}

void DetachedOutput::type(std::string_view keys) {
  if (!writer_ || terminal_->descriptor() < 0) return;
  (void)terminal_->type(*writer_, keys);  // what a tool does not read is lost, as on every terminal
  watch_terminal();
}

Result<UniqueFd> DetachedOutput::add_follower(OutputStream stream, bool types) {
  sweep();
  const OutputRing* ring = ring_of(stream);
  if (ring == nullptr) return fail_errno(ENODATA, "a terminal has one stream of output");
  if (followers_.size() >= kFollowerLimit) return fail_errno(EAGAIN, "too many follow this output");
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0)
    return fail_errno(errno, "cannot make a socket");
  UniqueFd theirs(pair[1]);
  std::function<void(std::string_view)> typed;
  if (types) typed = [this](std::string_view keys) { type(keys); };
  const auto left = [this, types] {
    if (types && writer_) terminal_->detach(*std::exchange(writer_, std::nullopt));
  };
  auto pump = std::make_unique<OutputPump>(loop_, *ring, UniqueFd(pair[0]), std::move(typed), left);
  WRIT_TRY(pump->start());
  if (ended_) pump->finish();
  followers_.push_back({stream, std::move(pump)});
  return theirs;
}

Result<UniqueFd> DetachedOutput::follow(OutputStream stream) { return add_follower(stream, false); }

Result<UniqueFd> DetachedOutput::attach() {
  if (!terminal_) return fail_errno(ENOTTY, "the sandbox has no terminal");
  WRIT_ASSIGN(const ViewerId writer, terminal_->attach(ViewerRole::kWriter));
  writer_ = writer;
  auto client = add_follower(OutputStream::kOutput, true);
  if (!client && writer_) terminal_->detach(*std::exchange(writer_, std::nullopt));
  return client;
}

Status DetachedOutput::resize(winsize size) {
  if (!terminal_) return fail_errno(ENOTTY, "the sandbox has no terminal");
  if (!writer_) return fail_errno(EPERM, "nobody is attached");
  return terminal_->resize(*writer_, size);
}

void DetachedOutput::pump(OutputStream stream) {
  for (Follower& follower : followers_)
    if (follower.stream == stream) follower.pump->pump();
  sweep();
}

void DetachedOutput::sweep() {
  std::erase_if(followers_, [](const Follower& follower) { return follower.pump->is_over(); });
}

}  // namespace writ
