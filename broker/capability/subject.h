// Subject: who holds a capability, as a name of a closed shape. A name says whose capabilities count; it gives nothing
// by itself, whatever it looks like. Pure values; any thread.
#ifndef WRIT_BROKER_CAPABILITY_SUBJECT_H_
#define WRIT_BROKER_CAPABILITY_SUBJECT_H_

#include <string>
#include <string_view>

#include "broker/base/error.h"

namespace writ {

class Subject {
 public:
  // `user:UID`, `profile:NAME`, `agent:NAME`, `process:pid_ID`, `run:NAME`; NAME and ID are 1 to 128 of
  // [A-Za-z0-9._-]. Error: anything else.
  [[nodiscard]] static Result<Subject> parse(std::string_view text);

  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] friend bool operator==(const Subject& a, const Subject& b) { return a.text_ == b.text_; }

 private:
  explicit Subject(std::string_view text) : text_(text) {}
  std::string text_;
};

}  // namespace writ

#endif  // WRIT_BROKER_CAPABILITY_SUBJECT_H_
