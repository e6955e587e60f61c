// One HTTP exchange over a connected stream socket: send the request, read the response.
#ifndef WRIT_TOOLS_NATIVE_HTTP_EXCHANGE_H_
#define WRIT_TOOLS_NATIVE_HTTP_EXCHANGE_H_

#include <chrono>
#include <cstddef>
#include <string_view>

#include "tools/native/http_response.h"

namespace writ::tools {

struct ExchangeLimits {
  std::size_t max_body = 0;
  std::chrono::milliseconds time{};  // for all of the exchange
};

// `socket` is borrowed. Errors: kTimedOut; kFailed where the connection breaks or the response is malformed.
[[nodiscard]] ToolResult<HttpResponse> exchange_http(int socket, std::string_view request, ExchangeLimits limits);

}  // namespace writ::tools

#endif  // WRIT_TOOLS_NATIVE_HTTP_EXCHANGE_H_
