// The human queue, as the launcher uses it: where it lies, and how a run asks by it.
#ifndef WRIT_LAUNCHER_APPROVAL_QUEUE_H_
#define WRIT_LAUNCHER_APPROVAL_QUEUE_H_

#include <memory>
#include <span>
#include <string>

#include "broker/approval/approval_back_end.h"
#include "broker/approval/approve_option.h"
#include "broker/base/error.h"
#include "broker/requests/over_broad.h"
#include "launcher/person.h"
#include "launcher/run_options.h"
#include "launcher/run_setup.h"

namespace writ {

// ${XDG_STATE_HOME}/writ/store.
[[nodiscard]] std::string store_directory(const Person& person);

// What must never be agreed to as a whole.
[[nodiscard]] BroadPlaces broad_places(const Person& person, const std::string& workspace);

// Opens the queue for the questions of one run. Says on standard error, unless the run is quiet, how each can be
// answered. Errors: the store lies in one of `writable_places`, where the tool could answer its own questions; it
// cannot be opened.
[[nodiscard]] Result<std::unique_ptr<ApprovalBackEnd>> open_queue_of_run(const AskQueue& queue,
                                                                         const RunOptions& options,
                                                                         const RunSetup& setup,
                                                                         std::span<const std::string> writable_places);

}  // namespace writ

#endif  // WRIT_LAUNCHER_APPROVAL_QUEUE_H_
