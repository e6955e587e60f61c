#!/usr/bin/env python3
"""Rules about commands: many at once, and what becomes of them when somebody is killed."""

import os
import pathlib
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from command_profiles import profile, ruled, tool  # noqa: E402
from writ_testing import expect_equal, expect_in, expect_not_in, main, marked_processes, need, only, wait_until  # noqa: E402


def test_in_parallel(case):
    """Sixteen commands wait for each other: none blocks another one, nor the session."""
    meet = tool(case, "meet", 'touch here-$1; i=0; while [ "$(ls | grep -c here-)" -lt 16 ]; do i=$((i+1)); '
                              '[ $i -gt 600 ] && exit 9; sleep 0.1; done; echo met')
    main_profile = ruled(case, f"  - {{program: '{meet}', effect: allow}}\n")
    result = case.run("--profile", main_profile, program=["sh", "-c", f"seq 16 | xargs -P 16 -n 1 {meet}"])
    expect_equal((result.returncode, result.stdout), (0, "met\n" * 16))


def test_too_many_at_once(case):
    wait = tool(case, "wait", "while ! test -e go; do sleep 0.2; done")
    main_profile = ruled(case, f"  - {{program: '{wait}', effect: allow}}\n")
    script = f"for i in $(seq 80); do {wait} 2>> err & done; while [ $(grep -c 'too many commands' err) -lt 16 ]; do sleep 0.1; done; touch go; wait"
    result, report = case.report("--profile", main_profile, program=["sh", "-c", script], timeout=250)
    expect_equal(result.returncode, 0)
    ends = [command["end"] for command in report["commands"]]
    expect_equal((ends.count("finished"), ends.count("failed")), (64, 16))


def sleeper(case):
    """A command that runs until it is ended; says so in the workspace."""
    sleep = tool(case, "sleeper", "trap '' HUP; touch started-$1; sleep 1000; touch survived")
    return sleep, ruled(case, f"  - {{program: '{sleep}', effect: allow}}\n")


def started(case, name="1"):
    assert wait_until(lambda: (case.workspace / f"started-{name}").exists(), 30), "the command did not start"


def is_nested(pid):
    try:
        return b"--nested" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # it has ended in the meantime
        return False


def only_the_outer_run(case, process):
    """No process of a nested run is left: the marks are in their --workspace."""
    def nested():
        return [pid for pid in marked_processes(case.mark) if is_nested(pid)]
    assert wait_until(lambda: not nested(), 10), f"nested runs are left: {nested()} of {process.pid}"


def test_killed_caller(case):
    sleep, main_profile = sleeper(case)
    script = f"{sleep} 1 & caller=$!; while ! test -e started-1; do sleep 0.1; done; kill -9 $caller; wait; touch killed; sleep 1000"
    process = case.start("--profile", main_profile, program=["sh", "-c", script])
    started(case, "1")
    assert wait_until(lambda: (case.workspace / "killed").exists(), 20)
    only_the_outer_run(case, process)
    process.terminate()
    expect_equal(process.wait(20), 128 + signal.SIGTERM)
    case.nothing_left()
    assert not (case.workspace / "survived").exists()


def test_caller_ended_by_usual_signals(case):
    """A caller that waits for its command can be ended like any process; its shell goes on."""
    sleep, main_profile = sleeper(case)
    for name in ("INT", "TERM", "HUP"):
        script = f"(exec {sleep} {name}) & caller=$!; while ! test -e started-{name}; do sleep 0.1; done; kill -{name} $caller; wait $caller; echo $?"
        program = ["python3", "-c", "import signal, os, sys; [signal.signal(s, signal.SIG_DFL) for s in (2, 15, 1)]; "
                                    "os.execvp('bash', ['bash', '-mc', sys.argv[1]])", script]
        result = case.run("--profile", main_profile, program=program, timeout=60)
        expect_equal((name, result.stdout.strip()[-3:]), (name, str(128 + getattr(signal, "SIG" + name))))
    case.nothing_left()


def test_sigterm(case):
    sleep, main_profile = sleeper(case)
    process = case.start("--profile", main_profile, program=[sleep, "1"])
    started(case)
    process.terminate()
    expect_equal(process.wait(20), 128 + signal.SIGTERM)
    case.nothing_left()


