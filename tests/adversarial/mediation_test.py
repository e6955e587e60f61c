#!/usr/bin/env python3
"""Races and tricks against mediated writing: whatever a tool does, no protected name appears, no protected file changes, and
the broker neither waits nor leaks. Each race prints how often it ran and how often it succeeded in what is allowed: one that
never ran proves nothing."""

import json
import os
import pathlib
import re
import shutil

from attack_harness import MARKER, attack, main

PROFILE = "filesystem:\n  writing: mediated\n"
PRELUDE = """
import ctypes, os, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
AT = -100
END = time.monotonic() + float(sys.argv[1])
tries = successes = violations = 0
def racing():  # on a busy machine longer, until it has raced
    now = time.monotonic()
    return now < END or (now < END + 15 and (tries < 200 or not successes))
def finish():
    print('tries', tries, 'successes', successes, 'violations', violations, flush=True)
"""
# Native threads: two of them race although the interpreter runs one at a time.
FLIP_C = """
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
static volatile char path[64];
static volatile int over;
static const char *good, *bad;
static void *flipper(void *none) {
  (void)none;
  while (!over) { strcpy((char *)path, good); strcpy((char *)path, bad); }
  return 0;
}
int main(int argc, char **argv) {
  const char *what = argv[1];
  double seconds = atof(argv[2]);
  good = argv[3]; bad = argv[4];
  if (argc < 5 || strlen(good) != strlen(bad)) return 9;
  strcpy((char *)path, good);
  pthread_t threads[2];
  for (int i = 0; i < 2; ++i) pthread_create(&threads[i], 0, flipper, 0);
  struct timespec start, now;
  clock_gettime(CLOCK_MONOTONIC, &start);
  long tries = 0, successes = 0, refused = 0;
  double elapsed = 0;
  do {
    long r = -1;
    int error = 0;
    if (!strcmp(what, "open")) { r = open((char *)path, O_CREAT | O_WRONLY, 0600); if (r >= 0) close(r); }
    if (!strcmp(what, "mkdir")) { r = mkdir((char *)path, 0700); if (r == 0) rmdir(good); }
    if (!strcmp(what, "rename")) { close(creat("source", 0600)); r = rename("source", (char *)path); }
    if (!strcmp(what, "link")) { close(creat("source", 0600)); r = link("source", (char *)path); error = errno; unlink(good); }
    if (!strcmp(what, "symlink")) { r = symlink("x", (char *)path); error = errno; unlink(good); }
    if (!strcmp(what, "truncate")) { close(creat(good, 0600)); r = truncate((char *)path, 0); }
    if (!strcmp(what, "chmod")) { close(open(good, O_CREAT | O_WRONLY, 0600)); r = chmod((char *)path, 0600); }
    if (!strcmp(what, "unlink")) { close(creat(good, 0600)); r = unlink((char *)path); }
    if (error == 0) error = errno;
    ++tries;
    if (r >= 0) ++successes; else if (error == EACCES) ++refused;
    clock_gettime(CLOCK_MONOTONIC, &now);
    elapsed = now.tv_sec - start.tv_sec + (now.tv_nsec - start.tv_nsec) / 1e9;
    // On a busy machine longer, until it has raced.
  } while (elapsed < seconds || (elapsed < seconds + 15 && (tries < 200 || !successes || !refused)));
  over = 1;
  printf("tries %ld successes %ld refused %ld\\n", tries, successes, refused);
  return 0;
}
"""


def profile(trial):
    return trial.profile(PROFILE)


def numbers(text):
    return {name: int(value) for name, value in re.findall(r"(\w+) (\d+)", text)}


def run_python(trial, code, seconds=0.6):
    command = [*trial.sandbox("--quiet", profile=profile(trial)), "python3", "-c", PRELUDE + code, str(seconds)]
    result = trial.run(command)
    trial.check(result.returncode == 0, f"status {result.returncode}: {result.stderr[-400:].decode(errors='replace')}")
    return result


