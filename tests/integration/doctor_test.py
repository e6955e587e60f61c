#!/usr/bin/env python3
"""`writ doctor` against the real kernel, and against a kernel that refuses one thing at a time."""

import json
import os
import pathlib
import subprocess
import tempfile
import unittest

WRIT = os.environ["WRIT_BIN"]
DENY = os.environ["WRIT_DENY_SYSCALLS"]

# System calls that are taken away, and the features that must be found missing for it.
FAULTS = [
    ("unshare", {"user_namespace", "view", "locked_view", "pid_namespace", "network_namespace", "ipc_namespace",
                 "uts_namespace", "cgroup_namespace", "proc_mount"}),
    ("landlock_create_ruleset=ENOSYS", {"landlock"}),
    ("landlock_create_ruleset=EOPNOTSUPP", {"landlock"}),
    ("landlock_restrict_self", {"landlock"}),
    ("seccomp", {"seccomp"}),
    ("open_tree", {"view", "locked_view"}),
    ("mount_setattr=ENOSYS", {"view", "locked_view"}),
    ("move_mount", {"view", "locked_view"}),
    ("pivot_root", {"view", "locked_view"}),
    ("fsmount", {"view", "locked_view", "proc_mount"}),
    ("clone3=ENOSYS", {"clone3"}),
    ("close_range=ENOSYS", {"close_range"}),
    ("pidfd_open=ENOSYS", {"pidfd"}),
    ("pidfd_send_signal", {"pidfd"}),
    ("openat2=ENOSYS", {"openat2"}),
]


def doctor(*prefix, json_text=True, environment=None):
    command = [*prefix, WRIT, "doctor", *(["--json"] if json_text else [])]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False,
                          env={**os.environ, **(environment or {})})


def missing(found, kinds=("layer", "mechanism")):
    return {row["name"] for row in found["features"] if row["state"] == "unavailable" and row["kind"] in kinds}


class Doctor(unittest.TestCase):
    def test_this_host(self):
        result = doctor()
        found = json.loads(result.stdout)
        self.assertEqual(found["schema"], "writ-doctor")
        self.assertEqual(found["schema_version"], 1)
        self.assertEqual(result.returncode, 0 if found["sufficient"] else 1)
        self.assertEqual(result.stderr, "")

    def test_each_fault_is_found_and_explained(self):
        before = missing(json.loads(doctor().stdout))
        for fault, expected in FAULTS:
            with self.subTest(fault=fault):
                result = doctor(DENY, fault, "--")
                found = json.loads(result.stdout)
                self.assertEqual(missing(found), before | expected)
                self.assertEqual(result.returncode, 1)
                for row in found["features"]:
                    if row["name"] in expected:
                        self.assertTrue(row["detail"] and row["hint"] and row["errno"], row)

    def test_attaching_only_after_the_view_is_a_degradation(self):
        """A kernel before 6.15 answers EINVAL to a move into a detached tree; it must not look like a failure. Here all
        moves fail, so the view is unavailable: the difference to EPERM is that the second way was tried."""
        found = json.loads(doctor(DENY, "move_mount=EINVAL", "--").stdout)
        view = next(row for row in found["features"] if row["name"] == "view")
        self.assertIn("attach the view", view["detail"])

    def test_the_ordinary_user_needs_no_privilege(self):
        if os.geteuid() != 0:
            self.skipTest("already an ordinary user")
        with tempfile.TemporaryDirectory() as directory:
            os.chmod(directory, 0o755)
            program = pathlib.Path(directory) / "writ"
            program.write_bytes(pathlib.Path(WRIT).read_bytes())
            program.chmod(0o755)
            command = ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", str(program), "doctor", "--json"]
            result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd="/")
        found = json.loads(result.stdout)
        # Control groups are root's on some hosts; no profile needs them by itself.
        self.assertEqual(missing(found) - {"control_group"}, missing(json.loads(doctor().stdout)) - {"control_group"})
        self.assertIn("idmapped_mounts", missing(found, kinds=("information",)))

    def test_text_is_plain_when_it_is_not_for_a_terminal(self):
        result = doctor(json_text=False)
        self.assertNotIn("\x1b", result.stdout)
        self.assertIn("landlock", result.stdout)

    def test_findings_that_cannot_be_written_are_an_error(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            result = subprocess.run([WRIT, "doctor"], stdout=full, stderr=subprocess.PIPE, timeout=120, check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"cannot write the findings", result.stderr)

    def test_nothing_is_left_behind(self):
        mounts = pathlib.Path("/proc/self/mountinfo").read_text(encoding="utf-8")
        doctor()
        self.assertEqual(pathlib.Path("/proc/self/mountinfo").read_text(encoding="utf-8"), mounts)
        # Everything that the probe started has the probe's own group and session: nobody of it may be alive.
        process = subprocess.Popen([WRIT, "doctor"], stdout=subprocess.DEVNULL, start_new_session=True)
        process.wait(timeout=120)
        self.assertRaises(ProcessLookupError, os.killpg, process.pid, 0)


if __name__ == "__main__":
    unittest.main()
