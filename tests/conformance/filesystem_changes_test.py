#!/usr/bin/env python3
"""Assertion C 29 of the reference system: a change that was decided on something else leaves what is there, and a use of a
capability is taken by what happened. And what changes leave behind: owners, modes, no temporary file, no process, no
descriptor."""

import hashlib
import json
import os
import sys
import time

from filesystem_scene import everything, fingerprint, grant, hammer, temporaries, tree, uses_left
from tool_sessions import Session
from writ_testing import ROOT, expect_equal, main


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


def test_28_a_use_is_taken_by_what_happened(case):
    """It comes back only where nothing was done for certain."""
    case.write("once.txt", "old")
    capability = grant(case, "--right", "write", "filesystem:workspace:once.txt", "--uses", "1")
    with Session(case) as session:
        expect_equal(session.code("write_file", path="once.txt", text="new", overwrite=False), "exists")
        expect_equal(session.code("write_file", path="once.txt", text="new", expected_content_sha256=sha256("no")),
                     "conflict")
        expect_equal((uses_left(case, capability), (case.workspace / "once.txt").read_text()), (1, "old"))
        session.value("write_file", path="once.txt", text="new")
        expect_equal(session.code("write_file", path="once.txt", text="newer"), "denied")
    expect_equal((uses_left(case, capability), (case.workspace / "once.txt").read_text()), (0, "new"))


def test_29_conflict_leaves_the_bytes(case):
    target = case.write("target.txt", "theirs", mode=0o640)
    large = case.write("large.bin", b"\0\xff" * 400_000)
    everything(case)
    before = {path: fingerprint(path) for path in (target, large)}
    with Session(case) as session:
        wrong = [("target.txt", {"expected_content_sha256": sha256("old")}),
                 ("target.txt", {"expected_content_sha256": "missing"}), ("large.bin", {"expected_content_sha256": sha256("")}),
                 ("gone.txt", {"expected_content_sha256": sha256("")}), ("gone.txt", {"expected_content_sha256": sha256("new")})]
        outcomes, _ = hammer(session, [("filesystem.write_text", {"path": path, "text": "new", **expected})
                                       for path, expected in wrong])
        expect_equal(outcomes, ["conflict"] * len(wrong))
        expect_equal(session.code("write_file", path="target.txt", text="new", overwrite=False), "exists")
        expect_equal(session.code("edit", path="target.txt", edits=[{"old": "old", "new": "new"}]), "conflict")
        expect_equal({path: fingerprint(path) for path in (target, large)}, before)
        expect_equal(sorted(tree(case.workspace)), ["large.bin", "target.txt"])
        # Utility: the right expectation writes, and makes.
        session.value("write_file", path="target.txt", text="new", expected_content_sha256=sha256("theirs"))
        session.value("write_file", path="gone.txt", text="made", expected_content_sha256="missing")
        expect_equal((target.read_text(), (case.workspace / "gone.txt").read_text()), ("new", "made"))
        # The ablation: without an expectation it is overwritten.
        session.value("write_file", path="target.txt", text="lost")
    expect_equal(target.read_text(), "lost")
    expect_equal(sorted(tree(case.workspace)), ["gone.txt", "large.bin", "target.txt"])


APPROVER = """#!/bin/sh
IFS= read -r question
id=${question#*\\"id\\": \\"}; id=${id%%\\"*}
printf %s 'one, by another' > "$0.target"
echo "{\\"id\\": \\"$id\\", \\"answer\\": \\"once\\"}"
"""


def someone_writes_while_asked(case):
    """Writing has to be asked, and whoever is asked changes the file first: between the reading and the writing."""
    target = case.write("shared.txt", "one")
    approver = case.write("answer", APPROVER, mode=0o755, inside=case.base, give=case.give_to_writ)
    os.symlink(target, f"{approver}.target")
    grant(case, "--right", "read", "filesystem:workspace:shared.txt")
    grant(case, "--right", "write", "filesystem:workspace:shared.txt", "--effect", "ask")
    return target, f"command:{approver}"


def test_29_edit_sees_a_writer_in_between(case):
    target, approve = someone_writes_while_asked(case)
    with Session(case, approve=approve) as session:
        expect_equal(session.code("edit", path="shared.txt", edits=[{"old": "one", "new": "two"}]), "conflict")
        expect_equal(target.read_text(), "one, by another")
        # Now he writes what is there already, so nothing is in between.
        session.value("edit", path="shared.txt", edits=[{"old": "one", "new": "two"}])
    expect_equal(target.read_text(), "two, by another")
    expect_equal(sorted(tree(case.workspace)), ["shared.txt"])


def test_29_ablation_without_an_expectation_his_work_is_lost(case):
    target, approve = someone_writes_while_asked(case)
    with Session(case, approve=approve) as session:
        text = session.value("read_file", path="shared.txt")["text"]
        session.value("write_file", path="shared.txt", text=text.replace("one", "two"))
    expect_equal(target.read_text(), "two")


