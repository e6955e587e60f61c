#!/usr/bin/env python3
"""What somebody can do who has taken Writ's own process over: system calls are made in its place, from outside, as root
(syscall_injector.py), while a tool runs. The negative control is the same call in a process that nobody confined. Beside it:
what /proc says of the process, its environment and its descriptors, and what the report says.

    broker_confinement_test.py [part of a name]
"""

import errno
import json
import os
import pathlib
import platform
import re
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from syscall_injector import Injector, shown  # noqa: E402
from writ_testing import ROOT, Skip, case_profile, expect_equal, expect_in, expect_not_in, main, only, wait_until  # noqa: E402

REFUSED = {errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EAFNOSUPPORT, errno.ENOTTY, errno.EINVAL}
PROT_RWX, MAP_PRIVATE_ANONYMOUS, SIGCHLD = 7, 0x22, 17
CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWNET = 0x10000000, 0x00020000, 0x40000000
SECRET = "a-token-of-the-person"

# (what it would be good for, call, arguments). Arguments are chosen so that nothing happens to the host should it work.
ATTACKS = [
    ("start a program", "execve", "/nowhere", 0, 0),
    ("start a program by descriptor", "execveat", -1, "", 0, 0, 0x1000),
    ("have a second process", "fork"),
    ("have a process without a filter of its own", "clone", SIGCHLD),
    ("have a process in namespaces", "clone", CLONE_NEWUSER | SIGCHLD),
    ("hide the flags in memory", "clone3", bytes(64), 64),
    ("be traced", "ptrace", 0, 0, 0, 0),
    ("write into other processes", "process_vm_writev", 1, 0, 0, 0, 0, 0),
    ("compare kernel objects", "kcmp", 1, 1, 0, 0, 0),
    ("load code into the kernel", "bpf", 99, 0, 0),
    ("measure the kernel", "perf_event_open", 0, 0, -1, -1, 0),
    ("queue calls that no filter sees", "io_uring_setup", 0, 0),
    ("stop the kernel in page faults", "userfaultfd", 0x7fff),
    ("another kernel", "kexec_load", 0, 99, 0, 0),
    ("another kernel from a file", "kexec_file_load", -1, -1, 0, 0, 99),
    ("a module", "init_module", 0, 0, 0),
    ("a module from a file", "finit_module", -1, 0, 99),
    ("take a module out", "delete_module", "no-such-module-here", 0),
    ("keys", "keyctl", 99),
    ("a key", "add_key", "user", "x", 0, 0, -99),
    ("another's key", "request_key", "user", "x", 0, 0),
    ("mount", "mount", "none", "/nowhere", "tmpfs", 0, 0),
    ("unmount", "umount2", "/nowhere", 0),
    ("clone a tree of mounts", "open_tree", -1, "nowhere", 1),
    ("attach a tree of mounts", "move_mount", -1, "", -1, "", 0),
    ("a new file system", "fsopen", "no-such-type", 0),
    ("a mount of it", "fsmount", -1, 0, 0),
    ("make a mount writable", "mount_setattr", -1, "", 0x1000, 0, 0),
    ("another root", "chroot", "/nowhere"),
    ("swap the root", "pivot_root", "/nowhere", "/nowhere"),
    ("enter namespaces", "setns", -1, 0),
    ("a user namespace", "unshare", CLONE_NEWUSER),
    ("a mount namespace", "unshare", CLONE_NEWNS),
    ("a network namespace", "unshare", CLONE_NEWNET),
    ("another personality", "personality", 0x0040000),
    ("a TCP socket", "socket", 2, 1, 0),
    ("a UDP socket", "socket", 2, 2, 0),
    ("an IPv6 socket", "socket", 10, 1, 0),
    ("a unix socket", "socket", 1, 1, 0),
    ("a netlink socket", "socket", 16, 3, 0),
    ("a socket of the kernel's ciphers", "socket", 38, 5, 0),
    ("become root", "setuid", 0),
    ("become root, all three", "setresuid", 0, 0, 0),
    ("be dumpable again", "prctl", 4, 1, 0, 0, 0),
    ("a listener for others' calls", "seccomp", 1, 1 << 3, 0),
    ("memory to write and execute", "mmap", 0, 4096, PROT_RWX, MAP_PRIVATE_ANONYMOUS, -1, 0),
    ("type into the person's terminal", "ioctl", 0, 0x5412, "x"),
    ("change flags of files", "ioctl", 0, 0x40086602, 0),
    ("files by handle", "open_by_handle_at", -1, 0, 0),
    ("handles of files", "name_to_handle_at", -1, "", 0, 0, 0),
    ("ports of the machine", "ioperm", 0, 1, 0),
    ("swap", "swapon", "/nowhere", 0),
    ("the clock", "settimeofday", 0, 0),
    ("process accounting", "acct", "/nowhere"),
    ("quotas", "quotactl", 0x800007 << 8, 0, 0, 0),
    ("the kernel's log", "syslog", 10, 0, 0),
    ("others' file accesses", "fanotify_init", 0, 0),
    ("shared memory with a key", "shmget", 0x57524954, 4096, 0),
    ("a message queue", "mq_open", "writ-nowhere", 0, 0, 0),
    ("a set-uid file", "chmod", "/nowhere", 0o4755),
    ("a device", "mknod", "/nowhere/device", 0o020600, 0x103),
]


