#include "launcher/run_audit.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "broker/base/escape.h"
#include "broker/base/hex_text.h"
#include "broker/kernel/acting_identity.h"
#include "launcher/message.h"

namespace writ {
namespace {

// Wanted records that wait longer, or are more, are written although calls of the tool may wait meanwhile.
constexpr std::chrono::milliseconds kLongestWait{200};
constexpr std::size_t kMostPending = std::size_t{64} << 10;

// "kind path" of every entry, each on a line, as the report lists them.
std::string view_digest(const View& view) {
  Sha256 digest;
  for (const ViewEntry& entry : view.entries)
    digest.update(entry.kind).update(std::string_view(" ")).update(entry.path).update(std::string_view("\n"));
  return hex_text(digest.finish());
}

std::vector<std::string> layers_in(const LayerStatuses& layers, LayerState state) {
  std::vector<std::string> names;
  for (const LayerName& entry : kLayerNames)
    if (layers[static_cast<std::size_t>(entry.layer)].state == state) names.emplace_back(entry.name);
  return names;
}

std::uint64_t microseconds(const timeval& time) {
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000 + static_cast<std::uint64_t>(time.tv_usec);
}

}  // namespace

Result<std::unique_ptr<RunAudit>> RunAudit::plan(const RunOptions& options, const RunSetup& setup) {
  std::unique_ptr<RunAudit> audit(new RunAudit(options, setup));
  WRIT_ASSIGN(audit->plan_, plan_audit(options, setup));
  return audit;
}

Status RunAudit::open() {
  opened_ = true;
  if (!plan_) return {};
  auto log = open_planned_log(*plan_, setup_.person);
  const bool must_be = is_required() || !plan_->directory.empty();
  if (!log && must_be) {
    problem_ = log.error().describe();
    return tl::unexpected<Error>(std::move(log.error()));
  }
  if (!log) {
    note_problem(log.error());
    return {};
  }
  log_ = std::move(*log);
  record_start();
  if (!is_required()) return {};
  return log_->flush();
}

void RunAudit::record_start() {
  AuditRecord record(AuditEvent::kStart, kSubjectWrit);
  const std::string digest = hex_text(sha256(setup_.policy_notice));
  record.set(AuditField::kArgv, options_.command).set(AuditField::kProfile, setup_.profile.name);
  if (!setup_.policy_notice.empty()) record.set(AuditField::kProfileDigest, digest);
  record.set(AuditField::kSources, setup_.profile.sources).set(AuditField::kWorkspace, setup_.workspace);
  record.set(AuditField::kPid, static_cast<std::uint64_t>(::getpid()));
  if (options_.is_nested())
    record.set(AuditField::kSupervisor, static_cast<std::uint64_t>(options_.nesting.supervisor))
        .set(AuditField::kDepth, std::uint64_t{options_.nesting.depth});
  record.set(AuditField::kWritVersion, WRIT_VERSION);
  start_ = this->record(record);
}

RecordNumber RunAudit::record(const AuditRecord& record) {
  if (!log_) return {};
  if (!oldest_) oldest_ = Clock::now();
  return log_->append(record);
}

void RunAudit::note_problem(const Error& error) {
  problem_ = error.describe();
  if (is_required()) {
    if (!failure_) failure_ = "the profile requires an audit log: " + problem_;
    return;
  }
  if (!std::exchange(warned_, true) && options_.verbosity == Verbosity::kNormal)
    print_message("warning: the audit log of this run is incomplete: " + problem_);
}

bool RunAudit::settle() {
  if (!is_required()) return true;
  if (failure_) return false;
  write();
  return !failure_;
}

// Root's broker may act as the tool just now.
void RunAudit::write() {
  const ActingIdentity::Pause pause;
  oldest_.reset();
  if (const Status written = log_->flush(); !written) note_problem(written.error());
}

void RunAudit::write_when_due() {
  if (!log_ || !log_->has_pending()) return;
  const bool is_due = log_->pending_bytes() >= kMostPending || (oldest_ && Clock::now() - *oldest_ >= kLongestWait);
  if (is_due) write();
}

std::optional<std::chrono::milliseconds> RunAudit::poll_timeout() const {
  if (!log_ || !oldest_) return std::nullopt;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*oldest_ + kLongestWait - Clock::now());
  return std::max(left, std::chrono::milliseconds(0));
}

