#!/usr/bin/env python3
"""What a session of tools stands: signals, a log that cannot be written, a host that lacks something for a while, small
limits of the person's shell, and results that are made for terminals."""

import json
import os
import pathlib
import pty
import resource
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from tool_sessions import WHO, Session, grant  # noqa: E402
from writ_testing import expect_equal, expect_in, expect_not_in, main, only, wait_until, writ_program  # noqa: E402

REQUIRED = "version: 1\nname: required\nextends: default\naudit: required\n"


def started(case, *words, **popen):
    popen = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **popen}
    return subprocess.Popen([writ_program(), "tool", *words], text=True, cwd=case.workspace, env=case.environment(),
                            **case.identity(), **popen)


def program_of(case, script, *options):
    """A `writ tool run` of a shell script that has begun."""
    (case.workspace / "begun").unlink(missing_ok=True)
    process = started(case, "run", "--profile", "build", *options, "--", "sh", "-c", script)
    assert wait_until((case.workspace / "begun").exists, 30), process.kill() or process.communicate()
    return process


@only("root", "user")
def test_signals_reach_the_program_of_a_tool_run(case):
    tells = "trap 'echo {0}; exit 3' {0}; : > begun; while :; do sleep 0.05; done"
    for number, name in ((signal.SIGINT, "INT"), (signal.SIGQUIT, "QUIT"), (signal.SIGTERM, "TERM"), (signal.SIGHUP, "HUP")):
        process = program_of(case, tells.format(name))
        process.send_signal(number)
        output = process.communicate(timeout=20)[0]
        expect_equal((name, output), (name, f"{name}\n"))
        # As of `writ run`: what asks Writ itself to end is its status.
        expect_equal((name, process.returncode), (name, 3 if name in ("INT", "QUIT") else 128 + number))
    # A program that does not listen is killed by the second one; the control: the first one does not.
    process = program_of(case, "trap '' INT; : > begun; while :; do sleep 0.05; done")
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    expect_equal(process.poll(), None)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    expect_equal(process.returncode, 130)
    case.nothing_left()


@only("user")
def test_a_signal_ends_what_a_request_waits_for(case):
    asks = ("import json, os, socket, struct\n"
            "broker = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, 3)\n"
            "def send(kind, number, payload):\n"
            "    text = json.dumps(payload).encode()\n"
            "    broker.sendall(struct.pack('<4sHHQIHH', b'WRIT', 1, kind, number, len(text), 0, 0) + text)\n"
            "send(1, 0, {'versions': [1], 'client': 'c/1'})\n"
            "broker.recv(65536)\n"
            "open('begun', 'w').close()\n"
            "send(4, 1, REQUEST)\n"
            "broker.recv(65536)\n")
    grant(case, "--right", "read", "clock:sleep")
    grant(case, "--right", "execute", "--effect", "ask", "shell:true")
    for request in ({"name": "clock.sleep", "arguments": {"seconds": 60}},
                    {"name": "shell.run", "arguments": {"argv": ["true"]}}):
        (case.workspace / "begun").unlink(missing_ok=True)
        process = started(case, "run", "--profile", "build", "--subject", WHO, "--approve", "queue", "--", "python3", "-c",
                          asks.replace("REQUEST", repr(request)))
        assert wait_until((case.workspace / "begun").exists, 30), process.kill() or process.communicate()
        time.sleep(0.5)
        expect_equal(process.poll(), None)  # the control: it waits
        if request["name"] == "shell.run":
            expect_in("true", case.writ("approvals", "list").stdout)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
        assert time.monotonic() - began < 15, request
        assert process.returncode != 0
    expect_not_in("hreq_", case.writ("approvals", "list").stdout)
    case.nothing_left()


def limit_process(case, session, name, soft):
    """A soft limit of a running session, set by its own user; the hard one stays."""
    case.on_host("prlimit", "--pid", session.process.pid, f"--{name}={soft}:")


