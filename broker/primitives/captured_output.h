// CapturedOutput: the first bytes of what a command wrote, and how many there were. Pure; one thread at a time.
#ifndef WRIT_BROKER_PRIMITIVES_CAPTURED_OUTPUT_H_
#define WRIT_BROKER_PRIMITIVES_CAPTURED_OUTPUT_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace writ {

class CapturedOutput {
 public:
  // Keeps `limit` bytes.
  explicit CapturedOutput(std::size_t limit = 0) : limit_(limit) {}

  void take(std::string_view bytes) {
    total_ += bytes.size();
    kept_.append(bytes.substr(0, std::min(bytes.size(), limit_ - kept_.size())));
  }

  [[nodiscard]] const std::string& bytes() const { return kept_; }
  [[nodiscard]] std::uint64_t total() const { return total_; }

  struct Text {
    std::string text;
    bool truncated = false;
  };
  // As UTF-8 text of at most `limit` bytes: what is no UTF-8, and control characters other than tab and line ends,
  // stand there as \xNN. A character that the limit cut in two is left out.
  [[nodiscard]] Text text() const;

 private:
  std::size_t limit_;
  std::string kept_;
  std::uint64_t total_ = 0;
};

}  // namespace writ

#endif  // WRIT_BROKER_PRIMITIVES_CAPTURED_OUTPUT_H_
