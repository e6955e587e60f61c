// 43: signals to processes outside.
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/adversarial/payloads/attack.h"

static long send_signal(const char* how, int victim) {
  siginfo_t information;
  memset(&information, 0, sizeof information);
  information.si_code = SI_QUEUE;
  information.si_pid = getpid();
  information.si_uid = getuid();
  if (strcmp(how, "kill") == 0) return kill(victim, SIGKILL);
  if (strcmp(how, "group") == 0) return kill(-victim, SIGKILL);
  if (strcmp(how, "tkill") == 0) return syscall(SYS_tkill, victim, SIGKILL);
  if (strcmp(how, "tgkill") == 0) return syscall(SYS_tgkill, victim, victim, SIGKILL);
  if (strcmp(how, "sigqueue") == 0) return syscall(SYS_rt_sigqueueinfo, victim, SIGKILL, &information);
  if (strcmp(how, "tgsigqueue") == 0) return syscall(SYS_rt_tgsigqueueinfo, victim, victim, SIGKILL, &information);
  if (strcmp(how, "pidfd") == 0) {
    const int pidfd = (int)syscall(SYS_pidfd_open, victim, 0);
    return pidfd < 0 ? -1 : syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
  }
  errno = EINVAL;
  return -1;
}

// arguments: how, process id on the host
static int signal_process(int argc, char** argv) {
  (void)argc;
  return judge(send_signal(argv[0], atoi(argv[1])), "sent a signal");
}

// Everybody that may be signalled, except the sender. Only for users that have nothing but throwaway processes.
static int signal_everybody(int argc, char** argv) {
  (void)argc, (void)argv;
  return judge(kill(-1, SIGKILL), "signalled everybody");
}

static int signal_every_number(int argc, char** argv) {
  (void)argc;
  int hit = 0;
  for (int victim = 1; victim <= atoi(argv[0]); ++victim)
    if (victim != getpid() && victim != getppid() && kill(victim, SIGKILL) == 0) ++hit;
  return hit > 0 ? escaped("signalled %d processes", hit) : stopped(ESRCH);
}

// Init ignores what is not its own business, SIGKILL included: it is process 1 of its namespace.
static int signal_init(int argc, char** argv) {
  (void)argc, (void)argv;
  for (int number = 1; number < 65; ++number) {
    kill(1, number);
    kill(getppid(), number);
  }
  usleep(100 * 1000);
  return kEscaped;
}

const struct attack signal_attacks[] = {{"signal", signal_process, 2},
                                        {"signal-everybody", signal_everybody, 0},
                                        {"signal-numbers", signal_every_number, 1},
                                        {"signal-init", signal_init, 0},
                                        {NULL, NULL, 0}};
