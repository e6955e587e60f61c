#!/usr/bin/env python3
"""How a run ends: exit statuses, signals, time-outs, a killed Writ; and that nothing outlives it."""

import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from writ_testing import (ROOT, expect_equal, main, marked_processes, only,  # noqa: E402
                          wait_until, writ_program)

ROUNDS_AT_START = 120
ROUNDS_WHILE_RUNNING = 10
ROUNDS_OF_WHOLE_RUNS = 50

# A tool that leaves processes behind in every way there is. `$0` is the mark by which they are found.
DAEMONS = """
sleep 300.1 & setsid sleep 300.2 & nohup sleep 300.3 > /dev/null 2>&1 &
(setsid sh -c '(sleep 300.4; : "$0") & exit' "$0" &)
sh -c 'trap "" TERM INT HUP; while :; do sleep 0.1; done' "$0" &
"""


def start_daemons(case, ending, *options, **popen):
    # Traps are set before the file says that the tool is ready for signals.
    trap, _, rest = ending.partition(";") if ending.startswith("trap") else ("", "", ending)
    return case.start(*options, program=["sh", "-c", f"{DAEMONS}{trap}\ntouch started\n{rest}", case.mark], **popen)


def wait_for(case, name="started"):
    assert wait_until(lambda: (case.workspace / name).exists()), "the tool did not start"


def ended(process, seconds=10):
    try:
        return process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        raise AssertionError(f"still running after {seconds} s") from None


# --- exit statuses ---


def test_every_exit_status(case):
    for status in range(256) if case.mode == "user" else (0, 1, 2, 77, 123, 124, 125, 126, 127, 128, 255):
        expect_equal(case.run(program=["sh", "-c", f"exit {status}"]).returncode, status)


def test_signals_become_128_and_their_number(case):
    for number in (1, 2, 3, 6, 8, 9, 10, 11, 13, 14, 15, 24, 31, 34, 64):
        code = f"import os, signal, resource; signal.signal({number}, signal.SIG_DFL) if {number} != 9 else 0; os.kill(os.getpid(), {number})"
        expect_equal((number, case.run(program=["python3", "-c", code]).returncode), (number, 128 + number))


def test_a_crash_leaves_no_core_file(case):
    result = case.run(program=["sh", "-c", "ulimit -c unlimited 2> /dev/null; kill -SEGV $$"])
    expect_equal(result.returncode, 139)
    expect_equal(list(case.workspace.iterdir()), [])


def test_signal_mask_and_dispositions_of_the_tool_are_plain(case):
    code = ("import signal, sys\nlines = dict(l.split(':\\t') for l in open('/proc/self/status'))\n"
            "print(lines['SigBlk'].strip(), lines['SigIgn'].strip())")
    native = subprocess.run(["python3", "-c", code], capture_output=True, text=True, check=True).stdout
    expect_equal(case.output(program=["python3", "-c", code]), native)


def test_the_run_ends_when_the_tool_does(case):
    started = time.monotonic()
    process = start_daemons(case, "exit 7", stdout=subprocess.PIPE)
    expect_equal(ended(process), 7)
    expect_equal(process.stdout.read(), b"")  # nobody is left who holds the pipe
    process.stdout.close()
    assert time.monotonic() - started < 5
    case.nothing_left(2)


def test_orphans_are_reaped(case):
    code = ("import os, time\nfor _ in range(50):\n    if os.fork() == 0:\n        if os.fork() == 0: os._exit(0)\n        os._exit(0)\n"
            "    os.wait()\ntime.sleep(0.3)\n"
            "print(sum(' Z ' in open(f'/proc/{p}/stat').read() for p in os.listdir('/proc') if p.isdigit()))")
    expect_equal(case.output(program=["python3", "-c", code]), "0\n")


# --- time-outs ---


def test_timeout_asks_first(case):
    script = "trap 'echo asked > asked; exit 0' TERM; touch started; while :; do sleep 0.05; done"
    expect_equal(case.run("--timeout", "500ms", program=["sh", "-c", script]).returncode, 124)
    expect_equal((case.workspace / "asked").read_text(), "asked\n")


