// RequestId: names one request to a person, among all runs of an installation: "hreq_" and 128 random bits as 32
// hexadecimal digits, so that nobody who is not shown an id can name it. Value; any thread.
#ifndef WRIT_BROKER_REQUESTS_REQUEST_ID_H_
#define WRIT_BROKER_REQUESTS_REQUEST_ID_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "broker/base/error.h"

namespace writ {

class RequestId {
 public:
  // A new one. Error: the kernel has no random bytes.
  [[nodiscard]] static Result<RequestId> make();
  // Exactly what text() gives; nothing for every other spelling.
  [[nodiscard]] static std::optional<RequestId> parse(std::string_view text);

  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] friend bool operator==(const RequestId& a, const RequestId& b) { return a.text_ == b.text_; }
  [[nodiscard]] friend bool operator<(const RequestId& a, const RequestId& b) { return a.text_ < b.text_; }

 private:
  explicit RequestId(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

inline constexpr std::string_view kRequestIdPrefix = "hreq_";
inline constexpr std::size_t kRequestIdDigits = 32;

// What a person may type for an id: the whole of it or its beginning, with or without "hreq_", and at least four
// digits. Returns it with "hreq_"; nothing for what cannot be the beginning of an id.
[[nodiscard]] std::optional<std::string> request_id_prefix(std::string_view typed);

}  // namespace writ

#endif  // WRIT_BROKER_REQUESTS_REQUEST_ID_H_
