// AuditEncoder: one record → the text of its line, but for the parts that only the log knows when it writes (place and
// hash). The way of every record, so it allocates nothing beyond the buffers that it keeps.
//
// Texts from elsewhere are redacted first (redaction.h), then capped, then escaped as in all of Writ's reports
// (escape.h), so that every line is one line of printable UTF-8 and the bytes can be had back. Threads: one at a time.
#ifndef WRIT_BROKER_AUDIT_AUDIT_ENCODER_H_
#define WRIT_BROKER_AUDIT_AUDIT_ENCODER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>

#include "broker/audit/audit_record.h"
#include "broker/audit/redaction.h"

namespace writ {

// Names one run; random, so that no two have the same.
struct RunId {
  std::array<std::uint8_t, 16> bytes{};
  [[nodiscard]] static Result<RunId> make();
  [[nodiscard]] std::string text() const;  // 32 hexadecimal digits
};

// When something happened. The order of records is that of the chain; a clock that is set does not change it.
struct AuditTime {
  timespec wall{};              // CLOCK_REALTIME
  std::uint64_t monotonic = 0;  // nanoseconds of CLOCK_MONOTONIC: since the host was started
  [[nodiscard]] static AuditTime now();
};

// Bytes of one text before escaping; of a longer one, its length and keyed hash are recorded as well.
inline constexpr std::size_t kAuditTextLimit = 1024;
// The same for lists: so many texts, and so many bytes of all of them.
inline constexpr std::size_t kAuditListLimit = 64;
inline constexpr std::size_t kAuditListBytes = 4096;

class AuditEncoder {
 public:
  // `redactor` is borrowed.
  AuditEncoder(const Redactor& redactor, const RunId& run) : redactor_(redactor), run_(run.text()) {}

  // Appends everything of the record's line from "run" on, without the hash.
  void append(const AuditRecord& record, RecordNumber number, const AuditTime& time, std::string& out);

 private:
  void append_time(const AuditTime& time, std::string& out);
  void append_field(const AuditRecord& record, AuditField field, std::string& out);
  void append_text_field(std::string_view name, std::string_view text, std::string& out);
  void append_list_field(AuditField field, std::span<const std::string> list, std::string& out);
  void append_quoted(std::string_view text, std::string& out);
  void append_hmac(std::string_view name, const Sha256Digest& digest, std::string& out) const;

  const Redactor& redactor_;
  std::string run_;
  std::string redacted_;  // the text that is being appended, where there was something to redact
  std::string escaped_;
  std::time_t second_ = -1;  // that `date_` stands for
  std::array<char, 20> date_{};
};

// Appends `number` as decimal digits.
void append_number(std::uint64_t number, std::string& out);

}  // namespace writ

#endif  // WRIT_BROKER_AUDIT_AUDIT_ENCODER_H_
