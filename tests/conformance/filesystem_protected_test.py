#!/usr/bin/env python3
"""Names that something outside of the sandbox runs or takes orders from, and secrets: whatever a capability says, the
filesystem primitives neither write, make, move nor delete them, and do not read the secrets. What holds one of them is
deleted and moved as a whole or not at all."""

import os
import sys

from filesystem_scene import everything, expect_outcomes, fingerprint, grant, requests_on, same, tree
from tool_sessions import WHO, Session
from writ_testing import expect_equal, main, only

LOOKS = ("filesystem.read_text", "filesystem.stat", "filesystem.read_directory")
PROTECTED = [".git/hooks/pre-commit", ".git/hooks", ".git/config", ".envrc", ".vscode/tasks.json", ".bashrc"]


def changes(path, target="target.txt"):
    return [each for each in requests_on(path, target) if each[0] not in LOOKS]


def sessions(case, *options, profile="default"):
    """A person's own, and that of an agent with a capability for all of it."""
    everything(case, "filesystem:*")
    everything(case)
    for subject in (None, WHO):
        with Session(case, *options, subject=subject, profile=profile) as session:
            yield session


def repository(case):
    for name in (".git/hooks/pre-commit", ".git/config", ".git/HEAD", ".envrc", ".vscode/tasks.json", "target.txt", "src/a.c"):
        case.write(name, f"what {name} says")


def test_protected_names_that_exist(case):
    repository(case)
    before = tree(case.workspace)
    for session in sessions(case):
        expect_outcomes(session, [each for path in PROTECTED for each in changes(path)], "denied")
        for tool, arguments in [("edit", {"path": ".envrc", "edits": [{"old": "what", "new": "run"}]}),
                                ("write_file", {"path": "./.git//hooks/pre-commit", "text": "run"}),
                                ("delete", {"path": ".vscode", "recursive": True}),
                                ("move", {"from": "target.txt", "to": ".git/hooks/pre-commit", "overwrite": True})]:
            expect_equal((tool, session.code(tool, **arguments)), (tool, "denied"))
        same(before, case.workspace)
        # They can be read, and what lies beside them can be changed.
        session.value("read_file", path=".envrc")
        session.value("write_file", path=".git/HEAD", text="what .git/HEAD says")
        session.value("write_file", path="src/b.c", text="new")
        session.value("delete", path="src/b.c")
        before = tree(case.workspace)


def test_protected_names_that_do_not_exist(case):
    case.write("target.txt", "target")
    (case.workspace / ".git").mkdir()
    case.give(case.workspace / ".git")
    for session in sessions(case):
        expect_outcomes(session, [each for path in PROTECTED for each in changes(path)], "denied")
        expect_equal(session.code("write_file", path=".vscode/tasks.json", text="run", make_parents=True), "not_found"
                     if (case.workspace / ".vscode").exists() else "denied")
        session.value("write_file", path="other/.envrc.txt", text="new", make_parents=True)
        expect_equal(sorted(tree(case.workspace)), [".git", "other", "other/.envrc.txt", "target.txt"])
        session.value("delete", path="other", recursive=True)


def test_protected_names_ablation_a_profile_without_them(case):
    repository(case)
    everything(case)
    with Session(case) as session:  # nothing protects anything there
        session.value("write_file", path=".envrc", text="theirs")
        session.value("move", **{"from": "target.txt", "to": ".git/hooks/pre-commit", "overwrite": True})
        session.value("delete", path=".vscode", recursive=True)
    expect_equal((case.workspace / ".envrc").read_text(), "theirs")
    expect_equal((case.workspace / ".git/hooks/pre-commit").read_text(), "what target.txt says")
    assert not (case.workspace / ".vscode").exists()


def test_what_lies_above_a_protected_name(case):
    """`.git` as a file (`gitdir: …`), or another directory in its place, would give `.git/config` another meaning."""
    case.write("target.txt", "target")
    case.write("evil/HEAD", "ref: refs/heads/main")
    for session in sessions(case):
        for above in (".git", ".config", ".local"):
            expect_outcomes(session, [each for each in changes(above) if each[0] in ("filesystem.write_text",)], "denied")
            expect_outcomes(session, [("filesystem.move", {"from": name, "to": above}) for name in ("target.txt", "evil")],
                            "denied")
        # A directory is what it has to be; then it stays where it is.
        session.value("make_directory", path=".git/objects")
        expect_outcomes(session, [("filesystem.move", {"from": ".git", "to": "away"}),
                                  ("filesystem.move", {"from": "evil", "to": ".git", "overwrite": True})], "denied")
        session.value("write_file", path=".git/HEAD", text="new")
        session.value("delete", path=".git", recursive=True)
        expect_equal(sorted(tree(case.workspace)), ["evil", "evil/HEAD", "target.txt"])
    # The ablation: without protected names below it, it is a name like others.
    with Session(case) as session:
        session.value("write_file", path=".git", text="gitdir: evil")
    expect_equal((case.workspace / ".git").read_text(), "gitdir: evil")


