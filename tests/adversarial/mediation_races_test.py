#!/usr/bin/env python3
"""Races against the short way of mediated opens: somebody on the host exchanges what lies on the way while a tool opens files
through it. Whatever the tool gets stands at the path that was allowed; nothing protected is made, opened or emptied. Each race
prints how often both sides ran: one that never ran proves nothing."""

import os
import re
import shutil
import subprocess

from attack_harness import MARKER, attack, main

PROFILE = "filesystem:\n  writing: mediated\n"
SECONDS = "0.5"
TOOL_C = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
// Opens NAME, with %d in it replaced, by a relative path, an absolute one and one from a directory's descriptor.
static long tries, successes, violations;
static double slowest;
static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + t.tv_nsec / 1e9; }
static int is_wrong_object(int fd) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, sizeof path - 1);
  if (n < 0) return 1;
  path[n] = 0;
  struct stat status;
  return fstat(fd, &status) != 0 || S_ISDIR(status.st_mode) || (S_ISREG(status.st_mode) && status.st_nlink > 1);
}
int main(int argc, char **argv) {
  if (argc != 4) return 9;
  const char *name = argv[1];
  const int flags = (int)strtol(argv[2], 0, 0);
  const double end = now() + atof(argv[3]);
  char here[2048], text[4096], part[2048];
  const int start = open(".", O_RDONLY | O_DIRECTORY);
  if (!getcwd(here, sizeof here) || start < 0) return 8;
  do {
    snprintf(part, sizeof part, name, tries % 50);
    snprintf(text, sizeof text, "%s/%s", here, part);
    const double began = now();
    const int fd = tries % 3 == 0 ? open(part, flags, 0600) : tries % 3 == 1 ? open(text, flags, 0600) : openat(start, part, flags, 0600);
    if (now() - began > slowest) slowest = now() - began;
    ++tries;
    if (fd < 0) continue;
    ++successes;
    violations += is_wrong_object(fd);
    (void)!write(fd, "x", 1);
    close(fd);
  } while (now() < end || ((successes < 20 || tries < 200) && now() < end + 20));  // on a busy machine a second may be nothing
  printf("tries %ld successes %ld violations %ld slowest_ms %ld\n", tries, successes, violations, (long)(slowest * 1000));
  return 0;
}
"""
HOST_C = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
// Exchanges A and B on the host until it is told to end, with pauses of growing and shrinking length.
static volatile sig_atomic_t over;
static void end(int s) { (void)s; over = 1; }
int main(int argc, char **argv) {
  if (argc != 3) return 9;
  signal(SIGTERM, end);
  long swaps = 0;
  while (!over) {
    if (renameat2(AT_FDCWD, argv[1], AT_FDCWD, argv[2], RENAME_EXCHANGE) == 0) ++swaps;
    const struct timespec pause = {0, (swaps % 16) * 4000};
    if (swaps % 4 != 0) nanosleep(&pause, 0);
  }
  printf("swaps %ld\n", swaps);
  return 0;
}
"""
MOVER_C = r"""
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
// Puts A in the place of B and back, again and again. While A is there nothing may be made in it: a call that had found
// its directory before may end there, so the first count waits for those.
static volatile sig_atomic_t over;
static void end(int s) { (void)s; over = 1; }
static void wait_ms(long ms) { const struct timespec time = {0, ms * 1000000}; nanosleep(&time, 0); }
static long count(const char *place, int clear) {
  long found = 0;
  DIR *list = opendir(place);
  for (struct dirent *entry; list && (entry = readdir(list));) {
    if (strncmp(entry->d_name, "made", 4) != 0) continue;
    ++found;
    if (clear) unlinkat(dirfd(list), entry->d_name, 0);
  }
  if (list) closedir(list);
  return found;
}
int main(int argc, char **argv) {
  if (argc != 3) return 9;
  signal(SIGTERM, end);
  long moves = 0, looks = 0, late = 0;
  while (!over) {
    wait_ms(2);
    if (renameat2(AT_FDCWD, argv[1], AT_FDCWD, argv[2], RENAME_EXCHANGE) != 0) continue;
    ++moves;
    wait_ms(25);
    const long before = count(argv[2], 1);
    looks += before > 0;
    wait_ms(10);
    late += count(argv[2], 1);
    renameat2(AT_FDCWD, argv[1], AT_FDCWD, argv[2], RENAME_EXCHANGE);
  }
  printf("moves %ld looks %ld late %ld\n", moves, looks, late);
  return 0;
}
"""
WRITE, CREATE, TRUNCATE, NONBLOCK = os.O_WRONLY, os.O_CREAT, os.O_TRUNC, os.O_NONBLOCK


def numbers(out):
    return {key: int(value) for key, value in re.findall(r"(\w+) (\d+)", out.decode())}


def build(trial):
    gcc = shutil.which("gcc")
    if not gcc:
        trial.skip("no compiler")
        return False
    for name, source in (("tool", TOOL_C), ("swap", HOST_C), ("move", MOVER_C)):
        (trial.bin / f"{name}.c").write_text(source)
        made = subprocess.run([gcc, "-O2", "-o", str(trial.bin / name), str(trial.bin / f"{name}.c")], capture_output=True, check=False)
        trial.check(made.returncode == 0, made.stderr.decode())
    return True


