// The commands that look at the sandboxes of the broker and do something to them.
#ifndef WRIT_LAUNCHER_SANDBOXES_COMMAND_H_
#define WRIT_LAUNCHER_SANDBOXES_COMMAND_H_

#include <string>

#include "broker/base/error.h"
#include "broker/daemon/daemon_client.h"
#include "broker/daemon/sandbox_record.h"
#include "launcher/broker_options.h"

namespace writ {

// Connects to the broker of the person who runs this: at $WRIT_BROKER_SOCKET, or at the usual place. Errors: those of
// connect_to_daemon().
[[nodiscard]] Result<DaemonClient> connect_to_own_broker();
// Where that is.
[[nodiscard]] std::string own_broker_path();

// Reads the number of a sandbox as it was typed.
[[nodiscard]] Result<SandboxNumber> parse_sandbox_number(const std::string& typed);
// What a refusal of the broker means for a request about the sandbox `number`.
[[nodiscard]] Error refusal_error(const std::string& code, const std::string& number);

// Exit status of all: 0 done, 1 there is no such sandbox or it cannot be done, 125 no broker or wrong usage.
int list_sandboxes(const SandboxesOptions& options);
int inspect_sandboxes(const SandboxesOptions& options);
int print_logs(const SandboxesOptions& options);
int kill_sandboxes(const SandboxesOptions& options);
int pause_sandboxes(const SandboxesOptions& options);
int resume_sandboxes(const SandboxesOptions& options);
int attach_sandbox(const SandboxesOptions& options);

}  // namespace writ

#endif  // WRIT_LAUNCHER_SANDBOXES_COMMAND_H_
