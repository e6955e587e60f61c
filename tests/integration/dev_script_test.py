#!/usr/bin/env python3
"""./dev for somebody whose machine lacks packages: it says what to do, and builds nothing."""

import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from writ_testing import SOURCE, expect_equal, expect_in, expect_not_in, main, only  # noqa: E402

MISSING = ("ninja-build", "libcap-dev")


def machine(case, sudo):
    """A PATH in which two packages are not installed, and sudo is absent or refuses."""
    tools = case.base / "tools"
    tools.mkdir()
    for directory in ("/usr/bin", "/bin"):
        for name in os.listdir(directory):
            if name not in ("sudo", "dpkg-query") and not os.path.lexists(tools / name):
                os.symlink(os.path.join(directory, name), tools / name)
    hide = " ".join(f"-e ' {name}$'" for name in MISSING)
    case.write("dpkg-query", f"#!/bin/sh\n/usr/bin/dpkg-query \"$@\" | grep -v {hide}\n", mode=0o755, inside=tools)
    if sudo:
        case.write("sudo", "#!/bin/sh\necho 'you are not in the sudoers file' >&2\nexit 1\n", mode=0o755, inside=tools)
    for name in ("dev", "packaging/debian-packages.txt"):
        case.write(name, (SOURCE / name).read_text(encoding="utf-8"), mode=0o755)
    return {"PATH": str(tools), "HOME": str(case.home)}


def run(case, command, sudo=False):
    environment = machine(case, sudo)
    return subprocess.run(["./dev", command], cwd=case.workspace, env=environment, capture_output=True, text=True, timeout=60,
                          check=False, **case.identity())


@only("user")
def test_without_sudo_it_says_what_root_has_to_do(case):
    result = run(case, "demo")
    expect_equal(result.returncode, 1)
    for part in (*MISSING, "As root, run:", "apt-get install", "./dev demo"):
        expect_in(part, result.stderr)
    expect_not_in("|", result.stderr)
    assert not (case.workspace / "build").exists()


@only("user")
def test_a_sudo_that_refuses_is_named(case):
    result = run(case, "test", sudo=True)
    expect_equal(result.returncode, 1)
    for part in (*MISSING, "may ", "use sudo?", "apt-get install"):
        expect_in(part, result.stderr)
    assert not (case.workspace / "build").exists()


if __name__ == "__main__":
    sys.exit(main(globals()))
