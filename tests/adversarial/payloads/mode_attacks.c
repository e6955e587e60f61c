// Set-uid bits and owners: what a tool could leave in the workspace for somebody else to execute.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/adversarial/payloads/attack.h"

enum { kFchmodat2 = 452 };

static int make_plain(const char* path) {
  const int fd = open(path, O_RDWR | O_CREAT, 0755);
  if (fd < 0) return -1;
  return close(fd);
}

static long set_mode(const char* call, const char* path, unsigned mode) {
  const int fd = open(path, O_RDONLY);
  if (fd < 0) return -1;
  if (strcmp(call, "fchmod") == 0) return syscall(SYS_fchmod, fd, mode);
  if (strcmp(call, "fchmodat") == 0) return syscall(SYS_fchmodat, AT_FDCWD, path, mode);
  if (strcmp(call, "fchmodat2") == 0) return syscall(kFchmodat2, AT_FDCWD, path, mode, 0);
#ifdef SYS_chmod
  if (strcmp(call, "chmod") == 0) return syscall(SYS_chmod, path, mode);
  if (strcmp(call, "chmod-high") == 0) return syscall(SYS_chmod, path, 0x5555555500000000ul | mode);
#endif
  errno = EINVAL;
  return -1;
}

static long make_with_mode(const char* call, const char* path, unsigned mode) {
  if (strcmp(call, "openat") == 0) return syscall(SYS_openat, AT_FDCWD, path, O_CREAT | O_WRONLY, mode);
  if (strcmp(call, "mkdirat") == 0) return syscall(SYS_mkdirat, AT_FDCWD, path, mode);
  if (strcmp(call, "mknodat") == 0) return syscall(SYS_mknodat, AT_FDCWD, path, S_IFREG | mode, 0);
#ifdef SYS_open
  if (strcmp(call, "open") == 0) return syscall(SYS_open, path, O_CREAT | O_WRONLY, mode);
  if (strcmp(call, "open-high") == 0) return syscall(SYS_open, path, O_CREAT | O_WRONLY, 0x5555555500000000ul | mode);
  if (strcmp(call, "creat") == 0) return syscall(SYS_creat, path, mode);
  if (strcmp(call, "mkdir") == 0) return syscall(SYS_mkdir, path, mode);
  if (strcmp(call, "mknod") == 0) return syscall(SYS_mknod, path, S_IFREG | mode, 0);
#endif
  errno = EINVAL;
  return -1;
}

static int judge_mode(const char* path, unsigned bits) {
  struct stat status;
  if (stat(path, &status) != 0) return stopped(errno);
  return (status.st_mode & bits) != 0 ? escaped("%s has mode %o", path, status.st_mode) : stopped(EPERM);
}

// arguments: call, path, mode in octal
static int set_identity_bit(int argc, char** argv) {
  (void)argc;
  const unsigned mode = (unsigned)strtoul(argv[2], NULL, 8);
  if (strstr(argv[0], "chmod") == NULL) {
    if (make_with_mode(argv[0], argv[1], mode) < 0) return stopped(errno);
  } else {
    if (make_plain(argv[1]) != 0) return undecided("no file to change");
    if (set_mode(argv[0], argv[1], mode) < 0) return stopped(errno);
  }
  return judge_mode(argv[1], mode & 06000);
}

// O_TMPFILE with the bit, given a name afterwards.
static int set_identity_bit_unnamed(int argc, char** argv) {
  (void)argc;
  const int fd = open(argv[0], O_TMPFILE | O_WRONLY, 04755);
  if (fd < 0) return stopped(errno);
  struct stat status;
  if (fstat(fd, &status) != 0) return stopped(errno);
  return (status.st_mode & S_ISUID) != 0 ? escaped("an unnamed set-uid file") : stopped(EPERM);
}

static int give_away(int argc, char** argv) {
  (void)argc;
  if (make_plain(argv[0]) != 0) return undecided("no file to give away");
  return judge(chown(argv[0], (uid_t)atoi(argv[1]), (gid_t)atoi(argv[1])), "gave a file away");
}

static int make_device(int argc, char** argv) {
  (void)argc;
  return judge(mknod(argv[0], S_IFCHR | 0666, 0x103), "made a device node");
}

const struct attack mode_attacks[] = {{"set-id", set_identity_bit, 3},
                                      {"set-id-tmpfile", set_identity_bit_unnamed, 1},
                                      {"chown", give_away, 2},
                                      {"mknod-device", make_device, 1},
                                      {NULL, NULL, 0}};
