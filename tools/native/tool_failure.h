// ToolFailure: why a call failed: a code of the closed list, and a message that a model can act on. The message holds
// what the caller gave (quoted) and places in files, never the content of anything else.
#ifndef WRIT_TOOLS_NATIVE_TOOL_FAILURE_H_
#define WRIT_TOOLS_NATIVE_TOOL_FAILURE_H_

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

#include "broker/base/error.h"
#include "tools/native/broker_door.h"

namespace writ::tools {

struct ToolFailure {
  ToolFailure(FailureCode failure_code, std::string text) : code(failure_code), message(std::move(text)) {}
  // What StrictObject and other readers of arguments refuse.
  ToolFailure(const Error& error)  // NOLINT(google-explicit-constructor): lets such errors be passed on
      : code(FailureCode::kInvalidArguments), message(error.describe()) {}

  FailureCode code;
  std::string message;
};

template <class T>
using ToolResult = tl::expected<T, ToolFailure>;

[[nodiscard]] inline tl::unexpected<ToolFailure> refuse(FailureCode code, std::string message) {
  return tl::unexpected<ToolFailure>(ToolFailure(code, std::move(message)));
}

// The failure of a call whose request was refused: "cannot read 'a.txt': there is nothing of this name". `action` is
// what was tried, with its subject already quoted.
[[nodiscard]] tl::unexpected<ToolFailure> refuse_request(std::string_view action, const RequestError& error);

}  // namespace writ::tools

// Like WRIT_TRY and WRIT_ASSIGN of broker/base/error.h, for ToolResult; they also pass on an Error.
#define WRIT_TOOL_TRY(expression)                                                             \
  do {                                                                                        \
    if (auto writ_tool_status = (expression); !writ_tool_status)                              \
      return tl::unexpected<::writ::tools::ToolFailure>(std::move(writ_tool_status.error())); \
  } while (false)

#define WRIT_TOOL_ASSIGN(declaration, expression) \
  WRIT_TOOL_ASSIGN_INNER(WRIT_CONCAT(writ_tool_, __LINE__), declaration, expression)
#define WRIT_TOOL_ASSIGN_INNER(temporary, declaration, expression)                                 \
  auto temporary = (expression);                                                                   \
  if (!temporary) return tl::unexpected<::writ::tools::ToolFailure>(std::move(temporary.error())); \
  declaration = std::move(*temporary)

#endif  // WRIT_TOOLS_NATIVE_TOOL_FAILURE_H_
