// 4, 6, 29: what a tool can do with a connection that a rule gave it, and races for one that no rule gives. All on the
// loopback addresses.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/adversarial/payloads/attack.h"

enum { kPairs = 4 };

static struct sockaddr_in local(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

static int connect_to(int fd, int port) {
  const struct sockaddr_in address = local(port);
  return connect(fd, (const struct sockaddr*)&address, sizeof address);
}

static int peer_port(int fd) {
  struct sockaddr_in address;
  socklen_t size = sizeof address;
  if (getpeername(fd, (struct sockaddr*)&address, &size) != 0) return -errno;
  return ntohs(address.sin_port);
}

// A connection that ends at once, so that ten thousands of them leave no ports behind.
static int tcp(void) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const struct linger at_once = {1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  return fd;
}

static int granted(int port) {
  const int fd = tcp();
  if (fd < 0 || connect_to(fd, port) != 0) {
    printf("UNDECIDED the allowed port cannot be reached: %s\n", strerror(errno));
    exit(kUndecided);
  }
  return fd;
}

// ---- races: each prints how often it was tried, how often something was let through, and how often the wrong thing

struct race {
  int allowed, forbidden, local_family;
  atomic_int stop;
  atomic_ulong iterations, successes, violations;
};

struct pair {
  struct race* race;
  // What the flipping thread changes while the other one calls.
  _Alignas(8) volatile struct sockaddr_in address;
  atomic_int number;  // the descriptor that is called with
  int held, idle;     // a granted connection, and a socket that reaches nothing
};

static int report(struct race* race) {
  printf("RACE iterations=%lu successes=%lu violations=%lu\n", race->iterations, race->successes, race->violations);
  if (race->violations > 0) return escaped("reached the forbidden port %lu times", race->violations);
  return stopped(EACCES);
}

static int run_race(struct race* race, struct pair* pairs, void* (*flip)(void*), void* (*call)(void*), int seconds) {
  pthread_t threads[2 * kPairs];
  for (int i = 0; i < kPairs; ++i) {
    pthread_create(&threads[2 * i], NULL, flip, &pairs[i]);
    pthread_create(&threads[2 * i + 1], NULL, call, &pairs[i]);
  }
  sleep((unsigned)seconds);
  race->stop = 1;
  for (int i = 0; i < 2 * kPairs; ++i) pthread_join(threads[i], NULL);
  return report(race);
}

static void* flip_address(void* argument) {
  struct pair* pair = argument;
  while (!pair->race->stop) {
    pair->address.sin_port = htons((unsigned short)pair->race->allowed);
    pair->address.sin_port = htons((unsigned short)pair->race->forbidden);
  }
  return NULL;
}

static void* call_with_flipped_address(void* argument) {
  struct pair* pair = argument;
  while (!pair->race->stop) {
    const int fd = tcp();
    ++pair->race->iterations;
    if (connect(fd, (struct sockaddr*)&pair->address, sizeof pair->address) == 0) ++pair->race->successes;
    if (peer_port(fd) == pair->race->forbidden) ++pair->race->violations;
    close(fd);
  }
  return NULL;
}

// arguments: allowed port, forbidden port, seconds
static int race_address(int argc, char** argv) {
  (void)argc;
  static struct race race;
  static struct pair pairs[kPairs];
  race.allowed = atoi(argv[0]);
  race.forbidden = atoi(argv[1]);
  for (int i = 0; i < kPairs; ++i) {
    pairs[i].race = &race;
    const struct sockaddr_in start = local(race.allowed);
    memcpy((void*)&pairs[i].address, &start, sizeof start);
  }
  return run_race(&race, pairs, flip_address, call_with_flipped_address, atoi(argv[2]));
}

// The number stands for a granted connection and for an idle socket by turns; the address is nothing (which takes a
// connection's peer away), the own network, the forbidden port.
static void* flip_number_and_address(void* argument) {
  struct pair* pair = argument;
  const unsigned short ports[] = {htons((unsigned short)pair->race->forbidden),
                                  htons((unsigned short)pair->race->allowed)};
  for (unsigned turn = 0; !pair->race->stop; ++turn) {
    dup2((turn & 1) != 0 ? pair->held : pair->idle, pair->number);
    pair->address.sin_family = (turn & 2) != 0 ? AF_UNSPEC : (sa_family_t)pair->race->local_family;
    pair->address.sin_port = ports[(turn >> 2) & 1];
  }
  return NULL;
}

static void* call_with_flipped_number(void* argument) {
  struct pair* pair = argument;
  while (!pair->race->stop) {
    ++pair->race->iterations;
    if (connect(pair->number, (struct sockaddr*)&pair->address, sizeof pair->address) == 0) ++pair->race->successes;
    if (peer_port(pair->held) == pair->race->forbidden || peer_port(pair->number) == pair->race->forbidden)
      ++pair->race->violations;
    // Worn out: a connection that lost its peer, or an idle socket that got one.
    if (peer_port(pair->held) < 0) {
      if (connect_to(pair->held, pair->race->forbidden) == 0) ++pair->race->violations;
      close(pair->held);
      pair->held = granted(pair->race->allowed);
    }
    if (peer_port(pair->idle) > 0) {
      close(pair->idle);
      pair->idle = tcp();
    }
  }
  return NULL;
}

// arguments: allowed port, forbidden port, seconds, family of the idle sockets' address (inet | unix)
static int race_number(int argc, char** argv) {
  (void)argc;
  static struct race race;
  static struct pair pairs[kPairs];
  race.allowed = atoi(argv[0]);
  race.forbidden = atoi(argv[1]);
  const int is_unix = strcmp(argv[3], "unix") == 0;
  race.local_family = is_unix ? AF_UNIX : AF_INET;
  for (int i = 0; i < kPairs; ++i) {
    pairs[i].race = &race;
    const struct sockaddr_in start = local(race.forbidden);
    memcpy((void*)&pairs[i].address, &start, sizeof start);
    pairs[i].held = granted(race.allowed);
    pairs[i].idle = is_unix ? socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) : tcp();
    if (pairs[i].idle < 0) return undecided("no idle socket");
    pairs[i].number = fcntl(pairs[i].idle, F_DUPFD_CLOEXEC, 100);
  }
  return run_race(&race, pairs, flip_number_and_address, call_with_flipped_number, atoi(argv[2]));
}

