// ReportFile: where a report goes. Opened before the tool runs: afterwards the tool may have made the path mean
// something else, and Writ must not write where a tool wants it to.
#ifndef WRIT_LAUNCHER_REPORT_FILE_H_
#define WRIT_LAUNCHER_REPORT_FILE_H_

#include <string>
#include <string_view>

#include "broker/base/error.h"
#include "broker/base/unique_fd.h"

namespace writ {

class ReportFile {
 public:
  // "-" is standard error; /dev/stdout, /dev/stderr and /dev/fd/N are the inherited descriptors themselves. A FIFO or
  // device is opened at once; for all other names the directory is. Errors: what open(2) says of them; a directory; a
  // descriptor that was not inherited or is not open for writing.
  [[nodiscard]] static Result<ReportFile> open(const std::string& path);

  // Writes `text`; a regular file is replaced as a whole (temporary file and rename(2) in the held directory).
  [[nodiscard]] Status write(std::string_view text) const;

 private:
  [[nodiscard]] Status write_unnamed(int file, std::string_view text, const std::string& temporary) const;
  [[nodiscard]] Status put_in_place(const std::string& temporary) const;

  std::string path_;  // for messages
  std::string name_;  // in `directory_`
  UniqueFd directory_;
  UniqueFd stream_;  // instead of a directory
};

}  // namespace writ

#endif  // WRIT_LAUNCHER_REPORT_FILE_H_
