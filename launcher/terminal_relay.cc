#include "launcher/terminal_relay.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <string_view>
#include <utility>

namespace writ {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kInputCapacity = 64 * 1024;
constexpr std::size_t kOutputCapacity = 64 * 1024;
constexpr std::size_t kReadSize = 16 * 1024;
// What one read can add to the output queue: itself, what the filter held back, and CANs in place of dropped sequences
// (each stands for more bytes than it has, but for the first).
constexpr std::size_t kOutputReserve = kReadSize + TerminalOutputFilter::kHeldLimit + 4;
constexpr int kCopiesPerCall = 16;  // then the caller's other descriptors get their turn
constexpr int kAskAgainMs = 250;
constexpr std::chrono::milliseconds kStuckAfter{1000};
constexpr unsigned long kSignalForeground = 0x40045436;  // TIOCSIG (kernel 2.6.36): signal from the master's side

bool settings_of(int terminal, termios& settings) { return ::tcgetattr(terminal, &settings) == 0; }

// The job-control signals a process ignores tell a job-control shell from everything else: it must not be stopped by
// the keys it hands to its jobs. Any doubt (no /proc, process gone) counts as a shell, because a shell is never killed.
bool may_be_job_control_shell(pid_t process) {
  const std::string name = "/proc/" + std::to_string(process) + "/status";
  const UniqueFd file(::open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  std::array<char, 4096> buffer{};
  const ssize_t count = file.valid() ? ::read(file.get(), buffer.data(), buffer.size()) : -1;
  if (count <= 0) return true;
  const std::string_view text(buffer.data(), static_cast<std::size_t>(count));
  constexpr std::string_view kField = "\nSigIgn:\t";
  const std::size_t at = text.find(kField);
  if (at == std::string_view::npos) return true;
  std::uint64_t ignored = 0;
  const auto parsed = std::from_chars(text.data() + at + kField.size(), text.data() + text.size(), ignored, 16);
  return parsed.ec != std::errc{} || ((ignored >> (SIGTSTP - 1)) & 1U) != 0;
}

// What comes from a pipe or file is data: no byte of it is a key, and it is not echoed.
void make_input_transparent(termios& settings) {
  settings.c_iflag &= ~static_cast<tcflag_t>(ICRNL | INLCR | IGNCR | IXON | ISTRIP);
  settings.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHONL | ISIG | IEXTEN);
}

}  // namespace

bool RepeatedInterrupt::note(Clock::time_point now) {
  const bool repeated = last_ && now - *last_ <= kWindow;
  last_ = now;
  return repeated;
}

void ByteQueue::push(std::span<const char> more) {
  if (begin_ != 0) bytes_.erase(0, std::exchange(begin_, 0));
  bytes_.append(more.data(), more.size());
}

void ByteQueue::pop(std::size_t count) {
  begin_ += count;
  if (begin_ == bytes_.size()) clear();
}

void ByteQueue::clear() {
  bytes_.clear();
  begin_ = 0;
}

TerminalRelay::TerminalRelay(TerminalRelayOptions options)
    : user_(options.user_input, options.user_output, options.use),
      use_(options.use),
      filtering_(options.filtering),
      filter_(options.eight_bit),
      master_(std::move(options.master)),
      slave_(std::move(options.slave)),
      to_tool_(kInputCapacity),
      to_user_(kOutputCapacity),
      has_input_(options.user_input >= 0),
      output_lost_(options.user_output < 0),
      last_tool_progress_(Clock::now()) {
  passed_.reserve(kOutputReserve);
}

TerminalRelay::~TerminalRelay() = default;

Result<std::unique_ptr<TerminalRelay>> TerminalRelay::create(TerminalRelayOptions options) {
  std::unique_ptr<TerminalRelay> relay(new TerminalRelay(std::move(options)));
  WRIT_TRY(relay->set_up());
  return relay;
}

Status TerminalRelay::set_up() {
  termios settings{};
  if (!settings_of(master_.get(), settings)) return fail_errno(errno, "the relay was given no pseudo-terminal");
  const int flags = ::fcntl(master_.get(), F_GETFL);
  if (flags < 0 || ::fcntl(master_.get(), F_SETFL, flags | O_NONBLOCK) != 0) {
    return fail_errno(errno, "cannot make the pseudo-terminal non-blocking");
  }
  user_.refresh();
  copy_settings_to_tool();
  match_tool_to_user();
  on_window_change();
  return {};
}

