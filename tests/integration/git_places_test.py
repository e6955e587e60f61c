#!/usr/bin/env python3
"""Where git takes hooks and settings from, beside .git itself: submodules, other working trees, a directory somewhere else.
A tool plants something that git runs; outside of a sandbox the person's next `git status` runs it, from a sandbox it never
comes to be. And every link on the way of a protected name."""

import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from tool_sessions import Session  # noqa: E402
from writ_testing import case_profile, expect_equal, main, need, only  # noqa: E402

GIT = ("git", "-c", "protocol.file.allow=always", "-c", "user.email=t@example.org", "-c", "user.name=T")


def git(case, *words, where="."):
    return case.on_host(*GIT, *words, cwd=case.workspace / where)


def repository(case, *options, where="."):
    (case.workspace / where).mkdir(exist_ok=True)
    case.give(case.workspace / where)
    git(case, "init", "-q", *options, ".", where=where)
    case.write(f"{where}/file.txt", "first\n")
    git(case, "add", "file.txt", where=where)
    git(case, "commit", "-qm", "one", where=where)


def scene(case):
    """A repository with a submodule `sub`, whose directory is .git/modules/sub, and a working tree `side`."""
    need("git")
    repository(case, where="library")
    repository(case)
    git(case, "submodule", "add", "-q", case.workspace / "library", "sub")
    git(case, "commit", "-qm", "two")
    git(case, "worktree", "add", "-q", "side")
    git(case, "config", "extensions.worktreeConfig", "true")


MARK = "it-ran"
ORDER = f'[core]\\n fsmonitor = "touch $PWD/{MARK}; false"\\n'
# What is planted, and what the person does then.
PLANTS = {"configuration of a submodule": (f"printf '{ORDER}' >> .git/modules/sub/config", ("status",), "."),
          "its directory moved away": (f"mv .git/modules .git/m; printf '{ORDER}' >> .git/m/sub/config; mv .git/m .git/modules",
                                       ("status",), "."),
          "configuration of a working tree": (f"printf '{ORDER}' > .git/worktrees/side/config.worktree", ("status",), "side"),
          "hook of a submodule": (f"printf '#!/bin/sh\\ntouch '$PWD'/{MARK}\\n' > .git/modules/sub/hooks/post-checkout; "
                                  "chmod 755 .git/modules/sub/hooks/post-checkout", ("checkout", "-qf"), "sub"),
          "common directory of a working tree": ("cp -r .git evil; rm -rf evil/worktrees; "
                                                 f"printf '{ORDER}' >> evil/config; "
                                                 "echo $PWD/evil > .git/worktrees/side/commondir", ("status",), "side")}


def ran(case):
    found = [path for path in case.workspace.rglob(MARK)]
    for path in found:
        path.unlink()
    return bool(found)


def planted_on_the_host(case, script, words, where):
    """The control: what was planted runs. Then everything is as before."""
    case.on_host("cp", "-a", case.workspace, case.workspace.with_name("kept"), cwd=case.workspace.parent)
    case.on_host("sh", "-ec", script)
    git(case, *words, where=where)
    happened = ran(case)
    case.on_host("sh", "-c", "find . -mindepth 1 -delete; cp -a ../kept/. .; rm -rf ../kept")
    return happened


def refused(case, profile, script, words, where):
    case.run("--profile", profile, program=["sh", "-ec", script])
    git(case, *words, where=where)
    return not ran(case)


@only("root", "user")
def test_other_directories_of_git(case):
    scene(case)
    case.workspace.parent.chmod(0o777)
    for name, plant in PLANTS.items():
        assert planted_on_the_host(case, *plant), f"{name}: the control proves nothing"
        for profile in ("default", "build"):
            assert refused(case, profile, *plant), f"{name}: it ran after a run of {profile}"
    # Git itself works on.
    result = case.run("--profile", "default", program=["sh", "-ec", "echo x >> file.txt; git add file.txt; git status --short -uno"])
    expect_equal((result.returncode, result.stdout), (0, "M  file.txt\n"))


