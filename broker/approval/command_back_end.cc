#include "broker/approval/command_back_end.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>

#include "broker/approval/approval_file.h"
#include "broker/approval/descriptor_protocol.h"
#include "broker/base/escape.h"

namespace writ {
namespace {

// What is wrong with the file as a program that decides, or nothing.
const char* flaw_of(const struct stat& status) {
  if (!S_ISREG(status.st_mode)) return "is not a regular file";
  if ((status.st_mode & S_IWOTH) != 0) return "can be written by everybody";
  if (status.st_nlink != 1) return "has a second name (hard link), by which it may be written";
  return nullptr;
}

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

// What is left of a text of the program for a sentence: its first line.
std::string first_line(std::string_view text) { return quote_bytes(text.substr(0, text.find('\n')), 200); }

std::string how_it_ended(int wait_status) {
  if (WIFSIGNALED(wait_status)) return "was ended by signal " + std::to_string(WTERMSIG(wait_status));
  const int status = WEXITSTATUS(wait_status);
  if (status == 127) return "could not be executed (exit status 127)";
  return "ended with exit status " + std::to_string(status);
}

ApprovalAnswer refused(std::string text, const ProgramEnd& end) {
  text.insert(0, "the program that answers ");
  if (!end.complaint.empty()) text.append(": ").append(first_line(end.complaint));
  return denial(ApprovalCause::kCommand, std::move(text));
}

}  // namespace

Result<std::string> find_answering_program(const std::string& path, std::span<const std::string> writable_places) {
  const std::string name = "the program " + quote_bytes(path) + " that answers";
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr), &std::free);
  if (!real) return fail_errno(errno, "cannot find " + name, "--approve command:PATH takes the path of a program");
  const std::string found = real.get();
  struct stat status {};
  if (::stat(found.c_str(), &status) != 0) return fail_errno(errno, "cannot inspect " + name);
  if (const char* flaw = flaw_of(status)) return fail(name + " " + flaw);
  if (::access(found.c_str(), X_OK) != 0) return fail_errno(errno, name + " cannot be executed", "chmod +x");
  // The named directory as well: a link in it, which the tool may change, would lead elsewhere in the next run.
  for (const std::string& place : {found, directory_of(path)})
    if (const Status outside = check_approval_file_place(place, writable_places); !outside)
      return fail(name + " lies where the tool can write: it could answer its own questions",
                  "keep it outside of what the tool can change");
  return found;
}

ApprovalAnswer answer_of_program(const ProgramEnd& end, QuestionId id, OutcomeSet offered) {
  if (end.too_much) return refused("wrote too much", end);
  if (!WIFEXITED(end.wait_status) || WEXITSTATUS(end.wait_status) != 0)
    return refused(how_it_ended(end.wait_status), end);
  std::string_view line = end.output;
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line.empty()) return refused("gave no answer", end);
  if (line.find('\n') != std::string_view::npos) return refused("gave more than one line", end);
  const AnswerMessage message = parse_answer(line);
  if (!message.fault.empty()) return refused("was not understood: " + message.fault, end);
  if (!(*message.id == id)) return refused("answered another question", end);
  if (!offered.has(*message.outcome))
    return refused("gave the answer '" + std::string(outcome_name(*message.outcome)) + "', which was not offered", end);
  return {*message.outcome, ApprovalCause::kCommand, message.reason};
}

void CommandBackEnd::submit(ApprovalQuestion question, ApprovalTime now) {
  const QuestionId id = question.id;
  if (queue_.add(std::move(question), now)) unasked_.push_back(id);
}

void CommandBackEnd::cancel(QuestionId id, ApprovalCause cause) {
  queue_.withdraw(id, cause);
  running_.erase(id);
}

void CommandBackEnd::add_poll_entries(std::vector<pollfd>& entries) const {
  for (const auto& [id, program] : running_) program.add_poll_entries(entries);
}

std::optional<ApprovalTime> CommandBackEnd::deadline() const {
  const bool can_start = !unasked_.empty() && running_.size() < kProgramsAtOnce;
  if (queue_.has_answers() || can_start) return kAtOnce;
  return queue_.next_time_out();
}

std::vector<AnsweredQuestion> CommandBackEnd::on_ready(ApprovalTime now) {
  serve_programs();
  queue_.expire(now);
  end_unwanted_programs();
  start_programs(now);
  return queue_.take_answers();
}

void CommandBackEnd::serve_programs() {
  std::vector<std::pair<QuestionId, ProgramEnd>> ended;
  for (auto& [id, program] : running_)
    if (auto end = program.serve()) ended.emplace_back(id, std::move(*end));
  for (const auto& [id, end] : ended) {
    running_.erase(id);
    const ApprovalQuestion* question = queue_.find(id);
    if (question != nullptr) queue_.answer(id, answer_of_program(end, id, offered_outcomes(*question)));
  }
}

// Of questions that another answer, or the time, has answered.
void CommandBackEnd::end_unwanted_programs() {
  std::erase_if(running_, [&](const auto& entry) { return queue_.find(entry.first) == nullptr; });
}

void CommandBackEnd::start_programs(ApprovalTime now) {
  while (!unasked_.empty() && running_.size() < kProgramsAtOnce) {
    const QuestionId id = unasked_.front();
    unasked_.pop_front();
    if (queue_.find(id) != nullptr) start_program(id, now);
  }
}

void CommandBackEnd::start_program(QuestionId id, ApprovalTime now) {
  if (!starter_) return queue_.answer(id, denial(ApprovalCause::kCommand, starter_.error().describe()));
  auto program = AnsweringProgram::start(*starter_, question_line(*queue_.find(id), limits_.time_out));
  if (!program) return queue_.answer(id, denial(ApprovalCause::kCommand, program.error().describe()));
  queue_.begin(id, now);
  running_.emplace(id, std::move(*program));
}

}  // namespace writ
