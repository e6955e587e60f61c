#!/usr/bin/env python3
"""Races against rules that ask: an answer is about the very object and place that were asked about, whatever the path leads to
by then; nobody is flooded, and nothing waits for ever. Each race prints how often it ran."""

import os
import shutil
import time

from asking_trials import LOOK, PRELUDE, asked_place, expect_race, numbers, run_inside, with_peer
from asking import Peer, answer_file, ask_profile
from attack_harness import IS_ROOT, MARKER, attack, eventually, main, processes_with


def turn(trial, target):
    """The link in the workspace leads to `target` from now on. The tool could do that as well, only not so well timed."""
    os.symlink(target, trial.workspace / "new")
    trial.give(trial.workspace / "new")
    os.rename(trial.workspace / "new", trial.workspace / "link")


@attack("74_link_turned_while_the_question_waits")
def _(trial):
    """`once` is said about one file; until then the path leads to another one. What comes is the file that was asked about."""
    place = asked_place(trial)
    profile = ask_profile(trial.base, [(f"{place}/*", LOOK)])
    def decide(question):
        turn(trial, place / "secretxx")
        return "once" if question["object"]["text"].endswith("/harmless") else "deny"
    result, peer = with_peer(trial, decide, profile, """
for _ in range(8):
    os.symlink(PLACE + '/harmless', 'mine'); os.rename('mine', 'link')
    tries += 1
    try: text = read('link')
    except OSError as error: text = str(error.errno)
    successes += text == 'harmless'; violations += text == SECRET or os.readlink('link') != PLACE + '/secretxx'
finish()
""", place)
    found = expect_race(trial, "link", result, least=8)
    trial.check(found.get("successes") == 8, f"{result.stdout!r}")
    trial.check(peer.objects() == [f"{place}/harmless"] * 8, f"{peer.objects()}")


@attack("74_other_place_joined_by_a_turned_link")
def _(trial):
    """`run` is said about one place; by then the path leads to another place. That one must not join the view."""
    place, other = asked_place(trial), asked_place(trial, "private")
    profile = ask_profile(trial.base, [(f"{place}/*", LOOK), (f"{other}/*", LOOK)])
    turn(trial, place / "harmless")
    def decide(question):
        turn(trial, other / "secretxx")
        return "run" if question["object"]["text"].startswith(str(place)) else "deny"
    result, peer = with_peer(trial, decide, profile, f"OTHER = {str(other)!r}\n" + """
def attempt(path):
    global tries, violations
    tries += 1
    try: violations += read(path) == SECRET
    except OSError: pass
attempt('link'); attempt(OTHER + '/secretxx'); attempt('link'); attempt(OTHER)
try: violations += bool(os.listdir(OTHER))
except OSError: pass
successes += read(PLACE + '/sub/leaf') == 'harmless'; finish()
""", place)
    expect_race(trial, "other place", result, least=4)
    trial.check(peer.objects()[0] == f"{place}/harmless", f"{peer.objects()}")


@attack("1_path_buffer_flipped")
def _(trial):
    """Two threads flip the path between a file that is answered with `once` and one that is denied, while others open it."""
    place = asked_place(trial)
    profile = ask_profile(trial.base, [(f"{place}/*", LOOK)])
    answers = answer_file(trial.base, ("once", "read", place / "harmless"))
    program = compiled(trial, "flip-open", FLIP_OPEN_C)
    if not program:
        return
    result = trial.run([*trial.sandbox("--quiet", "--approve", answers, profile=profile), program, "4", place / "harmless", place / "secretxx"])
    found = expect_race(trial, "buffer", result, least=50)
    trial.check(found.get("refused", 0) > 0, f"the denied name was never seen: {found}")


@attack("7_tree_changes_on_the_host")
def _(trial):
    """On the host a directory in the place is exchanged with a link out of it, again and again, while its file is opened."""
    place = asked_place(trial)
    outside = trial.directory("elsewhere", trial.uid)
    trial.file(outside / "leaf", MARKER)
    for target, name in ((outside, "absolute"), ("../elsewhere", "relative")):
        os.symlink(target, place / name)
    profile = ask_profile(trial.base, [(f"{place}/*", LOOK)])
    answers = answer_file(trial.base, ("once", "read", f"{place}/*"))
    flipper = trial.start(["python3", "-c", """
import ctypes, sys, time
libc = ctypes.CDLL(None)
end = time.monotonic() + 20
while time.monotonic() < end:
    for name in (b'absolute', b'relative'):
        for _ in range(2): libc.renameat2(-100, b'sub', -100, name, 2)
"""], cwd=place, uid=0 if IS_ROOT else None)
    result = run_inside(trial, profile, """
other = 0
while time.monotonic() < END:
    tries += 1
    try: text = read(PLACE + '/sub/leaf')
    except OSError: other += 1; continue
    successes += text == 'harmless'; violations += text == SECRET
print('other', other); finish()
""", place, "--approve", answers)
    flipper.kill()
    flipper.wait()
    found = expect_race(trial, "exchange", result, least=50)
    trial.check(found.get("other", 0) > 0, f"the exchange never hit: {found}")


