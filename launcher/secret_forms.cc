#include "launcher/secret_forms.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "broker/base/escape.h"
#include "launcher/secret_mask.h"

namespace writ {
namespace {

constexpr std::size_t kShortestLine = 8;
constexpr std::string_view kUsualAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kUrlAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::string_view kLowerHex = "0123456789abcdef";
constexpr std::string_view kUpperHex = "0123456789ABCDEF";

// What base64 makes of `bytes` when `skipped` (0 to 2) unknown bytes stand before it in its group of three: the
// characters that depend on nothing else. `ends` says whether the text ends here, where the last character is known,
// too.
enum class TextEnd : std::uint8_t { kUnknown, kHere };
std::string base64_core(std::string_view bytes, std::size_t skipped, TextEnd end, std::string_view alphabet) {
  std::string text;
  const std::size_t first_bit = skipped * 8;
  const std::size_t end_bit = first_bit + bytes.size() * 8;
  const std::size_t begin = (first_bit + 5) / 6;
  const std::size_t stop = end == TextEnd::kHere ? (end_bit + 5) / 6 : end_bit / 6;
  for (std::size_t character = begin; character < stop; ++character) {
    std::uint32_t value = 0;
    for (std::size_t bit = character * 6; bit < character * 6 + 6; ++bit) {
      const std::size_t byte = bit / 8 - skipped;
      const auto here = byte < bytes.size() ? static_cast<unsigned char>(bytes[byte]) : 0U;
      value = value << 1 | (here >> (7 - bit % 8) & 1U);
    }
    text += alphabet[value];
  }
  return text;
}

// base64(1), openssl and PEM cut what they write into lines.
void add_cut_lines(std::string_view text, std::vector<std::string>& forms) {
  for (const std::size_t width : {std::size_t{64}, std::size_t{76}})
    for (std::size_t at = 0; text.size() > width && at < text.size(); at += width)
      if (const std::string_view line = text.substr(at, width); line.size() >= kShortestLine) forms.emplace_back(line);
}

void add_base64(std::string_view secret, std::vector<std::string>& forms) {
  for (const std::string_view alphabet : {kUsualAlphabet, kUrlAlphabet}) {
    for (std::size_t skipped = 0; skipped < 3; ++skipped) {
      forms.push_back(base64_core(secret, skipped, TextEnd::kUnknown, alphabet));
      forms.push_back(base64_core(secret, skipped, TextEnd::kHere, alphabet));
    }
    add_cut_lines(base64_core(secret, 0, TextEnd::kHere, alphabet), forms);
  }
}

bool is_unreserved(char byte) {
  return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-' ||
         byte == '.' || byte == '_' || byte == '~';
}

std::string url_encoded(std::string_view secret, std::string_view kept, std::string_view hex, std::string_view space) {
  std::string text;
  for (const char byte : secret) {
    if (is_unreserved(byte) || kept.find(byte) != std::string_view::npos) {
      text += byte;
    } else if (byte == ' ') {
      text += space;
    } else {
      const auto value = static_cast<unsigned char>(byte);
      text += '%';
      text += hex[value >> 4];
      text += hex[value & 15];
    }
  }
  return text;
}

void add_url_encodings(std::string_view secret, std::vector<std::string>& forms) {
  // RFC 3986; what Python's quote() keeps; what JavaScript's encodeURIComponent() keeps.
  for (const std::string_view kept : {"", "/", "!'()*"})
    for (const std::string_view hex : {kUpperHex, kLowerHex})
      for (const std::string_view space : {"%20", "+"}) forms.push_back(url_encoded(secret, kept, hex, space));
}

// How writers of JSON differ.
struct JsonStyle {
  bool escapes_slash = false;
  bool escapes_html = false;  // as Go and many web frameworks do
  bool only_ascii = false;
};

void append_unicode(std::string& text, std::uint32_t unit) {
  text += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) text += kLowerHex[unit >> shift & 15];
}

// Decodes one character of valid UTF-8 at `at`, which moves behind it.
std::uint32_t next_character(std::string_view text, std::size_t& at) {
  const auto first = static_cast<unsigned char>(text[at++]);
  if (first < 0x80) return first;
  const int more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;
  std::uint32_t character = first & (0x3FU >> more);
  for (int i = 0; i < more && at < text.size(); ++i)
    character = character << 6 | (static_cast<unsigned char>(text[at++]) & 0x3FU);
  return character;
}

void append_json_character(std::string& text, std::uint32_t character, JsonStyle style) {
  constexpr std::string_view kNamed = "\b\t\n\f\r";
  constexpr std::string_view kNames = "btnfr";
  if (character == '"' || character == '\\' || (character == '/' && style.escapes_slash)) {
    text += '\\';
    text += static_cast<char>(character);
  } else if (const std::size_t named = kNamed.find(static_cast<char>(character));
             character < 0x20 && named != std::string_view::npos) {
    text += '\\';
    text += kNames[named];
  } else if (character < 0x20 || (style.escapes_html && (character == '<' || character == '>' || character == '&'))) {
    append_unicode(text, character);
  } else if (character >= 0x10000) {
    append_unicode(text, 0xD800 + ((character - 0x10000) >> 10));
    append_unicode(text, 0xDC00 + ((character - 0x10000) & 0x3FF));
  } else {
    append_unicode(text, character);
  }
}

bool is_plain_in_json(std::uint32_t character, JsonStyle style) {
  if (character < 0x20 || character == '"' || character == '\\') return false;
  if (character == '/') return !style.escapes_slash;
  if (character == '<' || character == '>' || character == '&') return !style.escapes_html;
  return character < 0x80 || !style.only_ascii;
}

std::string json_escaped(std::string_view secret, JsonStyle style) {
  std::string text;
  for (std::size_t at = 0; at < secret.size();) {
    const std::size_t begin = at;
    const std::uint32_t character = next_character(secret, at);
    if (is_plain_in_json(character, style))
      text += secret.substr(begin, at - begin);
    else
      append_json_character(text, character, style);
  }
  return text;
}

void add_json_escapes(std::string_view secret, std::vector<std::string>& forms) {
  if (!is_valid_utf8(secret)) return;  // no JSON text can have it
  for (const bool slash : {false, true})
    for (const bool html : {false, true})
      for (const bool ascii : {false, true}) forms.push_back(json_escaped(secret, {slash, html, ascii}));
}

// Logs are made of lines, and a key is often shown without its first or last one.
void add_lines(std::string_view secret, std::vector<std::string>& forms) {
  for (std::size_t begin = 0; begin < secret.size();) {
    const std::size_t end = std::min(secret.find('\n', begin), secret.size());
    std::string_view line = secret.substr(begin, end - begin);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.size() >= kShortestLine) forms.emplace_back(line);
    begin = end + 1;
  }
}

}  // namespace

std::vector<std::string> secret_forms(std::string_view secret) {
  std::vector<std::string> forms = {std::string(secret), escape_bytes(secret, secret.size())};
  add_lines(secret, forms);
  add_base64(secret, forms);
  add_url_encodings(secret, forms);
  add_json_escapes(secret, forms);
  std::erase_if(forms, [](const std::string& form) { return form.size() < kShortestSecret; });
  std::sort(forms.begin(), forms.end());
  forms.erase(std::unique(forms.begin(), forms.end()), forms.end());
  return forms;
}

}  // namespace writ
