#include "broker/audit/audit_encoder.h"

#include <bit>
#include <charconv>
#include <cstring>

#include "broker/base/escape.h"
#include "broker/base/hex_text.h"
#include "broker/base/printable.h"

namespace writ {
namespace {

constexpr std::uint64_t kNanosecondsPerSecond = 1'000'000'000;

void put_digits(char* at, std::size_t width, std::uint64_t number) {
  for (std::size_t i = width; i > 0; --i) {
    at[i - 1] = static_cast<char>('0' + number % 10);
    number /= 10;
  }
}

// "2026-11-29T03:08:18." of the proleptic Gregorian calendar, which RFC 3339 uses. gmtime_r(3) would do, and takes
// locks of the time zone.
void put_date(std::time_t second, char* at) {
  constexpr std::int64_t kDay = 86'400;
  const std::int64_t days = second / kDay;
  const auto in_day = static_cast<std::uint64_t>(second % kDay);
  // Years that begin in March end with the leap day. Counted from 0000-03-01, in eras of 400 years.
  const auto z = static_cast<std::uint64_t>(days + 719'468);
  const std::uint64_t era = z / 146'097;
  const std::uint64_t day_of_era = z % 146'097;
  const std::uint64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const std::uint64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::uint64_t month_index = (5 * day_of_year + 2) / 153;
  const std::uint64_t month = month_index < 10 ? month_index + 3 : month_index - 9;
  put_digits(at, 4, year_of_era + era * 400 + (month <= 2 ? 1 : 0));
  put_digits(at + 5, 2, month);
  put_digits(at + 8, 2, day_of_year - (153 * month_index + 2) / 5 + 1);
  put_digits(at + 11, 2, in_day / 3600);
  put_digits(at + 14, 2, in_day / 60 % 60);
  put_digits(at + 17, 2, in_day % 60);
  at[4] = at[7] = '-';
  at[10] = 'T';
  at[13] = at[16] = ':';
  at[19] = '.';
}

bool needs_no_escape(std::string_view text) {
  return is_printable_ascii(text) && std::memchr(text.data(), '"', text.size()) == nullptr &&
         std::memchr(text.data(), '\\', text.size()) == nullptr;
}

void append_name(std::string_view name, std::string& out) { out.append(",\"").append(name).append("\":"); }

}  // namespace

Result<RunId> RunId::make() {
  RunId id;
  WRIT_TRY(fill_random(id.bytes));
  return id;
}

std::string RunId::text() const { return hex_text(bytes); }

AuditTime AuditTime::now() {
  AuditTime time;
  timespec monotonic{};
  (void)::clock_gettime(CLOCK_REALTIME, &time.wall);  // neither can fail: the clocks exist
  (void)::clock_gettime(CLOCK_MONOTONIC, &monotonic);
  time.monotonic = static_cast<std::uint64_t>(monotonic.tv_sec) * kNanosecondsPerSecond +
                   static_cast<std::uint64_t>(monotonic.tv_nsec);
  return time;
}

void append_number(std::uint64_t number, std::string& out) {
  std::array<char, 20> digits;
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  out.append(digits.data(), static_cast<std::size_t>(end - digits.data()));
}

void AuditEncoder::append(const AuditRecord& record, RecordNumber number, const AuditTime& time, std::string& out) {
  out.append("\"run\":\"").append(run_).append("\",\"n\":");
  append_number(number.value, out);
  append_time(time, out);
  out.append(",\"event\":\"").append(event_name(record.event())).append("\",\"parent\":");
  append_number(record.parent().value, out);
  append_text_field("subject", record.subject(), out);
  for (std::uint64_t left = record.fields().bits(); left != 0; left &= left - 1)
    append_field(record, static_cast<AuditField>(std::countr_zero(left)), out);
}

void AuditEncoder::append_time(const AuditTime& time, std::string& out) {
  if (time.wall.tv_sec != second_) {
    second_ = time.wall.tv_sec;
    put_date(second_ < 0 ? 0 : second_, date_.data());
  }
  std::array<char, 9> nanoseconds;
  put_digits(nanoseconds.data(), nanoseconds.size(), static_cast<std::uint64_t>(time.wall.tv_nsec));
  out.append(",\"time\":\"").append(date_.data(), date_.size());
  out.append(nanoseconds.data(), nanoseconds.size()).append("Z\",\"mono\":");
  append_number(time.monotonic, out);
}

void AuditEncoder::append_field(const AuditRecord& record, AuditField field, std::string& out) {
  const AuditFieldRow& row = kAuditFields[static_cast<std::size_t>(field)];
  switch (row.kind) {
    case FieldKind::kWord:
      append_name(row.name, out);
      out.append("\"").append(record.text(field)).append("\"");
      return;
    case FieldKind::kNumber:
      append_name(row.name, out);
      append_number(record.number(field), out);
      return;
    case FieldKind::kText:
      return append_text_field(row.name, record.text(field), out);
    case FieldKind::kList:
      return append_list_field(field, record.list(field), out);
  }
}

void AuditEncoder::append_text_field(std::string_view name, std::string_view text, std::string& out) {
  const std::string_view whole = text;
  // A secret may stand across the place where the text is cut.
  if (redactor_.redact(text, redacted_)) text = redacted_;
  append_name(name, out);
  append_quoted(text.substr(0, kAuditTextLimit), out);
  if (text.size() <= kAuditTextLimit) return;
  out.append(",\"").append(name).append("_bytes\":");
  append_number(whole.size(), out);
  append_hmac(name, redactor_.hash(whole), out);
}

void AuditEncoder::append_list_field(AuditField field, std::span<const std::string> list, std::string& out) {
  const std::string_view name = kAuditFields[static_cast<std::size_t>(field)].name;
  const bool is_command = field == AuditField::kArgv;
  std::vector<std::string> shown;
  if (is_command) shown = redactor_.redact_arguments(list);
  const std::span<const std::string> texts = is_command ? std::span<const std::string>(shown) : list;
  std::size_t left = kAuditListBytes;
  std::size_t written = 0;
  bool is_cut = false;
  append_name(name, out);
  out.push_back('[');
  for (; written < texts.size() && written < kAuditListLimit && left > 0; ++written) {
    if (written > 0) out.push_back(',');
    const std::string_view text = std::string_view(texts[written]).substr(0, std::min(left, kAuditTextLimit));
    append_quoted(text, out);
    is_cut = is_cut || text.size() < texts[written].size();
    left -= text.size();
  }
  out.push_back(']');
  if (!is_cut && written == texts.size()) return;
  out.append(",\"").append(name).append("_count\":");
  append_number(list.size(), out);
  std::string whole;
  for (const std::string& text : list) whole.append(text).push_back('\0');
  append_hmac(name, redactor_.hash(whole), out);
}

void AuditEncoder::append_quoted(std::string_view text, std::string& out) {
  out.push_back('"');
  if (needs_no_escape(text)) {
    out.append(text);
  } else {
    escaped_.clear();
    append_escaped(escaped_, text, text.size());
    for (const char c : escaped_) {
      if (c == '"' || c == '\\') out.push_back('\\');
      out.push_back(c);
    }
  }
  out.push_back('"');
}

void AuditEncoder::append_hmac(std::string_view name, const Sha256Digest& digest, std::string& out) const {
  std::array<char, 64> digits;
  write_hex(digest, digits.data());
  out.append(",\"").append(name).append("_hmac\":\"").append(digits.data(), digits.size()).append("\"");
}

}  // namespace writ
