#!/usr/bin/env python3
"""The filesystem primitives, as the safety assertions C 23, 24, 26, 27 and 30 of the reference system want them, and what
its tests of external boundaries and of granular permissions assert. Each test looks at what was granted and at what was
not: the one has changed, the other has not by a byte. Beside it stands the ablation: the same with one protection less,
where the forbidden does happen, so that the test is known to see it."""

import json
import os
import sys

from filesystem_scene import (ALL, decisions, everything, expect_outcomes, fingerprint, grant, hammer, raw_answer,
                              requests_on, same, temporaries, tree, uses_left)
from tool_sessions import Session
from writ_testing import expect_equal, expect_in, expect_not_in, main


def outside_and_inside(case):
    """`inner` is the workspace of the session, what lies beside it is outside."""
    outside = case.write("outside.txt", "not theirs", mode=0o666)
    case.write("inner/granted.txt", "old")
    case.write("inner/target.txt", "target")
    case.write("inner/sub/deep.txt", "deep")
    return outside, case.workspace / "inner"


def ways_out(inner):
    """(of an existing file, of a missing one) outside, as texts."""
    for name in ("outside.txt", "missing.txt"):
        yield from (f"../{name}", f"sub/../../{name}", f"./../{name}", f"sub//../..//{name}", f"{inner.parent}/{name}",
                    f"{inner}/../{name}", f"{inner}2/{name}", f"/proc/self/cwd/../{name}",
                    f"/proc/1/root{inner.parent}/{name}", f"nodir/../../{name}")
    yield from ("..", "/", "/etc/passwd", "sub/..", "sub/../granted.txt")


def test_23_containment_before_capability(case):
    outside, inner = outside_and_inside(case)
    # The widest capability there is, and one whose use would show that it was looked at.
    counted = grant(case, *ALL, "filesystem:*", "--uses", "200")
    before = fingerprint(outside)
    kept = tree(inner)
    with Session(case, "-C", inner) as session:
        for path in ways_out(inner):
            for tool, arguments in [("write_file", {"path": path, "text": "theirs"}), ("read_file", {"path": path}),
                                    ("delete", {"path": path, "recursive": True}), ("list_directory", {"path": path}),
                                    ("move", {"from": path, "to": "sub/got"})]:
                expect_equal((path, tool, session.code(tool, **arguments)), (path, tool, "denied"))
        expect_outcomes(session, requests_on("../outside.txt"), "denied")
        expect_equal(session.code("run_command", argv=["true"], working_directory="../.."), "denied")
        same(kept, inner)
        # Utility: the same capability gives what lies inside.
        session.value("write_file", path="granted.txt", text="new")
    expect_equal((inner / "granted.txt").read_text(), "new")
    expect_equal(fingerprint(outside), before)
    # Containment came first: no capability was asked about what lies outside, and none was used.
    expect_equal(decisions(case, "filesystem.write_text"), [("filesystem:workspace:granted.txt", "allow")])
    expect_equal(decisions(case, "filesystem.read_text") + decisions(case, "filesystem.delete_file"), [])
    expect_equal(uses_left(case, counted), 199)


def test_23_ablation_a_wider_workspace(case):
    outside, inner = outside_and_inside(case)
    everything(case, "filesystem:*")
    with Session(case, "-C", inner.parent) as session:
        session.value("write_file", path=f"{inner.parent}/outside.txt", text="theirs")
        expect_equal(session.value("read_file", path="outside.txt")["text"], "theirs")
    expect_equal(outside.read_text(), "theirs")


# Each pair: a path where something is, and one of the same length where nothing is.
PAIRS = [("there.txt", "gone0.txt"), ("folder/there.txt", "folder/gone0.txt"), ("folder", "absent"),
         ("folder/there.txt", "absent/there.txt"), ("a_link", "absent"), ("a_fifo", "absent"), ("there.txt/x", "gone0.txt/x")]


def existing_things(case):
    case.write("there.txt", "there")
    case.write("folder/there.txt", "there")
    case.write("granted.txt", "old")
    os.symlink("there.txt", case.workspace / "a_link")
    os.mkfifo(case.workspace / "a_fifo")
    for name in ("a_link", "a_fifo"):
        case.give(case.workspace / name)


