#!/usr/bin/env python3
"""What bad input gets: a clear error or correct behaviour, never a crash, a hang, a weaker sandbox or litter."""

import itertools
import os
import pathlib
import pty
import resource
import shutil
import subprocess
import sys
import threading
import time
import tty

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from writ_testing import (ROOT, Skip, expect_equal, expect_in, main, only, writ_program)  # noqa: E402

BASE = "version: 1\nname: bad\nextends: default\n"


def refused_profile(case, text, says, **popen):
    profile = case.write_home("bad.yaml", text)
    return case.refused("--profile", profile, says=says, **popen)


# --- the program ---


def test_a_missing_program(case):
    for program in ("no-such-program", "./no-such-program", "/no/such/program", ""):
        case.refused(program=[program], status=127, says=[program or "empty"])


def test_a_program_that_is_not_executable(case):
    case.write("data", "#!/bin/sh\n")
    case.write("directory/x")
    case.refused(program=["./data"], status=126, says="data")
    case.refused(program=["./directory"], status=126, says="directory")
    case.refused(program=["/usr"], status=126, says="/usr")
    case.refused(program=["/dev/null"], status=126, says="/dev/null")


def test_a_program_in_a_bad_format(case):
    case.write("foreign", b"\x7fELF\x02\x01\x01" + bytes(57), mode=0o755)
    case.refused(program=["./foreign"], status=126, says="foreign")
    case.write("short", b"\x7fELF", mode=0o755)
    case.refused(program=["./short"], status=126, says="short")
    case.write("loop", f"#!{case.workspace}/loop\n", mode=0o755)
    case.refused(program=["./loop"], status=126, says="loop")
    case.write("absent", "#!/no/such/interpreter\n", mode=0o755)
    status = case.run(program=["./absent"])
    assert status.returncode in (126, 127), status
    expect_in("/no/such/interpreter", status.stderr)
    case.write("nothing", "#!\n", mode=0o755)
    assert case.run(program=["./nothing"]).returncode in (0, 126)
    case.write("long", "#!/" + "x" * 5000 + "\n", mode=0o755)
    assert case.run(program=["./long"]).returncode in (126, 127)
    case.write("empty", "", mode=0o755)
    expect_equal(case.run(program=["./empty"]).returncode, 0)
    case.nothing_left()


def test_a_program_out_of_the_view(case):
    outside = case.write("tool", "#!/bin/sh\n", mode=0o755, inside=case.base)
    case.refused(program=[outside], status=127, says="tool")
    os.symlink(outside, case.workspace / "link")
    case.refused(program=["./link"], status=127, says="link")


def test_relative_entries_of_the_search_path_are_ignored(case):
    case.write("tool", "#!/bin/sh\necho wrong\n", mode=0o755)
    case.write("bin/tool", "#!/bin/sh\necho wrong\n", mode=0o755)
    for path in (".", "bin", "", ":/usr/bin", "/usr/bin:", "/usr/bin::/bin", "./bin:/usr/bin"):
        result = case.run(program=["tool"], environment=case.environment(PATH=path))
        expect_equal((path, result.returncode, result.stdout), (path, 127, ""))


def test_no_command_and_unknown_options(case):
    for words in (["run"], ["run", "--"], ["run", "--no-such-option", "--", "true"], ["run", "true"], ["no-such-command"], [],
                  ["run", "--timeout"], ["run", "--read", "--", "true"], ["doctor", "--no"]):
        result = subprocess.run([writ_program(), *words], capture_output=True, text=True, timeout=30, check=False, cwd=case.workspace)
        expect_equal((words, result.returncode), (words, 125))
        assert result.stderr.startswith("writ: ") and "--help" in result.stderr, result.stderr


# --- workspace and current directory ---


def test_a_missing_or_impossible_workspace(case):
    case.write("file")
    case.refused("--workspace", "/no/such/directory", says="/no/such/directory.*No such file")
    case.refused("--workspace", "/", says="whole file system")
    case.refused("--workspace", "..//../../../../..", says="whole file system")
    case.refused(cwd="/", says="whole file system")
    case.refused("--workspace", "file", says="file.*not a directory")


