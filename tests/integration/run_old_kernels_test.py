#!/usr/bin/env python3
"""Kernels before 6.15, where nothing can be attached to a detached tree nor cloned from one (Debian 12 has 6.1): the view
is assembled attached, and must come out as the same view. A supervisor makes this kernel behave like that."""

import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from run_hosts_test import probe, weak  # noqa: E402
from writ_testing import AS_SOMEBODY, expect_equal, expect_in, main, old_mount_kernel  # noqa: E402

# What each mount shows, without the numbers that differ from run to run.
VIEW = r"""
import os, re
for line in open("/proc/self/mountinfo"):
    before, after = line.split(" - ")
    print(*before.split()[3:6], *after.split()[:2], re.sub("size=[0-9]+k?,?", "", after.split()[2]))
for directory, names, files in os.walk("/"):
    names[:] = sorted(n for n in names if directory != "/" or n not in ("proc", "usr", "etc", "opt", "dev"))
    for name in names + sorted(files):
        status = os.lstat(os.path.join(directory, name))
        print(os.path.join(directory, name), oct(status.st_mode), status.st_uid, status.st_gid)
"""


def without_emulation(case):
    return [] if case.runs_as_root else AS_SOMEBODY


def scene(case):
    """A workspace and grants that use everything a view is made of."""
    for name in (".git/hooks/pre-commit", ".git/config", ".envrc", ".vscode/tasks.json", "data/x"):
        case.write(name, "mine")
    for name in (".ssh/id_ed25519", ".ssh/known_hosts", "notes/a"):
        case.write_home(name, "private")
    case.write("tree/file", "outside", inside=case.base)
    return ["--read", case.home, "--read", case.home / ".ssh/known_hosts", "--read", case.base / "tree", "--read", case.workspace / "data"]


# The supervisor that behaves like the old kernel is a seccomp listener, and the kernel allows one for each process. So
# nothing can be mediated here; the view is made in the same way for both.
def native(case, profile="default"):
    return "--profile", case.write_home(f"{profile}-native.yaml", f"version: 1\nname: native\nextends: {profile}\n"
                                        "filesystem: {writing: native}\n")


def refusals(result):
    found = re.search(r"old-mount-kernel: (\d+) calls, (\d+) refused", result.stderr)
    assert found, result.stderr
    return int(found[2])


def test_every_layer_holds_on_an_older_kernel(case):
    result, found = probe(case, *native(case), prefix=old_mount_kernel(case))
    expect_equal((result.returncode, weak(found)), (0, set()))
    assert refusals(result) > 0, "the control: nothing that an older kernel refuses was tried"


def test_the_view_is_the_same(case):
    options = [*native(case), *scene(case)]
    program = ["/usr/bin/python3", "-c", VIEW]
    case.run(*options, program=["true"])  # makes Writ's own directories, which are hidden from then on
    new = case.run(*options, program=program, prefix=without_emulation(case))
    old = case.run(*options, program=program, prefix=old_mount_kernel(case))
    expect_equal((new.returncode, new.stderr, old.returncode), (0, "", 0))
    assert refusals(old) > 0
    # Sorted: the order of attaching may differ, what is on top of what may not (and the walk below sees that).
    expect_equal(sorted(set(old.stdout.splitlines()) ^ set(new.stdout.splitlines())), [])
    expect_in("/.ssh/known_hosts", new.stdout)
    assert "id_ed25519" not in new.stdout, "the control: the scene hides something"


def test_each_profile_runs(case):
    for profile in ("default", "readonly", "build", "python", "node", "git", "shell", "strict"):
        result = case.run(*native(case, profile), program=["/bin/echo", "fine"], prefix=old_mount_kernel(case))
        expect_equal((profile, result.returncode, result.stdout), (profile, 0, "fine\n"))


def test_files_on_the_standard_streams_and_the_second_identity_map(case):
    data = case.write("input", "line\n")
    with open(data, encoding="utf-8") as source:
        result = case.run(*native(case), program=["sh", "-c", "cat; id -u > who; touch made"], prefix=old_mount_kernel(case), stdin=source)
    expect_equal((result.returncode, result.stdout), (0, "line\n"))
    case.assert_owned("who", "made")


def test_a_second_listener_is_refused_with_a_way_out(case):
    result = case.refused(program=["touch", "made"], prefix=old_mount_kernel(case), says=["listener", "writing: native"])
    assert not (case.workspace / "made").exists(), result.stderr


def test_nothing_stays_mounted(case):
    case.run(*native(case), program=["true"], prefix=old_mount_kernel(case))
    case.nothing_left()


if __name__ == "__main__":
    sys.exit(main(globals()))
