#include "broker/primitives/primitive_dispatcher.h"

#include <algorithm>
#include <array>

#include "broker/base/strict_object.h"
#include "broker/primitives/argument_reading.h"
#include "broker/primitives/filesystem_write.h"

namespace writ {
namespace {

inline constexpr std::size_t kExitMessageLimit = 8192;

PrimitiveResult process_exit(SessionExit& exit, const JsonObject& arguments) {
  StrictObject object = StrictObject::of(arguments, "arguments");
  WRIT_ATTEMPT(const std::optional<std::string> message, valid(object.optional_text("message")));
  WRIT_ATTEMPT(const std::optional<bool> failed, valid(object.optional_flag("failed")));
  WRIT_REQUIRE(valid(object.finish()));
  if (message && message->size() > kExitMessageLimit)
    return refuse(PrimitiveCode::kTooLarge, "the message is too long");
  exit.state = failed.value_or(false) ? SessionExit::State::kFailed : SessionExit::State::kExited;
  exit.message = message.value_or("");
  return PrimitiveReply{JsonObject()};
}

// The primitive `kFunction` with its part of the contexts.
template <auto kPart, auto kFunction>
PrimitiveResult with(PrimitiveContexts& contexts, const JsonObject& arguments) {
  return kFunction(contexts.*kPart, arguments);
}

using Contexts = PrimitiveContexts;
using Function = PrimitiveResult (*)(PrimitiveContexts&, const JsonObject&);

struct Row {
  std::string_view name;
  Function function;
};

constexpr Function kReadText = with<&Contexts::filesystem, filesystem_read_text>;
constexpr Function kWriteText = with<&Contexts::filesystem, filesystem_write_text>;
constexpr Function kReadDirectory = with<&Contexts::filesystem, filesystem_read_directory>;
constexpr Function kWriteDirectory = with<&Contexts::filesystem, filesystem_write_directory>;
constexpr Function kShellRun = with<&Contexts::shell, run_shell>;
constexpr Function kNow = with<&Contexts::clock, clock_now>;
constexpr Function kSleep = with<&Contexts::clock, clock_sleep>;
constexpr Function kAsk = with<&Contexts::human, human_ask>;
constexpr Function kOutput = with<&Contexts::human, human_output>;
constexpr Function kRequestPermission = with<&Contexts::human, human_request_permission>;

// Sorted by name.
constexpr auto kTable = std::to_array<Row>({
    {"ask_human", kAsk},
    {"capability.delegate", with<&Contexts::capability, capability_delegate>},
    {"capability.inspect", with<&Contexts::capability, capability_inspect>},
    {"capability.list", with<&Contexts::capability, capability_list>},
    {"capability.request_permission", kRequestPermission},
    {"capability.revoke", with<&Contexts::capability, capability_revoke>},
    {"clock.now", kNow},
    {"clock.sleep", kSleep},
    {"filesystem.delete_directory", with<&Contexts::filesystem, filesystem_delete_directory>},
    {"filesystem.delete_file", with<&Contexts::filesystem, filesystem_delete_file>},
    {"filesystem.move", with<&Contexts::filesystem, filesystem_move>},
    {"filesystem.open", with<&Contexts::filesystem, filesystem_open>},
    {"filesystem.read_directory", kReadDirectory},
    {"filesystem.read_text", kReadText},
    {"filesystem.stat", with<&Contexts::filesystem, filesystem_stat>},
    {"filesystem.write_directory", kWriteDirectory},
    {"filesystem.write_text", kWriteText},
    {"human.ask", kAsk},
    {"human.output", kOutput},
    {"human.request_permission", kRequestPermission},
    {"human_output", kOutput},
    {"jit.propose", with<&Contexts::jit, jit_propose>},
    {"jit.register", with<&Contexts::jit, jit_register>},
    {"jit.validate", with<&Contexts::jit, jit_validate>},
    {"list_directory", kReadDirectory},
    {"make_directory", kWriteDirectory},
    {"memory.append_object", with<&Contexts::memory, memory_append_object>},
    {"memory.create_namespace", with<&Contexts::memory, memory_create_namespace>},
    {"memory.create_object", with<&Contexts::memory, memory_create_object>},
    {"memory.list_namespace", with<&Contexts::memory, memory_list_namespace>},
    {"memory.read_object", with<&Contexts::memory, memory_read_object>},
    {"network.connect", with<&Contexts::network, network_connect>},
    {"process.exit", with<&Contexts::exit, process_exit>},
    {"read_text_file", kReadText},
    {"request_permission", kRequestPermission},
    {"run_command", kShellRun},
    {"shell.run", kShellRun},
    {"sleep", kSleep},
    {"time.now", kNow},
    {"write_text_file", kWriteText},
});
static_assert(std::is_sorted(kTable.begin(), kTable.end(), [](const Row& a, const Row& b) { return a.name < b.name; }));

}  // namespace

PrimitiveResult dispatch_primitive(PrimitiveContexts& contexts, std::string_view name, const JsonObject& arguments) {
  const auto row = std::lower_bound(kTable.begin(), kTable.end(), name,
                                    [](const Row& entry, std::string_view wanted) { return entry.name < wanted; });
  if (row == kTable.end() || row->name != name) return refuse(PrimitiveCode::kUnknownName, "there is no such request");
  if (contexts.exit.state != SessionExit::State::kRunning)
    return refuse(PrimitiveCode::kUnavailable, "the session has ended");
  return row->function(contexts, arguments);
}

void set_cancel_descriptor(PrimitiveContexts& contexts, int descriptor) {
  contexts.filesystem.cancel = descriptor;
  contexts.shell.cancel = descriptor;
  contexts.clock.cancel = descriptor;
  contexts.human.cancel = descriptor;
  contexts.jit.runtime.cancel = descriptor;
  contexts.network.cancel = descriptor;
}

}  // namespace writ