def expect_race(trial, label, out, least=50):
    found = numbers(out)
    print(f"  {label}: {found}", flush=True)
    trial.check(found.get("tries", 0) >= least, f"{label}: the race hardly ran: {out!r}")
    trial.check(found.get("successes", 0) > 0, f"{label}: nothing that is allowed succeeded: {out!r}")
    trial.check(found.get("violations", 0) == 0, f"{label}: {out!r}")
    return found


def protected_scene(trial):
    trial.file(".git/hooks/pre-commit")
    trial.file(".git/config")
    trial.file(".bashrc")


def untouched(trial, also=()):
    for name in (".git/hooks/pre-commit", ".git/config", ".bashrc"):
        path = trial.workspace / name
        trial.check(path.is_file() and path.read_text() == MARKER and path.stat().st_mode & 0o777 == 0o644, f"{name} was changed")
    trial.check(os.listdir(trial.workspace / ".git/hooks") == ["pre-commit"], f"hooks: {os.listdir(trial.workspace / '.git/hooks')}")
    for name in (".envrc", ".vscode", ".mcp.json", *also):
        trial.check(not os.path.lexists(trial.workspace / name), f"{name} appeared")


@attack("1_path_buffer_flipped")
def _(trial):
    """Two threads flip the path between an allowed and a protected name while a third one makes calls with it."""
    gcc = shutil.which("gcc")
    if not gcc:
        trial.skip("no compiler")
        return
    (trial.bin / "flip.c").write_text(FLIP_C)
    trial.run([gcc, "-O2", "-pthread", "-o", str(trial.bin / "flip"), str(trial.bin / "flip.c")], uid=0 if os.geteuid() == 0 else None)
    protected_scene(trial)
    for what, bad in (("open", ".envrc"), ("mkdir", ".vscode"), ("rename", ".envrc"), ("link", ".envrc"), ("symlink", ".envrc"),
                      ("truncate", ".bashrc"), ("chmod", ".bashrc"), ("unlink", ".bashrc")):
        good = "g" * len(bad)
        result = trial.run([*trial.sandbox(profile=profile(trial)), str(trial.bin / "flip"), what, "0.5", good, bad])
        found = expect_race(trial, what, result.stdout.decode())
        trial.check(found.get("refused", 0) > 0, f"{what}: the protected name was never tried")
        untouched(trial)


@attack("7_directory_swapped_inside")
def _(trial):
    """A directory and a link to a protected one change places while files are made through that name."""
    protected_scene(trial)
    result = run_python(trial, """
os.mkdir('dir'); os.symlink('.git/hooks', 'other')
def swap():
    while racing(): libc.renameat2(AT, b'dir', AT, b'other', 2)
thread = threading.Thread(target=swap); thread.start()
while racing():
    tries += 1
    for name in ('dir/evil', 'other/evil'):
        try: open(name, 'w').close(); successes += 1
        except OSError: pass
thread.join(); violations = os.path.exists('.git/hooks/evil'); finish()
""")
    expect_race(trial, "swap", result.stdout.decode())
    untouched(trial)


@attack("7_directory_swapped_outside")
def _(trial):
    """The same swap by somebody on the host, with a link that leads out of the workspace."""
    protected_scene(trial)
    target = trial.directory("elsewhere", trial.owner)
    (trial.workspace / "dir").mkdir()
    trial.give(trial.workspace / "dir")
    os.symlink(target, trial.workspace / "other")
    flipper = trial.start(["/usr/bin/python3", "-c", """
import ctypes, sys
libc = ctypes.CDLL(None)
while True: libc.renameat2(-100, b'dir', -100, b'other', 2)
"""], uid=trial.owner)
    result = run_python(trial, """
while racing():
    tries += 1
    try: open('dir/f%d' % (tries % 50), 'w').write('x'); successes += 1
    except OSError: pass
finish()
""")
    flipper.kill()
    flipper.wait()
    expect_race(trial, "swap on the host", result.stdout.decode())
    trial.check(os.listdir(target) == [], f"written outside of the workspace: {os.listdir(target)}")
    untouched(trial)


