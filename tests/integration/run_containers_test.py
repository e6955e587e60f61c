#!/usr/bin/env python3
"""Writ started as a root that is none: in `unshare -Ur`, in rootless containers and in ones with remapped users, and by a
root without root's capabilities. It works there, or it says what the matter is; the tool is never the host's root."""

import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from run_hosts_test import probe, weak  # noqa: E402
from writ_testing import expect_equal, expect_in, main, only  # noqa: E402

AS_ROOT_OF_A_NAMESPACE = ["unshare", "-Ur"]

# Enters a user namespace, waits until somebody has mapped it, becomes its root and executes the rest of the arguments.
ENTER = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
assert libc.unshare(0x10000000) == 0
sys.stdout.write("ready\\n"); sys.stdout.flush()
sys.stdin.readline()
os.setgroups([]); os.setresgid(0, 0, 0); os.setresuid(0, 0, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""
FIRST, COUNT = 1_000_000, 65536


def in_a_container(case, *options, program):
    """The way of rootless engines and of remapped users: ids 0 to 65535 are FIRST and the following outside."""
    inside = subprocess.Popen(["python3", "-c", ENTER, *case.command(*options, program=program)], cwd=case.workspace, text=True,
                              env=case.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    expect_equal(inside.stdout.readline(), "ready\n")
    for name in ("uid_map", "gid_map"):
        pathlib.Path(f"/proc/{inside.pid}/{name}").write_text(f"0 {FIRST} {COUNT}\n", encoding="ascii")
    out, err = inside.communicate("\n", timeout=60)
    return inside.returncode, out, err


@only("user")
def test_root_of_ones_own_user_namespace(case):
    for prefix in (AS_ROOT_OF_A_NAMESPACE, AS_ROOT_OF_A_NAMESPACE * 2, ["unshare", "-Urm"], ["unshare", "-Urpf", "--mount-proc"]):
        result, found = probe(case, prefix=prefix)
        expect_equal((prefix, result.returncode, weak(found)), (prefix, 0, set()))
        result = case.run(program=["sh", "-c", "id -u; touch made; mkdir -p directory"], prefix=prefix)
        expect_equal((prefix, result.returncode, result.stdout, result.stderr), (prefix, 0, "1000\n", ""))
        case.assert_owned("made", "directory")
    case.nothing_left()


@only("user")
def test_what_it_protects_in_its_own_user_namespace(case):
    case.write(".git/hooks/pre-commit", "mine")
    outside = case.write("outside", "PRIVATE", inside=case.base)
    script = f"! echo x > .git/hooks/pre-commit && ! cat {outside} && ! touch /etc/x && ! echo evil > .envrc && echo held"
    result = case.run(program=["sh", "-c", script], prefix=AS_ROOT_OF_A_NAMESPACE)
    expect_equal((result.returncode, result.stdout), (0, "held\n"))
    expect_in(".envrc", result.stderr)
    assert not (case.workspace / ".envrc").exists()


@only("user")
def test_a_workspace_of_somebody_whom_the_namespace_does_not_know(case):
    """/tmp and the like: the owner shows as nobody, and the tool is whoever started it."""
    result = case.run("--workspace", case.temporary, program=["sh", "-c", "id -u; touch made"], prefix=AS_ROOT_OF_A_NAMESPACE)
    expect_equal((result.returncode, result.stdout), (0, "1000\n"))
    expect_equal((case.temporary / "made").stat().st_uid, case.owner)


@only("root", "other")
def test_the_hosts_root_with_no_other_id_is_refused(case):
    """`unshare -Ur` of the real root: the one id that there is, is the one that no tool may have."""
    result = case.refused(program=["sh", "-c", "touch made"], prefix=AS_ROOT_OF_A_NAMESPACE, says=["host's root", "unshare -Ur", "ordinary user"])
    assert not (case.workspace / "made").exists(), result.stderr


@only("root")
def test_a_container_with_a_range_of_ids(case):
    for owner, seen in ((FIRST, 1000), (FIRST + 1000, 1000), (FIRST + 33, 33)):
        for path in (case.workspace, case.home):
            os.chown(path, owner, owner)
        status, out, err = in_a_container(case, program=["sh", "-c", "id -u; id -G; touch made; echo evil > .envrc || true"])
        expect_equal((owner, status, out), (owner, 0, f"{seen}\n{seen}\n" if owner != FIRST else "1000\n1000\n"))
        expect_in(".envrc", err)
        made = (case.workspace / "made").stat()
        expect_equal((made.st_uid, made.st_gid), (owner, owner))
        (case.workspace / "made").unlink()
    case.nothing_left()


@only("root", "other")
def test_a_root_without_capabilities_is_told_which(case):
    for name in ("setuid", "setgid", "chown", "setpcap", "all"):
        prefix = ["setpriv", f"--bounding-set=-{name}", f"--inh-caps=-{name}"]
        result = case.refused(program=["touch", "made"], prefix=prefix, says="cap_setuid" if name == "all" else f"cap_{name}")
        expect_in("ordinary user", result.stderr)
        assert not (case.workspace / "made").exists(), name
    result = case.refused(program=["touch", "made"], prefix=["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"], says="writ doctor")
    assert not (case.workspace / "made").exists(), result.stderr


@only("root", "other")
def test_a_root_with_no_more_than_it_needs(case):
    needed = "+chown,+setuid,+setgid,+setpcap,+sys_admin"
    result = case.run(program=["sh", "-c", "echo fine; touch made"], prefix=["setpriv", f"--bounding-set=-all,{needed}", f"--inh-caps=-all,{needed}"])
    expect_equal((result.returncode, result.stdout, result.stderr), (0, "fine\n", ""))
    case.assert_owned("made")


@only("user")
def test_doctor_agrees(case):
    result = subprocess.run([*AS_ROOT_OF_A_NAMESPACE, case.command(program=["x"])[0], "doctor"], capture_output=True, text=True, check=False,
                            env=case.environment(), cwd=case.workspace, timeout=60, **case.identity())
    expect_equal((result.returncode, result.stderr), (0, ""))
    expect_in("can enforce everything", result.stdout)


if __name__ == "__main__":
    sys.exit(main(globals()))