@attack("74_object_renamed_on_the_host")
def _(trial):
    """While the question waits another file takes the name of the one that was asked about."""
    place = asked_place(trial)
    profile = ask_profile(trial.base, [(f"{place}/*", LOOK)])
    turns = []
    def decide(question):
        turns.append(question["object"]["text"])
        os.rename(place / "harmless", place / "kept")
        os.rename(place / "secretxx", place / "harmless")
        return "once"
    result, _ = with_peer(trial, decide, profile, """
tries += 1; text = read(PLACE + '/harmless'); successes += text == 'harmless'; violations += text == SECRET; finish()
""", place)
    expect_race(trial, "renamed", result, least=1)
    trial.check(len(turns) == 1, f"{turns}")
    trial.check((place / "harmless").read_text() == MARKER, "the name was not taken over: nothing was tried")


@attack("6_callers_killed_while_they_wait")
def _(trial):
    place = asked_place(trial)
    profile = ask_profile(trial.base, [(f"{place}/*", LOOK)])
    result, peer = with_peer(trial, lambda q: "once" if q["object"]["text"].endswith("leaf") else None, profile, """
import signal
for _ in range(6):
    children = []
    for n in range(10):
        child = os.fork()
        if child == 0:
            try: read(PLACE + '/harmless')
            except OSError: time.sleep(60)
            os._exit(77)
        children.append(child)
    time.sleep(0.15)
    for child in children: os.kill(child, signal.SIGKILL)
    for child in children:
        tries += 1; violations += not os.WIFSIGNALED(os.waitpid(child, 0)[1])
try: successes += read(PLACE + '/sub/leaf') == 'harmless'
except PermissionError: successes += 1  # too many questions by then
finish()
""", place)
    expect_race(trial, "killed callers", result, least=60)
    trial.check(len(peer.questions) >= 3, f"hardly anybody asked: {len(peer.questions)}")
    trial.check({message["cause"] for message in peer.withdrawn} <= {"asker_gone"}, f"{peer.withdrawn[:3]}")


@attack("9_two_hundred_ask_at_once")
def _(trial):
    """Some are asked about, the others denied; all calls end, and other calls are answered meanwhile."""
    place = asked_place(trial)
    for n in range(200):
        trial.file(place / f"many/{n}", "harmless")
    profile = ask_profile(trial.base, [(f"{place}/*", LOOK)])
    asked = []
    def decide(_):
        time.sleep(3 if not asked else 0.2)
        asked.append(True)
        return "once"
    result, peer = with_peer(trial, decide, profile, """
results = []
def ask(n):
    try: results.append(read(f'{PLACE}/many/{n}'))
    except OSError as error: results.append(error.errno)
threads = [threading.Thread(target=ask, args=(n,)) for n in range(200)]
[thread.start() for thread in threads]
calls = 0
while any(thread.is_alive() for thread in threads): os.stat('/usr'); open('mine', 'w').close(); calls += 1; time.sleep(0.01)
tries = len(results); successes = results.count('harmless'); refused = results.count(errno.EACCES)
violations = tries - successes - refused; print('refused', refused, 'calls', calls); finish()
""", place)
    found = expect_race(trial, "200 threads", result, least=200)
    trial.check(found.get("successes") == len(peer.questions) <= 64, f"{found}, {len(peer.questions)} questions")
    trial.check(found.get("calls", 0) > 40, f"other calls waited for the questions: {found}")
    trial.check(found.get("refused", 0) > 100, f"{found}")


