// StrictObject: reads a JSON object of a closed schema: every member has a type, a member that nobody asked for is an
// error, and every error says where. Pure. Lives no longer than the object that it reads.
#ifndef WRIT_BROKER_BASE_STRICT_OBJECT_H_
#define WRIT_BROKER_BASE_STRICT_OBJECT_H_

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/error.h"
#include "broker/base/json_text.h"

namespace writ {

class StrictObject {
 public:
  // Error: `value` is no object. `place` is where it stands: "constraints.binding".
  [[nodiscard]] static Result<StrictObject> open(const JsonValue& value, std::string place);

  // Of what is known to be one.
  [[nodiscard]] static StrictObject of(const JsonObject& object, std::string place) {
    return StrictObject(object, std::move(place));
  }

  // A member that is absent or null is nothing.
  [[nodiscard]] Result<std::optional<std::string>> optional_text(std::string_view key);
  [[nodiscard]] Result<std::optional<std::int64_t>> optional_integer(std::string_view key);  // 0 or more
  [[nodiscard]] Result<std::optional<bool>> optional_flag(std::string_view key);
  [[nodiscard]] Result<std::optional<std::vector<std::string>>> optional_texts(std::string_view key);
  // The place of the word in `words`.
  [[nodiscard]] Result<std::optional<std::size_t>> optional_word(std::string_view key,
                                                                 std::span<const std::string_view> words);
  [[nodiscard]] Result<std::string> text(std::string_view key);
  [[nodiscard]] Result<std::int64_t> integer(std::string_view key);
  [[nodiscard]] Result<bool> flag(std::string_view key);
  [[nodiscard]] Result<std::size_t> word(std::string_view key, std::span<const std::string_view> words);
  // nullptr where it is absent or null.
  [[nodiscard]] const JsonValue* member(std::string_view key);

  // True when there are members that nobody has asked for.
  [[nodiscard]] bool has_unread() const;
  // Error: the same, with the name of one.
  [[nodiscard]] Status finish() const;

  [[nodiscard]] std::string place_of(std::string_view key) const;
  [[nodiscard]] const JsonObject& object() const { return *object_; }

 private:
  StrictObject(const JsonObject& object, std::string place) : object_(&object), place_(std::move(place)) {}
  [[nodiscard]] tl::unexpected<Error> missing(std::string_view key) const;
  [[nodiscard]] tl::unexpected<Error> wrong(std::string_view key, std::string_view expected) const;
  template <class T>
  Result<T> required(Result<std::optional<T>> found, std::string_view key) const {
    if (!found) return tl::unexpected(std::move(found.error()));
    if (!*found) return missing(key);
    return std::move(**found);
  }

  const JsonObject* object_;
  std::string place_;
  std::vector<std::string_view> read_;
};

}  // namespace writ

#endif  // WRIT_BROKER_BASE_STRICT_OBJECT_H_
