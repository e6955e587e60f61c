#include "broker/base/json_text.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <boost/json/basic_parser_impl.hpp>
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

// Builds a JsonValue from what the parser of Boost.JSON finds; its own object type would drop a repeated key silently.
// The names and signatures are Boost's (basic_parser, "Handler").
class Builder {
 public:
  static constexpr std::size_t max_object_size = std::string::npos;
  static constexpr std::size_t max_array_size = std::string::npos;
  static constexpr std::size_t max_key_size = kJsonKeyLimit;
  static constexpr std::size_t max_string_size = std::string::npos;
  using Code = boost::json::error_code;
  using Text = boost::json::string_view;

  bool on_document_begin(Code&) { return true; }
  bool on_document_end(Code&) { return true; }
  bool on_object_begin(Code&) { return open(JsonObject()); }
  bool on_object_end(std::size_t, Code& code) { return close(code); }
  bool on_array_begin(Code&) { return open(JsonArray()); }
  bool on_array_end(std::size_t, Code& code) { return close(code); }
  bool on_key_part(Text part, std::size_t, Code&) { return append(part); }
  bool on_key(Text part, std::size_t, Code& code) { return take_key(part, code); }
  bool on_string_part(Text part, std::size_t, Code&) { return append(part); }
  bool on_string(Text part, std::size_t, Code& code) {
    append(part);
    return add(JsonValue(std::exchange(text_, {})), code);
  }
  bool on_number_part(Text, Code&) { return true; }
  bool on_int64(std::int64_t number, Text, Code& code) { return add(JsonValue(number), code); }
  bool on_uint64(std::uint64_t number, Text, Code& code) { return add(JsonValue(number), code); }
  bool on_double(double number, Text, Code& code) { return add(JsonValue(number), code); }
  bool on_bool(bool truth, Code& code) { return add(JsonValue(truth), code); }
  bool on_null(Code& code) { return add(JsonValue(), code); }
  bool on_comment_part(Text, Code&) { return true; }
  bool on_comment(Text, Code&) { return true; }

  JsonValue take() { return std::move(document_); }
  [[nodiscard]] bool found_repeated_key() const { return repeated_key_; }

 private:
  // An array or object that is not complete yet, and where it will go.
  struct Open {
    std::variant<JsonArray, JsonObject> content;
    std::string key;  // under which the next value of an object is set
  };

  bool open(std::variant<JsonArray, JsonObject> content) {
    open_.push_back({std::move(content), {}});
    return true;
  }

  bool close(Code& code) {
    auto content = std::move(open_.back().content);
    open_.pop_back();
    return std::visit([&](auto& complete) { return add(JsonValue(std::move(complete)), code); }, content);
  }

  bool append(Text part) {
    text_.append(part.data(), part.size());
    return true;
  }

  bool take_key(Text part, Code& code) {
    append(part);
    Open& parent = open_.back();
    parent.key = std::exchange(text_, {});
    const auto* object = std::get_if<JsonObject>(&parent.content);
    repeated_key_ = object != nullptr && object->find(parent.key) != nullptr;
    if (repeated_key_) code = boost::json::error::extra_data;
    return !repeated_key_;
  }

  bool add(JsonValue value, Code&) {
    if (open_.empty())
      document_ = std::move(value);
    else if (auto* array = std::get_if<JsonArray>(&open_.back().content))
      array->add(std::move(value));
    else
      std::get<JsonObject>(open_.back().content).set(open_.back().key, std::move(value));
    return true;
  }

  std::vector<Open> open_;
  std::string text_;  // parts of a string or key that came so far
  JsonValue document_;
  bool repeated_key_ = false;
};

}  // namespace

Result<JsonValue> parse_json(std::string_view text) {
  boost::json::parse_options options;
  options.max_depth = kJsonDepthLimit;
  boost::json::basic_parser<Builder> parser(options);
  boost::json::error_code code;
  const std::size_t used = parser.write_some(false, text.data(), text.size(), code);
  if (!code && used != text.size()) code = boost::json::error::extra_data;
  if (!code) return parser.handler().take();
  const std::string reason = parser.handler().found_repeated_key() ? "a key stands twice" : code.message();
  return fail("not JSON: " + reason + " at byte " + std::to_string(used));
}

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

const JsonValue* JsonObject::find(std::string_view key) const {
  for (const JsonMember& member : members_)
    if (member.key == key) return &member.value;
  return nullptr;
}

std::string JsonValue::to_text(std::size_t indent) const {
  Writer writer(indent);
  writer.write(*this);
  return writer.take();
}

}  // namespace writ
