#!/usr/bin/env python3
"""Limits of a whole sandbox: who holds them, what a hit looks like, and that nothing is left. Small sizes throughout.

Root makes control groups where there are cgroup v1 hierarchies that it may write. An ordinary user gets a subtree of its
own first, and starts Writ in it; Writ is told nothing of it.
"""

import contextlib
import glob
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from writ_testing import (ORDINARY_GROUP, ORDINARY_USER, ROOT, Skip, expect_equal, expect_in, main, only, wait_until)  # noqa: E402

HIERARCHIES = "/sys/fs/cgroup"
CONTROLLERS = ("memory", "pids", "cpu", "cpuacct")
# Takes memory in steps of 1 MiB.
TAKE = "import sys; taken = [bytearray(b'x' * (1 << 20)) for _ in range(int(sys.argv[1]))]; print('took', len(taken))"
# The same in two processes, each of which would be allowed to have it.
TAKE_TWICE = f"python3 -c \"{TAKE}; import time; time.sleep(1)\" $0 & python3 -c \"{TAKE}; import time; time.sleep(1)\" $0; wait"
FORK = "import os, sys, time\nmade = 0\ntry:\n  for _ in range(int(sys.argv[1])):\n    made += 1 if os.fork() else time.sleep(30) or 0\n" \
       "except BlockingIOError as error:\n  print('refused after', made, error.errno)\n"


def own_path(controller):
    for line in pathlib.Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return f"{HIERARCHIES}/{controller}{path}".rstrip("/")
    return None


def groups_left():
    return [path for path in glob.glob(f"{HIERARCHIES}/**/writ-[0-9]*", recursive=True) if os.path.isdir(path)]


@contextlib.contextmanager
def place_for_groups(case):
    """Yields the words that start Writ where it can make groups."""
    if not ROOT or not all(own_path(name) and os.path.exists(f"{own_path(name)}/cgroup.procs") for name in CONTROLLERS):
        raise Skip("no cgroup v1 hierarchies that root may write")
    if case.runs_as_root:
        yield ()
        return
    made = [f"{own_path(name)}/limits-test-{os.getpid()}-{random.randrange(1 << 30)}" for name in CONTROLLERS]
    try:
        for path in made:
            os.mkdir(path)
            os.chown(path, ORDINARY_USER, ORDINARY_GROUP)
            os.chown(f"{path}/cgroup.procs", ORDINARY_USER, ORDINARY_GROUP)
        yield ("sh", "-c", "".join(f"echo $$ > {path}/cgroup.procs; " for path in made) + 'exec "$@"', "sh")
    finally:
        for path in made:
            assert wait_until(lambda path=path: removed(path), 5), f"{path} is left: {os.listdir(path)}"


def removed(path):
    with contextlib.suppress(OSError):
        os.rmdir(path)
    return not os.path.exists(path)


def start(case, command):
    return subprocess.Popen(command, env=case.environment(), cwd=case.workspace, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL, **case.identity())


def keepers_of(writ):
    children = pathlib.Path(f"/proc/{writ}/task/{writ}/children").read_text(encoding="ascii").split()
    return [int(child) for child in children if pathlib.Path(f"/proc/{child}/cmdline").read_bytes().startswith(b"writ-keeper\0")]


def use_of(report, name):
    return next(entry for entry in report["limit_use"] if entry["name"] == name)


def nothing_left(case):
    case.nothing_left()
    assert wait_until(lambda: not groups_left(), 5), groups_left()


# --- memory ---


def test_memory_of_a_program(case):
    with place_for_groups(case) as prefix:
        result, report = case.report("--limit", "memory=48M", program=["python3", "-c", TAKE, "100"], prefix=prefix)
        expect_equal((result.returncode, result.stdout), (137, ""))
        expect_equal((report["outcome"]["kind"], report["outcome"]["exit_status"]), ("limited", 137))
        used = use_of(report, "memory")
        expect_equal((used["value"], used["hit"], used["enforced"]), ("48M", True, "control group v1"))
        assert 24 << 20 < used["peak_number"] <= 48 << 20, used
        expect_in("writ: limit reached: memory 48M", result.stderr)
        expect_in("--limit memory=96M", result.stderr)
        layers = {layer["layer"]: layer["state"] for layer in report["layers"]}
        expect_equal(layers["control_group"], "active")
        result, report = case.report("--limit", "memory=300M", program=["python3", "-c", TAKE, "100"], prefix=prefix)
        expect_equal((result.returncode, result.stdout, result.stderr), (0, "took 100\n", ""))
        used = use_of(report, "memory")
        assert not used["hit"] and used["peak_number"] > 100 << 20, used
        nothing_left(case)


