#include "broker/primitives/captured_output.h"

#include "broker/base/escape.h"

namespace writ {
namespace {

// How long the character is whose first byte this is, if it is one.
std::size_t length_by_lead(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead < 0xE0) return 2;
  return lead < 0xF0 ? 3 : 4;
}

bool is_plain(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return c == '\n' || c == '\t' || c == '\r' || (byte >= 0x20 && byte != 0x7F);
}

// The text of the character or byte at the start of `rest`; `used`: its bytes. Nothing: it goes on beyond the end.
std::string_view next_character(std::string_view rest, std::size_t& used, std::string& escaped) {
  used = length_by_lead(static_cast<unsigned char>(rest.front()));
  const std::string_view character = rest.substr(0, used);
  if (is_plain(rest.front()) && character.size() == used && is_valid_utf8(character)) return character;
  used = 1;
  escaped = escape_bytes(rest.substr(0, 1));
  return escaped;
}

// Whether `rest` is the beginning of a longer character. A lead byte that no character has does not count.
bool is_cut(std::string_view rest) {
  const auto lead = static_cast<unsigned char>(rest.front());
  if (lead < 0xC2 || lead > 0xF4 || rest.size() >= length_by_lead(lead)) return false;
  return std::all_of(rest.begin() + 1, rest.end(),
                     [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80; });
}

}  // namespace

CapturedOutput::Text CapturedOutput::text() const {
  Text made{{}, total_ > kept_.size()};
  std::string escaped;
  std::size_t used = 0;
  for (std::string_view rest = kept_; !rest.empty(); rest.remove_prefix(used)) {
    if (total_ > kept_.size() && is_cut(rest)) break;
    const std::string_view character = next_character(rest, used, escaped);
    if (made.text.size() + character.size() > limit_) {
      made.truncated = true;
      break;
    }
    made.text.append(character);
  }
  return made;
}

}  // namespace writ
