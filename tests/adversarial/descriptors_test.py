#!/usr/bin/env python3
"""Section 3: descriptors. What was given stays what it was given as, and nothing else is given."""

import os
import pathlib
import resource

from attack_harness import MARKER, alive, attack, eventually, main


def opened(path, flags):
    return os.open(path, flags)


def tree_with_secret(trial):
    trial.file(trial.outside / "secret")
    trial.file(trial.outside / "given/file", "harmless")
    return trial.outside / "given"


@attack("14_reopen_upgrade")
def _(trial):
    """A stream that was opened for one direction does not become one for both."""
    data = trial.file(trial.outside / "data")
    for where in ("/proc/self/fd", "/dev/fd", "/proc/thread-self/fd"):
        for how in ("read-write", "write", "truncate"):
            fd = opened(data, os.O_RDONLY)
            trial.stops("reopen", where, 0, how, stdin=fd, reset=lambda: trial.file(data))
            os.close(fd)
    log = trial.file(trial.outside / "log")
    fd = opened(log, os.O_WRONLY | os.O_APPEND)
    trial.stops("reopen", "/proc/self/fd", 2, "read", MARKER, stderr=fd)
    os.close(fd)
    trial.check(data.read_text() == MARKER, "what was given for reading was changed")


@attack("14_change_through_a_descriptor")
def _(trial):
    """Changes that need no right to write, only ownership: mode, times and attributes of what was given for reading."""
    data = trial.file(trial.outside / "data", mode=0o600)
    for what in ("mode", "mode-by-name", "times", "attribute"):
        fd = opened(data, os.O_RDONLY)
        trial.stops("change-object", 0, what, stdin=fd, reset=lambda: data.chmod(0o600),
                    why="not on every file system" if what == "attribute" else "")
        os.close(fd)
    for what in ("truncate-by-name",):
        fd = opened(data, os.O_RDONLY)
        trial.stops("change-object", 0, what, stdin=fd, reset=lambda: trial.file(data, mode=0o600))
        os.close(fd)
    trial.check(data.stat().st_mode & 0o777 == 0o600, f"mode {data.stat().st_mode:o}")


@attack("15_path_descriptors")
def _(trial):
    secret = trial.file(trial.outside / "secret")
    trial.file("sub/file")
    up = os.path.relpath(secret, trial.workspace / "sub")
    trial.stops("climb-path", trial.workspace / "sub", up, MARKER)
    trial.stops("climb-path", trial.workspace / "sub", f"/proc/self/root{secret}", MARKER)
    trial.stops("link-path", secret, trial.workspace / "alias",
                reset=lambda: (trial.workspace / "alias").unlink(missing_ok=True))
    fd = opened(secret, os.O_PATH)
    trial.stops("reopen", "/proc/self/fd", 0, "read", MARKER, stdin=fd, refusal_counts=True)
    os.close(fd)


@attack("16_directory_climb")
def _(trial):
    """A directory as a standard stream would be a view of the whole host."""
    given = tree_with_secret(trial)
    for number, stream in ((0, "stdin"), (2, "stderr")):
        for profile in ("default", "strict"):
            for name in ("climb", "climb-chdir"):
                fd = opened(given, os.O_RDONLY)
                trial.stops(name, number, "../secret", MARKER, profile=profile, refusal_counts=True, **{stream: fd})
                os.close(fd)
    fd = opened(given, os.O_RDONLY)
    trial.stops("read", "/proc/self/fd/0/../secret", MARKER, stdin=fd, refusal_counts=True)
    os.close(fd)
    fd = opened(given, os.O_PATH)
    trial.stops("climb", 0, "../secret", MARKER, stdin=fd, refusal_counts=True)
    os.close(fd)


