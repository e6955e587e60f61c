// JsonValue, JsonArray, JsonObject: the JSON that Writ writes (run reports, `writ doctor --json`) and reads (answers to
// questions). Plain values; any thread. json_text.cc is the only file that sees Boost.JSON.
//
//   JsonObject report;
//   report.set("schema", 1).set("outcome", "exited").set("grants", std::move(grants));
//   std::string text = JsonValue(std::move(report)).to_text(2);
//
// Strings are text, not bytes: what came from outside passes through escape_bytes() first. A string that is not valid
// UTF-8 all the same is escaped when the text is made, so that the document is well-formed whatever happened before.
#ifndef WRIT_BROKER_BASE_JSON_TEXT_H_
#define WRIT_BROKER_BASE_JSON_TEXT_H_

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "broker/base/error.h"

namespace writ {

class JsonValue;
struct JsonMember;

// The special members of both containers are defined in json_text.cc, where JsonValue and JsonMember are complete.
class JsonArray {
 public:
  JsonArray();
  JsonArray(const JsonArray& other);
  JsonArray(JsonArray&& other) noexcept;
  JsonArray& operator=(const JsonArray& other);
  JsonArray& operator=(JsonArray&& other) noexcept;
  ~JsonArray();

  // Appends `value`; returns the array itself, so that calls can be chained.
  JsonArray& add(JsonValue value);
  [[nodiscard]] const std::vector<JsonValue>& elements() const { return elements_; }

 private:
  std::vector<JsonValue> elements_;
};

// Members keep the order in which they were first set.
class JsonObject {
 public:
  JsonObject();
  JsonObject(const JsonObject& other);
  JsonObject(JsonObject&& other) noexcept;
  JsonObject& operator=(const JsonObject& other);
  JsonObject& operator=(JsonObject&& other) noexcept;
  ~JsonObject();

  // Sets the member `key`, replacing an earlier one of the same name; returns the object itself.
  JsonObject& set(std::string_view key, JsonValue value);
  // The same for a key that is known not to be there: does not look for it.
  void add_new(std::string key, JsonValue value);
  [[nodiscard]] const std::vector<JsonMember>& members() const { return members_; }
  // The value of the member `key`, or nullptr.
  [[nodiscard]] const JsonValue* find(std::string_view key) const;

 private:
  std::vector<JsonMember> members_;
};

class JsonValue {
 public:
  using Storage =
      std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string, JsonArray, JsonObject>;

  // The conversions are implicit on purpose: they are what makes set("key", 3) readable.
  // NOLINTBEGIN(google-explicit-constructor)
  JsonValue() = default;  // null
  JsonValue(std::nullptr_t) {}
  JsonValue(bool value) : storage_(value) {}
  JsonValue(double value) : storage_(value) {}  // NaN and infinities are written as null: JSON has no word for them
  template <std::signed_integral Integer>
  JsonValue(Integer value) : storage_(static_cast<std::int64_t>(value)) {}
  template <std::unsigned_integral Integer>
  JsonValue(Integer value) : storage_(static_cast<std::uint64_t>(value)) {}
  JsonValue(const char* value) : storage_(std::string(value)) {}
  JsonValue(std::string_view value) : storage_(std::string(value)) {}
  JsonValue(std::string value) : storage_(std::move(value)) {}
  JsonValue(JsonArray value) : storage_(std::move(value)) {}
  JsonValue(JsonObject value) : storage_(std::move(value)) {}
  // NOLINTEND(google-explicit-constructor)

  [[nodiscard]] const Storage& storage() const { return storage_; }

  // Returns the value as JSON text without a final newline. `indent` is the number of spaces per level; 0 writes
  // everything on one line.
  [[nodiscard]] std::string to_text(std::size_t indent = 0) const;

 private:
  Storage storage_;
};

struct JsonMember {
  std::string key;
  JsonValue value;
};

inline constexpr std::size_t kJsonDepthLimit = 32;  // arrays and objects inside each other
inline constexpr std::size_t kJsonKeyLimit = 1024;  // bytes of one key

// Reads one JSON document (RFC 8259) that fills `text`. Stricter than the RFC where readers disagree: a key that stands
// twice in an object, invalid UTF-8, comments and trailing commas are errors. The caller bounds the size of `text`.
// Errors: what is wrong, and at which byte.
[[nodiscard]] Result<JsonValue> parse_json(std::string_view text);

}  // namespace writ

#endif  // WRIT_BROKER_BASE_JSON_TEXT_H_
