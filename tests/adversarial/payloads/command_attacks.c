// Section 1 and 4 on rules about commands: the invented call of the stand-ins, made by a program that is none.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/adversarial/payloads/attack.h"

enum { kCommandCall = 0x00575249, kRefused = 126 };  // broker/policy/command_call.h

static long command_call(long count, const void* arguments) { return syscall(kCommandCall, count, arguments); }

// 3: pointers that lead nowhere. Every call must fail, with EFAULT.
static int bad_pointers(int argc, char** argv) {
  (void)argc, (void)argv;
  char* pages = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(pages + 8192, 4096);
  char** last = (char**)(pages + 8192 - sizeof(char*));  // one pointer, then a hole instead of its null
  *last = pages;
  char* wild[] = {pages, (char*)16, NULL};
  char* kernel[] = {(char*)0xFFFFFFFF81000000ul, NULL};
  char* unterminated[] = {pages + 4096, NULL};
  memset(pages + 4096, 'a', 4096 - sizeof(char*));
  memset(last, 'a', sizeof(char*));
  char* none[] = {NULL};
  const void* const attempts[] = {NULL,         (void*)1, (void*)-1,      (void*)0xFFFFFFFF81000000ul,
                                  pages + 8192, last,     wild,           kernel,
                                  unterminated, none,     (char*)last + 1};
  int failed = 0;
  for (int round = 0; round < 50; ++round)
    for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; ++i) {
      errno = 0;
      if (command_call(1, attempts[i]) >= 0) return escaped("attempt %zu was answered", i);
      if (errno != EFAULT && errno != EPERM) return escaped("attempt %zu: %s", i, strerrorname_np(errno));
      failed += errno == EFAULT;
    }
  printf("failed %d\n", failed);
  return stopped(EFAULT);
}

// More than is copied: too many words, and one that is too long.
static int huge_arguments(int argc, char** argv) {
  (void)argc;
  const size_t count = 1u << 20;
  char** many = calloc(count + 1, sizeof(char*));
  for (size_t i = 0; i < count; ++i) many[i] = argv[0];
  char* word = malloc(8u << 20);
  memset(word, 'x', (8u << 20) - 1);
  word[(8u << 20) - 1] = '\0';
  char* one[] = {argv[0], word, NULL};
  for (int round = 0; round < 10; ++round) {
    const long first = command_call((long)count, many);
    const long second = command_call(2, one);
    if ((first & 0xFF) != kRefused || (second & 0xFF) != kRefused || first < 0 || second < 0)
      return escaped("answers %ld and %ld", first, second);
  }
  return stopped(E2BIG);
}

// ---- 5: arguments that change after the call

struct race {
  char* arguments[3];
  char word[64];
  const char* good;
  const char* bad;
  volatile int stop;
  unsigned long flips;
};
static struct race race;

