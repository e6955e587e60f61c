// http_get: URLs, requests, and responses that come in pieces, over a pair of sockets.
#include "tools/native/http_url.h"

#include <sys/socket.h>

#include <array>
#include <catch2/catch.hpp>
#include <chrono>

#include "tests/unit/native_tools_fixture.h"
#include "tools/native/base64_text.h"
#include "tools/native/http_exchange.h"
#include "tools/native/http_get_tool.h"
#include "tools/native/http_response.h"

namespace writ::native_tools_tests {
namespace {

std::string parts_of(std::string_view text) {
  const ToolResult<HttpUrl> url = HttpUrl::parse(text);
  if (!url) return std::string(failure_code_name(url.error().code));
  return url->host() + " " + std::to_string(url->port()) + " " + url->target() + " " + url->authority();
}

TEST_CASE("url: what is taken", "[native]") {
  CHECK(parts_of("http://Example.ORG") == "example.org 80 / example.org");
  CHECK(parts_of("HTTP://a.b:8080/x/y?q=1#part") == "a.b 8080 /x/y?q=1 a.b:8080");
  CHECK(parts_of("http://127.0.0.1?q") == "127.0.0.1 80 /?q 127.0.0.1");
  CHECK(parts_of("http://[::1]:81/") == "::1 81 / [::1]:81");
  CHECK(parts_of("http://a/%20@:!") == "a 80 /%20@:! a");
  CHECK(parts_of("http://a:80") == "a 80 / a");
}

TEST_CASE("url: what is refused", "[native]") {
  for (const char* url : {"https://a/", "HTTPS://a", "ftp://a/", "file:///etc/passwd", "javascript:x"})
    CHECK(parts_of(url) == "unavailable");
  for (const char* url : {"",
                          "a",
                          "//a/",
                          "http:",
                          "http:/a",
                          "http:a",
                          "http://",
                          "http:///x",
                          "http://:80/",
                          "http://u@a/",
                          "http://u:p@a/",
                          "http://a b/",
                          "http://a/x y",
                          "http://a/\r\nX: y",
                          "http://a/\x7F",
                          "http://ä/",
                          "http://a/ä",
                          "http://a:0/",
                          "http://a:65536/",
                          "http://a:/",
                          "http://a:8x/",
                          "http://a:+8/",
                          "http://a\\b/",
                          "http://a/%2",
                          "http://a/%zz",
                          "http://a/<x>",
                          "http://[::1",
                          "http://[::1]x/",
                          "http://[zz]/",
                          "http://[1]/",
                          "http://::1/",
                          "http://a..b/",
                          "http://.a/",
                          "http://-a/",
                          "http://a%2Eb/",
                          " http://a/",
                          "http://a/{x}"})
    CHECK(parts_of(url) == "invalid_arguments");
  CHECK(parts_of("http://a/" + std::string(2048, 'x')) == "invalid_arguments");
}

// "status name=value… body"; "!" in front of what was truncated.
std::string text_of(HttpResponse response) {
  std::string text = (response.truncated ? "!" : "") + std::to_string(response.status);
  for (const auto& [name, value] : response.headers) text += " " + name + "=" + value;
  return text + " " + response.body;
}

// The response when its bytes come `step` at a time and then the connection is closed.
std::string received(std::string_view bytes, std::size_t step, std::size_t max_body = 1000) {
  HttpResponseReader reader(max_body);
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    const ToolResult<ReadingState> state = reader.feed(bytes.substr(at, step));
    if (!state) return state.error().message;
    if (*state == ReadingState::kComplete) return text_of(reader.take());
  }
  const ToolResult<void> end = reader.end();
  return end ? text_of(reader.take()) : end.error().message;
}

TEST_CASE("response: the same however its bytes come", "[native]") {
  struct Case {
    std::string bytes;
    std::string expected;
  };
  const std::vector<Case> cases = {
      {"HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 5\r\n\r\nhello", "200 a=b content-length=5 hello"},
      {"HTTP/1.1 200 OK\r\n\r\nuntil the end", "200 until the end"},
      {"HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n", "404 content-length=0 "},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
       "200 transfer-encoding=chunked abcde"},
      {"HTTP/1.1 204 No Content\r\n\r\n", "204 "},
      {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: "
       "1\r\n\r\nz",
       "200 content-length=1 z"},
      {"HTTP/1.1 302 Found\r\nLocation: http://b/\r\nContent-Length: 0\r\n\r\n",
       "302 location=http://b/ content-length=0 "}};
  for (const Case& each : cases)
    for (const std::size_t step : {1U, 2U, 7U, 1000U}) CHECK(received(each.bytes, step) == each.expected);
}

