"""The parts of the benchmark about `writ broker`: how many launches a second it does for several clients, and what a
thousand sandboxes at the same time cost it."""

import json
import os
import pathlib
import signal
import socket
import statistics
import struct
import subprocess
import time

from memory_parts import NeedsRoot, family, parents, pss_kb
from peers import BEST_PEER, installed
from results import Row
from work_area import CannotRun, Command, first_lines

CLIENTS = 4
LAUNCHES = 250  # of each client, in one round
RATE_TARGET = 1000.0
CROWD = 1000
CROWD_MEMORY_TARGET_KB = 64.0
PROFILE = "readonly"  # nothing waits for the broker: the warm way


class Broker:
    def __init__(self, bench, person, workspace):
        self.runtime = bench.area.new_directory(person, "runtime")
        os.chmod(self.runtime, 0o700)
        self.environment = {**person.environment(), "XDG_RUNTIME_DIR": str(self.runtime)}
        self.words = bench.area.program("writ")
        self.process = subprocess.Popen([*person.become(), str(self.words), "broker", "--quiet", "--ready", "16"],
                                        cwd=workspace, env=self.environment, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.path = self.runtime / "writ" / "broker.socket"
        deadline = time.monotonic() + 20
        while not self.path.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise CannotRun(f"the broker did not start: {first_lines(self.process.stderr.read())}")
            time.sleep(0.01)

    def memory_kb(self):
        """Of the broker's own processes: inits and tools are the sandboxes'."""
        names = {pid: pathlib.Path(f"/proc/{pid}/cmdline").read_bytes() for pid in family(self.process.pid, parents())}
        return sum(pss_kb(pid) for pid, words in names.items() if words.startswith(bytes(self.words)))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stderr.close()


def clients_seconds(bench, person, command, environment):
    """Seconds in which CLIENTS drivers launch the command LAUNCHES times each, one after the other."""
    words = [*person.become(), str(bench.area.program("launch_driver")), "--rounds", str(LAUNCHES), "--warmup", "0",
             "--pause", "0", "--output"]
    begin = time.monotonic()
    drivers = [subprocess.Popen([*words, str(command.directory / f"output-{number}"), *command.driver_words()],
                                env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE, text=True) for number in range(CLIENTS)]
    problems = [driver.communicate()[1] for driver in drivers]
    seconds = time.monotonic() - begin
    if any(driver.returncode != 0 for driver in drivers):
        raise CannotRun(first_lines("".join(problems)))
    return seconds


def measure_person_rate(bench, person):
    workspace = bench.area.new_directory(person, "workspace")
    own = Command("writ", workspace, [bench.area.program("writ"), "run", "--quiet", "--broker", "--profile", PROFILE,
                                      "--", "/bin/true"])
    peer = bench.peers.best_peer(workspace, ["/bin/true"]) if installed("bwrap") else None
    native = Command("native", workspace, ["/bin/true"])
    rates = {"native": [], "writ": [], BEST_PEER: []}
    for _ in range(bench.rounds["rate"]):
        broker = Broker(bench, person, workspace)
        try:
            for command in [native, own, *([peer] if peer else [])]:
                environment = broker.environment if command is own else person.environment()
                rates[command.name].append(CLIENTS * LAUNCHES / clients_seconds(bench, person, command, environment))
        finally:
            broker.end()
    bench.results.raw[f"launches a second, {person.label}"] = rates
    native_rate, rate = statistics.median(rates["native"]), statistics.median(rates["writ"])
    peer_rate = statistics.median(rates[BEST_PEER]) if rates[BEST_PEER] else None
    row = Row(f"launches through the broker, {CLIENTS} clients, {person.label}", "1/s", native_rate, rate, peer_rate,
              BEST_PEER if peer_rate else "", RATE_TARGET / rate, "x of 1000/s", 1.0)
    row.note = f"{CLIENTS} clients of {LAUNCHES} launches of /bin/true each, client processes included"
    bench.results.add(row)


def measure_rate(bench):
    for person in bench.people:
        bench.say(f"launches through the broker, {person.label}")
        try:
            measure_person_rate(bench, person)
        except CannotRun as problem:
            bench.results.fail("launches through the broker", str(problem))


# --- a thousand sandboxes ---------------------------------------------------------------------------------------------


class Client:
    """Asks the broker; a process for each question would be what is measured."""

    def __init__(self, broker, workspace):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(60)
        self.socket.connect(str(broker.path))
        self.directory = os.open(workspace, os.O_PATH | os.O_DIRECTORY)
        self.workspace = str(workspace)
        self.environment = [f"{name}={value}" for name, value in broker.environment.items()]
        self.last = 0
        self.send(1, 0, {"versions": [1], "client": "bench/1"})
        self.socket.recv(65536)

    def send(self, kind, identity, payload, descriptors=()):
        text = json.dumps(payload).encode()
        packet = b"WRIT" + struct.pack("<HHQIHH", 1, kind, identity, len(text), len(descriptors), 0) + text
        if descriptors:
            socket.send_fds(self.socket, [packet], list(descriptors))
        else:
            self.socket.send(packet)

    def ask(self, name, arguments, descriptors=()):
        self.last += 1
        self.send(4, self.last, {"name": name, "arguments": arguments}, descriptors)
        answer = self.socket.recv(1 << 17)
        kind, payload = struct.unpack("<H", answer[6:8])[0], json.loads(answer[24:])
        if kind != 5:
            raise CannotRun(f"the broker refused {name}: {payload}")
        return payload["value"]

    def launch(self, *command):
        words = ["run", "--profile", PROFILE, "--", *command]
        value = self.ask("sandbox.launch", {"words": words, "environment": self.environment, "directory": self.workspace,
                                            "detached": True}, [self.directory])
        if value["sandbox"]["state"] == "ended":
            raise CannotRun(value["message"])
        return value["sandbox"]

    def close(self):
        self.socket.close()
        os.close(self.directory)


def one_launch_ms(bench, person, broker, workspace):
    command = [*person.become(), str(bench.area.program("writ")), "run", "--quiet", "--broker", "--profile", PROFILE, "--",
               "/bin/true"]
    begin = time.perf_counter_ns()
    done = subprocess.run(command, cwd=workspace, env=broker.environment, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, check=False)
    if done.returncode != 0:
        raise CannotRun(first_lines(done.stderr))
    return (time.perf_counter_ns() - begin) / 1e6


def crowd_figures(bench, person):
    workspace = bench.area.new_directory(person, "workspace")
    broker = Broker(bench, person, workspace)
    client = Client(broker, workspace)
    try:
        client.launch("sleep", "600")  # the recipe is made by the first one
        idle = [one_launch_ms(bench, person, broker, workspace) for _ in range(30)]
        before_kb, before_descriptors = broker.memory_kb(), broker.descriptors()
        begin = time.monotonic()
        launched = [client.launch("sleep", "600") for _ in range(CROWD)]
        seconds = time.monotonic() - begin
        if {entry["way"] for entry in launched} != {"warm"}:
            raise CannotRun("a sandbox of the crowd was not launched by the broker itself")
        each_kb = (broker.memory_kb() - before_kb) / CROWD
        each_descriptors = (broker.descriptors() - before_descriptors) / CROWD
        crowded = [one_launch_ms(bench, person, broker, workspace) for _ in range(30)]
    finally:
        client.close()
        begin = time.monotonic()
        broker.end()
        ended = time.monotonic() - begin
    return {"seconds": seconds, "each_kb": each_kb, "each_descriptors": each_descriptors, "ended": ended,
            "idle_ms": statistics.median(idle), "crowded_ms": statistics.median(crowded)}


def measure_crowd(bench):
    title = f"{CROWD} sandboxes of one broker"
    bench.say(title)
    person = bench.people[0]
    try:
        figures = crowd_figures(bench, person)
    except NeedsRoot as reason:
        bench.results.note(f"{title}: {reason}")
        return
    except CannotRun as problem:
        bench.results.fail(title, str(problem))
        return
    bench.results.raw["crowd"] = figures
    bench.results.add(Row(f"{title}, memory of the broker for each", "KB", writ=figures["each_kb"],
                          ratio=figures["each_kb"], ratio_to="KB", target=CROWD_MEMORY_TARGET_KB))
    bench.results.add(Row(f"{title}, descriptors of the broker for each", "", writ=figures["each_descriptors"]))
    bench.results.add(Row(f"{title}, launched in", "ms", writ=figures["seconds"] * 1000))
    bench.results.add(Row(f"{title}, ended in", "ms", writ=figures["ended"] * 1000))
    bench.results.add(Row("one launch through an idle broker", "ms", writ=figures["idle_ms"]))
    bench.results.add(Row(f"one launch beside {CROWD} sandboxes", "ms", writ=figures["crowded_ms"]))
