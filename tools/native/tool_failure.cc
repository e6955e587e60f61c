#include "tools/native/tool_failure.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "broker/base/escape.h"
#include "broker/protocol/refusal_codes.h"

namespace writ::tools {
namespace {

struct CodeText {
  std::string_view name;
  std::string_view reason;  // for the one who made the call
};

// In the order of FailureCode.
constexpr std::array<CodeText, 13> kCodes = {{
    {"invalid_arguments", "the broker refuses these arguments"},
    {"unknown_name", "the broker does not offer this"},
    {"denied", "not allowed in this run; do without it, or ask with request_permission"},
    {"not_found", "there is nothing of this name"},
    {"exists", "it exists already"},
    {"conflict",
     "it is not in the state that was expected: it was changed since; read it again, then repeat the change"},
    {"too_large", "it is larger than the limit"},
    {"wrong_kind", "it is of another kind than this needs (file, directory, UTF-8 text)"},
    {"limit", "a limit of this run is reached"},
    {"timed_out", "it took too long"},
    {"cancelled", "it was cancelled"},
    {"unavailable", "this is not available here"},
    {"failed", "it failed"},
}};
static_assert(kCodes.size() == static_cast<std::size_t>(FailureCode::kFailed) + 1 &&
              std::equal(kCodes.begin(), kCodes.end(), kRefusalCodes.begin(), kRefusalCodes.end(),
                         [](const CodeText& own, std::string_view protocol) { return own.name == protocol; }));

const CodeText& text_of(FailureCode code) { return kCodes.at(static_cast<std::size_t>(code)); }

}  // namespace

std::string_view failure_code_name(FailureCode code) { return text_of(code).name; }

FailureCode failure_code_of(std::string_view name) {
  for (std::size_t i = 0; i < kCodes.size(); ++i)
    if (kCodes.at(i).name == name) return static_cast<FailureCode>(i);
  return FailureCode::kFailed;
}

tl::unexpected<ToolFailure> refuse_request(std::string_view action, const RequestError& error) {
  std::string message = "cannot ";
  message.append(action).append(": ").append(text_of(error.code).reason);
  if (!error.correlation.empty())
    message.append(" (reference ").append(escape_bytes(error.correlation, 80)).append(")");
  return refuse(error.code, std::move(message));
}

}  // namespace writ::tools
