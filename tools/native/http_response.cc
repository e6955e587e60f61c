#include "tools/native/http_response.h"

#include <array>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <exception>
#include <optional>

namespace writ::tools {
namespace {

namespace http = boost::beast::http;

constexpr std::uint32_t kHeaderLimit = 32 * 1024;
constexpr std::size_t kBodyPiece = 16 * 1024;
constexpr unsigned kInterimLimit = 8;
constexpr unsigned kSwitchingProtocols = 101;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

tl::unexpected<ToolFailure> malformed(const std::string& why) {
  return refuse(FailureCode::kFailed, "the server's response is malformed: " + why);
}

}  // namespace

class HttpResponseReader::Parser {
 public:
  explicit Parser(std::size_t max_body) : max_body_(max_body) { begin(); }

  ToolResult<ReadingState> feed(std::string_view bytes) {
    pending_.append(bytes);
    for (;;) {
      boost::beast::error_code error;
      const std::size_t used = put(error);
      if (body_.size() > max_body_) return complete_early();
      if (error == http::error::need_buffer) continue;
      if (error == http::error::need_more) return ReadingState::kMoreNeeded;
      if (error) return malformed(error.message());
      if (parser_->is_done() && !is_interim()) return ReadingState::kComplete;
      if (parser_->is_done() && ++interim_ > kInterimLimit) return malformed("too many interim responses");
      if (parser_->is_done())
        begin();
      else if (used == 0)
        return ReadingState::kMoreNeeded;
    }
  }

  ToolResult<void> end() {
    boost::beast::error_code error;
    if (!parser_->got_some())
      return refuse(FailureCode::kFailed, "the server closed the connection without a response");
    parser_->put_eof(error);
    if (error) return refuse(FailureCode::kFailed, "the server closed the connection in the middle of its response");
    return {};
  }

  HttpResponse take() {
    HttpResponse response;
    response.status = parser_->get().result_int();
    for (const auto& field : parser_->get()) {
      std::string name(field.name_string());
      for (char& letter : name) letter = lower(letter);
      response.headers.emplace_back(std::move(name), std::string(field.value()));
    }
    response.body = std::move(body_);
    response.truncated = truncated_;
    return response;
  }

 private:
  void begin() {
    parser_.emplace();
    parser_->eager(true);
    parser_->header_limit(kHeaderLimit);
    parser_->body_limit(boost::none);  // bounded by max_body_
  }

  // Gives what is pending to the parser, with room for one piece of the body.
  std::size_t put(boost::beast::error_code& error) {
    auto& room = parser_->get().body();
    room.data = piece_.data();
    room.size = piece_.size();
    const std::size_t used = parser_->put(boost::asio::const_buffer(pending_.data(), pending_.size()), error);
    body_.append(piece_.data(), piece_.size() - room.size);
    pending_.erase(0, used);
    return used;
  }

  [[nodiscard]] bool is_interim() const {
    const unsigned status = parser_->get().result_int();
    return status >= 100 && status < 200 && status != kSwitchingProtocols;
  }

  ReadingState complete_early() {
    body_.resize(max_body_);
    truncated_ = true;
    return ReadingState::kComplete;
  }

  std::size_t max_body_;
  std::optional<http::response_parser<http::buffer_body>> parser_;
  std::string pending_;  // bytes that the parser has not used yet
  std::array<char, kBodyPiece> piece_{};
  std::string body_;
  bool truncated_ = false;
  unsigned interim_ = 0;
};

HttpResponseReader::HttpResponseReader(std::size_t max_body) : parser_(std::make_unique<Parser>(max_body)) {}
HttpResponseReader::HttpResponseReader(HttpResponseReader&& other) noexcept = default;
HttpResponseReader& HttpResponseReader::operator=(HttpResponseReader&& other) noexcept = default;
HttpResponseReader::~HttpResponseReader() = default;

// Beast reports by error codes; what it may still throw (a field longer than it can store) ends here.
ToolResult<ReadingState> HttpResponseReader::feed(std::string_view bytes) try {
  return parser_->feed(bytes);
} catch (const std::exception&) {
  return malformed("a header field is too long");
}

ToolResult<void> HttpResponseReader::end() { return parser_->end(); }

HttpResponse HttpResponseReader::take() { return parser_->take(); }

}  // namespace writ::tools