def test_where_a_protected_name_leads(case):
    settings = case.write("settings/tasks.json", "theirs")
    for name in ("around/a.txt", "around/idea/workspace.xml", "around/z.txt"):
        case.write(name, "theirs")
    os.symlink("around/idea", case.workspace / ".idea")
    case.give(case.workspace / ".idea")
    around = tree(case.workspace / "around")
    case.write("target.txt", "target")
    os.symlink("settings", case.workspace / ".vscode")
    case.give(case.workspace / ".vscode")
    before = fingerprint(settings)
    for session in sessions(case):
        expect_outcomes(session, changes("settings/tasks.json") + changes("settings"), "denied")
        expect_equal(session.code("delete", path="around", recursive=True), "denied")
        session.value("write_file", path="target.txt", text="new")
    expect_equal(fingerprint(settings), before)
    same(around, case.workspace / "around")
    # The ablation: without the link it is a directory like others.
    os.unlink(case.workspace / ".vscode")
    with Session(case, subject=None, profile="default") as session:
        session.value("write_file", path="settings/tasks.json", text="new")
    expect_equal((settings.read_text(), (case.workspace / "target.txt").read_text()), ("new", "new"))


@only("root", "user")  # whoever runs Writ has the home
def test_secrets_of_the_home(case):
    case.workspace = case.home
    secrets = [".ssh/id_rsa", ".ssh/authorized_keys", ".ssh", ".aws/credentials", ".gnupg/private.key"]
    for name in secrets[:2] + secrets[3:]:
        case.write_home(name, "secret")
    for name in ("target.txt", ".sshd/id_rsa", "notes.txt"):
        case.write_home(name, "plain")
    places = (".ssh", ".aws", ".gnupg")
    before = [tree(case.home / place) for place in places]
    for session in sessions(case):
        # There or not: nothing can be done, and nothing seen.
        every = [each for path in [*secrets, ".ssh/new", ".ssh/new/deeper"] for each in requests_on(path)]
        expect_outcomes(session, every, "denied")
        for tool, arguments in [("read_file", {}), ("search", {"pattern": "secret"}), ("find_files", {"glob": "*"})]:
            answer = session.call(tool, path=".ssh", **arguments)
            assert not answer["ok"] and answer["code"] == "denied", (tool, answer)
        found = session.value("search", pattern="secret")
        expect_equal([each["path"] for each in found["matches"]], [])
        expect_equal([tree(case.home / place) for place in places], before)
        session.value("write_file", path="notes.txt", text="new")
        # The ablation: a name that only begins like it is none of them.
        expect_equal(session.value("read_file", path=".sshd/id_rsa")["text"], "plain")
    expect_equal((case.home / "notes.txt").read_text(), "new")


def forbidden_below(case):
    """A tree that may be deleted but for one file."""
    for name in ("build/a.o", "build/deep/b.o", "build/deep/keep.txt", "build/z.o", "other/a.o"):
        case.write(name, name)
    everything(case)
    return grant(case, "--right", "delete", "--right", "write", "filesystem:workspace:build/deep/keep.txt", "--effect", "deny")


def test_all_of_a_tree_or_nothing(case):
    repository(case)
    denial = forbidden_below(case)
    case.write("incoming/deep/keep.txt", "theirs")
    before = tree(case.workspace)
    for subject, trees in ((WHO, (".git", "build", "build/deep")), (None, (".git",))):
        with Session(case, subject=subject, profile="default") as session:
            for name in trees:
                expect_equal((name, session.code("delete", path=name, recursive=True)), (name, "denied"))
                expect_equal((name, session.code("move", **{"from": name, "to": "away"})), (name, "denied"))
            same(before, case.workspace)
    with Session(case, profile="default") as session:
        # Nor is something put under the forbidden name by moving what is around it.
        os.rename(case.workspace / "build", case.workspace / "aside")
        expect_equal(session.code("move", **{"from": "incoming", "to": "build"}), "denied")
        os.rename(case.workspace / "aside", case.workspace / "build")
        same(before, case.workspace)
        expect_equal(session.value("delete", path="other", recursive=True), {"deleted": True})
        # The ablation: without the denial all of it goes.
        expect_equal(case.writ("caps", "revoke", denial).returncode, 0)
        expect_equal(session.value("delete", path="build", recursive=True), {"deleted": True})
    expect_equal([(case.workspace / name).exists() for name in ("build", "other", ".git/hooks/pre-commit")],
                 [False, False, True])


if __name__ == "__main__":
    sys.exit(main(globals()))
