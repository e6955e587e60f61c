"""The parts that measure time: cold launches, launches through the spawner, whole workloads, calls inside."""

import contextlib
import json
import os
import shutil
import statistics
import subprocess

from peers import BEST_PEER, PEER_PROGRAMS, cgroup2_alone, installed, works
from results import Row, not_measured
from work_area import CannotRun, first_lines, run_as

TRUE = ["/bin/true"]
COLD_TARGET = 0.6       # of bubblewrap with the same isolation
SPAWNER_TARGET = 1.6    # of posix_spawn
OVERHEAD_TARGET = 1.0   # of bubblewrap's overhead over native
INSIDE_TARGETS = {"getppid": 1.3, "open_close_system": 1.4, "open_close_workspace": 1.4}  # of native

# Peers that take tens of milliseconds get fewer rounds, in a series of their own.
SLOW_SHARE = 5
LONGEST_SERIES_S = 3600

GIT_FILES, GIT_DIRECTORIES = 2000, 40
HELLO = '#include <stdio.h>\n\nint main(void) { return puts("hello") < 0; }\n'
INSIDE_NAMES = {"getppid": "getppid", "open_close_system": "open + close, /usr",
                "open_close_workspace": "open + close, workspace", "stat": "stat, /usr", "pread": "pread"}
SYSTEM_FILE = "/usr/bin/env"