def look_calls(path):
    return [("write_file", {"path": path, "text": "t"}), ("write_file", {"path": path, "text": "t", "overwrite": False}),
            ("write_file", {"path": path, "text": "t", "expected_content_sha256": "missing"}),
            ("write_file", {"path": path, "text": "t", "make_parents": True}),
            ("write_file", {"path": path, "text": "t", "expected_content_sha256": "0" * 64}),
            ("edit", {"path": path, "edits": [{"old": "a", "new": "b"}]}), ("delete", {"path": path}),
            ("delete", {"path": path, "missing_ok": True}), ("delete", {"path": path, "recursive": True}),
            ("move", {"from": path, "to": "granted.txt"}), ("move", {"from": "granted.txt", "to": path}),
            ("stat", {"path": path}), ("read_file", {"path": path}), ("list_directory", {"path": path}),
            ("make_directory", {"path": path}), ("search", {"pattern": "t", "path": path}),
            ("run_command", {"argv": ["true"], "working_directory": path})]


def answers(session, existing, missing):
    """[(tool, answer about what exists, answer about what does not)], with both paths called P."""
    found = []
    for (tool, one), (_, other) in zip(look_calls(existing), look_calls(missing)):
        found.append((tool, raw_answer(session, tool, one).replace(existing, "P"),
                      raw_answer(session, tool, other).replace(missing, "P")))
    return found


def test_24_no_existence_oracle(case):
    existing_things(case)
    everything(case, "filesystem:workspace:granted.txt")
    before = tree(case.workspace)
    with Session(case, "--quiet") as session:
        for existing, missing in PAIRS:
            for tool, one, other in answers(session, existing, missing):
                expect_equal((existing, tool, one), (existing, tool, other))
                expect_equal((tool, json.loads(one)["code"]), (tool, "denied"))
        # The same past the tools: nothing but the code crosses.
        for path in ("folder/there.txt", "folder/gone0.txt", "absent/there.txt"):
            expect_outcomes(session, requests_on(path, "granted.txt"), "denied")
        same(before, case.workspace)
        session.value("write_file", path="granted.txt", text="new")
    expect_equal((case.workspace / "granted.txt").read_text(), "new")
    # What was refused has left no success behind.
    for primitive in ("filesystem.delete_file", "filesystem.stat", "filesystem.read_directory", "shell.run"):
        expect_equal([each for each in decisions(case, primitive) if each[1] != "deny"], [])


def test_24_ablation_with_authority_the_answers_differ(case):
    existing_things(case)
    everything(case)
    with Session(case) as session:
        for tool, same_for in [("stat", "folder/there.txt"), ("delete", "folder/there.txt")]:
            one = raw_answer(session, tool, {"path": same_for}).replace(same_for, "P")
            other = raw_answer(session, tool, {"path": "folder/gone0.txt"}).replace("folder/gone0.txt", "P")
            assert one != other, f"{tool} says nothing of what is there: {one}"
    assert not (case.workspace / "folder/there.txt").exists()


def started_in(session, path):
    """What a command says that starts in `path`, without what is different each time."""
    answer = json.loads(raw_answer(session, "run_command", {"argv": ["true"], "working_directory": path}).replace(path, "P"))
    answer.get("value", {}).pop("wall_ms", None)
    return answer


def test_24_working_directory_of_a_command(case):
    """Who may run a program, and may not look at the workspace, learns nothing of it through the place it starts in."""
    existing_things(case)
    grant(case, "--right", "execute", "shell:true")
    with Session(case, "--quiet", "--command-profile", "base") as session:
        for existing, missing in PAIRS[1:4]:
            expect_equal((existing, started_in(session, existing)), (existing, started_in(session, missing)))
    # The ablation: where the command sees the workspace, so does the answer.
    with Session(case, "--quiet", "--command-profile", "default") as session:
        expect_equal(started_in(session, "folder")["value"]["exit_status"], 0)
        assert started_in(session, "absent") != started_in(session, "folder")


def test_24_working_directory_behind_a_link(case):
    """A command starts in the directory that was decided on, not where a link of that name leads; the answer is that of one
    that does not exist, whether the command sees the workspace or not."""
    case.write("real/deep/there.txt", "x")
    for name, target in (("link", "real"), ("hanging", "nowhere"), ("outside", "/usr")):
        os.symlink(target, case.workspace / name)
        case.give(case.workspace / name)
    grant(case, "--right", "execute", "shell:true")
    for profile in ("base", "default"):
        with Session(case, "--quiet", "--command-profile", profile) as session:
            for name in ("link", "link/deep", "hanging", "outside", "outside/bin"):
                expect_equal((profile, name, started_in(session, name)), (profile, name, started_in(session, "absent")))
            # The ablation: the directory itself is another thing where the command sees it.
            same_answer = started_in(session, "real/deep") == started_in(session, "absent")
            expect_equal((profile, same_answer), (profile, profile == "base"))