static void* flip_words(void* unused) {
  while (!race.stop) {
    memcpy(race.word, race.bad, strlen(race.bad) + 1);
    memcpy(race.word, race.good, strlen(race.good) + 1);
    __atomic_store_n(&race.arguments[1], (char*)(uintptr_t)race.bad, __ATOMIC_RELAXED);
    __atomic_store_n(&race.arguments[1], race.word, __ATOMIC_RELAXED);
    ++race.flips;
  }
  return unused;
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void begin_race(char** argv, pthread_t* thread) {
  race.good = argv[1];
  race.bad = argv[2];
  strcpy(race.word, race.good);
  race.arguments[0] = argv[0];
  race.arguments[1] = race.word;
  pthread_create(thread, NULL, flip_words, NULL);
}

// PROGRAM GOOD BAD SECONDS: asks for the program while another thread rewrites its argument. The judgement is the
// test's, which sees what was run.
static int race_arguments(int argc, char** argv) {
  (void)argc;
  pthread_t thread;
  begin_race(argv, &thread);
  unsigned long calls = 0, successes = 0, refusals = 0;
  for (const double end = now() + atof(argv[3]); now() < end; ++calls) {
    const long answer = command_call(2, race.arguments);
    if (answer >= 0 && (answer & 0xFF) == 0) ++successes;
    if (answer >= 0 && (answer & 0xFF) == kRefused) {
      ++refusals;
      close((int)(answer >> 8) - 1);
    }
  }
  race.stop = 1;
  pthread_join(thread, NULL);
  printf("iterations %lu calls %lu successes %lu refusals %lu\n", race.flips, calls, successes, refusals);
  return successes > 0 ? stopped(EPERM) : undecided("nothing was allowed");
}

// The same arguments in front of a judge that looks at them and lets the call go on: what it saw is not what is used.
static int race_a_judge_who_continues(int argc, char** argv) {
  (void)argc;
  pthread_t thread;
  begin_race(argv, &thread);
  unsigned long violations = 0;
  for (const double end = now() + atof(argv[3]); now() < end;) {
    char seen[64];
    memcpy(seen, __atomic_load_n(&race.arguments[1], __ATOMIC_RELAXED), sizeof race.word);
    const int allowed = strncmp(seen, race.good, sizeof seen) == 0;
    for (volatile int work = 0; work < 1000; ++work) continue;
    char used[64];
    memcpy(used, __atomic_load_n(&race.arguments[1], __ATOMIC_RELAXED), sizeof race.word);
    violations += allowed && strncmp(used, race.bad, sizeof used) == 0;
  }
  race.stop = 1;
  pthread_join(thread, NULL);
  return violations > 0 ? escaped("%lu times with other arguments than were looked at", violations)
                        : undecided("the race did not run");
}

// ---- 49: a listener of one's own filter

static int find_listener(void) {
  for (int fd = 0; fd < 1024; ++fd) {
    char name[64], target[64];
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    const ssize_t length = readlink(name, target, sizeof target - 1);
    if (length <= 0) continue;
    target[length] = '\0';
    if (strstr(target, "seccomp notify") != NULL) return fd;
  }
  // Without /proc: a listener answers this with ENOENT, everything else with ENOTTY or EBADF.
  for (int fd = 0; fd < 1024; ++fd) {
    uint64_t id = 0;
    if (ioctl(fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) != 0 && errno == ENOENT) return fd;
  }
  return -1;
}

static int hold_a_listener(int argc, char** argv) {
  (void)argc, (void)argv;
  if (find_listener() >= 0) return escaped("a listener was there");
  struct sock_filter code[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  const struct sock_fprog program = {1, code};
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  const long made = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
  const int error = errno;
  if (find_listener() >= 0 || made >= 0) return escaped("a listener could be made");
  return stopped(error);
}

// ---- streams that are a trap for whoever closes them last

static int lingering_socket(void) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof address;
  if (bind(listener, (struct sockaddr*)&address, sizeof address) != 0 || listen(listener, 1) != 0) return -1;
  getsockname(listener, (struct sockaddr*)&address, &size);
  const int one = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(one, (struct sockaddr*)&address, sizeof address) != 0) return -1;
  const struct linger linger = {1, 3600};
  setsockopt(one, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  static char bytes[65536];
  while (send(one, bytes, sizeof bytes, MSG_DONTWAIT) > 0) continue;
  return one;  // what was sent is never read: closing would wait an hour
}

// PROGRAM: runs it often, with such a socket as its input of which nobody else has a copy.
static int lingering_streams(int argc, char** argv) {
  (void)argc;
  for (int round = 0; round < 10; ++round) {
    int ends[2];
    if (pipe(ends) != 0) return undecided("no pipe");
    const pid_t owner = fork();
    if (owner == 0) {
      const int trap = lingering_socket();
      if (trap < 0) _exit(1);
      if (fork() != 0) _exit(0);  // a process that ends does not linger
      dup2(trap, 0);
      close(trap);  // not the last copy
      execl(argv[0], argv[0], "good", (char*)NULL);
      _exit(99);
    }
    close(ends[1]);
    int status = 0;
    while (waitpid(owner, &status, 0) < 0 && errno == EINTR) continue;
    if (status != 0) return undecided("no loopback");
    char byte;
    while (read(ends[0], &byte, 1) < 0 && errno == EINTR) continue;  // until the stand-in has ended
    close(ends[0]);
  }
  return stopped(EPERM);
}

// What happens to whoever closes the last copy.
static int lingering_close(int argc, char** argv) {
  (void)argc, (void)argv;
  const pid_t child = fork();
  if (child == 0) {
    close(lingering_socket());
    _exit(0);
  }
  sleep(2);
  const int waits = waitpid(child, NULL, WNOHANG) == 0;
  kill(child, SIGKILL);
  return waits ? escaped("closing it waits") : stopped(0);
}

const struct attack command_attacks[] = {
    {"command-bad-pointers", bad_pointers, 0},
    {"command-huge", huge_arguments, 1},
    {"command-race", race_arguments, 4},
    {"command-race-control", race_a_judge_who_continues, 4},
    {"command-listener", hold_a_listener, 0},
    {"command-lingering", lingering_streams, 1},
    {"command-lingering-control", lingering_close, 0},
    {NULL, NULL, 0},
};
