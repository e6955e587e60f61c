#!/usr/bin/env python3
"""24 and 31: bytes that move between descriptors without being read and written, files that are huge, sparse or grow, and
memory files that others have mapped."""

import fcntl
import mmap
import os
import pathlib
import tempfile
import time

from attack_harness import MARKER, attack, main

WAYS = ("copy_file_range", "sendfile", "splice", "clone", "clone_range", "punch", "allocate")
# Moving into an object that was given for something else; ext4 and tmpfs cannot clone extents.
OPTIONAL = {"clone": "not on this file system", "clone_range": "not on this file system"}
CHANGES = ("shorten", "lengthen", "write", "punch", "map")
EVERY_CHANGE = (*CHANGES, *(f"again-{change}" for change in CHANGES), "shorten-by-name", "shorten-by-opening")
F_ADD_SEALS, SEALS = 1033, 0x1 | 0x2 | 0x4 | 0x8


def source(trial):
    return trial.file("source", "harmless " * 1000)


@attack("24_moving_into_a_read_grant")
def _(trial):
    start = source(trial)
    target = trial.outside / "given/file"
    before = MARKER * 500
    for way in WAYS:
        trial.stops("transfer", way, start, target, why=OPTIONAL.get(way, ""), options=["--read", str(target.parent)],
                    reset=lambda: trial.file(target, before))
        trial.check(target.read_text() == before, f"{way}: what was granted for reading was changed")


@attack("24_moving_into_a_protected_file")
def _(trial):
    start = source(trial)
    target = trial.workspace / ".git/config"
    before = MARKER * 500
    for way in WAYS:
        trial.stops("transfer", way, start, target, why=OPTIONAL.get(way, ""), reset=lambda: trial.file(target, before))
        trial.check(target.read_text() == before, f"{way}: a protected file was changed")


@attack("24_moving_out_of_a_hidden_file")
def _(trial):
    """A huge file with a hole in front of the secret: neither moved nor looked into."""
    secret = trial.file(trial.home / ".ssh/id_ed25519")
    with open(secret, "r+b") as file:
        file.truncate(1 << 40)
        file.seek(1 << 40)
        file.write(MARKER.encode())
    for way in ("copy_file_range", "sendfile", "splice"):
        trial.stops("transfer", way, secret, trial.workspace / "copy", options=["--read", str(trial.home)],
                    reset=lambda: trial.file("copy", ""))
        trial.check((trial.workspace / "copy").stat().st_size == 0, f"{way}: something was copied")
    trial.stops("holes", secret, MARKER, options=["--read", str(trial.home)])


@attack("24_through_a_stream_for_reading")
def _(trial):
    """The person's descriptor can write, what the tool gets of it cannot."""
    start = source(trial)
    data = trial.outside / "data"
    before = MARKER * 500
    for way in WAYS:
        fd = os.open(trial.file(data, before), os.O_RDWR)
        trial.stops("transfer", way, start, "fd:0", stdin=fd, why=OPTIONAL.get(way, ""),
                    reset=lambda: (os.lseek(fd, 0, os.SEEK_SET), trial.file(data, before)))
        os.close(fd)
        trial.check(data.read_text() == before, f"{way}: what was given for reading was changed")


@attack("24_over_the_beginning_of_a_log")
def _(trial):
    start = source(trial)
    log = trial.outside / "log"
    def attempt(command, way):
        fd = os.open(trial.file(log, "earlier\n" + "x" * 9000), os.O_RDWR | os.O_APPEND)
        trial.run([*command, trial.attack, "overwrite", way, str(start), "1"], stdout=fd)
        os.close(fd)
        return log.read_text()
    for way in ("copy_file_range", "sendfile", "splice"):
        trial.check("earlier" not in attempt([], way), f"{way}: the control changed nothing")
        trial.check(attempt(trial.sandbox(), way).startswith("earlier\n"), f"{way}: what was in the log before is gone")


