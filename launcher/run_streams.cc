#include "launcher/run_streams.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <string>

#include "broker/grant/stream_grant.h"
#include "broker/kernel/pseudo_terminal.h"
#include "launcher/message.h"

namespace writ {
namespace {

constexpr std::chrono::seconds kDrainPatience{2};
bool same_file(int one, int other) {
  struct stat first {};
  struct stat second {};
  return ::fstat(one, &first) == 0 && ::fstat(other, &second) == 0 && first.st_dev == second.st_dev &&
         first.st_ino == second.st_ino;
}

constexpr std::size_t kCopySize = std::size_t{64} << 10;

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

Status RunStreams::use_pipe_for(int number) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno(errno, "cannot make a pipe for the tool's output");
  UniqueFd destination(::fcntl(number, F_DUPFD_CLOEXEC, 3));
  pipes_.push_back({UniqueFd(ends[0]), std::move(destination), number});
  owned_.emplace_back(ends[1]);
  sources_[static_cast<std::size_t>(number)] = ends[1];
  return {};
}

Status RunStreams::use_pipes() {
  for (int number = 0; number < 3; ++number) {
    if (!is_terminal_[static_cast<std::size_t>(number)]) continue;
    if (number > 0) {
      WRIT_TRY(use_pipe_for(number));
      continue;
    }
    owned_.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    sources_[0] = owned_.back().get();
  }
  return {};
}

// The tool reads its own copy; how far it came is passed on afterwards, so that `(writ run -- head -n 1; cat) < file`
// does what it does without Writ. A file that somebody with more rights opened for us, and that is not ours, is passed
// on as it is: this user cannot change it.
Status RunStreams::grant_input_file(const BrokerStart& broker, StreamGiver giver) {
  if (!broker.mount_authority) return {};
  auto copy = reopen_read_only(STDIN_FILENO);
  if (!copy) {
    struct stat status {};
    const bool ours = ::fstat(STDIN_FILENO, &status) != 0 || status.st_uid == ::geteuid();
    if (copy.error().system_errno == EACCES && !ours) return {};
    // A file of the other sandbox's private /tmp has no name here. It is that tool's own, which gave it away like this.
    if (copy.error().system_errno == ESTALE && giver == StreamGiver::kTool) return {};
    return tl::unexpected<Error>(std::move(copy.error()));
  }
  use_input_copy(std::move(*copy));
  return {};
}

void RunStreams::use_input_copy(UniqueFd copy) {
  input_file_.reset(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
  input_copy_.reset(::fcntl(copy.get(), F_DUPFD_CLOEXEC, 3));
  sources_[0] = copy.get();
  owned_.push_back(std::move(copy));
}

void RunStreams::pass_on_input_offset() const {
  if (!input_copy_.valid()) return;
  const off_t offset = ::lseek(input_copy_.get(), 0, SEEK_CUR);
  if (offset >= 0) ::lseek(input_file_.get(), offset, SEEK_SET);
}

Status RunStreams::grant_others(const BrokerStart& broker, StreamGiver giver) {
  if (is_file_without_name(STDIN_FILENO)) floor_ = LandlockCoverage::kWritesAndTruncation;
  for (int number = 0; number < 3; ++number) {
    if (is_terminal_[static_cast<std::size_t>(number)]) continue;
    WRIT_ASSIGN(const StreamKind kind, classify_stream(number));
    if (kind == StreamKind::kInputFile) WRIT_TRY(grant_input_file(broker, giver));
    if (kind == StreamKind::kUnnamedInput) {
      WRIT_ASSIGN(UniqueFd copy, reopen_unnamed_read_only(number));
      use_input_copy(std::move(copy));
    }
    // What is counted passes through us.
    if (kind != StreamKind::kAppendedLog && (number == 0 || !output_limit_)) continue;
    // `>> log 2>&1` is one stream: two pipes would mix up its order.
    const bool same = number == 2 && sources_[1] != 1 && !is_terminal_[1] && same_file(1, 2);
    if (same)
      sources_[2] = sources_[1];
    else
      WRIT_TRY(use_pipe_for(number));
  }
  return {};
}

Result<RunStreams> RunStreams::arrange(const Profile& profile, const BrokerStart& broker, const ToolIdentity& identity,
                                       StreamGiver giver) {
  RunStreams streams;
  streams.output_limit_ = profile.limits.output_size;
  for (int i = 0; i < 3; ++i) streams.is_terminal_[static_cast<std::size_t>(i)] = ::isatty(i) == 1;
  const bool any = std::any_of(streams.is_terminal_.begin(), streams.is_terminal_.end(), [](bool is) { return is; });
  WRIT_TRY(streams.grant_others(broker, giver));
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

// What is beyond the limit is read, so that the tool does not wait for us until it is ended, and thrown away.
std::string_view RunStreams::within_limit(OutputPipe& pipe, std::string_view chunk) {
  if (output_limit_ && chunk.size() > *output_limit_ - pipe.passed) {
    over_limit_ = pipe.number;
    chunk = chunk.substr(0, *output_limit_ - pipe.passed);
  }
  pipe.passed += chunk.size();
  longest_ = std::max(longest_, pipe.passed);
  return chunk;
}

void RunStreams::copy(OutputPipe& pipe) {
  std::array<char, kCopySize> bytes;
  const ssize_t got = ::read(pipe.read_end.get(), bytes.data(), bytes.size());
  // A reader that is gone is noticed by the tool at its own end, when the pipe breaks.
  constexpr int kForEver = -1;
  const std::string_view chunk = within_limit(pipe, {bytes.data(), got > 0 ? static_cast<std::size_t>(got) : 0});
  if (!chunk.empty() && !write_patiently(pipe.destination.get(), chunk, kForEver)) pipe.read_end.reset();
  if (pipe.read_end.valid() && (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN))) pipe.read_end.reset();
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
  pass_on_input_offset();
}

}  // namespace writ