def test_hooks_of_submodules_under_the_profile_of_git(case):
    scene(case)
    case.workspace.parent.chmod(0o777)
    plant = PLANTS["hook of a submodule"]
    assert planted_on_the_host(case, *plant), "the control proves nothing"
    assert refused(case, "git", *plant), "it ran"
    # The rest of the submodule is git's to write.
    result = case.run("--profile", "git", program=["git", "-C", "sub", "config", "user.name", "somebody"])
    expect_equal((result.returncode, result.stderr), (0, ""))


def test_a_file_that_names_the_directory(case):
    need("git")
    repository(case, f"--separate-git-dir={case.workspace}/store")
    assert (case.workspace / ".git").is_file()
    case.workspace.parent.chmod(0o777)
    plants = [f"printf '{ORDER}' >> store/config", "mv store s; mkdir store; cp -r s/. store; "
              f"printf '{ORDER}' >> store/config",
              f"cp -r store evil; printf '{ORDER}' >> evil/config; rm .git; echo \"gitdir: $PWD/evil\" > .git"]
    for script in plants:
        assert planted_on_the_host(case, script, ("status",), "."), f"{script}: the control proves nothing"
        for profile in ("default", "build"):
            assert refused(case, profile, script, ("status",), "."), f"{script}: it ran after a run of {profile}"
    result = case.run("--profile", "default", program=["sh", "-ec", "echo x >> file.txt; git add file.txt; git status --short -uno"])
    expect_equal((result.returncode, result.stdout), (0, "M  file.txt\n"))


def links(case):
    """.envrc leads through two links to a file, and .vscode through a link to a directory."""
    case.write("b", "good\n")
    case.write("real/settings/tasks.json", "good\n")
    for name, target in (("a", "b"), (".envrc", "a"), ("way", "real"), (".vscode", "way/settings")):
        os.symlink(target, case.workspace / name)
        case.give(case.workspace / name)


WAYS = ["echo evil > b", "rm a; echo evil > a", "mv other a", "ln -sfn other a", "rm way; mkdir -p way/settings",
        "rm way; ln -s elsewhere way", "mv real gone; mkdir -p real/settings", "mv elsewhere/settings real/"]
UNTOUCHED = ("a", "way", "b", "real/settings/tasks.json")


def state(case):
    return [os.readlink(path) if path.is_symlink() else path.read_text() for path in map(case.workspace.joinpath, UNTOUCHED)]


def test_every_link_on_the_way(case):
    links(case)
    case.write("other", "evil\n")
    case.write("elsewhere/settings/tasks.json", "evil\n")
    before = state(case)
    for script in WAYS:
        result = case.run("--profile", "default", program=["sh", "-ec", script])
        assert result.returncode != 0, f"{script}: done"
        expect_equal((script, state(case)), (script, before))
    with Session(case, subject=None, profile="default") as session:
        for tool, arguments in [("write_file", {"path": "b", "text": "evil"}), ("delete", {"path": "a"}),
                                ("delete", {"path": "way"}), ("move", {"from": "other", "to": "a", "overwrite": True}),
                                ("move", {"from": "real", "to": "gone"}), ("move", {"from": "a", "to": "gone"})]:
            expect_equal((tool, arguments, session.code(tool, **arguments)), (tool, arguments, "denied"))
    expect_equal(state(case), before)
    # The controls: a profile that protects nothing lets each of them happen, and beside the links all may be written.
    open_profile = case.base / "open.yaml"
    open_profile.write_text("version: 1\nname: open\nextends: default\nreset:\n  - filesystem.protect\n")
    expect_equal(case.run("--profile", "default", program=["sh", "-ec", "echo x > c; ln -s c d; rm d; mkdir -p way/other"]).returncode, 0)
    expect_equal(case.run("--profile", open_profile, program=["sh", "-ec", "rm a; echo evil > a"]).returncode, 0)
    expect_equal((case.workspace / ".envrc").read_text(), "evil\n")
    expect_equal(case.run("--profile", case_profile(case, "mediated", "git"), program=["rm", "way"]).returncode, 0)


if __name__ == "__main__":
    sys.exit(main(globals()))