def test_the_kernels_own_file_systems_are_no_workspace_and_no_grant(case):
    """They are the host's devices, cgroups and processes; the sandbox has its own /dev and /proc."""
    for options in (["--workspace", "/sys"], ["--workspace", "/dev"], ["--workspace", "/proc"], ["--write", "/sys"],
                    ["--write", "/dev"], ["--write", "/proc"], ["--workspace", "/sys/fs/cgroup"]):
        result = case.run(*options, program=["true"])
        expect_equal((options, result.returncode), (options, 125))
        expect_in(options[1], result.stderr)


def test_a_workspace_that_may_not_be_entered(case):
    closed = case.base / "closed"
    closed.mkdir(mode=0o700)
    if not case.runs_as_root:
        (closed / "inside").mkdir()
        closed.chmod(0)
        case.refused("--workspace", closed / "inside", says=["closed/inside", "Permission denied"])


def test_a_deleted_current_directory(case):
    gone = case.workspace / "gone"
    gone.mkdir()
    case.give(gone)
    script = f'cd "{gone}" && rmdir "{gone}" && exec "$@"'
    result = subprocess.run(["sh", "-c", script, "sh", *case.command(program=["true"])], env=case.environment(),
                            capture_output=True, text=True, timeout=30, check=False, cwd=case.workspace, **case.as_owner())
    expect_equal(result.returncode, 125)
    expect_in("current directory", result.stderr)


def test_grants_that_do_not_exist(case):
    for option in ("--read", "--write"):
        case.refused(option, "/no/such/thing", says="/no/such/thing")
        case.refused(option, "", says="empty path")
        case.refused(option, "/", says="whole file system")
        case.refused(option, "x" * 300, says=" long")
        case.refused(option, "/usr/" + "x/" * 3000, says=" long")


def test_grants_of_what_belongs_to_the_sandbox(case):
    for option, path in itertools.product(("--read", "--write"), ("/proc", "/proc/1", "/dev", "/sys", "/proc/self/environ")):
        result = case.run(option, path, program=["true"])
        assert result.returncode in (0, 125), (option, path, result)
        if result.returncode == 125:
            expect_in(path.split("/")[1], result.stderr)
    # Whatever was said: the tool sees its own processes only.
    assert case.run("--read", "/proc", program=["sh", "-c", "test -d /proc/" + str(os.getpid())]).returncode != 0


# --- names with strange bytes ---


def test_paths_with_strange_bytes(case):
    for name in (b"new\nline", b"\xff\xfe", b"esc\x1b[31m", b"tab\t", b"quote'\"\\", b" space "):
        directory = os.path.join(os.fsencode(case.base), name)
        os.mkdir(directory)
        case.give(directory)
        with open(os.path.join(directory, b"file"), "wb") as file:
            file.write(b"content")
        for options in (["--read", directory], ["--workspace", directory], ["--write", directory]):
            result = case.run(*options, "--report", case.temporary / "report.json", program=[b"cat", directory + b"/file"], text=False)
            if result.returncode == 0:
                expect_equal(result.stdout, b"content")
                (case.temporary / "report.json").read_text(encoding="utf-8")  # valid UTF-8 whatever the name
            else:
                expect_equal(result.returncode, 125)
                assert result.stderr.startswith(b"writ: ") and result.stderr.count(b"\n") == 1, result.stderr
                result.stderr.decode("utf-8")
            assert b"\x1b" not in result.stderr
        missing = os.path.join(os.fsencode(case.base), b"missing" + name)
        result = case.run("--read", missing, program=["true"], text=False)
        expect_equal((result.returncode, result.stderr.count(b"\n")), (125, 1))
        assert b"\x1b" not in result.stderr
        result.stderr.decode("utf-8")


def test_arguments_of_any_bytes(case):
    words = [b"\xff\xfe", b"", b"new\nline", b"\x1b[31m", "ü".encode(), b"-", b"--"]
    code = "import sys, os; print([os.fsencode(a) for a in sys.argv[1:]])"
    result = case.run(program=[b"python3", b"-c", code.encode(), *words], text=False)
    expect_equal((result.returncode, result.stdout.strip()), (0, repr(words).encode()))
    result = case.run(program=[b"no-such-\xff\n\x1b[31m"], text=False)
    expect_equal((result.returncode, result.stderr.count(b"\n")), (127, 1))
    assert b"\x1b" not in result.stderr
    result.stderr.decode("utf-8")


