#!/usr/bin/env python3
"""docs/protocol.md against the clients: a broker written from the document alone, with bytes packed here, talks to the
Python client, to a C program over libwrit-client, and to the example of the document itself."""

import fcntl
import json
import os
import pathlib
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import traceback

SOURCE = pathlib.Path(os.environ.get("WRIT_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("WRIT_BIN", SOURCE / "build/release/bin/writ")).resolve().parents[1]
sys.path.insert(0, str(SOURCE / "tools/python"))
sys.dont_write_bytecode = True
import writ_client  # noqa: E402

HEADER = struct.Struct("<4sHHQIHH")
HELLO, WELCOME, CALL, REQUEST, REPLY, REFUSAL, RESULT, FAILURE = range(1, 9)
LIMITS = {"message": 65536, "payload": 2097152, "outstanding": 16}
SEALS = 2 | 4 | 8
ADD_SEALS, GET_SEALS = 1033, 1034
FLOOD = "x" * 200000


def expect_equal(found, expected):
    if found != expected:
        raise AssertionError(f"expected {expected!r}\nfound    {found!r}")


def expect_raises(kind, action):
    try:
        action()
    except kind as error:
        return error
    raise AssertionError(f"{kind.__name__} was expected")


def packed(kind, number, payload, **fields):
    text = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    header = {"magic": b"WRIT", "version": 1, "kind": kind, "id": number, "length": len(text), "descriptors": 0,
              "flags": 0, **fields}
    return HEADER.pack(*header.values()) + text


def memory(data, seals=SEALS):
    descriptor = os.memfd_create("test", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(descriptor, data)
    fcntl.fcntl(descriptor, ADD_SEALS, seals)
    return descriptor


class Broker:
    """The broker's end, in a thread; `tool` is the other end. What a script raises fails the test."""

    def __init__(self, script):
        self.socket, self.tool = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.script = script
        self.error = None
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        try:
            self.script(self)
        except BaseException as error:  # told by join()
            self.error = error
        finally:
            self.socket.close()

    def join(self):
        self.tool.close()
        self.thread.join(30)
        if self.error:
            raise self.error

    def send(self, packet, descriptors=()):
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack(f"{len(descriptors)}i", *descriptors))]
        self.socket.sendmsg([packet], rights if descriptors else [])

    def say(self, kind, number, payload):
        self.send(packed(kind, number, payload))

    def read(self):
        """The next message as (type, id, payload, came in a descriptor); None at the end."""
        packet, control, flags, _ = self.socket.recvmsg(65536, socket.CMSG_SPACE(16), socket.MSG_CMSG_CLOEXEC)
        if not packet:
            return None
        magic, version, kind, number, length, descriptors, message_flags = HEADER.unpack_from(packet)
        expect_equal((magic, version, flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC)), (b"WRIT", 1, 0))
        expect_equal((message_flags, descriptors), (len(control), len(control)))  # only payloads come to a broker
        text = packet[24:]
        if message_flags == 1:
            expect_equal(text, b"")
            (descriptor,) = struct.unpack("i", control[0][2])
            expect_equal(fcntl.fcntl(descriptor, GET_SEALS) & SEALS, SEALS)
            text = os.pread(descriptor, length + 1, 0)
            os.close(descriptor)
        expect_equal(len(text), length)
        return kind, number, json.loads(text), message_flags == 1

    def expect(self, kind, payload):
        """Reads a message, compares it, and gives its id back."""
        found = self.read()
        expect_equal(found and (found[0], found[2]), (kind, payload))
        return found[1]

    def greet(self, name):
        expect_equal(self.expect(HELLO, {"versions": [1], "client": name}), 0)
        self.say(WELCOME, 0, {"version": 1, "limits": LIMITS})


def serve_all(name):
    """A conversation with one of everything; both clients are led through it."""

    def script(broker):
        broker.greet(name)
        first = broker.expect(REQUEST, {"name": "filesystem.open", "arguments": {"path": "grün"}})
        reader, writer = os.pipe()
        os.write(writer, b"granted")
        os.close(writer)
        broker.send(packed(REPLY, first, {"value": {"size": 7}}, descriptors=1), [reader])
        os.close(reader)
        second = broker.expect(REQUEST, {"name": "filesystem.stat", "arguments": {}})
        assert second > first, (first, second)
        broker.say(CALL, 5, {"tool": "count_lines", "arguments": {"path": "a\nb"}})  # while a request waits
        broker.say(REFUSAL, second, {"code": "denied", "correlation": "c-17"})
        third = broker.read()  # a large request, and a large answer to it
        expect_equal((third[2]["name"], third[2]["arguments"], third[3]),
                     ("filesystem.write_text", {"text": FLOOD}, True))
        text = json.dumps({"value": FLOOD}).encode()
        payload = memory(text)
        broker.send(packed(REPLY, third[1], b"", length=len(text), descriptors=1, flags=1), [payload])
        os.close(payload)
        expect_equal(broker.expect(RESULT, {"value": {"lines": 2, "length": len(FLOOD)}}), 5)
        expect_equal(broker.read(), None)

    return script


