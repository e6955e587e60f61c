#!/usr/bin/env python3
"""Assertion C 25 of the reference system: the filesystem primitives reject links, and what is neither file nor directory.
Whatever a capability says, a name of the workspace never leads to something else: not through a symbolic link, not
through a second name of the same file, not through /proc, and not while somebody swaps a directory for a link."""

import os
import pathlib
import shutil
import stat
import sys
import threading
import time

from filesystem_scene import everything, exchange, expect_outcomes, hammer, requests_on, same, tree
from tool_sessions import Session
from writ_testing import ROOT, expect_equal, main

SECRET = "not theirs"


def secret_outside(case):
    """A file beside the session's workspace that whoever touches the workspace's files could change, too."""
    case.write("outside/secret.txt", SECRET, mode=0o666)
    case.write("inner/granted.txt", "old")
    case.write("inner/target.txt", "target")
    case.write("inner/own/secret.txt", "own")
    return case.workspace / "outside", case.workspace / "inner"


def link(case, path, target):
    os.symlink(target, path)
    case.give(path)


def contents(path):
    """Requests that would read or change what `path` leads to. All must fail."""
    named = {"filesystem.read_text", "filesystem.write_text", "filesystem.write_directory"}
    return [(name, arguments) for name, arguments in requests_on(path) if name in named]


def expect_refused(session, requests):
    """None of them is done, and none is read; the code is one of those for what is not what it should be."""
    outcomes, texts = hammer(session, requests)
    wrong = [each for each in zip(requests, outcomes) if each[1] not in ("wrong_kind", "denied", "exists", "conflict")]
    expect_equal((wrong, texts), ([], []))


def test_25_symbolic_links(case):
    outside, inner = secret_outside(case)
    everything(case, "filesystem:*")
    link(case, inner / "absolute", outside / "secret.txt")
    link(case, inner / "relative", "../outside/secret.txt")
    link(case, inner / "within", "own/secret.txt")
    link(case, inner / "dangling", "../outside/new.txt")
    link(case, inner / "loop", "loop")
    link(case, inner / "proc", "/proc/self/root")
    before = tree(outside), tree(inner)
    with Session(case, "-C", inner) as session:
        for name in ("absolute", "relative", "within", "dangling", "loop", "proc"):
            expect_refused(session, contents(name))
            expect_equal((name, session.value("stat", path=name)["kind"]), (name, "link"))
        for tool, arguments in [("read_file", {"path": "relative"}), ("write_file", {"path": "relative", "text": "x"}),
                                ("edit", {"path": "relative", "edits": [{"old": "not", "new": "x"}]}),
                                ("list_directory", {"path": "proc"})]:
            expect_equal((tool, session.code(tool, **arguments)), (tool, "wrong_kind"))
        expect_equal((tree(outside), tree(inner)), before)
        session.value("write_file", path="granted.txt", text="new")
        # Deleted, moved and replaced is the link, never what it leads to.
        expect_equal(session.request("filesystem.delete_file", path="absolute"), {"value": {"deleted": True}})
        session.value("move", **{"from": "relative", "to": "moved"})
        session.value("move", **{"from": "granted.txt", "to": "dangling", "overwrite": True})
        # The ablation: a real file under the name, and it is read and written.
        os.unlink(inner / "moved")
        case.write("inner/moved", "a file")
        expect_equal(session.value("read_file", path="moved")["text"], "a file")
        session.value("write_file", path="moved", text="theirs")
    expect_equal((inner / "moved").read_text(), "theirs")
    expect_equal((inner / "dangling").read_text(), "new")
    same(before[0], outside)


