"""The part that measures mediated writing: one open, opens of four sandboxes together, and whole programs, each against
the same sandbox with native writing."""

import json
import os
import resource
import statistics
import subprocess

from latency_parts import fill_hello, fill_nothing, fill_repository, on_one_processor, prepared_workspace
from peers import installed
from results import Row
from work_area import CannotRun, Command, first_lines, run_as

SANDBOXES = 4
ONE_PROCESSOR_TARGET, UNPINNED_TARGET, THROUGHPUT_TARGET, PROGRAM_TARGET = 12, 20, 100_000, 1.15
WRITER_SECONDS, PAUSE_US, MOST_WRITER_ROUNDS = 0.5, 20, 9
TAR_FILES = 2000


def fill_archive(workspace):
    source = workspace / "source"
    for number in range(TAR_FILES):
        path = source / f"d{number % 40}" / f"f{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{number}\n" * 20, "utf-8")
    subprocess.run(["tar", "cf", "files.tar", "source"], cwd=workspace, check=True)


# name -> (what the table says, program, how its workspace is filled, target in x native writing)
PROGRAMS = {
    "python": ("python3, three imports, mediated", ["python3", "-c", "import json, asyncio, ssl"], fill_nothing, PROGRAM_TARGET),
    "gcc": ("gcc hello.c, mediated", ["gcc", "-o", "hello", "hello.c"], fill_hello, PROGRAM_TARGET),
    "tar": (f"tar x, {TAR_FILES} files, mediated", ["sh", "-c", "rm -rf out; mkdir out; tar xf files.tar -C out"], fill_archive, None),
    "clone": ("git clone, 2000 files, mediated", ["sh", "-c", "rm -rf c; git -c safe.directory='*' clone -q . c"], fill_repository, None),
}


def profile(bench, person, writing):
    path = bench.area.new_directory(person, "profile") / f"{writing}.yaml"
    path.write_text(f"version: 1\nname: {writing}\nextends: default\nfilesystem:\n  writing: {writing}\n", "utf-8")
    return path


def command(bench, person, writing, workspace, program):
    words = [bench.area.program("writ"), "run", "--quiet", "--profile", profile(bench, person, writing), "--", *program]
    return Command(writing, workspace, words)


def start_writer(bench, person, writing, seconds, pause):
    program = bench.area.program("writes")
    workspace = prepared_workspace(bench, person, lambda directory: (directory / "writes").write_bytes(program.read_bytes()))
    (workspace / "writes").chmod(0o755)
    return command(bench, person, writing, workspace, [workspace / "writes", "file", str(seconds), str(pause)])


def run_writer(person, made):
    done = run_as(person, made.shell_words(), made.directory, timeout=60)
    if done.returncode != 0:
        raise CannotRun(f"{made.name}: {first_lines(done.stderr)}")
    return json.loads(done.stdout)


def alternated(bench, person, pause, rounds):
    """Both ways of writing, one after the other, again and again: {writing: its runs, the quickest median first}."""
    commands = {writing: start_writer(bench, person, writing, WRITER_SECONDS, pause) for writing in ("native", "mediated")}
    runs = {writing: [] for writing in commands}
    for _ in range(rounds):
        for writing, made in commands.items():
            runs[writing].append(run_writer(person, made))
    return {writing: sorted(found, key=lambda run: run["median_us"]) for writing, found in runs.items()}


def open_row(title, figures, target):
    """The median of the runs' medians; what else runs on the machine makes single runs slower, never quicker."""
    middle = {writing: runs[len(runs) // 2] for writing, runs in figures.items()}
    ours, quickest = middle["mediated"], figures["mediated"][0]["median_us"]
    row = Row(title, "us", middle["native"]["median_us"], ours["median_us"], None, "", ours["median_us"], "us", target)
    row.note = f"p90 {ours['p90_us']:.1f} us, p99 {ours['p99_us']:.1f} us, quickest of {len(figures['mediated'])} runs {quickest:.1f} us"
    return row


def measure_opens(bench, person):
    rounds = min(bench.rounds["workloads"], MOST_WRITER_ROUNDS)
    with on_one_processor():
        pinned = alternated(bench, person, 0, rounds)
    unpinned = alternated(bench, person, PAUSE_US, rounds)
    bench.results.raw["mediated opens"] = {"one processor": pinned, "unpinned": unpinned}
    bench.results.add(open_row("open for writing, one processor", pinned, ONE_PROCESSOR_TARGET))
    bench.results.add(open_row("open for writing, unpinned", unpinned, UNPINNED_TARGET))


def measure_throughput(bench, person):
    commands = [start_writer(bench, person, "mediated", 3, 0) for _ in range(SANDBOXES)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    running = [subprocess.Popen([*person.become(), *map(str, made.shell_words())], cwd=made.directory, env=person.environment(),
                                stdout=subprocess.PIPE, text=True) for made in commands]
    found = [json.loads(process.communicate(timeout=60)[0]) for process in running]
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    rate, opens = sum(run["per_second"] for run in found), sum(run["opens"] for run in found)
    cost = (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / opens * 1e6
    bench.results.raw["mediated throughput"] = {"runs": found, "processor_us_per_open": cost}
    row = Row(f"opens for writing per second, {SANDBOXES} sandboxes", "1/s", None, rate, None, "", THROUGHPUT_TARGET / rate, "x target", 1)
    row.note = f"{cost:.1f} us of processor time for each open and close, launch included: enough for {len(os.sched_getaffinity(0)) / cost * 1e6:.0f}/s on this machine without anything else"
    bench.results.add(row)


def measure_program(bench, person, key):
    title, program, fill, target = PROGRAMS[key]
    if not installed(program[0]):
        raise CannotRun(f"{program[0]} is not installed")
    commands = [command(bench, person, writing, prepared_workspace(bench, person, fill), program) for writing in ("native", "mediated")]
    figures = bench.series(f"mediated {key}", person, commands, bench.rounds["workloads"])
    pairs = zip(figures["mediated"]["wall_us"], figures["native"]["wall_us"])
    ratio = statistics.median(ours / native for ours, native in pairs)
    native, ours = (figures[writing]["median_us"] / 1000 for writing in ("native", "mediated"))
    bench.results.add(Row(title, "ms", native, ours, None, "", ratio, "x native writing", target))


def measure_mediation(bench):
    person = bench.people[-1]
    steps = [("opens", measure_opens), ("throughput", measure_throughput)]
    for name, step in steps:
        bench.say(f"mediated writing: {name}")
        try:
            step(bench, person)
        except CannotRun as problem:
            bench.results.fail(f"mediated writing: {name}", str(problem))
    for key, (title, *_) in PROGRAMS.items():
        bench.say(title)
        try:
            measure_program(bench, person, key)
        except CannotRun as problem:
            bench.results.fail(title, str(problem))
