// CiOutputFiles: the report files of `writ ci`. Opened before the run, which cannot make their names mean anything
// else.
#ifndef WRIT_LAUNCHER_CI_OUTPUT_FILES_H_
#define WRIT_LAUNCHER_CI_OUTPUT_FILES_H_

#include <optional>
#include <vector>

#include "broker/base/error.h"
#include "broker/base/unique_fd.h"
#include "launcher/ci_options.h"
#include "launcher/ci_reports.h"
#include "launcher/ci_system.h"
#include "launcher/report_file.h"

namespace writ {

class CiOutputFiles {
 public:
  // The files of `options`; without --summary also the summary of the job where `system` has one. Errors: those of
  // ReportFile; a summary of the job that is no regular file.
  [[nodiscard]] static Result<CiOutputFiles> open(const CiOptions& options, CiSystem system,
                                                  const VariableLookup& variable);

  // Writes all of them. Returns what went wrong; one failure does not keep the others from being written.
  [[nodiscard]] std::vector<Error> write(const CiReportFacts& facts) const;

 private:
  std::optional<ReportFile> junit_;
  std::optional<ReportFile> sarif_;
  std::optional<ReportFile> json_;
  std::optional<ReportFile> summary_;
  UniqueFd job_summary_;  // is added to
};

}  // namespace writ

#endif  // WRIT_LAUNCHER_CI_OUTPUT_FILES_H_
