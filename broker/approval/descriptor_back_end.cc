#include "broker/approval/descriptor_back_end.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <utility>

namespace writ {
namespace {

constexpr std::size_t kReadSize = 16384;
constexpr std::string_view kEnded = "the program that answers has closed its end";

std::string name_of(int number) { return "descriptor " + std::to_string(number) + " of --approve"; }

Result<struct stat> look_at(int number) {
  struct stat status {};
  if (::fstat(number, &status) != 0) return fail_errno(errno, name_of(number) + " cannot be used");
  return status;
}

Status check_stream_socket(int number) {
  int type = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(number, SOL_SOCKET, SO_TYPE, &type, &size) != 0)
    return fail_errno(errno, name_of(number) + " cannot be used");
  if (type != SOCK_STREAM) return fail(name_of(number) + " is no stream socket");
  return {};
}

// `access`: O_RDONLY or O_WRONLY.
Status check_pipe_end(int number, int access) {
  WRIT_ASSIGN(const struct stat status, look_at(number));
  if (!S_ISFIFO(status.st_mode)) return fail(name_of(number) + " is no pipe", "fd:N takes a socket, fd:R,W two pipes");
  const int mode = ::fcntl(number, F_GETFL) & O_ACCMODE;
  if (mode == access || mode == O_RDWR) return {};
  return fail(name_of(number) + (access == O_RDONLY ? " cannot be read from" : " cannot be written to"),
              "fd:R,W: answers are read from R, questions are written to W");
}

Status check_socket(int number) {
  WRIT_ASSIGN(const struct stat status, look_at(number));
  if (!S_ISSOCK(status.st_mode)) return fail(name_of(number) + " is no socket", "for two pipes write fd:R,W");
  return check_stream_socket(number);
}

Status close_on_exec(int number) {
  if (::fcntl(number, F_SETFD, FD_CLOEXEC) == 0) return {};
  return fail_errno(errno, name_of(number) + " cannot be used");
}

bool is_ready(int descriptor, short events) {
  pollfd entry{descriptor, events, 0};
  return ::poll(&entry, 1, 0) > 0;
}

}  // namespace

DescriptorBackEnd::DescriptorBackEnd(UniqueFd answers, UniqueFd questions, Kind kind, const ApprovalLimits& limits)
    : answers_(std::move(answers)), questions_(std::move(questions)), kind_(kind), limits_(limits), queue_(limits) {}

Result<std::unique_ptr<DescriptorBackEnd>> DescriptorBackEnd::create(ApprovalDescriptors descriptors,
                                                                     const ApprovalLimits& limits) {
  const bool is_socket = descriptors.answers == descriptors.questions;
  if (is_socket) {
    WRIT_TRY(check_socket(descriptors.answers));
  } else {
    WRIT_TRY(check_pipe_end(descriptors.answers, O_RDONLY));
    WRIT_TRY(check_pipe_end(descriptors.questions, O_WRONLY));
  }
  WRIT_TRY(close_on_exec(descriptors.answers));
  WRIT_TRY(close_on_exec(descriptors.questions));
  return std::unique_ptr<DescriptorBackEnd>(new DescriptorBackEnd(UniqueFd(descriptors.answers),
                                                                  UniqueFd(is_socket ? -1 : descriptors.questions),
                                                                  is_socket ? Kind::kSocket : Kind::kPipes, limits));
}

void DescriptorBackEnd::submit(ApprovalQuestion question, ApprovalTime now) {
  const QuestionId id = question.id;
  if (over_) return queue_.refuse(id, ApprovalCause::kDescriptor, kEnded);
  if (unsent_.size() > kUnsentLimit)
    return queue_.refuse(id, ApprovalCause::kRateLimited, "the program that answers does not read its questions");
  std::string line = question_line(question, limits_.time_out);
  if (!queue_.add(std::move(question), now)) return;
  queue_.begin(id, now);
  unsent_.append(line);
}

void DescriptorBackEnd::cancel(QuestionId id, ApprovalCause cause) { queue_.withdraw(id, cause); }

