#include "broker/approval/question_terminal.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "broker/kernel/terminal_settings.h"

namespace writ {
namespace {

constexpr std::size_t kUsualColumns = 80;

termios for_questions(termios settings) {
  // No ISIG: the interrupt key must deny, and a stopped Writ would leave the question behind. No IXON: Ctrl-S must not
  // hold up the question; taking it away also continues a terminal that was stopped by it.
  settings.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ECHONL | ISIG | IEXTEN);
  settings.c_iflag &= ~static_cast<tcflag_t>(IXON | ISTRIP | INLCR | IGNCR);
  settings.c_oflag |= OPOST | ONLCR;
  settings.c_cc[VMIN] = 1;
  settings.c_cc[VTIME] = 0;
  return settings;
}

}  // namespace

Result<QuestionTerminal> QuestionTerminal::open(TerminalCompany company) {
  UniqueFd terminal(::open("/dev/tty", O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
  if (!terminal.valid()) return fail_errno(errno, "cannot open the terminal for questions");
  return QuestionTerminal(std::move(terminal), company);
}

QuestionTerminal::~QuestionTerminal() {
  if (terminal_.valid()) give_back();
}

bool QuestionTerminal::in_foreground() const { return ::tcgetpgrp(terminal_.get()) == ::getpgrp(); }

bool QuestionTerminal::take() {
  termios now{};
  if (lost_ || !in_foreground() || ::tcgetattr(terminal_.get(), &now) != 0) return false;
  // A shell that saw us stopped may have brought back our own settings: those are nothing to restore later.
  const bool is_ours = ever_taken_ && same_terminal_settings(now, ours_);
  if (!is_ours && company_ == TerminalCompany::kShared && (now.c_lflag & ICANON) == 0) return false;
  if (!is_ours) last_before_ = now;
  if (!set_terminal_settings(terminal_.get(), for_questions(last_before_))) return false;
  before_ = last_before_;
  ever_taken_ = true;
  // The kernel may not take every flag; compare later with what it took.
  return ::tcgetattr(terminal_.get(), &ours_) == 0;
}

bool QuestionTerminal::is_taken() const {
  termios now{};
  return before_ && in_foreground() && ::tcgetattr(terminal_.get(), &now) == 0 && same_terminal_settings(now, ours_);
}

void QuestionTerminal::give_back() {
  // Somebody who has changed the settings since we did (a shell, a pager) knows better than we do.
  if (is_taken()) set_terminal_settings(terminal_.get(), *before_);
  before_.reset();
}

void QuestionTerminal::discard_input() {
  const TerminalStopsBlocked guard;
  ::tcflush(terminal_.get(), TCIFLUSH);
}

void QuestionTerminal::show(std::string_view text) {
  unshown_.append(text.substr(0, kQueueLimit - std::min(kQueueLimit, unshown_.size())));
}

void QuestionTerminal::flush() {
  const TerminalStopsBlocked guard;
  while (!unshown_.empty() && !lost_) {
    const ssize_t count = ::write(terminal_.get(), unshown_.data(), unshown_.size());
    if (count > 0) unshown_.erase(0, static_cast<std::size_t>(count));
    if (count >= 0 || errno == EINTR) continue;
    if (errno == EAGAIN) return;
    lost_ = true;
  }
  if (lost_) unshown_.clear();
}

std::string_view QuestionTerminal::read(std::span<char> space) {
  const TerminalStopsBlocked guard;
  if (lost_ || !in_foreground()) return {};
  const ssize_t count = ::read(terminal_.get(), space.data(), space.size());
  if (count > 0) return {space.data(), static_cast<std::size_t>(count)};
  // EIO from the background is job control's answer; from the foreground the terminal is gone.
  lost_ = count == 0 || (errno != EAGAIN && errno != EINTR && in_foreground());
  return {};
}

bool QuestionTerminal::check_lost() {
  pollfd entry{terminal_.get(), 0, 0};
  if (::poll(&entry, 1, 0) > 0 && (entry.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0) lost_ = true;
  return lost_;
}

void QuestionTerminal::add_poll_entry(std::vector<pollfd>& entries) const {
  if (lost_) return;
  // Without an event to wait for, a hang-up would still be reported, again and again, while nothing is asked.
  const short events = static_cast<short>((before_ ? POLLIN : 0) | (unshown_.empty() ? 0 : POLLOUT));
  if (events != 0) entries.push_back({terminal_.get(), events, 0});
}

std::size_t QuestionTerminal::columns() const {
  winsize size{};
  const bool known = ::ioctl(terminal_.get(), TIOCGWINSZ, &size) == 0 && size.ws_col != 0;
  return known ? size.ws_col : kUsualColumns;
}

AnswerKeys QuestionTerminal::keys() const {
  const termios& settings = before_ ? *before_ : last_before_;
  AnswerKeys keys;
  const auto choose = [&](unsigned char& key, int name) {
    if (settings.c_cc[name] != _POSIX_VDISABLE) key = settings.c_cc[name];
  };
  choose(keys.interrupt, VINTR);
  choose(keys.end, VEOF);
  choose(keys.erase, VERASE);
  choose(keys.kill, VKILL);
  return keys;
}

}  // namespace writ
