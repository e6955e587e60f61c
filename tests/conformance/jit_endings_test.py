#!/usr/bin/env python3
"""Conformance of tools made at run time: assertion 45, what is too long, too large or abandoned is ended with all that it
has started."""

import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from scenes import ALL_LANGUAGES, HARMLESS, HARMLESS_TEST, Later  # noqa: E402
from tool_sessions import Session, grant  # noqa: E402
from writ_testing import expect_equal, main, marked_processes, need, only, wait_until  # noqa: E402


def test_45_source_that_is_too_long_is_refused(case):
    with Session(case) as session:
        def proposed(size):
            source = HARMLESS["python"] + "\n#"
            return session.call("propose_jit_tool", name="made", description="d", language="python", source=source + "x" * (size - len(source)),
                                tests=HARMLESS_TEST)
        expect_equal(proposed(65537)["code"], "invalid_arguments")
        # Bytes, not characters.
        letters = session.call("propose_jit_tool", name="made", description="d", language="python", source="#" + "é" * 33000)
        expect_equal(letters["code"], "invalid_arguments")
        tests = [{"arguments": {"text": "x"}, "expected": "x"}]
        for more in ({"tests": tests * 33}, {"tests": [{"arguments": {"text": "x" * 33000}, "expected": "x"}]}):
            expect_equal(session.code("propose_jit_tool", name="made", description="d", language="python", source=HARMLESS["python"], **more), "invalid_arguments")
        accepted = proposed(65536)  # the ablation: one byte less
        expect_equal(session.value("validate_jit_tool", candidate=accepted["value"]["candidate"])["valid"], True)


LARGE = {"python": "def run(args, libos):\n    return 'x' * args['size']",
         "javascript": "async function run(args, libos) { return 'x'.repeat(args.size); }",
         "shell": "size=$(echo \"$LIBOS_ARGUMENTS\" | tr -dc 0-9)\nhead -c $size /dev/zero | tr '\\0' x"}


def test_45_output_that_is_too_long_ends_it(case):
    need("node")
    with Session(case) as session:
        for language in ALL_LANGUAGES:
            session.make_tool("large_" + language, LARGE[language], language, [{"arguments": {"size": 3}, "expected": "xxx"}])
            for size in (300_000, 5_000_000):
                expect_equal((language, size, session.code("large_" + language, size=size)), (language, size, "too_large"))
            # The ablation: within the bound it comes whole.
            expect_equal((language, session.value("large_" + language, size=100_000)), (language, "x" * 100_000))
    case.nothing_left()


# Children that have gone their own ways, and none of them ends by being asked. Each has the mark in its command line.
ENDLESS = {
    "python": "import os, signal, subprocess\n"
              "def run(args, libos):\n"
              "    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
              "    for detached in (False, True):\n"
              "        subprocess.Popen(['sh', '-c', 'trap \"\" TERM HUP; while :; do sleep 60; done', args['mark']], start_new_session=detached)\n"
              "    libos.syscall('filesystem.write_text', {'path': args['sign'], 'text': ''})\n"
              "    while True: signal.pause()",
    "javascript": "async function run(args, libos) {\n"
                  "  process.on('SIGTERM', () => {});\n"
                  "  const { spawn } = require('child_process');\n"
                  "  for (const detached of [false, true])\n"
                  "    spawn('sh', ['-c', 'trap \"\" TERM HUP; while :; do sleep 60; done', args.mark], { detached, stdio: 'ignore' });\n"
                  "  await libos.syscall('filesystem.write_text', { path: args.sign, text: '' });\n"
                  "  await new Promise(() => setInterval(() => {}, 1000));\n"
                  "}",
    "shell": "trap '' TERM HUP\n"
             "mark=$(echo \"$LIBOS_ARGUMENTS\" | sed 's/.*\"mark\": *\"\\([^\"]*\\)\".*/\\1/')\n"
             "sign=$(echo \"$LIBOS_ARGUMENTS\" | sed 's/.*\"sign\": *\"\\([^\"]*\\)\".*/\\1/')\n"
             "sh -c 'while :; do sleep 60; done' \"$mark\" &\n"
             "setsid sh -c 'while :; do sleep 60; done' \"$mark\" &\n"
             "libos_syscall filesystem.write_text \"{\\\"path\\\": \\\"$sign\\\", \\\"text\\\": \\\"\\\"}\" > /dev/null\n"
             "while :; do sleep 60; done"}