def test_an_empty_value_is_no_absent_option(case):
    """Of a shell variable that is not set: it must not mean no time limit, no report, no capabilities."""
    for option in ("--subject", "--timeout", "--report", "--audit", "--approve", "--workspace", "--network"):
        case.refused(option, "", says=(option, "empty value"))
    case.refused("--timeout=", says="--timeout")
    # The control: without the option it runs.
    expect_equal(case.run(program=["true"]).returncode, 0)


def test_an_empty_first_argument_of_writ(case):
    """execve(2) may give an empty argument vector or an empty name."""
    script = f'exec -a "" "{writ_program()}" run -- echo fine'
    result = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=30, check=False, cwd=case.workspace,
                            env=case.environment(), **case.identity())
    expect_equal((result.returncode, result.stdout), (0, "fine\n"))


# --- profiles ---


def test_profiles_that_cannot_be_read(case):
    case.refused("--profile", "no-such-profile", says="no-such-profile")
    expect_in("default", case.refused("--profile", "defualt").stderr)
    case.refused("--profile", "./missing.yaml", says=["missing.yaml", "No such file"])
    case.refused("--profile", "./", says="not a regular file")
    case.refused("--profile", "", says="profile")
    case.refused("--profile", "../../etc", says="etc")
    os.mkfifo(case.workspace / "fifo.yaml")
    case.give(case.workspace / "fifo.yaml")
    started = time.monotonic()
    case.refused("--profile", "./fifo.yaml", says="not a regular file")
    case.refused("--profile", "/dev/zero", says="not a regular file")
    case.refused("--profile", "/dev/stdin", says="/dev/stdin")
    assert time.monotonic() - started < 5
    huge = case.write("huge.yaml")
    os.truncate(huge, 1 << 40)
    case.refused("--profile", huge, says="too large")
    unreadable = case.write("closed.yaml", BASE, mode=0)
    if ROOT and not case.runs_as_root:
        os.chown(unreadable, 0, 0)
        case.refused("--profile", unreadable, says=["closed.yaml", "Permission denied"])


def test_profiles_that_are_malformed(case):
    for text, says in (("", "bad.yaml"), ("version: 1\nname: [", r"bad.yaml:\d+:\d+"), ("\0\0\0", "bad.yaml"),
                       (b"\xff\xfe\xfa", "bad.yaml"), ("- a\n- b\n", r"bad.yaml:1:1"), ("just text", "bad.yaml"),
                       ("version: 9\nname: bad\n", r"bad.yaml:1:\d+.*version"),
                       (BASE + "a: &x [*x]\n", r"bad.yaml:4:\d+"), (BASE + "name: bad\n", r"bad.yaml:4:1.*name"),
                       (BASE + "---\nversion: 1\n", r"bad.yaml:\d"), (BASE + "limits: !!int 5\n", r"bad.yaml:4:\d+"),
                       ("[" * 5000, "bad.yaml"), (BASE + "filesystem: {read: 5}\n", r"bad.yaml:4:\d+"),
                       ("version: 1\nname: bad\nextends: bad\n", "bad"), ("version: 1\nname: bad\nextends: nobody\n", "nobody")):
        result = refused_profile(case, text, says)
        assert len(result.stderr) < 2000 and result.stderr.count("\n") <= 12, result.stderr


def test_an_unknown_key(case):
    result = refused_profile(case, BASE + "limits:\n  procesess: 5\n", r"bad\.yaml:5:3")
    expect_in("procesess", result.stderr)
    expect_in("processes", result.stderr.replace("procesess", ""))
    expect_in("filesystem", refused_profile(case, BASE + "filesytem: {}\n", r"bad\.yaml:4:1").stderr.replace("filesytem", ""))


def test_an_unknown_system_call(case):
    result = refused_profile(case, BASE + "syscalls: {allow: [gettppid]}\n", "gettppid")
    expect_in("getppid", result.stderr.replace("gettppid", ""))


def test_limits_that_make_no_sense(case):
    for text in ("processes: 0", "processes: -1", "processes: 1e3", "processes: many", "open_files: 0", "open_files: 99999999999999999999",
                 "wall_time: 0s", "wall_time: -5s", "wall_time: 5", "wall_time: 5 parsecs", "tmp_size: -1", "tmp_size: 1X",
                 "tmp_size: 0", "tmp_size: 99999999999999T", "file_size: x", "cpu_time: -1s", "address_space: 1"):
        result = refused_profile(case, BASE + f"limits:\n  {text}\n", r"bad\.yaml:5:\d+")
        assert result.stdout == ""