def race(trial, name, flags, one, other, seconds=SECONDS):
    """The tool opens `name` while `one` and `other` change places on the host. Both counts, and what the tool found."""
    swapper = trial.start([trial.bin / "swap", one, other], uid=trial.owner)
    result = trial.run([*trial.sandbox("--quiet", profile=trial.profile(PROFILE)), str(trial.bin / "tool"), name, str(flags), seconds])
    swapper.terminate()
    out = swapper.communicate(timeout=30)[0] + result.stdout
    found = numbers(out)
    print(f"  {name}, flags {flags:#x}, {one} and {other}: {found}", flush=True)
    trial.check(found.get("swaps", 0) > 50, f"the host hardly ran: {out!r} {result.stderr[-300:]!r}")
    trial.check(found.get("tries", 0) > 50 and found.get("successes", 0) > 0, f"the tool hardly ran: {out!r} {result.stderr[-300:]!r}")
    trial.check(found.get("violations", 1) == 0, f"{found}")
    return found


def scene(trial):
    trial.file(".git/hooks/pre-commit")
    trial.file(".git/config")
    trial.file(".bashrc")
    make_directories(trial, "dir", "dir/hooks")


def make_directories(trial, *names):
    for name in names:
        (trial.workspace / name).mkdir()
        trial.give(trial.workspace / name)


def link(trial, target, name):
    os.symlink(target, trial.workspace / name)
    trial.give(trial.workspace / name)


def untouched(trial):
    for name in (".git/hooks/pre-commit", ".git/config", ".bashrc"):
        path = trial.workspace / name
        trial.check(path.read_text() == MARKER, f"{name} was changed")
    trial.check(os.listdir(trial.workspace / ".git/hooks") == ["pre-commit"], f"hooks: {os.listdir(trial.workspace / '.git/hooks')}")
    trial.check(sorted(os.listdir(trial.workspace / ".git")) == ["config", "hooks"], f".git: {os.listdir(trial.workspace / '.git')}")


@attack("short_way_directory_becomes_a_link")
def _(trial):
    """A directory on the way, or the last but one, is exchanged with a link to a protected place, or out of the workspace."""
    if not build(trial):
        return
    scene(trial)
    outside = trial.directory("elsewhere", trial.owner)
    # Names of its own for each race: which of two has which name at the end is chance.
    for number, flags in enumerate((WRITE | CREATE, WRITE | CREATE | TRUNCATE, WRITE | CREATE | os.O_EXCL)):
        make_directories(trial, f"one{number}", f"one{number}/hooks")
        link(trial, ".git", f"git{number}")
        race(trial, f"one{number}/hooks/evil%d", flags, f"one{number}", f"git{number}")
        untouched(trial)
    link(trial, "../.git/hooks", "dir/link")
    race(trial, "dir/hooks/evil%d", WRITE | CREATE, "dir/hooks", "dir/link")
    make_directories(trial, "two")
    link(trial, str(outside), "away")
    race(trial, "two/evil%d", WRITE | CREATE, "two", "away")
    trial.check(os.listdir(outside) == [], f"written outside: {os.listdir(outside)}")
    untouched(trial)


@attack("short_way_file_becomes_a_link")
def _(trial):
    """A file is exchanged with a link to a protected one, and with another name of a protected one, while it is emptied."""
    if not build(trial):
        return
    scene(trial)
    for number, flags in enumerate((WRITE | TRUNCATE, WRITE | CREATE | TRUNCATE, os.O_RDWR, WRITE | os.O_APPEND)):
        names = [f"dir/{name}{number}" for name in ("one", "other", "two", "twin")]
        trial.file(names[0], "mine")
        link(trial, "../.bashrc", names[1])
        trial.file(names[2], "mine")
        os.link(trial.workspace / ".git/config", trial.workspace / names[3])
        race(trial, names[0], flags, names[0], names[1])
        race(trial, names[2], flags, names[2], names[3])
        untouched(trial)


@attack("short_way_parent_moves_to_a_protected_place")
def _(trial):
    """The directory that files are made in changes places with the protected one. Nothing is made in it while it is there."""
    if not build(trial):
        return
    scene(trial)
    mover = trial.start([trial.bin / "move", "dir/hooks", ".git/hooks"], uid=trial.owner)
    result = trial.run([*trial.sandbox("--quiet", profile=trial.profile(PROFILE)), str(trial.bin / "tool"), "dir/hooks/made%d", str(WRITE | CREATE), "2"])
    mover.terminate()
    found = numbers(mover.communicate(timeout=30)[0] + result.stdout)
    print(f"  moved to the protected place: {found}", flush=True)
    trial.check(found.get("moves", 0) >= 5 and found.get("tries", 0) > 50 and found.get("successes", 0) > 0, f"{found} {result.stderr[-300:]!r}")
    trial.check(found.get("looks", 0) >= 3, f"nothing was ever made in the directory before it was moved: {found}")
    trial.check(found.get("late", 1) == 0, f"made in the protected place: {found}")


@attack("short_way_file_becomes_a_fifo")
def _(trial):
    """A file is exchanged with a FIFO: nobody waits, neither the broker nor other calls."""
    if not build(trial):
        return
    scene(trial)
    trial.file("dir/mine", "mine")
    os.mkfifo(trial.workspace / "dir/fifo", 0o600)
    trial.give(trial.workspace / "dir/fifo")
    found = race(trial, "dir/mine", WRITE | NONBLOCK, "dir/mine", "dir/fifo")
    trial.check(found.get("slowest_ms", 9999) < 2000, f"something waited: {found}")
    untouched(trial)


if __name__ == "__main__":
    main()
