// 55, 59, 60, 66, 67: sockets of families that lead out, and servers of the host.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/adversarial/payloads/attack.h"

// arguments: family, type, protocol [high]
static int make_socket(int argc, char** argv) {
  const unsigned long high = argc > 3 && strcmp(argv[3], "high") == 0 ? 0xdead00000000ul : 0;
  const long made = syscall(SYS_socket, high | strtoul(argv[0], NULL, 0), high | strtoul(argv[1], NULL, 0),
                            high | strtoul(argv[2], NULL, 0));
  return judge(made, "made a socket");
}

static socklen_t address_of(const char* name, struct sockaddr_un* address) {
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  strncpy(address->sun_path, name, sizeof address->sun_path - 1);
  const size_t length = strlen(address->sun_path);
  if (name[0] != '@') return (socklen_t)sizeof *address;
  address->sun_path[0] = '\0';  // abstract
  return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
}

// arguments: stream | datagram | seqpacket, path or @name
static int connect_local(int argc, char** argv) {
  (void)argc;
  struct sockaddr_un address;
  const socklen_t size = address_of(argv[1], &address);
  const int type = strcmp(argv[0], "stream") == 0     ? SOCK_STREAM
                   : strcmp(argv[0], "datagram") == 0 ? SOCK_DGRAM
                                                      : SOCK_SEQPACKET;
  const int fd = socket(AF_UNIX, type, 0);
  if (fd < 0) return stopped(errno);
  return judge(connect(fd, (struct sockaddr*)&address, size), "connected");
}

// One end of a pair, sent or connected to a name instead. arguments: type number, path or @name
static int aim_pair(int argc, char** argv) {
  (void)argc;
  struct sockaddr_un address;
  const socklen_t size = address_of(argv[1], &address);
  struct sockaddr unspecified = {.sa_family = AF_UNSPEC};
  int pair[2];
  if (socketpair(AF_UNIX, atoi(argv[0]), 0, pair) != 0) return stopped(errno);
  connect(pair[0], &unspecified, sizeof unspecified);
  if (sendto(pair[0], "x", 1, MSG_NOSIGNAL, (struct sockaddr*)&address, size) > 0 && errno != EISCONN) {
    char got = 0;
    if (recv(pair[1], &got, 1, MSG_DONTWAIT) != 1) return escaped("sent to another name");
  }
  return judge(connect(pair[0], (struct sockaddr*)&address, size), "connected a pair to another name");
}

static struct sockaddr_in loopback(const char* port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(port))};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// arguments: tcp | udp | fastopen, port
static int connect_network(int argc, char** argv) {
  (void)argc;
  const struct sockaddr_in address = loopback(argv[1]);
  const struct sockaddr* target = (const struct sockaddr*)&address;
  if (strcmp(argv[0], "udp") == 0) {
    const int datagram = socket(AF_INET, SOCK_DGRAM, 0);
    if (datagram < 0) return stopped(errno);
    return judge(sendto(datagram, "x", 1, 0, target, sizeof address), "sent a datagram");
  }
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0) return stopped(errno);
  if (strcmp(argv[0], "fastopen") == 0)
    return judge(sendto(fd, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL, target, sizeof address), "connected by sending");
  return judge(connect(fd, target, sizeof address), "connected");
}

// Listens and waits for one connection. arguments: port, seconds
static int listen_network(int argc, char** argv) {
  (void)argc;
  const struct sockaddr_in address = loopback(argv[0]);
  const int one = 1;
  const struct timeval patience = {atoi(argv[1]), 0};
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0) return stopped(errno);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (bind(fd, (const struct sockaddr*)&address, sizeof address) != 0 || listen(fd, 1) != 0) return stopped(errno);
  printf("LISTENING\n");
  fflush(stdout);
  return judge(accept(fd, NULL, NULL), "was reached from outside");
}

const struct attack socket_attacks[] = {{"socket", make_socket, 3},    {"connect-local", connect_local, 2},
                                        {"aim-pair", aim_pair, 2},     {"connect", connect_network, 2},
                                        {"listen", listen_network, 2}, {NULL, NULL, 0}};