void TerminalRelay::copy_settings_to_tool() {
  termios settings{};
  if (!settings_of(master_.get(), settings)) return;
  if (const auto outer = user_.settings_for_tool()) {
    settings.c_iflag = outer->c_iflag;
    settings.c_oflag = outer->c_oflag;
    settings.c_lflag = outer->c_lflag;
    std::ranges::copy(outer->c_cc, settings.c_cc);
  }
  const bool user_terminal_echoes = use_ == TerminalUse::kShared || user_.input_state() == InputState::kLines;
  if (user_terminal_echoes) settings.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHONL);
  if (has_input_ && !user_.input_is_terminal()) make_input_transparent(settings);
  // On the master these are the slave's settings (tty_ioctl(4)).
  ::tcsetattr(master_.get(), TCSANOW, &settings);
}

// Exactly one of the two terminals may turn "\n" into "\r\n": the tool's while the user's is raw, the user's otherwise.
// A tool that has chosen for itself meanwhile is left alone.
void TerminalRelay::match_tool_to_user() {
  termios settings{};
  if (!settings_of(master_.get(), settings)) return;
  const bool processes = (settings.c_oflag & OPOST) != 0;
  if (tool_output_processing_ && *tool_output_processing_ != processes) return;
  const auto outer = user_.settings_for_tool();
  const bool wanted = user_.input_state() == InputState::kRaw && outer && (outer->c_oflag & OPOST) != 0;
  tool_output_processing_ = wanted;
  if (wanted == processes) return;
  settings.c_oflag ^= OPOST;
  ::tcsetattr(master_.get(), TCSANOW, &settings);
}

void TerminalRelay::take_over_if_ours() {
  const InputState before = user_.input_state();
  if (user_.refresh() == before) return;
  match_tool_to_user();
  on_window_change();
}

void TerminalRelay::on_window_change() {
  const auto size = user_.window_size();
  if (size) ::ioctl(master_.get(), TIOCSWINSZ, &*size);
}

void TerminalRelay::on_continue() {
  if (!paused_) take_over_if_ours();
  on_window_change();  // it may have changed while we were stopped
}

void TerminalRelay::suspend_self(StopReach reach) {
  if (!paused_) copy_output(0);
  user_.restore();
  stop_self(reach);
  on_continue();
}

void TerminalRelay::pause() {
  paused_ = true;
  user_.restore();
}

void TerminalRelay::resume() {
  paused_ = false;
  on_continue();
  // The question has changed the screen; a program that draws on it draws anew.
  ::ioctl(master_.get(), kSignalForeground, SIGWINCH);
}

void TerminalRelay::interrupt_tool() {
  termios settings{};
  if (!settings_of(master_.get(), settings) || settings.c_cc[VINTR] == _POSIX_VDISABLE) return;
  const char key = static_cast<char>(settings.c_cc[VINTR]);
  if (is_interrupt(key)) {
    ::ioctl(master_.get(), kSignalForeground, SIGINT);
  } else if (to_tool_.space() > 0) {
    to_tool_.push({&key, 1});  // a program that reads keys gets this one
  }
}

bool TerminalRelay::input_is_stuck() const {
  return to_tool_.space() == 0 && user_.input_state() == InputState::kRaw &&
         Clock::now() - last_tool_progress_ >= kStuckAfter;
}

bool TerminalRelay::wants_input() const {
  return has_input_ && !slaves_closed_ && (to_tool_.space() != 0 || input_is_stuck());
}

int TerminalRelay::poll_timeout_ms() const {
  if (paused_ || !has_input_ || slaves_closed_) return -1;
  const bool full = to_tool_.space() == 0;
  return full || user_.input_state() == InputState::kNotOurs ? kAskAgainMs : -1;
}

void TerminalRelay::add_poll_entries(std::vector<pollfd>& entries) {
  if (paused_) return;
  if (has_input_ && user_.input_state() == InputState::kNotOurs) take_over_if_ours();
  if (wants_input() && user_.input_state() != InputState::kNotOurs) entries.push_back({user_.input(), POLLIN, 0});
  if (!to_user_.empty() && !output_lost_) entries.push_back({user_.output(), POLLOUT, 0});
  if (slaves_closed_) return;
  // An entry without events would still report a hang-up, again and again, while the output queue is full.
  short events = 0;
  if (to_user_.space() >= kOutputReserve) events = POLLIN;
  if (!to_tool_.empty()) events = static_cast<short>(events | POLLOUT);
  if (events != 0) entries.push_back({master_.get(), events, 0});
}

