#!/usr/bin/env python3
"""Rules that ask about addresses: the call waits, somebody answers, and the very same call completes or fails. All servers
are the test's own, on the loopback of this machine."""

import contextlib
import os
import pathlib
import pty
import select
import signal
import socket
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from answering import Somebody, approvals  # noqa: E402
from writ_testing import expect_equal, expect_in, main, only, wait_until  # noqa: E402

DENIED, IN_PROGRESS, CONNECTED = "13", "115", "106"


@contextlib.contextmanager
def serving(family=socket.AF_INET):
    """A server that says hello and forgets; knows how many came."""
    class Server:
        count = 0
    with socket.socket(family) as listening:
        listening.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
        listening.listen(64)
        Server.port = listening.getsockname()[1]
        stop = threading.Event()

        def serve():
            while not stop.is_set():
                if not select.select([listening], [], [], 0.05)[0]:
                    continue
                with listening.accept()[0] as connection:
                    Server.count += 1
                    with contextlib.suppress(OSError):
                        connection.sendall(b"hello")
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield Server
        finally:
            stop.set()
            thread.join()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def profile(case, *addresses, rights="connect", effect="ask", extra=""):
    lines = "".join(f"  - {{effect: {effect}, rights: [{rights}], address: '{address}', reason: it leaves}}\n"
                    for address in addresses)
    path = case.base / "asking.yaml"
    path.write_text(f"version: 1\nname: asking-test\nextends: default\nrules:\n{lines}{extra}")
    return ["--profile", path]


HELPERS = """
import errno, os, select, socket, sys, threading, time
def connect(port, host="127.0.0.1", family=socket.AF_INET):
    s = socket.socket(family)
    error = s.connect_ex((host, int(port)))
    return f"{error}:{s.recv(5).decode()}" if error == 0 else str(error)
"""


def python(case, script, *options, arguments=(), **rest):
    return case.run(*options, program=["/usr/bin/python3", "-c", HELPERS + script, *map(str, arguments)], **rest)


def words(result):
    assert result.returncode == 0, f"{result.returncode}: {result.stdout}{result.stderr}"
    return result.stdout.split()


TWICE = "print(connect(sys.argv[1]), connect(sys.argv[1]))"


def test_an_answer_of_a_program(case):
    with serving() as server:
        options = profile(case, f"localhost:{server.port}")
        for answer, result, count in (("once", ["0:hello"] * 2, 2), ("run", ["0:hello"] * 2, 1), ("deny", [DENIED] * 2, 2)):
            with Somebody(answer) as somebody:
                done = python(case, TWICE, *options, *somebody.options, arguments=[server.port], **somebody.inherited)
                expect_equal((answer, words(done)), (answer, result))
                expect_equal((answer, len(somebody.questions)), (answer, count))
                question = somebody.questions[0]
                expect_equal(question["object"], {"kind": "address", "text": f"127.0.0.1:{server.port}"})
                expect_equal((question["rights"], question["rule"]["text"]), (["connect"], f"ask connect localhost:{server.port}"))
                expect_in("asking.yaml:5", question["rule"]["origin"])
                expect_equal(question["rule"]["reason"], "it leaves")
                expect_in("python3", question["asker"]["program"])
                expect_equal(question["answers"], ["deny", "once", "run", "always"])
        expect_equal(server.count, 4)


def test_what_is_denied_is_listed_with_the_answer(case):
    with serving() as server, Somebody("deny") as somebody:
        result, report = case.report(*profile(case, f"localhost:{server.port}"), *somebody.options, program=[
            "/usr/bin/python3", "-c", HELPERS + TWICE, str(server.port)], **somebody.inherited)
        expect_equal(result.stdout.split(), [DENIED, DENIED])
        (denial,) = report["network_denials"]
        expect_equal((denial["call"], denial["address"], denial["times"]), ("connect", f"127.0.0.1:{server.port}", 2))
        expect_in("it leaves; the answer was no (descriptor", denial["because"])
        expect_in("the answer was no", result.stderr)
        expect_equal([(entry["kind"], entry["object"], entry["rights"], entry["answer"], entry["cause"])
                      for entry in report["approvals"]],
                     [("address", f"127.0.0.1:{server.port}", "connect", "deny", "descriptor")] * 2)
        expect_equal(server.count, 0)


def test_for_the_run_is_that_address_and_port(case):
    with serving() as server, serving() as other, Somebody("run") as somebody:
        script = "print(*[connect(port) for port in sys.argv[1:]])"
        ports = [server.port, other.port, server.port, other.port]
        result = python(case, script, *profile(case, "localhost:*"), *somebody.options, arguments=ports, **somebody.inherited)
        expect_equal(words(result), ["0:hello"] * 4)
        expect_equal([question["object"]["text"] for question in somebody.questions],
                     [f"127.0.0.1:{server.port}", f"127.0.0.1:{other.port}"])