@attack("24_growing_past_a_limit")
def _(trial):
    start = source(trial)
    profile = trial.profile("limits:\n  file_size: 2M\n")
    target = trial.workspace / "big"
    for way in ("truncate", "allocate", "copy_file_range", "sendfile", "splice"):
        trial.stops("grow", way, start, target, 4, profile=profile, reset=lambda: target.unlink(missing_ok=True))
        trial.check(not target.exists() or target.stat().st_size <= 2 << 20, f"{way}: {target.stat().st_size} bytes")
    small = trial.profile("limits:\n  tmp_size: 2M\n")
    for way in ("allocate", "copy_file_range", "sendfile", "splice"):
        trial.stops("grow", way, start, "/tmp/big", 4, profile=small, control_arguments=("grow", way, start, target, 4),
                    reset=lambda: target.unlink(missing_ok=True))


@attack("24_a_huge_file_for_the_quarantine")
def _(trial):
    """A protected name that is a terabyte of nothing, where the quarantine is on another file system and must copy."""
    with tempfile.TemporaryDirectory(prefix="writ-adversarial-", dir="/dev/shm") as other:
        trial.give(pathlib.Path(other), trial.uid)
        free = os.statvfs("/dev/shm").f_bavail
        trial.check(os.stat(other).st_dev != os.stat(trial.workspace).st_dev, "the control: it is the same file system")
        started = time.monotonic()
        result = trial.run([*trial.sandbox("--profile", "build"), trial.attack, "sparse-file", ".envrc", str(1 << 20)], environment={"XDG_STATE_HOME": other})
        trial.check(b"ESCAPED" in result.stdout, f"the tool could not make it: {result}")
        trial.check(time.monotonic() - started < 20, f"it took {time.monotonic() - started:.0f} s")
        used = (free - os.statvfs("/dev/shm").f_bavail) * os.statvfs("/dev/shm").f_frsize
        trial.check(used < 64 << 20, f"{used >> 20} MiB were written for it")
        trial.check(b".envrc" in result.stderr, f"nothing says what became of it: {result.stderr!r}")


def memory_file(sealed):
    fd = os.memfd_create("given", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(fd, MARKER.encode() + b"." * 8192)
    os.lseek(fd, 0, os.SEEK_SET)
    if sealed:
        fcntl.fcntl(fd, F_ADD_SEALS, SEALS)
    return fd


@attack("31_memory_file_on_standard_input")
def _(trial):
    """Somebody outside has mapped it: shortened, the next look at it ends him with SIGBUS."""
    for change in EVERY_CHANGE:
        def fresh(fd):
            os.ftruncate(fd, 0)
            os.pwrite(fd, MARKER.encode() + b"." * 8192, 0)
        fd = memory_file(sealed=False)
        trial.stops("memory-file", 0, change, stdin=fd, refusal_counts=True, reset=lambda: fresh(fd))
        trial.check(os.fstat(fd).st_size == len(MARKER) + 8192, f"{change}: the size is {os.fstat(fd).st_size}")
        with mmap.mmap(fd, 0, prot=mmap.PROT_READ) as seen:
            trial.check(seen[:len(MARKER)] == MARKER.encode(), f"{change}: the content is {seen[:20]!r}")
        os.close(fd)
        fd = memory_file(sealed=True)
        held = trial.inside("memory-file", 0, change, stdin=fd)
        trial.check(held.kind == "STOPPED", f"{change} of a sealed one: {held}")
        os.close(fd)
    fd = memory_file(sealed=True)
    trial.check(MARKER.encode() in trial.shell_inside("cat", stdin=fd).stdout, "a sealed one cannot be read")
    os.close(fd)


@attack("31_removed_file_on_standard_input")
def _(trial):
    """tempfile.TemporaryFile and the like: open for both, without a name, and looked at again afterwards."""
    for change in EVERY_CHANGE:
        with tempfile.TemporaryFile(dir=trial.outside) as file:
            if trial.uid:
                os.fchown(file.fileno(), trial.uid, trial.uid)
            def fresh(file=file):
                file.truncate(0)
                os.pwrite(file.fileno(), MARKER.encode() + b"." * 8192, 0)
                file.seek(0)
            trial.stops("memory-file", 0, change, stdin=file.fileno(), reset=fresh)
            trial.check(os.pread(file.fileno(), 1 << 16, 0) == MARKER.encode() + b"." * 8192, f"{change}: it was changed")
            result = trial.shell_inside("head -c 10 > taken; cat", stdin=file.fileno())
            trial.check(result.stdout.startswith(MARKER.encode()[10:]), f"it cannot be read: {result}")


if __name__ == "__main__":
    main()