@attack("19_ancestors_moved")
def _(trial):
    """Directories above protected names are moved away and others put in their place, by every kind of rename."""
    protected_scene(trial)
    result = run_python(trial, """
os.makedirs('evil/hooks'); open('evil/hooks/pre-commit', 'w').write('evil'); open('evil/config', 'w').write('evil')
os.makedirs('deep/git'); os.symlink('evil', 'link')
def attempt(call):
    global tries, violations
    tries += 1
    try: call(); violations += 1; print('done', call)
    except OSError: pass
while tries < 2000 and time.monotonic() < END:
    for flags in (0, 1, 2):
        for a, b in ((b'.git', b'moved'), (b'evil', b'.git'), (b'link', b'.git'), (b'evil', b'.config'), (b'evil/hooks', b'.git/hooks'), (b'evil/config', b'.git/config'),
                     (b'.git/hooks', b'h'), (b'.git/../.git', b'moved'), (b'./.git/', b'moved/'), (b'evil', b'deep/../.git'), (b'evil/config', b'.git/hooks/../config')):
            def call(a=a, b=b, flags=flags):
                if libc.renameat2(AT, a, AT, b, flags) != 0: raise OSError(ctypes.get_errno())
            attempt(call)
    attempt(lambda: os.symlink('evil', '.config')); attempt(lambda: os.rmdir('.git')); attempt(lambda: os.link('evil/config', '.git/config'))
    attempt(lambda: os.symlink('../evil/hooks', '.git/hooks')); attempt(lambda: open('.config', 'w')); attempt(lambda: os.mkfifo('.config'))
    os.rename('deep', 'deep2'); os.rename('deep2', 'deep'); successes += 1
finish()
""")
    expect_race(trial, "renames", result.stdout.decode())
    untouched(trial, also=(".config",))


@attack("17_hard_links_of_protected_files")
def _(trial):
    protected_scene(trial)
    os.link(trial.workspace / ".bashrc", trial.workspace / "twin")
    result = run_python(trial, """
def attempt(call):
    global tries, violations
    tries += 1
    try: call(); violations += 1; print('done', tries)
    except OSError: pass
fd = os.open('.bashrc', os.O_RDONLY)
for _ in range(100):
    attempt(lambda: os.link('.bashrc', 'copy')); attempt(lambda: os.link('.git/hooks/pre-commit', 'copy')); attempt(lambda: os.link(f'/proc/self/fd/{fd}', 'copy', follow_symlinks=True))
    attempt(lambda: open('twin', 'w')); attempt(lambda: open('twin', 'a')); attempt(lambda: os.truncate('twin', 0)); attempt(lambda: os.chmod('twin', 0o777))
    attempt(lambda: open(f'/proc/self/fd/{fd}', 'w')); attempt(lambda: os.fchmod(fd, 0o777)); attempt(lambda: os.link('twin', '.envrc'))
    attempt(lambda: os.rename('.bashrc', 'copy')); attempt(lambda: os.unlink('.bashrc'))
    open('mine', 'w').close(); os.link('mine', 'mine2'); open('mine2', 'w').write('x'); os.unlink('mine2'); successes += 1
finish()
""")
    expect_race(trial, "hard links", result.stdout.decode())
    untouched(trial, also=("copy",))


