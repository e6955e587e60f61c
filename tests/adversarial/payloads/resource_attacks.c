// Section 8: filling what is shared. Every attack has a bound of its own, so that the control is harmless.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/adversarial/payloads/attack.h"

// arguments: directory, MiB
static int fill_space(int argc, char** argv) {
  (void)argc;
  char path[4096];
  static char block[1 << 20];
  memset(block, 'x', sizeof block);
  snprintf(path, sizeof path, "%s/fill", argv[0]);
  const int fd = open(path, O_WRONLY | O_CREAT, 0644);
  if (fd < 0) return stopped(errno);
  for (int i = 0; i < atoi(argv[1]); ++i) {
    errno = ENOSPC;  // a short write is the same answer
    if (write(fd, block, sizeof block) != (ssize_t)sizeof block) return stopped(errno);
  }
  return escaped("wrote %s MiB", argv[1]);
}

// arguments: directory, count; the files are removed again
static int fill_names(int argc, char** argv) {
  (void)argc;
  char path[4096];
  int made = 0;
  int error = 0;
  for (; made < atoi(argv[1]) && error == 0; ++made) {
    snprintf(path, sizeof path, "%s/name-%d", argv[0], made);
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
    if (fd < 0) error = errno;
    close(fd);
  }
  for (int i = 0; i < made; ++i) {
    snprintf(path, sizeof path, "%s/name-%d", argv[0], i);
    unlink(path);
  }
  return error != 0 ? stopped(error) : escaped("made %d files", made);
}

// arguments: file, MiB
static int sparse_file(int argc, char** argv) {
  (void)argc;
  const int fd = open(argv[0], O_WRONLY | O_CREAT, 0644);
  if (fd < 0) return stopped(errno);
  return judge(ftruncate(fd, (off_t)atoi(argv[1]) << 20), "made a large file");
}

// Output without a newline. arguments: MiB
static int flood(int argc, char** argv) {
  (void)argc;
  static char block[1 << 16];
  memset(block, 'x', sizeof block);
  for (long left = (long)atoi(argv[0]) << 20; left > 0;) {
    const ssize_t written = write(1, block, sizeof block);
    if (written < 0) return 3;
    left -= written;
  }
  return kEscaped;
}

// arguments: MiB
static int allocate(int argc, char** argv) {
  (void)argc;
  const size_t size = (size_t)atoi(argv[0]) << 20;
  char* memory = malloc(size);
  if (memory == NULL) return stopped(errno);
  memset(memory, 1, size);
  return escaped("allocated %zu bytes at %p", size, (void*)memory);
}

const struct attack resource_attacks[] = {{"fill-space", fill_space, 2},   {"fill-names", fill_names, 2},
                                          {"sparse-file", sparse_file, 2}, {"flood", flood, 1},
                                          {"allocate", allocate, 1},       {NULL, NULL, 0}};
