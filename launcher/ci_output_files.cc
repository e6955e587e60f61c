#include "launcher/ci_output_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "broker/base/escape.h"
#include "launcher/message.h"

namespace writ {
namespace {

Status open_file(const std::string& path, std::optional<ReportFile>& file) {
  if (path.empty()) return {};
  WRIT_ASSIGN(ReportFile opened, ReportFile::open(path));
  file.emplace(std::move(opened));
  return {};
}

// The runner has made it, and shows what is in it at the end of the job.
Result<UniqueFd> open_job_summary(const std::string& path) {
  UniqueFd file(::open(path.c_str(), O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  struct stat status {};
  if (!file.valid() || ::fstat(file.get(), &status) != 0)
    return fail_errno(errno, "cannot open the summary of the job " + quote_bytes(path));
  if (!S_ISREG(status.st_mode)) return fail("the summary of the job " + quote_bytes(path) + " is no file");
  return file;
}

}  // namespace

Result<CiOutputFiles> CiOutputFiles::open(const CiOptions& options, CiSystem system, const VariableLookup& variable) {
  CiOutputFiles files;
  WRIT_TRY(open_file(options.junit, files.junit_));
  WRIT_TRY(open_file(options.sarif, files.sarif_));
  WRIT_TRY(open_file(options.json, files.json_));
  WRIT_TRY(open_file(options.summary, files.summary_));
  if (!options.summary.empty() || system != CiSystem::kGitHub) return files;
  const std::string path = variable("GITHUB_STEP_SUMMARY");
  if (path.empty()) return files;
  WRIT_ASSIGN(files.job_summary_, open_job_summary(path));
  return files;
}

std::vector<Error> CiOutputFiles::write(const CiReportFacts& facts) const {
  std::vector<Error> errors;
  const auto write_one = [&](const std::optional<ReportFile>& file, auto make_text) {
    if (!file) return;
    if (Status written = file->write(make_text()); !written) errors.push_back(std::move(written.error()));
  };
  write_one(junit_, [&] { return ci_junit_text(facts); });
  write_one(sarif_, [&] { return ci_sarif_json(facts).to_text(2) + "\n"; });
  write_one(json_, [&] { return ci_report_json(facts).to_text(2) + "\n"; });
  write_one(summary_, [&] { return ci_summary_text(facts); });
  constexpr int kForEver = -1;
  if (job_summary_.valid() && !write_patiently(job_summary_.get(), ci_summary_text(facts), kForEver))
    errors.push_back({"cannot write the summary of the job", errno, ""});
  return errors;
}

}  // namespace writ
