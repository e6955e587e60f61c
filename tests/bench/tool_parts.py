"""The part of the benchmark about tools: a call through `writ tool serve`, from the line that asks to the line that
answers, against the same work done by a program that a peer sandboxes."""

import json
import statistics
import subprocess
import time

from peers import installed
from results import Row, not_measured
from work_area import CannotRun, first_lines

CALLS = 30  # of one round
PAUSE_S = 0.03  # between calls, as a caller that thinks leaves it; then the next sandbox is ready
TARGET_MS = 2.5


class Session:
    def __init__(self, bench, person, workspace):
        words = [bench.area.program("writ"), "tool", "serve", "--audit", "none"]
        self.process = subprocess.Popen([*person.become(), *map(str, words)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=workspace,
                                        env=person.environment())

    def call(self):
        """Milliseconds of one call."""
        line = json.dumps({"id": 1, "tool": "read_file", "arguments": {"path": "file"}}) + "\n"
        began = time.perf_counter_ns()
        self.process.stdin.write(line)
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        spent = (time.perf_counter_ns() - began) / 1e6
        if not answer or not json.loads(answer)["ok"]:
            raise CannotRun(answer or first_lines(self.process.stderr.read()))
        return spent

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=60)
        self.process.stdout.close()
        self.process.stderr.close()


def peers_call(person, command):
    """Milliseconds of reading the file with cat in the peer's sandbox, started as cheaply as Python can."""
    words = [*person.become(), *command.shell_words()]
    began = time.perf_counter_ns()
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                          cwd=command.directory, env=person.environment())
    spent = (time.perf_counter_ns() - began) / 1e6
    if done.returncode != 0:
        raise CannotRun(first_lines(done.stderr))
    return spent


def measure_person(bench, person):
    workspace = bench.area.new_directory(person, "tools")
    (workspace / "file").write_text("a line\n" * 20, "ascii")
    peer = bench.peers.best_peer(workspace, ["cat", "file"]) if installed("bwrap") else None
    session = Session(bench, person, workspace)
    paused, quick, theirs = [], [], []
    try:
        for _ in range(bench.rounds["tools"]):
            for _ in range(CALLS):
                time.sleep(PAUSE_S)
                paused.append(session.call())
            quick.extend(session.call() for _ in range(CALLS))
            if peer:
                theirs.extend(peers_call(person, peer) for _ in range(CALLS))
    finally:
        session.close()
    bench.results.raw[f"tools, {person.label}"] = {"paused": paused, "quick": quick, "peer": theirs}
    peer_ms = statistics.median(theirs) if theirs else None
    warm = statistics.median(paused)
    bench.results.add(Row(f"a tool call, {person.label}", "ms", writ=warm, peer=peer_ms,
                          peer_name=peer.name if peer else "", ratio=warm, ratio_to="ms", target=TARGET_MS,
                          note=f"{CALLS * bench.rounds['tools']} calls with {PAUSE_S * 1000:.0f} ms between them"))
    without = statistics.median(quick)
    bench.results.add(Row(f"a tool call right after the other, {person.label}", "ms", writ=without, peer=peer_ms,
                          peer_name=peer.name if peer else "", ratio=without, ratio_to="ms",
                          note=f"{1000 / without:.0f} calls a second, each in a fresh sandbox"))


def measure_tools(bench):
    bench.say("tools")
    if bench.area.program("writ-tools") is None:
        bench.results.add(not_measured("tools", "this build has no writ-tools", "ms"))
        return
    for person in bench.people:
        try:
            measure_person(bench, person)
        except CannotRun as problem:
            bench.results.fail(f"tools, {person.label}", str(problem))
