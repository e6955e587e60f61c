// The files of one audit log, by their names, and what their first and last lines say.
//
// Threads: any; nothing is kept.
#ifndef WRIT_BROKER_AUDIT_SEGMENT_FILES_H_
#define WRIT_BROKER_AUDIT_SEGMENT_FILES_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/audit/audit_file.h"
#include "broker/base/error.h"

namespace writ {

// "audit.jsonl" and 17 → "audit-000000000017.jsonl".
[[nodiscard]] std::string archive_name(std::string_view log_name, std::uint64_t first);

// "audit.jsonl" → "audit.jsonl.head".
[[nodiscard]] std::string head_name(std::string_view log_name);

// The file of a head holds its line, filled up with spaces to this size: it never grows or shrinks.
inline constexpr std::size_t kHeadFileSize = 1024;
// The line in what such a file holds.
[[nodiscard]] std::string_view head_line_of(std::string_view text);

// The archived segments of `log_name` in the directory, in their order.
[[nodiscard]] Result<std::vector<std::string>> archived_segments(int directory, std::string_view log_name);

// What the first whole line of a segment says.
struct SegmentBegin {
  std::uint64_t first = 1;
  std::string log;
};
// Errors: the file cannot be read, or does not begin like an audit log. `path` is for the message.
[[nodiscard]] Result<SegmentBegin> read_segment_begin(int file, const std::string& path);

// Finds the last whole line of a file of `size` bytes.
[[nodiscard]] Result<AuditEnd> read_segment_end(int file, std::uint64_t size, const std::string& path);

}  // namespace writ

#endif  // WRIT_BROKER_AUDIT_SEGMENT_FILES_H_