def test_timeout_of_a_tool_that_ignores_it(case):
    started = time.monotonic()
    process = start_daemons(case, "trap '' TERM INT HUP; while :; do sleep 0.1; done", "--timeout", "500ms")
    expect_equal(ended(process, 30), 124)
    assert time.monotonic() - started < 20
    case.nothing_left(2)


def test_timeout_of_a_stopped_tool(case):
    expect_equal(case.run("--timeout", "500ms", program=["sh", "-c", "kill -STOP $$"], timeout=30).returncode, 124)
    case.nothing_left(2)


def test_timeout_of_a_tool_with_as_many_processes_as_it_may_have(case):
    """Bounded by itself, too: a limit that does not hold must not take the host down."""
    profile = case.write_home("small.yaml", "version: 1\nname: small\nextends: default\nlimits: {processes: 60}\n")
    code = (f"import os, time\n'{case.mark}'\nfor _ in range(9):\n    try: os.fork()\n    except OSError: open('full', 'w')\n"
            "time.sleep(300)")
    process = case.start("--profile", profile, "--timeout", "3s", program=["python3", "-c", code])
    expect_equal(ended(process, 30), 124)
    assert (case.workspace / "full").exists(), "the limit did not hold"
    case.nothing_left(2)


# --- signals to Writ ---


def test_interrupt_once_reaches_the_tool(case):
    script = "trap 'echo got > got; exit 9' INT; touch started; while :; do sleep 0.05; done"
    process = case.start(program=["sh", "-c", script, case.mark])
    wait_for(case)
    process.send_signal(signal.SIGINT)
    expect_equal(ended(process), 9)
    expect_equal((case.workspace / "got").read_text(), "got\n")
    case.nothing_left(2)


def test_interrupt_once_ends_an_ordinary_tool(case):
    process = case.start(program=["sh", "-c", "touch started; exec sleep 300", case.mark])
    wait_for(case)
    process.send_signal(signal.SIGINT)
    expect_equal(ended(process), 130)


def test_interrupt_twice_kills_everything(case):
    process = start_daemons(case, "trap '' INT TERM; while :; do sleep 0.1; done")
    wait_for(case)
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert process.poll() is None, "one interrupt ended a tool that ignores it"
    process.send_signal(signal.SIGINT)
    expect_equal(ended(process, 5), 130)
    case.nothing_left(2)


def test_terminate_and_hangup_end_the_run(case):
    for number, ending in ((signal.SIGTERM, "exec sleep 300"), (signal.SIGHUP, "exec sleep 300"),
                           (signal.SIGTERM, "trap '' TERM HUP; while :; do sleep 0.1; done")):
        process = start_daemons(case, ending)
        wait_for(case)
        process.send_signal(number)
        expect_equal(ended(process, 30), 128 + number)
        case.nothing_left(2)
        (case.workspace / "started").unlink()


def test_other_signals_pass_to_the_tool(case):
    script = "trap 'echo usr1 > got; exit 4' USR1; touch started; while :; do sleep 0.05; done"
    process = case.start(program=["sh", "-c", script, case.mark])
    wait_for(case)
    process.send_signal(signal.SIGUSR1)
    expect_equal(ended(process), 4)
    expect_equal((case.workspace / "got").read_text(), "usr1\n")


# --- Writ killed ---


def network_namespaces_of(mark):
    found = set()
    for pid in marked_processes(mark):
        try:
            found.add(os.readlink(f"/proc/{pid}/ns/net"))
        except OSError:
            continue
    return found - {os.readlink("/proc/self/ns/net")}


def cgroups():
    return {directory for directory, _, _ in os.walk("/sys/fs/cgroup")}


def assert_all_gone(case, before, groups):
    case.nothing_left(5)
    expect_equal(network_namespaces_of(case.mark), set())
    after = case.snapshot()
    new = {path for path in after if path not in before and not path.endswith("/started")
           # Writ's own cache of filters is not litter; half-written files in it would be.
           and not re.search(r"/\.cache(/writ(/seccomp(/[0-9A-Za-z._-]+)?)?)?$", path)}
    expect_equal(new, set())
    expect_equal(cgroups() - groups, set())


