#!/usr/bin/env python3
"""What a tool that was made at run time reaches by itself: nothing. The control of each is the same text outside of the
sandbox, where it succeeds."""

import json
import os
import pathlib
import socket
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from scenes import Later  # noqa: E402
from tool_sessions import Session, grant  # noqa: E402
from writ_testing import expect_equal, main, only  # noqa: E402

# The same text runs here and outside: what each thing came to.
REACH = """
import errno, os, socket, subprocess
def attempt(action):
    try:
        action()
        return "done"
    except BaseException as error:
        return type(error).__name__
def connect(port):
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        return connection.recv(4)
def unix_socket(path):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
def write(path):
    with open(path, "w") as file: file.write("made")
def read(path):
    with open(path) as file: return file.read()
def signal_parent(pid):
    os.kill(pid, 0)
def processes():
    children = []
    try:
        for i in range(60):
            child = os.fork()
            if child == 0:
                os.close(release)
                os.read(held, 1)
                os._exit(0)
            children.append(child)
    finally:
        os.close(release)
        for child in children: os.waitpid(child, 0)
def ran_from_scratch():
    path = os.path.join(os.environ.get("TMPDIR", "/tmp"), "program")
    with open(path, "w") as file: file.write("#!/bin/sh\\nexit 0\\n")
    os.chmod(path, 0o755)
    subprocess.run([path], check=True)
def run(args, libos):
    global held, release
    if not args: return "x"
    held, release = os.pipe()
    found = {}
    found["file of the workspace"] = attempt(lambda: read(args["file"]))
    found["writing in the workspace"] = attempt(lambda: write(args["made"]))
    found["file of the home"] = attempt(lambda: read(args["home"]))
    found["other file"] = attempt(lambda: read("/etc/hostname"))
    found["names in the workspace"] = attempt(lambda: os.listdir(os.path.dirname(args["file"])))
    found["socket"] = attempt(lambda: socket.socket())
    found["connection"] = attempt(lambda: connect(args["port"]))
    found["unix socket"] = attempt(lambda: unix_socket(args["unix"]))
    found["signal"] = attempt(lambda: signal_parent(args["pid"]))
    found["other process"] = attempt(lambda: read("/proc/%d/status" % args["pid"]))
    found["new program"] = attempt(ran_from_scratch)
    found["processes"] = attempt(processes)
    return found
"""


class Listening:
    """Servers at 127.0.0.1 and at a unix socket, which anybody may connect to."""

    def __init__(self, path):
        self.inet = socket.create_server(("127.0.0.1", 0))
        self.unix = socket.socket(socket.AF_UNIX)
        self.unix.bind(os.fspath(path))
        os.chmod(path, 0o777)
        self.unix.listen()
        self.thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        for server in (self.inet, self.unix):
            server.shutdown(socket.SHUT_RDWR)
            server.close()
        self.thread.join(10)

    @property
    def port(self):
        return self.inet.getsockname()[1]

    def _serve(self):
        try:
            while True:
                self.inet.accept()[0].close()
        except OSError:
            return


def test_a_made_tool_reaches_nothing_by_itself(case):
    case.write("file", "content")
    case.write_home("note", "content")
    case.give(case.home / "note")  # the control is the owner of the workspace
    path = case.base / "socket"
    with Listening(path) as servers, Session(case) as session:
        # A process of the same user, which the control may signal.
        sleeper = case.on_host("sh", "-c", "sleep 60 > /dev/null 2>&1 & echo $!").stdout.strip()
        try:
            arguments = {"file": str(case.workspace / "file"), "made": str(case.workspace / "made"), "home": str(case.home / "note"),
                         "port": servers.port, "unix": str(path), "pid": int(sleeper)}
            session.make_tool("reach", REACH, tests=[{"arguments": {}, "expected": "x"}])
            inside = session.value("reach", **arguments)
            expect_equal([what for what, came in inside.items() if came == "done"], [])
            assert not (case.workspace / "made").exists()
            # The control: the same text outside of the sandbox.
            outside = case.on_host("/usr/bin/python3", "-c", REACH + f"import json\nprint(json.dumps(run({arguments!r}, None)))")
            expect_equal({what: came for what, came in json.loads(outside.stdout).items() if came != "done"}, {})
            assert (case.workspace / "made").exists()
        finally:
            os.kill(int(sleeper), 9)
    case.nothing_left()


@only("user")
def test_a_fork_bomb_ends_with_its_call(case):
    bomb = "import os\ndef run(args, libos):\n    if not args: return 'x'\n    while True:\n        try: os.fork()\n        except OSError: pass"
    with Session(case) as session:
        session.make_tool("bomb", bomb, tests=[{"arguments": {}, "expected": "x"}])
        call = Later(session.call, "bomb", now=True)
        time.sleep(1)
        assert case.on_host("true").returncode == 0  # the host and the person go on
        expect_equal(call.answer()["code"], "timed_out")
        expect_equal(session.value("list_capabilities")["capabilities"], [])
    case.nothing_left()


@only("user", "root")
def test_what_it_reads_by_asking_is_what_the_session_may(case):
    # Utility beside all of this: with a capability a made tool does its work, by asking.
    case.write("numbers", "1\n2\n3\n")
    grant(case, "--right", "read", "filesystem:workspace:numbers")
    grant(case, "--right", "write", "filesystem:workspace:sum")
    work = ("def run(args, libos):\n    text = libos.syscall('filesystem.read_text', {'path': 'numbers'})['text']\n"
            "    libos.syscall('filesystem.write_text', {'path': 'sum', 'text': str(sum(map(int, text.split())))})\n    return 'x'")
    with Session(case) as session:
        session.make_tool("work", work, tests=[{"arguments": {}, "expected": "x"}])
        expect_equal(session.value("work"), "x")
    expect_equal((case.workspace / "sum").read_text(), "6")
    case.assert_owned("sum")


if __name__ == "__main__":
    sys.exit(main(globals()))
