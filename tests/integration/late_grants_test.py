#!/usr/bin/env python3
"""Trees that are granted while the tool runs. The cases are C++ (late_grants/): each is the broker of one sandbox. Here they
are run as everybody who may start Writ, and on a kernel that behaves like those before 6.15."""

import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from writ_testing import (AS_SOMEBODY, Skip, expect_equal, late_grants_program, main, marked_processes,  # noqa: E402
                          mounts_with, old_mount_kernel, only, orphaned_inits, wait_until)

PROGRAM_SKIPS = 77


def names(*selection):
    listed = subprocess.run([late_grants_program(), *selection, "--list-test-names-only"], capture_output=True, text=True,
                            check=False, timeout=60).stdout
    return [name for name in listed.splitlines() if name]


def run_cases(case, cases, prefix=(), **environment):
    """Each in a process of its own, because a broker's process changes for good."""
    assert cases, "there are no cases"
    failed = []
    for name in cases:
        result = subprocess.run([*prefix, late_grants_program(), name.replace(",", r"\,")], capture_output=True, text=True,
                                check=False, timeout=120, cwd=case.workspace, **case.identity(),
                                env=case.environment(WRIT_TEST_DIRECTORY=str(case.workspace), **environment))
        if result.returncode == PROGRAM_SKIPS:
            raise Skip(result.stdout)
        if result.returncode != 0 or "All tests passed" not in result.stdout:
            failed.append(f"{name}:\n{result.stdout}{result.stderr}")
    assert not failed, "\n".join(failed)


def test_each_case_on_an_older_kernel(case):
    # The supervisor that plays the older kernel has a listener, and a process can have only one (seccomp(2), EBUSY).
    run_cases(case, names("~[listener]"), prefix=old_mount_kernel(case))


@only("user")
def test_each_case_where_the_view_cannot_be_locked(case):
    """The broker's user namespace and init's can be made, the tool's cannot; the profile allows that."""
    limit = ["unshare", "-Ur", "sh", "-c", 'echo 3 > /proc/sys/user/max_user_namespaces && exec "$@"', "sh", *AS_SOMEBODY]
    run_cases(case, names("~[locked]"), prefix=limit, WRIT_TEST_UNLOCKED="1")


def test_each_case_and_nothing_stays(case):
    run_cases(case, names())
    left = lambda: (marked_processes(case.mark), mounts_with(case.mark), orphaned_inits())  # noqa: E731
    assert wait_until(lambda: left() == ([], [], [])), f"left over: {left()}"
    expect_equal(list(case.workspace.iterdir()), [])


if __name__ == "__main__":
    sys.exit(main(globals()))