def test_owners_and_modes(case):
    for name, mode in [("plain.txt", 0o644), ("secret.txt", 0o600), ("run.sh", 0o755), ("odd.txt", 0o646),
                       ("setuid", 0o4755), ("setgid", 0o2755), ("sticky", 0o1644)]:
        path = case.write(name, "old")
        path.chmod(mode)
    forbidden = case.write("forbidden", "kept", mode=0o644)
    forbidden.chmod(0o4755)
    before = fingerprint(forbidden)
    everything(case)
    grant(case, "--right", "write", "filesystem:workspace:forbidden", "--effect", "deny")
    changed = {"plain.txt": 0o644, "secret.txt": 0o600, "run.sh": 0o755, "odd.txt": 0o646, "setuid": 0o755,
               "setgid": 0o755, "sticky": 0o644}
    with Session(case) as session:
        for name in changed:
            session.value("write_file", path=name, text="new")
        session.value("edit", path="run.sh", edits=[{"old": "new", "new": "newer"}])
        session.value("write_file", path="made/deep/file.txt", text="new", make_parents=True)
        session.value("make_directory", path="folder")
        session.value("move", **{"from": "plain.txt", "to": "folder/moved.txt"})
        expect_equal(session.code("write_file", path="forbidden", text="new"), "denied")
    changed["folder/moved.txt"] = changed.pop("plain.txt")
    changed["made/deep/file.txt"] = 0o644
    expect_equal({name: os.lstat(case.workspace / name).st_mode & 0o7777 for name in changed}, changed)
    expect_equal(os.lstat(case.workspace / "made/deep").st_mode & 0o7777, 0o755)
    case.assert_owned(*changed, "made", "made/deep", "folder")
    expect_equal((case.workspace / "run.sh").read_text(), "newer")
    # The ablation: what nobody writes keeps its bit, so the file system has one to keep.
    expect_equal((fingerprint(forbidden), before[3] & 0o7777), (before, 0o4755))


def descriptors(process):
    found = []
    for number in os.listdir(f"/proc/{process}/fd"):
        try:
            found.append(os.readlink(f"/proc/{process}/fd/{number}").split(":")[0])
        except FileNotFoundError:
            found.append(f"closed meanwhile at {time.monotonic()}")
    return sorted(found)


def resting_descriptors(process):
    """Those of the broker between calls, when it has made its next tools ready. It cannot be looked into by others of its
    user: only root counts."""
    if not ROOT:
        return []
    seen = [descriptors(process)]
    while len(seen) < 10 or seen[-10:] != [seen[-1]] * 10:
        assert len(seen) < 500, "they never rest"
        time.sleep(0.02)
        seen.append(descriptors(process))
    return seen[-1]


def test_nothing_left(case):
    case.write("file.txt", "old")
    kept = case.write("kept.txt", "kept")
    before = fingerprint(kept)
    everything(case)
    grant(case, "--right", "read", "--right", "write", "filesystem:workspace:kept.txt", "--effect", "deny")
    os.mkfifo(case.workspace / "fifo")
    case.give(case.workspace / "fifo")
    with Session(case, "--quiet") as session:
        def calls():
            session.value("write_file", path="file.txt", text="new")
            session.value("read_file", path="file.txt")
            session.value("list_directory", path=".")
            session.code("read_file", path="fifo")
            session.code("write_file", path="kept.txt", text="theirs")
            session.code("write_file", path="file.txt", text="x", expected_content_sha256="missing")
            session.value("write_file", path="a/b/c.txt", text="new", make_parents=True)
            session.value("delete", path="a", recursive=True)
            session.code("move", **{"from": "gone", "to": "file.txt"})
            session.value("stat", path="file.txt")
        calls()
        before_calls = resting_descriptors(session.process.pid)
        for _ in range(5):
            calls()
        expect_equal(resting_descriptors(session.process.pid), before_calls)
        hammer(session, [("filesystem.write_text", {"path": "file.txt", "text": "new"})] * 50)
        expect_equal(resting_descriptors(session.process.pid), before_calls)
        expect_equal(temporaries(case.workspace), [])
    expect_equal(sorted(os.listdir(case.workspace)), ["fifo", "file.txt", "kept.txt"])
    expect_equal(((case.workspace / "file.txt").read_text(), fingerprint(kept)), ("new", before))
    case.nothing_left()


def test_nothing_left_ablation_a_killed_session(case):
    """Also where the broker has no chance to tidy up, nothing stays: neither process nor half a file."""
    case.write("file.txt", "old")
    everything(case)
    session = Session(case, "--quiet")
    session.value("write_file", path="file.txt", text="new")
    line = json.dumps({"id": 1, "tool": "sleep", "arguments": {"seconds": 30}})
    session.process.stdin.write(line + "\n")
    session.process.stdin.flush()
    session.process.kill()
    session.close()
    case.nothing_left()
    expect_equal({name: (case.workspace / name).read_text() for name in os.listdir(case.workspace)}, {"file.txt": "new"})


if __name__ == "__main__":
    sys.exit(main(globals()))