def open_descriptors():
    return len(os.listdir("/proc/self/fd"))


def python_client(broker, name="test-python/1"):
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, os.dup(broker.tool.fileno()))
    broker.tool.close()
    return writ_client.BrokerClient(connection, name)


def test_python_client_converses():
    before = open_descriptors()
    broker = Broker(serve_all("test-python/1"))
    with python_client(broker) as client:
        reply = client.request("filesystem.open", path="grün")
        expect_equal(reply.value, {"size": 7})
        with open(reply.descriptors[0], "rb") as granted:
            expect_equal(granted.read(), b"granted")
        refused = expect_raises(writ_client.Refused, lambda: client.request("filesystem.stat"))
        expect_equal((refused.code, refused.correlation), ("denied", "c-17"))
        flood = client.request("filesystem.write_text", text=FLOOD).value
        call = client.next_call()
        expect_equal((call.tool, call.arguments), ("count_lines", {"path": "a\nb"}))
        expect_raises(ValueError, lambda: client.finish(call.id + 1, 0))
        client.finish(call.id, {"lines": 2, "length": len(flood)})
        expect_raises(ValueError, lambda: client.fail(call.id, "late", ""))
        expect_raises(ValueError, lambda: client.request("clock.now"))
    broker.join()
    expect_equal(open_descriptors(), before)


def test_python_client_fails_a_call():
    def script(broker):
        broker.greet("test-python/1")
        broker.say(CALL, 9, {"tool": "t", "arguments": {}})
        expect_equal(broker.expect(FAILURE, {"code": "why", "message": "x" * 4095}), 9)

    broker = Broker(script)
    with python_client(broker) as client:
        client.fail(client.next_call().id, "why", "x" * 4095 + "ä")  # which would end in the middle of the ä
        expect_raises(writ_client.Closed, client.next_call)
    broker.join()


def bad_answers():
    """name → what is sent instead of the reply 1: a packet, and descriptors that are made for it."""
    value = {"value": 1}
    deep = b'{"value":' + b"[" * 100000 + b"]" * 100000 + b"}"
    null = lambda: os.open("/dev/null", os.O_RDONLY)  # noqa: E731
    outside = packed(REPLY, 1, b"", length=11, descriptors=1, flags=1)
    return {
        "magic": (packed(REPLY, 1, value, magic=b"WRIU"), []),
        "version": (packed(REPLY, 1, value, version=2), []),
        "type": (packed(9, 1, value), []),
        "flags": (packed(REPLY, 1, value, flags=2), []),
        "id": (packed(REPLY, 2, value), []),
        "short": (b"WRIT", []),
        "length": (packed(REPLY, 1, value, length=3), []),
        "oversized": (packed(REPLY, 1, {"value": "x" * 70000}), []),
        "unannounced descriptor": (packed(REPLY, 1, value), [null]),
        "missing descriptor": (packed(REPLY, 1, value, descriptors=2), [null]),
        "five descriptors": (packed(REPLY, 1, value, descriptors=5), [null] * 5),
        "descriptor of a refusal": (packed(REFUSAL, 1, {"code": "denied", "correlation": ""}, descriptors=1), [null]),
        "list": (packed(REPLY, 1, b"[]"), []),
        "no JSON": (packed(REPLY, 1, b"{"), []),
        "constant": (packed(REPLY, 1, b'{"value":NaN}'), []),
        "repeated key": (packed(REPLY, 1, b'{"value":1,"value":2}'), []),
        "bytes": (packed(REPLY, 1, b'{"value":"\xff"}'), []),
        "form": (packed(REPLY, 1, {"value": 1, "more": 2}), []),
        "code": (packed(REFUSAL, 1, {"code": "no_such_code", "correlation": ""}), []),
        "unsealed": (outside, [lambda: memory(b'{"value":1}', 2 | 4)]),
        "no memory": (outside, [null]),
        "other size": (outside, [lambda: memory(b'{"value":12}')]),
        "deep": (packed(REPLY, 1, b"", length=len(deep), descriptors=1, flags=1), [lambda: memory(deep)]),
        "second welcome": (packed(WELCOME, 0, {"version": 1, "limits": LIMITS}), []),
    }