void RunAudit::launched(const PreparedLaunch& prepared) {
  if (!log_) return;
  AuditRecord record(AuditEvent::kLaunch, kSubjectWrit, start_);
  const std::vector<std::string> active = layers_in(prepared.layers, LayerState::kActive);
  const std::vector<std::string> degraded = layers_in(prepared.layers, LayerState::kDegraded);
  const std::string digest = view_digest(prepared.view);
  record.set(AuditField::kOutcome, "started").set(AuditField::kProgram, prepared.program.path);
  record.set(AuditField::kActiveLayers, active).set(AuditField::kDegradedLayers, degraded);
  record.set(AuditField::kViewDigest, digest).set(AuditField::kViewEntries, prepared.view.entries.size());
  launch_ = this->record(record);
}

void RunAudit::not_launched(const LaunchError& error) {
  AuditRecord record(AuditEvent::kLaunch, kSubjectWrit, start_);
  const std::string reason = error.error.describe();
  record.set(AuditField::kOutcome, "failed").set(AuditField::kReason, reason);
  launch_ = this->record(record);
}

void RunAudit::ended(const RunOutcome& outcome) {
  if (!log_) return;
  if (outcome.kind == OutcomeKind::kTimedOut) {
    AuditRecord limit(AuditEvent::kLimit, kSubjectWrit, launch_);
    const auto wall = setup_.profile.limits.wall_time.value_or(std::chrono::milliseconds(0));
    limit.set(AuditField::kLimit, "wall_time_ms").set(AuditField::kValue, static_cast<std::uint64_t>(wall.count()));
    (void)record(limit);
  }
  AuditRecord exit(AuditEvent::kExit, kSubjectWrit, launch_.value != 0 ? launch_ : start_);
  exit.set(AuditField::kOutcome, outcome_name(outcome.kind)).set(AuditField::kReason, outcome.reason);
  exit.set(AuditField::kStatus, static_cast<std::uint64_t>(outcome.exit_status));
  if (outcome.signal != 0) exit.set(AuditField::kSignal, static_cast<std::uint64_t>(outcome.signal));
  if (outcome.kind != OutcomeKind::kNotStarted) {
    exit.set(AuditField::kWallTime, static_cast<std::uint64_t>(outcome.wall_time.count()));
    exit.set(AuditField::kUserTime, microseconds(outcome.usage.ru_utime));
    exit.set(AuditField::kSystemTime, microseconds(outcome.usage.ru_stime));
    exit.set(AuditField::kPeakMemory, static_cast<std::uint64_t>(outcome.usage.ru_maxrss));
  }
  if (not_recorded_ > 0) exit.set(AuditField::kMissing, not_recorded_);
  (void)record(exit);
}

Status RunAudit::finish() {
  finished_ = true;
  if (!log_) return {};
  oldest_.reset();
  Status written = log_->finish();
  if (!written) note_problem(written.error());
  if (!written && is_required()) return written;
  return {};
}

AuditReport RunAudit::report() const {
  AuditReport report;
  if (!plan_) return report;
  report.state = AuditState::kNone;
  report.reason = problem_;
  report.path = plan_->directory.empty() ? own_audit_log(setup_.person) : plan_->directory + "/" + plan_->name;
  if (!log_) return report;
  report.run = log_->run().text();
  report.records = log_->counts().written;
  report.lost = log_->counts().lost;
  report.not_recorded = not_recorded_;
  report.state = problem_.empty() ? AuditState::kComplete : AuditState::kIncomplete;
  return report;
}

}  // namespace writ
