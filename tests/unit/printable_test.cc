// is_printable_ascii() against the plain definition, for every byte at every place of a word.
#include "broker/base/printable.h"

#include <catch2/catch.hpp>
#include <string>

namespace {

using namespace writ;

TEST_CASE("printable: every byte at every place, between every neighbour that could borrow or carry") {
  for (const char neighbour : {' ', 'a', '~'}) {
    for (std::size_t size = 0; size <= 19; ++size) {
      const std::string plain(size, neighbour);
      CHECK(is_printable_ascii(plain));
      for (std::size_t place = 0; place < size; ++place) {
        for (int byte = 0; byte < 256; ++byte) {
          std::string text = plain;
          text[place] = static_cast<char>(byte);
          if (is_printable_ascii(text) != (byte >= 0x20 && byte <= 0x7E)) FAIL(size << " " << place << " " << byte);
        }
      }
    }
  }
}

TEST_CASE("printable: several such bytes in one word") {
  CHECK_FALSE(is_printable_ascii("\x1f\x20\x20\x20\x20\x20\x20\x7f"));
  CHECK_FALSE(is_printable_ascii("\xff\xff\xff\xff\xff\xff\xff\xff"));
  CHECK_FALSE(is_printable_ascii("abcdefg\n"));
}

}  // namespace
