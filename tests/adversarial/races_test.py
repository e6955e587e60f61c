#!/usr/bin/env python3
"""Races around a launch: names that are swapped while the view is made, a broker that is killed at any moment, and many
launches in one workspace."""

import os
import pathlib
import shutil
import signal
import subprocess
import time
import uuid

from attack_harness import MARKER, attack, eventually, main, orphaned_inits, processes_with

# Swaps two names with one system call as fast as it can, until it is killed.
FLIPPER = """
import ctypes, sys
libc = ctypes.CDLL(None, use_errno=True)
one, two = sys.argv[1].encode(), sys.argv[2].encode()
print("ready", flush=True)
while True:
    libc.renameat2(-100, one, -100, two, 2)
"""


def flip(trial, one, two):
    process = trial.start(["/usr/bin/python3", "-c", FLIPPER, str(one), str(two)], uid=trial.owner)
    process.stdout.readline()
    return process


def stop(process):
    process.kill()
    process.wait()


def flips_seen(path, seconds=0.5):
    """How often a name was seen to be another object: the race must really be on."""
    seen, last, end = 0, None, time.monotonic() + seconds
    while time.monotonic() < end:
        now = os.path.islink(path)
        seen += now != last
        last = now
    return seen


@attack("7_protected_name_swapped")
def _(trial):
    """.git is a directory and a link to one outside, by turns, while Writ protects it."""
    target = trial.file(trial.outside / "real/hooks/pre-commit").parents[1]
    trial.file(target / "config")
    trial.file(".git/hooks/pre-commit", "harmless")
    trial.file(".git/config", "harmless")
    os.symlink(target, trial.workspace / "other")
    process = flip(trial, trial.workspace / ".git", trial.workspace / "other")
    trial.check(eventually(lambda: flips_seen(trial.workspace / ".git") > 10, 20), "nothing was swapped")
    script = "cat .git/hooks/* .git/config other/hooks/* other/config; echo evil > .git/hooks/new; echo evil >> .git/config; true"
    ran = 0
    for _ in range(60):
        result = trial.shell_inside(script)
        trial.check(result.returncode in (0, 125), f"status {result.returncode}: {result.stderr[-200:]!r}")
        trial.check(MARKER.encode() not in result.stdout, "what the link leads to was shown")
        ran += result.returncode == 0
    stop(process)
    trial.check(ran > 5, f"only {ran} of 60 runs happened")
    found = sorted(str(path.relative_to(target)) for path in target.rglob("*"))
    trial.check(found == ["config", "hooks", "hooks/pre-commit"], f"outside: {found}")
    trial.check((target / "config").read_text() == MARKER, "outside was changed")


@attack("7_workspace_swapped")
def _(trial):
    """The current directory is swapped for a link outside while Writ starts in it. Its physical name was decided about
    (owner, secrets above it), so what a link leads to must not appear under that name."""
    inner = trial.workspace / "inner"
    trial.file("inner/mine", "harmless")
    trial.file(trial.outside / "secret")
    os.symlink(trial.outside, trial.workspace / "other")
    process = flip(trial, inner, trial.workspace / "other")
    mixed = 0
    for _ in range(60):
        result = trial.run([*trial.sandbox(), "/bin/sh", "-c", "pwd; cat secret 2>/dev/null; true"], cwd=inner)
        lines = result.stdout.decode().splitlines()
        mixed += len(lines) == 2 and lines[1] == MARKER and lines[0] != str(trial.outside)
    stop(process)
    trial.check(mixed == 0, f"{mixed} of 60 runs saw what the link leads to, under the workspace's own name")


@attack("7_granted_tree_swapped")
def _(trial):
    """A read-only grant that becomes a link to what is writable, and the reverse, stays what it was opened as."""
    trial.file("data/file", "harmless")
    trial.file(trial.outside / "file")
    os.symlink(trial.outside, trial.workspace / "other")
    process = flip(trial, trial.workspace / "data", trial.workspace / "other")
    for _ in range(40):
        result = trial.run([*trial.sandbox("--read", str(trial.outside)), trial.attack, "write", str(trial.outside / "file"), "x"])
        trial.check(b"ESCAPED" not in result.stdout, f"written: {result.stdout!r}")
    stop(process)
    trial.check((trial.outside / "file").read_text() == MARKER, "what was granted for reading was written")