def test_small_but_sensible_limits_end_in_a_clear_error(case):
    for text in ("processes: 1", "open_files: 1", "open_files: 3", "address_space: 1M", "file_size: 1", "tmp_size: 4K", "shm_size: 4K"):
        profile = case.write_home("tight.yaml", BASE + f"limits:\n  {text}\n")
        result = case.run("--profile", profile, program=["sh", "-c", "exit 5"])
        assert 0 < result.returncode < 139, (text, result)
        if result.returncode != 5:
            assert result.stderr, f"{text}: status {result.returncode} without a word"
    case.nothing_left()


def test_options_that_make_no_sense(case):
    for typed in ("0", "5", "-1s", "0s", "5x", "1e9s", "99999999999999999999h", " 5s", "nan"):
        case.refused("--timeout", typed, says="--timeout")
    case.refused("--network", "some", says="--network.*some")
    case.refused("--prefer", "sekcomp", says="--prefer.*sekcomp")
    case.refused("--prefer", "seccomp", says="seccomp cannot be left out")


# --- standard streams ---


def closed_streams(case, closed, *options, program):
    """Runs with the given standard streams closed; the others are /dev/null, a file and a file."""
    redirections = {0: "0</dev/null", 1: f"1>{case.temporary}/out", 2: f"2>{case.temporary}/err"}
    words = " ".join(f"{number}>&-" if number in closed else redirections[number] for number in range(3))
    return subprocess.run(["sh", "-c", f'exec "$@" {words}', "sh", *case.command(*options, program=program)], check=False,
                          env=case.environment(), cwd=case.workspace, timeout=60, **case.identity()).returncode


def test_closed_standard_streams(case):
    code = ("import os, sys\nfound = sorted(int(d) for d in os.listdir('/proc/self/fd'))\n"
            "names = [os.readlink(f'/proc/self/fd/{d}') for d in range(3)]\n"
            "os.makedirs('result', exist_ok=True)\n"
            "open('result/found', 'w').write(repr((found, names)))\nsys.exit(6)")
    for closed in itertools.chain.from_iterable(itertools.combinations(range(3), count) for count in range(4)):
        shutil.rmtree(case.workspace / "result", ignore_errors=True)
        expect_equal((closed, closed_streams(case, closed, program=["python3", "-c", code])), (closed, 6))
        found, names = eval((case.workspace / "result/found").read_text())  # what we wrote ourselves
        expect_equal((closed, found), (closed, [0, 1, 2, 3]))
        for number in closed:  # nothing that Writ opened has landed on the free number
            expect_equal((closed, number, names[number]), (closed, number, "/dev/null"))
        for path in ("out", "err"):
            expect_equal((case.temporary / path).read_text() if (case.temporary / path).exists() else "", "")
            (case.temporary / path).unlink(missing_ok=True)


def test_closed_standard_streams_and_an_error(case):
    for closed in itertools.chain.from_iterable(itertools.combinations(range(3), count) for count in range(4)):
        expect_equal((closed, closed_streams(case, closed, program=["no-such-program"])), (closed, 127))
        report = case.temporary / "report.json"
        status = closed_streams(case, closed, "--report", report, program=["true"])
        expect_equal((closed, status), (closed, 0))
        assert report.read_text().startswith("{\n") and report.read_text().endswith("}\n"), f"{closed}: not the report alone"
        report.unlink()


def test_a_tool_that_closes_its_streams(case):
    code = "import os, time\nfor d in range(3): os.close(d)\ntime.sleep(0.3)\nopen('done', 'w').write('x')\nos._exit(8)"
    expect_equal(case.run(program=["python3", "-c", code]).returncode, 8)
    assert (case.workspace / "done").exists()


def test_gigabytes_of_output_without_a_newline(case):
    size = 2 << 30 if case.mode == "user" else 200 << 20
    process = case.start(program=["head", "-c", str(size), "/dev/zero"], stdout=subprocess.PIPE)
    total, peak = 0, 0
    while part := os.read(process.stdout.fileno(), 1 << 20):
        total += len(part)
        if total & ((64 << 20) - 1) < (1 << 20):
            peak = max(peak, resident_kib(process.pid))
    process.stdout.close()
    expect_equal((process.wait(), total), (0, size))
    assert 0 < peak < 32 << 10, f"Writ grew to {peak} KiB"


