// 24 and 31: moving bytes between descriptors without reading and writing them, and changing memory files.
// A file argument is a path, or fd:N for an open descriptor.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "tests/adversarial/payloads/attack.h"

enum { kMost = 1 << 16 };

static int open_argument(const char* name, int flags) {
  return strncmp(name, "fd:", 3) == 0 ? atoi(name + 3) : open(name, flags, 0644);
}

static long by_splice(int in, int out, off_t* place) {
  int ends[2];
  if (pipe(ends) != 0) return -1;
  const long got = splice(in, NULL, ends[1], NULL, kMost, 0);
  const long put = got <= 0 ? got : splice(ends[0], NULL, out, place, (size_t)got, 0);
  const int error = errno;
  close(ends[0]), close(ends[1]);
  errno = error;
  return put;
}

static long by_sendfile(int in, int out, const off_t* place) {
  if (place != NULL && lseek(out, *place, SEEK_SET) < 0) return -1;
  return sendfile(out, in, NULL, kMost);
}

// Moves bytes from `in` to `out`, there to `place` if it is given.
static long move_bytes(const char* how, int in, int out, off_t* place) {
  struct file_clone_range range = {.src_fd = in};
  if (strcmp(how, "copy_file_range") == 0) return copy_file_range(in, NULL, out, place, kMost, 0);
  if (strcmp(how, "sendfile") == 0) return by_sendfile(in, out, place);
  if (strcmp(how, "splice") == 0) return by_splice(in, out, place);
  if (strcmp(how, "clone") == 0) return ioctl(out, FICLONE, in) == 0 ? 1 : -1;
  if (strcmp(how, "clone_range") == 0) return ioctl(out, FICLONERANGE, &range) == 0 ? 1 : -1;
  if (strcmp(how, "punch") == 0) return fallocate(out, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) == 0 ? 1 : -1;
  if (strcmp(how, "allocate") == 0) return fallocate(out, 0, 0, 1 << 20) == 0 ? 1 : -1;
  errno = EINVAL;
  return -1;
}

// arguments: how, source, target
static int transfer(int argc, char** argv) {
  (void)argc;
  const int in = open_argument(argv[1], O_RDONLY);
  if (in < 0) return stopped(errno);
  const int out = open_argument(argv[2], O_WRONLY);
  if (out < 0) return stopped(errno);
  const long moved = move_bytes(argv[0], in, out, NULL);
  if (moved == 0) return stopped(ENODATA);
  return moved < 0 ? stopped(errno) : escaped("moved %ld bytes", moved);
}

// Over the beginning of a stream that was given for appending. arguments: how, source, descriptor
static int overwrite(int argc, char** argv) {
  (void)argc;
  const int out = atoi(argv[2]);
  const int in = open_argument(argv[1], O_RDONLY);
  off_t start = 0;
  if (in < 0 || fcntl(out, F_SETFL, 0) != 0) return stopped(errno);
  const long moved = move_bytes(argv[0], in, out, &start);
  return moved <= 0 ? stopped(moved == 0 ? ENODATA : errno) : 0;
}

// What lies behind the end and in the holes of a file. arguments: file, marker
static int look_into_holes(int argc, char** argv) {
  (void)argc;
  const int fd = open_argument(argv[0], O_RDONLY);
  if (fd < 0) return stopped(errno);
  const off_t end = lseek(fd, 0, SEEK_END);
  const off_t hole = lseek(fd, 0, SEEK_HOLE);
  const off_t starts[] = {hole < 0 ? 0 : hole, end > 4096 ? end - 4096 : 0, end, end + 4096, (off_t)1 << 40};
  for (size_t i = 0; i < sizeof starts / sizeof starts[0]; ++i) {
    static char content[1 << 16];
    const ssize_t got = pread(fd, content, sizeof content, starts[i]);
    if (got > 0 && memmem(content, (size_t)got, argv[1], strlen(argv[1])) != NULL) return escaped("read the marker");
  }
  return stopped(ENODATA);
}

// Beyond a limit of the size. arguments: how, source, target, MiB
static int grow(int argc, char** argv) {
  (void)argc;
  signal(SIGXFSZ, SIG_IGN);
  const off_t size = (off_t)atoi(argv[3]) << 20;
  const int in = open_argument(argv[1], O_RDONLY);
  const int out = open_argument(argv[2], O_RDWR | O_CREAT);
  if (in < 0 || out < 0) return stopped(errno);
  if (strcmp(argv[0], "truncate") == 0) return judge(ftruncate(out, size), "grew");
  if (strcmp(argv[0], "allocate") == 0) return judge(fallocate(out, 0, 0, size), "grew");
  for (off_t place = 0; place < size;) {
    if (lseek(in, 0, SEEK_SET) < 0) return undecided("the source cannot be read again");
    off_t next = place;
    const long moved = move_bytes(argv[0], in, out, &next);
    if (moved <= 0) return stopped(moved == 0 ? EFBIG : errno);
    place += moved;
  }
  return escaped("grew to %s MiB", argv[3]);
}

static int store_through_mapping(int fd) {
  char* memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) return stopped(errno);
  memory[0] = 'X';
  return escaped("stored through a mapping");
}

// 31: a memory file that others have mapped, or a file without a name. arguments: descriptor, what
static int change_memory_file(int argc, char** argv) {
  (void)argc;
  int fd = atoi(argv[0]);
  const char* what = argv[1];
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  if (strcmp(what, "shorten-by-name") == 0) return judge(truncate(path, 0), "shortened");
  if (strcmp(what, "shorten-by-opening") == 0) return judge(open(path, O_RDONLY | O_TRUNC), "shortened");
  if (strncmp(what, "again-", 6) == 0) {
    fd = open(path, O_RDWR);
    if (fd < 0) return stopped(errno);
    what += 6;
  }
  if (strcmp(what, "shorten") == 0) return judge(ftruncate(fd, 0), "shortened");
  if (strcmp(what, "lengthen") == 0) return judge(ftruncate(fd, 1 << 20), "lengthened");
  if (strcmp(what, "write") == 0) return judge(pwrite(fd, "X", 1, 0), "written");
  if (strcmp(what, "punch") == 0)
    return judge(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), "a hole");
  if (strcmp(what, "map") == 0) return store_through_mapping(fd);
  return undecided("no such change");
}

const struct attack transfer_attacks[] = {{"transfer", transfer, 3},
                                          {"overwrite", overwrite, 3},
                                          {"holes", look_into_holes, 2},
                                          {"grow", grow, 4},
                                          {"memory-file", change_memory_file, 2},
                                          {NULL, NULL, 0}};
