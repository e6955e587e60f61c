// 32 and 46: requests on descriptors that reach the user's terminal, a network device or a file's attributes.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include "tests/adversarial/payloads/attack.h"

enum { kTunSetInterface = 0x400454ca, kSetFlags = 0x40086602, kNoDump = 0x40, kTunAndNoHeader = 0x1002 };

// What the request is tried on; made by the payload itself, so that only the request can be in the way.
enum object { kTerminal, kSocket, kStream, kFile, kTunDevice };

static int controlling_terminal(void) {
  int master = -1;
  int slave = -1;
  signal(SIGHUP, SIG_IGN);
  setsid();
  if (openpty(&master, &slave, NULL, NULL, NULL) != 0) return -1;
  ioctl(slave, TIOCSCTTY, 0);
  return slave;
}

static int object_for(enum object kind) {
  int pair[2];
  switch (kind) {
    case kTerminal:
      return controlling_terminal();
    case kSocket:
      return socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 ? pair[0] : -1;
    case kStream:
      return pipe(pair) == 0 ? pair[0] : -1;
    case kFile:
      return open("attributes", O_RDWR | O_CREAT, 0644);
    case kTunDevice: {
      const int device = open("/dev/net/tun", O_RDWR);
      return device >= 0 ? device : dup(0);  // without the device the request itself is still tried
    }
  }
  return -1;
}

struct request {
  const char* name;
  unsigned long command;
  enum object object;
};

static const struct request kRequests[] = {
    {"TIOCSTI", TIOCSTI, kTerminal},       {"TIOCLINUX", TIOCLINUX, kTerminal},
    {"TIOCSETD", TIOCSETD, kTerminal},     {"TIOCCONS", TIOCCONS, kTerminal},
    {"TIOCEXCL", TIOCEXCL, kTerminal},     {"FIOASYNC", FIOASYNC, kStream},
    {"FIOSETOWN", FIOSETOWN, kSocket},     {"SIOCSPGRP", SIOCSPGRP, kSocket},
    {"FS_IOC_SETFLAGS", kSetFlags, kFile}, {"TUNSETIFF", kTunSetInterface, kTunDevice}};

static void* argument_for(const struct request* request, int* number, char* text) {
  if (request->command == TIOCSTI) return strcpy(text, "#");
  if (request->command == TIOCLINUX) return strcpy(text, "\2");
  if (request->command == kTunSetInterface) {
    strcpy(text, "writtest0");
    const short flags = kTunAndNoHeader;
    memcpy(text + 16, &flags, sizeof flags);
    return text;
  }
  *number = request->command == kSetFlags ? kNoDump : request->command == TIOCSETD ? N_TTY : 1;
  if (request->command == FIOSETOWN || request->command == SIOCSPGRP) *number = getpid();
  return number;
}

// arguments: request [high]
static int try_request(int argc, char** argv) {
  const unsigned long high = argc > 1 && strcmp(argv[1], "high") == 0 ? 0xdead00000000ul : 0;
  for (size_t i = 0; i < sizeof kRequests / sizeof kRequests[0]; ++i) {
    const struct request* request = &kRequests[i];
    if (strcmp(request->name, argv[0]) != 0) continue;
    const int fd = object_for(request->object);
    if (fd < 0) return undecided("nothing to try it on");
    int number[16] = {0};
    char text[64] = {0};
    void* argument = argument_for(request, number, text);
    return judge(syscall(SYS_ioctl, fd, high | request->command, argument), request->name);
  }
  return undecided("no such request");
}

// 46: input pushed into the terminal on `fd`; `typed` would be run by the shell after us.
static int type_into(int argc, char** argv) {
  (void)argc;
  for (const char* typed = argv[1]; *typed != '\0'; ++typed)
    if (ioctl(atoi(argv[0]), TIOCSTI, typed) != 0) return stopped(errno);
  return escaped("typed");
}

const struct attack ioctl_attacks[] = {{"ioctl", try_request, 1}, {"type-into", type_into, 2}, {NULL, NULL, 0}};
