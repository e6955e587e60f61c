#include "broker/approval/approve_option.h"

#include <unistd.h>

#include <limits>
#include <utility>

#include "broker/approval/command_back_end.h"
#include "broker/approval/immediate_back_end.h"
#include "broker/base/escape.h"
#include "broker/policy/profile_values.h"

namespace writ {
namespace {

constexpr std::string_view kDescriptorPrefix = "fd:";
constexpr std::string_view kQueuePrefix = "queue:";
constexpr std::string_view kCommandPrefix = "command:";
constexpr std::uint64_t kFirstOwn = 3;  // 0, 1 and 2 are standard streams

Result<int> parse_descriptor(std::string_view text) {
  const Result<std::uint64_t> number = parse_count(text);
  if (!number || *number > static_cast<std::uint64_t>(std::numeric_limits<int>::max()))
    return fail("--approve: " + quote_bytes(text, 80) + " is no number of a descriptor", "write fd:N or fd:R,W");
  if (*number < kFirstOwn)
    return fail("--approve: descriptor " + std::to_string(*number) + " is a standard stream of the tool",
                "pass the questions by a descriptor from 3 on");
  return static_cast<int>(*number);
}

Result<ApprovalChoice> parse_descriptors(std::string_view text) {
  const std::size_t comma = text.find(',');
  ApprovalDescriptors descriptors;
  WRIT_ASSIGN(descriptors.answers, parse_descriptor(text.substr(0, comma)));
  descriptors.questions = descriptors.answers;
  if (comma == std::string_view::npos) return descriptors;
  WRIT_ASSIGN(descriptors.questions, parse_descriptor(text.substr(comma + 1)));
  if (descriptors.answers == descriptors.questions)
    return fail("--approve: fd:R,W names one descriptor twice", "write fd:N for a socket");
  return descriptors;
}

// Never looked for in PATH: what answers for a person is named in full.
Result<ApprovalChoice> parse_program(std::string_view path) {
  if (path.find('/') == std::string_view::npos)
    return fail("--approve: " + quote_bytes(path, 80) + " is no path of a program",
                "write command:./PROGRAM or command:/PATH/TO/PROGRAM");
  return ApprovalProgram{std::string(path)};
}

Result<ApprovalChoice> parse_queue(std::string_view duration) {
  AskQueue queue;
  WRIT_ASSIGN(queue.time_out, parse_duration(duration));
  if (queue.time_out.count() <= 0) return fail("--approve: a question needs time", "queue:10m");
  return queue;
}

using Made = Result<std::unique_ptr<ApprovalBackEnd>>;

struct Opening {
  const TerminalBackEndOptions& options;
  std::span<const std::string> writable_places;
  const QueueOpener& open_queue;

  Made operator()(AskPerson) const {
    auto terminal = TerminalBackEnd::create(options);
    if (terminal) return std::move(*terminal);
    return std::make_unique<DenyBackEnd>(ApprovalCause::kNoTerminal, "there is no terminal to ask at");
  }
  Made operator()(DenyEverything) const {
    return std::make_unique<DenyBackEnd>(ApprovalCause::kPolicyDeny, "nobody is asked (--approve=deny)");
  }
  Made operator()(const AskQueue& queue) const {
    if (!open_queue) return fail("--approve: there is no queue here");
    return open_queue(queue);
  }
  Made operator()(const ApprovalDescriptors& descriptors) const {
    WRIT_ASSIGN(auto made, DescriptorBackEnd::create(descriptors, options.limits));
    return made;
  }
  Made operator()(const ApprovalProgram& program) const {
    WRIT_ASSIGN(std::string path, find_answering_program(program.path, writable_places));
    return std::make_unique<CommandBackEnd>(ProgramToAsk{std::move(path), answering_environment(environ)},
                                            options.limits);
  }
  Made operator()(const ApprovalFilePath& file) const {
    WRIT_TRY(check_approval_file_place(file.path, writable_places));
    WRIT_ASSIGN(ApprovalFile read, ApprovalFile::read(file.path));
    return std::make_unique<FileBackEnd>(std::move(read));
  }
};

}  // namespace

Result<ApprovalChoice> parse_approve_option(std::string_view text) {
  if (text.empty()) return fail("--approve is empty", "ask, deny, queue, fd:N, command:PATH or a file");
  if (text == "ask") return AskPerson{};
  if (text == "deny") return DenyEverything{};
  if (text == "queue") return AskQueue{};
  if (text.starts_with(kQueuePrefix)) return parse_queue(text.substr(kQueuePrefix.size()));
  if (text.starts_with(kDescriptorPrefix)) return parse_descriptors(text.substr(kDescriptorPrefix.size()));
  if (text.starts_with(kCommandPrefix)) return parse_program(text.substr(kCommandPrefix.size()));
  return ApprovalFilePath{std::string(text)};
}

Result<std::unique_ptr<ApprovalBackEnd>> open_back_end(const ApprovalChoice& choice,
                                                       const TerminalBackEndOptions& options,
                                                       std::span<const std::string> writable_places,
                                                       const QueueOpener& open_queue) {
  return std::visit(Opening{options, writable_places, open_queue}, choice);
}

}  // namespace writ