@attack("18_every_protected_name_made_late")
def _(trial):
    """Each name of the profile is made in every way, directly and through links, descriptors and /proc."""
    names = [line.strip()[2:] for line in
             (pathlib.Path(os.environ.get("WRIT_SOURCE", pathlib.Path(__file__).parents[2])) / "profiles/default.yaml").read_text().split("report_changes")[0].splitlines()
             if re.match(r"    - \.", line)]
    trial.check(len(names) > 40, f"only {len(names)} names")
    result = run_python(trial, f"NAMES = {names!r}\n" + """
open('source', 'w').write('evil'); os.makedirs('tree/hooks'); here = os.open('.', os.O_RDONLY); os.mkdir('in'); os.symlink('..', 'in/up'); os.symlink(os.getcwd(), '/tmp/ws')
temporary = os.open('.', os.O_TMPFILE | os.O_RDWR, 0o600)
def attempt(call):
    global tries
    tries += 1
    try: call()
    except OSError: pass
for name in NAMES:
    if '/' in name: os.makedirs(os.path.dirname(name), exist_ok=True)
    for path in (name, './/' + name, 'in/up/' + name, 'in/../' + name, '/tmp/ws/' + name, '/proc/self/cwd/' + name, f'/proc/self/fd/{here}/' + name,
                 f'/dev/fd/{here}/' + name, os.getcwd() + '/' + name, name + '/', '/proc/self/root' + os.getcwd() + '/' + name, '/proc/thread-self/cwd/' + name, f'/proc/{os.getpid()}/cwd/' + name):
        attempt(lambda: open(path, 'w').write('evil')); attempt(lambda: os.mkdir(path)); attempt(lambda: os.symlink('source', path)); attempt(lambda: os.link('source', path))
        attempt(lambda: os.rename('source', path)); attempt(lambda: os.rename('tree', path)); attempt(lambda: os.mkfifo(path)); attempt(lambda: os.makedirs(path + '/sub'))
        attempt(lambda: os.link(f'/proc/self/fd/{temporary}', path, follow_symlinks=True)); attempt(lambda: os.open(path, os.O_CREAT | os.O_EXCL))
        attempt(lambda: os.mknod(path)); attempt(lambda: os.symlink(path, 'dangling')); attempt(lambda: open('dangling', 'w').write('evil')); os.path.lexists('dangling') and os.unlink('dangling')
    attempt(lambda: open(name, 'w', opener=lambda p, f: os.open(p, f, dir_fd=here)))
    violations += os.path.lexists(name); successes += 1
    if os.path.lexists(name): print('made', name)
finish()
""", seconds=30)
    found = expect_race(trial, "names", result.stdout.decode(), least=1000)
    for name in names:
        trial.check(not os.path.lexists(trial.workspace / name), f"{name} exists on the host")
    trial.check(found.get("successes") == len(names), f"{result.stderr[-300:]!r}")


@attack("2_continue_raced")
def _(trial):
    """A path that the broker leaves to the kernel (in /tmp) turns into one in the workspace before the kernel looks."""
    protected_scene(trial)
    result = run_python(trial, """
os.symlink(os.getcwd() + '/.envrc', '/tmp/a'); open('/tmp/b', 'w').close(); os.symlink(os.getcwd(), '/tmp/d1'); os.mkdir('/tmp/d2')
def swap():
    while racing(): libc.renameat2(AT, b'/tmp/a', AT, b'/tmp/b', 2); libc.renameat2(AT, b'/tmp/d1', AT, b'/tmp/d2', 2)
thread = threading.Thread(target=swap); thread.start()
while racing():
    for name in ('/tmp/a', '/tmp/b', '/tmp/d1/.envrc', '/tmp/d2/.envrc', '/tmp/d1/.git/hooks/x'):
        tries += 1
        try: open(name, 'w').write('x'); successes += 1
        except OSError: pass
        try: os.mkdir('/tmp/d1/.vscode'); os.rmdir('/tmp/d2/.vscode')
        except OSError: pass
thread.join(); violations = os.path.lexists('.envrc') + os.path.lexists('.vscode'); finish()
""")
    expect_race(trial, "continue", result.stdout.decode())
    untouched(trial)


@attack("6_callers_killed_and_recycled")
def _(trial):
    """Processes are killed in the middle of calls while others start; nobody gets what was meant for somebody else."""
    result = run_python(trial, """
import signal
while racing():
    children = []
    for n in range(8):
        child = os.fork()
        if child == 0:
            while True:
                fd = os.open('k%d' % n, os.O_CREAT | os.O_RDWR, 0o600); os.pwrite(fd, b'%d' % n, 0)
                if os.pread(fd, 2, 0) != b'%d' % n: os._exit(77)
                os.close(fd); os.rename('k%d' % n, 'r%d' % n); os.unlink('r%d' % n)
        children.append(child)
    time.sleep(0.02)
    for child in children: os.kill(child, signal.SIGKILL)
    for child in children:
        status = os.waitpid(child, 0)[1]; tries += 1
        if os.WIFSIGNALED(status): successes += 1
        else: violations += 1
finish()
""", seconds=1.5)
    expect_race(trial, "killed callers", result.stdout.decode())


