#include "launcher/ci_streams.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace writ {
namespace {

constexpr std::size_t kChunk = std::size_t{64} << 10;

// Whether somebody reads it as it comes: no file, and not /dev/null.
bool is_read_by_somebody(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return false;
  return S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode) || ::isatty(fd) == 1;
}

// A pipe, socket or device is one file wherever it is open; two openings of one file on disk are two streams only if
// somebody made them so.
bool is_one_stream(int one, int other) {
  struct stat first {};
  struct stat second {};
  return ::fstat(one, &first) == 0 && ::fstat(other, &second) == 0 && first.st_dev == second.st_dev &&
         first.st_ino == second.st_ino;
}

}  // namespace

void CiRoute::filter(std::string_view bytes, bool is_last) {
  std::string masked;
  masked_.write(bytes, masked);
  if (is_last) masked_.finish(masked);
  if (neutralise_ == Neutralise::kNo) {
    pending_ += masked;
    return;
  }
  neutraliser_.write(masked, pending_);
  if (is_last) neutraliser_.finish(pending_);
}

void CiRoute::read() {
  std::array<char, kChunk> bytes;
  const ssize_t got = ::read(source_.get(), bytes.data(), bytes.size());
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (got <= 0) return close_source();
  filter(std::string_view(bytes.data(), static_cast<std::size_t>(got)), false);
}

void CiRoute::close_source() {
  if (!source_.valid()) return;
  source_.reset();
  filter({}, true);
}

// poll(2) promises room for PIPE_BUF bytes, and no more: a bigger write could wait for a reader who waits for the other
// stream. The descriptor belongs to others as well, so it cannot be made non-blocking.
void CiRoute::write() {
  const std::string_view rest = std::string_view(pending_).substr(written_, PIPE_BUF);
  const ssize_t written = ::write(destination_, rest.data(), rest.size());
  if (written < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (written < 0) {
    // Nobody reads any more. The tool notices at its own end.
    pending_.clear();
    written_ = 0;
    source_.reset();
    return;
  }
  if (written > 0) at_line_start_ = rest[static_cast<std::size_t>(written) - 1] == '\n';
  written_ += static_cast<std::size_t>(written);
  if (written_ < pending_.size()) return;
  pending_.clear();
  written_ = 0;
}

namespace {

struct ToolPipe {
  UniqueFd read_end;
  UniqueFd write_end;
};

Result<ToolPipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno(errno, "cannot make a pipe for the tool's output");
  return ToolPipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

}  // namespace

Result<CiStreams> CiStreams::arrange(CiSystem system, const SecretMask& mask) {
  CiStreams streams;
  streams.log = !is_read_by_somebody(1) && is_read_by_somebody(2) ? 2 : 1;
  const CiCommands commands = ci_commands(system);
  if (mask.empty() && commands == CiCommands::kNone) return streams;
  const bool both_are_read = is_read_by_somebody(1) && is_read_by_somebody(2);
  const bool together = is_one_stream(1, 2) || (commands == CiCommands::kStopped && both_are_read);
  for (int number = 1; number <= 2; ++number) {
    if (number == 2 && together) {
      streams.for_tool[1] = streams.for_tool[0];
      continue;
    }
    WRIT_ASSIGN(ToolPipe made, make_pipe());
    const bool obeyed = commands == CiCommands::kNeutralised && is_read_by_somebody(number);
    streams.routes.emplace_back(std::move(made.read_end), number, mask,
                                obeyed ? CiRoute::Neutralise::kYes : CiRoute::Neutralise::kNo);
    streams.for_tool[static_cast<std::size_t>(number) - 1] = made.write_end.get();
    streams.owned.push_back(std::move(made.write_end));
  }
  return streams;
}

bool CiStreams::log_is_at_line_start() const {
  return std::all_of(routes.begin(), routes.end(), [&](const CiRoute& route) {
    return route.at_line_start() || (route.destination() != log && !is_one_stream(route.destination(), log));
  });
}

}  // namespace writ
