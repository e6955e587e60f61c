"""The part that measures the engine behind the daemon: launches a second, processor time of each, memory of the broker."""

import json
import statistics

from latency_parts import LONGEST_SERIES_S
from results import Row, not_measured
from work_area import first_lines, run_as

IN_FLIGHT = 4
LAUNCHES = 500
SLEEPING = 1000
# Two processors at 1000 launches a second have 2 ms for each; a client process takes 0.6 of them, and posix_spawn of
# the same program 0.57: what is left is this much of the latter.
PROCESSOR_TARGET = 2.5
MEMORY_TARGET_KB = 64
PROGRAM = "rate_bench"


def figures_of(bench, person, *words):
    workspace = bench.area.new_directory(person, "workspace")
    done = run_as(person, [bench.area.program(PROGRAM), *map(str, words)], workspace, timeout=LONGEST_SERIES_S)
    if done.returncode != 0:
        bench.results.fail(f"engine {words[0]}, {person.label}", first_lines(done.stderr) or f"status {done.returncode}")
        return None
    return json.loads(done.stdout)


def measure_person(bench, person):
    """Engines take turns, so that a busy moment of the machine hits all of them."""
    found = {"native": [], "pool": [], "rate": []}
    for _ in range(bench.rounds.get("rate", 3)):
        for engine, figures in found.items():
            one = figures_of(bench, person, engine, LAUNCHES, IN_FLIGHT)
            if one is None:
                return
            figures.append(one)
    bench.results.raw[f"engine, {person.label}"] = found
    median = {engine: {key: statistics.median(one[key] for one in figures) for key in ("per_second", "processor_us")}
              for engine, figures in found.items()}
    native, warm, pool = (median[engine]["processor_us"] / 1000 for engine in ("native", "rate", "pool"))
    bench.results.add(Row(f"processor time of a warm launch, {person.label}", "ms", native, warm, pool, "one by one",
                          ratio=warm / native, ratio_to="x native", target=PROCESSOR_TARGET))
    bench.results.add(Row(f"warm launches a second, {IN_FLIGHT} in flight, {person.label}", "1/s",
                          *(median[engine]["per_second"] for engine in ("native", "rate", "pool")), "one by one"))
    many = figures_of(bench, person, "many", SLEEPING)
    if many is not None:
        bench.results.add(Row(f"broker, for each of {SLEEPING} sandboxes, {person.label}", "KB", writ=many["broker_kb_each"],
                              ratio=many["broker_kb_each"], ratio_to="KB", target=MEMORY_TARGET_KB))


def measure_engine(bench):
    if bench.area.program(PROGRAM) is None:
        bench.results.add(not_measured("warm launches", f"this build has no {PROGRAM}", "ms"))
        return
    for person in bench.people:
        bench.say(f"warm launches, {person.label}")
        measure_person(bench, person)
