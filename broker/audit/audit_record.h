// AuditRecord: one event with its fields, before it is written. It borrows all texts and allocates nothing: making one
// and handing it to an AuditSink is part of answering a tool's call. Any thread.
#ifndef WRIT_BROKER_AUDIT_AUDIT_RECORD_H_
#define WRIT_BROKER_AUDIT_AUDIT_RECORD_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "broker/audit/audit_event.h"

namespace writ {

// Names a record within its run; counts from 1. 0: no record.
struct RecordNumber {
  std::uint64_t value = 0;
  [[nodiscard]] friend bool operator==(RecordNumber, RecordNumber) = default;
};

// Who did it, where that is not a program of the tool.
inline constexpr std::string_view kSubjectWrit = "writ";
inline constexpr std::string_view kSubjectPerson = "person";

class AuditRecord {
 public:
  // `subject`: the program whose call it was, or one of the words above. `parent`: the record of this run that caused
  // it.
  AuditRecord(AuditEvent event, std::string_view subject, RecordNumber parent = {})
      : event_(event), subject_(subject), parent_(parent) {}

  // What is set must live until the record was handed over. A field that the event does not have is left out.
  AuditRecord& set(AuditField field, std::string_view text) { return put(field, text.data(), text.size()); }
  AuditRecord& set(AuditField field, std::uint64_t number) { return put(field, nullptr, number); }
  AuditRecord& set(AuditField field, std::span<const std::string> list) { return put(field, list.data(), list.size()); }
  // Only where there is something to say.
  AuditRecord& set_unless_empty(AuditField field, std::string_view text) {
    return text.empty() ? *this : set(field, text);
  }

  [[nodiscard]] AuditEvent event() const { return event_; }
  [[nodiscard]] std::string_view subject() const { return subject_; }
  [[nodiscard]] RecordNumber parent() const { return parent_; }
  [[nodiscard]] AuditFieldSet fields() const { return fields_; }

  // Of a field that was set, by its kind.
  [[nodiscard]] std::string_view text(AuditField field) const {
    const Value& value = at(field);
    return {static_cast<const char*>(value.data), static_cast<std::size_t>(value.size)};
  }
  [[nodiscard]] std::uint64_t number(AuditField field) const { return at(field).size; }
  [[nodiscard]] std::span<const std::string> list(AuditField field) const {
    const Value& value = at(field);
    return {static_cast<const std::string*>(value.data), static_cast<std::size_t>(value.size)};
  }

 private:
  struct Value {
    const void* data;
    std::uint64_t size;
  };

  AuditRecord& put(AuditField field, const void* data, std::uint64_t size) {
    if (!kAuditEvents[static_cast<std::size_t>(event_)].fields.has(field)) return *this;
    fields_.add(field);
    values_[static_cast<std::size_t>(field)] = {data, size};
    return *this;
  }
  [[nodiscard]] const Value& at(AuditField field) const { return values_[static_cast<std::size_t>(field)]; }

  AuditEvent event_;
  std::string_view subject_;
  RecordNumber parent_;
  AuditFieldSet fields_;
  std::array<Value, kAuditFieldCount> values_;  // only those of fields_ are set
};

}  // namespace writ

#endif  // WRIT_BROKER_AUDIT_AUDIT_RECORD_H_
