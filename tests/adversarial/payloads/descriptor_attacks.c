// Section 3: descriptors that were given, and what can be made of them.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/adversarial/payloads/attack.h"

enum { kHighestTried = 70000 };

// 26: every open descriptor above the standard streams is one that nobody granted.
static int inherited_descriptors(int argc, char** argv) {
  (void)argc, (void)argv;
  int found = 0;
  for (int fd = 3; fd < kHighestTried; ++fd)
    if (fcntl(fd, F_GETFD) >= 0) ++found;
  return found > 0 ? escaped("%d descriptors more than granted", found) : stopped(EBADF);
}

// 14: the same object again with more rights, through the name of the descriptor.
static int reopen(int argc, char** argv) {
  char path[64];
  snprintf(path, sizeof path, "%s/%s", argv[0], argv[1]);
  const char* how = argv[2];
  if (strcmp(how, "read") == 0) return judge_content(open(path, O_RDONLY | O_NONBLOCK), argc > 3 ? argv[3] : "");
  const int flags = strcmp(how, "read-write") == 0 ? O_RDWR
                    : strcmp(how, "truncate") == 0 ? O_WRONLY | O_TRUNC
                                                   : O_WRONLY;
  return judge(open(path, flags), "opened again with more rights");
}

// 14: what needs no right to write on the descriptor, only ownership of the file.
static int change_object(int argc, char** argv) {
  (void)argc;
  const int fd = atoi(argv[0]);
  const char* what = argv[1];
  const struct timespec times[2] = {{1, 0}, {1, 0}};
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  if (strcmp(what, "mode") == 0) return judge(fchmod(fd, 0666), "changed the mode");
  if (strcmp(what, "mode-by-name") == 0) return judge(chmod(path, 0666), "changed the mode");
  if (strcmp(what, "times") == 0) return judge(futimens(fd, times), "changed the times");
  if (strcmp(what, "attribute") == 0) return judge(fsetxattr(fd, "user.tool", "x", 1, 0), "set an attribute");
  if (strcmp(what, "truncate") == 0) return judge(ftruncate(fd, 0), "truncated");
  if (strcmp(what, "truncate-by-name") == 0) return judge(truncate(path, 0), "truncated");
  return undecided("no such change");
}

// 16: a directory that was given, and its parents.
static int climb(int argc, char** argv) {
  (void)argc;
  return judge_content(openat(atoi(argv[0]), argv[1], O_RDONLY), argv[2]);
}

static int climb_by_working_directory(int argc, char** argv) {
  (void)argc;
  if (fchdir(atoi(argv[0])) != 0) return stopped(errno);
  return judge_content(open(argv[1], O_RDONLY), argv[2]);
}

// 28: a descriptor of another process.
static int take_descriptor(int argc, char** argv) {
  (void)argc, (void)argv;
  const int child = fork();
  if (child == 0) {
    pause();
    _exit(0);
  }
  const int pidfd = (int)syscall(SYS_pidfd_open, child, 0);
  const long taken = pidfd < 0 ? -1 : syscall(SYS_pidfd_getfd, pidfd, 1, 0);
  const int error = errno;
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  errno = error;
  return judge(taken, "took a descriptor of another process");
}

// 30: requests that act on others through a shared descriptor. A trailing `high` sets bits that the kernel cuts off.
static int control(int argc, char** argv) {
  const int fd = atoi(argv[0]);
  const char* what = argv[1];
  const unsigned long high = argc > 2 && strcmp(argv[2], "high") == 0 ? 0xdead00000000ul : 0;
  struct f_owner_ex owner = {F_OWNER_PID, getpid()};
  const struct {
    const char* name;
    int command;
    long value;
  } commands[] = {{"own", F_SETOWN, getpid()},
                  {"own-ex", F_SETOWN_EX, (long)&owner},
                  {"signal", F_SETSIG, SIGKILL},
                  {"lease", F_SETLEASE, F_RDLCK},
                  {"notify", F_NOTIFY, DN_MODIFY}};
  signal(SIGIO, SIG_IGN);
  for (size_t i = 0; i < sizeof commands / sizeof commands[0]; ++i)
    if (strcmp(commands[i].name, what) == 0)
      return judge(syscall(SYS_fcntl, fd, high | (unsigned long)commands[i].command, commands[i].value), what);
  return undecided("no such request");
}

// 30: a pipe that the tool shares with a process outside kills that process when data arrives.
static int signal_by_pipe(int argc, char** argv) {
  (void)argc;
  const int fd = atoi(argv[0]);
  if (fcntl(fd, F_SETOWN, atoi(argv[1])) != 0) return stopped(errno);
  if (fcntl(fd, F_SETSIG, SIGKILL) != 0) return stopped(errno);
  if (fcntl(fd, F_SETFL, O_ASYNC | O_NONBLOCK) != 0) return stopped(errno);
  return escaped("the owner of the pipe gets signals");
}

// 30: leaves the shared stream full and in non-blocking mode.
static int fill_stream(int argc, char** argv) {
  (void)argc;
  const int fd = atoi(argv[0]);
  char block[4096];
  memset(block, 'x', sizeof block);
  if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0) return stopped(errno);
  while (write(fd, block, sizeof block) > 0) {
  }
  return errno == EAGAIN ? 0 : 3;
}

// 69: descriptors beyond the limit, also after asking for a higher one.
static int many_descriptors(int argc, char** argv) {
  (void)argc;
  const int wanted = atoi(argv[0]);
  const struct rlimit more = {(rlim_t)wanted + 64, (rlim_t)wanted + 64};
  setrlimit(RLIMIT_NOFILE, &more);
  for (int i = 0; i < wanted; ++i)
    if (dup(0) < 0) return stopped(errno);
  return escaped("%d descriptors", wanted);
}

const struct attack descriptor_attacks[] = {{"inherited", inherited_descriptors, 0},
                                            {"reopen", reopen, 3},
                                            {"change-object", change_object, 2},
                                            {"climb", climb, 3},
                                            {"climb-chdir", climb_by_working_directory, 3},
                                            {"pidfd-getfd", take_descriptor, 0},
                                            {"fcntl", control, 2},
                                            {"signal-by-pipe", signal_by_pipe, 2},
                                            {"fill-stream", fill_stream, 1},
                                            {"many-descriptors", many_descriptors, 1},
                                            {NULL, NULL, 0}};
