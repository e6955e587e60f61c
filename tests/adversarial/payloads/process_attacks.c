// Section 5: processes that outlive the run, or multiply.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/adversarial/payloads/attack.h"

static void heartbeat(const char* file, int seconds) {
  const struct timespec pause_time = {0, 20 * 1000 * 1000};
  for (int i = 0; i < seconds * 50; ++i) {
    const int fd = open(file, O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (fd >= 0 && write(fd, ".", 1) < 0) _exit(1);
    close(fd);
    nanosleep(&pause_time, NULL);
  }
}

// 42: out of the session, out of every process group, deaf to signals. arguments: file, seconds
static int daemonize(int argc, char** argv) {
  (void)argc;
  if (fork() != 0) {
    const struct timespec settle = {0, 200 * 1000 * 1000};
    nanosleep(&settle, NULL);
    return kEscaped;
  }
  setsid();
  if (fork() != 0) _exit(0);
  for (int number = 1; number < 65; ++number) signal(number, SIG_IGN);
  prctl(PR_SET_PDEATHSIG, 0);
  prctl(PR_SET_NAME, "\033]0;init\007");
  close_range(0, ~0u, 0);
  heartbeat(argv[0], atoi(argv[1]));
  _exit(0);
}

// 42, 48: does not end when asked to.
static int ignore_signals(int argc, char** argv) {
  (void)argc;
  for (int number = 1; number < 65; ++number) signal(number, SIG_IGN);
  heartbeat(argv[0], atoi(argv[1]));
  return kEscaped;
}

static int end_children(int count, const int* children) {
  for (int i = 0; i < count; ++i) kill(children[i], SIGKILL);
  while (wait(NULL) > 0) {
  }
  return count;
}

// 48: a fork bomb with a bound of its own, so that it is harmless where nothing stops it.
static int multiply(int argc, char** argv) {
  (void)argc;
  enum { kMost = 4000 };
  static int children[kMost];
  const int wanted = atoi(argv[0]) < kMost ? atoi(argv[0]) : kMost;
  int made = 0;
  int error = 0;
  while (made < wanted) {
    const int child = fork();
    if (child == 0) {
      pause();
      _exit(0);
    }
    if (child < 0) {
      error = errno;
      break;
    }
    children[made++] = child;
  }
  end_children(made, children);
  return made < wanted ? stopped(error) : escaped("%d processes", made);
}

// 48: leaves them behind instead.
static int multiply_and_leave(int argc, char** argv) {
  (void)argc;
  for (int i = 0; i < atoi(argv[0]); ++i)
    if (fork() == 0) {
      setsid();
      pause();
      _exit(0);
    }
  return kEscaped;
}

static void* wait_forever(void* unused) {
  pause();
  return unused;
}

static int multiply_threads(int argc, char** argv) {
  (void)argc;
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 65536);
  for (int i = 0; i < atoi(argv[0]); ++i) {
    pthread_t thread;
    const int error = pthread_create(&thread, &small, wait_forever, NULL);
    if (error != 0) return stopped(error);
  }
  return escaped("%s threads", argv[0]);
}

static int report_session(int argc, char** argv) {
  (void)argc, (void)argv;
  const int terminal = open("/dev/tty", O_RDWR);
  return judge(terminal, "opened a controlling terminal");
}

static int crash(int argc, char** argv) {
  (void)argc, (void)argv;
  signal(SIGSEGV, SIG_DFL);
  raise(SIGSEGV);
  return kStopped;
}

const struct attack process_attacks[] = {{"daemonize", daemonize, 2},
                                         {"ignore-signals", ignore_signals, 2},
                                         {"multiply", multiply, 1},
                                         {"multiply-and-leave", multiply_and_leave, 1},
                                         {"multiply-threads", multiply_threads, 1},
                                         {"controlling-terminal", report_session, 0},
                                         {"crash", crash, 0},
                                         {NULL, NULL, 0}};
