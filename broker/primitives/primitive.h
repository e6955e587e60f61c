// Primitive: what a tool can ask of the broker over its socket, and how it is answered. The primitives are the boundary
// of authority: what a tool or its manifest says about itself counts for nothing here.
//
// Each one authorises before it looks at anything (permit.h), so that what exists and what does not are refused alike.
// Plain data; any thread.
#ifndef WRIT_BROKER_PRIMITIVES_PRIMITIVE_H_
#define WRIT_BROKER_PRIMITIVES_PRIMITIVE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "broker/base/json_text.h"
#include "broker/base/unique_fd.h"
#include "broker/protocol/refusal_codes.h"

namespace writ {

// A closed list: it is all that a tool learns about what went wrong, beside the number of the record.
enum class PrimitiveCode : std::uint8_t {
  kInvalidArguments,
  kUnknownName,
  kDenied,
  kNotFound,
  kExists,
  kConflict,  // the content is not what was expected
  kTooLarge,
  kWrongKind,  // a directory instead of a file, a link, bytes that are no text
  kLimit,      // one of this session: requests, outputs, objects
  kTimedOut,
  kCancelled,
  kUnavailable,  // this broker has no such thing
  kFailed,
};
// They have the words of the protocol, in its order.
static_assert(kRefusalCodes.size() == static_cast<std::size_t>(PrimitiveCode::kFailed) + 1 &&
              kRefusalCodes.front() == "invalid_arguments" && kRefusalCodes.back() == "failed");

[[nodiscard]] constexpr std::string_view primitive_code_name(PrimitiveCode code) {
  return kRefusalCodes[static_cast<std::size_t>(code)];
}

struct PrimitiveFailure {
  PrimitiveCode code = PrimitiveCode::kFailed;
  std::string detail;  // for the log and the person; never for the tool
};

template <class T>
using Attempt = tl::expected<T, PrimitiveFailure>;

[[nodiscard]] inline tl::unexpected<PrimitiveFailure> refuse(PrimitiveCode code, std::string detail = {}) {
  return tl::unexpected<PrimitiveFailure>(PrimitiveFailure{code, std::move(detail)});
}

struct PrimitiveReply {
  JsonValue value;
  std::vector<UniqueFd> descriptors{};
};

using PrimitiveResult = Attempt<PrimitiveReply>;

}  // namespace writ

// Passes a failed Attempt on; `WRIT_ATTEMPT(auto x, f())`: x gets the value.
#define WRIT_ATTEMPT(declaration, expression) \
  WRIT_ATTEMPT_INNER(WRIT_CONCAT(writ_attempt_, __LINE__), declaration, expression)
#define WRIT_ATTEMPT_INNER(temporary, declaration, expression)                                   \
  auto temporary = (expression);                                                                 \
  if (!temporary) return tl::unexpected<::writ::PrimitiveFailure>(std::move(temporary.error())); \
  declaration = std::move(*temporary)

// The same for one without a value.
#define WRIT_REQUIRE(expression)                                                         \
  do {                                                                                   \
    if (auto writ_required = (expression); !writ_required)                               \
      return tl::unexpected<::writ::PrimitiveFailure>(std::move(writ_required.error())); \
  } while (false)

#endif  // WRIT_BROKER_PRIMITIVES_PRIMITIVE_H_
