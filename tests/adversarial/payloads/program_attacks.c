// Section 4: executing what was never granted as a program.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/adversarial/payloads/attack.h"

extern char** environ;

static int report_running(int argc, char** argv) {
  (void)argc;
  return escaped("ran from %s", argv[0]);
}

static long copy_of_self(int target) {
  const int self = open(program_invocation_name, O_RDONLY);
  struct stat status;
  if (self < 0 || fstat(self, &status) != 0) return -1;
  off_t offset = 0;
  while (offset < status.st_size)
    if (sendfile(target, self, &offset, (size_t)(status.st_size - offset)) <= 0) return -1;
  return close(self);
}

// 37: a program that has no name.
static int from_memory(int argc, char** argv) {
  (void)argc, (void)argv;
  const int memory = memfd_create("program", MFD_CLOEXEC);
  if (memory < 0) return stopped(errno);
  if (copy_of_self(memory) != 0) return undecided("cannot copy the program");
  char* arguments[] = {"attack", "running", "memory", NULL};
  execveat(memory, "", arguments, environ, AT_EMPTY_PATH);
  return stopped(errno);
}

// 37: an unnamed file of a file system, and its name in /proc.
static int from_unnamed_file(int argc, char** argv) {
  (void)argc;
  const int file = open(argv[0], O_TMPFILE | O_RDWR, 0755);
  if (file < 0) return stopped(errno);
  if (copy_of_self(file) != 0) return undecided("cannot copy the program");
  char name[64];
  snprintf(name, sizeof name, "/proc/self/fd/%d", file);
  const int readable = open(name, O_RDONLY);
  close(file);  // or the text is busy
  snprintf(name, sizeof name, "/proc/self/fd/%d", readable);
  char* arguments[] = {"attack", "running", "an unnamed file", NULL};
  execv(name, arguments);
  return stopped(errno);
}

// 35, 38: the program under another name, in a directory that can be written.
static int from_copy(int argc, char** argv) {
  (void)argc;
  const int copy = open(argv[0], O_WRONLY | O_CREAT | O_TRUNC, 0755);
  if (copy < 0) return stopped(errno);
  if (copy_of_self(copy) != 0) return undecided("cannot copy the program");
  close(copy);
  char* arguments[] = {"attack", "running", "a copy", NULL};
  execv(argv[0], arguments);
  return stopped(errno);
}

// 33: code out of a file that can be written, without any exec.
static int from_mapping(int argc, char** argv) {
  (void)argc;
  const int file = open(argv[0], O_RDWR | O_CREAT | O_TRUNC, 0755);
  if (file < 0 || ftruncate(file, 4096) != 0) return stopped(errno);
  void* code = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 0);
  return judge(code == MAP_FAILED ? -1 : 0, "mapped a writable file as code");
}

const struct attack program_attacks[] = {{"running", report_running, 1},         {"exec-memory", from_memory, 0},
                                         {"exec-unnamed", from_unnamed_file, 1}, {"exec-copy", from_copy, 1},
                                         {"map-code", from_mapping, 1},          {NULL, NULL, 0}};