def test_a_killed_writ_leaves_nothing(case):
    before, groups, chance = case.snapshot(), cgroups(), random.Random(7)
    for number in range(ROUNDS_AT_START):
        process = start_daemons(case, "exec sleep 300.5", "--report", case.temporary / "report.json")
        # Most of it while the sandbox is being made, which takes some milliseconds.
        time.sleep(chance.uniform(0, 0.030 if number % 4 == 0 else 0.010))
        process.kill()
        process.wait()
        if number % 10 == 9:
            assert_all_gone(case, before, groups)
    for _ in range(ROUNDS_WHILE_RUNNING):
        (case.workspace / "started").unlink(missing_ok=True)
        process = start_daemons(case, "exec sleep 300.6")
        wait_for(case)
        assert wait_until(lambda: len(marked_processes(case.mark)) > 2), "the control: the processes can be seen"
        process.kill()
        process.wait()
        assert_all_gone(case, before, groups)


def stage_of(process, case):
    """How far a run has come: its init, its tool, its end. Looked at just before the kill, so it may be further."""
    if process.poll() is not None:
        return "ended"
    children = descendants(process.pid)
    if not children:
        return "no init yet, or all ended"
    return "tool runs" if (case.workspace / "started").exists() else "being made"


def descendants(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []


def test_a_writ_killed_at_random_moments_of_a_whole_run(case):
    """From the first instruction to the report: with a tool that makes protected files, floods a pipe and leaves daemons,
    so that the quarantine, the guard and the report are hit as well."""
    script = DAEMONS + "touch started; mkdir -p .git/hooks; echo evil > .git/hooks/x; echo evil > .envrc; head -c 300000 /dev/zero; sleep 0.02"
    report, chance, stages = case.temporary / "report.json", random.Random(11), {}
    options, program = ["--report", report], ["sh", "-c", script, case.mark]
    durations = []
    for _ in range(3):  # the shortest: on a busy machine the others say little
        started = time.monotonic()
        case.run(*options, program=program, text=False)
        durations.append(time.monotonic() - started)
    whole = min(durations)
    assert report.exists(), "the control: a run that nobody kills reports"
    groups, own = cgroups(), {case.workspace / name for name in ("started", ".envrc", ".git", ".git/hooks", ".git/hooks/x")}
    for _ in range(ROUNDS_OF_WHOLE_RUNS):
        for name in ("started", ".envrc", ".git/hooks/x"):
            (case.workspace / name).unlink(missing_ok=True)
        process = case.start(*options, program=program)
        time.sleep(chance.uniform(0, 1.2 * whole))
        stage = stage_of(process, case)
        stages[stage] = stages.get(stage, 0) + 1
        process.kill()
        process.wait()
        case.nothing_left(5)
        left = {path for path in pathlib.Path(case.workspace).rglob("*")} - own
        expect_equal((stage, left, os.listdir(case.temporary)), (stage, set(), ["report.json"]))
        assert report.read_text().endswith("}\n"), "half a report"
    expect_equal((network_namespaces_of(case.mark), cgroups() - groups), (set(), set()))
    print(f"        {ROUNDS_OF_WHOLE_RUNS} runs of {whole * 1000:.0f} ms killed: {stages}")
    assert len(stages) > 1 and stages.get("tool runs", 0) > 2, f"the moments were not random: {stages}"


def test_a_writ_killed_with_its_group_leaves_nothing(case):
    before, groups = case.snapshot(), cgroups()
    process = start_daemons(case, "exec sleep 300.5", start_new_session=True)
    wait_for(case)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert_all_gone(case, before, groups)


def test_a_killed_init_ends_the_run(case):
    process = start_daemons(case, "exec sleep 300.5", stderr=subprocess.PIPE, text=True)
    wait_for(case)
    children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert children, "Writ has no child"
    os.kill(int(children[0]), signal.SIGKILL)
    expect_equal(ended(process), 125)
    assert process.stderr.read(), "nothing says why the status is 125"
    process.stderr.close()
    case.nothing_left(2)


@only("user")
def test_network_namespaces_do_not_pile_up(case):
    """In a user namespace that may hold three network namespaces, twenty killed runs leave room for another."""
    script = f"""
for i in $(seq 20); do
  {writ_program()} run -- sleep 300.7 {case.mark} & sleep 0.0$((i % 4 + 1)); kill -9 $!; wait $! 2> /dev/null
done
for i in $(seq 50); do {writ_program()} run -- true && exit 0; sleep 0.1; done; exit 1
"""
    # The outer user namespace holds the limit; the inner one makes us an ordinary user again.
    inner = ["unshare", "--user", "--map-user=4242", "--map-group=4242", "bash", "-c", script]
    command = ["unshare", "-Ur", "sh", "-c", 'echo 3 > /proc/sys/user/max_net_namespaces; exec "$@"', "sh", *inner]
    if ROOT:  # unshare itself must be the ordinary user
        command = ["setpriv", f"--reuid={case.owner}", f"--regid={case.owner_group}", "--clear-groups", *command]
    result = subprocess.run(command, cwd=case.workspace, env=case.environment(), capture_output=True, text=True, timeout=120,
                            check=False)
    expect_equal((result.returncode, result.stderr), (0, result.stderr))
    case.nothing_left(5)


# --- descriptors ---

# Prints the tool's descriptors; 3 is the directory that listdir itself opened.
LIST_DESCRIPTORS = "import os; print(sorted(int(d) for d in os.listdir('/proc/self/fd')))"


def test_the_tool_has_three_descriptors(case):
    expect_equal(case.output(program=["python3", "-c", LIST_DESCRIPTORS]), "[0, 1, 2, 3]\n")


def test_inherited_descriptors_do_not_reach_the_tool(case):
    source = os.open("/etc", os.O_RDONLY | os.O_DIRECTORY)
    inherited = range(3, 51)
    saved = [descriptor for descriptor in inherited if _is_open(descriptor)]
    pid = os.fork()
    if pid == 0:  # a process of its own, so that the numbers can be taken
        top = os.dup2(source, 200)
        for descriptor in inherited:
            os.dup2(top, descriptor, inheritable=True)
        control = subprocess.run(["python3", "-c", LIST_DESCRIPTORS], close_fds=False, capture_output=True, text=True, check=False)
        result = case.run(program=["python3", "-c", LIST_DESCRIPTORS], close_fds=False)
        script = case.write("script", "#!/bin/sh\nls /proc/$$/fd\n", mode=0o755)
        shell = case.run(program=[script], close_fds=False)
        good = len(control.stdout.split()) > 40 and result.stdout == "[0, 1, 2, 3]\n"
        # dash keeps its script open as 10.
        os._exit(0 if good and set(shell.stdout.split()) <= {"0", "1", "2", "10"} and shell.returncode == 0 else 1)
    expect_equal((os.waitpid(pid, 0)[1], saved), (0, saved))
    os.close(source)


def _is_open(descriptor):
    try:
        os.fstat(descriptor)
        return True
    except OSError:
        return False


def test_the_sandboxs_init_holds_no_stream_of_the_tool(case):
    """A reader sees the end of the tool's output when the tool closes it, not when the run ends."""
    process = case.start(program=["sh", "-c", f"echo done; exec > /dev/null; : {case.mark}; sleep 3"], stdout=subprocess.PIPE)
    started = time.monotonic()
    expect_equal(process.stdout.read(), b"done\n")
    process.stdout.close()
    assert time.monotonic() - started < 2, "the pipe stayed open"
    expect_equal(ended(process), 0)


def test_a_reader_that_leaves_is_noticed_by_the_tool(case):
    process = case.start(program=["sh", "-c", f"yes; echo $? > status; : {case.mark}"], stdout=subprocess.PIPE)
    process.stdout.read(100)
    process.stdout.close()
    ended(process)
    expect_equal((case.workspace / "status").read_text(), "141\n")


def test_many_runs_at_once(case):
    processes = [case.start(program=["sh", "-c", f"sleep 0.2; exit {number}", case.mark]) for number in range(24)]
    expect_equal([ended(process, 30) for process in processes], list(range(24)))
    case.nothing_left(2)


def test_a_run_inside_a_run_is_refused_or_works_and_says_so(case):
    data = pathlib.Path(writ_program())
    result = case.run("--read", data, program=[data, "run", "--", "true"])
    if result.returncode != 0:
        expect_equal(result.returncode, 125)
        assert result.stderr.startswith("writ: "), result.stderr


if __name__ == "__main__":

    sys.exit(main(globals()))
