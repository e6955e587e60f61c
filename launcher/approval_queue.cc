#include "launcher/approval_queue.h"

#include <utility>

#include "broker/approval/approval_file.h"
#include "broker/base/escape.h"
#include "broker/policy/secrets.h"
#include "broker/requests/queue_back_end.h"
#include "launcher/message.h"
#include "launcher/standing_approvals.h"

namespace writ {
namespace {

void announce(const RequestId& id) {
  print_message("waiting for approval " + id.text() + ": `writ approvals show " + id.text().substr(0, 13) + "`");
}

}  // namespace

std::string store_directory(const Person& person) { return person.state_home + "/writ/store"; }

BroadPlaces broad_places(const Person& person, const std::string& workspace) {
  return {person.home, workspace, secret_paths(person.home, person.uid)};
}

Result<std::unique_ptr<ApprovalBackEnd>> open_queue_of_run(const AskQueue& queue, const RunOptions& options,
                                                           const RunSetup& setup,
                                                           std::span<const std::string> writable_places) {
  QueueOptions opened;
  opened.directory = store_directory(setup.person);
  if (const Status outside = check_approval_file_place(existing_part(opened.directory), writable_places); !outside)
    return fail("the queue in " + quote_bytes(opened.directory) +
                    " lies where the tool can write: it could answer its own questions",
                "set XDG_STATE_HOME to a place outside of what the tool can change");
  opened.limits.time_out = queue.time_out;
  opened.workspace = setup.workspace;
  opened.profile = setup.profile.name;
  if (options.verbosity == Verbosity::kNormal) opened.announce = announce;
  WRIT_ASSIGN(auto back_end, QueueBackEnd::open(std::move(opened)));
  return std::unique_ptr<ApprovalBackEnd>(std::move(back_end));
}

}  // namespace writ
