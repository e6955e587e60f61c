#include "tools/native/http_url.h"

#include <algorithm>
#include <charconv>

#include "broker/base/escape.h"

namespace writ::tools {
namespace {

constexpr std::size_t kUrlLimit = 2048;
constexpr std::size_t kHostLimit = 253;
constexpr std::uint16_t kHttpPort = 80;

tl::unexpected<ToolFailure> wrong_url(std::string_view why) {
  return refuse(FailureCode::kInvalidArguments, "the URL is not taken: " + std::string(why));
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string lower_text(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), lower);
  return result;
}

// Characters of paths and queries (RFC 3986: pchar, "/" and "?").
bool is_target_character(char c) {
  return is_letter(c) || is_digit(c) || std::string_view("-._~!$&'()*+,;=:@/?").find(c) != std::string_view::npos;
}

bool is_target(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      if (i + 2 >= text.size() || !is_hex(text[i + 1]) || !is_hex(text[i + 2])) return false;
      i += 2;
    } else if (!is_target_character(text[i])) {
      return false;
    }
  }
  return true;
}

bool is_host_name(std::string_view host) {
  const auto right = [](char c) { return is_letter(c) || is_digit(c) || c == '-' || c == '.' || c == '_'; };
  return !host.empty() && host.size() <= kHostLimit && host.front() != '.' && host.front() != '-' &&
         host.find("..") == std::string_view::npos && std::all_of(host.begin(), host.end(), right);
}

// The address itself is checked by the broker, which has to pin it anyway.
bool is_ipv6_text(std::string_view host) {
  const auto right = [](char c) { return is_hex(c) || c == ':' || c == '.'; };
  return std::count(host.begin(), host.end(), ':') >= 2 && host.size() <= 45 &&
         std::all_of(host.begin(), host.end(), right);
}

ToolResult<std::uint16_t> port_of(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0)
    return wrong_url("the port must be from 1 to 65535");
  return port;
}

ToolResult<std::string_view> after_scheme(std::string_view url) {
  const std::size_t colon = url.find(':');
  if (colon == std::string_view::npos) return wrong_url("it must start with http://");
  const std::string scheme = lower_text(url.substr(0, colon));
  if (scheme == "https")
    return refuse(FailureCode::kUnavailable, "https is not offered yet; only http:// URLs can be fetched");
  if (scheme != "http")
    return refuse(FailureCode::kUnavailable, "only http:// URLs can be fetched, not " + quote_bytes(scheme, 40));
  if (!url.substr(colon).starts_with("://")) return wrong_url("it must start with http://");
  return url.substr(colon + 3);
}

}  // namespace

ToolResult<HttpUrl> HttpUrl::parse(std::string_view url) {
  if (url.size() > kUrlLimit) return wrong_url("it is longer than " + std::to_string(kUrlLimit) + " bytes");
  const auto is_plain = [](char c) { return c > 0x20 && c < 0x7F; };
  if (!std::all_of(url.begin(), url.end(), is_plain))
    return wrong_url("it has blanks, control characters or letters that must be written as %XX");
  WRIT_TOOL_ASSIGN(std::string_view rest, after_scheme(url));
  rest = rest.substr(0, rest.find('#'));
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?"));
  const std::string_view target = rest.substr(authority.size());
  if (authority.find('@') != std::string_view::npos) return wrong_url("a user or password in it is not passed on");
  if (!is_target(target)) return wrong_url("the path or query has characters that must be written as %XX");
  const bool bracketed = authority.starts_with('[');
  const std::size_t bracket = authority.find(']');
  if (bracketed && bracket == std::string_view::npos) return wrong_url("the host has no closing bracket");
  const std::size_t host_end = bracketed ? bracket + 1 : std::min(authority.find(':'), authority.size());
  const std::string_view host = bracketed ? authority.substr(1, bracket - 1) : authority.substr(0, host_end);
  if (bracketed ? !is_ipv6_text(host) : !is_host_name(host)) return wrong_url("the host is not a name or an address");
  HttpUrl result;
  if (const std::string_view port = authority.substr(host_end); !port.empty()) {
    if (port.front() != ':') return wrong_url("after the host stands something that is no port");
    WRIT_TOOL_ASSIGN(result.port_, port_of(port.substr(1)));
  }
  result.host_ = lower_text(host);
  result.target_ = (target.starts_with('/') ? "" : "/") + std::string(target);
  return result;
}

std::string HttpUrl::authority() const {
  const std::string host = host_.find(':') == std::string::npos ? host_ : "[" + host_ + "]";
  return port_ == kHttpPort ? host : host + ":" + std::to_string(port_);
}

}  // namespace writ::tools