def attempts(session, path):
    """What each right would allow, tried one after the other; the file is there in the beginning."""
    requests = {"read": ("filesystem.read_text", {"path": path}), "stat": ("filesystem.stat", {"path": path}),
                "write": ("filesystem.write_text", {"path": path, "text": "written"}),
                "delete": ("filesystem.delete_file", {"path": path})}
    outcomes, _ = hammer(session, list(requests.values()))
    assert set(outcomes) <= {"done", "denied"}, outcomes
    return {name for name, outcome in zip(requests, outcomes) if outcome == "done"}


RIGHTS = {"read": {"read", "stat"}, "write": {"write"}, "delete": {"delete"}}


def test_26_rights_are_separate(case):
    for right in RIGHTS:
        case.write(f"{right}.txt", "old")
        grant(case, "--right", right, f"filesystem:workspace:{right}.txt")
    case.write("all.txt", "old")
    everything(case, "filesystem:workspace:all.txt")
    with Session(case) as session:
        # To move takes the right to delete here and to write there; either alone moves nothing.
        ends = [("read.txt", "write.txt"), ("write.txt", "all.txt"), ("all.txt", "delete.txt"), ("all.txt", "read.txt")]
        expect_outcomes(session, [("filesystem.move", {"from": start, "to": end, "overwrite": True})
                                  for start, end in ends], "denied")
        for right, expected in RIGHTS.items():
            expect_equal((right, attempts(session, f"{right}.txt")), (right, expected))
        expect_equal((case.workspace / "read.txt").read_text(), "old")
        expect_equal((case.workspace / "write.txt").read_text(), "written")
        assert not (case.workspace / "delete.txt").exists()
        # The ablation: with all of them all of it happens.
        expect_equal(attempts(session, "all.txt"), {"read", "stat", "write", "delete"})
        case.write("all.txt", "again")
        session.value("move", **{"from": "all.txt", "to": "write.txt", "overwrite": True})
    expect_equal((case.workspace / "write.txt").read_text(), "again")


APPROVER = """#!/bin/sh
IFS= read -r question
id=${question#*\\"id\\": \\"}; id=${id%%\\"*}
echo "{\\"id\\": \\"$id\\", \\"answer\\": \\"once\\"}"
"""


def test_26_what_may_not_be_written_does_not_vanish(case):
    """A denial of writing, and a question about it, hold for deleting and for moving away; a right to write is none to delete."""
    for name in ("denied.txt", "asked.txt", "free.txt", "box/denied.txt", "box/free.txt", "target.txt"):
        case.write(name, "old")
    everything(case)
    denials = [grant(case, "--right", "write", f"filesystem:workspace:{name}", "--effect", effect)
               for name, effect in (("denied.txt", "deny"), ("asked.txt", "ask"), ("box/denied.txt", "deny"))]
    before = tree(case.workspace)
    with Session(case) as session:
        for name in ("denied.txt", "asked.txt", "box/denied.txt"):
            expect_outcomes(session, [("filesystem.delete_file", {"path": name}),
                                      ("filesystem.move", {"from": name, "to": "away.txt"}),
                                      ("filesystem.move", {"from": name, "to": "target.txt", "overwrite": True})], "denied")
        expect_outcomes(session, [("filesystem.delete_directory", {"path": "box", "recursive": True}),
                                  ("filesystem.move", {"from": "box", "to": "away"})], "denied")
        expect_equal(tree(case.workspace), before)
        # The ablation: beside them, and once nothing denies it, it happens.
        session.value("delete", path="free.txt")
        for denial in denials:
            expect_equal(case.writ("caps", "revoke", denial).returncode, 0)
        session.value("delete", path="denied.txt")
        session.value("move", **{"from": "asked.txt", "to": "away.txt"})
        session.value("delete", path="box", recursive=True)
    expect_equal(sorted(tree(case.workspace)), ["away.txt", "target.txt"])
    # Nor does a question about writing let somebody delete who has no right to.
    grant(case, "--right", "write", "filesystem:workspace:target.txt", "--effect", "ask", subject="agent:other")
    approver = case.write("answer", APPROVER, mode=0o755, inside=case.base, give=case.give_to_writ)
    with Session(case, subject="agent:other", approve=f"command:{approver}") as session:
        expect_outcomes(session, [("filesystem.delete_file", {"path": "target.txt"})], "denied")
        session.value("write_file", path="target.txt", text="asked for")
    expect_equal((case.workspace / "target.txt").read_text(), "asked for")


