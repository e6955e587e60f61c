// One record of an audit log as a row for people. Pure; any thread.
#ifndef WRIT_LAUNCHER_AUDIT_TABLE_H_
#define WRIT_LAUNCHER_AUDIT_TABLE_H_

#include <string>

#include "broker/audit/audit_chain.h"
#include "launcher/standard_output.h"

namespace writ {

// The names of the columns, with a newline.
[[nodiscard]] std::string audit_table_head(Colour colour);

// One line with its newline: time, run, event, outcome, subject, and what it is about. Everything in it is escaped: a
// log may have been tampered with.
[[nodiscard]] std::string audit_row(const AuditLine& line, Colour colour);

// The columns of a CSV file (RFC 4180), and one record of it; both with a newline.
[[nodiscard]] std::string audit_csv_head();
[[nodiscard]] std::string audit_csv_row(const AuditLine& line);

}  // namespace writ

#endif  // WRIT_LAUNCHER_AUDIT_TABLE_H_
