#include "broker/requests/object_reader.h"

#include <utility>
#include <variant>

#include "broker/base/escape.h"
#include "broker/requests/request_payload.h"

namespace writ {

ObjectReader::ObjectReader(const JsonValue& value) : object_(std::get_if<JsonObject>(&value.storage())) {
  if (object_ == nullptr) add_fault("an object was expected");
}

void ObjectReader::add_fault(std::string fault) {
  if (fault_.empty()) fault_ = std::move(fault);
}

const JsonValue* ObjectReader::take(std::string_view key) {
  const JsonValue* value = object_ == nullptr ? nullptr : object_->find(key);
  if (value != nullptr) ++taken_;
  return value;
}

std::string ObjectReader::bytes_of(const JsonValue& value, std::string_view key) {
  const auto* text = std::get_if<std::string>(&value.storage());
  if (text == nullptr) {
    add_fault(quote_bytes(key, 80) + " must be a text");
    return {};
  }
  Result<std::string> bytes = unescape_bytes(*text);
  if (!bytes) add_fault(quote_bytes(key, 80) + ": " + bytes.error().what);
  return bytes ? std::move(*bytes) : std::string();
}

std::string ObjectReader::bytes(std::string_view key) {
  const JsonValue* value = take(key);
  if (value != nullptr) return bytes_of(*value, key);
  add_fault(quote_bytes(key, 80) + " is missing");
  return {};
}

std::string ObjectReader::optional_bytes(std::string_view key) {
  const JsonValue* value = take(key);
  return value == nullptr ? std::string() : bytes_of(*value, key);
}

std::vector<std::string> ObjectReader::words(std::string_view key) {
  std::vector<std::string> words;
  const JsonValue* value = take(key);
  const auto* array = value == nullptr ? nullptr : std::get_if<JsonArray>(&value->storage());
  if (array == nullptr) {
    add_fault(quote_bytes(key, 80) + " must be a list");
    return words;
  }
  for (const JsonValue& element : array->elements()) words.push_back(bytes_of(element, key));
  return words;
}

std::int64_t ObjectReader::integer(std::string_view key) {
  const JsonValue* value = take(key);
  const auto* number = value == nullptr ? nullptr : std::get_if<std::int64_t>(&value->storage());
  if (number != nullptr) return *number;
  add_fault(quote_bytes(key, 80) + " must be a number");
  return 0;
}

const JsonValue* ObjectReader::member(std::string_view key) { return take(key); }

Status ObjectReader::finish() const {
  if (!fault_.empty()) return fail(fault_);
  if (taken_ != object_->members().size()) return fail("there are members that nobody knows");
  return {};
}

}  // namespace writ