def test_for_ever_is_a_file_of_the_persons(case):
    with serving() as server:
        options = profile(case, f"localhost:{server.port}", f"127.0.0.2:{server.port}")
        with Somebody("always") as somebody:
            result = python(case, TWICE, *options, *somebody.options, arguments=[server.port], **somebody.inherited)
            expect_equal((words(result), len(somebody.questions)), (["0:hello"] * 2, 1))
            rule = somebody.questions[0]["always_rule"]
        written = case.home / ".config/writ/approvals/asking-test.yaml"
        expect_in(rule, written.read_text())
        with Somebody("deny") as somebody:
            script = "print(connect(sys.argv[1]), connect(sys.argv[1], '127.0.0.2'))"
            result = python(case, script, *options, *somebody.options, arguments=[server.port], **somebody.inherited)
            expect_equal(words(result), ["0:hello", DENIED])
            expect_equal([question["object"]["text"] for question in somebody.questions], [f"127.0.0.2:{server.port}"])
        # With --approve=deny nothing is allowed but by the profile.
        expect_equal(words(python(case, TWICE, *options, "--approve=deny", arguments=[server.port])), [DENIED] * 2)


def test_an_approval_file(case):
    with serving() as server:
        options = profile(case, f"localhost:{server.port}")
        for entry, result in (("effect: once", "0:hello"), ("effect: run", "0:hello"), ("effect: deny", DENIED)):
            file = approvals(case, f"{entry}, rights: [connect], address: 'localhost:{server.port}'")
            expect_equal((entry, words(python(case, TWICE, *options, *file, arguments=[server.port]))), (entry, [result] * 2))
        for entry in (f"effect: run, rights: [bind], address: 'localhost:{server.port}'",
                      f"effect: run, rights: [connect], address: '*:{server.port + 1}'"):
            denied = python(case, TWICE, *options, *approvals(case, entry), arguments=[server.port])
            expect_equal(words(denied), [DENIED] * 2)
            expect_in("nothing in", denied.stderr)
        nobody = python(case, TWICE, *options, arguments=[server.port], start_new_session=True)
        expect_equal(words(nobody), [DENIED] * 2)


def test_ipv6_and_other_spellings_are_the_same_address(case):
    if not socket.has_ipv6:
        return
    with serving(socket.AF_INET6) as six, serving() as server, Somebody("run") as somebody:
        script = ("print(connect(sys.argv[1], '::1', socket.AF_INET6), connect(sys.argv[1], '::', socket.AF_INET6),"
                  " connect(sys.argv[2]), connect(sys.argv[2], '0.0.0.0'),"
                  " connect(sys.argv[2], '::ffff:127.0.0.1', socket.AF_INET6))")
        result = python(case, script, *profile(case, "localhost:*"), *somebody.options, arguments=[six.port, server.port],
                        **somebody.inherited)
        expect_equal(words(result), ["0:hello"] * 5)
        expect_equal(len(somebody.questions), 2)


def test_who_does_not_block_waits_for_the_answer_and_not_for_the_connection(case):
    script = """
s = socket.socket(); s.setblocking(False)
begun = time.monotonic()
first = s.connect_ex(("127.0.0.1", int(sys.argv[1])))
waited = time.monotonic() - begun
select.select([], [s], [], 10)
# How far is it? The same socket and the same address: nobody is asked again.
again = s.connect_ex(("127.0.0.1", int(sys.argv[1])))
select.select([s], [], [], 10)
print(first in (0, errno.EINPROGRESS), again in (0, errno.EISCONN), s.recv(5).decode(), s.getblocking(), waited > 0.4)
"""
    def slowly(_):
        time.sleep(0.5)
        return "once"
    with serving() as server, Somebody(slowly) as somebody:
        result = python(case, script, *profile(case, f"localhost:{server.port}"), *somebody.options,
                        arguments=[server.port], **somebody.inherited)
        expect_equal(words(result), ["True", "True", "hello", "False", "True"])
        expect_equal((len(somebody.questions), server.count), (1, 1))


def test_others_go_on_while_one_waits(case):
    script = """
results = []
thread = threading.Thread(target=lambda: results.append(connect(sys.argv[1])))
thread.start()
time.sleep(0.3)
print(connect(sys.argv[2]), flush=True)   # allowed: nobody is asked, and it does not wait behind the question
open("done", "w").close()
thread.join()
print(*results)
"""
    with serving() as asked, serving() as allowed:
        extra = f"  - {{effect: allow, rights: [connect], address: 'localhost:{allowed.port}'}}\n"

        def after_the_other(_):
            return "once" if wait_until(lambda: (case.workspace / "done").exists(), 20) else "deny"
        with Somebody(after_the_other) as somebody:
            result = python(case, script, *profile(case, f"localhost:{asked.port}", extra=extra), *somebody.options,
                            arguments=[asked.port, allowed.port], **somebody.inherited)
            expect_equal(words(result), ["0:hello", "0:hello"])


