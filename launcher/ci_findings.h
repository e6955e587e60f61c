// CiFindings: what the report of a run says that a CI job wants to know, and the verdict on it. Pure.
#ifndef WRIT_LAUNCHER_CI_FINDINGS_H_
#define WRIT_LAUNCHER_CI_FINDINGS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/error.h"
#include "broker/base/json_text.h"
#include "launcher/ci_options.h"
#include "launcher/secret_mask.h"

namespace writ {

// The exit status of a step whose command succeeded and whose verdict did not (124 to 127 are those of `writ run`).
inline constexpr int kExitVerdict = 123;

enum class CiFindingKind : std::uint8_t { kDenied, kLimited, kDegraded };
// "deny", "limit", "degraded": the words of --fail-on.
[[nodiscard]] std::string_view ci_finding_word(CiFindingKind kind);

// All texts are escaped.
struct CiFinding {
  CiFindingKind kind = CiFindingKind::kDenied;
  std::string id;       // of the rule: what findings of one cause share
  std::string message;  // one sentence
  std::string object;   // path, address, program, limit or layer
  std::string file;     // of the profile that says so; may be empty
  std::uint64_t line = 0;
  std::uint64_t times = 1;
};

struct CiFindings {
  std::vector<CiFinding> list;
  std::uint64_t not_listed = 0;  // denials beyond the limits of the report's lists
  std::string profile;
  std::string workspace;
  std::string outcome;  // kind
  std::string reason;   // why it ended
  std::vector<std::string> warnings;
  double wall_seconds = 0;
  std::uint64_t peak_memory_kib = 0;

  [[nodiscard]] std::size_t count(CiFindingKind kind) const;
};

// Reads the report of `writ run`. Errors: it is none.
[[nodiscard]] Result<CiFindings> read_ci_findings(const JsonValue& report);
// Masks every text.
void mask_ci_findings(CiFindings& findings, const SecretMask& mask);

enum class CiVerdictKind : std::uint8_t {
  kPassed,
  kCommandFailed,  // the exit status is the command's, or that of a run that could not be
  kViolated,       // the command succeeded; something of --fail-on was found
  kIncomplete,     // the command succeeded; an artifact or a report could not be written
};

struct CiVerdict {
  CiVerdictKind kind = CiVerdictKind::kPassed;
  int exit_status = 0;
  std::vector<std::string> reasons;  // sentences; empty when it passed
};
// "passed", "command_failed", "violated", "incomplete".
[[nodiscard]] std::string_view ci_verdict_name(CiVerdictKind kind);

// True when findings of this kind make a step fail.
[[nodiscard]] bool fails_on(const CiFailOn& fail_on, CiFindingKind kind);

[[nodiscard]] CiVerdict judge_ci_run(int run_status, const CiFindings& findings, const CiFailOn& fail_on);

}  // namespace writ

#endif  // WRIT_LAUNCHER_CI_FINDINGS_H_