FLIP_COMMON = """
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
static volatile char path[4096];
static volatile int over;
static const char *good, *bad;
static void *flipper(void *none) {
  (void)none;
  size_t at = 0, length = strlen(good);
  while (good[at] == bad[at]) ++at;
  while (!over) {
    memcpy((char *)path + at, good + at, length - at);
    for (volatile int i = 0; i < 2000; ++i) {}
    memcpy((char *)path + at, bad + at, length - at);
    for (volatile int i = 0; i < 2000; ++i) {}
  }
  return 0;
}
static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + t.tv_nsec / 1e9; }
static void begin(char **argv) {
  good = argv[2]; bad = argv[3];
  if (strlen(good) != strlen(bad)) exit(9);
  strcpy((char *)path, good);
  pthread_t thread;
  pthread_create(&thread, 0, flipper, 0);
}
"""
FLIP_OPEN_C = FLIP_COMMON + """
int main(int argc, char **argv) {
  if (argc < 4) return 9;
  begin(argv);
  long tries = 0, successes = 0, refused = 0, violations = 0;
  for (double end = now() + atof(argv[1]); now() < end; ++tries) {
    int fd = open((char *)path, O_RDONLY);
    if (fd < 0) { refused += errno == EACCES; continue; }
    char text[64] = {0};
    if (read(fd, text, 63) > 0) { if (!strcmp(text, "harmless")) ++successes; else ++violations; }
    close(fd);
  }
  printf("tries %ld successes %ld refused %ld violations %ld\\n", tries, successes, refused, violations);
  return 0;
}
"""
FLIP_EXEC_C = FLIP_COMMON + """
extern char **environ;
int main(int argc, char **argv) {
  if (argc < 4) return 9;
  begin(argv);
  long tries = 0, successes = 0, refused = 0, violations = 0;
  char *arguments[] = {"x", 0};
  for (double end = now() + atof(argv[1]); now() < end; ++tries) {
    pid_t child;  // vfork: the child's path is our memory, which the other thread goes on changing
    int error = posix_spawn(&child, (char *)path, 0, 0, arguments, environ), status = 0;
    if (error != 0) { refused += error == EACCES; continue; }
    waitpid(child, &status, 0);
    if (WEXITSTATUS(status) == 7) ++successes;
    if (WEXITSTATUS(status) == 8) ++violations;
  }
  printf("tries %ld successes %ld refused %ld violations %ld\\n", tries, successes, refused, violations);
  return 0;
}
"""


def compiled(trial, name, source):
    gcc = shutil.which("gcc")
    if not gcc:
        trial.skip("no compiler")
        return None
    (trial.bin / f"{name}.c").write_text(source)
    trial.run([gcc, "-O1", "-pthread", "-o", str(trial.bin / name), str(trial.bin / f"{name}.c")], uid=0 if IS_ROOT else None)
    return trial.bin / name


@attack("35_program_flipped_at_execve")
def _(trial):
    """The kernel reads the path of execve again after the broker let it go on: what it may execute then is still bounded."""
    place = asked_place(trial)
    program = compiled(trial, "flip-exec", FLIP_EXEC_C)
    if not program:
        return
    allowed = trial.base / "tools"
    allowed.mkdir()
    for directory, status in ((allowed, 7), (place, 8)):
        trial.file(directory / "program", f"#!/bin/sh\nexit {status}\n", mode=0o755)
    profile = ask_profile(trial.base, [(f"{place}/*", "read, list, execute"), f"effect: allow, rights: [read, list, execute], path: '{allowed}/*'"])
    control = trial.run([program, "2", allowed / "program", place / "program"])
    trial.check(numbers(control.stdout.decode()).get("violations", 0) > 0, f"the control proves nothing: {control}")
    result = trial.run([*trial.sandbox("--quiet", "--approve", "deny", profile=profile), program, "4", allowed / "program", place / "program"])
    found = expect_race(trial, "execve", result, least=5)
    trial.check(found.get("refused", 0) > 0, f"the denied program was never seen: {found}")


@attack("49_questions_end_with_the_run")
def _(trial):
    """A run that is ended while calls wait leaves no process and no question without an end."""
    place = asked_place(trial)
    profile = ask_profile(trial.base, [(f"{place}/*", LOOK)])
    for end in ("kill", "terminate"):
        with Peer(lambda _: None) as peer:
            process = trial.start([*trial.sandbox(*peer.options, profile=profile), "python3", "-c", PRELUDE + """
for n in range(5): threading.Thread(target=lambda: read(PLACE + '/harmless'), daemon=True).start()
time.sleep(50)
""", str(place), MARKER, "4"], **peer.passed)
            peer.wait_for(5)
            getattr(process, end)()
            trial.check(process.wait(20) is not None, "the run did not end")
    trial.check(eventually(lambda: not processes_with(str(place)), 10), "processes of the sandbox are left")


if __name__ == "__main__":
    main()
