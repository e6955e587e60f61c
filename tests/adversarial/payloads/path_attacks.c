// Section 2: names, aliases, and other ways to the same file.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/adversarial/payloads/attack.h"

static int read_marker(int argc, char** argv) {
  (void)argc;
  return judge_content(open(argv[0], O_RDONLY | O_NONBLOCK), argv[1]);
}

static int list_entry(int argc, char** argv) {
  (void)argc;
  DIR* directory = opendir(argv[0]);
  if (directory == NULL) return stopped(errno);
  for (struct dirent* entry = readdir(directory); entry != NULL; entry = readdir(directory))
    if (strcmp(entry->d_name, argv[1]) == 0) return escaped("found the entry");
  return stopped(ENOENT);
}

static int write_file(int argc, char** argv) {
  (void)argc;
  const int fd = open(argv[0], O_WRONLY | O_APPEND | O_NONBLOCK);
  if (fd < 0) return stopped(errno);
  return judge(write(fd, argv[1], strlen(argv[1])), "wrote");
}

static int open_for_writing(int argc, char** argv) {
  (void)argc;
  return judge(open(argv[0], O_WRONLY | O_NONBLOCK), "opened for writing");
}

static int create_file(int argc, char** argv) {
  (void)argc;
  const int fd = open(argv[0], O_WRONLY | O_CREAT | O_EXCL, 0644);
  if (fd < 0) return stopped(errno);
  return judge(write(fd, "made by the tool\n", 17), "made a file");
}

static int make_directory(int argc, char** argv) {
  (void)argc;
  return judge(mkdir(argv[0], 0755), "made a directory");
}
static int remove_file(int argc, char** argv) {
  (void)argc;
  return judge(unlink(argv[0]), "removed");
}
static int rename_file(int argc, char** argv) {
  (void)argc;
  return judge(rename(argv[0], argv[1]), "renamed");
}
static int exchange_files(int argc, char** argv) {
  (void)argc;
  return judge(renameat2(AT_FDCWD, argv[0], AT_FDCWD, argv[1], RENAME_EXCHANGE), "exchanged");
}
static int link_file(int argc, char** argv) {
  (void)argc;
  return judge(link(argv[0], argv[1]), "linked");
}
static int truncate_file(int argc, char** argv) {
  (void)argc;
  return judge(truncate(argv[0], 0), "truncated");
}

static int through_handle(const char* path, const char* marker) {
  union {
    struct file_handle handle;
    char space[sizeof(struct file_handle) + MAX_HANDLE_SZ];
  } buffer;
  int mount = 0;
  memset(&buffer, 0, sizeof buffer);
  buffer.handle.handle_bytes = MAX_HANDLE_SZ;
  if (name_to_handle_at(AT_FDCWD, path, &buffer.handle, &mount, 0) != 0) return stopped(errno);
  const int anchor = open("/", O_RDONLY | O_DIRECTORY);
  return judge_content(open_by_handle_at(anchor, &buffer.handle, O_RDONLY), marker);
}

