#include "launcher/audit_table.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "broker/base/escape.h"
#include "broker/base/printable.h"
#include "launcher/audit_filter.h"

namespace writ {
namespace {

constexpr std::size_t kTimeWidth = 23;  // "2026-11-29 05:35:39.518"
constexpr std::size_t kRunWidth = 8;
constexpr std::size_t kEventWidth = 17;
constexpr std::size_t kOutcomeWidth = 12;
constexpr std::size_t kSubjectWidth = 12;

// What the writer escaped is printable; whoever changed a log may have put anything there.
std::string shown(std::string_view text) { return is_printable_ascii(text) ? std::string(text) : escape_bytes(text); }

std::string field(const AuditLine& line, std::string_view name) {
  const auto written = line.value(name);
  return written ? shown(plain_value(*written)) : std::string();
}

std::string padded(std::string text, std::size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}

Tint tint_of(std::string_view outcome) {
  constexpr std::array<std::string_view, 6> kBad = {"deny",      "failed",       "timed_out",
                                                    "signalled", "audit_failed", "sandbox_died"};
  if (std::find(kBad.begin(), kBad.end(), outcome) != kBad.end()) return Tint::kBad;
  return outcome == "ask" || outcome == "interrupted" ? Tint::kWarning : Tint::kGood;
}

// The texts of a list, separated by spaces.
std::string list_text(const AuditLine& line, std::string_view name) {
  const std::string key = ",\"" + std::string(name) + "\":[";
  const std::size_t found = line.rest.find(key);
  if (found == std::string_view::npos) return {};
  std::string_view rest = line.rest.substr(found + key.size());
  std::string text;
  while (rest.starts_with('"')) {
    std::size_t end = 1;
    while (end < rest.size() && rest[end] != '"') end += rest[end] == '\\' ? std::size_t{2} : std::size_t{1};
    if (end >= rest.size()) break;
    text.append(text.empty() ? "" : " ").append(shown(plain_value(rest.substr(1, end - 1))));
    rest.remove_prefix(std::min(rest.size(), end + 1));
    if (rest.starts_with(',')) rest.remove_prefix(1);
  }
  return text;
}

// What the record is about, in the order in which a person wants to know it.
std::string about(const AuditLine& line) {
  const std::string command = list_text(line, "argv");
  if (line.event == AuditEvent::kStart) return command + "  (profile " + field(line, "profile") + ")";
  if (line.event == AuditEvent::kHead) return "signs records 1 to " + field(line, "count");
  std::string text = field(line, "rights");
  const auto add = [&text](const std::string& part) {
    if (!part.empty()) text.append(text.empty() ? "" : " ").append(part);
  };
  add(command.empty() ? field(line, "object") : command);
  add(field(line, "program"));
  add(field(line, "action"));
  add(field(line, "limit"));
  const std::string rule = field(line, "rule");
  if (!rule.empty()) add("[" + rule + "]");
  const std::string reason = field(line, "reason");
  if (!reason.empty()) text.append(text.empty() ? "" : ": ").append(reason);
  return text;
}

std::string subject_of(const AuditLine& line) {
  const std::string subject = field(line, "subject");
  return subject.substr(subject.rfind('/') + 1);
}

std::string time_of(const AuditLine& line) {
  std::string time = shown(line.time.substr(0, kTimeWidth));
  std::replace(time.begin(), time.end(), 'T', ' ');
  return time;
}

constexpr std::array<std::string_view, 12> kCsvFields = {"subject", "object_kind", "object", "rights",
                                                         "outcome", "cause",       "rule",   "origin",
                                                         "reason",  "limit",       "status", "times"};

std::string csv_value(std::string text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted.append(c == '"' ? "\"\"" : std::string(1, c));
  return quoted + "\"";
}

}  // namespace

std::string audit_table_head(Colour colour) {
  return painted(padded("TIME (UTC)", kTimeWidth) + "  " + padded("RUN", kRunWidth) + "  " +
                     padded("EVENT", kEventWidth) + "  " + padded("OUTCOME", kOutcomeWidth) + "  " +
                     padded("SUBJECT", kSubjectWidth) + "  ABOUT",
                 Tint::kStrong, colour) +
         "\n";
}

std::string audit_row(const AuditLine& line, Colour colour) {
  const std::string outcome = field(line, "outcome");
  std::string row = padded(time_of(line), kTimeWidth) + "  ";
  row += painted(shown(line.run.substr(0, kRunWidth)), Tint::kFaint, colour) + "  ";
  row += padded(std::string(event_name(line.event)), kEventWidth) + "  ";
  row += painted(padded(outcome.empty() ? "-" : outcome, kOutcomeWidth),
                 outcome.empty() ? Tint::kFaint : tint_of(outcome), colour) +
         "  ";
  row += padded(subject_of(line), kSubjectWidth) + "  " + about(line);
  while (row.ends_with(' ')) row.pop_back();
  return row + "\n";
}

std::string audit_csv_head() {
  std::string head = "seq,time,run,n,event,parent";
  for (const std::string_view name : kCsvFields) head.append(",").append(name);
  return head + ",argv\n";
}

std::string audit_csv_row(const AuditLine& line) {
  std::string row = std::to_string(line.sequence) + "," + csv_value(shown(line.time)) + "," +
                    csv_value(shown(line.run)) + "," + std::to_string(line.number) + "," +
                    std::string(event_name(line.event)) + "," + std::to_string(line.parent);
  for (const std::string_view name : kCsvFields) row.append(",").append(csv_value(field(line, name)));
  return row.append(",").append(csv_value(list_text(line, "argv"))).append("\n");
}

}  // namespace writ
