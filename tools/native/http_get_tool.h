// http_get: fetches one http:// URL. Where it may connect to, the broker decides.
#ifndef WRIT_TOOLS_NATIVE_HTTP_GET_TOOL_H_
#define WRIT_TOOLS_NATIVE_HTTP_GET_TOOL_H_

#include <string>

#include "tools/native/http_url.h"
#include "tools/native/tool_failure.h"

namespace writ::tools {

// {url, max_bytes?, headers?, timeout_s?} → {status, headers, body, encoding?, truncated}
//
// Redirects are not followed: the status and the location come back. A body that is not text comes as base64, and
// `encoding` says so. Errors: those of http_url.h and http_exchange.h; kInvalidArguments for header fields that are
// malformed or that the tool sets itself; the code with which connecting was refused.
[[nodiscard]] ToolResult<JsonValue> http_get(BrokerDoor& door, const JsonValue& arguments);

// The request as it is sent. `fields`: an object of texts. Error: kInvalidArguments, a field is malformed or reserved.
[[nodiscard]] ToolResult<std::string> http_request_text(const HttpUrl& url, const JsonValue* fields);

}  // namespace writ::tools

#endif  // WRIT_TOOLS_NATIVE_HTTP_GET_TOOL_H_