def test_killed_broker(case):
    sleep, main_profile = sleeper(case)
    process = case.start("--profile", main_profile, program=["sh", "-c", f"{sleep} 1 & {sleep} 2 & wait"])
    started(case, "1")
    started(case, "2")
    process.kill()
    process.wait()
    case.nothing_left(10)
    assert not (case.workspace / "survived").exists()


def test_killed_broker_at_every_moment(case):
    """Also while a nested run is only being started."""
    sleep, main_profile = sleeper(case)
    for i in range(12):
        process = case.start("--profile", main_profile, program=["sh", "-c", f"touch outer-{i}; {sleep} {i}"])
        assert wait_until(lambda: (case.workspace / f"outer-{i}").exists(), 30)
        time.sleep(i * 0.008)
        process.kill()
        process.wait()
        case.nothing_left(10)


def test_time_limit(case):
    sleep, main_profile = sleeper(case)
    begin = time.monotonic()
    result = case.run("--profile", main_profile, "--timeout", "3s", program=[sleep, "1"], timeout=60)
    expect_equal(result.returncode, 124)
    assert time.monotonic() - begin < 20
    case.nothing_left()


def test_tool_ends_before_its_commands(case):
    sleep, main_profile = sleeper(case)
    result = case.run("--profile", main_profile, program=["sh", "-c", f"{sleep} 1 & while ! test -e started-1; do sleep 0.1; done"],
                      timeout=60)
    expect_equal(result.returncode, 0)
    case.nothing_left()


def test_detached_caller(case):
    """A daemon of the sandbox asks like everybody else."""
    hello = tool(case, "hello", "echo hello > said")
    main_profile = ruled(case, f"  - {{program: '{hello}', effect: allow}}\n")
    script = f"setsid sh -c '(sleep 0.3; {hello}) &' & while ! test -s said; do sleep 0.1; done; cat said"
    expect_equal(case.shell(script, "--profile", main_profile), "hello\n")


def test_replaced_workspace(case):
    """A nested run that finds another directory at the workspace's path does nothing."""
    show = tool(case, "show", "touch proof")
    main_profile = ruled(case, f"  - {{program: '{show}', effect: allow}}\n")
    process = case.start("--profile", main_profile, program=["sh", "-c", f"touch ready; while ! test -e go; do sleep 0.1; done; {show} 2> said"])
    assert wait_until(lambda: (case.workspace / "ready").exists(), 30)
    moved = case.workspace.rename(case.base / "moved")
    case.workspace.mkdir()
    case.give(case.workspace)
    (moved / "go").touch()
    process.wait(60)
    expect_equal(list(case.workspace.iterdir()), [])
    expect_in("was replaced since the outer run began", (moved / "said").read_text())


@only("user", "root")
def test_terminal(case):
    """A command that gets a terminal has one of its own, and gives the outer one back as it was."""
    need("python3", "stty")
    main_profile = ruled(case, "  - {program: cat, effect: allow}\n  - {program: tty, effect: allow}\n")
    driver = ("import os, pty, sys\n"
              "pid, master = pty.fork()\n"
              "if pid == 0: os.execvp(sys.argv[1], sys.argv[1:])\n"
              "seen = b''\n"
              "while b'ready' not in seen: seen += os.read(master, 4096)\n"
              "os.write(master, b'typed\\n')\n"
              "try:\n"
              "  while True:\n"
              "    more = os.read(master, 4096)\n"
              "    if not more: break\n"
              "    seen += more\n"
              "    if b'typed\\r\\ntyped' in seen and b'eof' not in seen: seen += b'eof'; os.write(master, b'\\x04')\n"
              "except OSError: pass\n"
              "status = os.waitpid(pid, 0)[1]\n"
              "sys.stdout.write(seen.decode(errors='replace')); sys.exit(os.waitstatus_to_exitcode(status))\n")
    script = "before=$(stty -g); tty; echo ready; cat; after=$(stty -g); test \"$before\" = \"$after\" && echo same settings"
    command = case.command("--profile", main_profile, program=["bash", "-c", script])
    result = subprocess.run(["/usr/bin/python3", "-c", driver, *command], env=case.environment(), cwd=case.workspace, check=False,
                            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, **case.identity())
    expect_equal(result.returncode, 0)
    expect_in("/dev/pts/0", result.stdout)
    expect_in("same settings", result.stdout)
    expect_not_in("not a tty", result.stdout)


if __name__ == "__main__":
    sys.exit(main(globals()))
