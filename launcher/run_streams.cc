#include "launcher/run_streams.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <string>

#include "broker/kernel/pseudo_terminal.h"

namespace writ {
namespace {

constexpr std::chrono::seconds kDrainPatience{2};
constexpr std::size_t kCopySize = std::size_t{64} << 10;

void write_all(int fd, const char* bytes, std::size_t size) {
  while (size > 0) {
    const ssize_t written = ::write(fd, bytes, size);
    if (written < 0 && errno == EAGAIN) {
      pollfd ready{fd, POLLOUT, 0};
      ::poll(&ready, 1, -1);
    } else if (written < 0 && errno != EINTR) {
      return;  // the reader is gone; the tool will notice by its own end
    }
    if (written <= 0) continue;
    bytes += written;
    size -= static_cast<std::size_t>(written);
  }
}

}  // namespace

Status fill_closed_standard_streams() {
  for (int fd = 0; fd < 3; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    // The lowest free number is taken, and the ones below are filled already.
    if (::open("/dev/null", O_RDWR) != fd)
      return fail_errno(errno, "cannot open /dev/null for a closed standard stream");
  }
  return {};
}

Status RunStreams::use_terminal(const BrokerStart& broker, const ToolIdentity& identity) {
  std::optional<TerminalOwner> owner;
  if (broker.uid == 0) owner = TerminalOwner{identity.map.outside_uid, identity.map.outside_gid};
  auto made = broker.mount_authority ? make_private_pseudo_terminal(owner) : make_host_pseudo_terminal(owner);
  if (!made) made = make_host_pseudo_terminal(owner);
  WRIT_ASSIGN(PseudoTerminal terminal, std::move(made));
  for (std::size_t i = 0; i < sources_.size(); ++i)
    if (is_terminal_[i]) sources_[i] = terminal.slave.get();
  TerminalRelayOptions options;
  options.user_input = is_terminal_[0] ? 0 : -1;
  options.user_output = is_terminal_[1] ? 1 : is_terminal_[2] ? 2 : 0;
  // `writ run -- git log | less`: the terminal belongs to less, which must find it as it was.
  options.use = is_terminal_[1] ? TerminalUse::kExclusive : TerminalUse::kShared;
  options.master = std::move(terminal.master);
  options.slave.reset(::fcntl(terminal.slave.get(), F_DUPFD_CLOEXEC, 3));
  devpts_ = std::move(terminal.devpts_mount);
  owned_.push_back(std::move(terminal.slave));
  WRIT_ASSIGN(relay_, TerminalRelay::create(std::move(options)));
  return {};
}

Status RunStreams::use_pipes() {
  for (int i = 0; i < 3; ++i) {
    if (!is_terminal_[static_cast<std::size_t>(i)]) continue;
    if (i == 0) {
      owned_.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    } else {
      std::array<int, 2> ends{};
      if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno(errno, "cannot make a pipe for the tool's output");
      pipes_.push_back({UniqueFd(ends[0]), i});
      owned_.emplace_back(ends[1]);
    }
    sources_[static_cast<std::size_t>(i)] = owned_.back().get();
  }
  return {};
}

Result<RunStreams> RunStreams::arrange(const Profile& profile, const BrokerStart& broker,
                                       const ToolIdentity& identity) {
  RunStreams streams;
  for (int i = 0; i < 3; ++i) streams.is_terminal_[static_cast<std::size_t>(i)] = ::isatty(i) == 1;
  const bool any = std::any_of(streams.is_terminal_.begin(), streams.is_terminal_.end(), [](bool is) { return is; });
  if (any && profile.terminal == TerminalMode::kAuto) WRIT_TRY(streams.use_terminal(broker, identity));
  if (any && profile.terminal == TerminalMode::kNone) WRIT_TRY(streams.use_pipes());
  if (!streams.devpts_.valid() && broker.mount_authority) {
    // Programs such as script(1) and tmux make terminals of their own inside.
    auto devpts = make_devpts_mount();
    if (devpts) streams.devpts_ = std::move(*devpts);
  }
  return streams;
}

std::vector<GrantedDescriptor> RunStreams::descriptors() const {
  return {{0, sources_[0]}, {1, sources_[1]}, {2, sources_[2]}};
}

int RunStreams::terminal_number() const {
  if (!relay_) return -1;
  for (int i = 0; i < 3; ++i)
    if (is_terminal_[static_cast<std::size_t>(i)]) return i;
  return -1;
}

namespace {

// The tool's process id as our pid namespace sees it (pidfd_open(2): field Pid of its fdinfo).
pid_t process_of(int pidfd) {
  std::ifstream information("/proc/self/fdinfo/" + std::to_string(pidfd));
  for (std::string line; std::getline(information, line);)
    if (line.starts_with("Pid:")) return static_cast<pid_t>(std::atol(line.c_str() + 4));
  return 0;
}

}  // namespace

void RunStreams::tool_started(int tool) {
  if (relay_) relay_->set_main_process_group(process_of(tool));
  owned_.clear();
  // A stream that was passed on is the tool's now. Writ itself still needs 2 for messages, and a terminal for relaying.
  const UniqueFd nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
  for (int i = 0; i < 2; ++i)
    if (!is_terminal_[static_cast<std::size_t>(i)] && nothing.valid()) ::dup2(nothing.get(), i);
}

void RunStreams::add_poll_entries(std::vector<pollfd>& entries) {
  if (relay_) relay_->add_poll_entries(entries);
  for (const OutputPipe& pipe : pipes_) entries.push_back({pipe.read_end.get(), POLLIN, 0});
}

void RunStreams::copy(OutputPipe& pipe) {
  std::array<char, kCopySize> bytes;
  const ssize_t got = ::read(pipe.read_end.get(), bytes.data(), bytes.size());
  if (got > 0) write_all(pipe.destination, bytes.data(), static_cast<std::size_t>(got));
  if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) pipe.read_end.reset();
}

void RunStreams::handle_events(std::span<const pollfd> entries) {
  if (relay_) relay_->handle_events(entries);
  for (const pollfd& entry : entries)
    for (OutputPipe& pipe : pipes_)
      if (entry.fd == pipe.read_end.get() && entry.revents != 0) copy(pipe);
  std::erase_if(pipes_, [](const OutputPipe& pipe) { return !pipe.read_end.valid(); });
}

void RunStreams::drain() {
  if (relay_) relay_->drain(kDrainPatience);
  // Every writer is dead, so each pipe ends.
  for (OutputPipe& pipe : pipes_)
    while (pipe.read_end.valid()) copy(pipe);
}

}  // namespace writ
