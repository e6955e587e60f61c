#include "broker/audit/audit_verifier.h"

#include <algorithm>
#include <utility>

#include "broker/audit/audit_export.h"
#include "broker/audit/segment_files.h"
#include "broker/base/escape.h"
#include "broker/base/hex_text.h"

namespace writ {
namespace {

// Looked through from the end until one is signed rightly: it confirms all before it.
constexpr std::size_t kKeptHeads = 64;

std::string range_text(std::uint64_t first, std::uint64_t last) {
  if (first == last) return "record " + std::to_string(first) + " is";
  return "records " + std::to_string(first) + " to " + std::to_string(last) + " are";
}

}  // namespace

void AuditVerifier::report(AuditFindingKind kind, const Place& place, std::string text) {
  ++summary_.findings;
  on_finding_({kind, place.file, place.line, std::move(text)});
}

void AuditVerifier::expect_head(std::string_view text, const std::string& origin) {
  text = head_line_of(text);
  const Place place{origin, 1};
  const auto line = AuditLine::parse(text);
  const auto head = line ? AuditHead::read(*line) : std::nullopt;
  if (!head) return report(AuditFindingKind::kMalformed, place, "this is no head of an audit log");
  // The head says itself what is before it, so its own hash can be checked alone.
  if (line->hash_after(head->before.hash) != line->hash || line->sequence != head->before.sequence + 1)
    return report(AuditFindingKind::kEdited, place, "the head is not what was written");
  if (!is_trusted(*head, place)) return;
  if (!head->is_signed_by_its_key())
    return report(AuditFindingKind::kBadSignature, place, "nobody with its key has signed this head");
  expected_.push_back({origin, std::string(head->log), line->sequence, line->hash});
}

void AuditVerifier::expect_hash(const Sha256Digest& hash) { expected_hashes_.push_back(hash); }

void AuditVerifier::begin_file(std::string name) { place_ = {std::move(name), 0}; }

void AuditVerifier::feed(std::string_view bytes) {
  summary_.bytes += bytes.size();
  while (!bytes.empty()) {
    const std::size_t newline = bytes.find('\n');
    const std::string_view part = bytes.substr(0, newline);
    if (newline == std::string_view::npos || !carried_.empty()) {
      if (carried_.size() <= kAuditLineLimit) carried_.append(part);  // longer is no line, whatever comes
    }
    if (newline == std::string_view::npos) return;
    bytes.remove_prefix(newline + 1);
    if (carried_.empty()) {
      take_line(part);
    } else {
      take_line(carried_);
      carried_.clear();
    }
  }
}

void AuditVerifier::end_file() {
  if (!carried_.empty()) {
    const std::uint64_t before = summary_.findings;
    const auto line = AuditLine::parse(carried_);
    const bool is_whole = line && line->sequence == last_.sequence + 1 && follows(*line);
    if (is_whole) {
      take_line(carried_);
    } else {
      settle_broken(nullptr);
      settle_gap(nullptr);
      ++place_.line;
    }
    if (before == summary_.findings)
      report(AuditFindingKind::kIncomplete, place_,
             is_whole ? "the last line has no end" : "the last line is half written, or cut off");
    carried_.clear();
  }
  settle_broken(nullptr);
  settle_gap(nullptr);
}

void AuditVerifier::take_line(std::string_view text) {
  ++place_.line;
  const auto line = AuditLine::parse(text);
  if (!line && place_.line == 1 && !has_begun_) return take_anchor(text);
  if (!line) return take_broken(text);
  const bool after_broken = broken_.has_value();
  settle_broken(&*line);
  settle_gap(&*line);
  has_begun_ = true;
  const std::uint64_t before = summary_.findings;
  const std::uint64_t next = last_.sequence + 1;
  if (line->sequence == next || (after_broken && line->sequence > next))
    take_in_order(*line, after_broken);
  else
    take_out_of_order(*line);
  take_event(*line, text, before == summary_.findings);
}

// An exported stretch of a log begins with what is before it.
void AuditVerifier::take_anchor(std::string_view text) {
  const auto anchor = read_export_anchor(text);
  if (!anchor) return take_broken(text);
  has_begun_ = true;
  last_ = *anchor;
}

void AuditVerifier::take_broken(std::string_view text) {
  settle_gap(nullptr);
  if (!broken_) broken_ = Broken{place_, 0, std::string(text)};
  ++broken_->lines;
}

// What a process left half written when it was ended is sealed by the next one with a record that says so.
void AuditVerifier::settle_broken(const AuditLine* next) {
  if (!broken_) return;
  // A log whose very first line was left half written begins again before it says so.
  if (next != nullptr && next->event == AuditEvent::kSegment && next->sequence == 1 && broken_->place.line == 1) return;
  const Broken broken = std::exchange(broken_, std::nullopt).value();
  const bool is_sealed = next != nullptr && next->event == AuditEvent::kIncomplete && broken.lines == 1 &&
                         next->number_value("partial_bytes") == broken.text.size() &&
                         next->digest_value("partial_sha256") == sha256(broken.text);
  if (is_sealed)
    return report(AuditFindingKind::kIncomplete, broken.place,
                  "the line is half written: the process that wrote it was ended; the next record says so");
  const std::string more = broken.lines == 1 ? "" : " (" + std::to_string(broken.lines) + " lines)";
  report(AuditFindingKind::kMalformed, broken.place, "this is no line of an audit log" + more);
}

void AuditVerifier::settle_gap(const AuditLine* next) {
  if (!gap_) return;
  const Gap gap = *gap_;
  gap_.reset();
  // The number itself was changed: the chain goes on from this line as if it had the right one.
  if (next != nullptr && next->sequence == gap.expected + 1 && next->hash_after(gap.claimed) == next->hash) {
    last_ = {gap.expected, gap.claimed};
    return report(AuditFindingKind::kEdited, gap.place,
                  "the record says that it is number " + std::to_string(gap.found) + ", and is number " +
                      std::to_string(gap.expected));
  }
  if (next != nullptr && next->sequence >= gap.expected && next->sequence < gap.found) {
    explained_ = next->sequence;
    return report(AuditFindingKind::kReordered, gap.place,
                  "record " + std::to_string(gap.found) + " stands before record " + std::to_string(next->sequence));
  }
  report(AuditFindingKind::kDeleted, gap.place, range_text(gap.expected, gap.found - 1) + " missing before this line");
}

bool AuditVerifier::follows(const AuditLine& line) const {
  if (line.hash_after(last_.hash) == line.hash) return true;
  return corrected_ && line.hash_after(*corrected_) == line.hash;
}

void AuditVerifier::take_in_order(const AuditLine& line, bool after_broken) {
  const bool is_first = last_.sequence == 0;
  const bool is_right = follows(line);
  std::optional<Sha256Digest> corrected;
  // Behind lines that are none, nobody can say what this one follows.
  if (!is_right && !after_broken) {
    corrected = line.hash_after(last_.hash);
    report(AuditFindingKind::kEdited, place_,
           is_first ? "the first record is not what was written, or what was before it is missing"
                    : "record " + std::to_string(line.sequence) + " is not what was written");
  }
  corrected_ = corrected;
  last_ = {line.sequence, line.hash};
  ++summary_.records;
  compare_with_expected(line);
}

void AuditVerifier::take_out_of_order(const AuditLine& line) {
  ++summary_.records;
  if (line.sequence <= last_.sequence) {
    // Perhaps it was reported already, with the record that stands before it.
    if (std::exchange(explained_, 0) != line.sequence)
      report(AuditFindingKind::kReordered, place_,
             "record " + std::to_string(line.sequence) + " stands behind record " + std::to_string(last_.sequence));
    return;
  }
  gap_ = Gap{place_, last_.sequence + 1, line.sequence, line.hash};
  last_ = {line.sequence, line.hash};
  corrected_.reset();
  compare_with_expected(line);
}

void AuditVerifier::compare_with_expected(const AuditLine& line) {
  for (ExpectedHead& head : expected_) {
    if (head.sequence != line.sequence) continue;
    head.seen = true;
    if (head.hash != line.hash && (log_.empty() || log_ == head.log))
      report(
          AuditFindingKind::kEdited, place_,
          "record " + std::to_string(line.sequence) + " is not the head that " + quote_bytes(head.origin) + " holds");
  }
  if (!expected_hashes_.empty()) std::erase(expected_hashes_, line.hash);
}

void AuditVerifier::take_event(const AuditLine& line, std::string_view text, bool is_right) {
  if (line.event == AuditEvent::kHead) return take_head(line, text, is_right);
  if (line.event == AuditEvent::kSegment) {
    if (log_.empty()) log_ = line.value("log").value_or("");
    if (const auto count = line.number_value("replaced_count"))
      report(AuditFindingKind::kDeleted, place_,
             "an earlier log of " + std::to_string(*count) + " records was here and is gone");
  }
  if (line.event != AuditEvent::kIncomplete) return;
  if (const auto missing = line.number_value("missing"))
    report(AuditFindingKind::kIncomplete, place_,
           std::to_string(*missing) + " records before this one could not be written");
}

void AuditVerifier::take_head(const AuditLine& line, std::string_view text, bool is_right) {
  ++summary_.heads;
  const auto head = AuditHead::read(line);
  // A line that is not what was written was reported already.
  if (!is_right) return;
  if (!head || head->before.sequence + 1 != line.sequence || line.hash_after(head->before.hash) != line.hash)
    return report(AuditFindingKind::kMalformed, place_, "this is no head of the records before it");
  if (!is_trusted(*head, place_)) return;
  if (heads_.size() == kKeptHeads) heads_.pop_front();
  heads_.push_back({place_, std::string(text)});
}

bool AuditVerifier::is_trusted(const AuditHead& head, const Place& place) {
  if (!trusted_) trusted_ = head.key;
  if (head.key == *trusted_) return true;
  report(AuditFindingKind::kForeignKey, place, "the head is signed with another key, " + hex_text(head.key));
  return false;
}

void AuditVerifier::check_signatures() {
  summary_.unsigned_records = summary_.records;
  for (auto seen = heads_.rbegin(); seen != heads_.rend(); ++seen) {
    const auto line = AuditLine::parse(seen->line);
    const auto head = AuditHead::read(*line);
    if (head->is_signed_by_its_key()) {
      summary_.key = head->key;
      summary_.unsigned_records = last_.sequence - std::min(last_.sequence, line->sequence);
      return;
    }
    report(AuditFindingKind::kBadSignature, seen->place, "nobody with its key has signed this head");
  }
}

const AuditSummary& AuditVerifier::finish() {
  check_signatures();
  for (const ExpectedHead& head : expected_) {
    if (!log_.empty() && head.log != log_)
      report(AuditFindingKind::kForeignKey, {head.origin, 1}, "this is the head of another log");
    else if (!head.seen)
      report(AuditFindingKind::kTruncated, place_,
             "the log ends with record " + std::to_string(last_.sequence) + "; " + quote_bytes(head.origin) +
                 " signs " + std::to_string(head.sequence));
  }
  for (const Sha256Digest& hash : expected_hashes_)
    report(AuditFindingKind::kTruncated, place_, "no record has the hash " + hex_text(hash));
  if (!has_begun_) report(AuditFindingKind::kTruncated, place_, "the log is empty");
  summary_.end = last_;
  return summary_;
}

}  // namespace writ