@attack("26_descriptor_table")
def _(trial):
    """Exactly the standard streams, however many descriptors Writ itself was started with."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    for count in (0, 1, 10, 300, 900):
        inherited = [os.dup(0) for _ in range(count)]
        high = os.dup2(0, min(soft, 1024) - 1) if count else None
        try:
            keep = {"pass_fds": [*inherited, high]} if count else {}
            if count:
                free = trial.natively("inherited", **keep)
                trial.check(free.kind == "ESCAPED", f"{count}: the control proves nothing: {free}")
            held = trial.inside("inherited", **keep)
            trial.check(held.kind == "STOPPED", f"{count} inherited: {held}")
        finally:
            for fd in inherited + ([high] if count else []):
                os.close(fd)
    # With closed standard streams nothing of Writ's takes their place.
    for closing in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
        script = f'exec "$@" {closing}'
        list_of = 'for i in 0 1 2; do readlink /proc/self/fd/$i; done; ls /proc/self/fd'
        result = trial.run(["/bin/sh", "-c", script, "sh", *trial.sandbox(), "/bin/sh", "-c",
                            f"{{ {list_of}; }} > table"])
        table = trial.workspace / "table"
        names = table.read_text() if table.exists() else ""
        trial.check(result.returncode == 0 and "socket:" not in names and "anon_inode" not in names and
                    "writ" not in names.replace(str(trial.base), ""), f"{closing}: {result.returncode} {names!r}")
        table.unlink(missing_ok=True)


@attack("28_pidfd_getfd")
def _(trial):
    trial.stops("pidfd-getfd")


@attack("30_shared_stream_requests")
def _(trial):
    for name in ("own", "own-ex", "signal"):
        read, write = os.pipe()
        trial.stops("fcntl", 0, name, stdin=read)
        os.close(read), os.close(write)
    data = trial.file(trial.outside / "data")
    for name in ("lease", "notify"):
        fd = opened(data if name == "lease" else trial.outside, os.O_RDONLY)
        trial.stops("fcntl", 0, name, stdin=fd, refusal_counts=True)
        os.close(fd)


@attack("30_kill_by_pipe")
def _(trial):
    """F_SETOWN, F_SETSIG(SIGKILL) and O_ASYNC on a pipe that a process outside shares."""
    def attempt(run):
        read, write = os.pipe()
        victim = trial.victim()
        run(victim.pid, read)
        os.write(write, b"x")
        dead = not eventually(lambda: not alive(victim.pid), 0.5)
        os.close(read), os.close(write)
        return dead
    survived = attempt(lambda pid, read: trial.natively("signal-by-pipe", 0, pid, stdin=read))
    trial.check(not survived, "the control did not kill its victim")
    survived = attempt(lambda pid, read: trial.inside("signal-by-pipe", 0, pid, stdin=read))
    trial.check(survived, "a process outside was killed")


@attack("30_nonblocking_shared_streams")
def _(trial):
    """A tool that leaves the shared stream full and non-blocking breaks neither Writ's messages nor its exit status."""
    for stream in (1, 2):
        read, write = os.pipe()
        report = trial.base / "report.json"
        trial.give(trial.base, trial.uid)
        process = trial.start([*trial.sandbox("--report", str(report)), "/bin/sh", "-c",
                               f"echo evil > .envrc; sleep 0.3; {trial.attack} fill-stream {stream}; exit 42"],
                              **{"stdout" if stream == 1 else "stderr": write})
        os.close(write)
        eventually(lambda: report.exists(), 3)
        rest = b""
        while block := os.read(read, 1 << 16):
            rest += block
        os.close(read)
        trial.check(process.wait(10) == 42, f"stream {stream}: exit status {process.returncode}")
        if stream == 2:
            trial.check(b"denied: write" in rest, "Writ's own message was lost behind a full non-blocking stream")
        report.unlink(missing_ok=True)


@attack("30_append_only_log")
def _(trial):
    """Output appended to a log: what was in it before stays."""
    log = trial.file(trial.outside / "log", "earlier\n")
    script = "import os,fcntl\nfcntl.fcntl(1, fcntl.F_SETFL, 0)\nos.ftruncate(1, 0)\nos.pwrite(1, b'forged', 0)\n"
    def attempt(command):
        log.write_text("earlier\n")
        fd = opened(log, os.O_WRONLY | os.O_APPEND)
        trial.run([*command, "/usr/bin/python3", "-c", script], stdout=fd)
        os.close(fd)
        return log.read_text()
    if not os.path.exists("/usr/bin/python3"):
        trial.skip("no /usr/bin/python3 in the view")
        return
    trial.check("earlier" not in attempt([]), "the control changed nothing")
    # A regular file that is given for output is the tool's to write; only pipes cannot be rewritten.
    left = attempt(trial.sandbox())
    if "earlier" not in left:
        trial.skip("a regular file as standard output can be truncated by the tool (documented limit)")


@attack("32_requests_on_descriptors")
def _(trial):
    optional = {"TIOCLINUX": "works on virtual consoles only", "TIOCCONS": "",
                "TUNSETIFF": "no tun device here", "FS_IOC_SETFLAGS": "not on every file system"}
    for name in ("TIOCSTI", "TIOCLINUX", "TIOCSETD", "TIOCEXCL", "FIOASYNC", "FIOSETOWN", "SIOCSPGRP", "FS_IOC_SETFLAGS",
                 "TUNSETIFF"):
        why = optional.get(name, "")
        if name == "TIOCSTI" and not legacy_tiocsti():
            why = "this kernel has no TIOCSTI for ordinary users"
        for high in ((), ("high",)):
            trial.stops("ioctl", name, *high, control="root" if name == "TUNSETIFF" else "same", why=why,
                        reset=lambda: (trial.workspace / "attributes").unlink(missing_ok=True))
    trial.stops("ioctl", "TIOCCONS", control="none", why="would take the machine's console")
    for name in ("TIOCSTI", "TIOCSETD", "FS_IOC_SETFLAGS"):
        held = trial.inside("ioctl", name, profile="git")
        trial.check(held.kind == "STOPPED", f"git: {name}: {held}")


def legacy_tiocsti():
    try:
        return pathlib.Path("/proc/sys/dev/tty/legacy_tiocsti").read_text().strip() == "1"
    except OSError:
        return True


if __name__ == "__main__":
    main()
