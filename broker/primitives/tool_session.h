// ToolSession: the calls of one caller: a tool table, the authority of that caller, and what its tools have made so far
// (objects, tools of its own). One call is one fresh sandbox.
//
// Ownership: owns the workspace's descriptors, memory, made tools and waiting processes; what the options hold is
// borrowed or moved in, as they say. Threads: one. Fork: not after it was made.
#ifndef WRIT_BROKER_PRIMITIVES_TOOL_SESSION_H_
#define WRIT_BROKER_PRIMITIVES_TOOL_SESSION_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <variant>

#include "broker/agent/object_memory.h"
#include "broker/jit/jit_registry.h"
#include "broker/primitives/command_starter.h"
#include "broker/primitives/primitive_dispatcher.h"
#include "broker/primitives/session_authority.h"
#include "broker/primitives/tool_call.h"
#include "broker/primitives/warm_tools.h"
#include "broker/tool/tool_table.h"

namespace writ {

struct ToolSessionOptions {
  SessionAuthorityOptions authority;
  Workspace workspace;
  CommandStarter* starter = nullptr;  // borrowed
  CommandSandbox command_sandbox;     // of shell.run
  CommandSandbox made_sandbox;        // of tools that the session made
  WarmTools* tools = nullptr;         // borrowed
  ToolTable table;
  // Names that no made tool may have, beside those of the table. May be empty.
  std::function<bool(std::string_view)> is_reserved{};
  HumanContext::Reachable human_reach = HumanContext::Reachable::kNobody;
  std::chrono::milliseconds human_time_limit{10 * 60 * 1000};  // of one wait for the person
  std::string store_directory{};
  BroadPlaces places{};
  std::function<void(const std::string&)> announce{};  // a line for the person; may be empty
  // Told of each request that was refused, with the reason that the tool does not get. May be empty.
  std::function<void(std::string_view name, const Refusal&)> on_refusal{};
};

class ToolSession {
 public:
  explicit ToolSession(ToolSessionOptions options);
  ToolSession(const ToolSession&) = delete;
  ToolSession& operator=(const ToolSession&) = delete;

  // One call of a tool of the table, with everything that it asks for. Never fails otherwise than by the report.
  [[nodiscard]] CallReport call(const std::string& tool, const JsonValue& arguments);

  // One request, as if a tool made it: for programs that have a socket of their own. Errors: see the primitives.
  [[nodiscard]] tl::expected<PrimitiveReply, Refusal> request(const std::string& name, const JsonObject& arguments);

  // Whose end (a pidfd, borrowed) ends what request() waits for; -1: nobody's.
  void set_cancel(int descriptor) { set_cancel_descriptor(contexts_, descriptor); }

  [[nodiscard]] const ToolTable& table() const { return table_; }
  [[nodiscard]] const SessionExit& exit() const { return contexts_.exit; }

 private:
  [[nodiscard]] CallReport call_native(const ToolManifest& manifest, const JsonObject& arguments);
  [[nodiscard]] CallReport call_made(const MadeTool& made, const JsonObject& arguments);
  void add_made_tools();
  [[nodiscard]] PrimitiveContexts make_contexts();

  ToolSessionOptions options_;
  SessionAuthority authority_;
  ToolTable table_;
  ObjectMemory memory_;
  JitRegistry registry_;
  PrimitiveContexts contexts_;
  // Of the call of a made tool that is under way.
  std::uint64_t made_requests_ = 0;
  std::uint64_t made_refusals_ = 0;
};

}  // namespace writ

#endif  // WRIT_BROKER_PRIMITIVES_TOOL_SESSION_H_