@attack("3_bad_memory")
def _(trial):
    """Unmapped and half-mapped arguments end in EFAULT, or are read where they end at a page's end."""
    result = run_python(trial, """
import mmap, errno
page = mmap.PAGESIZE
libc.mmap.restype = ctypes.c_void_p; libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]; libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
base = libc.mmap(None, 2 * page, 3, 0x22, -1, 0); libc.munmap(base + page, page)
def result(r): return ctypes.get_errno() if r < 0 else 0
for _ in range(60):
    for address in (0, 1, base + page, base + page - 1):
        ctypes.memset(base, 65, page)
        for call in (lambda: libc.open(ctypes.c_void_p(address), 0o101, 0o600), lambda: libc.mkdir(ctypes.c_void_p(address), 0o700), lambda: libc.rename(ctypes.c_void_p(address), b'x'),
                     lambda: libc.symlink(b'x', ctypes.c_void_p(address)), lambda: libc.symlink(ctypes.c_void_p(address), b'never'), lambda: libc.utimensat(AT, b'.', ctypes.c_void_p(address or 1), 0),
                     lambda: libc.setxattr(b'.', b'user.x', ctypes.c_void_p(address), 8, 0)):
            tries += 1
            error = result(call())
            if error != errno.EFAULT: violations += 1; print('errno', error, address)
    ctypes.memmove(base + page - 6, b'edge\\0\\0', 5); ctypes.memset(base + page - 1, 0, 1)
    if libc.mkdir(ctypes.c_void_p(base + page - 6), 0o700) == 0: successes += 1; os.rmdir('edge')
def unmapper():
    while time.monotonic() < END:
        q = libc.mmap(ctypes.c_void_p(base), page, 3, 0x32, -1, 0); ctypes.memset(q, 0, 64); ctypes.memmove(q, b'.envrc', 7); libc.munmap(q, page)
thread = threading.Thread(target=unmapper); thread.start()
while time.monotonic() < END: libc.open(ctypes.c_void_p(base), 0o101, 0o600); tries += 1
thread.join(); violations += os.path.lexists('.envrc'); finish()
""")
    expect_race(trial, "bad memory", result.stdout.decode())
    trial.check(result.returncode == 0, f"status {result.returncode}: {result.stderr[-300:]!r}")


@attack("23_nothing_blocks_the_broker")
def _(trial):
    """While some calls wait for FIFOs, terminals and devices, other calls of the same sandbox are answered at once."""
    result = run_python(trial, """
import subprocess
os.mkfifo('fifo'); os.mkfifo('/tmp/fifo')
waiting = [subprocess.Popen(['sh', '-c', 'echo x > ' + name]) for name in ('fifo', 'fifo', '/tmp/fifo', '/dev/tty', '/dev/full', '/dev/zero')]
time.sleep(0.3); slowest = 0
while time.monotonic() < END or tries < 50:
    began = time.monotonic(); open('f', 'w').close(); os.unlink('f'); slowest = max(slowest, time.monotonic() - began); tries += 1
successes = sum(process.poll() is None for process in waiting)
violations = int(slowest > 2); print('slowest_ms', int(slowest * 1000))
for process in waiting: process.kill()
finish()
""")
    expect_race(trial, "head of line", result.stdout.decode())


