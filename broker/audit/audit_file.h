// AuditFile: the file behind an AuditLog: which one is the current segment, where its chain stands, and how another
// segment begins.
//
// A segment that is full ends with a record that says so, gets the name <stem>-<first place>.jsonl, and is followed by
// a new file of the log's name. Whoever still holds the old one finds its last record and opens the new one.
//
// Ownership: owns directory and file. Threads: one at a time. Fork: the lock belongs to the open file, which a child
// would share.
#ifndef WRIT_BROKER_AUDIT_AUDIT_FILE_H_
#define WRIT_BROKER_AUDIT_AUDIT_FILE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "broker/audit/audit_chain.h"
#include "broker/audit/held_directory.h"

namespace writ {

// Where the end of the log is.
struct AuditEnd {
  std::uint64_t size = 0;      // of the file, what is half written among it
  ChainState chain;            // after the last whole line
  std::string partial;         // what stands behind that: the beginning of a line that nobody will finish
  bool needs_newline = false;  // the file does not end with one
  bool is_closed = false;      // another segment follows
};

// A log that was here before, as its last head says.
struct ReplacedLog {
  std::string log;
  std::uint64_t count = 0;
};

// What the record that begins or ends a segment is about.
struct SegmentFacts {
  std::string_view action;  // "begin" or "continued"
  std::string_view log;
  Sha256Digest previous{};  // hash of the line before, which is in another file
  const ReplacedLog* replaced = nullptr;
};

// Makes the body of such a record.
using SegmentBody = std::function<std::string(const SegmentFacts&)>;

class AuditFile {
 public:
  // Opens or makes it. Errors: what HeldDirectory says; a file that is no audit log.
  [[nodiscard]] static Result<AuditFile> open(HeldDirectory directory, const std::string& name);

  // Takes the lock and finds the end of the log, in the next segment where this one is full: from `limit` bytes on
  // (0: never). The log is the caller's until unlock(). Errors: the file cannot be locked or read, or its end is not
  // that of an audit log.
  [[nodiscard]] Status lock_end(std::uint64_t limit, const SegmentBody& body);
  void unlock();

  [[nodiscard]] const AuditEnd& end() const { return end_; }
  // Between lock_end() and unlock().

  // Appends `text`. Returns how much was written; where that is less than all, `error` says why. `chain` is how the log
  // stands afterwards if it was all.
  [[nodiscard]] std::size_t append(std::string_view text, const ChainState& chain, int& error);
  // What a segment's first record has to say.
  [[nodiscard]] SegmentFacts first_facts() const;
  // Overwrites the file of the latest head.
  [[nodiscard]] Status keep_head(std::string_view line) const;

  [[nodiscard]] int descriptor() const { return file_.get(); }
  [[nodiscard]] std::string path() const { return directory_.path_of(name_); }
  // 32 digits that all segments of one log have in common.
  [[nodiscard]] const std::string& log_id() const { return log_id_; }

 private:
  AuditFile(HeldDirectory directory, std::string name) : directory_(std::move(directory)), name_(std::move(name)) {}
  [[nodiscard]] Status open_current();
  [[nodiscard]] Status know_end(std::uint64_t size);
  [[nodiscard]] Result<bool> settle(std::uint64_t limit, const SegmentBody& body);
  [[nodiscard]] Status begin_log();
  [[nodiscard]] Status note_replaced();
  [[nodiscard]] Status close_segment(const SegmentBody& body);
  [[nodiscard]] Status begin_next_segment(const SegmentBody& body);

  HeldDirectory directory_;
  std::string name_;
  UniqueFd file_;
  AuditEnd end_;
  bool knows_end_ = false;
  bool is_locked_ = false;
  std::string log_id_;
  std::optional<ReplacedLog> replaced_;
};

}  // namespace writ

#endif  // WRIT_BROKER_AUDIT_AUDIT_FILE_H_
