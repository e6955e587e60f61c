// ObjectReader: the members of one JSON object of a closed schema, each asked for once. Internal to request_payload.cc.
// Notes the first fault and goes on, so that whoever reads asks for everything and looks once, with finish(). Pure.
#ifndef WRIT_BROKER_REQUESTS_OBJECT_READER_H_
#define WRIT_BROKER_REQUESTS_OBJECT_READER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/error.h"
#include "broker/base/json_text.h"

namespace writ {

class ObjectReader {
 public:
  // `value` is borrowed; anything but an object is a fault.
  explicit ObjectReader(const JsonValue& value);

  // A text in which bytes are escaped → the bytes.
  [[nodiscard]] std::string bytes(std::string_view key);
  // The same; empty when the member is not there.
  [[nodiscard]] std::string optional_bytes(std::string_view key);
  // An array of such texts.
  [[nodiscard]] std::vector<std::string> words(std::string_view key);
  [[nodiscard]] std::int64_t integer(std::string_view key);
  // A member that is an object of its own; null when it is not there.
  [[nodiscard]] const JsonValue* member(std::string_view key);
  [[nodiscard]] bool has(std::string_view key) const { return object_ != nullptr && object_->find(key) != nullptr; }

  void add_fault(std::string fault);
  // Error: the first fault, or a member that nobody asked for.
  [[nodiscard]] Status finish() const;

 private:
  [[nodiscard]] const JsonValue* take(std::string_view key);
  [[nodiscard]] std::string bytes_of(const JsonValue& value, std::string_view key);

  const JsonObject* object_ = nullptr;
  std::size_t taken_ = 0;
  std::string fault_;
};

}  // namespace writ

#endif  // WRIT_BROKER_REQUESTS_OBJECT_READER_H_
