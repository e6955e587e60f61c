"""The part that measures mediated writing: one open, opens of four sandboxes together, and whole programs, each against
the same sandbox with native writing."""

import json
import statistics
import subprocess

from latency_parts import fill_hello, fill_nothing, fill_repository, on_one_processor, prepared_workspace
from peers import installed
from results import Row
from work_area import CannotRun, Command, first_lines, run_as

SANDBOXES = 4
ONE_PROCESSOR_TARGET, UNPINNED_TARGET, THROUGHPUT_TARGET, PROGRAM_TARGET = 12, 20, 100_000, 1.15
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


def one_writer(bench, person, writing, pause):
    made = start_writer(bench, person, writing, 2, pause)
    done = run_as(person, made.shell_words(), made.directory, timeout=60)
    if done.returncode != 0:
        raise CannotRun(f"{writing}: {first_lines(done.stderr)}")
    return json.loads(done.stdout)


def measure_opens(bench, person):
    with on_one_processor():
        pinned = {writing: one_writer(bench, person, writing, 0) for writing in ("native", "mediated")}
    unpinned = {writing: one_writer(bench, person, writing, 20) for writing in ("native", "mediated")}
    bench.results.raw["mediated opens"] = {"one processor": pinned, "unpinned": unpinned}
    for title, figures, target in (("open for writing, one processor", pinned, ONE_PROCESSOR_TARGET), ("open for writing, unpinned", unpinned, UNPINNED_TARGET)):
        ours = figures["mediated"]
        row = Row(title, "us", figures["native"]["median_us"], ours["median_us"], None, "", ours["median_us"], "us", target)
        row.note = f"p90 {ours['p90_us']:.1f} us, p99 {ours['p99_us']:.1f} us"
        bench.results.add(row)


def measure_throughput(bench, person):
    commands = [start_writer(bench, person, "mediated", 3, 0) for _ in range(SANDBOXES)]
    running = [subprocess.Popen([*person.become(), *map(str, made.shell_words())], cwd=made.directory, env=person.environment(),
                                stdout=subprocess.PIPE, text=True) for made in commands]
    rates = [json.loads(process.communicate(timeout=60)[0])["per_second"] for process in running]
    bench.results.raw["mediated throughput"] = rates
    row = Row(f"opens for writing per second, {SANDBOXES} sandboxes", "1/s", None, sum(rates), None, "", THROUGHPUT_TARGET / sum(rates), "x target", 1)
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
