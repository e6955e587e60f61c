// PseudoTerminal: the terminal that an interactive tool gets instead of the user's own.
//
// The tool never holds the user's terminal: input pushed with TIOCSTI or TIOCLINUX, changed settings and a stolen
// foreground stay inside a terminal that belongs to the sandbox alone. It lives in a devpts *instance* of its own, so
// that no host terminal has a name in the view and the tool's terminal is /dev/pts/0 there.
//
// All descriptors are close-on-exec and owned by the caller. The caller needs CAP_SYS_ADMIN in its user and mount
// namespace for the private instance (kernel 5.2: fsopen(2); devpts may be mounted in a user namespace since 3.8 and is
// always a new instance since 4.7). Threads: no shared state. Fork: not for use between clone and exec (allocates).
#ifndef WRIT_BROKER_KERNEL_PSEUDO_TERMINAL_H_
#define WRIT_BROKER_KERNEL_PSEUDO_TERMINAL_H_

#include <sys/types.h>

#include <optional>

#include "broker/base/error.h"
#include "broker/base/unique_fd.h"

namespace writ {

// Most pseudo-terminals that can exist at a time in one private instance. The host's total (kernel.pty.max) is shared
// by everybody; without this limit one tool could use it up.
inline constexpr int kPseudoTerminalsPerInstance = 64;

struct PseudoTerminal {
  UniqueFd master;        // stays with the relay; O_NONBLOCK
  UniqueFd slave;         // becomes the tool's standard streams and controlling terminal
  UniqueFd devpts_mount;  // detached mount, to be attached at /dev/pts; invalid when the host's devpts had to be used
};

// Who owns the slave's node inside the instance. Needed when the tool runs as another uid than the caller; both
// numbers are those of the caller's user namespace.
struct TerminalOwner {
  uid_t uid = 0;
  gid_t gid = 0;
};

// Makes a devpts instance as a detached mount (nosuid, noexec; devices must work there, so not nodev): ptmx 0666, nodes
// 0620. Wanted without a terminal too: script(1), tmux and test suites open terminals of their own inside the sandbox.
// Attach it with move_mount(2) at /dev/pts and let /dev/ptmx be a symbolic link to pts/ptmx.
// Errors: ENOSYS (kernel before 5.2), EPERM (no CAP_SYS_ADMIN), ENODEV (kernel without devpts).
[[nodiscard]] Result<UniqueFd> make_devpts_mount();

// Makes a devpts instance and its first terminal, whose slave is unlocked. Neither descriptor becomes the caller's
// controlling terminal. Errors: those of make_devpts_mount(), ENOSPC (host's limit of terminals), EMFILE.
[[nodiscard]] Result<PseudoTerminal> make_private_pseudo_terminal(std::optional<TerminalOwner> owner = std::nullopt);

// The fallback for hosts where the above is not possible (no user namespaces): a terminal of the host's devpts
// instance, `devpts_mount` invalid. Input and settings are as isolated as with a private instance; what is missing is
// the name (tty(1) says "not a tty" inside), which the run report must say. `owner` needs CAP_CHOWN and is applied to a
// host node. Errors: ENOENT (no /dev/ptmx), ENOSPC, EPERM.
[[nodiscard]] Result<PseudoTerminal> make_host_pseudo_terminal(std::optional<TerminalOwner> owner = std::nullopt);

}  // namespace writ

#endif  // WRIT_BROKER_KERNEL_PSEUDO_TERMINAL_H_