@only("user")
def test_gigabytes_of_output_to_a_terminal_of_a_profile_without_one(case):
    """Terminal replaced by pipes: then Writ itself copies every byte."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    size = 256 << 20
    process = case.start("--profile", "strict", program=["head", "-c", str(size), "/dev/zero"], stdout=slave)
    os.close(slave)
    total, peak = 0, 0
    while total < size:
        part = os.read(master, 1 << 20)
        total += len(part)
        if total % (1 << 20) < 4096:
            peak = max(peak, resident_kib(process.pid))
    expect_equal(process.wait(timeout=30), 0)
    os.close(master)
    assert 0 < peak < 32 << 10, f"Writ grew to {peak} KiB"


def resident_kib(pid):
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")), 0)


def test_a_slow_reader_loses_nothing(case):
    process = case.start(program=["seq", "200000"], stdout=subprocess.PIPE)
    time.sleep(0.5)
    shown = process.stdout.read().split()
    process.stdout.close()
    expect_equal((process.wait(), len(shown), shown[-1]), (0, 200000, b"200000"))


# --- the report ---


def test_a_report_that_cannot_be_written(case):
    """What can be known beforehand stops the run; what shows at the end (a full disk) does not undo the tool's work."""
    for number, path in enumerate(("/no/such/directory/report.json", "/dev/full", str(case.base / "work"))):
        case.refused("--report", path, program=["sh", "-c", f"echo x > done{number}"], says=[path, "report"])
        expect_equal((case.workspace / f"done{number}").exists(), path == "/dev/full")


@only("root")
def test_a_full_disk(case):
    disk = case.base / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "writ-test", disk], check=False, capture_output=True).returncode != 0:
        raise Skip("cannot mount a small file system")
    try:
        (disk / "filler").write_bytes(b"x" * (60 << 10))
        try:
            with open(disk / "more", "wb", buffering=0) as file:
                while True:
                    file.write(b"x" * 512)
        except OSError:
            pass
        case.refused("--report", disk / "report.json", program=["touch", "done"], says=["report.json", "No space left"])
        assert (case.workspace / "done").exists()
        expect_equal(sorted(os.listdir(disk)), ["filler", "more"])
        # Nor may the state directory on a full disk stop the work: the cache is only a cache.
        environment = case.environment(XDG_CACHE_HOME=str(disk / "cache"), XDG_STATE_HOME=str(disk / "state"))
        expect_equal(case.run(program=["echo", "fine"], environment=environment).stdout, "fine\n")
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def test_homes_that_do_not_exist_or_are_closed(case):
    for environment in ({"HOME": "/nonexistent"}, {"HOME": "relative"}, {"HOME": ""}, {"HOME": "/"}, {"XDG_CACHE_HOME": "/proc/x"},
                        {"XDG_CACHE_HOME": "relative"}, {"HOME": "/proc"}, {"HOME": "/etc"}, {"HOME": "/usr/../home/x"}, {"HOME": str(case.workspace)},
                        {"HOME": "/x\ny"}):
        result = case.run("--audit", "none", program=["echo", "fine"], environment=case.environment(**environment))
        expect_equal((environment, result.returncode, result.stdout, result.stderr), (environment, 0, "fine\n", ""))
    # A home that is not there is not made for the audit log.
    result = case.run(program=["echo", "fine"], environment=case.environment(HOME="/nonexistent"))
    expect_equal((result.returncode, result.stdout, len(result.stderr.splitlines())), (0, "fine\n", 1))
    expect_in("audit log of this run is incomplete", result.stderr)
    assert not os.path.exists("/nonexistent"), "the home was made"
    case.refused(environment=case.environment(HOME="/" + "h" * 300), says="hhh.*too long")
    # Without a place for the quarantine a tool must not start, and the message says which variable it is.
    case.refused(environment=case.environment(XDG_STATE_HOME="/dev/null/x"), says="XDG_STATE_HOME")
    environment = case.environment()
    del environment["HOME"]
    expect_equal(case.run(program=["echo", "fine"], environment=environment).stdout, "fine\n")
    expect_equal(case.run(program=["/bin/echo", "fine"], environment={}).stdout, "fine\n")


if __name__ == "__main__":
    sys.exit(main(globals()))
