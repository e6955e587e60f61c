#!/usr/bin/env python3
"""Section 8, limits of a whole sandbox: bombs and floods, and ways out of the control group. Small sizes: what is not
stopped does no harm."""

import contextlib
import os
import pathlib
import random

from attack_harness import AS_ROOT, IS_ROOT, Skip, attack, eventually, main

HIERARCHIES = "/sys/fs/cgroup"
# In many processes, each small; from /tmp as well.
BOMB = r"""
import os, sys, time
pieces, size = int(sys.argv[1]), int(sys.argv[2])
for _ in range(pieces):
    if os.fork() == 0:
        memory = bytearray(b"x" * (size << 20))
        time.sleep(3)
        os._exit(0)
with open("/tmp/bomb", "wb") as file:
    file.write(b"y" * (size << 20))
os.unlink("/tmp/bomb")
good = all(os.waitstatus_to_exitcode(os.wait()[1]) == 0 for _ in range(pieces))
print("ESCAPED" if good else "STOPPED")
"""
# Everything that a process could try in order to be in another group, before it takes more than it may.
LEAVE = r"""
import ctypes, os, subprocess, sys
own, size = sys.argv[1:-1], int(sys.argv[-1])
libc = ctypes.CDLL(None, use_errno=True)
for flags in (0x02000000, 0x10000000, 0x00020000):
    libc.unshare(flags)
os.makedirs("/tmp/groups", exist_ok=True)
places = list(own)
for kind, options in (b"cgroup", b"memory"), (b"cgroup2", b""), (b"tmpfs", b""):
    if libc.mount(b"none", b"/tmp/groups", kind, 0, options) == 0:
        places.append("/tmp/groups")
for top in ("/sys/fs/cgroup", "/proc/self/root/sys/fs/cgroup", "/proc/1/root/sys/fs/cgroup"):
    places += [top, top + "/memory", top + "/unified"]
for place in places:
    for file, text in (("memory.limit_in_bytes", "-1"), ("memory.max", "max"), ("cgroup.procs", "0"), ("tasks", "0")):
        try:
            with open(place + "/" + file, "w") as opened:
                opened.write(text)
        except OSError:
            pass
memory = bytearray(b"x" * (size << 20))
print("ESCAPED")
"""


def own_group(controller):
    for line in pathlib.Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return f"{HIERARCHIES}/{controller}{path}".rstrip("/")
    return None


def can_make_groups():
    path = own_group("memory")
    return IS_ROOT and path is not None and os.path.exists(f"{path}/cgroup.procs")


@contextlib.contextmanager
def words_in_a_group(trial):
    """What starts Writ where it can make groups: root anywhere, an ordinary user in a subtree of its own."""
    if not can_make_groups():
        raise Skip("no cgroup v1 hierarchies that root may write")
    if trial.stage != "user":
        yield []
        return
    made = []
    try:
        for name in ("memory", "pids"):
            path = f"{own_group(name)}/limits-attack-{os.getpid()}-{random.randrange(1 << 30)}"
            os.mkdir(path)
            made.append(path)
            for entry in (path, f"{path}/cgroup.procs"):
                os.chown(entry, trial.uid, trial.uid)
        yield ["sh", "-c", "".join(f"echo $$ > {path}/cgroup.procs; " for path in made) + 'exec "$@"', "sh"]
    finally:
        for path in made:
            eventually(lambda path=path: removed(path))


def removed(path):
    with contextlib.suppress(OSError):
        os.rmdir(path)
    return not os.path.exists(path)


def run(trial, limits, program, prefix=()):
    options = [word for limit in limits for word in ("--limit", limit)]
    return trial.run([*prefix, *trial.sandbox(*options), *program])


@attack("70_memory_bomb")
def _(trial):
    """Forty processes of 4 MiB, and a file in the private /tmp. With swap, where the host has some: none may be used."""
    program = ["python3", "-c", BOMB, "40", "4"]
    with words_in_a_group(trial) as prefix:
        free = run(trial, [], program, prefix)
        trial.check(b"ESCAPED" in free.stdout, f"the control: {free.stdout!r} {free.stderr!r}")
        held = run(trial, ["memory=100M"], program, prefix)
        trial.check(held.returncode == 137 and b"ESCAPED" not in held.stdout, f"{held.returncode} {held.stdout!r} {held.stderr!r}")
        trial.check(b"limit reached: memory 100M" in held.stderr, f"not said: {held.stderr!r}")


