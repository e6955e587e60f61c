// CiLog: what `writ ci` writes into the log of a job, in the words of its CI system (ci_system.h).
//
// On systems that obey commands in a log, the tool's output lies between a line that stops that and one that resumes
// it, with a token that nobody can guess and that never goes through a stream of the tool's.
#ifndef WRIT_LAUNCHER_CI_LOG_H_
#define WRIT_LAUNCHER_CI_LOG_H_

#include <string>
#include <string_view>

#include "launcher/ci_reports.h"
#include "launcher/ci_system.h"
#include "launcher/secret_mask.h"

namespace writ {

class CiLog {
 public:
  enum class Volume : std::uint8_t { kNormal, kQuiet };  // quiet: errors only
  // `log` is the descriptor that the system reads, borrowed; `mask` is borrowed and must outlive this.
  CiLog(CiSystem system, Volume volume, int log, const SecretMask& mask);

  // Before and after the tool's output. `command` is escaped. `at_line_start`: the output ended a line.
  void begin_output(const std::string& command);
  void end_output(bool at_line_start, CiGroupEnd end);

  void annotate(CiAnnotation annotation) const;
  // Findings as annotations, the artifacts, and the verdict in one line.
  void tell(const CiReportFacts& facts) const;

 private:
  void print(const std::string& lines) const;
  void print_line(const std::string& text) const;
  void tell_findings(const CiReportFacts& facts) const;
  void tell_artifacts(const CiReportFacts& facts) const;

  CiSystem system_;
  Volume volume_;
  int log_;
  const SecretMask& mask_;
  CiGroup group_;
  std::string token_;
};

}  // namespace writ

#endif  // WRIT_LAUNCHER_CI_LOG_H_
