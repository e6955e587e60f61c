// AuditSink: where deciders and sessions tell what they decide and do. Whoever tells keeps no more than this interface:
// what becomes of a record (which file, which run, how it is chained) is the business of the one who gave it.
//
// Threads: one, that of the run's loop.
#ifndef WRIT_BROKER_AUDIT_AUDIT_SINK_H_
#define WRIT_BROKER_AUDIT_AUDIT_SINK_H_

#include "broker/audit/audit_record.h"

namespace writ {

class AuditSink {
 public:
  AuditSink() = default;
  AuditSink(const AuditSink&) = delete;
  AuditSink& operator=(const AuditSink&) = delete;
  virtual ~AuditSink() = default;

  // Takes a record; returns its number, as the parent of later ones. Does not write yet, and takes at most 2 µs.
  virtual RecordNumber record(const AuditRecord& record) = 0;

  // Call before anything is allowed that was recorded. False: the records are not in the log although they have to be,
  // so it must be denied; the run is being ended. Always true where the log is not required.
  [[nodiscard]] virtual bool settle() = 0;
};

}  // namespace writ

#endif  // WRIT_BROKER_AUDIT_AUDIT_SINK_H_