def test_27_read_limit_is_in_the_primitive(case):
    case.write("exact.txt", "x" * 1000)
    case.write("usual.txt", "y" * 65537)
    case.write("huge.txt", "z" * (1048576 + 1))
    everything(case)
    with Session(case) as session:
        def reads(path, *limits):
            return [("filesystem.read_text", {"path": path, "max_bytes": limit}) for limit in limits]

        # The tool made at run time has no schema that would stop it.
        wrong = (0, -1, 2**62, "1000", 1000.5, True, [1000], {"n": 1})
        expect_outcomes(session, reads("exact.txt", *wrong, 1048577, 2**31), "invalid_arguments")
        expect_outcomes(session, [("filesystem.read_directory", {"path": ".", "limit": limit})
                                  for limit in (*wrong, 10001)], "invalid_arguments")
        usual = [("filesystem.read_text", {"path": "usual.txt"})]
        expect_outcomes(session, reads("exact.txt", 1, 999) + reads("huge.txt", 1048576) + usual, "too_large")
        # The ablation: one byte more, and it is read.
        expect_outcomes(session, reads("exact.txt", 1000), "done")
        expect_equal(hammer(session, reads("usual.txt", 65537)), (["done"], ["y" * 65537]))
        listing = session.request("filesystem.read_directory", path=".", limit=2)["value"]
        expect_equal((len(listing["entries"]), listing["complete"]), (2, False))


def spellings(case, path):
    directory, name = os.path.split(path)
    return [path, f"./{path}", f"{directory}//{name}", f"{directory}/./{name}", f"{path}/", f"{path}/.",
            f"././/{directory}///{name}//", f"{case.workspace}/{path}", f"{case.workspace}//{directory}/./{name}"]


def denials(case):
    """The same denial, told in different ways: (name, options of the session)."""
    rules = case.base / "rules.yaml"
    rules.write_text("version: 1\nname: rules\nextends: nothing\nrules:\n"
                     f"  - {{effect: deny, rights: [read, write], path: {case.workspace}/src/a, reason: theirs}}\n")
    yield "relative", ["filesystem:workspace:src/a"], "nothing"
    yield "absolute", [f"filesystem:{case.workspace}/src/a"], "nothing"
    yield "rule", [], rules


def test_30_alias_paths_share_identity(case):
    forbidden = case.write("src/a", "forbidden")
    case.write("src/b", "old")
    everything(case)
    everything(case, f"filesystem:{case.workspace}/*")
    before = fingerprint(forbidden)
    for how, resources, profile in denials(case):
        denial = grant(case, *ALL, *resources, "--effect", "deny") if resources else None
        with Session(case, profile=profile) as session:
            every = [each for path in spellings(case, "src/a") for each in requests_on(path, "src/b")]
            expect_outcomes(session, every, "denied")
            for number, path in enumerate(spellings(case, "src/b")):
                session.value("write_file", path=path, text=f"new {number}")
                expect_equal((case.workspace / "src/b").read_text(), f"new {number}")
        expect_equal(fingerprint(forbidden), before)
        if denial:
            expect_equal(case.writ("caps", "revoke", denial).returncode, 0)
    # The ablation: without the denial each spelling is the same file.
    with Session(case) as session:
        for number, path in enumerate(spellings(case, "src/a")):
            session.value("write_file", path=path, text=f"theirs {number}")
            expect_equal(forbidden.read_text(), f"theirs {number}")
    expect_equal(sorted(os.listdir(case.workspace / "src")), ["a", "b"])


def test_30_a_use_is_one_use_under_every_name(case):
    case.write("src/a", "old")
    grant(case, "--right", "write", "filesystem:workspace:src/a", "--uses", "1")
    with Session(case) as session:
        session.value("write_file", path="./src//a", text="first")
        for path in spellings(case, "src/a"):
            expect_equal((path, session.code("write_file", path=path, text="second")), (path, "denied"))
    expect_equal((case.workspace / "src/a").read_text(), "first")


