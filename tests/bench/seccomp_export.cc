// seccomp_export --names              prints the system calls that Writ's default profile allows, one a line
// seccomp_export linear|tree FILE     compiles an allow-list of the same calls with libseccomp and writes it to FILE as
//                                     the BPF that `bwrap --seccomp FD` loads
//
// The peers get as many calls as Writ, by number alone: Writ's argument rules are left out, in the peers' favour. All
// others get ENOSYS, without which the C library would not fall back from clone3.
// "linear" is what libseccomp makes unless told otherwise; "tree" is its binary tree (SCMP_FLTATR_CTL_OPTIMIZE = 2).
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "broker/policy/profile.h"
#include "broker/policy/seccomp_profile.h"

namespace {

constexpr int kFailed = 1;
constexpr int kWrongCall = 2;
constexpr std::uint32_t kBinaryTree = 2;

[[noreturn]] void complain(int code, std::string_view what, std::string_view why) {
  std::fprintf(stderr, "seccomp_export: %.*s: %.*s\n", static_cast<int>(what.size()), what.data(),
               static_cast<int>(why.size()), why.data());
  std::exit(code);
}

writ::SeccompModel default_model() {
  const writ::Profile profile;
  auto model = writ::build_seccomp_model(profile.syscalls, profile.process);
  if (!model) complain(kFailed, "cannot build the model", model.error().describe());
  return *model;
}

void print_names(const writ::SeccompModel& model) {
  for (const writ::SyscallRule& rule : model.rules)
    std::printf("%.*s\n", static_cast<int>(rule.name.size()), rule.name.data());
}

void check(int result, std::string_view what) {
  if (result != 0) complain(kFailed, what, std::strerror(-result));
}

void export_filter(const writ::SeccompModel& model, std::string_view shape, const char* path) {
  const scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
  if (filter == nullptr) complain(kFailed, "cannot make a filter", "out of memory");
  if (shape == "tree") check(seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, kBinaryTree), "no binary tree");
  for (const writ::SyscallRule& rule : model.rules)
    check(seccomp_rule_add(filter, SCMP_ACT_ALLOW, static_cast<int>(rule.number), 0), rule.name);
  const int fd = ::open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) complain(kFailed, path, std::strerror(errno));
  check(seccomp_export_bpf(filter, fd), path);
  if (::close(fd) != 0) complain(kFailed, path, std::strerror(errno));
  seccomp_release(filter);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view action = argc > 1 ? argv[1] : "";
  if (action == "--names" && argc == 2) {
    print_names(default_model());
  } else if ((action == "linear" || action == "tree") && argc == 3) {
    export_filter(default_model(), action, argv[2]);
  } else {
    complain(kWrongCall, "usage", "seccomp_export --names | linear FILE | tree FILE");
  }
}
