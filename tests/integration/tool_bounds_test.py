#!/usr/bin/env python3
"""What bounds a session: --manifest and the ceiling hold for what a capability gives too, and a socket of the host that
a program got by a capability stays with its peer."""

import json
import os
import pathlib
import socket
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from ceiling_test import FOR_RUN, HEAD, Host  # noqa: E402
from tool_sessions import WHO, Session, grant  # noqa: E402
from writ_testing import expect_equal, expect_in, main, only, wait_until, writ_program  # noqa: E402

READS_WORKSPACE = "version: 1\nname: reading\nfilesystem: {read: ['${workspace}']}\n"


def manifest(case, text, name="bound.yaml"):
    path = case.base / name
    path.write_text(text)
    return "--manifest", path


class Server:
    """Accepts connections at 127.0.0.1, says something to each, and keeps it open unless it speaks HTTP."""

    def __init__(self, says=b"hello"):
        self.says = says

    def __enter__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.kept = []
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.socket.shutdown(socket.SHUT_RDWR)
        for connection in [*self.kept, self.socket]:
            connection.close()

    @property
    def port(self):
        return self.socket.getsockname()[1]

    def _serve(self):
        try:
            while True:
                connection = self.socket.accept()[0]
                self.kept.append(connection)
                connection.sendall(self.says)
                if self.says.startswith(b"HTTP"):
                    connection.recv(1000)
                    connection.close()
        except OSError:
            return


def what_a_session_may(case, url, *options):
    """Each thing with what came of it; the subject holds capabilities for all of it."""
    with Session(case, *options) as session:
        found = {"write": session.call("write_file", path="src/a", text="x"), "read": session.call("read_file", path="kept"),
                 "delete": session.call("delete", path="gone"), "connect": session.call("http_get", url=url)}
        session.close()
        said = "".join(session.said)
    return {name: "done" if answer["ok"] else answer["code"] for name, answer in found.items()}, said


