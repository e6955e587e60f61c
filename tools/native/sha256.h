// Sha256: FIPS 180-4, for files that are read in pieces. Tools see nothing of the broker but broker/base and the
// protocol, and the few lines here cost less at start than a library. Held against the audit log's own in a unit test.
// It says whether a content is the same; nothing secret depends on it.
#ifndef WRIT_TOOLS_NATIVE_SHA256_H_
#define WRIT_TOOLS_NATIVE_SHA256_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace writ::tools {

class Sha256 {
 public:
  void update(std::string_view bytes);
  // The digest as 64 lower-case digits. The object is used up.
  [[nodiscard]] std::string finish();

 private:
  static constexpr std::size_t kBlock = 64;
  void take_block(const char* block);

  std::array<std::uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                         0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<char, kBlock> pending_{};
  std::size_t pending_size_ = 0;
  std::uint64_t total_ = 0;
};

[[nodiscard]] std::string sha256_text(std::string_view bytes);

}  // namespace writ::tools

#endif  // WRIT_TOOLS_NATIVE_SHA256_H_