void TerminalRelay::handle_events(std::span<const pollfd> entries) {
  if (paused_) return;
  const auto ready = [entries](int fd) {
    short events = 0;
    for (const pollfd& entry : entries) {
      if (entry.fd == fd) events = static_cast<short>(events | entry.revents);
    }
    return events;
  };
  const short input = ready(user_.input());
  if ((input & (POLLIN | POLLHUP | POLLERR)) != 0 && wants_input()) handle_input(input);
  // Nobody is left to read it; only seen when the slave is not kept open here.
  if ((ready(master_.get()) & POLLHUP) != 0) to_tool_.clear();
  write_tool();
  copy_output(ready(user_.output()));
}

void TerminalRelay::handle_input(short ready) {
  std::array<char, kReadSize> buffer;
  const bool stuck = to_tool_.space() == 0;
  const std::size_t most = stuck ? buffer.size() : std::min(buffer.size(), to_tool_.space());
  const InputState before = user_.input_state();
  const ssize_t count = user_.read_input({buffer.data(), most});
  if (user_.input_state() != before) match_tool_to_user();
  if (count == -EAGAIN) return;
  if (count <= 0) return handle_input_end(ready);
  const std::span<const char> bytes(buffer.data(), static_cast<std::size_t>(count));
  stuck ? interrupt_stuck_tool(bytes) : accept_input(bytes);
}

void TerminalRelay::handle_input_end(short ready) {
  end_to_send_ = true;
  // Ctrl-D on a terminal in line mode ends one read, not the terminal: the next program may read on.
  const bool only_this_read = user_.input_state() == InputState::kLines && (ready & (POLLHUP | POLLERR)) == 0;
  if (!only_this_read) has_input_ = false;
}

void TerminalRelay::accept_input(std::span<const char> bytes) {
  note_interrupts(bytes);
  to_tool_.push(bytes);
  line_is_open_ = bytes.back() != '\n';
}

bool TerminalRelay::is_interrupt(char byte) const {
  termios settings{};
  if (!settings_of(master_.get(), settings) || (settings.c_lflag & ISIG) == 0) return false;
  const cc_t key = settings.c_cc[VINTR];
  return key != _POSIX_VDISABLE && static_cast<unsigned char>(byte) == key;
}

// The tool has taken nothing for a second and every queue is full, of keys or of answers to its own queries. The
// interrupt key must work all the same, so what is typed now is only searched for it. As with any terminal, an
// interrupt discards the input before it.
void TerminalRelay::interrupt_stuck_tool(std::span<const char> bytes) {
  note_interrupts(bytes);
  if (std::ranges::none_of(bytes, [this](char byte) { return is_interrupt(byte); })) return;
  to_tool_.clear();
  ::ioctl(master_.get(), kSignalForeground, SIGINT);
}

void TerminalRelay::note_interrupts(std::span<const char> bytes) {
  for (const char byte : bytes) {
    if (static_cast<unsigned char>(byte) >= 0x20 || !is_interrupt(byte)) continue;
    if (!double_interrupt_may_kill()) {
      interrupts_ = {};
    } else if (interrupts_.note(Clock::now())) {
      kill_requested_ = true;
    }
  }
}

bool TerminalRelay::double_interrupt_may_kill() const {
  termios settings{};
  if (main_process_group_ <= 0 || !settings_of(master_.get(), settings)) return false;
  constexpr tcflag_t kKeysMakeSignals = ISIG | ICANON;
  if ((settings.c_lflag & kKeysMakeSignals) != kKeysMakeSignals) return false;
  pid_t foreground = 0;
  if (::ioctl(master_.get(), TIOCGPGRP, &foreground) != 0 || foreground != main_process_group_) return false;
  return !may_be_job_control_shell(main_process_group_);
}

