#include "broker/audit/audit_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "broker/base/escape.h"
#include "broker/base/hex_text.h"

namespace writ {

Result<std::unique_ptr<AuditLog>> AuditLog::open(HeldDirectory directory, const std::string& name,
                                                 InstallationKeys keys, const AuditLogOptions& options) {
  WRIT_ASSIGN(AuditFile file, AuditFile::open(std::move(directory), name));
  WRIT_ASSIGN(const RunId run, RunId::make());
  return std::unique_ptr<AuditLog>(new AuditLog(std::move(file), std::move(keys), options, run));
}

AuditLog::AuditLog(AuditFile file, InstallationKeys keys, const AuditLogOptions& options, const RunId& run)
    : file_(std::move(file)),
      keys_(std::move(keys)),
      options_(options),
      run_(run),
      redactor_(keys_.redaction),
      encoder_(redactor_, run_) {}

RecordNumber AuditLog::append(const AuditRecord& record) {
  const RecordNumber number{++last_number_};
  const std::size_t before = pending_.size();
  encoder_.append(record, number, AuditTime::now(), pending_);
  lengths_.push_back(static_cast<std::uint32_t>(pending_.size() - before));
  return number;
}

Status AuditLog::flush() {
  if (!has_pending()) return {};
  return write_batch(head_is_due() ? Head::kNow : Head::kIfDue);
}

Status AuditLog::finish() { return write_batch(Head::kNow); }

bool AuditLog::head_is_due() const {
  return since_head_ + lengths_.size() >= options_.records_between_heads ||
         Clock::now() - last_head_ >= options_.time_between_heads;
}

Status AuditLog::write_batch(Head head) {
  const std::uint64_t records = lengths_.size();
  const auto segment = [this](const SegmentFacts& facts) { return segment_body(facts); };
  Status done = file_.lock_end(options_.segment_bytes, segment);
  if (done) {
    compose(head);
    int error = 0;
    const std::size_t written = file_.append(out_, chain_, error);
    const auto lines =
        static_cast<std::uint64_t>(std::count(out_.begin(), out_.begin() + static_cast<std::ptrdiff_t>(written), '\n'));
    if (error != 0) done = fail_errno(error, "cannot write the audit log " + quote_bytes(path()));
    const std::uint64_t whole = std::min(records, lines - std::min(lines, lines_before_));
    counts_.written += whole;
    since_head_ += whole;
    // The record about what is missing is in the log now.
    if (lines >= lines_before_) unreported_ = 0;
    if (!done) note_lost(records - whole, done.error());
    if (done) done = synchronise(head);
    file_.unlock();
  } else {
    note_lost(records, done.error());
  }
  pending_.clear();
  lengths_.clear();
  return done;
}

void AuditLog::note_lost(std::uint64_t records, const Error& error) {
  counts_.lost += records;
  unreported_ += records;
  lost_because_ = error.describe();
}

Status AuditLog::synchronise(Head head) {
  const bool is_required = options_.need == AuditNeed::kRequired;
  const auto now = Clock::now();
  if (is_required && (head == Head::kNow || now - last_sync_ >= options_.time_between_syncs)) {
    last_sync_ = now;
    if (::fdatasync(file_.descriptor()) != 0)
      return fail_errno(errno, "cannot write the audit log " + quote_bytes(path()) + " to disk");
  }
  if (head_line_.empty()) return {};
  since_head_ = 0;
  last_head_ = now;
  return file_.keep_head(head_line_);
}

void AuditLog::compose(Head head) {
  const AuditEnd& end = file_.end();
  out_.clear();
  head_line_.clear();
  chain_ = end.chain;
  if (end.needs_newline) out_.push_back('\n');
  if (end.size == 0 || end.chain.sequence == 0) append_chained(segment_body(file_.first_facts()), chain_, out_);
  if (!end.partial.empty() || unreported_ > 0) compose_incomplete();
  lines_before_ = static_cast<std::uint64_t>(std::count(out_.begin(), out_.end(), '\n'));
  std::size_t at = 0;
  for (const std::uint32_t length : lengths_) {
    append_chained(std::string_view(pending_).substr(at, length), chain_, out_);
    at += length;
  }
  if (head == Head::kNow && chain_.sequence > 0) compose_head();
}

// The number 0: no record of the run itself.
std::string AuditLog::own_body(const AuditRecord& record) {
  std::string body;
  encoder_.append(record, RecordNumber{}, AuditTime::now(), body);
  return body;
}

void AuditLog::compose_own(const AuditRecord& record) { append_chained(own_body(record), chain_, out_); }

std::string AuditLog::segment_body(const SegmentFacts& facts) {
  AuditRecord record(AuditEvent::kSegment, kSubjectWrit);
  const std::string previous = hex_text(facts.previous);
  record.set(AuditField::kAction, facts.action).set(AuditField::kLog, facts.log);
  record.set(AuditField::kPrevious, previous);
  if (facts.replaced != nullptr)
    record.set(AuditField::kReplacedLog, facts.replaced->log).set(AuditField::kReplacedCount, facts.replaced->count);
  return own_body(record);
}

void AuditLog::compose_incomplete() {
  AuditRecord record(AuditEvent::kIncomplete, kSubjectWrit);
  const std::string& partial = file_.end().partial;
  const std::string digest = hex_text(sha256(partial));
  if (unreported_ > 0)
    record.set(AuditField::kMissing, unreported_).set_unless_empty(AuditField::kReason, lost_because_);
  if (!partial.empty()) record.set(AuditField::kPartialBytes, partial.size()).set(AuditField::kPartialDigest, digest);
  compose_own(record);
}

void AuditLog::compose_head() {
  const std::string of = hex_text(chain_.hash);
  const std::string key = hex_text(keys_.signing.public_key());
  AuditRecord record(AuditEvent::kHead, kSubjectWrit);
  record.set(AuditField::kLog, file_.log_id()).set(AuditField::kCount, chain_.sequence);
  record.set(AuditField::kOf, of).set(AuditField::kKey, key);
  head_line_ = append_signed(own_body(record), keys_.signing, chain_, out_);
}

}  // namespace writ
