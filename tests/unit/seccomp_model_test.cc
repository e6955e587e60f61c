#include "broker/policy/seccomp_model.h"

#include <fcntl.h>
#include <linux/prctl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>

#include <sched.h>
#include <cerrno>
#include <csignal>
#include <set>

#include "broker/policy/seccomp_arguments.h"
#include "broker/policy/syscall_table.h"
#include "tests/unit/seccomp_test_support.h"

namespace writ {
namespace {

using seccomp_test::call_named;
using seccomp_test::call_of;
using seccomp_test::model_of;
using seccomp_test::rule_named;
using seccomp_test::shipped_variants;
using seccomp_test::Variant;

constexpr std::uint64_t kHighBit = std::uint64_t{1} << 32;

std::uint32_t refused(int number) { return SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(number); }

Variant strict_variant() {
  Variant variant;
  variant.syscalls.base = SyscallBase::kStrict;
  return variant;
}

void check_allowed(const SeccompModel& model, std::string_view name, std::vector<std::uint64_t> arguments) {
  INFO(name);
  CHECK(evaluate(model, call_named(model, name, std::move(arguments))) == SECCOMP_RET_ALLOW);
}

void check_refused(const SeccompModel& model, std::string_view name, std::vector<std::uint64_t> arguments, int with) {
  INFO(name);
  CHECK(evaluate(model, call_named(model, name, std::move(arguments))) == refused(with));
}

TEST_CASE("foreign architectures and x32 are killed before any rule", "[seccomp]") {
  const SeccompModel model = model_of({});
  seccomp_data call = call_named(model, "read");
  CHECK(evaluate(model, call) == SECCOMP_RET_ALLOW);
  for (const std::uint32_t arch : std::vector<std::uint32_t>{AUDIT_ARCH_I386, AUDIT_ARCH_ARM, 0}) {
    call.arch = arch;
    CHECK(evaluate(model, call) == SECCOMP_RET_KILL_PROCESS);
  }
  Variant x86;
  x86.audit_arch = AUDIT_ARCH_X86_64;
  const SeccompModel with_x32 = model_of(x86);
  CHECK(evaluate(with_x32, call_of(with_x32, 0 | kX32Bit)) == SECCOMP_RET_KILL_PROCESS);
  CHECK(evaluate(with_x32, call_of(with_x32, UINT32_MAX)) == SECCOMP_RET_KILL_PROCESS);
}

TEST_CASE("unlisted calls get EPERM, newer ones ENOSYS, forbidden ones what programs look for", "[seccomp]") {
  const SeccompModel model = model_of({});
  check_refused(model, "ptrace", {}, EPERM);
  check_refused(model, "mount", {}, EPERM);
  check_refused(model, "vmsplice", {}, EPERM);
  check_refused(model, "clone3", {}, ENOSYS);
  check_refused(model, "openat2", {}, ENOSYS);
  check_refused(model, "io_uring_setup", {}, ENOSYS);
  CHECK(evaluate(model, call_of(model, kNewestReviewedNumber + 1)) == refused(ENOSYS));
  CHECK(evaluate(model, call_of(model, kNewestReviewedNumber)) == SECCOMP_RET_ALLOW);
}

TEST_CASE("clone makes threads and processes, never namespaces", "[seccomp]") {
  const SeccompModel model = model_of({});
  check_allowed(model, "clone", {SIGCHLD});
  check_allowed(model, "clone", {CLONE_VM | CLONE_VFORK | SIGCHLD});
  // The low byte is the exit signal, not CLONE_NEWTIME.
  check_allowed(model, "clone", {0x80 | SIGCHLD});
  for (const std::uint64_t flag : std::vector<std::uint64_t>{CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
                                                             CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET}) {
    check_refused(model, "clone", {flag | SIGCHLD}, EPERM);
    check_refused(model, "clone", {flag | SIGCHLD | kHighBit}, EPERM);
  }
}

TEST_CASE("the strict base has threads but no processes, until a profile names clone", "[seccomp]") {
  Variant variant = strict_variant();
  constexpr std::uint64_t kThread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;
  const SeccompModel strict = model_of(variant);
  check_allowed(strict, "clone", {kThread});
  check_refused(strict, "clone", {SIGCHLD}, EPERM);
  check_refused(strict, "clone", {CLONE_VM | CLONE_VFORK | SIGCHLD}, EPERM);
  check_refused(strict, "clone", {kThread | CLONE_NEWUSER}, EPERM);
  CHECK(rule_named(strict, "fork") == nullptr);
  CHECK(rule_named(strict, "socket") == nullptr);
  CHECK(rule_named(strict, "memfd_create") == nullptr);
  CHECK(rule_named(strict, "kill") == nullptr);
  // The launch itself ends in this call.
  CHECK(rule_named(strict, "execveat") != nullptr);
  variant.syscalls.allow = {"clone"};
  const SeccompModel named = model_of(variant);
  check_allowed(named, "clone", {SIGCHLD});
  check_refused(named, "clone", {CLONE_NEWUSER}, EPERM);
}

TEST_CASE("strict sendto takes no address", "[seccomp]") {
  const SeccompModel strict = model_of(strict_variant());
  check_allowed(strict, "sendto", {3, 1, 1, 0, 0, 0});
  check_refused(strict, "sendto", {3, 1, 1, 0, 1, 110}, EPERM);
  const SeccompModel standard = model_of({});
  check_allowed(standard, "sendto", {3, 1, 1, 0, 1, 110});
}

TEST_CASE("socket families, types and protocols", "[seccomp]") {
  Variant variant;
  const SeccompModel closed = model_of(variant);
  check_allowed(closed, "socket", {AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0});
  check_allowed(closed, "socket", {AF_INET6, SOCK_DGRAM, 17});
  for (const std::uint64_t family : std::vector<std::uint64_t>{AF_UNIX, AF_NETLINK, AF_PACKET, AF_ALG, AF_VSOCK,
                                                               AF_BLUETOOTH, AF_XDP, AF_KEY, AF_TIPC, AF_SMC})
    for (const std::uint64_t type : std::vector<std::uint64_t>{SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET})
      check_refused(closed, "socket", {family, type, 0}, EAFNOSUPPORT);
  check_refused(closed, "socket", {AF_INET, SOCK_RAW, 0}, EAFNOSUPPORT);
  check_refused(closed, "socket", {AF_INET, SOCK_PACKET, 0}, EAFNOSUPPORT);
  check_refused(closed, "socket", {AF_INET, SOCK_STREAM, 132}, EAFNOSUPPORT);  // SCTP would load its module
  check_refused(closed, "socket", {kHighBit | AF_UNIX, SOCK_STREAM, 0}, EAFNOSUPPORT);
  variant.process = {.hostname = "", .unix_sockets = UnixSockets::kAllowed, .netlink = NetlinkSockets::kRoute};
  const SeccompModel open = model_of(variant);
  check_allowed(open, "socket", {AF_UNIX, SOCK_DGRAM, 0});
  check_allowed(open, "socket", {AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0});
  check_refused(open, "socket", {AF_NETLINK, SOCK_RAW, 12}, EAFNOSUPPORT);  // NETLINK_NETFILTER
  check_refused(open, "socket", {AF_PACKET, SOCK_RAW, 0}, EAFNOSUPPORT);
}

TEST_CASE("a datagram socket pair could be aimed at any socket name", "[seccomp]") {
  Variant variant;
  const SeccompModel closed = model_of(variant);
  check_allowed(closed, "socketpair", {AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0});
  check_allowed(closed, "socketpair", {AF_UNIX, SOCK_SEQPACKET, 0});
  check_refused(closed, "socketpair", {AF_UNIX, SOCK_DGRAM, 0}, EAFNOSUPPORT);
  check_refused(closed, "socketpair", {AF_UNIX, SOCK_RAW, 0}, EAFNOSUPPORT);
  check_refused(closed, "socketpair", {AF_TIPC, SOCK_STREAM, 0}, EAFNOSUPPORT);
  variant.process.unix_sockets = UnixSockets::kAllowed;
  check_allowed(model_of(variant), "socketpair", {AF_UNIX, SOCK_DGRAM, 0});
}

TEST_CASE("terminal injection and owner changes are not in the lists", "[seccomp]") {
  const SeccompModel model = model_of({});
  check_allowed(model, "ioctl", {0, TCGETS});
  check_allowed(model, "ioctl", {0, TIOCGWINSZ});
  check_allowed(model, "ioctl", {0, kHighBit | FIONBIO});
  for (const NamedValue& entry : dangerous_ioctls()) {
    INFO(entry.name);
    check_refused(model, "ioctl", {0, entry.value}, ENOTTY);
    check_refused(model, "ioctl", {0, entry.value | kHighBit}, ENOTTY);  // CVE-2019-10063
    check_refused(model, "ioctl", {0, entry.value | ~std::uint64_t{0xFFFFFFFF}}, ENOTTY);
  }
  check_allowed(model, "fcntl", {0, F_DUPFD_CLOEXEC});
  for (const std::uint64_t command : std::vector<std::uint64_t>{F_SETOWN, F_SETSIG, F_SETOWN_EX, F_SETLEASE, F_NOTIFY})
    check_refused(model, "fcntl", {0, command}, EINVAL);
}

TEST_CASE("prctl, personality and seccomp cannot loosen anything", "[seccomp]") {
  const SeccompModel model = model_of({});
  check_allowed(model, "prctl", {PR_SET_NAME});
  check_allowed(model, "prctl", {PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET});
  check_allowed(model, "prctl", {PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL});
  check_refused(model, "prctl", {PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE}, EINVAL);
  for (const std::uint64_t option : std::vector<std::uint64_t>{PR_SET_DUMPABLE, PR_SET_PTRACER, PR_SET_SECCOMP,
                                                               PR_SET_MM, PR_SET_SECUREBITS, PR_CAPBSET_DROP})
    check_refused(model, "prctl", {option}, EINVAL);
  check_allowed(model, "personality", {0xFFFFFFFF});
  check_allowed(model, "personality", {0});
  check_refused(model, "personality", {0x0400000}, EPERM);  // READ_IMPLIES_EXEC
  check_allowed(model, "seccomp", {SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC});
  check_allowed(model, "seccomp", {SECCOMP_GET_ACTION_AVAIL, 0});
  check_refused(model, "seccomp", {SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER}, EPERM);
  check_refused(model, "seccomp", {SECCOMP_SET_MODE_FILTER, 32}, EPERM);  // WAIT_KILLABLE_RECV
  check_refused(model, "seccomp", {SECCOMP_GET_NOTIF_SIZES, 0}, EPERM);
}

struct ModeCase {
  std::string_view name;
  std::vector<std::uint64_t> before;  // arguments in front of the mode
};

TEST_CASE("set-uid and set-gid bits are refused in every mode argument", "[seccomp]") {
  Variant variant;
  variant.audit_arch = AUDIT_ARCH_X86_64;  // has the old calls, too
  const SeccompModel model = model_of(variant);
  const std::vector<ModeCase> cases = {
      {"chmod", {0}},
      {"fchmod", {0}},
      {"fchmodat", {0, 0}},
      {"fchmodat2", {0, 0}},
      {"mkdir", {0}},
      {"mkdirat", {0, 0}},
      {"mknod", {0}},
      {"mknodat", {0, 0}},
      {"creat", {0}},
      {"open", {0, O_CREAT}},
      {"openat", {0, 0, O_CREAT | O_WRONLY}},
      {"openat", {0, 0, O_TMPFILE | O_RDWR}},
      {"mq_open", {0, O_CREAT}},
  };
  for (const ModeCase& entry : cases) {
    const auto with_mode = [&](std::uint64_t mode) {
      std::vector<std::uint64_t> arguments = entry.before;
      arguments.push_back(mode);
      return arguments;
    };
    check_allowed(model, entry.name, with_mode(01777));
    for (const std::uint64_t bits : std::vector<std::uint64_t>{S_ISUID, S_ISGID, S_ISUID | S_ISGID}) {
      check_refused(model, entry.name, with_mode(0755 | bits), EPERM);
      check_refused(model, entry.name, with_mode(kHighBit | bits), EPERM);
    }
  }
  check_allowed(model, "openat", {0, 0, O_RDONLY, 06777});  // garbage that the kernel does not read
  check_allowed(model, "mknodat", {0, 0, S_IFIFO | 0600});
  check_refused(model, "mknodat", {0, 0, S_IFCHR | 0600}, EPERM);
  check_refused(model, "mknodat", {0, 0, S_IFBLK | 0600}, EPERM);
  check_refused(model, "mknodat", {0, 0, S_IFDIR | 0600}, EPERM);
}

TEST_CASE("profiles add and remove names, and misspelt or forbidden ones are errors", "[seccomp]") {
  Variant variant;
  variant.syscalls.allow = {"vmsplice"};
  variant.syscalls.deny = {"mknodat", "vmsplice", "ptrace", "open"};
  const SeccompModel model = model_of(variant);
  CHECK(rule_named(model, "mknodat") == nullptr);
  CHECK(rule_named(model, "vmsplice") == nullptr);
  variant.syscalls.deny.clear();
  CHECK(rule_named(model_of(variant), "vmsplice") != nullptr);

  const auto error_for = [](std::vector<std::string> allow) {
    const Result<SeccompModel> built = build_seccomp_model({SyscallBase::kStandard, std::move(allow), {}}, {});
    REQUIRE_FALSE(built.has_value());
    return built.error().describe();
  };
  CHECK_THAT(error_for({"reed"}), Catch::Contains("did you mean") && Catch::Contains("read"));
  CHECK_THAT(error_for({"x\n\x1b[2J"}), !Catch::Contains("\x1b"));
  CHECK_THAT(error_for({std::string("read\0", 5)}), Catch::Contains("not a system call"));
  CHECK_THAT(error_for({""}), Catch::Contains("not a system call"));
  for (const ForbiddenSyscall& entry : forbidden_syscalls())
    CHECK_THAT(error_for({std::string(entry.name)}), Catch::Contains("cannot be allowed by any profile"));
  CHECK_FALSE(build_seccomp_model({}, {}, AUDIT_ARCH_ARM).has_value());
  // Known, but not a call of this architecture: portable profiles are no error.
  CHECK(build_seccomp_model({SyscallBase::kStandard, {"ustat"}, {"open"}}, {}, AUDIT_ARCH_AARCH64).has_value());
}

TEST_CASE("every reviewed call is in exactly one list", "[seccomp]") {
  std::multiset<std::string_view> names;
  for (const ListedSyscall& entry : listed_syscalls()) names.insert(entry.call.name);
  for (const AddableSyscall& entry : addable_syscalls()) names.insert(entry.call.name);
  for (const ForbiddenSyscall& entry : forbidden_syscalls()) names.insert(entry.name);
  for (const SyscallNumbers& row : kSyscallNumbers) {
    INFO(row.name);
    CHECK(names.count(row.name) == 1);
  }
  for (const std::string_view name : ipc_namespace_syscalls()) CHECK(names.count(name) == 1);
}

TEST_CASE("strict allows nothing that standard does not", "[seccomp]") {
  for (const Variant& variant : shipped_variants()) {
    if (variant.syscalls.base != SyscallBase::kStrict) continue;
    Variant wider = variant;
    wider.syscalls.base = SyscallBase::kStandard;
    const SeccompModel strict = model_of(variant);
    const SeccompModel standard = model_of(wider);
    for (const SyscallRule& rule : strict.rules) {
      INFO(rule.name);
      CHECK(rule_named(standard, rule.name) != nullptr);
    }
    CHECK(strict.rules.size() < standard.rules.size());
  }
}

TEST_CASE("the numbers of the tables are those of the kernel's headers", "[seccomp]") {
  const std::vector<NamedValue> ioctls = {
      {TCGETS, "TCGETS"},         {TCSETSF, "TCSETSF"},         {TIOCSCTTY, "TIOCSCTTY"}, {TIOCGPTN, "TIOCGPTN"},
      {TIOCSPTLCK, "TIOCSPTLCK"}, {TIOCGPTPEER, "TIOCGPTPEER"}, {FIONREAD, "FIONREAD"},   {FIOCLEX, "FIOCLEX"},
      {FIONCLEX, "FIONCLEX"},     {TIOCGSID, "TIOCGSID"}};
  for (const NamedValue& expected : ioctls) {
    INFO(expected.name);
    const auto found = std::find_if(allowed_ioctls().begin(), allowed_ioctls().end(),
                                    [&](const auto& v) { return v.name == expected.name; });
    REQUIRE(found != allowed_ioctls().end());
    CHECK(found->value == expected.value);
  }
  for (const NamedValue& entry : dangerous_ioctls()) {
    if (entry.name == "TIOCSTI") CHECK(entry.value == TIOCSTI);
    if (entry.name == "TIOCLINUX") CHECK(entry.value == TIOCLINUX);
    if (entry.name == "TIOCSETD") CHECK(entry.value == TIOCSETD);
    if (entry.name == "FIOASYNC") CHECK(entry.value == FIOASYNC);
  }
}

TEST_CASE("models that mean nothing are refused", "[seccomp]") {
  SeccompModel model;
  model.audit_arch = AUDIT_ARCH_X86_64;
  model.newest_known = 100;
  model.rules = {{3, "a", {}, 1}, {7, "b", {{{0, 0xF0, {0x10}}}}, 1}};
  REQUIRE(validate_model(model).has_value());
  const auto broken_by = [&](auto change) {
    SeccompModel copy = model;
    change(copy);
    return !validate_model(copy).has_value();
  };
  CHECK(broken_by([](SeccompModel& m) { std::swap(m.rules[0], m.rules[1]); }));
  CHECK(broken_by([](SeccompModel& m) { m.rules[1].number = 3; }));
  CHECK(broken_by([](SeccompModel& m) { m.rules[1].number = 101; }));
  CHECK(broken_by([](SeccompModel& m) { m.refusals = {{7, 38}}; }));
  CHECK(broken_by([](SeccompModel& m) { m.refusals = {{8, 0}}; }));
  CHECK(broken_by([](SeccompModel& m) { m.rules[0].denied_errno = 4096; }));
  CHECK(broken_by([](SeccompModel& m) { m.unlisted_errno = 0; }));
  CHECK(broken_by([](SeccompModel& m) { m.newest_known = kX32Bit; }));
  CHECK(broken_by([](SeccompModel& m) { m.rules[1].allow_if[0][0].argument = 6; }));
  CHECK(broken_by([](SeccompModel& m) { m.rules[1].allow_if[0][0].values = {}; }));
  CHECK(broken_by([](SeccompModel& m) { m.rules[1].allow_if[0][0].values = {0x20, 0x10}; }));
  CHECK(broken_by([](SeccompModel& m) { m.rules[1].allow_if[0][0].values = {0x11}; }));
}

TEST_CASE("equal bytes mean equal models", "[seccomp]") {
  const SeccompModel model = model_of({});
  CHECK(model_bytes(model) == model_bytes(model_of({})));
  SeccompModel other = model;
  other.rules.back().denied_errno = 2;
  CHECK(model_bytes(other) != model_bytes(model));
  other = model;
  other.refusals.pop_back();
  CHECK(model_bytes(other) != model_bytes(model));
  std::set<std::vector<std::byte>> distinct;
  for (const Variant& variant : shipped_variants()) distinct.insert(model_bytes(model_of(variant)));
  CHECK(distinct.size() == 14);  // strict has no socket(2), so netlink changes nothing there
}

}  // namespace
}  // namespace writ
