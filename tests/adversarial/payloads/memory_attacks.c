// 44 and 45: into the memory of another process. The victim is a child of the payload, so that nothing but the calls
// themselves can be refused; `1` as the victim is the sandbox's init.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/adversarial/payloads/attack.h"

static char shared_text[16] = "victim";

static int start_victim(const char* which) {
  if (strcmp(which, "child") != 0) return atoi(which);
  const int child = fork();
  if (child != 0) return child;
  pause();
  _exit(0);
}

static long measure(int victim) {
  struct perf_event_attr attributes = {.type = PERF_TYPE_SOFTWARE, .size = sizeof attributes};
  attributes.config = PERF_COUNT_SW_TASK_CLOCK;
  attributes.exclude_kernel = 1;
  return syscall(SYS_perf_event_open, &attributes, victim, -1, -1, 0);
}

static long attack_memory(const char* how, int victim) {
  char copy[16] = "changed";
  const struct iovec here = {copy, sizeof copy};
  const struct iovec there = {shared_text, sizeof shared_text};
  char path[64];
  if (strcmp(how, "attach") == 0) return ptrace(PTRACE_ATTACH, victim, NULL, NULL);
  if (strcmp(how, "seize") == 0) return ptrace(PTRACE_SEIZE, victim, NULL, NULL);
  if (strcmp(how, "readv") == 0) return process_vm_readv(victim, &here, 1, &there, 1, 0);
  if (strcmp(how, "writev") == 0) return process_vm_writev(victim, &here, 1, &there, 1, 0);
  if (strcmp(how, "madvise") == 0) {
    const int pidfd = (int)syscall(SYS_pidfd_open, victim, 0);
    const struct iovec page = {(void*)((size_t)shared_text & ~4095ul), 4096};
    return syscall(SYS_process_madvise, pidfd, &page, 1, MADV_COLD, 0);
  }
  if (strcmp(how, "kcmp") == 0) return syscall(SYS_kcmp, getpid(), victim, KCMP_VM, 0, 0);
  if (strcmp(how, "perf") == 0) return measure(victim);
  if (strcmp(how, "mem") == 0) {
    snprintf(path, sizeof path, "/proc/%d/mem", victim);
    return open(path, O_RDWR);
  }
  errno = EINVAL;
  return -1;
}

// arguments: how, victim
static int reach_into(int argc, char** argv) {
  (void)argc;
  const int victim = start_victim(argv[1]);
  if (victim < 0) return undecided("no victim");
  const long result = attack_memory(argv[0], victim);
  const int error = errno;
  if (strcmp(argv[1], "child") == 0) {
    kill(victim, SIGKILL);
    waitpid(victim, NULL, 0);
  }
  errno = error;
  return judge(result, argv[0]);
}

static int be_traced(int argc, char** argv) {
  (void)argc, (void)argv;
  return judge(ptrace(PTRACE_TRACEME, 0, NULL, NULL), "is traced");
}

// Strict mode ends a process at its next call, so a child tries it.
static int enter_strict_mode(void) {
  const int child = fork();
  if (child == 0) syscall(SYS_exit, prctl(PR_SET_SECCOMP, 1, 0, 0, 0) == 0 ? 0 : errno);
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) return undecided("no child");
  return WEXITSTATUS(status) == 0 ? escaped("strict mode") : stopped(WEXITSTATUS(status));
}

// 45
static int set_option(int argc, char** argv) {
  const unsigned long high = argc > 1 && strcmp(argv[1], "high") == 0 ? 0xdead00000000ul : 0;
  const struct {
    const char* name;
    int option;
    unsigned long value;
  } options[] = {{"dumpable", PR_SET_DUMPABLE, 1},       {"ptracer", PR_SET_PTRACER, (unsigned long)-1},
                 {"mm", PR_SET_MM, PR_SET_MM_START_BRK}, {"securebits", PR_SET_SECUREBITS, 0},
                 {"bounding-drop", PR_CAPBSET_DROP, 0},  {"tsc", PR_SET_TSC, PR_TSC_ENABLE}};
  if (strcmp(argv[0], "seccomp") == 0) return enter_strict_mode();
  for (size_t i = 0; i < sizeof options / sizeof options[0]; ++i)
    if (strcmp(options[i].name, argv[0]) == 0)
      return judge(syscall(SYS_prctl, high | (unsigned long)options[i].option, options[i].value, 0, 0, 0), argv[0]);
  return undecided("no such option");
}

static int lose_no_new_privileges(int argc, char** argv) {
  (void)argc, (void)argv;
  prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0);
  return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0 ? escaped("no_new_privs is off") : stopped(EINVAL);
}

const struct attack memory_attacks[] = {{"memory", reach_into, 2},
                                        {"traceme", be_traced, 0},
                                        {"prctl", set_option, 1},
                                        {"no-new-privs", lose_no_new_privileges, 0},
                                        {NULL, NULL, 0}};
