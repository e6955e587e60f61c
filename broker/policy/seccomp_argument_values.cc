// The commands and options that ioctl, fcntl and prctl may be called with. Numbers, not macros: Debian 12's headers
// lack the newer ones, and a table must not change with the machine it is compiled on. They are the same on x86-64 and
// aarch64 (asm-generic); the unit test compares them with the headers where the headers have them.
#include <algorithm>
#include <array>

#include "broker/policy/seccomp_arguments.h"

namespace writ {
namespace {

constexpr std::array kIoctls = {
    // Terminals: modes, sizes, foreground groups, pseudo-terminals of one's own.
    NamedValue{0x5401, "TCGETS"},
    NamedValue{0x5402, "TCSETS"},
    NamedValue{0x5403, "TCSETSW"},
    NamedValue{0x5404, "TCSETSF"},
    NamedValue{0x5405, "TCGETA"},
    NamedValue{0x5406, "TCSETA"},
    NamedValue{0x5407, "TCSETAW"},
    NamedValue{0x5408, "TCSETAF"},
    NamedValue{0x5409, "TCSBRK"},
    NamedValue{0x540A, "TCXONC"},
    NamedValue{0x540B, "TCFLSH"},
    // Takes a terminal only when it is nobody's; stealing one needs CAP_SYS_ADMIN (ioctl_tty(2)). script, tmux and
    // every
    // other maker of pseudo-terminals need it.
    NamedValue{0x540E, "TIOCSCTTY"},
    NamedValue{0x540F, "TIOCGPGRP"},
    NamedValue{0x5410, "TIOCSPGRP"},
    NamedValue{0x5411, "TIOCOUTQ"},
    NamedValue{0x5413, "TIOCGWINSZ"},
    NamedValue{0x5414, "TIOCSWINSZ"},
    NamedValue{0x541B, "FIONREAD"},
    NamedValue{0x5420, "TIOCPKT"},
    NamedValue{0x5421, "FIONBIO"},
    NamedValue{0x5422, "TIOCNOTTY"},
    NamedValue{0x5425, "TCSBRKP"},
    NamedValue{0x5429, "TIOCGSID"},
    NamedValue{0x5441, "TIOCGPTPEER"},
    NamedValue{0x5450, "FIONCLEX"},
    NamedValue{0x5451, "FIOCLEX"},
    NamedValue{0x5460, "FIOQSIZE"},
    // Sockets: facts about interfaces, never changes.
    NamedValue{0x8905, "SIOCATMARK"},
    NamedValue{0x8910, "SIOCGIFNAME"},
    NamedValue{0x8912, "SIOCGIFCONF"},
    NamedValue{0x8913, "SIOCGIFFLAGS"},
    NamedValue{0x8915, "SIOCGIFADDR"},
    NamedValue{0x8917, "SIOCGIFDSTADDR"},
    NamedValue{0x8919, "SIOCGIFBRDADDR"},
    NamedValue{0x891B, "SIOCGIFNETMASK"},
    NamedValue{0x891D, "SIOCGIFMETRIC"},
    NamedValue{0x8921, "SIOCGIFMTU"},
    NamedValue{0x8927, "SIOCGIFHWADDR"},
    NamedValue{0x8933, "SIOCGIFINDEX"},
    NamedValue{0x8938, "SIOCGIFCOUNT"},
    NamedValue{0x8942, "SIOCGIFTXQLEN"},
    // Files: copy by reference (cp --reflink) and reading attribute flags.
    NamedValue{0x4020940D, "FICLONERANGE"},
    // Pseudo-terminals and the termios2 family that glibc 2.42 uses.
    NamedValue{0x40045431, "TIOCSPTLCK"},
    NamedValue{0x40049409, "FICLONE"},
    NamedValue{0x402C542B, "TCSETS2"},
    NamedValue{0x402C542C, "TCSETSW2"},
    NamedValue{0x402C542D, "TCSETSF2"},
    NamedValue{0x80045430, "TIOCGPTN"},
    NamedValue{0x80045432, "TIOCGDEV"},
    NamedValue{0x80045438, "TIOCGPKT"},
    NamedValue{0x80045439, "TIOCGPTLCK"},
    NamedValue{0x80045440, "TIOCGEXCL"},
    NamedValue{0x80086601, "FS_IOC_GETFLAGS"},
    NamedValue{0x802C542A, "TCGETS2"},
};

constexpr std::array kFcntls = {
    NamedValue{0, "F_DUPFD"},
    NamedValue{1, "F_GETFD"},
    NamedValue{2, "F_SETFD"},
    NamedValue{3, "F_GETFL"},
    NamedValue{4, "F_SETFL"},
    NamedValue{5, "F_GETLK"},
    NamedValue{6, "F_SETLK"},
    NamedValue{7, "F_SETLKW"},
    NamedValue{9, "F_GETOWN"},
    NamedValue{11, "F_GETSIG"},
    NamedValue{16, "F_GETOWN_EX"},
    NamedValue{36, "F_OFD_GETLK"},
    NamedValue{37, "F_OFD_SETLK"},
    NamedValue{38, "F_OFD_SETLKW"},
    NamedValue{1025, "F_GETLEASE"},
    NamedValue{1027, "F_DUPFD_QUERY"},
    NamedValue{1028, "F_CREATED_QUERY"},
    NamedValue{1030, "F_DUPFD_CLOEXEC"},
    NamedValue{1031, "F_SETPIPE_SZ"},
    NamedValue{1032, "F_GETPIPE_SZ"},
    NamedValue{1033, "F_ADD_SEALS"},
    NamedValue{1034, "F_GET_SEALS"},
    NamedValue{1035, "F_GET_RW_HINT"},
    NamedValue{1036, "F_SET_RW_HINT"},
    NamedValue{1037, "F_GET_FILE_RW_HINT"},
    NamedValue{1038, "F_SET_FILE_RW_HINT"},
};

constexpr std::array kPrctls = {
    NamedValue{1, "PR_SET_PDEATHSIG"},
    NamedValue{2, "PR_GET_PDEATHSIG"},
    NamedValue{3, "PR_GET_DUMPABLE"},
    NamedValue{7, "PR_GET_KEEPCAPS"},
    NamedValue{8, "PR_SET_KEEPCAPS"},  // there are no capabilities to keep
    NamedValue{13, "PR_GET_TIMING"},
    NamedValue{15, "PR_SET_NAME"},
    NamedValue{16, "PR_GET_NAME"},
    NamedValue{21, "PR_GET_SECCOMP"},
    NamedValue{23, "PR_CAPBSET_READ"},
    NamedValue{25, "PR_GET_TSC"},
    NamedValue{27, "PR_GET_SECUREBITS"},
    NamedValue{29, "PR_SET_TIMERSLACK"},
    NamedValue{30, "PR_GET_TIMERSLACK"},
    NamedValue{36, "PR_SET_CHILD_SUBREAPER"},
    NamedValue{37, "PR_GET_CHILD_SUBREAPER"},
    NamedValue{38, "PR_SET_NO_NEW_PRIVS"},
    NamedValue{39, "PR_GET_NO_NEW_PRIVS"},
    NamedValue{40, "PR_GET_TID_ADDRESS"},
    NamedValue{41, "PR_SET_THP_DISABLE"},  // allocators of Java and databases
    NamedValue{42, "PR_GET_THP_DISABLE"},
    NamedValue{50, "PR_SVE_SET_VL"},  // aarch64 vector length, of the caller only
    NamedValue{51, "PR_SVE_GET_VL"},
    NamedValue{52, "PR_GET_SPECULATION_CTRL"},
    NamedValue{54, "PR_PAC_RESET_KEYS"},
    NamedValue{55, "PR_SET_TAGGED_ADDR_CTRL"},
    NamedValue{56, "PR_GET_TAGGED_ADDR_CTRL"},
    NamedValue{60, "PR_PAC_SET_ENABLED_KEYS"},
    NamedValue{61, "PR_PAC_GET_ENABLED_KEYS"},
    NamedValue{63, "PR_SME_SET_VL"},
    NamedValue{64, "PR_SME_GET_VL"},
    NamedValue{65, "PR_SET_MDWE"},  // only ever tightens
    NamedValue{66, "PR_GET_MDWE"},
    NamedValue{74, "PR_GET_SHADOW_STACK_STATUS"},
    NamedValue{75, "PR_SET_SHADOW_STACK_STATUS"},
    NamedValue{76, "PR_LOCK_SHADOW_STACK_STATUS"},
    NamedValue{0x41555856, "PR_GET_AUXV"},
    NamedValue{0x53564D41, "PR_SET_VMA"},  // names for memory areas: glibc 2.41, Go
};

constexpr std::array kDangerousIoctls = {
    NamedValue{0x5412, "TIOCSTI"},     NamedValue{0x541C, "TIOCLINUX"},
    NamedValue{0x541D, "TIOCCONS"},    NamedValue{0x5423, "TIOCSETD"},
    NamedValue{0x5437, "TIOCVHANGUP"}, NamedValue{0x540C, "TIOCEXCL"},
    NamedValue{0x5452, "FIOASYNC"},    NamedValue{0x8901, "FIOSETOWN"},
    NamedValue{0x8902, "SIOCSPGRP"},   NamedValue{0x40086602, "FS_IOC_SETFLAGS"},
};

constexpr bool increasing(std::span<const NamedValue> list) {
  return std::is_sorted(list.begin(), list.end(),
                        [](const NamedValue& a, const NamedValue& b) { return a.value <= b.value; });
}
static_assert(increasing(kFcntls) && increasing(kPrctls));

constexpr bool disjoint(std::span<const NamedValue> a, std::span<const NamedValue> b) {
  for (const NamedValue& x : a)
    for (const NamedValue& y : b)
      if (x.value == y.value) return false;
  return true;
}
static_assert(disjoint(kIoctls, kDangerousIoctls));

// The ioctl table is grouped for the reader; the rule needs it sorted.
constexpr auto sorted_ioctls() {
  auto sorted = kIoctls;
  std::sort(sorted.begin(), sorted.end(), [](const NamedValue& a, const NamedValue& b) { return a.value < b.value; });
  return sorted;
}
constexpr auto kSortedIoctls = sorted_ioctls();
static_assert(increasing(kSortedIoctls));

}  // namespace

std::span<const NamedValue> allowed_ioctls() { return kSortedIoctls; }
std::span<const NamedValue> allowed_fcntls() { return kFcntls; }
std::span<const NamedValue> allowed_prctls() { return kPrctls; }
std::span<const NamedValue> dangerous_ioctls() { return kDangerousIoctls; }

}  // namespace writ
