#include "broker/daemon/output_ring.h"

#include <catch2/catch.hpp>
#include <random>
#include <string>

using namespace writ;

namespace {

// All that `ring` keeps from `position` on, and how much was lost before it.
std::pair<std::string, std::uint64_t> all_from(const OutputRing& ring, std::uint64_t position, std::size_t most = 7) {
  std::string bytes;
  std::uint64_t lost = 0;
  for (;;) {
    const OutputRing::Piece piece = ring.read(position, most);
    lost += piece.lost;
    if (piece.bytes.empty()) return {bytes, lost};
    bytes += piece.bytes;
    position = piece.next;
  }
}

}  // namespace

TEST_CASE("output ring: what fits is kept whole", "[output_ring]") {
  OutputRing ring(10);
  CHECK(all_from(ring, 0) == std::pair<std::string, std::uint64_t>("", 0));
  ring.append("0123");
  ring.append("456789");
  CHECK(ring.first() == 0);
  CHECK(ring.end() == 10);
  CHECK(all_from(ring, 0) == std::pair<std::string, std::uint64_t>("0123456789", 0));
  CHECK(all_from(ring, 4) == std::pair<std::string, std::uint64_t>("456789", 0));
  CHECK(all_from(ring, 10).first.empty());
}

TEST_CASE("output ring: the oldest bytes are dropped, and every reader is told how many it missed", "[output_ring]") {
  OutputRing ring(10);
  ring.append("0123456789");
  ring.append("abc");
  CHECK(ring.first() == 3);
  CHECK(ring.size() == 10);
  CHECK(all_from(ring, 0) == std::pair<std::string, std::uint64_t>("3456789abc", 3));
  CHECK(all_from(ring, 2) == std::pair<std::string, std::uint64_t>("3456789abc", 1));
  CHECK(all_from(ring, 3) == std::pair<std::string, std::uint64_t>("3456789abc", 0));
  CHECK(all_from(ring, 12) == std::pair<std::string, std::uint64_t>("c", 0));
  CHECK(ring.read(999).bytes.empty());
  CHECK(ring.read(999).next == 13);
}

TEST_CASE("output ring: one write larger than the ring leaves its end", "[output_ring]") {
  OutputRing ring(4);
  ring.append("ab");
  ring.append("0123456789");
  CHECK(ring.end() == 12);
  CHECK(all_from(ring, 0) == std::pair<std::string, std::uint64_t>("6789", 8));
}

TEST_CASE("output ring: agrees with a string at every size of write and read", "[output_ring]") {
  std::mt19937 random(4);
  for (const std::size_t capacity : {1U, 2U, 7U, 64U, 1000U}) {
    OutputRing ring(capacity);
    std::string everything;
    for (int round = 0; round < 400; ++round) {
      const std::string more(random() % (2 * capacity + 2), static_cast<char>('a' + round % 26));
      ring.append(more);
      everything += more;
      REQUIRE(ring.end() == everything.size());
      REQUIRE(ring.size() == std::min(capacity, everything.size()));
      const std::uint64_t from = random() % (everything.size() + 1);
      const std::uint64_t kept = std::max(from, ring.first());
      const auto [bytes, lost] = all_from(ring, from, 1 + random() % 50);
      REQUIRE(lost == kept - from);
      REQUIRE(bytes == everything.substr(kept));
    }
  }
}

TEST_CASE("output ring: a quiet stream costs what it wrote, not the capacity", "[output_ring]") {
  OutputRing ring;
  ring.append("a few words\n");
  CHECK(ring.reserved() < 256);
  const std::string flood(1000, 'x');
  for (int i = 0; i < 1000; ++i) ring.append(flood);
  CHECK(ring.size() == OutputRing::kUsualCapacity);
  CHECK(ring.reserved() <= OutputRing::kUsualCapacity + 16);
}
