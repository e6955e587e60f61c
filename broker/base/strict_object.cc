#include "broker/base/strict_object.h"

#include <limits>
#include <variant>

#include "broker/base/escape.h"
#include "broker/base/name_suggestion.h"

namespace writ {
namespace {

// A boolean is no number and a fraction is none that is meant here, whatever other readers make of them.
std::optional<std::int64_t> count_in(const JsonValue& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value.storage()); number != nullptr && *number >= 0)
    return *number;
  const auto* large = std::get_if<std::uint64_t>(&value.storage());
  if (large == nullptr || *large > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return {};
  return static_cast<std::int64_t>(*large);
}

}  // namespace

Result<StrictObject> StrictObject::open(const JsonValue& value, std::string place) {
  const auto* object = std::get_if<JsonObject>(&value.storage());
  if (object == nullptr) return fail((place.empty() ? "the document" : quote_bytes(place)) + " must be an object");
  return StrictObject(*object, std::move(place));
}

std::string StrictObject::place_of(std::string_view key) const {
  return place_.empty() ? std::string(key) : place_ + "." + std::string(key);
}

tl::unexpected<Error> StrictObject::missing(std::string_view key) const {
  return fail(quote_bytes(place_of(key)) + " is missing");
}

tl::unexpected<Error> StrictObject::wrong(std::string_view key, std::string_view expected) const {
  return fail(quote_bytes(place_of(key)) + " must be " + std::string(expected));
}

const JsonValue* StrictObject::member(std::string_view key) {
  const JsonValue* value = object_->find(key);
  if (value == nullptr) return nullptr;
  read_.push_back(key);
  return std::holds_alternative<std::monostate>(value->storage()) ? nullptr : value;
}

Result<std::optional<std::string>> StrictObject::optional_text(std::string_view key) {
  const JsonValue* value = member(key);
  if (value == nullptr) return std::nullopt;
  const auto* text = std::get_if<std::string>(&value->storage());
  if (text == nullptr) return wrong(key, "a text");
  return *text;
}

Result<std::optional<std::int64_t>> StrictObject::optional_integer(std::string_view key) {
  const JsonValue* value = member(key);
  if (value == nullptr) return std::nullopt;
  const std::optional<std::int64_t> number = count_in(*value);
  if (!number) return wrong(key, "a whole number from 0");
  return number;
}

Result<std::optional<bool>> StrictObject::optional_flag(std::string_view key) {
  const JsonValue* value = member(key);
  if (value == nullptr) return std::nullopt;
  const auto* flag = std::get_if<bool>(&value->storage());
  if (flag == nullptr) return wrong(key, "true or false");
  return *flag;
}

Result<std::optional<std::vector<std::string>>> StrictObject::optional_texts(std::string_view key) {
  const JsonValue* value = member(key);
  if (value == nullptr) return std::nullopt;
  const auto* array = std::get_if<JsonArray>(&value->storage());
  if (array == nullptr) return wrong(key, "a list of texts");
  std::vector<std::string> texts;
  for (const JsonValue& element : array->elements()) {
    const auto* text = std::get_if<std::string>(&element.storage());
    if (text == nullptr) return wrong(key, "a list of texts");
    texts.push_back(*text);
  }
  return texts;
}

Result<std::optional<std::size_t>> StrictObject::optional_word(std::string_view key,
                                                               std::span<const std::string_view> words) {
  WRIT_ASSIGN(const std::optional<std::string> text, optional_text(key));
  if (!text) return std::nullopt;
  const auto found = std::find(words.begin(), words.end(), *text);
  if (found == words.end()) {
    std::string known;
    for (const std::string_view word : words) known.append(known.empty() ? "one of " : ", ").append(word);
    return wrong(key, known + ", not " + quote_bytes(*text, 80) + did_you_mean(*text, words));
  }
  return static_cast<std::size_t>(found - words.begin());
}

Result<std::string> StrictObject::text(std::string_view key) { return required(optional_text(key), key); }
Result<std::int64_t> StrictObject::integer(std::string_view key) { return required(optional_integer(key), key); }
Result<bool> StrictObject::flag(std::string_view key) { return required(optional_flag(key), key); }
Result<std::size_t> StrictObject::word(std::string_view key, std::span<const std::string_view> words) {
  return required(optional_word(key, words), key);
}

bool StrictObject::has_unread() const { return read_.size() != object_->members().size(); }

Status StrictObject::finish() const {
  for (const JsonMember& each : object_->members())
    if (std::find(read_.begin(), read_.end(), each.key) == read_.end())
      return fail(quote_bytes(place_of(each.key), 200) + " is unknown here");
  return {};
}

}  // namespace writ
