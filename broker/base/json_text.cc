#include "broker/base/json_text.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <boost/json/basic_parser_impl.hpp>
#include <charconv>
#include <cmath>
#include <functional>
#include <set>

#include "broker/base/escape.h"

namespace writ {
namespace {

// RFC 8259, 7: quotation mark, backslash and control characters are escaped, and nothing else has to be.
void append_escaped_character(std::string& out, char character) {
  constexpr std::string_view kShort = "\b\t\n\f\r\"\\";
  constexpr std::string_view kNames = "btnfr\"\\";
  const std::size_t place = kShort.find(character);
  if (place != std::string_view::npos) {
    out += {'\\', kNames[place]};
    return;
  }
  constexpr std::string_view kDigits = "0123456789abcdef";
  const auto code = static_cast<unsigned char>(character);
  out += {'\\', 'u', '0', '0', kDigits[code >> 4U], kDigits[code & 0xFU]};
}

// Boost's own serialiser takes some 60 ms for each MB of text.
std::string string_text(const std::string& text) {
  if (!is_valid_utf8(text)) return string_text(escape_bytes(text, text.size()));
  std::string out = "\"";
  out.reserve(text.size() + 2);
  std::size_t plain = 0;  // everything before is in `out`
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (static_cast<unsigned char>(text[i]) >= 0x20 && text[i] != '"' && text[i] != '\\') continue;
    out.append(text, plain, i - plain);
    append_escaped_character(out, text[i]);
    plain = i + 1;
  }
  out.append(text, plain);
  return out += '"';
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
    std::set<std::string, std::less<>>
        keys;  // of an object with many members: looking through them all would take long
  };

  // True where the object that is open has the key; notes it otherwise.
  static bool is_repeated(Open& parent, const JsonObject& object) {
    constexpr std::size_t kFew = 32;
    if (object.members().size() < kFew) return object.find(parent.key) != nullptr;
    if (parent.keys.empty())
      for (const JsonMember& member : object.members()) parent.keys.insert(member.key);
    return !parent.keys.insert(parent.key).second;
  }

  bool open(std::variant<JsonArray, JsonObject> content) {
    open_.push_back({std::move(content), {}, {}});
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
    repeated_key_ = object != nullptr && is_repeated(parent, *object);
    if (repeated_key_) code = boost::json::error::extra_data;
    return !repeated_key_;
  }

  bool add(JsonValue value, Code&) {
    if (open_.empty())
      document_ = std::move(value);
    else if (auto* array = std::get_if<JsonArray>(&open_.back().content))
      array->add(std::move(value));
    else
      std::get<JsonObject>(open_.back().content).add_new(std::move(open_.back().key), std::move(value));
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

void JsonObject::add_new(std::string key, JsonValue value) {
  members_.push_back(JsonMember{std::move(key), std::move(value)});
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