void DescriptorBackEnd::add_poll_entries(std::vector<pollfd>& entries) const {
  if (over_) return;
  // Also while nothing is asked: the end of the other side is noticed when it comes.
  const bool same = !questions_.valid();
  const short out = unsent_.empty() ? 0 : POLLOUT;
  entries.push_back({answers_.get(), static_cast<short>(POLLIN | (same ? out : 0)), 0});
  if (!same && out != 0) entries.push_back({questions_.get(), out, 0});
}

std::optional<ApprovalTime> DescriptorBackEnd::deadline() const {
  if (queue_.has_answers()) return kAtOnce;
  return queue_.next_time_out();
}

std::vector<AnsweredQuestion> DescriptorBackEnd::on_ready(ApprovalTime now) {
  // Answers first: a program may answer and leave.
  if (!over_) receive();
  queue_.expire(now);
  std::vector<AnsweredQuestion> answered = queue_.take_answers();
  tell_withdrawn(answered);
  if (!over_) send();
  told_.clear();
  return answered;
}

// Whatever the other side has not decided itself, it is told.
void DescriptorBackEnd::tell_withdrawn(const std::vector<AnsweredQuestion>& answered) {
  if (over_) return;
  for (const AnsweredQuestion& one : answered) {
    const bool was_sent = one.answer.cause != ApprovalCause::kRateLimited;
    const bool knows = std::find(told_.begin(), told_.end(), one.id) != told_.end();
    if (was_sent && !knows) unsent_.append(withdrawal_line(one.id, one.answer));
  }
}

ssize_t DescriptorBackEnd::write_some(std::string_view bytes) const {
  if (kind_ == Kind::kSocket) return ::send(questions(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (!is_ready(questions(), POLLOUT)) {
    errno = EAGAIN;
    return -1;
  }
  // pipe(7): a pipe that is writable has room for PIPE_BUF bytes.
  return ::write(questions(), bytes.data(), std::min<std::size_t>(bytes.size(), PIPE_BUF));
}

ssize_t DescriptorBackEnd::read_some(std::string& space) const {
  if (kind_ == Kind::kSocket) return ::recv(answers_.get(), space.data(), space.size(), MSG_DONTWAIT);
  if (!is_ready(answers_.get(), POLLIN)) {
    errno = EAGAIN;
    return -1;
  }
  return ::read(answers_.get(), space.data(), space.size());
}

void DescriptorBackEnd::send() {
  while (!unsent_.empty()) {
    const ssize_t count = write_some(unsent_);
    if (count > 0) unsent_.erase(0, static_cast<std::size_t>(count));
    if (count >= 0 || errno == EINTR) continue;
    if (errno != EAGAIN) end();
    return;
  }
}

// One piece for each call: a program that never stops writing must not keep the loop from everything else.
void DescriptorBackEnd::receive() {
  std::string space(kReadSize, '\0');
  const ssize_t count = read_some(space);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) return end();
  for (const LineAssembler::Line& line : lines_.feed({space.data(), static_cast<std::size_t>(count)})) take_line(line);
}

void DescriptorBackEnd::take_line(const LineAssembler::Line& line) {
  AnswerMessage message;
  if (line.too_long)
    message.fault = "a line of more than " + std::to_string(kAnswerLineLimit) + " bytes";
  else
    message = parse_answer(line.text);
  const ApprovalQuestion* question = message.id ? queue_.find(*message.id) : nullptr;
  if (message.fault.empty() && question == nullptr) message.fault = "no question with this id waits";
  if (message.fault.empty() && !offered_outcomes(*question).has(*message.outcome))
    message.fault = "this answer was not offered";
  if (!message.fault.empty()) return refuse(message);
  told_.push_back(*message.id);
  queue_.answer(*message.id, {*message.outcome, ApprovalCause::kDescriptor, message.reason});
}

void DescriptorBackEnd::refuse(const AnswerMessage& message) {
  if (unsent_.size() <= kUnsentLimit) unsent_.append(error_line(message.fault));
  const std::string text = "the answer was not understood: " + message.fault;
  if (message.id)
    queue_.answer(*message.id, denial(ApprovalCause::kDescriptor, text));
  else
    queue_.deny_all(ApprovalCause::kDescriptor, text);
}

void DescriptorBackEnd::end() {
  over_ = true;
  unsent_.clear();
  queue_.deny_all(ApprovalCause::kDescriptor, kEnded);
}

}  // namespace writ