def test_memory_of_several_processes_together(case):
    with place_for_groups(case) as prefix:
        result, report = case.report("--limit", "memory=64M", program=["sh", "-c", TAKE_TWICE, "40"], prefix=prefix)
        expect_equal((result.returncode, report["outcome"]["kind"]), (137, "limited"))
        result = case.run("--limit", "memory=64M", program=["python3", "-c", TAKE, "40"], prefix=prefix)
        expect_equal((result.returncode, result.stdout), (0, "took 40\n"))
        nothing_left(case)


def test_the_private_tmp_counts_as_memory(case):
    with place_for_groups(case) as prefix:
        script = "head -c 60M /dev/zero > /tmp/x && echo all"
        result, report = case.report("--limit", "memory=32M", program=["sh", "-c", script], prefix=prefix)
        assert "all" not in result.stdout and use_of(report, "memory")["hit"], (result, report["limit_use"])
        expect_equal(case.run("--limit", "memory=128M", program=["sh", "-c", script], prefix=prefix).stdout, "all\n")
        nothing_left(case)


def test_the_group_has_no_name_inside(case):
    with place_for_groups(case) as prefix:
        result = case.run("--limit", "memory=64M", program=["cat", "/proc/self/cgroup"], prefix=prefix)
        expect_equal({line.rsplit(":", 1)[1] for line in result.stdout.splitlines()}, {"/"})


@only("user")
def test_without_a_group_a_run_is_refused_or_sampled(case):
    """An ordinary user in a group that is not its own."""
    says = [r"required layer control_group", r"no control group can be made here", r"Delegate=yes"]
    case.refused("--limit", "memory=48M", says=says)
    case.refused("--limit", "cpus=0.5", says=says)
    options = ("--prefer", "control_group", "--limit", "memory=48M")
    hungry = "import time; taken = []\nfor _ in range(100):\n  taken.append(bytearray(b'x' * (1 << 20))); time.sleep(0.02)\nprint('all')"
    result, report = case.report(*options, program=["python3", "-c", hungry])
    expect_equal((result.returncode, result.stdout, report["outcome"]["kind"]), (137, "", "limited"))
    used = use_of(report, "memory")
    expect_equal((used["hit"], used["enforced"]), (True, "sampling"))
    expect_in("running without the layer control_group", result.stderr)
    result = case.run("--prefer", "control_group", "--limit", "memory=300M", program=["python3", "-c", hungry])
    expect_equal((result.returncode, result.stdout), (0, "all\n"))


# --- processes, processors ---


def test_processes_are_counted(case):
    with place_for_groups(case) as prefix:
        options = ("--limit", "memory=200M", "--limit", "processes=12")
        result, report = case.report(*options, program=["python3", "-c", FORK, "40"], prefix=prefix)
        expect_equal(result.stdout, "refused after 11 11\n")  # the program itself is one; EAGAIN
        used = use_of(report, "processes")
        expect_equal((used["hit"], used["peak"], used["enforced"]), (True, "12", "control group v1"))
        expect_in("EAGAIN", result.stderr)
        options = ("--limit", "memory=200M", "--limit", "processes=60")
        result, report = case.report(*options, program=["python3", "-c", FORK, "40"], prefix=prefix)
        expect_equal((result.stdout, use_of(report, "processes")["hit"]), ("", False))
        nothing_left(case)


def test_a_share_of_processors(case):
    burn = "import time\nwhile time.process_time() < 0.1: pass"
    with place_for_groups(case) as prefix:
        for _ in range(10):
            _, report = case.report("--limit", "cpus=0.05", "--limit", "cpu_weight=10", program=["python3", "-c", burn], prefix=prefix)
            usage = report["usage"]
            assert usage["user_seconds"] + usage["system_seconds"] < 0.25 * usage["wall_seconds"], usage
            if "detail" in use_of(report, "cpus"):
                break  # on a very busy machine it may get less than its share by itself
        expect_in("held back", use_of(report, "cpus")["detail"])
        _, report = case.report("--limit", "cpus=64", program=["python3", "-c", burn], prefix=prefix)
        assert "detail" not in use_of(report, "cpus"), report["limit_use"]
        nothing_left(case)


