"""The parts that measure memory: what one sandbox costs, and a hundred of them at once."""

import os
import pathlib
import signal
import statistics
import subprocess
import time

from peers import BEST_PEER
from results import Row, not_measured
from work_area import CannotRun, NeedsRoot

MEMORY_TARGET_MB = 6.0
MANY = 100
READY = b"r"
START_LIMIT_S = 60
# Says that it runs, then sleeps as `sleep`: the shell is replaced.
TOOL = ["sh", "-c", "printf r; exec sleep 600"]
TOOL_NAME = "sleep"


def start(person, command):
    return subprocess.Popen([*person.become(), *command.shell_words()], cwd=command.directory, env=person.environment(),
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def wait_until_ready(process, deadline):
    """Reads the one byte that the tool writes. A sandbox that dies instead closes the pipe."""
    byte = process.stdout.read(1)
    if byte != READY or time.monotonic() > deadline:
        raise CannotRun(f"the tool did not start (exit status {process.poll()})")


def end(processes):
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    for process in processes:
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def parents():
    """{pid: parent} of all processes."""
    table = {}
    for status in [pathlib.Path("/proc", name, "stat") for name in os.listdir("/proc") if name.isdigit()]:
        try:
            fields = status.read_text("utf-8", "replace").rsplit(")", 1)[1].split()
        except OSError:
            continue  # it ended meanwhile
        table[int(status.parent.name)] = int(fields[1])
    return table


def family(pid, table=None):
    """`pid` and all its descendants."""
    table, found = (parents() if table is None else table), [pid]
    for member in found:
        found.extend(child for child, parent in table.items() if parent == member)
    return found


def is_tool(pid):
    return pathlib.Path(f"/proc/{pid}/comm").read_text("utf-8").strip() == TOOL_NAME


def pss_kb(pid):
    """Proportional set size (proc(5), smaps_rollup): shared pages count by their share."""
    try:
        lines = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text("utf-8").splitlines()
    except PermissionError as error:
        raise NeedsRoot("the kernel shows the memory of a protected process to root only") from error
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def launcher_memory_kb(pid):
    """kB of each process of the family but the tool."""
    members = [member for member in family(pid) if not is_tool(member)]
    return [pss_kb(member) for member in members]


def one_memory_sample(person, command):
    process = start(person, command)
    try:
        wait_until_ready(process, time.monotonic() + START_LIMIT_S)
        time.sleep(0.2)  # the launcher comes to rest, the shell becomes `sleep`
        return launcher_memory_kb(process.pid)
    finally:
        end([process])


def measure_memory(bench):
    title = "memory of one sandbox (PSS)"
    bench.say(title)
    person = bench.people[0]
    samples = {"writ": [], BEST_PEER: []}
    try:
        for _ in range(bench.rounds["memory"]):
            for maker in (bench.peers.writ, bench.peers.best_peer):
                command = maker(bench.area.new_directory(person, "workspace"), TOOL)
                samples[command.name].append(one_memory_sample(person, command))
    except NeedsRoot as reason:
        bench.results.add(not_measured(title, str(reason), "MB"))
        return
    except CannotRun as problem:
        bench.results.fail(title, str(problem))
        return
    bench.results.raw["memory_kb_by_process"] = samples
    writ, peer = (statistics.median(map(sum, samples[who])) / 1024 for who in ("writ", BEST_PEER))
    row = Row(title, "MB", None, writ, peer, BEST_PEER, writ, "MB", MEMORY_TARGET_MB)
    row.note = f"{len(samples['writ'][0])} processes of Writ, {len(samples[BEST_PEER][0])} of the peer; the tool not counted"
    bench.results.add(row)


# --- a hundred sandboxes ----------------------------------------------------------------------------------------------

# PSS leaves out what the kernel keeps for a sandbox; "taken from the system" has it, and whatever else went on meanwhile.
CROWD_FIGURES = (("start_s", "until all run", "ms", 1000), ("pss_kb", "processes (PSS)", "MB", 1 / 1024),
                 ("memory_kb", "taken from the system", "MB", 1 / 1024), ("end_s", "until all are gone", "ms", 1000))


def available_kb():
    lines = pathlib.Path("/proc/meminfo").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))


def start_many(person, commands, processes):
    """Starts all and waits until each tool has said that it runs. Returns seconds."""
    begin = time.monotonic()
    for command in commands:
        processes.append(start(person, command))
    for process in processes:
        wait_until_ready(process, begin + START_LIMIT_S)
    return time.monotonic() - begin


def crowd_pss_kb(processes):
    """The memory of all these families with their tools, or None where only root may see it."""
    try:
        table = parents()
        return sum(pss_kb(member) for process in processes for member in family(process.pid, table))
    except NeedsRoot:
        return None


def one_crowd(bench, person, maker):
    commands = [maker(bench.area.new_directory(person, "workspace"), TOOL) for _ in range(MANY)]
    before, processes = available_kb(), []
    try:
        seconds = start_many(person, commands, processes)
        time.sleep(0.5)
        used = before - available_kb()
        own = crowd_pss_kb(processes)
    finally:
        begin = time.monotonic()
        end(processes)
        ended = time.monotonic() - begin
    time.sleep(0.5)  # what the kernel dismantles after the end must not be counted for the next
    return {"start_s": seconds, "pss_kb": own, "memory_kb": used, "end_s": ended}


def measure_many(bench):
    title = f"{MANY} sleeping sandboxes"
    bench.say(title)
    person = bench.people[0]
    makers = {"native": bench.peers.native, "writ": bench.peers.writ, BEST_PEER: bench.peers.best_peer}
    try:
        samples = [{name: one_crowd(bench, person, maker) for name, maker in makers.items()}
                   for _ in range(bench.rounds["many"])]
    except CannotRun as problem:
        bench.results.fail(title, str(problem))
        return
    bench.results.raw["many"] = samples
    for key, what, unit, scale in CROWD_FIGURES:
        if any(sample[name][key] is None for sample in samples for name in makers):
            bench.results.add(not_measured(f"{title}, {what}", "root only", unit))
            continue
        values = [statistics.median(sample[name][key] for sample in samples) * scale for name in makers]
        ratio = values[1] / values[2] if values[2] > 0 else None
        bench.results.add(Row(f"{title}, {what}", unit, *values, BEST_PEER, ratio, "x peer"))
