// SecretMask: secrets and their usual encodings are replaced by *** in what a tool writes. Pure: bytes in, bytes out.
//
//   WRIT_ASSIGN(SecretMask mask, SecretMask::create(secrets));
//   MaskedStream stream(mask);          // one for each stream: a secret may come in two halves
//   stream.write(chunk, out);           // appends to `out`
//   stream.finish(out);
//
// Every place where a pattern stands is covered, also where two of them overlap; what touches becomes one ***. A tail
// that could be the beginning of a pattern is kept back until more comes, whatever the time: whoever waits between two
// halves must not get them through. Memory is bounded by the longest pattern and the chunk.
//
// Threads: a SecretMask never changes and may be shared; a MaskedStream belongs to one thread.
#ifndef WRIT_LAUNCHER_SECRET_MASK_H_
#define WRIT_LAUNCHER_SECRET_MASK_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "broker/base/error.h"

namespace writ {

inline constexpr std::size_t kShortestSecret = 4;
inline constexpr std::size_t kLongestSecret = std::size_t{64} << 10;
inline constexpr std::string_view kMaskText = "***";

class SecretMask {
 public:
  // Masks nothing.
  SecretMask() = default;

  // Errors: a secret shorter than kShortestSecret (it would be everywhere) or longer than kLongestSecret. They do not
  // show it.
  [[nodiscard]] static Result<SecretMask> create(std::span<const std::string> secrets);

  [[nodiscard]] bool empty() const { return patterns_.empty(); }
  // The whole text at once.
  [[nodiscard]] std::string masked(std::string_view text) const;

 private:
  friend class MaskedStream;
  static constexpr std::size_t kKeySize = 3;  // bytes of a pattern by which it is found
  struct Found {
    std::size_t length = 0;     // of the longest pattern that stands there; 0: none
    bool is_undecided = false;  // a longer one would need bytes that are not there yet
  };
  [[nodiscard]] Found look(std::string_view rest) const;
  [[nodiscard]] bool may_begin(const char* bytes) const;
  void add(std::string pattern);

  std::vector<std::string> patterns_;  // longest first within a key
  std::unordered_map<std::uint32_t, std::vector<std::uint32_t>> by_key_;
  std::array<std::uint64_t, 1024> keys_{};  // one bit for each hash of a key
};

class MaskedStream {
 public:
  // `mask` is borrowed and must outlive the stream.
  explicit MaskedStream(const SecretMask& mask) : mask_(&mask) {}

  void write(std::string_view bytes, std::string& out) { process(bytes, Ending::kNo, out); }
  // No more bytes will come.
  void finish(std::string& out) { process({}, Ending::kYes, out); }

 private:
  enum class Ending : std::uint8_t { kNo, kYes };
  void process(std::string_view bytes, Ending ending, std::string& out);

  const SecretMask* mask_;
  std::string kept_;  // what is undecided
  // So many of the next bytes belong to what the last *** stands for; nothing: other bytes came after it.
  std::optional<std::size_t> covered_;
};

}  // namespace writ

#endif  // WRIT_LAUNCHER_SECRET_MASK_H_