def test_processor_time_of_the_tree(case):
    """In children that end, too. A group is used where there is one; without it Writ adds up."""
    burn = "i=0; while [ $i -lt 200 ]; do python3 -c 'for _ in range(300000): pass'; i=$((i+1)); done"
    result, report = case.report("--limit", "total_cpu_time=400ms", program=["sh", "-c", burn])
    expect_equal((result.returncode, report["outcome"]["kind"]), (137, "limited"))
    used = use_of(report, "total_cpu_time")
    assert used["hit"] and 400 <= used["peak_number"] < 3000, used
    expect_in("limit reached: total_cpu_time 400ms", result.stderr)
    result, report = case.report("--limit", "total_cpu_time=60s", program=["sh", "-c", "echo fine"])
    expect_equal((result.returncode, use_of(report, "total_cpu_time")["hit"]), (0, False))
    nothing_left(case)


# --- bytes ---


def test_output_is_cut_off(case):
    result, report = case.report("--limit", "output_size=10000", program=["yes"])
    expect_equal((result.returncode, len(result.stdout), report["outcome"]["kind"]), (137, 10000, "limited"))
    expect_in("standard output was cut off", result.stderr)
    result, report = case.report("--limit", "output_size=10000", program=["sh", "-c", "yes >&2"])
    expect_equal((result.returncode, use_of(report, "output_size")["hit"]), (137, True))
    expect_in("y\ny\n", result.stderr)
    expect_in("standard error was cut off", result.stderr)
    result, report = case.report("--limit", "output_size=10000", program=["sh", "-c", "head -c 10000 /dev/zero; echo error >&2"])
    expect_equal((result.returncode, len(result.stdout), result.stderr), (0, 10000, "error\n"))
    expect_equal(use_of(report, "output_size")["peak_number"], 10000)
    nothing_left(case)


def test_writing_is_limited(case):
    script = "i=0; while [ $i -lt 40 ]; do head -c 256K /dev/zero >> file; i=$((i+1)); sleep 0.02; done; echo all"
    result, report = case.report("--limit", "write_size=2M", program=["sh", "-c", script])
    expect_equal((result.returncode, result.stdout, report["outcome"]["kind"]), (137, "", "limited"))
    assert 1 << 20 < use_of(report, "write_size")["peak_number"], report["limit_use"]  # sampled
    assert (case.workspace / "file").stat().st_size < 10 << 20
    (case.workspace / "file").unlink()
    result, report = case.report("--limit", "write_size=100M", program=["sh", "-c", script])
    expect_equal((result.returncode, result.stdout), (0, "all\n"))
    assert use_of(report, "write_size")["peak_number"] >= 10 << 20, report["limit_use"]


def test_a_full_tmp_is_named(case):
    script = "head -c 3M /dev/zero > /tmp/x"
    result, report = case.report("--limit", "tmp_size=1M", program=["sh", "-c", script])
    used = use_of(report, "tmp_size")
    expect_equal((result.returncode != 0, used["hit"], used["peak"]), (True, True, "1M"))
    expect_in("ENOSPC", result.stderr)
    result, report = case.report("--limit", "tmp_size=8M", program=["sh", "-c", script])
    expect_equal((result.returncode, use_of(report, "tmp_size")["hit"], use_of(report, "tmp_size")["peak"]), (0, False, "3M"))


def test_a_file_that_is_too_large(case):
    script = "exec head -c 3M /dev/zero > file"
    result, report = case.report("--limit", "file_size=1M", program=["sh", "-c", script])
    expect_equal((result.returncode, use_of(report, "file_size")["hit"]), (128 + signal.SIGXFSZ, True))
    result, report = case.report("--limit", "file_size=4M", program=["sh", "-c", script])
    expect_equal((result.returncode, use_of(report, "file_size")["hit"]), (0, False))


