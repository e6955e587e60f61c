#include "broker/mediation/command_request.h"

#include "broker/mediation/caller.h"

namespace writ {

MemoryResult<std::unique_ptr<CommandRequest>> read_command_request(const Notification& call) {
  constexpr std::size_t kArgvArgument = 1;
  auto argv = read_text_array(call.thread, call.call.args[kArgvArgument], kCommandArgumentLimits);
  if (!argv) return tl::unexpected<MemoryProblem>(argv.error());
  if (argv->empty()) return tl::unexpected<MemoryProblem>(MemoryProblem::kBadMemory);
  auto request = std::make_unique<CommandRequest>();
  request->argv = std::move(*argv);
  request->thread = call.thread;
  request->executable = caller_link(call.thread, "exe");
  request->working_directory = caller_link(call.thread, "cwd");
  auto caller = open_caller(call.thread);
  if (!caller) return tl::unexpected<MemoryProblem>(MemoryProblem::kGone);
  request->caller = std::move(*caller);
  return request;
}

}  // namespace writ
