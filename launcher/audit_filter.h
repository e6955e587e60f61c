// AuditFilter: which records of an audit log somebody wants to see. Pure; any thread.
#ifndef WRIT_LAUNCHER_AUDIT_FILTER_H_
#define WRIT_LAUNCHER_AUDIT_FILTER_H_

#include <ctime>
#include <optional>
#include <string>
#include <string_view>

#include "broker/audit/audit_chain.h"
#include "broker/base/error.h"

namespace writ {

struct AuditFilter {
  std::string run;      // beginning of a run's id
  std::string event;    // name of an event
  std::string outcome;  // word
  std::string subject;  // part of it
  std::string object;   // part of it
  std::string since;    // beginning of a time, as records have it
  std::string until;    // the same; records of that very second, minute, … are wanted

  [[nodiscard]] bool wants(const AuditLine& line) const;
  [[nodiscard]] bool is_empty() const;
};

// Reads --since and --until: a date or time in UTC as records have it ("2026-11-29", "2026-11-29T05:35"), or how long
// before `now` (60s, 5m, 2h). Errors: neither.
[[nodiscard]] Result<std::string> parse_audit_time(std::string_view text, std::time_t now);

// An unknown event is a mistake, with a suggestion.
[[nodiscard]] Status check_event_name(const std::string& name);

// A value of a line as text: what the writer escaped for JSON is undone; what it escaped for the eye stays.
[[nodiscard]] std::string plain_value(std::string_view written);

}  // namespace writ

#endif  // WRIT_LAUNCHER_AUDIT_FILTER_H_