def test_wall_time_keeps_its_own_status(case):
    result, report = case.report("--limit", "wall_time=200ms", program=["sleep", "30"])
    expect_equal((result.returncode, report["outcome"]["kind"], use_of(report, "wall_time")["hit"]), (124, "timed_out", True))
    expect_equal(result.stderr.count("\n"), 1)


def test_no_core_is_dumped(case):
    expect_equal(case.output(program=["python3", "-c", "import resource; print(resource.getrlimit(resource.RLIMIT_CORE))"]), "(1, 1)\n")


# --- the command line and profiles ---


def test_bad_limits(case):
    for words, says in (("memory", "NAME=VALUE"), ("memory=x", "memory.*size"), ("memory=1K", "at least 1M"),
                        ("nosuch=1", "unknown key.*nosuch"), ("memroy=1G", "did you mean"), ("cpus=0", "at least 0.01"),
                        ("cpus=1.2345", "decimal"), ("cpu_weight=0", "at least 1"), ("=1", "unknown key"), ("output_size=0", "at least 1"),
                        ("memory=1G\nswap=1", "memory"), ("", "NAME=VALUE")):
        case.refused("--limit", words, says=says)


def test_limits_of_a_profile(case):
    profile = case.write_home("p.yaml", "version: 1\nname: p\nextends: default\nlimits: {memory: 48M, cpus: 1.5, output_size: 1M}\n")
    shown = case.writ("profile", "show", "--resolved", profile).stdout
    for line in ("memory: 48M", "swap: 0", "cpus: 1.5", "output_size: 1M", "write_size: none"):
        expect_in(line, shown)
    with place_for_groups(case) as prefix:
        result = case.run("--profile", profile, program=["python3", "-c", TAKE, "100"], prefix=prefix)
        expect_equal(result.returncode, 137)
        result = case.run("--profile", profile, "--limit", "memory=none", program=["python3", "-c", TAKE, "100"], prefix=prefix)
        expect_equal((result.returncode, result.stdout), (0, "took 100\n"))
        bound = case.write_home("bound.yaml", "version: 1\nname: bound\nextends: default\nlimits: {memory: 32M}\n")
        result, report = case.report("--manifest", bound, "--limit", "memory=1G", program=["python3", "-c", TAKE, "100"], prefix=prefix)
        expect_equal((result.returncode, use_of(report, "memory")["value"]), (137, "32M"))


def test_a_dry_run_makes_no_group(case):
    with place_for_groups(case) as prefix:
        result = case.run("--dry-run", "--limit", "memory=48M", program=["true"], prefix=prefix)
        expect_in("control_group: active", result.stdout)
        expect_equal(groups_left(), [])


# --- what is left ---


def test_killed_at_any_moment_nothing_is_left(case):
    with place_for_groups(case) as prefix:
        rounds, groups_seen = 25, 0
        for attempt in range(rounds):
            command = [*prefix, *case.command("--limit", "memory=64M", "--limit", "cpus=2", program=["sh", "-c", "sleep 30 & sleep 30"])]
            process = start(case, command)
            # On a busy machine it takes longer until there is a group.
            time.sleep(random.uniform(0, 0.06 if groups_seen else 0.06 + 0.02 * attempt))
            groups_seen += bool(groups_left())
            process.kill()
            process.wait()
        assert wait_until(lambda: not groups_left(), 10), groups_left()
        assert groups_seen > 0, "never killed while there was a group"
        case.nothing_left()
        print(f"{rounds} rounds, {groups_seen} with a group")


def test_what_a_killed_keeper_left_is_swept(case):
    with place_for_groups(case) as prefix:
        process = start(case, [*prefix, *case.command("--limit", "memory=64M", program=["sleep", "30"])])
        assert wait_until(lambda: len(groups_left()) >= 2), groups_left()
        assert wait_until(lambda: len(keepers_of(process.pid)) == 1), keepers_of(process.pid)
        os.kill(keepers_of(process.pid)[0], signal.SIGKILL)
        process.kill()
        process.wait()
        time.sleep(0.1)
        assert groups_left(), "nobody but the keeper was to remove them"
        expect_equal(case.run("--limit", "memory=64M", program=["true"], prefix=prefix).returncode, 0)
        nothing_left(case)


if __name__ == "__main__":
    sys.exit(main(globals()))
