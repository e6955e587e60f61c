// What the process behind one run gives up once its tool runs, and what the report says about it.
#ifndef WRIT_LAUNCHER_RUN_CONFINEMENT_H_
#define WRIT_LAUNCHER_RUN_CONFINEMENT_H_

#include <string>
#include <vector>

#include "broker/base/json_text.h"
#include "broker/kernel/broker_confinement.h"
#include "launcher/run_options.h"
#include "launcher/run_setup.h"

namespace writ {

// The directories in which a run without waiting calls still makes, writes or removes something: trees of the guard,
// its quarantine, audit log, store, report, terminals, control groups. `audit_log` is the path of the log, or empty.
// Where one does not exist yet, the directory in which it would be made stands for it.
[[nodiscard]] std::vector<std::string> places_written_later(const RunOptions& options, const RunSetup& setup,
                                                            const std::string& audit_log);

// `broker` in the report (docs/report.md).
[[nodiscard]] JsonObject confinement_json(const BrokerConfinement& confinement);

}  // namespace writ

#endif  // WRIT_LAUNCHER_RUN_CONFINEMENT_H_