def test_25_links_to_directories(case):
    outside, inner = secret_outside(case)
    everything(case, "filesystem:*")
    link(case, inner / "way", "../outside")
    link(case, inner / "near", "own")
    (inner / "deep").mkdir()
    case.give(inner / "deep")
    link(case, inner / "deep/way", outside)
    before = tree(outside), tree(inner)
    with Session(case, "-C", inner) as session:
        for directory in ("way", "near", "deep/way"):
            for path in (f"{directory}/secret.txt", f"{directory}/new.txt"):
                expect_refused(session, requests_on(path))
            # Emptied, listed or filled is a directory, and this is none.
            expect_refused(session, [("filesystem.read_directory", {"path": directory}),
                                     ("filesystem.delete_directory", {"path": directory, "recursive": True}),
                                     ("filesystem.write_directory", {"path": f"{directory}/new/er"})])
        expect_equal((tree(outside), tree(inner)), before)
        # What lies beside it, and what is deleted around it, stops at the link.
        session.value("write_file", path="own/secret.txt", text="new")
        expect_equal(session.value("delete", path="deep", recursive=True), {"deleted": True})
        same(before[0], outside)
        # The ablation: a directory instead of the link.
        os.unlink(inner / "way")
        shutil.copytree(outside, inner / "way")
        for path in (inner / "way", inner / "way/secret.txt"):
            case.give(path)
        session.value("write_file", path="way/secret.txt", text="theirs")
    expect_equal(((inner / "way/secret.txt").read_text(), (inner / "own/secret.txt").read_text()), ("theirs", "new"))
    same(before[0], outside)


def test_25_hard_links(case):
    outside, inner = secret_outside(case)
    everything(case)
    os.link(outside / "secret.txt", inner / "second")
    os.link(inner / "own/secret.txt", inner / "twin")
    before = tree(outside), tree(inner)
    with Session(case, "-C", inner) as session:
        for name in ("second", "twin", "own/secret.txt"):
            expect_refused(session, contents(name))
            expect_refused(session, [("filesystem.move", {"from": name, "to": "target.txt", "overwrite": True})])
            expect_equal(session.code("read_file", path=name), "wrong_kind")
        expect_equal((tree(outside), tree(inner)), before)
        session.value("write_file", path="granted.txt", text="new")
        # A name that is deleted is a name; the file stays under the other.
        session.value("delete", path="twin")
        expect_equal((inner / "own/secret.txt").read_text(), "own")
        # The ablation: the only name of a file is enough.
        expect_equal(session.value("read_file", path="own/secret.txt")["text"], "own")
        session.value("write_file", path="own/secret.txt", text="theirs")
    expect_equal(((inner / "own/secret.txt").read_text(), (inner / "granted.txt").read_text()), ("theirs", "new"))
    expect_equal((outside / "secret.txt").read_text(), SECRET)


def device(path, number):
    """A device node, where this host lets one be made; returns whether it did."""
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, number)
        os.chmod(path, 0o666)
    except PermissionError:
        return False
    return True


def test_25_what_is_no_file(case):
    everything(case)
    case.write("granted.txt", "old")
    case.write("target.txt", "target")
    os.mkfifo(case.workspace / "fifo", 0o666)
    case.give(case.workspace / "fifo")
    names = ["fifo"]
    if ROOT and device(case.workspace / "null", os.makedev(1, 3)) and device(case.workspace / "zero", os.makedev(1, 5)):
        names += ["null", "zero"]
    with Session(case) as session:
        started = time.monotonic()
        for name in names:
            before = os.lstat(case.workspace / name).st_ino
            expect_refused(session, contents(name) + [("filesystem.read_directory", {"path": name})])
            for tool, arguments in [("read_file", {}), ("write_file", {"text": "x"})]:
                answer = session.call(tool, path=name, **arguments)
                assert not answer["ok"] and answer["code"] in ("wrong_kind", "denied"), (name, tool, answer)
            expect_equal((name, session.value("search", pattern="x", path=name)["matches"]), (name, []))
            expect_equal((name, session.value("stat", path=name)["kind"]), (name, "other"))
            expect_equal(os.lstat(case.workspace / name).st_ino, before)
        # Nobody writes into the FIFO, so whoever waits for that waits for ever.
        assert time.monotonic() - started < 10, "something waited"
        session.value("write_file", path="granted.txt", text="new")
        # The ablation: a file of that name.
        os.unlink(case.workspace / "fifo")
        case.write("fifo", "a file")
        expect_equal(session.value("read_file", path="fifo")["text"], "a file")
    expect_equal((case.workspace / "granted.txt").read_text(), "new")


