#!/usr/bin/env python3
"""Several at once: assertion C 28 of the reference system, that a use of a capability crosses once, whoever else is at it,
and C 29 among sessions, and against programs that are not Writ's: nobody's change is lost."""

import fcntl
import os
import sys
import threading
import time

from filesystem_scene import decisions, everything, exchange, fingerprint, grant, temporaries, tree, uses_left
from tool_sessions import Session
from writ_testing import expect_equal, main

WRITERS, ROUNDS = 3, 10


class Sessions:
    """Several sessions of one subject at once, each with a thread of its own."""

    def __init__(self, case, count):
        self.sessions = [Session(case, "--quiet") for _ in range(count)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for session in self.sessions:
            session.close()

    def at_once(self, work):
        """`work(session, number)` in all of them, begun at the same moment; returns the results."""
        results, barrier = [None] * len(self.sessions), threading.Barrier(len(self.sessions))

        def run(number):
            barrier.wait()
            results[number] = work(self.sessions[number], number)
        threads = [threading.Thread(target=run, args=(number,)) for number in range(len(self.sessions))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return results


def write_at_once(sessions, path):
    """Who of them could write `path`."""
    answers = sessions.at_once(lambda session, number: session.call("write_file", path=path, text=f"writer {number}"))
    codes = {answer["code"] for answer in answers if not answer["ok"]}
    assert codes <= {"denied", "conflict"}, answers
    return [number for number, answer in enumerate(answers) if answer["ok"]], codes


def test_28_one_shot_write_crosses_once(case):
    kept = case.write("kept.txt", "kept")
    before = fingerprint(kept)
    crossed = {}
    with Sessions(case, WRITERS) as sessions:
        for number in range(ROUNDS):
            name = f"round{number}.txt"
            case.write(name, "old")
            capability = grant(case, "--right", "write", f"filesystem:workspace:{name}", "--uses", "1")
            winners, codes = write_at_once(sessions, name)
            expect_equal((name, len(winners), codes), (name, 1, {"denied"}))
            expect_equal((case.workspace / name).read_text(), f"writer {winners[0]}")
            expect_equal(uses_left(case, capability), 0)
            expect_equal(sessions.sessions[0].code("write_file", path=name, text="again"), "denied")
            expect_equal(sessions.sessions[0].code("write_file", path="kept.txt", text="again"), "denied")
            crossed[f"filesystem:workspace:{name}"] = 1
    # The log tells the same: one success for each.
    allowed = [name for name, outcome in decisions(case, "filesystem.write_text") if outcome == "allow"]
    expect_equal({name: allowed.count(name) for name in set(allowed)}, crossed)
    expect_equal(fingerprint(kept), before)
    expect_equal(temporaries(case.workspace), [])


def test_28_ablation_without_a_count_all_cross(case):
    case.write("round.txt", "old")
    grant(case, "--right", "write", "filesystem:workspace:round.txt")
    done = 0
    with Sessions(case, WRITERS) as sessions:
        for _ in range(ROUNDS):
            done += len(write_at_once(sessions, "round.txt")[0])
    assert done > ROUNDS, done


ADD = """
import fcntl
import hashlib

def run(args, libos):
    done = []
    for _ in range(args["times"]):
        read = libos.syscall("filesystem.read_text", {"path": "sum.txt"})
        line = args["who"] + str(args["first"] + len(done))
        wish = {"path": "sum.txt", "text": read["text"] + line + "\\n"}
        if args["careful"]:
            wish["expected_content_sha256"] = read["content_sha256"]
        try:
            libos.syscall("filesystem.write_text", wish)
            done.append(line)
        except Exception as error:
            if str(error) != "conflict":
                raise
    return done
"""


def add_lines(case, careful, rounds):
    """Sessions that each add lines to one file, as many as they can; what they say they added, and what is there."""
    summed = case.write("sum.txt", "")
    everything(case, "filesystem:workspace:sum.txt")
    probe = {"arguments": {"times": 0, "who": "", "first": 0, "careful": True}, "expected": []}
    added = []
    with Sessions(case, WRITERS) as sessions:
        sessions.at_once(lambda session, number: session.make_tool("add", ADD, tests=[probe]))
        for number in range(rounds):
            for done in sessions.at_once(lambda session, who: session.value(
                    "add", times=30, who=f"{who}:", first=1000 * number, careful=careful)):
                added += done
            if not careful and sorted(summed.read_text().split()) != sorted(added):
                break
    return added, summed.read_text().split()


def test_29_no_change_is_lost_among_sessions(case):
    added, found = add_lines(case, careful=True, rounds=3)
    expect_equal(sorted(found), sorted(added))
    assert 30 < len(added) < 30 * 3 * WRITERS, f"{len(added)} of {30 * 3 * WRITERS}: nobody was in anybody's way"
    expect_equal(sorted(tree(case.workspace)), ["sum.txt"])


def test_29_ablation_changes_are_lost(case):
    added, found = add_lines(case, careful=False, rounds=20)
    assert len(found) < len(added), "without an expectation nothing was lost: the test above proves nothing"


CHANGE = """
def run(args, libos):
    outcomes = []
    for _ in range(args["times"]):
        read = libos.syscall("filesystem.read_text", {"path": "dir/f.txt"})
        words = read["text"].split()
        if not words:  # the stranger has taken it out meanwhile, and writes it anew
            continue
        wish = {"path": "dir/f.txt", "text": words[0] + " " + "x" * 60000}
        if args["careful"]:
            wish["expected_content_sha256"] = read["content_sha256"]
        try:
            libos.syscall("filesystem.write_text", wish)
            outcomes.append("done")
        except Exception as error:
            outcomes.append(str(error))
    return outcomes
"""


class Stranger:
    """A program that is not Writ's: puts a new version in place, again and again, and looks at what it took out. That is
    its own last version, or what somebody made of it; an older one means that its last one was lost."""

    def __init__(self, path, aside):
        self.path, self.aside, self.over = path, aside, False
        self.put, self.lost = 0, 0
        self.thread = threading.Thread(target=self._work)

    def _work(self):
        while not self.over:
            self.put += 1
            self.aside.write_text(f"v{self.put} ", encoding="utf-8")
            exchange(self.path, self.aside)
            self.lost += self.aside.read_text(encoding="utf-8").split()[0] != f"v{self.put - 1}"
            time.sleep(0.0005)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over = True
        self.thread.join()


def change_against_a_stranger(case, careful):
    """How often a stranger's version was lost, and how the changes ended."""
    path, aside = case.write("dir/f.txt", "v0 "), case.write("aside.txt", "")
    everything(case)
    outcomes = []
    with Session(case, "--quiet") as session, Stranger(path, aside) as stranger:
        probe = {"arguments": {"times": 0, "careful": True}, "expected": []}
        session.make_tool("change", CHANGE, tests=[probe])
        for _ in range(16):
            outcomes += session.value("change", times=15, careful=careful)
    return stranger.lost, outcomes


# Putting back takes a moment, too, and a stranger waits for nobody. Without any look at what was taken out it is twenty.
RARELY = 3


def test_29_work_of_others_is_not_lost(case):
    lost, outcomes = change_against_a_stranger(case, careful=True)
    assert set(outcomes) == {"done", "conflict"} and min(map(outcomes.count, set(outcomes))) > 10, outcomes
    assert lost <= RARELY, f"{lost} versions were lost"
    expect_equal(sorted(tree(case.workspace)), ["aside.txt", "dir", "dir/f.txt"])


def test_29_ablation_work_of_others_is_lost(case):
    lost, outcomes = change_against_a_stranger(case, careful=False)
    assert lost > RARELY, (lost, outcomes)


def held(directory):
    """The lock that sessions take turns with, held by somebody else."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def test_29_sessions_take_turns_in_a_directory(case):
    """What replaces a file puts back what it did not expect. Whoever read the file in between, and built on that, would
    lose his change; so sessions wait for each other."""
    changed, other = case.write("dir/f.txt", "old"), case.write("other/g.txt", "old")
    everything(case)
    writes = {"write_file": {"path": "dir/f.txt", "text": "new"}, "move": {"from": "other/g.txt", "to": "dir/g.txt"}}
    with Session(case) as session:
        for tool, arguments in writes.items():
            lock = held(changed.parent)
            before = tree(case.workspace)
            answers = []
            thread = threading.Thread(target=lambda: answers.append(session.call(tool, **arguments)))
            thread.start()
            thread.join(0.3)
            expect_equal((tool, answers, tree(case.workspace) == before), (tool, [], True))
            os.close(lock)
            thread.join()
            assert answers[0]["ok"], (tool, answers)
        # Nobody is kept waiting for ever, and nothing has changed then.
        lock = held(changed.parent)
        expect_equal(session.code("write_file", path="dir/f.txt", text="newer"), "conflict")
        # The ablation: the lock of another directory is none.
        session.value("write_file", path="other/h.txt", text="new")
        session.value("write_file", path="h.txt", text="new")
        os.close(lock)
    expect_equal((changed.read_text(), (changed.parent / "g.txt").read_text(), other.exists()), ("new", "old", False))


if __name__ == "__main__":
    sys.exit(main(globals()))
