// HttpUrl: the strict part of RFC 3986 that http_get takes. Pure; any thread.
#ifndef WRIT_TOOLS_NATIVE_HTTP_URL_H_
#define WRIT_TOOLS_NATIVE_HTTP_URL_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "tools/native/tool_failure.h"

namespace writ::tools {

class HttpUrl {
 public:
  // Errors: kUnavailable for another scheme than http; kInvalidArguments for everything that is not clearly one URL:
  // user and password, characters that must be written %XX, a port out of range, no host. A fragment is dropped.
  [[nodiscard]] static ToolResult<HttpUrl> parse(std::string_view url);

  [[nodiscard]] const std::string& host() const { return host_; }  // lower case; an IPv6 address without brackets
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] const std::string& target() const { return target_; }  // path and query: "/a?b"
  // For the Host header: "example.org:8080", "[::1]".
  [[nodiscard]] std::string authority() const;

 private:
  HttpUrl() = default;

  std::string host_;
  std::uint16_t port_ = 80;
  std::string target_;
};

}  // namespace writ::tools

#endif  // WRIT_TOOLS_NATIVE_HTTP_URL_H_
