#include "broker/daemon/output_ring.h"

#include <algorithm>

namespace writ {

OutputRing::OutputRing(std::size_t capacity) : capacity_(std::max<std::size_t>(capacity, 1)) {}

void OutputRing::append(std::string_view bytes) {
  written_ += bytes.size();
  if (bytes.size() > capacity_) bytes.remove_prefix(bytes.size() - capacity_);
  const std::size_t grown = std::min(bytes.size(), capacity_ - bytes_.size());
  append_grown(bytes.substr(0, grown));
  bytes.remove_prefix(grown);
  // Full: the oldest bytes are overwritten, in at most two runs.
  while (!bytes.empty()) {
    const std::size_t run = std::min(bytes.size(), capacity_ - oldest_);
    std::copy_n(bytes.data(), run, bytes_.data() + oldest_);
    oldest_ = (oldest_ + run) % capacity_;
    bytes.remove_prefix(run);
  }
}

void OutputRing::append_grown(std::string_view bytes) {
  if (bytes.empty()) return;
  // Its own growth could reserve up to twice the capacity.
  if (bytes_.capacity() < bytes_.size() + bytes.size())
    bytes_.reserve(std::min(capacity_, std::max(2 * bytes_.size(), bytes_.size() + bytes.size())));
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
}

OutputRing::Piece OutputRing::read(std::uint64_t position, std::size_t most) const {
  Piece piece;
  const std::uint64_t from = std::clamp(position, first(), end());
  piece.lost = from > position ? from - position : 0;
  const auto skipped = static_cast<std::size_t>(from - first());
  const std::size_t left = bytes_.size() - skipped;
  if (left > 0) {
    const std::size_t index = (oldest_ + skipped) % bytes_.size();
    piece.bytes = {bytes_.data() + index, std::min({left, most, bytes_.size() - index})};
  }
  piece.next = from + piece.bytes.size();
  return piece;
}

}  // namespace writ