@only("root", "user")
def test_what_cannot_be_recorded_is_not_done_whatever_it_is(case):
    profile = case.base / "required.yaml"
    profile.write_text(REQUIRED)
    case.write("a.txt", "hello\n")
    made = "def run(args, libos):\n    return 'x'"
    harmless = [{"arguments": {}, "expected": "x"}]
    draft = {"name": "other", "description": "d", "language": "python", "source": made, "tests": harmless}
    with Session(case, subject=None, profile=profile) as session:
        session.make_tool("made", made, tests=harmless)
        # The control: with a log that can be written.
        expect_equal(session.value("made"), "x")
        session.value("create_memory_object", name="before", payload=1)
        session.value("propose_jit_tool", **{**draft, "name": "third"})
        # From here on nothing fits into the log. SIGXFSZ must not end the session either.
        log = next((case.home / ".local/state/writ/audit").glob("*.jsonl"))
        limit_process(case, session, "fsize", log.stat().st_size)
        for tool, arguments in (("create_memory_object", {"name": "after", "payload": 1}), ("list_capabilities", {}),
                                ("read_memory_object", {"name": "before"}), ("propose_jit_tool", draft), ("made", {}),
                                ("get_current_time", {}), ("read_file", {"path": "a.txt"}), ("process_exit", {})):
            expect_equal((tool, session.code(tool, **arguments)), (tool, "denied"))
        assert session.close() != 0
        expect_in("could not be recorded", "".join(session.said))
    case.nothing_left()


@only("root", "user")
def test_a_host_that_lacks_something_for_a_while_does_not_end_a_session(case):
    with Session(case, subject=None, profile="default") as session:
        expect_equal(session.value("echo", text="x"), {"text": "x"})
        limit_process(case, session, "nofile", 3)
        codes = [session.call("echo", text="y") for _ in range(6)]  # the first ones find tools that are ready
        expect_equal(codes[-1].get("code"), "failed")
        expect_in("cannot start the tool", codes[-1]["message"])
        limit_process(case, session, "nofile", 1024)
        expect_equal(session.value("echo", text="z"), {"text": "z"})
        expect_equal(session.close(), 0)
    case.nothing_left()


@only("root", "user")
def test_a_small_limit_of_open_files_is_raised_or_said(case):
    case.write("a.txt", "hello\n")
    words = ("tool", "call", "read_file", "--args", '{"path": "a.txt"}')
    for soft in (512, 256, 64):
        result = case.writ(*words, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, 4096)))
        expect_equal((soft, result.returncode, result.stderr), (soft, 0, ""))
    # Also for commands, whose own limit their profile sets.
    shown = case.writ("tool", "call", "run_command", "--command-profile", "build", "--args", '{"argv": ["sh", "-c", "echo ran"]}',
                      preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, 4096)))
    expect_equal(json.loads(shown.stdout)["stdout"], "ran\n")
    result = case.writ(*words, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256)))
    expect_equal((result.returncode, result.stdout), (125, ""))
    expect_in("hard limit of open files is 256, and sandboxes need 579", result.stderr)
    case.nothing_left()


@only("user")
def test_a_result_cannot_steer_a_terminal(case):
    hostile = "a\u009b31mb\u202ec\u2066d\u200ee\U000e0041f\u00e4"
    case.write("a.txt", hostile)
    words = ("call", "read_file", "--args", '{"path": "a.txt"}')
    main_end, terminal = pty.openpty()
    process = started(case, *words, stdout=terminal)
    os.close(terminal)
    shown = b""
    while True:
        try:
            part = os.read(main_end, 65536)
        except OSError:
            break
        if not part:
            break
        shown += part
    process.communicate(timeout=20)
    os.close(main_end)
    text = shown.decode()
    for sign in ("\u009b", "\u202e", "\u2066", "\u200e", "\U000e0041"):
        expect_not_in(sign, text)
    expect_in("ä", text)
    expect_equal(json.loads(text)["text"], hostile)  # it is the same JSON
    # The control: a pipe gets the characters as they are.
    piped = case.writ("tool", *words)
    expect_in(hostile, piped.stdout)


if __name__ == "__main__":
    sys.exit(main(globals()))