@attack("70_leaving_the_group")
def _(trial):
    with words_in_a_group(trial) as prefix:
        held = run(trial, ["memory=48M"], ["python3", "-c", LEAVE, own_group("memory"), own_group("pids"), "100"], prefix)
        trial.check(held.returncode == 137 and b"ESCAPED" not in held.stdout, f"{held.returncode} {held.stdout!r} {held.stderr!r}")


@attack("70_leaving_the_group_control", AS_ROOT[:1])
def _(trial):
    """The same program in a group of 48 MiB, without a sandbox, leaves it."""
    if not can_make_groups():
        raise Skip("no cgroup v1 hierarchies that root may write")
    path = f"{own_group('memory')}/limits-control-{os.getpid()}"
    os.mkdir(path)
    try:
        pathlib.Path(f"{path}/memory.limit_in_bytes").write_text("48M", encoding="ascii")
        script = f'echo $$ > {path}/cgroup.procs; exec "$@"'
        start = ["unshare", "-m", "sh", "-c", script, "sh", "python3", "-c"]
        taking = trial.run([*start, "memory = bytearray(b'x' * (100 << 20)); print('ESCAPED')"])
        trial.check(b"ESCAPED" not in taking.stdout, "the group holds nothing")
        leaving = trial.run([*start, LEAVE, own_group("memory"), "100"])
        trial.check(b"ESCAPED" in leaving.stdout, f"the control: {leaving.returncode} {leaving.stderr!r}")
    finally:
        eventually(lambda: removed(path))


@attack("69_fork_bomb_in_a_group")
def _(trial):
    """Processes that make processes, as fast as they can. The bomb is bounded by itself, for the control."""
    bomb = "import os, sys, time\nfor _ in range(6):\n  try:\n    os.fork()\n  except OSError:\n    pass\ntime.sleep(0.5)\nprint('x')\n"
    with words_in_a_group(trial) as prefix:
        free = run(trial, ["memory=500M", "processes=200"], ["python3", "-c", bomb], prefix)
        held = run(trial, ["memory=500M", "processes=20"], ["python3", "-c", bomb], prefix)
        trial.check(free.stdout.count(b"x") <= 64, f"the control: {free.stdout!r}")
        trial.check(b"limit reached: processes 20" in held.stderr, f"not said: {held.stderr!r}")
        trial.check(b"limit reached" not in free.stderr, f"the control: {free.stderr!r}")


@attack("71_output_flood_is_cut")
def _(trial):
    for where in ("", ">&2"):
        held = run(trial, ["output_size=100K"], ["sh", "-c", f"head -c 50M /dev/zero {where}"])
        size = len(held.stdout) if not where else held.stderr.count(b"\0")
        trial.check(held.returncode == 137 and size == 100 << 10, f"{held.returncode}, {size} bytes")
    free = run(trial, [], ["sh", "-c", "head -c 50M /dev/zero"])
    trial.check(free.returncode == 0 and len(free.stdout) == 50 << 20, f"the control: {free.returncode}")


@attack("69_write_flood")
def _(trial):
    """By processes that come and go; deleting what was written does not give it back."""
    flood = "i=0; while [ $i -lt 60 ]; do head -c 1M /dev/zero > file; rm file; i=$((i+1)); sleep 0.01; done; echo ESCAPED"
    held = run(trial, ["write_size=8M"], ["sh", "-c", flood])
    trial.check(held.returncode == 137 and b"ESCAPED" not in held.stdout, f"{held.returncode} {held.stderr!r}")
    free = run(trial, ["write_size=1G"], ["sh", "-c", flood])
    trial.check(b"ESCAPED" in free.stdout, f"the control: {free.returncode} {free.stderr!r}")


@attack("69_hidden_writer", ("user",))
def _(trial):
    """A program that cannot be read closes its figures to an ordinary user's broker. Root's reads them nevertheless."""
    script = "cp /bin/sleep hidden && chmod {} hidden && ./hidden 3 && echo ESCAPED"
    held = run(trial, ["write_size=8M"], ["sh", "-c", script.format("0111")])
    trial.check(held.returncode == 137 and b"ESCAPED" not in held.stdout, f"{held.returncode} {held.stderr!r}")
    trial.check(b"keeps Writ from counting" in held.stderr, f"not said: {held.stderr!r}")
    free = run(trial, ["write_size=8M"], ["sh", "-c", "rm -f hidden; " + script.format("0755")])
    trial.check(b"ESCAPED" in free.stdout, f"the control: {free.returncode} {free.stderr!r}")


if __name__ == "__main__":
    main()
