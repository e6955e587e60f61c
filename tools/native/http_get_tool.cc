#include "tools/native/http_get_tool.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>
#include <variant>

#include "broker/base/escape.h"
#include "tools/native/base64_text.h"
#include "tools/native/http_exchange.h"
#include "tools/native/tool_arguments.h"
#include "tools/native/utf8_cutting.h"

namespace writ::tools {
namespace {

constexpr std::size_t kFieldsLimit = 32;
constexpr std::size_t kFieldLimit = 8 * 1024;
constexpr std::int64_t kBodyLimit = 1024 * 1024;

// What says where a request goes, and where it ends, is the tool's to say.
constexpr std::array<std::string_view, 11> kReserved = {
    "accept-encoding", "connection",        "content-length", "expect", "host", "keep-alive", "proxy-connection", "te",
    "trailer",         "transfer-encoding", "upgrade"};

tl::unexpected<ToolFailure> wrong_field(std::string_view name, std::string_view why) {
  return refuse(FailureCode::kInvalidArguments, "the header field " + quote_bytes(name, 80) + " " + std::string(why));
}

bool is_token_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_field_value_character(char c) { return c == '\t' || (c >= 0x20 && c != 0x7F); }

std::string lower_text(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return result;
}

ToolResult<std::string> field_line(const JsonMember& field) {
  const auto* value = std::get_if<std::string>(&field.value.storage());
  if (value == nullptr) return wrong_field(field.key, "must be a text");
  if (field.key.empty() || !std::all_of(field.key.begin(), field.key.end(), is_token_character))
    return wrong_field(field.key, "has a malformed name");
  if (!std::all_of(value->begin(), value->end(), is_field_value_character))
    return wrong_field(field.key, "has a value with control characters or letters outside of ASCII");
  if (field.key.size() + value->size() > kFieldLimit) return wrong_field(field.key, "is too long");
  const std::string name = lower_text(field.key);
  if (std::find(kReserved.begin(), kReserved.end(), name) != kReserved.end())
    return wrong_field(field.key, "is set by the tool itself");
  return field.key + ": " + *value + "\r\n";
}

bool has_field(const JsonObject& fields, std::string_view name) {
  return std::any_of(fields.members().begin(), fields.members().end(),
                     [&](const JsonMember& field) { return lower_text(field.key) == name; });
}

ToolResult<std::string> field_lines(const JsonObject& fields) {
  if (fields.members().size() > kFieldsLimit)
    return refuse(FailureCode::kInvalidArguments,
                  "'headers' has more than " + std::to_string(kFieldsLimit) + " fields");
  std::string lines;
  for (const JsonMember& field : fields.members()) {
    WRIT_TOOL_ASSIGN(const std::string line, field_line(field));
    lines += line;
  }
  if (!has_field(fields, "accept")) lines += "Accept: */*\r\n";
  if (!has_field(fields, "user-agent")) lines += "User-Agent: writ-tools/1\r\n";
  return lines;
}

struct Wanted {
  HttpUrl url;
  std::string request;
  ExchangeLimits limits;
};

ToolResult<Wanted> wanted_of(const JsonValue& arguments) {
  WRIT_TOOL_ASSIGN(StrictObject reader, StrictObject::open(arguments, ""));
  WRIT_TOOL_ASSIGN(const std::string text, reader.text("url"));
  WRIT_TOOL_ASSIGN(HttpUrl url, HttpUrl::parse(text));
  WRIT_TOOL_ASSIGN(const std::int64_t bytes, number_argument(reader, "max_bytes", {kBodyLimit, 1, kBodyLimit}));
  WRIT_TOOL_ASSIGN(const std::int64_t seconds, number_argument(reader, "timeout_s", {30, 1, 120}));
  WRIT_TOOL_ASSIGN(std::string request, http_request_text(url, reader.member("headers")));
  WRIT_TOOL_TRY(reader.finish());
  return Wanted{std::move(url), std::move(request), {static_cast<std::size_t>(bytes), std::chrono::seconds(seconds)}};
}

// Several fields of one name are one field with commas (RFC 9110, 5.3).
JsonObject headers_of(const HttpResponse& response) {
  std::vector<std::pair<std::string, std::string>> joined;
  for (const auto& field : response.headers) {
    const std::string shown =
        is_valid_utf8(field.second) ? field.second : escape_bytes(field.second, field.second.size());
    const auto is_same = [&](const auto& each) { return each.first == field.first; };
    const auto same = std::find_if(joined.begin(), joined.end(), is_same);
    if (same == joined.end())
      joined.emplace_back(field.first, shown);
    else
      same->second += ", " + shown;
  }
  JsonObject headers;
  for (auto& [name, value] : joined) headers.set(name, std::move(value));
  return headers;
}

// Text as a person reads it; other control characters would make the result six times as large.
bool is_readable_text(std::string_view text) {
  const auto readable = [](char c) {
    return static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\r' || c == '\t' || c == '\f';
  };
  return is_valid_utf8(text) && std::all_of(text.begin(), text.end(), readable);
}

JsonValue result_of(const HttpResponse& response) {
  JsonObject result;
  result.set("status", response.status).set("headers", headers_of(response));
  const std::string_view whole =
      response.truncated ? utf8_prefix(response.body, response.body.size()) : std::string_view(response.body);
  if (is_readable_text(whole))
    result.set("body", whole);
  else
    result.set("body", base64_text(response.body)).set("encoding", "base64");
  return result.set("truncated", response.truncated);
}

}  // namespace

ToolResult<std::string> http_request_text(const HttpUrl& url, const JsonValue* fields) {
  const JsonObject none;
  const auto* object = fields == nullptr ? &none : std::get_if<JsonObject>(&fields->storage());
  if (object == nullptr) return refuse(FailureCode::kInvalidArguments, "'headers' must be an object of texts");
  WRIT_TOOL_ASSIGN(const std::string lines, field_lines(*object));
  return "GET " + url.target() + " HTTP/1.1\r\nHost: " + url.authority() + "\r\n" + lines +
         "Accept-Encoding: identity\r\nConnection: close\r\n\r\n";
}

ToolResult<JsonValue> http_get(BrokerDoor& door, const JsonValue& arguments) {
  WRIT_TOOL_ASSIGN(const Wanted wanted, wanted_of(arguments));
  DoorResult<Reply> reply =
      door.request("network.connect", JsonObject().set("host", wanted.url.host()).set("port", wanted.url.port()));
  const std::string action = "connect to " + quote_bytes(wanted.url.authority(), 300);
  if (!reply) return refuse_request(action, reply.error());
  if (reply->descriptors.size() != 1) return refuse_request(action, RequestError{});
  WRIT_TOOL_ASSIGN(const HttpResponse response,
                   exchange_http(reply->descriptors.front().get(), wanted.request, wanted.limits));
  return result_of(response);
}

}  // namespace writ::tools
