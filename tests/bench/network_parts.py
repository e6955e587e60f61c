"""The part of the benchmark about connections that the broker makes: each against the same one without a sandbox."""

import contextlib
import json
import socket
import statistics
import threading

from results import Row
from work_area import CannotRun, first_lines, run_as

CONNECTS = 1000
# Median microseconds of connect(2) on a socket that is closed at once; with an epoll instance that watches it before.
SCRIPT = """
import json, socket, struct, sys, time, select
port, count, watched = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "watched"
spent = []
for _ in range(count):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    e = select.epoll() if watched else None
    if watched: e.register(s, select.EPOLLIN)
    began = time.perf_counter_ns()
    s.connect(("127.0.0.1", port))
    spent.append(time.perf_counter_ns() - began)
    s.close()
    if watched: e.close()
spent.sort()
print(json.dumps([spent[len(spent) // 2] / 1000, spent[len(spent) * 9 // 10] / 1000]))
"""
PROFILE = """version: 1
name: connect
extends: default
rules:
  - {{effect: allow, rights: [connect], address: 'localhost:{port}'}}
"""


@contextlib.contextmanager
def server():
    """Accepts and closes, as fast as it can; the measured programs wait for nothing else."""
    stop = threading.Event()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(4096)
        listener.settimeout(0.2)

        def accept():
            while not stop.is_set():
                with contextlib.suppress(TimeoutError, OSError):
                    listener.accept()[0].close()

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            stop.set()
            thread.join()


def one_run(person, words, directory):
    done = run_as(person, [str(word) for word in words], directory, timeout=300)
    if done.returncode != 0:
        raise CannotRun(first_lines(done.stderr) or f"exit status {done.returncode}")
    return json.loads(done.stdout)


def measure_connect(bench):
    bench.say("connections on behalf")
    person = bench.people[0]
    workspace = bench.area.new_directory(person, "connect")
    try:
        with server() as port:
            profile = bench.area.root / f"connect-{port}.yaml"
            profile.write_text(PROFILE.format(port=port), "utf-8")
            profile.chmod(0o644)
            for kind, title in (("plain", "connect, allowed by a rule"), ("watched", "connect, watched by epoll before")):
                program = ["/usr/bin/python3", "-c", SCRIPT, port, CONNECTS, kind]
                sandbox = [bench.area.program("writ"), "run", "--profile", profile, "--"]
                rounds = [(one_run(person, program, workspace), one_run(person, [*sandbox, *program], workspace))
                          for _ in range(bench.rounds["connect"])]
                native, writ = (statistics.median(samples[side][0] for samples in rounds) for side in (0, 1))
                bench.results.raw[title] = rounds
                bench.results.add(Row(title, "us", native, writ, ratio=writ / native, ratio_to="x native"))
    except CannotRun as problem:
        bench.results.fail("connections on behalf", str(problem))
