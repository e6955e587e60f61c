// inside SYSTEM-FILE WORKSPACE-FILE: what single system calls cost where this program runs, in nanoseconds, as JSON.
// Linked statically, so that it is the same program in every view. Each figure is the median of several batches: one
// interrupt spoils one batch only. Exit code 1 when a call fails.
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace {

constexpr int kBatches = 15;
constexpr int kFailed = 1;
constexpr int kWrongCall = 2;

struct Subject {
  const char* path;
  int fd;
};

[[noreturn]] void give_up(const char* what) {
  std::fprintf(stderr, "inside: %s: %s\n", what, std::strerror(errno));
  std::exit(kFailed);
}

// The system call itself: a library might remember the answer.
void call_getppid(const Subject&) {
  if (::syscall(SYS_getppid) < 0) give_up("getppid");
}

void call_open_close(const Subject& subject) {
  const int fd = ::open(subject.path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) give_up(subject.path);
  ::close(fd);
}

void call_stat(const Subject& subject) {
  struct stat attributes {};
  if (::stat(subject.path, &attributes) != 0) give_up(subject.path);
}

void call_pread(const Subject& subject) {
  char byte = 0;
  if (::pread(subject.fd, &byte, 1, 0) != 1) give_up(subject.path);
}

double now_ns() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

using Call = void (*)(const Subject&);

double ns_per_call(Call call, const Subject& subject, int calls) {
  std::array<double, kBatches> batches{};
  for (double& batch : batches) {
    const double start = now_ns();
    for (int i = 0; i < calls; ++i) call(subject);
    batch = (now_ns() - start) / calls;
  }
  std::nth_element(batches.begin(), batches.begin() + kBatches / 2, batches.end());
  return batches[kBatches / 2];
}

Subject open_subject(const char* path) {
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) give_up(path);
  return {path, fd};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: inside SYSTEM-FILE WORKSPACE-FILE\n", stderr);
    return kWrongCall;
  }
  const Subject system_file = open_subject(argv[1]);
  const Subject workspace_file = open_subject(argv[2]);
  struct Row {
    const char* name;
    Call call;
    const Subject& subject;
    int calls;
  };
  const std::array<Row, 5> rows = {{{"getppid", call_getppid, system_file, 20000},
                                    {"open_close_system", call_open_close, system_file, 3000},
                                    {"open_close_workspace", call_open_close, workspace_file, 3000},
                                    {"stat", call_stat, system_file, 5000},
                                    {"pread", call_pread, system_file, 20000}}};
  const char* separator = "{";
  for (const Row& row : rows) {
    std::printf("%s\"%s\": %.1f", separator, row.name, ns_per_call(row.call, row.subject, row.calls));
    separator = ", ";
  }
  std::puts("}");
}