def need_injection():
    if not ROOT or platform.machine() != "x86_64":
        raise Skip("system calls are injected by root, on x86-64")


def status_of(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


def started(case, *options, program=("sleep", "30"), **popen):
    """A run whose tool runs and whose broker waits for something."""
    mark = case.workspace / "started"
    script = f"touch started && exec {' '.join(program)}"
    process = case.start(*options, program=["sh", "-c", script], **popen)
    wait_until(lambda: mark.exists())
    wait_until(lambda: status_of(process.pid).get("Seccomp", "0").strip() == "2")
    wait_until(lambda: status_of(process.pid)["State"].startswith("S"))
    return process


def finish(process):
    process.terminate()
    process.wait()


def tried_on(pid):
    with Injector(pid) as injector:
        return [injector.call(attack[1], *attack[2:]) for attack in ATTACKS]


def tried_without(case):
    """Each attack in a process of its own: some of them work."""
    results = []
    for attack in ATTACKS:
        control = subprocess.Popen(["sleep", "20"], stdin=subprocess.DEVNULL, **case.identity())
        try:
            wait_until(lambda: "clock_nanosleep" in pathlib.Path(f"/proc/{control.pid}/wchan").read_text()
                       or status_of(control.pid)["State"].startswith("S"))
            with Injector(control.pid) as injector:
                results.append(injector.call(attack[1], *attack[2:]))
        finally:
            control.kill()
            control.wait()
    return results


def compare(case, process):
    inside = tried_on(process.pid)
    outside = tried_without(case)
    proven, unproven = 0, []
    for (purpose, call, *_), here, there in zip(ATTACKS, inside, outside):
        assert here < 0 and -here in REFUSED, f"{purpose} ({call}): {shown(here)}, unconfined {shown(there)}"
        if there >= 0 or there != here:
            proven += 1
        else:
            unproven.append(f"{call} {shown(here)}")
    print(f"    {len(ATTACKS)} calls refused, {proven} of them otherwise without confinement; the same anyway: "
          f"{', '.join(unproven)}")
    assert proven >= 25, unproven


def test_a_broker_that_was_taken_over_makes_no_such_call(case):
    need_injection()
    process = started(case)
    compare(case, process)
    assert process.poll() is None
    finish(process)


@only("root", "user")
def test_nor_one_that_nobody_asks(case):
    """With native writing no call waits for the broker; then Landlock bounds its files as well."""
    need_injection()
    process = started(case, "--profile", case_profile(case, "native"))
    compare(case, process)
    outside = case.base / "made-by-the-broker"
    where = {"a file outside": str(outside), "a file in the home": str(case.home / "made"), "in /etc": "/etc/writ-made"}
    with Injector(process.pid) as injector:
        for purpose, path in where.items():
            result = injector.call("open", path, os.O_WRONLY | os.O_CREAT, 0o600)
            assert result == -errno.EACCES, f"{purpose}: {shown(result)}"
        inside = injector.call("open", str(case.workspace / "made"), os.O_WRONLY | os.O_CREAT, 0o600)
        assert inside >= 0, shown(inside)
        expect_equal(injector.call("close", inside), 0)
    control = subprocess.Popen(["sleep", "20"], **case.identity())
    time.sleep(0.1)
    with Injector(control.pid) as injector:
        made = injector.call("open", str(case.home / "made"), os.O_WRONLY | os.O_CREAT, 0o600)
        assert made >= 0, f"the control: {shown(made)}"
    control.kill()
    control.wait()
    finish(process)


def test_what_the_process_holds(case):
    process = started(case)
    status = status_of(process.pid)
    expect_equal((status["NoNewPrivs"], status["Seccomp"], status["CapInh"], status["CapAmb"]),
                 ("1", "2", "0" * 16, "0" * 16))
    bits = {"dac_override": 1, "fowner": 3, "kill": 5, "setgid": 6, "setuid": 7}
    allowed = sum(1 << bit for bit in bits.values()) if case.runs_as_root else 0
    for name in ("CapPrm", "CapEff", "CapBnd"):
        expect_equal(int(status[name], 16) & ~allowed, 0)
    # Non-dumpable: its files in /proc belong to root, whoever runs it.
    expect_equal(os.stat(f"/proc/{process.pid}/environ").st_uid, 0)
    limits = pathlib.Path(f"/proc/{process.pid}/limits").read_text() if ROOT else ""
    if ROOT:
        assert re.search(r"Max core file size\s+1\s+1\s", limits), limits
    finish(process)


@only("user")
def test_another_process_of_the_same_user_cannot_look_into_it(case):
    process = started(case)
    looked = case.on_host("cat", f"/proc/{process.pid}/environ", f"/proc/{process.pid}/maps", check=False)
    expect_equal((looked.returncode, looked.stdout), (1, ""))
    control = subprocess.Popen(["sleep", "20"], **case.identity())
    seen = case.on_host("cat", f"/proc/{control.pid}/maps", check=False)
    expect_equal(seen.returncode, 0)
    control.kill()
    control.wait()
    finish(process)


def test_no_secret_of_the_environment_stays(case):
    """Read by root, past every protection: neither the environment that the kernel shows nor any page has it."""
    need_injection()
    variables = case.environment(CLOUD_TOKEN=SECRET, TZ="UTC")
    process = started(case, environment=variables)
    shown_environment = pathlib.Path(f"/proc/{process.pid}/environ").read_bytes()
    expect_not_in(SECRET.encode(), shown_environment)
    expect_in(b"TZ=UTC", shown_environment)
    expect_equal(pages_with(process.pid, SECRET.encode()), 0)
    finish(process)
    control = subprocess.Popen(["sleep", "20"], env=variables, **case.identity())
    time.sleep(0.1)
    assert pages_with(control.pid, SECRET.encode()) >= 1, "the search finds nothing where there is something"
    control.kill()
    control.wait()


def pages_with(pid, text):
    found = 0
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            span, access = line.split()[:2]
            if access[:2] != "rw":
                continue
            begin, end = (int(part, 16) for part in span.split("-"))
            memory.seek(begin)
            try:
                found += memory.read(end - begin).count(text)
            except OSError:
                continue
    return found


def test_the_report_says_what_is_in_force(case):
    _, report = case.report(program=["true"])
    broker = report["broker"]
    expect_equal(broker["seccomp"]["state"], "active")
    assert broker["seccomp"]["instructions"] > 100
    expect_equal((broker["landlock"]["state"], broker["landlock"]["reason"]),
                 ("degraded", "calls of the tool wait for the broker"))
    kept = {"cap_dac_override", "cap_fowner", "cap_kill", "cap_setuid", "cap_setgid"}
    assert set(broker["capabilities"]) <= (kept if case.runs_as_root else set()), broker
    _, report = case.report("--profile", case_profile(case, "native"), program=["true"])
    expect_equal(report["broker"]["landlock"]["state"], "active")


if __name__ == "__main__":
    sys.exit(main(globals()))