class Bench:
    """What every part needs. `say` shows progress; `rounds` is how often each part repeats."""

    def __init__(self, area, peers, people, results, rounds, say):
        self.area, self.peers, self.people = area, peers, people
        self.results, self.rounds, self.say = results, rounds, say

    def series(self, key, person, commands, rounds, around=()):
        """Runs the commands alternately and keeps everything that the driver says. Returns {command name: figures}."""
        output = self.area.new_directory(person, "output") / "output"
        words = [self.area.program("launch_driver"), "--rounds", rounds, "--warmup", max(2, rounds // 20), "--output", output]
        for command in commands:
            words += command.driver_words()
        done = run_as(person, words, self.area.root, around, timeout=LONGEST_SERIES_S)
        if done.returncode != 0:
            raise CannotRun(first_lines(done.stderr))
        self.results.raw[key] = json.loads(done.stdout)
        return {entry["name"]: entry for entry in self.results.raw[key]["commands"]}


def milliseconds(figures, name):
    return figures[name]["median_us"] / 1000


# --- cold launches ----------------------------------------------------------------------------------------------------

def measure_launch(bench):
    for person in bench.people:
        name = f"cold launch, {person.label}"
        bench.say(name)
        try:
            launch_against_bubblewrap(bench, person, name)
        except CannotRun as problem:
            bench.results.fail(name, str(problem))
        for peer in ("firejail", "crun"):
            launch_against_slow_peer(bench, person, peer)


def launch_against_bubblewrap(bench, person, name):
    workspace = bench.area.new_directory(person, "workspace")
    peers = bench.peers
    bubblewraps = [peers.bubblewrap(workspace, TRUE, shape) for shape in ("linear", "tree", None)]
    commands = [peers.native(workspace, TRUE), peers.writ(workspace, TRUE), *bubblewraps]
    figures = bench.series(name, person, commands, bench.rounds["launch"])
    native, writ = milliseconds(figures, "native"), milliseconds(figures, "writ")
    for command in bubblewraps:
        peer = milliseconds(figures, command.name)
        is_target = command.name == BEST_PEER
        bench.results.add(Row(name, "ms", native, writ, peer, command.name, writ / peer, "x peer",
                              COLD_TARGET if is_target else None))
    cpu = {who: figures[who]["cpu_median_us"] / 1000 for who in ("native", "writ", BEST_PEER)}
    bench.results.add(Row(f"processor time of it, {person.label}", "ms", cpu["native"], cpu["writ"], cpu[BEST_PEER],
                          BEST_PEER, cpu["writ"] / cpu[BEST_PEER], "x peer"))


def launch_against_slow_peer(bench, person, peer):
    name = f"cold launch, {person.label}"
    if not installed(PEER_PROGRAMS[peer]):
        bench.results.add(not_measured(f"{name}, {peer}", "not installed", "ms"))
        return
    bench.say(f"{name}, {peer}")
    workspace = bench.area.new_directory(person, "workspace")
    command = bench.peers.firejail(workspace, TRUE) if peer == "firejail" else bench.peers.crun(workspace, TRUE, person)
    around = cgroup2_alone() if peer == "crun" else ()
    reason = works(person, command, around)
    if reason:  # another project's program in an environment that it may not support: said, no failure of this run
        bench.results.add(not_measured(f"{name}, {peer}", f"{peer} does not work here: {reason}", "ms"))
        return
    commands = [bench.peers.native(workspace, TRUE), bench.peers.writ(workspace, TRUE), command]
    try:
        figures = bench.series(f"{name}, {peer}", person, commands, max(3, bench.rounds["launch"] // SLOW_SHARE), around)
    except CannotRun as problem:
        bench.results.fail(f"{name}, {peer}", str(problem))
        return
    values = [milliseconds(figures, who) for who in ("native", "writ", peer)]
    bench.results.add(Row(name, "ms", *values, peer, values[1] / values[2], "x peer"))


# --- launches through a running spawner -------------------------------------------------------------------------------

def measure_spawner(bench):
    name = "launch through a running spawner"
    program = bench.area.program("spawner_bench")
    if program is None:
        bench.results.add(not_measured(name, "this build has no spawner_bench", "ms"))
        return
    bench.say(name)
    for person in bench.people:
        workspace = bench.area.new_directory(person, "workspace")
        done = run_as(person, [program], workspace, timeout=LONGEST_SERIES_S)
        if done.returncode != 0:
            bench.results.fail(f"{name}, {person.label}", first_lines(done.stderr) or f"exit status {done.returncode}")
            continue
        figures = json.loads(done.stdout)
        bench.results.raw[f"{name}, {person.label}"] = figures
        native, writ = figures["posix_spawn_us"] / 1000, figures["spawner_us"] / 1000
        bench.results.add(Row(f"{name}, {person.label}", "ms", native, writ, ratio=writ / native, ratio_to="x native",
                              target=SPAWNER_TARGET))


# --- workloads --------------------------------------------------------------------------------------------------------

def fill_nothing(_workspace):
    pass


def fill_hello(workspace):
    (workspace / "hello.c").write_text(HELLO, "utf-8")


def fill_repository(workspace):
    """A repository of 2000 committed files, older than its index: git trusts its index only then."""
    long_ago = 1_600_000_000
    for number in range(GIT_FILES):
        file = workspace / f"part{number % GIT_DIRECTORIES:02}" / f"file{number:04}.txt"
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"file {number}\n" * 20, "utf-8")
        os.utime(file, (long_ago, long_ago))
    git = ["git", "-c", "user.name=bench", "-c", "user.email=bench@localhost", "-c", "init.defaultBranch=main"]
    for action in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "all files"]):
        environment = {**os.environ, "HOME": str(workspace), "GIT_CONFIG_NOSYSTEM": "1"}
        done = subprocess.run([*git, *action], cwd=workspace, capture_output=True, text=True, env=environment, check=False)
        if done.returncode != 0:
            raise CannotRun(f"git {action[0]}: {first_lines(done.stderr)}")


# name -> (what the table says, program, how its workspace is filled)
WORKLOADS = {
    "python": ("python3, three imports", ["python3", "-c", "import json, asyncio, ssl"], fill_nothing),
    "git": (f"git status, {GIT_FILES} files", ["git", "status", "--short"], fill_repository),
    "gcc": ("gcc hello.c", ["gcc", "-o", "hello", "hello.c"], fill_hello),
    "find": ("find /usr/include", ["find", "/usr/include"], fill_nothing),
    # A word of linux/seccomp.h alone: grep ends with 0 and has read everything.
    "grep": ("grep -r in /usr/include", ["grep", "-rF", "SECCOMP_USER_NOTIF_FLAG_CONTINUE", "/usr/include"], fill_nothing),
}


def prepared_workspace(bench, person, fill):
    """A workspace for one launcher alone: git's index remembers owners, and those differ from sandbox to sandbox."""
    workspace = bench.area.new_directory(person, "workspace")
    fill(workspace)
    if person.uid != os.geteuid():
        subprocess.run(["chown", "-hR", f"{person.uid}:{person.gid}", workspace], check=True)
    return workspace


def measure_workload(bench, key):
    title, program, fill = WORKLOADS[key]
    bench.say(title)
    try:
        if not installed(program[0]):
            raise CannotRun(f"{program[0]} is not installed")
        person = bench.people[0]
        makers = (bench.peers.native, bench.peers.writ, bench.peers.best_peer)
        commands = [maker(prepared_workspace(bench, person, fill), program) for maker in makers]
        figures = bench.series(f"workload {key}", person, commands, bench.rounds["workloads"])
    except CannotRun as problem:
        bench.results.fail(title, str(problem))
        return
    add_overhead_row(bench.results, title, figures)


def overhead_ms(figures, name):
    """The median of the differences within each round: what disturbs a whole round cancels out."""
    differences = [one - plain for one, plain in zip(figures[name]["wall_us"], figures["native"]["wall_us"])]
    return statistics.median(differences) / 1000


def add_overhead_row(results, title, figures):
    ours, theirs = overhead_ms(figures, "writ"), overhead_ms(figures, BEST_PEER)
    row = Row(title, "ms", *(milliseconds(figures, who) for who in ("native", "writ", BEST_PEER)), BEST_PEER,
              ratio_to="x peer's overhead", target=OVERHEAD_TARGET)
    row.note = f"overhead {ours:.2f} ms, of the peer {theirs:.2f} ms"
    if ours > 0 and theirs > 0:
        row.ratio = ours / theirs
    else:  # noise: no ratio can be formed, and none is made up
        row.note += "; none can be below 0, so this is noise: repeat it on a quiet machine"
    results.add(row)


# --- calls inside -----------------------------------------------------------------------------------------------------

@contextlib.contextmanager
def on_one_processor():
    """One processor for everything that is started meanwhile: calls of single processes, not scheduling, are measured."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def inside_command(bench, person, maker):
    def fill(workspace):
        shutil.copy(bench.area.program("inside"), workspace / "inside")
        (workspace / "file").write_text("text\n", "utf-8")
    workspace = prepared_workspace(bench, person, fill)
    return maker(workspace, [workspace / "inside", SYSTEM_FILE, workspace / "file"])


def one_inside_run(person, command):
    done = run_as(person, command.shell_words(), command.directory, timeout=300)
    if done.returncode != 0:
        raise CannotRun(f"{command.name}: {first_lines(done.stderr)}")
    return json.loads(done.stdout)


def measure_inside(bench):
    bench.say("calls inside")
    person = bench.people[0]
    makers = (bench.peers.native, bench.peers.writ, bench.peers.best_peer)
    try:
        commands = [inside_command(bench, person, maker) for maker in makers]
        with on_one_processor():
            one_inside_run(person, commands[0])
            samples = [{command.name: one_inside_run(person, command) for command in commands}
                       for _ in range(bench.rounds["inside"])]
    except CannotRun as problem:
        bench.results.fail("calls inside", str(problem))
        return
    bench.results.raw["inside"] = samples
    for key, title in INSIDE_NAMES.items():
        native, writ, peer = (statistics.median(sample[who][key] for sample in samples)
                              for who in ("native", "writ", BEST_PEER))
        bench.results.add(Row(title, "ns", native, writ, peer, BEST_PEER, writ / native, "x native", INSIDE_TARGETS.get(key)))