def answer_with(name, packet, makers):
    def script(broker):
        broker.greet(name)
        broker.expect(REQUEST, {"name": "x", "arguments": {}})
        descriptors = [make() for make in makers]
        broker.send(packet, descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        expect_equal(broker.read(), None)  # the client closed

    return script


def test_python_client_leaves_a_broker_that_breaks_the_protocol():
    before = open_descriptors()
    for what, (packet, makers) in bad_answers().items():
        broker = Broker(answer_with("test-python/1", packet, makers))
        client = python_client(broker)
        try:
            expect_raises(writ_client.ProtocolError, lambda: client.request("x"))
            expect_raises(writ_client.Closed, lambda: client.request("x"))
            broker.join()
            expect_equal(open_descriptors(), before)
        except AssertionError as error:
            raise AssertionError(f"{what}: {error}") from error


def test_python_client_sends_nothing_above_the_limits():
    def script(broker):
        broker.greet("test-python/1")
        expect_equal(broker.read()[2]["name"], "last")
        broker.say(REPLY, 1, {"value": None})

    broker = Broker(script)
    deep = []
    for _ in range(40):
        deep = [deep]
    with python_client(broker) as client:
        for value in ("x" * 3000000, deep, dict.fromkeys(map(str, range(1025))), [0] * 200000, float("nan"), object()):
            expect_raises(ValueError, lambda value=value: client.request("x", value=value))
        expect_equal(client.request("last").value, None)
    broker.join()


def test_python_client_without_a_broker():
    os.environ.pop("WRIT_BROKER_FD", None)
    expect_raises(KeyError, writ_client.BrokerClient.open)
    broker = Broker(lambda broker: broker.read())  # and closes instead of a welcome
    expect_raises(writ_client.Closed, lambda: python_client(broker))
    broker.join()


def inherited(broker, command):
    """Runs a program with the tool's end as descriptor 3, the way a tool is started."""
    spare = fcntl.fcntl(broker.tool.fileno(), fcntl.F_DUPFD_CLOEXEC, 10)
    done = subprocess.run(command, env={**os.environ, "WRIT_BROKER_FD": "3"}, preexec_fn=lambda: os.dup2(spare, 3),
                          close_fds=False, capture_output=True, text=True, timeout=60)
    os.close(spare)
    return done


def test_the_example_of_the_document_works():
    document = (SOURCE / "docs/protocol.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```python\n(.*?)^```", document, re.DOTALL | re.MULTILINE)
    assert example.count("\n") <= 40, "the example is to be short"

    def script(broker):
        broker.greet("minimal/1")
        number = broker.expect(REQUEST, {"name": "clock.now", "arguments": {}})
        broker.say(REPLY, number, {"value": {"unix_ms": 0, "iso": "1970-01-01T00:00:00Z"}})

    broker = Broker(script)
    done = inherited(broker, [sys.executable, "-c", example])
    broker.join()
    expect_equal((done.stdout, done.stderr, done.returncode), ("1970-01-01T00:00:00Z\n", "", 0))


C_PROGRAM = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "writ_client.h"

static struct writ_error error;

static void must(int holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "%s: %s %s %s\n", what, error.code, error.correlation, error.message);
  exit(1);
}

static int fault(writ_client *client) {
  int result = writ_client_request(client, "x", NULL, NULL, NULL, NULL, &error);
  printf("%d %s", result, error.code);
  writ_client_request(client, "x", NULL, NULL, NULL, NULL, &error);
  printf(" %s\n", error.code);
  writ_client_close(client);
  return 0;
}