void TerminalRelay::send_end_of_input() {
  termios settings{};
  end_to_send_ = false;
  if (!settings_of(master_.get(), settings) || (settings.c_lflag & ICANON) == 0) return;
  const cc_t key = settings.c_cc[VEOF];
  if (key == _POSIX_VDISABLE) return;
  // In the middle of a line the first one only delivers what was typed; the second is the end.
  const std::array<char, 2> keys{static_cast<char>(key), static_cast<char>(key)};
  to_tool_.push({keys.data(), line_is_open_ ? 2U : 1U});
  line_is_open_ = false;
}

void TerminalRelay::write_tool() {
  if (slaves_closed_) return;
  if (to_tool_.empty()) last_tool_progress_ = Clock::now();
  if (to_tool_.empty() && end_to_send_) send_end_of_input();
  while (!to_tool_.empty()) {
    const std::span<const char> bytes = to_tool_.front();
    const ssize_t count = ::write(master_.get(), bytes.data(), bytes.size());
    if (count <= 0) return;  // EAGAIN, EINTR: later; a closed slave shows when output is read
    to_tool_.pop(static_cast<std::size_t>(count));
    moved_ += static_cast<std::uint64_t>(count);
    last_tool_progress_ = Clock::now();
    if (to_tool_.empty() && end_to_send_) send_end_of_input();
  }
}

// `user_ready`: what poll(2) said about the user's side; a descriptor that may block is written to once per POLLOUT.
void TerminalRelay::copy_output(short user_ready) {
  bool may_write = user_.output_never_blocks() || (user_ready & (POLLOUT | POLLERR | POLLHUP)) != 0;
  for (int copies = 0; copies < kCopiesPerCall; ++copies) {
    const bool read = read_tool();
    const bool written = may_write && write_user();
    may_write = user_.output_never_blocks();
    if (!read && !written) return;
  }
}

bool TerminalRelay::read_tool() {
  if (slaves_closed_ || to_user_.space() < kOutputReserve) return false;
  std::array<char, kReadSize> buffer;
  const ssize_t count = ::read(master_.get(), buffer.data(), buffer.size());
  if (count > 0) {
    moved_ += static_cast<std::uint64_t>(count);
    queue_output({buffer.data(), static_cast<std::size_t>(count)});
    return true;
  }
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  // EIO: no slave is open any more and the kernel holds nothing back (n_tty flushes its buffers before it says so).
  end_output();
  return false;
}

void TerminalRelay::queue_output(std::string_view bytes) {
  if (output_lost_) return;
  if (filtering_ == OutputFiltering::kNone) return to_user_.push(bytes);
  passed_.clear();
  filter_.filter(bytes, passed_);
  to_user_.push(passed_);
}

void TerminalRelay::end_output() {
  slaves_closed_ = true;
  to_tool_.clear();
  if (output_lost_ || filtering_ == OutputFiltering::kNone) return;
  passed_.clear();
  filter_.finish(passed_);
  to_user_.push(passed_);
}

bool TerminalRelay::write_user() {
  if (to_user_.empty() || output_lost_) return false;
  const ssize_t count = user_.write_output(to_user_.front());
  if (count == -EAGAIN) return false;
  if (count < 0) {
    output_lost_ = true;
    to_user_.clear();
    return false;
  }
  moved_ += static_cast<std::uint64_t>(count);
  to_user_.pop(static_cast<std::size_t>(count));
  return true;
}

bool TerminalRelay::finished() const { return slaves_closed_ && (to_user_.empty() || output_lost_); }

bool TerminalRelay::drain(std::chrono::milliseconds patience) {
  paused_ = false;  // nobody is asked any more
  tool_ended();
  has_input_ = false;
  to_tool_.clear();
  std::vector<pollfd> entries;
  auto give_up_at = Clock::now() + patience;
  while (!finished()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(give_up_at - Clock::now()).count();
    if (left <= 0) break;
    entries.clear();
    add_poll_entries(entries);
    if (::poll(entries.data(), entries.size(), static_cast<int>(left)) < 0 && errno != EINTR) break;
    const std::uint64_t before = moved_;
    handle_events(entries);
    if (moved_ != before) give_up_at = Clock::now() + patience;
  }
  const bool complete = finished();
  if (!slaves_closed_) end_output();  // ends a control string that was left open
  if (!complete && user_.output_never_blocks()) write_user();
  return complete;
}

}  // namespace writ