REWRITE = """
import ctypes, struct
libc = ctypes.CDLL(None, use_errno=True)
asked, forbidden = int(sys.argv[1]), int(sys.argv[2])
def packed(port): return struct.pack("=HH4s8x", socket.AF_INET, socket.htons(port), socket.inet_aton("127.0.0.1"))
address = ctypes.create_string_buffer(packed(asked), 16)
s, other = socket.socket(), socket.socket()
number, result = s.fileno(), []
thread = threading.Thread(target=lambda: result.append(libc.connect(number, address, 16)))
thread.start()
while not os.path.exists("asked"): time.sleep(0.01)
ctypes.memmove(address, packed(forbidden), 16)   # the address
if sys.argv[3] == "swap": os.dup2(other.fileno(), number)   # and what the number stands for
if sys.argv[3] == "file": os.dup2(os.open("asked", os.O_RDONLY), number)
open("rewritten", "w").close()
thread.join()
peer = socket.socket(fileno=os.dup(number)).getpeername()[1]
print(result[0], "asked" if peer == asked else peer, os.read(number, 5).decode())
"""


def test_what_changes_after_the_question_has_no_effect(case):
    """The address in memory, and the socket under the number: what was asked about is what is connected."""
    for how in ("address", "swap", "file"):
        for name in ("asked", "rewritten"):
            (case.workspace / name).unlink(missing_ok=True)

        def when_rewritten(_):
            case.write("asked")
            return "once" if wait_until(lambda: (case.workspace / "rewritten").exists(), 20) else "deny"
        with serving() as server, serving() as forbidden, Somebody(when_rewritten) as somebody:
            result = python(case, REWRITE, *profile(case, f"localhost:{server.port}", f"localhost:{forbidden.port}"),
                            *somebody.options, arguments=[server.port, forbidden.port, how], **somebody.inherited)
            expect_equal((how, words(result)), (how, ["0", "asked", "hello"]))
            expect_equal((how, server.count, forbidden.count, len(somebody.questions)), (how, 1, 0, 1))


BIND = """
s = socket.socket()
try:
    s.bind(("127.0.0.1", int(sys.argv[1]))); s.listen()
    print("bound", flush=True)
    s.settimeout(20); c, _ = s.accept(); c.sendall(b"inside"); c.close()
except OSError as error:
    print(error.errno)
"""


def test_binding(case):
    port = free_port()
    options = profile(case, f"localhost:{port}", rights="bind")

    def reached():
        with socket.socket() as client:
            client.settimeout(10)
            if client.connect_ex(("127.0.0.1", port)) != 0:
                return None
            return client.recv(6)
    with Somebody("once") as somebody:
        process = case.start(*options, *somebody.options, program=["/usr/bin/python3", "-c", HELPERS + BIND, str(port)],
                             **somebody.inherited)
        answers = []
        assert wait_until(lambda: answers.append(reached()) or answers[-1] is not None, 20), "the port was not reached"
        expect_equal((answers[-1], process.wait(20)), (b"inside", 0))
        expect_equal((somebody.questions[0]["rights"], somebody.questions[0]["object"]["text"]), (["bind"], f"127.0.0.1:{port}"))
    with Somebody("deny") as somebody:
        result = python(case, BIND, *options, *somebody.options, arguments=[port], **somebody.inherited)
        expect_equal((words(result), len(somebody.questions)), ([DENIED], 1))


def test_metadata_addresses_are_not_asked_about_by_the_way(case):
    addresses = ["169.254.169.254", "169.254.1.1", "100.100.100.200"]
    script = "print(*[connect(80, host) for host in sys.argv[1:]])"
    with Somebody("run") as somebody:
        options = profile(case, "*:80", "0.0.0.0/0:*")
        result = python(case, script, *options, *somebody.options, arguments=addresses, **somebody.inherited)
        expect_equal((words(result), somebody.questions), ([DENIED] * 3, []))
    with Somebody("deny") as somebody:  # the control: a rule for that very address asks
        options = profile(case, "169.254.169.254:80")
        result = python(case, script, *options, *somebody.options, arguments=addresses, **somebody.inherited)
        expect_equal((words(result), len(somebody.questions)), ([DENIED] * 3, 1))
    # An approval of a block does not cover it either.
    file = approvals(case, "effect: run, rights: [connect], address: '*:80'")
    expect_equal(words(python(case, script, *profile(case, "169.254.169.254:80"), *file, arguments=addresses[:1])), [DENIED])


