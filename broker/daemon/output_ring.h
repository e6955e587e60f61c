// OutputRing: the last bytes of a stream, in bounded memory. Every byte has a position, counted from the first one of
// the stream, so that each reader needs no more than the position it has come to, and knows what it missed. Pure.
//
// Memory: grows with what is written, up to the capacity. Threads: one at a time.
#ifndef WRIT_BROKER_DAEMON_OUTPUT_RING_H_
#define WRIT_BROKER_DAEMON_OUTPUT_RING_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace writ {

class OutputRing {
 public:
  static constexpr std::size_t kUsualCapacity = std::size_t{256} << 10;

  // Keeps the last `capacity` bytes, at least one.
  explicit OutputRing(std::size_t capacity = kUsualCapacity);

  // Takes all of `bytes`; what no longer fits is dropped, oldest first.
  void append(std::string_view bytes);

  // Position of the oldest byte that is kept: as many were dropped. Position behind the last byte: as many were
  // written.
  [[nodiscard]] std::uint64_t first() const { return written_ - bytes_.size(); }
  [[nodiscard]] std::uint64_t end() const { return written_; }
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  // Memory taken for them.
  [[nodiscard]] std::size_t reserved() const { return bytes_.capacity(); }

  struct Piece {
    std::string_view bytes;  // in one piece, so perhaps not all there is; valid until the next append()
    std::uint64_t lost = 0;  // dropped between the position asked for and the first of `bytes`
    std::uint64_t next = 0;  // position behind `bytes`
  };
  // What is kept from `position` on, at most `most` bytes. A position beyond the end is the end.
  [[nodiscard]] Piece read(std::uint64_t position, std::size_t most = SIZE_MAX) const;

 private:
  void append_grown(std::string_view bytes);

  std::size_t capacity_;
  std::uint64_t written_ = 0;
  std::size_t oldest_ = 0;   // index of the oldest byte; 0 until the capacity is reached
  std::vector<char> bytes_;  // unlike a string, it reserves no more than it is asked for
};

}  // namespace writ

#endif  // WRIT_BROKER_DAEMON_OUTPUT_RING_H_
