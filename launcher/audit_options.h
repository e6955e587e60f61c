// What the subcommands of `writ audit` take. Plain data.
#ifndef WRIT_LAUNCHER_AUDIT_OPTIONS_H_
#define WRIT_LAUNCHER_AUDIT_OPTIONS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "launcher/audit_filter.h"
#include "launcher/standard_output.h"

namespace writ {

enum class Following : std::uint8_t { kNo, kYes };
enum class ExportFormat : std::uint8_t { kLines, kCsv };

struct AuditOptions {
  int (*run)(const AuditOptions&) = nullptr;
  std::vector<std::string> files;  // at most one; none: the person's own log
  AuditFilter filter;
  OutputFormat format = OutputFormat::kText;
  Following following = Following::kNo;
  std::uint64_t count = 10;  // of lines that tail begins with
  std::string head;          // --head FILE|HEX
  std::string key;           // --key FILE|HEX
  ExportFormat export_format = ExportFormat::kLines;
};

}  // namespace writ

#endif  // WRIT_LAUNCHER_AUDIT_OPTIONS_H_