def test_a_caller_that_is_killed_withdraws_its_question(case):
    script = """
child = os.fork()
if child == 0:
    connect(sys.argv[1]); os._exit(0)
while not os.path.exists("asked"): time.sleep(0.01)
os.kill(child, 9); print(os.waitpid(child, 0)[1], flush=True)
while not os.path.exists("withdrawn"): time.sleep(0.01)
"""
    with serving() as server, Somebody(None) as somebody:
        process = case.start(*profile(case, f"localhost:{server.port}"), *somebody.options,
                             program=["/usr/bin/python3", "-c", HELPERS + script, str(server.port)], **somebody.inherited)
        question = somebody.wait_for(1)[0]
        case.write("asked")
        assert wait_until(lambda: somebody.withdrawn, 10), "the question was not withdrawn"
        expect_equal((somebody.withdrawn[0]["id"], somebody.withdrawn[0]["cause"]), (question["id"], "asker_gone"))
        somebody.say(question, "once")  # too late
        case.write("withdrawn")
        expect_equal((process.wait(20), server.count), (0, 0))


def test_a_flood_is_limited(case):
    """Twelve questions a minute, and three about one thing that is denied."""
    script = "print(*[connect(port) for port in range(40001, 40031)])"
    with Somebody("deny") as somebody:
        result, report = case.report(*profile(case, "localhost:*"), *somebody.options,
                                     program=["/usr/bin/python3", "-c", HELPERS + script], **somebody.inherited)
        expect_equal((words(result), len(somebody.questions)), ([DENIED] * 30, 12))
        limited = [denial for denial in report["network_denials"] if "the tool asks too often" in denial["because"]]
        expect_equal((len(report["network_denials"]), len(limited)), (30, 18))
    with Somebody("deny") as somebody:
        result = python(case, "print(*[connect(40001) for _ in range(10)])", *profile(case, "localhost:*"), *somebody.options,
                        **somebody.inherited)
        expect_equal((words(result), len(somebody.questions)), ([DENIED] * 10, 3))
        expect_in("was denied before", result.stderr)


def test_the_end_of_the_other_side_denies(case):
    with serving() as server, Somebody(None) as somebody:
        process = case.start(*profile(case, f"localhost:{server.port}"), *somebody.options, stdout=-1, text=True,
                             program=["/usr/bin/python3", "-c", HELPERS + TWICE, str(server.port)], **somebody.inherited)
        somebody.wait_for(1)
        somebody.theirs.close()
        somebody.ours.shutdown(socket.SHUT_RDWR)
        expect_equal((process.communicate(timeout=20)[0].split(), server.count), ([DENIED] * 2, 0))


@only("root", "user")
def test_a_person_at_the_terminal(case):
    with serving() as server:
        command = case.command(*profile(case, f"localhost:{server.port}"),
                               program=["/usr/bin/python3", "-c", HELPERS + TWICE, str(server.port)])
        pid, master = pty.fork()
        if pid == 0:
            os.chdir(case.workspace)
            for name in ("group", "user"):  # as Case.identity() says, in the order in which it can be done
                if name in case.identity():
                    os.setgroups([]) if name == "group" else None
                    {"group": os.setgid, "user": os.setuid}[name](case.identity()[name])
            os.execve(command[0], command, {**case.environment(), "TERM": "dumb"})
        shown = b""

        def until(text, count=1, seconds=20):
            nonlocal shown
            end = time.monotonic() + seconds
            while shown.count(text) < count:
                assert time.monotonic() < end, f"{text!r} not shown {count} times: {shown!r}"
                if select.select([master], [], [], 0.1)[0]:
                    try:
                        shown += os.read(master, 65536)
                    except OSError:
                        assert shown.count(text) >= count, f"the end before {text!r}: {shown!r}"
        try:
            for number, answer in ((1, b"once\r"), (2, b"deny\r")):
                until(b"Enter alone denies): ", number)
                expect_in(f"127.0.0.1:{server.port}".encode(), shown)
                expect_in(b"it leaves", shown)
                time.sleep(0.7)  # keys count after a moment in which the question can be read
                os.write(master, answer)
            until(b"0:hello 13")
            expect_equal(server.count, 1)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            os.close(master)


def test_check_explain_and_why_know(case):
    options = profile(case, "192.0.2.1:443", "example.org:443")
    path = options[1]
    checked = case.writ("profile", "check", path)
    expect_in("not in force: 'ask connect example.org:443'", checked.stdout + checked.stderr)
    assert "192.0.2.1" not in checked.stdout + checked.stderr, checked
    explained = case.writ("profile", "explain", path)
    line = next(line for line in explained.stdout.splitlines() if "ask connect 192.0.2.1:443" in line)
    expect_in("asked: the call waits while somebody decides", line)
    why = case.writ("why", path, "connect", "192.0.2.1:443")
    expect_equal(why.returncode, 3)
    expect_in("asked: the call waits", why.stdout)


if __name__ == "__main__":
    sys.exit(main(globals()))
