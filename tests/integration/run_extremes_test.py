#!/usr/bin/env python3
"""Much of everything, and workspaces that are odd or change: correct behaviour or a clear error."""

import itertools
import os
import pathlib
import pty
import resource
import shutil
import subprocess
import sys
import threading
import time
import tty

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from writ_testing import (ROOT, Skip, expect_equal, expect_in, main, only, writ_program)  # noqa: E402

BASE = "version: 1\nname: bad\nextends: default\n"


# --- much of everything ---


def test_very_long_arguments_and_environments(case):
    page, limit = os.sysconf("SC_PAGESIZE"), os.sysconf("SC_ARG_MAX")
    longest = "x" * (32 * page - 1)  # MAX_ARG_STRLEN with its null byte
    expect_equal(case.output(program=["sh", "-c", "echo ${#1}", "sh", longest]), f"{32 * page - 1}\n")
    many = ["y" * 1000] * ((limit - 200_000) // 1009)
    expect_equal(case.output(program=["sh", "-c", "echo $#", "sh", *many]), f"{len(many)}\n")
    environment = case.environment(LC_LONG="z" * 100_000)
    expect_equal(case.output(program=["sh", "-c", "echo ${#LC_LONG}"], environment=environment), "100000\n")
    case.nothing_left()


def test_ten_thousand_grants(case):
    """Too many for a command line: by a profile. Either they all work, or the refusal says why."""
    case.write("x")
    top = case.base / "many"
    top.mkdir()
    for number in range(10_000):
        (top / f"{number}").touch()
    lines = "".join(f"    - {top}/{number}\n" for number in range(10_000))
    profile = case.write_home("many.yaml", f"{BASE}filesystem:\n  read:\n{lines}")
    started = time.monotonic()
    result = case.run("--profile", profile, program=["sh", "-c", f"ls {top} | wc -l"])
    assert time.monotonic() - started < 60
    if result.returncode == 0:
        expect_equal(result.stdout, "10000\n")
    else:
        expect_equal(result.returncode, 125)
        assert result.stderr.startswith("writ: ") and len(result.stderr) < 2000, result.stderr[:500]
    case.nothing_left()


def test_a_thousand_grants_by_options(case):
    top = case.base / "many"
    top.mkdir()
    options = []
    for number in range(1000):
        (top / f"{number}").mkdir()
        options += ["--read", top / f"{number}"]
    expect_equal(case.output(*options, program=["sh", "-c", f"ls {top} | wc -l"]), "1000\n")


def test_few_descriptors_and_little_memory_for_writ_itself(case):
    def limited(kind, value):
        return lambda: resource.setrlimit(kind, (value, value))
    for kind, value in ((resource.RLIMIT_NOFILE, 4), (resource.RLIMIT_NOFILE, 8), (resource.RLIMIT_NOFILE, 16),
                        (resource.RLIMIT_AS, 1 << 20), (resource.RLIMIT_AS, 16 << 20), (resource.RLIMIT_FSIZE, 0),
                        (resource.RLIMIT_STACK, 64 << 10), (resource.RLIMIT_MEMLOCK, 0)):
        result = case.run(program=["true"], preexec_fn=limited(kind, value))
        # The kernel itself may refuse to start a program in so little memory; Writ must never crash.
        assert result.returncode in (0, 125, 126) or (kind == resource.RLIMIT_AS and result.returncode in (127, -11, -9)), (kind, value, result)
        if result.returncode in (125, 126):
            assert result.stderr.startswith("writ: "), (kind, value, result)
    if not case.runs_as_root:
        result = case.run(program=["true"], preexec_fn=limited(resource.RLIMIT_NPROC, 1))
        expect_equal((result.returncode, result.stderr[:6]), (125, "writ: "))
    case.nothing_left()


def test_odd_file_types_in_the_workspace(case):
    os.mkfifo(case.workspace / ".envrc")
    os.symlink("/etc/passwd", case.workspace / ".bashrc")
    os.symlink(".vscode", case.workspace / ".vscode")
    os.mkdir(case.workspace / ".git")
    (case.workspace / ".git/hooks").write_text("a file")
    for name in (".envrc", ".bashrc", ".vscode", ".git", ".git/hooks"):
        case.give(case.workspace / name)
    before = sorted(str(path) for path in case.workspace.rglob("*"))
    result = case.run(program=["echo", "fine"])
    expect_equal((result.returncode, result.stdout), (0, "fine\n"))
    expect_equal(sorted(str(path) for path in case.workspace.rglob("*")), before)


def test_a_workspace_that_changes_while_it_is_being_opened(case):
    stop = threading.Event()

    def churn():
        while not stop.is_set():
            (case.workspace / ".vscode").mkdir(exist_ok=True)
            try:
                (case.workspace / ".vscode").rmdir()
            except FileNotFoundError:  # taken for the tool's, and quarantined
                pass
    thread = threading.Thread(target=churn, daemon=True)
    thread.start()
    try:
        statuses = [case.run(program=["true"]) for _ in range(60)]
    finally:
        stop.set()
        thread.join()
    assert all(result.returncode in (0, 125) for result in statuses)
    assert all(result.stderr.startswith("writ: ") for result in statuses if result.returncode)


if __name__ == "__main__":
    sys.exit(main(globals()))