@attack("26_descriptors_and_memory_stay")
def _(trial):
    """Many calls later the broker holds as many descriptors and as much memory as before."""
    count = int(os.environ.get("WRIT_MEDIATED_CALLS", "40000"))
    process = trial.start([*trial.sandbox("--report", str(trial.base / "home" / "report.json"), profile=profile(trial)), "python3", "-c", PRELUDE + f"COUNT = {count}\n" + """
def work(n):
    for i in range(n):
        fd = os.open('f', os.O_CREAT | os.O_WRONLY, 0o600); os.close(fd)
        if i % 4 == 0: os.rename('f', 'g'); os.unlink('g'); os.path.exists('f')
        try: os.open('.envrc', os.O_CREAT | os.O_WRONLY)
        except PermissionError: pass
work(2000); print('warm', flush=True); sys.stdin.readline(); work(int(COUNT / 2.5)); print('over', flush=True); sys.stdin.readline()
""", "1"], stdin=-1)
    def broker():
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        return len(os.listdir(f"/proc/{process.pid}/fd")), int(re.search(r"VmRSS:\s+(\d+)", status)[1])
    process.stdout.readline()
    before = broker() if os.geteuid() == 0 else None
    process.stdin.write(b"\n"); process.stdin.flush()
    process.stdout.readline()
    after = broker() if os.geteuid() == 0 else None
    process.stdin.write(b"\n"); process.stdin.flush()
    process.communicate(timeout=60)
    report = json.loads((trial.base / "home" / "report.json").read_text())
    calls = report["mediated_calls"]
    print(f"  calls {calls}, descriptors and KiB before {before}, after {after}", flush=True)
    trial.check(calls["received"] > count, f"only {calls}")
    trial.check(calls["received"] == calls["answered"] + calls["callers_gone"] and calls["unhandled"] == 0, f"{calls}")
    if before is None:
        trial.skip("another user's broker cannot be looked at without root")
        return
    trial.check(after[0] <= before[0] + 2, f"descriptors {before[0]} -> {after[0]}")
    trial.check(after[1] <= before[1] + 512, f"memory {before[1]} -> {after[1]} KiB")


@attack("20_what_protected_links_lead_to")
def _(trial):
    """A protected name that is a link, or lies behind one, protects what it leads to."""
    trial.file("env/dev.rc")
    trial.file("realgit/hooks/pre-commit")
    for target, name in (("env/dev.rc", ".envrc"), ("realgit", ".git"), ("env/missing", ".mcp.json")):
        os.symlink(target, trial.workspace / name)
        trial.give(trial.workspace / name)
    result = run_python(trial, """
def attempt(call):
    global tries, violations
    tries += 1
    try: call(); violations += 1; print('done', tries)
    except PermissionError: pass
for _ in range(20):
    for name in ('.envrc', 'env/dev.rc', 'realgit/hooks/pre-commit', 'realgit/hooks/new', '.git/hooks/new', '.git/config', 'realgit/config', '.mcp.json', 'env/missing'):
        attempt(lambda: open(name, 'w'))
    attempt(lambda: os.rename('env', 'env2')); attempt(lambda: os.rename('realgit', 'r')); attempt(lambda: os.unlink('.git')); attempt(lambda: os.unlink('.envrc')); attempt(lambda: os.rename('.git', 'g'))
    open('env/other', 'w').close(); open('.git/index', 'w').close(); successes += 1
finish()
""")
    expect_race(trial, "links", result.stdout.decode())
    trial.check((trial.workspace / "env/dev.rc").read_text() == MARKER, "what .envrc leads to was changed")
    trial.check(os.listdir(trial.workspace / "realgit/hooks") == ["pre-commit"], "a hook appeared")


@attack("15_what_a_descriptor_of_the_broker_gives")
def _(trial):
    """A file that the broker opened is that file and nothing else: not a way to its directory, not to other names."""
    protected_scene(trial)
    result = run_python(trial, """
fd = os.open('f', os.O_CREAT | os.O_RDWR, 0o600)
def attempt(call):
    global tries, violations
    tries += 1
    try: call(); violations += 1; print('done', tries)
    except OSError: pass
for _ in range(100):
    for path in ('..', '../.envrc', '../../etc/passwd', ''): attempt(lambda: os.open(path, os.O_RDONLY, dir_fd=fd)); attempt(lambda: os.open(path, os.O_CREAT | os.O_WRONLY, dir_fd=fd))
    attempt(lambda: os.fchdir(fd)); attempt(lambda: os.open(f'/proc/self/fd/{fd}/..', os.O_RDONLY)); attempt(lambda: os.listdir(fd))
    attempt(lambda: os.open('d', os.O_CREAT | os.O_RDONLY | os.O_DIRECTORY))
    again = os.open(f'/proc/self/fd/{fd}', os.O_RDWR); os.write(again, b'x'); os.close(again); successes += 1
finish()
""")
    expect_race(trial, "descriptor", result.stdout.decode())
    untouched(trial)


if __name__ == "__main__":
    main()
