#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/adversarial/payloads/attack.h"

int escaped(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  printf("ESCAPED ");
  vprintf(format, arguments);
  printf("\n");
  va_end(arguments);
  fflush(stdout);
  return kEscaped;
}

int undecided(const char* why) {
  printf("UNDECIDED %s (%s)\n", why, strerrorname_np(errno));
  fflush(stdout);
  return kUndecided;
}

int stopped(int error) {
  const char* name = strerrorname_np(error);
  printf("STOPPED %s\n", name != NULL ? name : "unknown");
  fflush(stdout);
  return kStopped;
}

int judge(long result, const char* what) { return result < 0 ? stopped(errno) : escaped("%s", what); }

int verdict_of(int child) {
  int status = 0;
  if (child < 0) return stopped(errno);
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  printf("STOPPED signal %d\n", WTERMSIG(status));
  return kStopped;
}

int judge_content(int fd, const char* marker) {
  static char content[65536];
  if (fd < 0) return stopped(errno);
  const ssize_t got = read(fd, content, sizeof content - 1);
  if (got < 0) return stopped(errno);
  if (memmem(content, (size_t)got, marker, strlen(marker)) != NULL) return escaped("read the marker");
  printf("STOPPED content: %zd other bytes\n", got);
  return kStopped;
}

static const struct attack* find(const char* name) {
  const struct attack* const tables[] = {path_attacks,     mode_attacks,      descriptor_attacks, ioctl_attacks,
                                         program_attacks,  process_attacks,   memory_attacks,     signal_attacks,
                                         syscall_attacks,  namespace_attacks, sharing_attacks,    socket_attacks,
                                         resource_attacks, command_attacks};
  for (size_t i = 0; i < sizeof tables / sizeof tables[0]; ++i)
    for (const struct attack* attack = tables[i]; attack->name != NULL; ++attack)
      if (strcmp(attack->name, name) == 0) return attack;
  return NULL;
}

// For controls as root: nothing done in these namespaces reaches the machine.
static int contain(void) {
  if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP) != 0) return -1;
  return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

int main(int argc, char** argv) {
  if (argc > 1 && strcmp(argv[1], "contained") == 0) {
    if (contain() != 0) return undecided("no namespaces to contain the control in");
    ++argv;
    --argc;
  }
  const struct attack* attack = argc > 1 ? find(argv[1]) : NULL;
  if (attack == NULL || argc - 2 < attack->arguments) return undecided("no such attack, or arguments are missing");
  // Whatever is tried, it ends.
  alarm(60);
  return attack->run(argc - 2, argv + 2);
}