@only("root", "user")
def test_a_capability_does_not_go_past_a_manifest(case):
    for name in ("kept", "gone", "src/b"):
        case.write(name, "hello\n")
    with Server(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n") as server:
        url = f"http://127.0.0.1:{server.port}/"
        grant(case, "--right", "read", "--right", "write", "--right", "delete", "filesystem:workspace:*")
        grant(case, "--right", "connect", f"network:127.0.0.1:{server.port}")
        found, said = what_a_session_may(case, url, *manifest(case, READS_WORKSPACE))
        expect_equal(found, {"write": "denied", "read": "done", "delete": "denied", "connect": "denied"})
        expect_in("beyond --manifest or the ceiling", said)
        assert not (case.workspace / "src/a").exists() and (case.workspace / "gone").exists()
        # Two of them give what both have.
        narrow = manifest(case, "version: 1\nname: narrow\nfilesystem: {read: ['${workspace}/src']}\n", "narrow.yaml")
        expect_equal(what_a_session_may(case, url, *manifest(case, READS_WORKSPACE), *narrow)[0]["read"], "denied")
        # What it wants asked, a capability answers, as in a run.
        asking = ("version: 1\nname: asking\nrules:\n"
                  "  - {effect: ask, rights: [read], path: '${workspace}/*', reason: look twice}\n"
                  f"  - {{effect: allow, rights: [connect], address: '127.0.0.1:{server.port}'}}\n")
        found = what_a_session_may(case, url, *manifest(case, asking, "asking.yaml"))[0]
        expect_equal((found["read"], found["connect"], found["write"]), ("done", "done", "denied"))
        # The control: without a bound the capabilities give all of it.
        found = what_a_session_may(case, url)[0]
        expect_equal(set(found.values()), {"done"})
    case.nothing_left()


@FOR_RUN
def test_a_capability_does_not_go_past_the_ceiling(case):
    case.write("a", "hello\n")
    grant(case, "--right", "read", "filesystem:workspace:a")
    grant(case, "--right", "write", "filesystem:workspace:made")
    words = ("tool", "call", "write_file", "--subject", WHO, "--profile", "nothing", "--args", '{"path": "made", "text": "x"}')
    reading = ("tool", "call", "read_file", "--subject", WHO, "--profile", "nothing", "--args", '{"path": "a"}')
    with Host() as host:
        host.ceiling.write_text(HEAD + "rules:\n  - {effect: allow, rights: [read], path: /*}\n")
        result = host.writ(case, *words)
        expect_equal(result.returncode, 1)
        expect_in("ceiling", result.stderr)
        assert not (case.workspace / "made").exists()
        expect_equal(host.writ(case, *reading).returncode, 0)
        # A program with a socket of its own.
        asks = ("import json, os, socket, struct\n"
                "broker = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, 3)\n"
                "def send(kind, number, payload):\n"
                "    text = json.dumps(payload).encode()\n"
                "    broker.sendall(struct.pack('<4sHHQIHH', b'WRIT', 1, kind, number, len(text), 0, 0) + text)\n"
                "send(1, 0, {'versions': [1], 'client': 'c/1'})\n"
                "send(4, 1, {'name': 'filesystem.write_text', 'arguments': {'path': 'made', 'text': 'x'}})\n"
                "for _ in range(2): answer = broker.recv(65536)[24:].decode()\n"
                "print(answer)\n")
        program = ("tool", "run", "--subject", WHO, "--profile", "readonly", "--", "python3", "-c", asks)
        host.ceiling.write_text(HEAD + "extends: readonly\n")
        result = host.writ(case, *program)
        expect_equal(result.returncode, 0)
        expect_in('"denied"', result.stdout)
        assert not (case.workspace / "made").exists()
        # The controls: a ceiling that has it, and none.
        host.ceiling.write_text(HEAD + "extends: default\n")
        expect_in('"created"', host.writ(case, *program).stdout)
        os.unlink(case.workspace / "made")
        host.ceiling.unlink()
        expect_equal(host.writ(case, *words).returncode, 0)
    case.nothing_left()


# What a socket can be made to do: each attempt with what came of it.
AIM = """
import ctypes, errno, socket, struct
libc = ctypes.CDLL(None, use_errno=True)
def attempt(action):
    try:
        action()
        return "done"
    except OSError as error:
        return errno.errorcode[error.errno]
def unconnect(sock):
    address = struct.pack("=H14x", socket.AF_UNSPEC)
    if libc.connect(sock.fileno(), address, len(address)) != 0:
        raise OSError(ctypes.get_errno(), "connect")
def aim(sock, port):
    found = {}
    found["unconnect"] = attempt(lambda: unconnect(sock))
    found["bind"] = attempt(lambda: sock.bind(("127.0.0.1", 0)))
    found["listen"] = attempt(sock.listen)
    return found
def aim_elsewhere(sock, port):
    found = {"unconnect": attempt(lambda: unconnect(sock))}
    found["connect"] = attempt(lambda: sock.connect(("127.0.0.1", port)))
    return found
"""
PROGRAM = """
import json, os, pathlib, sys, time
sys.path.insert(0, "client")
import writ_client
allowed, other = int(sys.argv[1]), int(sys.argv[2])
def connected(broker):
    reply = broker.request("network.connect", host="127.0.0.1", port=allowed)
    return socket.socket(fileno=os.dup(reply.descriptors[0]))
with writ_client.BrokerClient.open() as broker:
    try:
        connected(broker)
        early = "given"
    except writ_client.Refused as refusal:
        early = refusal.code
    broker.request("filesystem.write_text", path="ready", text="x")
    while not os.path.exists("granted"): time.sleep(0.02)
    first, second = connected(broker), connected(broker)
    found = {"early": early, "aim": aim(first, other), "elsewhere": aim_elsewhere(second, other),
             "peer": first.getpeername()[1] == allowed, "hello": first.recv(5).decode()}
    own = socket.socket()
    own.bind(("127.0.0.1", 0))
    own.listen()
    client = socket.create_connection(own.getsockname(), 5)
    found["own loopback"] = "works" if own.accept()[0].getpeername() == client.getsockname() else "differs"
    print(json.dumps(found))
"""


def test_a_connection_that_is_granted_later_cannot_be_aimed_elsewhere(case):
    case.write("client/writ_client.py", (pathlib.Path(__file__).resolve().parents[2] / "tools/python/writ_client.py").read_text())
    with Server() as allowed, Server() as other:
        process = subprocess.Popen([writ_program(), "tool", "run", "--subject", WHO, "--", "python3", "-c", AIM + PROGRAM,
                                    str(allowed.port), str(other.port)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, cwd=case.workspace, env=case.environment(),
                                   **case.identity())
        assert wait_until((case.workspace / "ready").exists, 30), process.kill() or process.communicate()
        grant(case, "--right", "connect", f"network:127.0.0.1:{allowed.port}")
        case.write("granted")
        output, errors = process.communicate(timeout=60)
        expect_equal((process.returncode, errors.count("Traceback")), (0, 0))
        found = json.loads(output)
        expect_equal((found["early"], found["peer"], found["hello"], found["own loopback"]), ("denied", True, "hello", "works"))
        attempts = {**found["aim"], **{"then " + name: came for name, came in found["elsewhere"].items()}}
        expect_equal([name for name, came in attempts.items() if came == "done"], [])
        expect_equal(len(other.kept), 0)
        # The control: the same with a socket that nothing guards.
        control = (f"{AIM}\nimport json\nallowed, other = {allowed.port}, {other.port}\n"
                   "first, second = (socket.create_connection(('127.0.0.1', allowed)) for _ in range(2))\n"
                   "print(json.dumps([aim(first, other), aim_elsewhere(second, other)]))")
        outside = json.loads(case.on_host("/usr/bin/python3", "-c", control).stdout)
        expect_equal({came for each in outside for came in each.values()}, {"done"})
        assert wait_until(lambda: len(other.kept) == 1)
    case.nothing_left()


if __name__ == "__main__":
    sys.exit(main(globals()))