int main(int count, char **words) {
  char *value = NULL, *tool = NULL, *arguments = NULL, bytes[16] = {0}, *large = malloc(200100);
  int descriptors[WRIT_CLIENT_DESCRIPTORS];
  size_t descriptor_count = WRIT_CLIENT_DESCRIPTORS;
  uint64_t id = 0;
  writ_client *client = writ_client_open(-1, "test-c/1", &error);
  must(client != NULL, "open");
  if (count > 1 && strcmp(words[1], "fault") == 0) return fault(client);
  must(writ_client_request(client, "filesystem.open", "{\"path\":\"gr\\u00fcn\"}", &value, descriptors,
                           &descriptor_count, &error) == 0, "first");
  must(descriptor_count == 1 && read(descriptors[0], bytes, 15) == 7, "descriptor");
  printf("%s %s\n", value, bytes);
  writ_client_free(value);
  must(writ_client_request(client, "filesystem.stat", NULL, &value, NULL, NULL, &error) == -1, "second");
  printf("%s %s\n", error.code, error.correlation);
  strcpy(large, "{\"text\":\"");
  memset(large + 9, 'x', 200000);
  strcpy(large + 200009, "\"}");
  must(writ_client_request(client, "filesystem.write_text", large, &value, NULL, NULL, &error) == 0, "third");
  must(writ_client_next_call(client, &tool, &arguments, &id, &error) == 0, "call");
  printf("%s %s\n", tool, arguments);
  snprintf(large, 200100, "{\"lines\": 2, \"length\": %zu}", strlen(value) - 2);
  must(writ_client_finish(client, id, large, &error) == 0, "finish");
  writ_client_free(value);
  writ_client_free(tool);
  writ_client_free(arguments);
  writ_client_close(client);
  free(large);
  return 0;
}
"""


class Compiled:
    """The C program, linked with the static library and with the shared one; made once."""

    def __init__(self):
        self.directory = tempfile.TemporaryDirectory(prefix="writ-client-test-")
        self.programs = {}

    def program(self, kind):
        if kind not in self.programs:
            place = pathlib.Path(self.directory.name)
            (place / "client.c").write_text(C_PROGRAM, encoding="utf-8")
            libraries = BUILD / "tools/client"
            link = {"static": [str(libraries / "libwrit-client.a"), "-lboost_json", "-lstdc++"],
                    "shared": [f"-L{libraries}", f"-Wl,-rpath,{libraries}", "-lwrit-client"]}[kind]
            subprocess.run([compiler(), "-std=c99", "-D_POSIX_C_SOURCE=200809L", "-Wall", "-Wextra", "-Werror",
                            f"-I{SOURCE / 'tools/client'}", "-o", str(place / kind), str(place / "client.c"), *link],
                           check=True)
            self.programs[kind] = str(place / kind)
        return self.programs[kind]


COMPILED = Compiled()


def compiler():
    return shutil.which(os.environ.get("CC", "cc")) or shutil.which("gcc") or shutil.which("clang")


def test_c_library_converses():
    for kind in ("static", "shared"):
        broker = Broker(serve_all("test-c/1"))
        done = inherited(broker, [COMPILED.program(kind)])
        broker.join()
        expect_equal((done.stderr, done.returncode), ("", 0))
        expect_equal(done.stdout.splitlines(), ['{"size": 7} granted', "denied c-17",
                                                'count_lines {"path": "a\\nb"}'])


def test_c_library_leaves_a_broker_that_breaks_the_protocol():
    for what, (packet, makers) in bad_answers().items():
        broker = Broker(answer_with("test-c/1", packet, makers))
        done = inherited(broker, [COMPILED.program("static"), "fault"])
        broker.join()
        expect_equal((what, done.stdout, done.stderr), (what, "-1 protocol closed\n", ""))


def test_the_shared_library_shows_its_interface_only():
    library = BUILD / "tools/client/libwrit-client.so"
    symbols = subprocess.run(["nm", "-D", "--defined-only", str(library)], check=True, capture_output=True, text=True)
    names = {line.split()[-1].split("@")[0] for line in symbols.stdout.splitlines()} - {"WRIT_CLIENT_1"}
    header = (SOURCE / "tools/client/writ_client.h").read_text(encoding="utf-8")
    expect_equal(names, set(re.findall(r"\b(writ_client_\w+)\(", re.sub(r"/\*.*?\*/", "", header, flags=re.DOTALL))))


def main():
    if not compiler():
        print("SKIPPED: there is no C compiler")
        return 77
    if not (BUILD / "tools/client/libwrit-client.a").exists():
        print(f"{BUILD}: libwrit-client is not built")
        return 1
    failures = 0
    tests = {name: test for name, test in globals().items() if name.startswith("test_")}
    for name, test in tests.items():
        try:
            test()
            print(f"ok   {name}")
        except Exception:
            failures += 1
            print(f"FAIL {name}")
            traceback.print_exc(file=sys.stdout)
    print(f"{len(tests) - failures} of {len(tests)} tests passed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