TEST_CASE("response: a body is kept up to its limit", "[native]") {
  const std::string endless = "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n" + std::string(5000, 'x');
  CHECK(received(endless, 100) == "!200 content-length=99999999999 " + std::string(1000, 'x'));
  CHECK(received("HTTP/1.1 200 OK\r\n\r\n" + std::string(1000, 'x'), 100) == "200 " + std::string(1000, 'x'));
  CHECK(received("HTTP/1.1 200 OK\r\n\r\n" + std::string(50'000, 'x'), 60'000, 40'000) ==
        "!200 " + std::string(40'000, 'x'));
}

TEST_CASE("response: malformed or incomplete", "[native]") {
  for (const char* bytes : {"nonsense\r\n\r\n", "HTTP/1.1 2x0 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nA b\r\n\r\n",
                            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
                            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"})
    CHECK(received(bytes, 1000).starts_with("the server's response is malformed"));
  CHECK(received("HTTP/1.1 200 OK\r\nA: " + std::string(40'000, 'x'), 1000).find("malformed") != std::string::npos);
  CHECK(received("", 1) == "the server closed the connection without a response");
  CHECK(received("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", 9).find("in the middle") != std::string::npos);
  std::string interim;
  for (int i = 0; i < 20; ++i) interim += "HTTP/1.1 100 Continue\r\n\r\n";
  CHECK(received(interim, 1000).find("too many interim") != std::string::npos);
}

TEST_CASE("http_get: the request that is sent", "[native]") {
  const HttpUrl url = HttpUrl::parse("http://a.b:81/x?y").value();
  CHECK(http_request_text(url, nullptr).value() ==
        "GET /x?y HTTP/1.1\r\nHost: a.b:81\r\nAccept: */*\r\nUser-Agent: writ-tools/1\r\nAccept-Encoding: identity\r\n"
        "Connection: close\r\n\r\n");
  const JsonValue fields = JsonObject().set("Accept", "text/html").set("X-Key", "v");
  CHECK(http_request_text(url, &fields).value().find("Accept: text/html\r\nX-Key: v\r\nUser-Agent") !=
        std::string::npos);
  for (const char* wrong : {R"({"Host": "x"})", R"({"connection": "x"})", R"({"A b": "x"})", R"({"": "x"})",
                            R"({"A": "x\r\nB: y"})", R"({"A": "ä"})", R"({"A": 1})", R"({"A:": "x"})", R"([])"}) {
    const JsonValue value = json(wrong);
    CHECK(!http_request_text(url, &value));
  }
}

// Answers network.connect with one end of a pair whose other end has already said `response`.
struct FakeServer {
  explicit FakeServer(std::string_view response) {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) throw std::runtime_error("socketpair");
    here.reset(ends[0]);
    there = ends[1];
    if (::send(here.get(), response.data(), response.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(response.size()))
      throw std::runtime_error("send");
  }

  std::string fetch(std::string_view arguments) {
    broker.answers["network.connect"] = [this](const JsonObject& asked) -> DoorResult<Reply> {
      where = JsonValue(asked).to_text();
      Reply reply = FakeBroker::replied(JsonObject().set("address", "192.0.2.1"));
      reply.descriptors.emplace_back(there);
      return reply;
    };
    const ToolResult<JsonValue> result = http_get(broker, json(arguments));
    return result ? result->to_text() : outcome(result) + ": " + message(result);
  }

  FakeBroker broker;
  UniqueFd here;
  int there = -1;
  std::string where;
};

TEST_CASE("http_get: over a socket from the broker", "[native]") {
  FakeServer server("HTTP/1.1 200 OK\r\nSet-A: 1\r\nset-a: 2\r\nContent-Length: 3\r\n\r\nabc");
  CHECK(server.fetch(R"({"url": "http://a.b/x"})") ==
        R"({"status": 200, "headers": {"set-a": "1, 2", "content-length": "3"}, "body": "abc", "truncated": false})");
  CHECK(server.where == R"({"host": "a.b", "port": 80})");
  std::array<char, 4096> request{};
  const ssize_t size = ::recv(server.here.get(), request.data(), request.size(), 0);
  CHECK(
      std::string_view(request.data(), static_cast<std::size_t>(size)).starts_with("GET /x HTTP/1.1\r\nHost: a.b\r\n"));
}

TEST_CASE("http_get: a body that is no text comes as base64", "[native]") {
  FakeServer server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\xFF\xFE");
  CHECK(server.fetch(R"({"url": "http://a/"})").find(R"("body": "//4=", "encoding": "base64")") != std::string::npos);
}

TEST_CASE("http_get: text that is cut ends with a whole character", "[native]") {
  FakeServer server("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\näää");
  CHECK(server.fetch(R"({"url": "http://a/", "max_bytes": 3})").find(R"("body": "ä", "truncated": true)") !=
        std::string::npos);
}

TEST_CASE("http_get: a server that says nothing times out", "[native]") {
  FakeServer server("");
  const auto before = std::chrono::steady_clock::now();
  CHECK(exchange_http(server.there, "GET", {10, std::chrono::milliseconds(20)}).error().code == FailureCode::kTimedOut);
  CHECK(std::chrono::steady_clock::now() - before >= std::chrono::milliseconds(20));
  UniqueFd closed(server.there);
}

TEST_CASE("http_get: refusals", "[native]") {
  FakeBroker broker;
  broker.answers["network.connect"] = [](const JsonObject&) { return FakeBroker::refused(FailureCode::kDenied); };
  const ToolResult<JsonValue> refused = http_get(broker, json(R"({"url": "http://a.b:81/secret"})"));
  CHECK(outcome(refused) == "denied");
  CHECK(message(refused).starts_with("cannot connect to 'a.b:81'"));
  broker.asked.clear();
  CHECK(outcome(http_get(broker, json(R"({"url": "https://a/"})"))) == "unavailable");
  CHECK(outcome(http_get(broker, json(R"({"url": "http://a/", "max_bytes": 0})"))) == "invalid_arguments");
  CHECK(outcome(http_get(broker, json(R"({"url": "http://a/", "method": "POST"})"))) == "invalid_arguments");
  CHECK(broker.asked.empty());
}

TEST_CASE("base64: known answers", "[native]") {
  CHECK(base64_text("").empty());
  CHECK(base64_text("f") == "Zg==");
  CHECK(base64_text("fo") == "Zm8=");
  CHECK(base64_text("foo") == "Zm9v");
  CHECK(base64_text("\xFB\xFF\xFE") == "+//+");
}

}  // namespace
}  // namespace writ::native_tools_tests
