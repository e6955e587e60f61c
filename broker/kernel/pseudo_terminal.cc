#include "broker/kernel/pseudo_terminal.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

namespace writ {
namespace {

// Values of <linux/mount.h>, which cannot be included beside <sys/mount.h> and lacks some of them on Debian 12.
constexpr unsigned kFsopenCloexec = 0x1;
constexpr unsigned kFsmountCloexec = 0x1;
constexpr unsigned kFsconfigSetString = 1;
constexpr unsigned kFsconfigCreate = 6;
constexpr unsigned kMountNosuid = 0x2;
constexpr unsigned kMountNoexec = 0x8;

#ifdef SYS_fsopen
constexpr long kFsopenCall = SYS_fsopen;
constexpr long kFsconfigCall = SYS_fsconfig;
constexpr long kFsmountCall = SYS_fsmount;
#else
constexpr long kFsopenCall = 430;  // the same on every architecture
constexpr long kFsconfigCall = 431;
constexpr long kFsmountCall = 432;
#endif

// Values of <asm-generic/ioctls.h> (x86-64 and aarch64).
constexpr unsigned long kUnlockSlave = 0x40045431;  // TIOCSPTLCK
constexpr unsigned long kOpenSlave = 0x5441;        // TIOCGPTPEER, kernel 4.13

constexpr const char* kNoPrivateInstance = "use a host with user namespaces, or run without a terminal";

struct MountOption {
  const char* key;
  std::string value;
};

Status configure(int context, unsigned command, const char* key, const char* value) {
  if (::syscall(kFsconfigCall, context, command, key, value, 0) == 0) return {};
  return fail_errno(errno,
                    std::string("cannot configure the private devpts (") + (key == nullptr ? "create" : key) + ")",
                    kNoPrivateInstance);
}

Status configure_devpts(int context) {
  const MountOption options[] = {
      {"ptmxmode", "0666"},
      {"mode", "0620"},
      {"max", std::to_string(kPseudoTerminalsPerInstance)},
  };
  for (const MountOption& option : options) {
    WRIT_TRY(configure(context, kFsconfigSetString, option.key, option.value.c_str()));
  }
  return configure(context, kFsconfigCreate, nullptr, nullptr);
}

Result<UniqueFd> open_master(int directory, const char* name) {
  // O_NOCTTY: a session leader without a terminal would get this one as its own.
  UniqueFd master(::openat(directory, name, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
  if (!master.valid()) return fail_errno(errno, "cannot open a new pseudo-terminal (ptmx)");
  return master;
}

Result<UniqueFd> open_slave(int master) {
  int locked = 0;
  if (::ioctl(master, kUnlockSlave, &locked) != 0) return fail_errno(errno, "cannot unlock the pseudo-terminal");
  // By descriptor, never by name: /dev/pts of this process may be another instance than the master's.
  UniqueFd slave(::ioctl(master, kOpenSlave, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!slave.valid()) return fail_errno(errno, "cannot open the slave of the pseudo-terminal");
  return slave;
}

Status give_to(int slave, const std::optional<TerminalOwner>& owner) {
  if (!owner) return {};
  if (::fchown(slave, owner->uid, owner->gid) == 0) return {};
  return fail_errno(errno, "cannot give the pseudo-terminal to uid " + std::to_string(owner->uid));
}

Result<PseudoTerminal> open_pair(int directory, const char* name, const std::optional<TerminalOwner>& owner) {
  PseudoTerminal terminal;
  WRIT_ASSIGN(terminal.master, open_master(directory, name));
  WRIT_ASSIGN(terminal.slave, open_slave(terminal.master.get()));
  WRIT_TRY(give_to(terminal.slave.get(), owner));
  return terminal;
}

}  // namespace

Result<UniqueFd> make_devpts_mount() {
  const UniqueFd context(static_cast<int>(::syscall(kFsopenCall, "devpts", kFsopenCloexec)));
  if (!context.valid()) return fail_errno(errno, "cannot open a private devpts", kNoPrivateInstance);
  WRIT_TRY(configure_devpts(context.get()));
  UniqueFd mount(
      static_cast<int>(::syscall(kFsmountCall, context.get(), kFsmountCloexec, kMountNosuid | kMountNoexec)));
  if (!mount.valid()) return fail_errno(errno, "cannot mount a private devpts", kNoPrivateInstance);
  return mount;
}

Result<PseudoTerminal> make_private_pseudo_terminal(std::optional<TerminalOwner> owner) {
  WRIT_ASSIGN(UniqueFd mount, make_devpts_mount());
  WRIT_ASSIGN(PseudoTerminal terminal, open_pair(mount.get(), "ptmx", owner));
  terminal.devpts_mount = std::move(mount);
  return terminal;
}

Result<PseudoTerminal> make_host_pseudo_terminal(std::optional<TerminalOwner> owner) {
  return open_pair(AT_FDCWD, "/dev/ptmx", owner);
}

}  // namespace writ
