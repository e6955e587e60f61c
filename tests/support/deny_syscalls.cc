// deny-syscalls NAME[,NAME…][=ERRNO] [NAME…[=ERRNO]…] -- COMMAND [ARGUMENT…]
//
// Fault injection for tests: runs COMMAND under a filter in which the named system calls fail with ERRNO (EPERM unless
// said otherwise; names as in errno(3), of the table below) and everything else works. Exit codes: COMMAND's own; 2 for
// a wrong call; 3 when the filter cannot be installed; 127 when COMMAND cannot be started.
#include <errno.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

namespace {

struct ErrnoName {
  std::string_view name;
  int number;
};

constexpr std::array<ErrnoName, 10> kErrnoNames = {{
    {"EPERM", EPERM},
    {"EACCES", EACCES},
    {"ENOSYS", ENOSYS},
    {"EINVAL", EINVAL},
    {"ENOSPC", ENOSPC},
    {"ENOMEM", ENOMEM},
    {"EAGAIN", EAGAIN},
    {"EMFILE", EMFILE},
    {"EIO", EIO},
    {"EOPNOTSUPP", EOPNOTSUPP},
}};

constexpr int kWrongCall = 2;
constexpr int kNoFilter = 3;
constexpr int kNotStarted = 127;

[[noreturn]] void complain(int code, std::string_view what, std::string_view subject) {
  std::fprintf(stderr, "deny-syscalls: %.*s: %.*s\n", static_cast<int>(what.size()), what.data(),
               static_cast<int>(subject.size()), subject.data());
  std::exit(code);
}

int errno_by_name(std::string_view name) {
  for (const ErrnoName& entry : kErrnoNames)
    if (entry.name == name) return entry.number;
  complain(kWrongCall, "unknown errno", name);
}

void deny_one(scmp_filter_ctx filter, const std::string& name, int number) {
  const int call = seccomp_syscall_resolve_name(name.c_str());
  if (call == __NR_SCMP_ERROR) complain(kWrongCall, "unknown system call", name);
  if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(static_cast<unsigned>(number)), call, 0) != 0)
    complain(kNoFilter, "cannot add a rule for", name);
}

// Adds the rules of one word NAME[,NAME…][=ERRNO].
void deny_list(scmp_filter_ctx filter, std::string_view word) {
  const std::size_t equals = word.find('=');
  const int number = equals == std::string_view::npos ? EPERM : errno_by_name(word.substr(equals + 1));
  std::string_view names = word.substr(0, equals);
  while (!names.empty()) {
    const std::size_t comma = std::min(names.find(','), names.size());
    deny_one(filter, std::string(names.substr(0, comma)), number);
    names.remove_prefix(std::min(names.size(), comma + 1));
  }
}

}  // namespace

int main(int argc, char** argv) {
  int separator = 1;
  while (separator < argc && std::strcmp(argv[separator], "--") != 0) ++separator;
  if (separator == 1 || separator + 1 >= argc)
    complain(kWrongCall, "usage", "deny-syscalls NAME[,NAME…][=ERRNO]… -- COMMAND [ARGUMENT…]");

  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  if (filter == nullptr) complain(kNoFilter, "cannot make a filter", "out of memory");
  for (int i = 1; i < separator; ++i) deny_list(filter, argv[i]);
  if (const int error = seccomp_load(filter); error != 0)  // sets no_new_privs as well
    complain(kNoFilter, "cannot install the filter", std::strerror(-error));
  ::execvp(argv[separator + 1], argv + separator + 1);
  complain(kNotStarted, argv[separator + 1], std::strerror(errno));
}