def test_external_boundaries(case):
    case.write("granted.txt", "old")
    kept = case.write("kept.txt", "kept")
    before = fingerprint(kept)
    with Session(case) as session:
        expect_equal(session.code("read_file", path="granted.txt"), "denied")
        for path in ("granted.txt", "gone.txt"):
            expect_equal(session.code("write_file", path=path, text="new"), "denied")
            expect_equal(session.code("write_file", path=path, text="new", overwrite=False), "denied")
            expect_equal(session.code("delete", path=path), "denied")
    # No success of a primitive is in the log.
    primitives = ("filesystem.read_text", "filesystem.open", "filesystem.write_text", "filesystem.delete_file")
    expect_equal({outcome for each in primitives for _, outcome in decisions(case, each)}, {"deny"})
    expect_equal((case.workspace / "granted.txt").read_text(), "old")
    with Session(case, approve="queue") as session:
        expect_equal(session.code("write_file", path="granted.txt", text="new"), "denied")
        # Granted in the middle of the session: allowed at the next call, and nothing else.
        capability = grant(case, "--right", "read", "--right", "write", "filesystem:workspace:granted.txt")
        expect_equal(session.value("read_file", path="granted.txt")["text"], "old")
        session.value("write_file", path="granted.txt", text="new")
        expect_equal((case.workspace / "granted.txt").read_text(), "new")
        expect_equal(session.code("write_file", path="kept.txt", text="theirs"), "denied")
        # Revoked: denied at the next call.
        expect_equal(case.writ("caps", "revoke", capability).returncode, 0)
        expect_equal(session.code("write_file", path="granted.txt", text="newer"), "denied")
        # Out of the workspace: denied, even with a capability for all of it.
        everything(case)
        expect_equal(session.code("write_file", path="../escape.txt", text="theirs"), "denied")
        session.value("write_file", path="granted.txt", text="last")
        # No such tool: it is said so, and nobody is asked.
        for name in ("launch_rocket", "filesystem.write_text", "write_text_file", "../write_file", ""):
            expect_equal((name, session.code(name, path="granted.txt", text="x")), (name, "unknown_name"))
    expect_equal((case.workspace / "granted.txt").read_text(), "last")
    expect_equal(fingerprint(kept), before)
    assert not (case.workspace.parent / "escape.txt").exists()
    expect_in(("filesystem:workspace:granted.txt", "allow"), decisions(case, "filesystem.write_text"))
    expect_not_in(("filesystem:workspace:kept.txt", "allow"), decisions(case, "filesystem.write_text"))
    asked = case.writ("approvals", "list", "--json")
    expect_equal((asked.returncode, json.loads(asked.stdout)["requests"]), (0, []))
    case.nothing_left()


def test_external_boundaries_ablation_the_manifest_alone(case):
    """What a session would be if the manifest of a tool were its authority: a person's own, with all of the workspace."""
    kept = case.write("kept.txt", "kept")
    with Session(case, subject=None, profile="default") as session:
        session.value("write_file", path="kept.txt", text="theirs")
    expect_equal(kept.read_text(), "theirs")


def test_granular_permissions(case):
    for name in ("notes.txt", "docs/a.txt", "docs/b.txt", "docs/sub/c.txt", "docs2/a.txt"):
        case.write(name, "old")
    for resource in ("notes.txt", "docs/*"):
        grant(case, "--right", "read", "--right", "write", f"filesystem:workspace:{resource}")
    readable = grant(case, "--right", "read", "filesystem:workspace:docs2/a.txt")
    before = tree(case.workspace)
    with Session(case) as session:
        for path in ("notes.txt", "docs/a.txt", "docs/sub/c.txt", "docs/sub/new.txt"):
            session.value("write_file", path=path, text="new")
            expect_equal(session.value("read_file", path=path)["text"], "new")
        # A file is not its neighbours, and a directory not what begins like it.
        for path in ("notes.txt2", "notes", "docs2/b.txt", "docs.txt", "other.txt"):
            expect_equal((path, session.code("write_file", path=path, text="new")), (path, "denied"))
            expect_equal((path, session.code("read_file", path=path)), (path, "denied"))
        # Reading is not writing.
        expect_equal(session.value("read_file", path="docs2/a.txt")["text"], "old")
        expect_equal(session.code("write_file", path="docs2/a.txt", text="new"), "denied")
        # Writing is not deleting, and a directory's list is its own.
        expect_equal(session.code("delete", path="docs/a.txt"), "denied")
        expect_equal(session.code("list_directory", path="."), "denied")
        expect_equal([each["name"] for each in session.value("list_directory", path="docs")["entries"]],
                     ["a.txt", "b.txt", "sub"])
        after = tree(case.workspace)
        expect_equal({name for name in after if after[name][0] != before.get(name, (None,))[0]},
                     {"notes.txt", "docs/a.txt", "docs/sub/c.txt", "docs/sub/new.txt"})
        # The ablation: a list that is wider lets it happen.
        expect_equal(case.writ("caps", "revoke", readable).returncode, 0)
        grant(case, "--right", "write", "filesystem:workspace:docs2/*")
        session.value("write_file", path="docs2/a.txt", text="theirs")
    expect_equal((case.workspace / "docs2/a.txt").read_text(), "theirs")
    expect_equal(temporaries(case.workspace), [])


if __name__ == "__main__":
    sys.exit(main(globals()))
