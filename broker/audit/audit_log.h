// AuditLog: the writer of an audit log. Several processes may write one log at the same time.
//
// append() only formats, into a buffer: it is what a tool's call waits for. flush() gives the records their places in
// the chain, hashes and writes them: under a lock of the file (flock(2)), with one write(2), after looking whether
// others have written since.
//
// What cannot be written is lost and counted; the next records that can be are preceded by one that says how many are
// missing. What a process left half written when it was killed is sealed in the same way.
//
// Ownership: owns its descriptors and keys. Threads: one at a time. Fork: a lock belongs to the open file and would be
// shared with a child, so do not fork while flush() runs; all descriptors are close-on-exec.
#ifndef WRIT_BROKER_AUDIT_AUDIT_LOG_H_
#define WRIT_BROKER_AUDIT_AUDIT_LOG_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "broker/audit/audit_chain.h"
#include "broker/audit/audit_encoder.h"
#include "broker/audit/audit_file.h"
#include "broker/audit/audit_record.h"
#include "broker/audit/installation_keys.h"

namespace writ {

// Must every record be in the log before what it is about happens?
enum class AuditNeed : std::uint8_t { kWanted, kRequired };

struct AuditLogOptions {
  AuditNeed need = AuditNeed::kWanted;
  std::uint64_t segment_bytes = std::uint64_t{64} << 20;  // 0: the log is one file, whatever its size
  std::uint64_t records_between_heads = 4096;
  std::chrono::seconds time_between_heads{60};
  std::chrono::milliseconds time_between_syncs{1000};  // of required records; wanted ones are left to the kernel
};

struct AuditCounts {
  std::uint64_t written = 0;  // of this writer's records
  std::uint64_t lost = 0;
};

class AuditLog {
 public:
  // Opens the log `name` in `directory`, and makes it where there is none. Errors: what HeldDirectory says; a file that
  // is no audit log.
  [[nodiscard]] static Result<std::unique_ptr<AuditLog>> open(HeldDirectory directory, const std::string& name,
                                                              InstallationKeys keys, const AuditLogOptions& options);
  AuditLog(const AuditLog&) = delete;
  AuditLog& operator=(const AuditLog&) = delete;
  ~AuditLog() = default;

  // Takes a record; returns its number within the run.
  RecordNumber append(const AuditRecord& record);

  // Writes what was appended, with a head where one is due. An error is what write(2) says; the records are lost then.
  [[nodiscard]] Status flush();
  // The same with a signed head, which is also kept in a file beside the log; required records are on disk then.
  [[nodiscard]] Status finish();

  [[nodiscard]] bool has_pending() const { return !lengths_.empty(); }
  [[nodiscard]] std::size_t pending_bytes() const { return pending_.size(); }
  [[nodiscard]] const AuditCounts& counts() const { return counts_; }
  [[nodiscard]] const RunId& run() const { return run_; }
  [[nodiscard]] const Redactor& redactor() const { return redactor_; }
  [[nodiscard]] std::string path() const { return file_.path(); }

 private:
  using Clock = std::chrono::steady_clock;
  enum class Head : std::uint8_t { kIfDue, kNow };

  AuditLog(AuditFile file, InstallationKeys keys, const AuditLogOptions& options, const RunId& run);
  [[nodiscard]] Status write_batch(Head head);
  void compose(Head head);
  void compose_own(const AuditRecord& record);
  void compose_incomplete();
  void compose_head();
  [[nodiscard]] std::string segment_body(const SegmentFacts& facts);
  [[nodiscard]] std::string own_body(const AuditRecord& record);
  void note_lost(std::uint64_t records, const Error& error);
  [[nodiscard]] bool head_is_due() const;
  [[nodiscard]] Status synchronise(Head head);

  AuditFile file_;
  InstallationKeys keys_;
  AuditLogOptions options_;
  RunId run_;
  Redactor redactor_;
  AuditEncoder encoder_;
  std::string pending_;                 // bodies of records, one behind the other
  std::vector<std::uint32_t> lengths_;  // of each
  std::string out_;                     // the batch that is being written
  ChainState chain_;                    // after it
  std::uint64_t lines_before_ = 0;      // in the batch, before the first record of the run
  std::string head_line_;               // in the batch; empty: none
  std::uint64_t last_number_ = 0;
  std::uint64_t unreported_ = 0;  // lost records of which no record in the log speaks yet
  std::string lost_because_;
  std::uint64_t since_head_ = 0;  // records of this writer
  Clock::time_point last_head_ = Clock::now();
  Clock::time_point last_sync_ = Clock::now();
  AuditCounts counts_;
};

}  // namespace writ

#endif  // WRIT_BROKER_AUDIT_AUDIT_LOG_H_
