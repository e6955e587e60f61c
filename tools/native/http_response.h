// HttpResponseReader: an HTTP/1.1 response from bytes that come in pieces. http_response.cc is the only file that sees
// Boost.Beast, of which it uses the parser alone: no sockets, no streams.
//
// What the server sends is not trusted: header fields may take 32 KiB in all, of the body no more is kept than was
// asked for. Threads: one.
#ifndef WRIT_TOOLS_NATIVE_HTTP_RESPONSE_H_
#define WRIT_TOOLS_NATIVE_HTTP_RESPONSE_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tools/native/tool_failure.h"

namespace writ::tools {

struct HttpResponse {
  unsigned status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case, as often as they came; bytes
  std::string body;
  bool truncated = false;  // the body goes on
};

enum class ReadingState { kMoreNeeded, kComplete };

class HttpResponseReader {
 public:
  explicit HttpResponseReader(std::size_t max_body);
  HttpResponseReader(HttpResponseReader&& other) noexcept;
  HttpResponseReader& operator=(HttpResponseReader&& other) noexcept;
  ~HttpResponseReader();

  // Takes the next bytes. Interim responses (100 to 199) are passed over. kComplete: nothing more is needed.
  // Error: kFailed, the response is malformed.
  [[nodiscard]] ToolResult<ReadingState> feed(std::string_view bytes);
  // The server closed the connection. Error: kFailed, the response is not complete.
  [[nodiscard]] ToolResult<void> end();
  // The response, after kComplete or end().
  [[nodiscard]] HttpResponse take();

 private:
  class Parser;
  std::unique_ptr<Parser> parser_;
};

}  // namespace writ::tools

#endif  // WRIT_TOOLS_NATIVE_HTTP_RESPONSE_H_
