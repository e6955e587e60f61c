// 27 and 29: descriptors that are passed from one tool to another, and sockets that were given as streams.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/adversarial/payloads/attack.h"

// 29: away from the peer that was given. arguments: how, descriptor, port of 127.0.0.1
static int aim_elsewhere(int argc, char** argv) {
  (void)argc;
  const int fd = atoi(argv[1]);
  struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(argv[2]))};
  there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (strcmp(argv[0], "sendto") == 0)
    return judge(sendto(fd, "x", 1, MSG_NOSIGNAL, (struct sockaddr*)&there, sizeof there), "sent elsewhere");
  if (strcmp(argv[0], "sendmmsg") == 0) {
    struct iovec part = {"x", 1};
    struct mmsghdr messages[2] = {{.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}},
                                  {.msg_hdr = {&there, sizeof there, &part, 1, NULL, 0, 0}}};
    return sendmmsg(fd, messages, 2, MSG_NOSIGNAL) == 2 ? escaped("the second message went elsewhere") : stopped(errno);
  }
  const struct sockaddr unspecified = {.sa_family = AF_UNSPEC};
  if (connect(fd, &unspecified, sizeof unspecified) != 0) return stopped(errno);
  return judge(connect(fd, (struct sockaddr*)&there, sizeof there), "connected elsewhere");
}

static struct sockaddr_un local_address(const char* path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  return address;
}

// 27: gives away what was granted to this tool. arguments: socket, directory
static int hand_over(int argc, char** argv) {
  (void)argc;
  const struct sockaddr_un address = local_address(argv[0]);
  int fd = open(argv[1], O_RDONLY | O_DIRECTORY);
  const int server = socket(AF_UNIX, SOCK_STREAM, 0);
  if (fd < 0 || server < 0) return stopped(errno);
  int connected = -1;
  // The name exists a moment before its owner listens.
  for (int i = 0; i < 500 && connected != 0; ++i) {
    connected = connect(server, (const struct sockaddr*)&address, sizeof address);
    if (connected != 0 && errno != ECONNREFUSED) return stopped(errno);
    if (connected != 0) usleep(20000);
  }
  if (connected != 0) return stopped(errno);
  char space[CMSG_SPACE(sizeof fd)] = {0};
  struct iovec part = {"d", 1};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
  struct cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fd);
  memcpy(CMSG_DATA(header), &fd, sizeof fd);
  if (sendmsg(server, &message, 0) != 1) return stopped(errno);
  char end = 0;
  // The mounts live as long as this sandbox; the other tool shall try while they do.
  return read(server, &end, 1) == 0 ? escaped("handed over") : stopped(errno);
}

static int receive_descriptor(const char* path) {
  const struct sockaddr_un address = local_address(path);
  const int server = socket(AF_UNIX, SOCK_STREAM, 0);
  if (server < 0 || bind(server, (const struct sockaddr*)&address, sizeof address) != 0 || listen(server, 1) != 0) return -1;
  const int client = accept(server, NULL, NULL);
  int fd = -1;
  char byte;
  char space[CMSG_SPACE(sizeof fd)] = {0};
  struct iovec part = {&byte, 1};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
  if (client < 0 || recvmsg(client, &message, 0) != 1) return -1;
  if (CMSG_FIRSTHDR(&message) != NULL) memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
  return fd;
}

// arguments: how, socket, name below the directory, marker
static int use_received(int argc, char** argv) {
  (void)argc;
  const int fd = receive_descriptor(argv[1]);
  if (fd < 0) return undecided("nothing was received");
  if (strcmp(argv[0], "read") == 0) return judge_content(openat(fd, argv[2], O_RDONLY), argv[3]);
  if (strcmp(argv[0], "write") == 0) return judge(openat(fd, argv[2], O_WRONLY | O_TRUNC), "opened for writing");
  if (strcmp(argv[0], "make") == 0) return judge(openat(fd, argv[2], O_WRONLY | O_CREAT, 0644), "made a file");
  if (strcmp(argv[0], "walk") == 0) {
    if (fchdir(fd) != 0) return stopped(errno);
    return judge_content(open(argv[2], O_RDONLY), argv[3]);
  }
  return undecided("no such use");
}

const struct attack passing_attacks[] = {{"aim-elsewhere", aim_elsewhere, 3},
                                         {"hand-over", hand_over, 2},
                                         {"use-received", use_received, 4},
                                         {NULL, NULL, 0}};
