// Payloads and decisions as the texts that the store keeps: JSON of a closed schema. Bytes are escaped as everywhere in
// Writ, which can be undone exactly. What is read back may have been written by anybody: unknown members, missing ones
// and wrong types are errors.
//
// Pure; any thread.
#ifndef WRIT_BROKER_REQUESTS_REQUEST_PAYLOAD_H_
#define WRIT_BROKER_REQUESTS_REQUEST_PAYLOAD_H_

#include <string>
#include <string_view>

#include "broker/base/error.h"
#include "broker/base/json_text.h"
#include "broker/requests/human_request.h"

namespace writ {

// Undoes escape_bytes(). Error: a backslash that escape_bytes() does not write.
[[nodiscard]] Result<std::string> unescape_bytes(std::string_view escaped);

[[nodiscard]] JsonObject payload_json(const RequestPayload& payload);
// Errors: larger than kRequestPayloadLimit, or not what payload_json() makes of a payload of this kind.
[[nodiscard]] Result<RequestPayload> parse_payload(RequestKind kind, std::string_view text);

[[nodiscard]] JsonObject decision_json(const RequestDecision& decision);
[[nodiscard]] Result<RequestDecision> parse_decision(std::string_view text);

}  // namespace writ

#endif  // WRIT_BROKER_REQUESTS_REQUEST_PAYLOAD_H_
