#include "launcher/ci_masking.h"

#include <charconv>
#include <utility>
#include <variant>

#include "broker/base/escape.h"

namespace writ {

Result<CiSecrets> read_ci_secrets(const std::vector<std::string>& names, const VariableLookup& variable) {
  CiSecrets secrets;
  std::vector<std::string> values;
  for (const std::string& name : names) {
    std::string value = variable(name.c_str());
    if (value.empty()) {
      secrets.unset.push_back(escape_bytes(name));
      continue;
    }
    values.push_back(std::move(value));
    // Each by itself first, for the name in the message.
    if (auto one = SecretMask::create({&values.back(), 1}); !one)
      return fail("--mask " + escape_bytes(name) + ": " + one.error().what, one.error().hint);
  }
  WRIT_ASSIGN(secrets.mask, SecretMask::create(values));
  return secrets;
}

JsonValue masked_json(const JsonValue& value, const SecretMask& mask) {
  if (const auto* text = std::get_if<std::string>(&value.storage())) return mask.masked(*text);
  if (const auto* list = std::get_if<JsonArray>(&value.storage())) {
    JsonArray masked;
    for (const JsonValue& element : list->elements()) masked.add(masked_json(element, mask));
    return masked;
  }
  if (const auto* object = std::get_if<JsonObject>(&value.storage())) {
    JsonObject masked;
    for (const JsonMember& member : object->members()) masked.set(member.key, masked_json(member.value, mask));
    return masked;
  }
  return value;
}

std::string unescaped_path(std::string_view text) {
  constexpr std::string_view kCut = "\xE2\x80\xA6";
  if (text.size() > kEscapedTextLimit && text.ends_with(kCut)) text.remove_suffix(kCut.size());
  std::string bytes;
  for (std::size_t at = 0; at < text.size(); ++at) {
    unsigned value = 0;
    if (text[at] != '\\' || at + 1 == text.size()) {
      bytes += text[at];
    } else if (text[at + 1] == 'x' && at + 3 < text.size() &&
               std::from_chars(text.data() + at + 2, text.data() + at + 4, value, 16).ec == std::errc()) {
      bytes += static_cast<char>(value);
      at += 3;
    } else {
      bytes += text[++at];
    }
  }
  return bytes;
}

}  // namespace writ
