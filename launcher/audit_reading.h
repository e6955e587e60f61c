// The files of an audit log, read line by line.
#ifndef WRIT_LAUNCHER_AUDIT_READING_H_
#define WRIT_LAUNCHER_AUDIT_READING_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/audit/audit_chain.h"
#include "broker/base/error.h"
#include "launcher/audit_options.h"

namespace writ {

struct AuditFiles {
  std::vector<std::string> segments;  // paths, the oldest first; the last one is the log itself
  std::string head;                   // path of the head beside the log
};

// The log that was named, or the person's own. A directory means the audit.jsonl in it. Errors: there is none.
[[nodiscard]] Result<AuditFiles> find_audit_files(const AuditOptions& options);

// Feeds every byte of the file that is there now to `take`. Errors: those of open(2) and read(2).
[[nodiscard]] Status read_audit_file(const std::string& path, const std::function<void(std::string_view)>& take);

// The same by whole lines, without their newlines; what is no line of a log is passed over. `take` gets the line and
// its text, and returns false for enough.
[[nodiscard]] Status read_audit_lines(const std::string& path,
                                      const std::function<bool(const AuditLine&, std::string_view)>& take);

}  // namespace writ

#endif  // WRIT_LAUNCHER_AUDIT_READING_H_
