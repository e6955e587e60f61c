#include "launcher/json_text.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <charconv>
#include <cmath>

#include "broker/base/escape.h"

namespace writ {
namespace {

std::string string_text(const std::string& text) {
  const bool well_formed = is_valid_utf8(text);
  const boost::json::value value(well_formed ? text : escape_bytes(text, text.size()));
  return boost::json::serialize(value);
}

// Boost.JSON writes 1.5 as 1.5E0; reports are read by people too.
std::string double_text(double value) {
  if (!std::isfinite(value)) return "null";
  std::array<char, 32> buffer;
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return error == std::errc() ? std::string(buffer.data(), end) : "null";
}

class Writer {
 public:
  explicit Writer(std::size_t indent) : indent_(indent) {}

  void write(const JsonValue& value) { std::visit(*this, value.storage()); }
  std::string take() { return std::move(text_); }

  void operator()(std::monostate) { text_ += "null"; }
  void operator()(bool value) { text_ += value ? "true" : "false"; }
  void operator()(std::int64_t value) { text_ += std::to_string(value); }
  void operator()(std::uint64_t value) { text_ += std::to_string(value); }
  void operator()(double value) { text_ += double_text(value); }
  void operator()(const std::string& value) { text_ += string_text(value); }
  void operator()(const JsonArray& array) {
    write_list('[', ']', array.elements(), [this](const JsonValue& element) { write(element); });
  }
  void operator()(const JsonObject& object) {
    write_list('{', '}', object.members(), [this](const JsonMember& member) { write_member(member); });
  }

 private:
  template <class List, class WriteOne>
  void write_list(char open, char close, const List& list, WriteOne write_one) {
    text_ += open;
    ++depth_;
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (i > 0) text_ += indent_ == 0 ? ", " : ",";
      break_line();
      write_one(list[i]);
    }
    --depth_;
    if (!list.empty()) break_line();
    text_ += close;
  }

  void write_member(const JsonMember& member) {
    text_ += string_text(member.key);
    text_ += ": ";
    write(member.value);
  }

  void break_line() {
    if (indent_ == 0) return;
    text_ += '\n';
    text_.append(depth_ * indent_, ' ');
  }

  std::size_t indent_;
  std::size_t depth_ = 0;
  std::string text_;
};

}  // namespace

JsonArray::JsonArray() = default;
JsonArray::JsonArray(const JsonArray& other) = default;
JsonArray::JsonArray(JsonArray&& other) noexcept = default;
JsonArray& JsonArray::operator=(const JsonArray& other) = default;
JsonArray& JsonArray::operator=(JsonArray&& other) noexcept = default;
JsonArray::~JsonArray() = default;

JsonObject::JsonObject() = default;
JsonObject::JsonObject(const JsonObject& other) = default;
JsonObject::JsonObject(JsonObject&& other) noexcept = default;
JsonObject& JsonObject::operator=(const JsonObject& other) = default;
JsonObject& JsonObject::operator=(JsonObject&& other) noexcept = default;
JsonObject::~JsonObject() = default;

JsonArray& JsonArray::add(JsonValue value) {
  elements_.push_back(std::move(value));
  return *this;
}

JsonObject& JsonObject::set(std::string_view key, JsonValue value) {
  const auto same_key = [key](const JsonMember& member) { return member.key == key; };
  const auto found = std::find_if(members_.begin(), members_.end(), same_key);
  if (found != members_.end())
    found->value = std::move(value);
  else
    members_.push_back(JsonMember{std::string(key), std::move(value)});
  return *this;
}

std::string JsonValue::to_text(std::size_t indent) const {
  Writer writer(indent);
  writer.write(*this);
  return writer.take();
}

}  // namespace writ
