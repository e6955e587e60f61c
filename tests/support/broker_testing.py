"""A `writ broker` for one test, and what the tests of it ask."""

import contextlib
import json
import os
import signal
import socket
import struct
import subprocess

from writ_testing import expect_equal, wait_until, writ_program

HELLO, WELCOME, CALL, REQUEST, REPLY, REFUSAL = 1, 2, 3, 4, 5, 6


class Broker:
    """One broker of a case, in a runtime directory of its own."""

    def __init__(self, case, *options, environment=None, prefix=()):
        self.case = case
        self.directory = case.base / "runtime"
        if not self.directory.exists():
            self.directory.mkdir()
            case.give_to_writ(self.directory)
            self.directory.chmod(0o700)
        self.environment = case.environment(XDG_RUNTIME_DIR=str(self.directory), **(environment or {}))
        self.path = self.directory / "writ" / "broker.socket"
        self.log = open(case.base / "broker.log", "ab")
        self.process = subprocess.Popen([*prefix, writ_program(), "broker", *options], env=self.environment, cwd=case.workspace,
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                        start_new_session=True, **case.identity())
        assert wait_until(lambda: self.answers() or self.process.poll() is not None, 20), "the broker did not start"
        assert self.process.poll() is None, self.said()

    def said(self):
        return (self.case.base / "broker.log").read_text(errors="replace")

    def answers(self):
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
            client.connect(str(self.path))
            return True
        return False

    def writ(self, *words, **options):
        return self.case.writ(*map(str, words), environment=self.environment, **options)

    def run(self, *options, program, **popen):
        return self.case.run("--broker", *options, program=program, environment=self.environment, **popen)

    def start(self, *options, program, **popen):
        return self.case.start("--broker", *options, program=program, environment=self.environment, **popen)

    def detach(self, *options, program):
        done = self.case.run("--detach", *options, program=program, environment=self.environment)
        expect_equal((done.returncode, done.stderr), (0, ""))
        return int(done.stdout)

    def sandboxes(self, *options):
        done = self.writ("ps", "--json", *options)
        expect_equal((done.returncode, done.stderr), (0, ""))
        return {entry["sandbox"]: entry for entry in json.loads(done.stdout)["sandboxes"]}

    def record(self, number):
        done = self.writ("inspect", number)
        expect_equal((done.returncode, done.stderr), (0, ""))
        return json.loads(done.stdout)["sandbox"]

    def wait_for_state(self, number, *states):
        assert wait_until(lambda: self.record(number)["state"] in states), (number, self.record(number), self.said())
        return self.record(number)

    def end(self, how=signal.SIGTERM, seconds=20):
        if self.process.poll() is None:
            self.process.send_signal(how)
        self.process.wait(timeout=seconds)
        self.log.close()
        return self.process.returncode

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(timeout=20)
        self.log.close()


class Client:
    """A client of the broker's socket, byte by byte (docs/protocol.md)."""

    def __init__(self, broker):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(20)
        # The broker asks the kernel who connected: it must be whoever runs it.
        own, wanted = os.geteuid(), broker.case.identity().get("user", os.geteuid())
        os.seteuid(wanted)
        try:
            self.socket.connect(str(broker.path))
        finally:
            os.seteuid(own)
        self.next = 0

    def raw(self, data, descriptors=()):
        socket.send_fds(self.socket, [data], list(descriptors)) if descriptors else self.socket.send(data)

    def send(self, kind, identity, payload, descriptors=()):
        text = json.dumps(payload).encode()
        self.raw(b"WRIT" + struct.pack("<HHQIHH", 1, kind, identity, len(text), len(descriptors), 0) + text, descriptors)

    def receive(self):
        """(type, id, payload, descriptors); None where the broker has closed."""
        try:
            data, descriptors, _, _ = socket.recv_fds(self.socket, 1 << 17, 8)
        except ConnectionResetError:
            return None
        if not data:
            return None
        _, kind, identity, _, _, flags = struct.unpack("<HHQIHH", data[4:24])
        if flags & 1:
            with os.fdopen(descriptors.pop(0), "rb") as memory:
                return kind, identity, json.loads(memory.read()), descriptors
        return kind, identity, json.loads(data[24:]), descriptors

    def hello(self):
        self.send(HELLO, 0, {"versions": [1], "client": "test/1"})
        expect_equal(self.receive()[0], WELCOME)
        return self

    def ask(self, name, arguments, descriptors=()):
        self.next += 1
        self.send(REQUEST, self.next, {"name": name, "arguments": arguments}, descriptors)
        kind, identity, payload, received = self.receive()
        expect_equal(identity, self.next)
        return kind, payload, received

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


__all__ = ["Broker", "Client", "HELLO", "WELCOME", "CALL", "REQUEST", "REPLY", "REFUSAL"]