def begin_endless(case, session, language):
    """A tool that does not end; returns the call, as soon as all of its processes are there."""
    mark = f"{case.mark}-inside-{language}"
    # Valid without being run for long: its test passes by failing before it begins.
    source = ENDLESS[language]
    quick = {"python": "    if 'mark' not in args: return 'x'\n", "javascript": "  if (!args.mark) return 'x';\n"}
    if language == "shell":
        source = "case $LIBOS_ARGUMENTS in *mark*) ;; *) echo '\"x\"'; exit 0 ;; esac\n" + source
    else:
        first = source.index("\n", source.index("run(args")) + 1
        source = source[:first] + quick[language] + source[first:]
    session.make_tool("endless_" + language, source, language, [{"arguments": {}, "expected": "x"}])
    call = Later(session.call, "endless_" + language, mark=mark, sign="sign-" + language)
    started = wait_until(lambda: (case.workspace / f"sign-{language}").exists() and len(marked_processes(mark)) >= 2, 20)
    assert started, f"{language}: its processes are not there: {marked_processes(mark)} {session.said}"
    return call, mark


def gone(mark, seconds=8):
    return wait_until(lambda: not marked_processes(mark), seconds)


@only("user", "root")
def test_45_its_time_ends_the_whole_tree(case):
    need("node")
    grant(case, "--right", "write", "filesystem:workspace:*")
    sessions = [Session(case) for _ in ALL_LANGUAGES]
    try:
        began = time.monotonic()
        running = [begin_endless(case, *each) for each in zip(sessions, ALL_LANGUAGES)]
        for (call, mark), language, session in zip(running, ALL_LANGUAGES, sessions):
            expect_equal((language, call.answer()["code"]), (language, "timed_out"))
            assert gone(mark, 3), f"{language}: processes are left"
            assert session.value("list_capabilities")["capabilities"]  # the session goes on
        assert time.monotonic() - began < 20
    finally:
        for session in sessions:
            session.close()
    case.nothing_left()


def test_45_killing_the_host_ends_the_whole_tree(case):
    need("node")
    grant(case, "--right", "write", "filesystem:workspace:*")
    for language in ALL_LANGUAGES:
        session = Session(case)
        call, mark = begin_endless(case, session, language)
        session.process.send_signal(signal.SIGKILL)
        session.process.wait(30)
        assert gone(mark), f"{language}: processes are left"
        call.thread.join(10)
        session.close()
        (case.workspace / f"sign-{language}").unlink()
    case.nothing_left()


@only("user", "root")
def test_45_ending_the_host_ends_the_whole_tree(case):
    grant(case, "--right", "write", "filesystem:workspace:*")
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        session = Session(case)
        call, mark = begin_endless(case, session, "python")
        session.process.send_signal(number)
        session.process.wait(30)
        assert gone(mark), f"{number}: processes are left"
        call.thread.join(10)
        session.close()
        (case.workspace / "sign-python").unlink()
    case.nothing_left()


@only("user")
def test_45_the_end_of_input_ends_everything(case):
    grant(case, "--right", "write", "filesystem:workspace:*")
    session = Session(case)
    call, mark = begin_endless(case, session, "python")
    session.process.stdin.close()
    expect_equal(session.close(), 0)  # what was begun is brought to its end, and that is bounded
    assert gone(mark), "processes are left"
    call.thread.join(10)
    case.nothing_left()


@only("user")
def test_45_a_tree_without_its_sandbox_outlives_its_starter(case):
    # The control of the four above: the same child, started outside of any sandbox.
    mark = f"{case.mark}-outside"
    code = ("import subprocess, sys\nsubprocess.Popen(['sh', '-c', 'trap \"\" TERM HUP; while :; do sleep 1; done', sys.argv[1]],"
            " start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)")
    case.on_host("/usr/bin/python3", "-c", code, mark)
    assert not gone(mark, 1), "nothing has outlived it"


def test_45_calls_are_counted(case):
    many = "def run(args, libos):\n    for i in range(args['count']):\n        try: libos.syscall('clock.now')\n        except libos.Refused: pass\n    return 'x'"
    with Session(case) as session:
        session.make_tool("many", many, tests=[{"arguments": {"count": 1}, "expected": "x"}])
        expect_equal(session.code("many", count=65), "limit")
        expect_equal(session.value("many", count=64), "x")  # the ablation: one less
    case.nothing_left()


if __name__ == "__main__":
    sys.exit(main(globals()))