// Every call that opens or looks at a name must come to the same end.
static int through_call(int argc, char** argv) {
  (void)argc;
  const char* call = argv[0];
  const char* path = argv[1];
  struct stat status;
  struct statx extended;
  char target[4096];
  struct open_how how = {.flags = O_RDONLY};
  if (strcmp(call, "openat2") == 0)
    return judge_content((int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how), argv[2]);
  if (strcmp(call, "openat") == 0) return judge_content((int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY), argv[2]);
  if (strcmp(call, "open_tree") == 0) {
    const int tree = (int)syscall(428, AT_FDCWD, path, O_CLOEXEC);
    if (tree < 0) return stopped(errno);
    snprintf(target, sizeof target, "/proc/self/fd/%d", tree);
    return judge_content(open(target, O_RDONLY), argv[2]);
  }
  if (strcmp(call, "handle") == 0) return through_handle(path, argv[2]);
#ifdef SYS_open
  if (strcmp(call, "open") == 0) return judge_content((int)syscall(SYS_open, path, O_RDONLY), argv[2]);
  if (strcmp(call, "creat") == 0) return judge(syscall(SYS_creat, path, 0644), "creat");
  if (strcmp(call, "stat") == 0) return judge(syscall(SYS_stat, path, &status), "stat");
  if (strcmp(call, "lstat") == 0) return judge(syscall(SYS_lstat, path, &status), "lstat");
  if (strcmp(call, "access") == 0) return judge(syscall(SYS_access, path, R_OK), "access");
  if (strcmp(call, "chmod") == 0) return judge(syscall(SYS_chmod, path, 0644), "chmod");
#endif
  if (strcmp(call, "newfstatat") == 0) return judge(fstatat(AT_FDCWD, path, &status, 0), "fstatat");
  if (strcmp(call, "statx") == 0) return judge(statx(AT_FDCWD, path, 0, STATX_ALL, &extended), "statx");
  if (strcmp(call, "faccessat2") == 0) return judge(syscall(439, AT_FDCWD, path, R_OK, 0), "faccessat2");
  if (strcmp(call, "readlink") == 0) return judge(readlink(path, target, sizeof target), "readlink");
  if (strcmp(call, "chdir") == 0) return judge(chdir(path), "chdir");
  return undecided("no such call");
}

// 13: code of a process is mapped read-only; /proc/self/mem would write to it all the same.
static const char kConstant[] = "read-only";
static int write_own_memory(int argc, char** argv) {
  (void)argc, (void)argv;
  const int fd = open("/proc/self/mem", O_RDWR);
  if (fd < 0) return stopped(errno);
  if (pwrite(fd, "X", 1, (off_t)(size_t)kConstant) != 1) return stopped(errno);
  const volatile char* look = kConstant;
  return look[0] == 'X' ? escaped("wrote to read-only memory") : stopped(EIO);
}

// 15: a descriptor that opens nothing, used as a place to start from.
static int climb_from_path(int argc, char** argv) {
  (void)argc;
  const int place = open(argv[0], O_PATH);
  if (place < 0) return stopped(errno);
  if (fchdir(place) != 0) return stopped(errno);
  return judge_content(openat(place, argv[1], O_RDONLY), argv[2]);
}

static int link_from_path(int argc, char** argv) {
  (void)argc;
  const int place = open(argv[0], O_PATH);
  if (place < 0) return stopped(errno);
  if (linkat(place, "", AT_FDCWD, argv[1], AT_EMPTY_PATH) == 0) return escaped("linked by descriptor");
  char name[64];
  snprintf(name, sizeof name, "/proc/self/fd/%d", place);
  return judge(linkat(AT_FDCWD, name, AT_FDCWD, argv[1], AT_SYMLINK_FOLLOW), "linked through /proc");
}

// 22: the longest path that the kernel takes, with ".." that lead out as often as they fit.
static int long_path(int argc, char** argv) {
  (void)argc;
  static char path[4096];
  const size_t rest = strlen(argv[0]);
  size_t used = 0;
  while (used + 3 + rest < sizeof path - 1) used += (size_t)sprintf(path + used, "../");
  strcpy(path + used, argv[0] + 1);
  return judge_content(open(path, O_RDONLY), argv[1]);
}

const struct attack path_attacks[] = {{"read", read_marker, 2},
                                      {"list", list_entry, 2},
                                      {"write", write_file, 2},
                                      {"open-write", open_for_writing, 1},
                                      {"create", create_file, 1},
                                      {"mkdir", make_directory, 1},
                                      {"unlink", remove_file, 1},
                                      {"rename", rename_file, 2},
                                      {"exchange", exchange_files, 2},
                                      {"link", link_file, 2},
                                      {"truncate", truncate_file, 1},
                                      {"through", through_call, 3},
                                      {"own-memory", write_own_memory, 0},
                                      {"climb-path", climb_from_path, 3},
                                      {"link-path", link_from_path, 2},
                                      {"long-path", long_path, 2},
                                      {NULL, NULL, 0}};