// Callers that are killed in the middle of their calls. arguments: allowed port, rounds
static int killed_callers(int argc, char** argv) {
  (void)argc;
  const int port = atoi(argv[0]), rounds = atoi(argv[1]);
  int killed = 0;
  for (int round = 0; round < rounds; ++round) {
    const pid_t child = fork();
    if (child == 0)
      for (;;) close(granted(port));
    const struct timespec pause = {0, 200000 + (round % 40) * 50000};
    nanosleep(&pause, NULL);
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    killed += WIFSIGNALED(status);
  }
  const int fd = granted(port);
  printf("RACE iterations=%d successes=%d violations=%d\n", killed, peer_port(fd) == port, peer_port(fd) != port);
  return peer_port(fd) == port ? stopped(EACCES) : escaped("the wrong peer");
}

// Closes the socket while the broker looks at it, so that the broker has the last copy of a connection that waits for
// its peer to take what was sent.
static void* close_it(void* argument) {
  close((int)(long)argument);
  return NULL;
}

static double seconds_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

// arguments: allowed port (whose server does not read), rounds
static int linger_race(int argc, char** argv) {
  (void)argc;
  const int port = atoi(argv[0]), rounds = atoi(argv[1]);
  static char data[1 << 20];
  const struct linger an_hour = {1, 3600};
  double longest = 0;
  for (int round = 0; round < rounds; ++round) {
    const int first = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    connect_to(first, port);
    setsockopt(first, SOL_SOCKET, SO_LINGER, &an_hour, sizeof an_hour);
    while (send(first, data, sizeof data, MSG_NOSIGNAL) > 0) {
    }
    // A number of its own for every round: a late closer must not close anything of the next one.
    const int fd = fcntl(first, F_DUPFD_CLOEXEC, 200 + round);
    close(first);
    const struct linger none = {0, 0};
    pthread_t closer;
    pthread_create(&closer, NULL, close_it, (void*)(long)fd);
    const double began = seconds_now();
    connect_to(fd, port);
    const int probe = granted(port);
    setsockopt(probe, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    close(probe);
    const double spent = seconds_now() - began;
    if (spent > longest) longest = spent;
    // Whoever closed last in this process may wait; the broker may not.
    pthread_detach(closer);
    if (longest > 5) break;
  }
  printf("RACE iterations=%d successes=%d violations=%d\n", rounds, 1, longest > 5);
  printf("longest %.3f s\n", longest);
  return longest > 5 ? escaped("the broker waited %.1f s", longest) : stopped(EAGAIN);
}

// ---- what a granted connection can be turned into

static int by_unspecified(int held, int port) {
  const struct sockaddr nothing = {.sa_family = AF_UNSPEC};
  if (connect(held, &nothing, sizeof nothing) != 0) return stopped(errno);
  return judge(connect_to(held, port), "connected elsewhere");
}

static int by_fast_open(int fd, int port, int how) {
  struct sockaddr_in address = local(port);
  struct iovec part = {(void*)"x", 1};
  struct mmsghdr messages[2];
  memset(messages, 0, sizeof messages);
  for (int i = 0; i < 2; ++i) {
    messages[i].msg_hdr.msg_iov = &part;
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  // Only the second entry has an address.
  messages[1].msg_hdr.msg_name = &address;
  messages[1].msg_hdr.msg_namelen = sizeof address;
  long sent = -1;
  if (how == 0) sent = sendto(fd, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL, (struct sockaddr*)&address, sizeof address);
  if (how == 1) sent = sendmsg(fd, &messages[1].msg_hdr, MSG_FASTOPEN | MSG_NOSIGNAL);
  if (how == 2) sent = sendmmsg(fd, messages, 2, MSG_FASTOPEN | MSG_NOSIGNAL);
  if (how == 3) sent = sendmmsg(fd, messages + 1, 1, MSG_FASTOPEN | MSG_NOSIGNAL);
  if (peer_port(fd) == port) return escaped("connected by sending");
  return stopped(sent < 0 ? errno : EISCONN);
}

// A connection on its way loses its peer by shutdown(2) and could listen then.
static int by_shutdown(int slow) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (connect_to(fd, slow) == 0 || errno != EINPROGRESS) return undecided("the connection was not on its way");
  shutdown(fd, SHUT_RDWR);
  return judge(listen(fd, 5), "listens");
}

static int by_listening(int held) {
  const struct sockaddr nothing = {.sa_family = AF_UNSPEC};
  connect(held, &nothing, sizeof nothing);
  return judge(listen(held, 5), "listens");
}

static int by_binding(int held, int port) {
  const struct sockaddr nothing = {.sa_family = AF_UNSPEC};
  const struct sockaddr_in address = local(port);
  connect(held, &nothing, sizeof nothing);
  return judge(bind(held, (const struct sockaddr*)&address, sizeof address), "bound");
}

// Loose source route over 127.0.0.1: its packets would go there first.
static int by_source_route(int held) {
  const unsigned char route[] = {131, 11, 4, 127, 0, 0, 1, 127, 0, 0, 1, 0};
  return judge(setsockopt(held, IPPROTO_IP, IP_OPTIONS, route, sizeof route), "set a source route");
}

static int by_device(int held) {
  return judge(setsockopt(held, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3), "chose an interface");
}

// arguments: how, allowed port, another port (forbidden, or one whose queue is full)
static int re_aim(int argc, char** argv) {
  (void)argc;
  const char* how = argv[0];
  const int allowed = atoi(argv[1]), other = atoi(argv[2]);
  if (strcmp(how, "shutdown") == 0) return by_shutdown(other);
  if (strcmp(how, "fast-open-new") == 0) return by_fast_open(tcp(), other, 0);
  if (strcmp(how, "fast-open-message") == 0) return by_fast_open(tcp(), other, 1);
  if (strcmp(how, "fast-open-second") == 0) return by_fast_open(tcp(), other, 2);
  if (strcmp(how, "fast-open-messages") == 0) return by_fast_open(tcp(), other, 3);
  const int held = granted(allowed);
  if (strcmp(how, "fast-open-held") == 0) return by_fast_open(held, other, 1);
  if (strcmp(how, "unspecified") == 0) return by_unspecified(held, other);
  if (strcmp(how, "listen") == 0) return by_listening(held);
  if (strcmp(how, "bind") == 0) return by_binding(held, other);
  if (strcmp(how, "source-route") == 0) return by_source_route(held);
  if (strcmp(how, "device") == 0) return by_device(held);
  return undecided("no such way");
}

const struct attack network_attacks[] = {
    {"race-address", race_address, 3}, {"race-number", race_number, 4}, {"killed-callers", killed_callers, 2},
    {"linger-race", linger_race, 2},   {"re-aim", re_aim, 3},           {NULL, NULL, 0},
};
