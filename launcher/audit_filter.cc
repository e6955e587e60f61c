#include "launcher/audit_filter.h"

#include <algorithm>
#include <array>

#include "broker/base/escape.h"
#include "broker/base/name_suggestion.h"
#include "broker/policy/profile_values.h"

namespace writ {
namespace {

bool contains(const std::optional<std::string_view>& written, const std::string& part) {
  return written && plain_value(*written).find(part) != std::string::npos;
}

// "2026-11-29T05:35:39…", or its beginning up to any digit of the seconds.
bool is_time_prefix(std::string_view text) {
  constexpr std::string_view kShape = "dddd-dd-ddTdd:dd:dd";
  if (text.size() < 4) return false;
  for (std::size_t i = 0; i < std::min(text.size(), kShape.size()); ++i) {
    const bool is_digit = text[i] >= '0' && text[i] <= '9';
    if (kShape[i] == 'd' ? !is_digit : text[i] != kShape[i]) return false;
  }
  const std::string_view fraction = text.substr(std::min(text.size(), kShape.size()));
  return fraction.empty() || fraction.find_first_not_of("0123456789.Z") == std::string_view::npos;
}

}  // namespace

bool AuditFilter::is_empty() const {
  return run.empty() && event.empty() && outcome.empty() && subject.empty() && object.empty() && since.empty() &&
         until.empty();
}

bool AuditFilter::wants(const AuditLine& line) const {
  if (!line.run.starts_with(run)) return false;
  if (!event.empty() && event_name(line.event) != event) return false;
  if (!since.empty() && line.time < since) return false;
  if (!until.empty() && line.time.substr(0, until.size()) > until) return false;
  if (!outcome.empty() && line.value("outcome") != outcome) return false;
  if (!subject.empty() && !contains(line.value("subject"), subject)) return false;
  return object.empty() || contains(line.value("object"), object);
}

Result<std::string> parse_audit_time(std::string_view text, std::time_t now) {
  if (is_time_prefix(text)) return std::string(text);
  const auto ago = parse_duration(text);
  if (!ago)
    return fail(quote_bytes(text, 80) + " is no time", "2026-11-29, 2026-11-29T05:35 (UTC), or how long ago: 5m, 2h");
  const std::time_t then = now - std::chrono::duration_cast<std::chrono::seconds>(*ago).count();
  std::tm parts{};
  std::array<char, 32> buffer{};
  if (::gmtime_r(&then, &parts) == nullptr) return fail(quote_bytes(text, 80) + " is no time");
  return std::string(buffer.data(), std::strftime(buffer.data(), buffer.size(), "%Y-%m-%dT%H:%M:%S", &parts));
}

Status check_event_name(const std::string& name) {
  if (name.empty() || event_from_name(name)) return {};
  std::array<std::string_view, kAuditEventCount> known{};
  for (std::size_t i = 0; i < kAuditEventCount; ++i) known[i] = kAuditEvents[i].name;
  return fail("--event: there is no event " + quote_bytes(name, 80) + did_you_mean(name, known));
}

std::string plain_value(std::string_view written) {
  std::string text;
  for (std::size_t i = 0; i < written.size(); ++i) {
    if (written[i] == '\\' && i + 1 < written.size()) ++i;
    text.push_back(written[i]);
  }
  return text;
}

}  // namespace writ