@attack("5_program_swapped")
def _(trial):
    """The program is a file of the workspace's and a link to one outside, by turns, also between the decision and the start:
    what runs is what was decided on, or nothing."""
    mine = trial.file("prog", "#!/bin/sh\necho mine\n", mode=0o755)
    trial.file(trial.outside / "tool", f"#!/bin/sh\necho {MARKER}\n", mode=0o755)
    os.symlink(trial.outside / "tool", trial.workspace / "other")
    trial.check(MARKER.encode() in trial.run([trial.workspace / "other"]).stdout, "the control does not run")
    process = flip(trial, mine, trial.workspace / "other")
    trial.check(eventually(lambda: flips_seen(mine) > 10, 20), "nothing was swapped")
    statuses = {}
    for _ in range(120):
        result = trial.run([*trial.sandbox(), "./prog"])
        statuses[result.returncode] = statuses.get(result.returncode, 0) + 1
        trial.check(MARKER.encode() not in result.stdout, "what the link leads to was executed")
        trial.check(result.returncode != 0 or result.stdout == b"mine\n", f"status 0 and {result.stdout!r}")
    stop(process)
    # 125 where it was swapped after the decision, 127 where the link was there already.
    trial.check(set(statuses) <= {0, 2, 125, 126, 127} and statuses.get(0, 0) > 3 and len(statuses) > 1, f"no race: {statuses}")


@attack("49_broker_killed_at_any_moment")
def _(trial):
    mounts = pathlib.Path("/proc/self/mountinfo").read_text()
    temporary = set(os.listdir("/tmp"))
    for step in range(60):
        token = f"killed-{uuid.uuid4().hex}"
        process = trial.start([*trial.sandbox(), "/bin/sh", "-c", f"sleep 30; : {token}"], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
        time.sleep(step * 0.0005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        trial.check(eventually(lambda t=token: not processes_with(t) and not orphaned_inits(), 3), f"alive after {step * 0.5} ms")
    trial.check(pathlib.Path("/proc/self/mountinfo").read_text() == mounts, "mounts are left on the host")
    # Other tests may run meanwhile.
    others = tuple(f"writ-{test}-" for test in ("adversarial", "bench", "cache", "docs", "guard", "names", "terminal", "test"))
    left = [name for name in os.listdir("/tmp") if name not in temporary and "writ" in name and not name.startswith(others)]
    trial.check(not left and not os.listdir(trial.workspace), f"files are left: {left} {os.listdir(trial.workspace)}")


def removed(directory):
    """The kernel ends a killed sandbox within moments, not at once; until then the tool may make new files."""
    shutil.rmtree(directory, ignore_errors=True)
    return not directory.exists()


@attack("49_killed_while_it_keeps")
def _(trial):
    """Killed between what the tool left and the last look: the next run finds it, or it is kept; nothing of the person's is lost."""
    for step in range(20):
        trial.file(".git/HEAD")
        process = trial.start([*trial.sandbox(), "/bin/sh", "-c", "while :; do mkdir -p .git/hooks; echo evil > .git/hooks/x; done"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.05 + step * 0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        trial.check((trial.workspace / ".git/HEAD").exists(), "a file of the person's is lost")
        trial.check(eventually(lambda: removed(trial.workspace / ".git")), "something still writes after the broker's death")
        for path in trial.workspace.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()


@attack("79_many_launches_at_once")
def _(trial):
    """Twenty runs in one workspace: each works, each is protected, none leaves anything."""
    trial.file(".git/hooks/pre-commit")
    trial.file(".git/config")
    script = "echo $1 > out-$1; echo evil >> .git/config; echo evil > .git/hooks/x; mkdir -p .vscode; sleep 0.1; cat out-$1; hostname; ls /proc | grep -c '^[0-9]'"
    runs = [trial.start([*trial.sandbox(), "/bin/sh", "-c", script, "sh", str(number)]) for number in range(20)]
    for number, process in enumerate(runs):
        out, err = process.communicate(timeout=60)
        lines = out.decode().splitlines()
        trial.check(process.returncode == 0 and lines[:1] == [str(number)] and int(lines[2]) < 8,
                    f"run {number}: {process.returncode} {lines} {err[-200:]!r}")
    trial.check((trial.workspace / ".git/config").read_text() == MARKER, "the configuration was changed")
    trial.check(os.listdir(trial.workspace / ".git/hooks") == ["pre-commit"], "a hook was left")
    expected = {".git", *(f"out-{number}" for number in range(20))}
    trial.check(set(os.listdir(trial.workspace)) == expected, f"litter: {set(os.listdir(trial.workspace)) - expected}")


@attack("43_number_reuse")
def _(trial):
    """Runs that end while others start: a signal of one Writ's never reaches the tool of another."""
    long = [trial.start([*trial.sandbox(), "/bin/sh", "-c", "sleep 3; exit 3"]) for _ in range(3)]
    for _ in range(30):
        trial.run([*trial.sandbox("--timeout", "1ms"), "sleep", "5"])
    for process in long:
        trial.check(process.wait(20) == 3, f"status {process.returncode}")


if __name__ == "__main__":
    main()
