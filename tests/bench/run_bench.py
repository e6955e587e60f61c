#!/usr/bin/env python3
"""Compares what Writ costs with what no sandbox and other launchers cost, all in one run. ./dev bench calls it."""

import argparse
import functools
import os
import pathlib
import sys

import authority_parts
import decide_parts
import latency_parts
import mediation_parts
import memory_parts
import network_parts
import rate_parts
import daemon_parts
import tool_parts
import results as reporting
from peers import PEER_PROGRAMS, Peers, installed, version_of
from work_area import CannotRun, WorkArea, first_lines, run_as

PARTS = {
    "launch": latency_parts.measure_launch,
    "spawner": latency_parts.measure_spawner,
    **{key: functools.partial(latency_parts.measure_workload, key=key) for key in latency_parts.WORKLOADS},
    "inside": latency_parts.measure_inside,
    "memory": memory_parts.measure_memory,
    "many": memory_parts.measure_many,
    "decide": decide_parts.measure_decide,
    "authority": authority_parts.measure_authority,
    "connect": network_parts.measure_connect,
    "mediation": mediation_parts.measure_mediation,
    "tools": tool_parts.measure_tools,
    "engine": rate_parts.measure_engine,
    "rate": daemon_parts.measure_rate,
    "crowd": daemon_parts.measure_crowd,
}
GROUPS = {"workloads": list(latency_parts.WORKLOADS)}
FULL_ROUNDS = {"launch": 200, "workloads": 40, "inside": 15, "memory": 5, "many": 3, "connect": 7, "tools": 10, "rate": 3}
QUICK_ROUNDS = {"launch": 10, "workloads": 4, "inside": 3, "memory": 1, "many": 1, "connect": 1, "tools": 1, "rate": 1}
TOOL_VERSIONS = ("python3", "git", "gcc", "find", "grep")


def positive(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number of rounds")
    return value


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--bin", required=True, type=pathlib.Path, metavar="DIR", help="where writ and the helpers are")
    parser.add_argument("--only", action="append", default=[], choices=[*PARTS, *GROUPS], metavar="NAME",
                        help="measure this alone (may be repeated): " + ", ".join([*PARTS, *GROUPS]))
    parser.add_argument("--quick", action="store_true", help="few rounds: shows that everything runs, not how fast it is")
    parser.add_argument("--rounds", type=positive, metavar="N", help="this many rounds in every part")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="default: build/bench/results.json")
    parser.add_argument("--update-doc", type=pathlib.Path, metavar="FILE", help="put the table into this document")
    parser.add_argument("--work-dir", default="/tmp", metavar="DIR",
                        help="where temporary files go; every user must be able to reach it (default: /tmp)")
    arguments = parser.parse_args()
    if arguments.update_doc and (arguments.only or arguments.quick):
        parser.error("--update-doc needs a full run: no --only, no --quick")
    return arguments


def chosen_parts(only):
    wanted = {part for name in only for part in GROUPS.get(name, [name])}
    return [part for part in PARTS if not wanted or part in wanted]


def chosen_rounds(arguments):
    rounds = QUICK_ROUNDS if arguments.quick else FULL_ROUNDS
    return dict.fromkeys(rounds, arguments.rounds) if arguments.rounds else dict(rounds)


class Progress:
    """One line on a terminal, rewritten for each thing that is measured; nothing when standard error is no terminal."""

    def __init__(self, total):
        self.total, self.part, self.shown = total, 0, sys.stderr.isatty()

    def say(self, text):
        if self.shown:
            print(f"\r\033[K[{self.part}/{self.total}] {text} …", end="", file=sys.stderr, flush=True)

    def clear(self):
        if self.shown:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def writ_version(area, person):
    done = run_as(person, [area.program("writ"), "--version"], area.root)
    if done.returncode != 0:
        raise CannotRun(f"writ --version: {first_lines(done.stderr)}")
    return done.stdout.split()[-1]


def versions(area, person):
    found = {"writ": writ_version(area, person)}
    for name in (*PEER_PROGRAMS, *TOOL_VERSIONS):
        found[name] = version_of(PEER_PROGRAMS.get(name, name))
    return found


def warn_about_load(load, results):
    print(f"load average: {load}", flush=True)
    if load > reporting.QUIET_LOAD:
        warning = f"the machine was busy (load {load}): times are too long and ratios unsteady"
        print(f"warning: {warning}", file=sys.stderr)
        results.note(f"warning: {warning}")


def measure(arguments, area, results):
    """Runs the chosen parts. Returns the conditions they ran under."""
    people, peers = area.people(), Peers(area)
    conditions = {"date": reporting.now(), "machine": reporting.machine(), "versions": versions(area, people[0]),
                  "rounds": chosen_rounds(arguments), "quick": arguments.quick, "users": [vars(p)["uid"] for p in people],
                  "allowed_calls": len(peers.call_names), "peer_filter_instructions": peers.filter_instructions(),
                  "load_before": reporting.load_average()}
    warn_about_load(conditions["load_before"], results)
    if not installed(PEER_PROGRAMS["bubblewrap"]):
        raise CannotRun("bubblewrap is not installed, and every target is about it: apt-get install bubblewrap")
    if len(people) == 1:
        results.note(f"measured as {people[0].label} only: run by root, both root and an ordinary user are measured")
    parts = chosen_parts(arguments.only)
    progress = Progress(len(parts))
    bench = latency_parts.Bench(area, peers, people, results, conditions["rounds"], progress.say)
    for progress.part, part in enumerate(parts, 1):
        PARTS[part](bench)
    progress.clear()
    conditions["load_after"] = reporting.load_average()
    return conditions


def default_json():
    return pathlib.Path(__file__).resolve().parents[2] / "build" / "bench" / "results.json"


def show(results, conditions):
    print(reporting.text_table(results.rows))
    print()
    for line in reporting.remarks(results):
        print(f"* {line}")
    print(reporting.conditions_text(conditions))
    missed = [row.name for row in results.rows if row.verdict == reporting.MISS]
    met, unclear = (sum(row.verdict == verdict for row in results.rows) for verdict in (reporting.OK, reporting.UNCLEAR))
    print(f"{met} targets met, {len(missed)} missed, {unclear} unclear" + (": missed " + ", ".join(missed) if missed else ""))


def run(arguments):
    results = reporting.Results()
    with WorkArea(arguments.bin.resolve(), arguments.work_dir) as area:
        conditions = measure(arguments, area, results)
    show(results, conditions)
    path = arguments.json or default_json()
    reporting.write_json(path, results, conditions)
    print(f"all figures: {os.path.relpath(path)}")
    if arguments.update_doc and not results.failures:
        reporting.update_document(arguments.update_doc, results, conditions)
    for failure in results.failures:
        print(f"could not run: {failure}", file=sys.stderr)
    return 1 if results.failures else 0


def main():
    arguments = parse_arguments()
    try:
        return run(arguments)
    except CannotRun as problem:
        print(f"run_bench.py: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