class Swapping:
    """Swaps two names as fast as it can, as long as it lives; counts how often."""

    def __init__(self, one, other):
        self.pair, self.count, self.over = (one, other), 0, False
        self.thread = threading.Thread(target=self._swap)

    def _swap(self):
        while not self.over:
            exchange(*self.pair)
            self.count += 1
            time.sleep(0.0002)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over = True
        self.thread.join()


def racing_scene(case):
    """`inner/dir` is a directory with its own file, `inner/spare` a link to the directory outside; and back again."""
    outside, inner = secret_outside(case)
    (inner / "dir").mkdir()
    case.give(inner / "dir")
    case.write("inner/dir/secret.txt", "own")
    link(case, inner / "spare", outside)
    return outside, inner


def test_25_directory_swapped_for_a_link(case):
    outside, inner = racing_scene(case)
    everything(case, "filesystem:*")
    before = tree(outside)
    requests = [("filesystem.read_text", {"path": "dir/secret.txt"}),
                ("filesystem.write_text", {"path": "dir/secret.txt", "text": "own"}),
                ("filesystem.write_text", {"path": "dir/new.txt", "text": "theirs"}),
                ("filesystem.delete_file", {"path": "dir/new.txt"}),
                ("filesystem.write_directory", {"path": "dir/made"}),
                ("filesystem.delete_directory", {"path": "dir/made", "recursive": True})]
    counts = {}
    with Session(case, "-C", inner) as session, Swapping(inner / "dir", inner / "spare") as swapping:
        end = time.monotonic() + 10
        while min(counts.get(way, 0) for way in ("done", "wrong_kind")) < 60 and time.monotonic() < end:
            outcomes, texts = hammer(session, requests * 10)
            for each in outcomes:
                counts[each] = counts.get(each, 0) + 1
            assert set(texts) <= {"own"}, texts
    # The race ran: both happened many times, and in between it was swapped.
    assert counts.get("done", 0) >= 60 and counts.get("wrong_kind", 0) >= 60 and swapping.count > 100, (counts, swapping.count)
    assert set(counts) <= {"done", "wrong_kind", "not_found", "conflict", "exists"}, counts
    same(before, outside)


def test_25_ablation_the_race_against_paths(case):
    """The same race against somebody who looks first and opens then, by its path, as a tool without a broker would."""
    outside, inner = racing_scene(case)
    path = inner / "dir/secret.txt"
    escaped = 0
    with Swapping(inner / "dir", inner / "spare"):
        end = time.monotonic() + 10
        while escaped == 0 and time.monotonic() < end:
            if (inner / "dir").is_symlink():
                continue
            path.write_text("theirs", encoding="utf-8")
            escaped += (outside / "secret.txt").read_text() != SECRET
    assert escaped, "nobody was led astray: the race of the test above proves nothing"


def test_25_nothing_through_proc(case):
    outside, inner = secret_outside(case)
    everything(case, "filesystem:*")
    before = tree(outside), tree(inner)
    with Session(case, "-C", inner) as session:
        serving = session.process.pid
        places = [f"/proc/{process}/{way}" for process in ("self", "thread-self", serving)
                  for way in (f"root{outside}", f"cwd/../outside", "fd/3", "fd/10/../outside")]
        for place in places:
            expect_outcomes(session, requests_on(f"{place}/secret.txt"), "denied")
        for name, target in [("root", f"/proc/{serving}/root"), ("cwd", "/proc/self/cwd"), ("fd", "/proc/self/fd")]:
            link(case, inner / name, target)
            expect_refused(session, requests_on(f"{name}/{outside}/secret.txt"[:200]))
            os.unlink(inner / name)
        expect_equal((tree(outside), tree(inner)), before)
        session.value("write_file", path="granted.txt", text="new")
    expect_equal((inner / "granted.txt").read_text(), "new")
    # The ablation: the same text leads there for whoever follows it.
    assert pathlib.Path(f"/proc/self/root{outside}/secret.txt").read_text() == SECRET


if __name__ == "__main__":
    sys.exit(main(globals()))
