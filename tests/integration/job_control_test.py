#!/usr/bin/env python3
"""A run that stops and goes on by signals: SIGTSTP and SIGCONT, what a pause reaches and leaves alone, and which signals
reach the tool. job_control_terminal_test.py has the keys."""

import os
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from command_profiles import ruled, tool  # noqa: E402
from process_states import (all_stopped, ended, inside, none_stopped, name_of, pause, processor_time, resume, state, states,  # noqa: E402
                            tool_processes, wait_for, wait_for_states)
from writ_testing import expect_equal, main, only, wait_until  # noqa: E402

WAITS = "while [ ! -e go ]; do sleep 0.05; done"
# Writes down every signal that reaches it, and leaves on SIGTERM.
RECORDER = """
import os, signal, sys
def note(number, frame):
    with open(f"got-{signal.Signals(number).name}", "a") as file: file.write("x")
for name in sys.argv[1].split(","): signal.signal(getattr(signal, name), note)
open("started", "w").close()
while not os.path.exists("go"):
    try: os.wait()
    except ChildProcessError: signal.sigtimedwait([], 0.02)
sys.exit(5)
"""


# --- pause and resume by signal ---

BUSY = """
sh -c 'while :; do :; done; : "$0"' "$0" & setsid sh -c 'sleep 300; : "$0"' "$0" &
touch started; while [ ! -e go ]; do sleep 0.05; done; exit 5
"""


def test_a_stop_signal_stops_everything_inside_and_then_writ(case):
    process = case.start(program=["sh", "-c", BUSY, case.mark])
    wait_for(case)
    wait_for_states(case.mark, lambda found: len(found) == 3 and none_stopped(found), "the control: they run")
    for _ in range(3):
        pause(process, case.mark)
        resume(process, case.mark)
    (case.workspace / "go").touch()
    expect_equal(ended(process), 5)
    case.nothing_left()


@only("user")
def test_a_writ_that_is_stopped_unasked_leaves_the_tool_running(case):
    """The control of the test before: that Writ does not run does not stop what is inside. Nothing can be done for it."""
    process = case.start(program=["sh", "-c", BUSY, case.mark])
    wait_for(case)
    process.send_signal(signal.SIGSTOP)
    assert wait_until(lambda: state(process.pid) == "T")
    time.sleep(0.2)
    assert "T" not in states(case.mark), states(case.mark)
    process.send_signal(signal.SIGCONT)
    (case.workspace / "go").touch()
    expect_equal(ended(process), 5)


def test_what_was_stopped_before_a_pause_stays_stopped_afterwards(case):
    script = "sh -c 'kill -STOP $$; sleep 300; : \"$0\"' \"$0\" & sh -c 'sleep 300; : \"$0\"' \"$0\" & touch started; wait"
    process = case.start(program=["sh", "-c", script, case.mark])
    wait_for(case)
    wait_for_states(case.mark, lambda found: len(found) == 3 and found.count("T") == 1, "one stops itself")
    before = {pid for pid in tool_processes(case.mark) if state(pid) == "T"}
    pause(process, case.mark)
    process.send_signal(signal.SIGCONT)
    wait_for_states(case.mark, lambda found: found.count("T") == 1, "the others go on")
    time.sleep(0.2)
    expect_equal({pid for pid in tool_processes(case.mark) if state(pid) == "T"}, before)
    process.terminate()
    expect_equal(ended(process), 143)


@only("user", "root")
def test_processes_that_fork_all_the_time_are_stopped(case):
    loop = "import os\nwhile True:\n    if os.fork() == 0: os._exit(0)\n    os.wait()"
    script = f"for i in 1 2 3 4; do python3 -c '{loop}' \"$0\" & done; touch started; wait"
    process = case.start(program=["sh", "-c", script, case.mark])
    wait_for(case)
    wait_for_states(case.mark, lambda found: len(found) >= 5, "they do not fork")
    for _ in range(5):
        pause(process, case.mark)
        pids = tool_processes(case.mark)
        spent = sum(map(processor_time, pids))
        time.sleep(0.1)
        expect_equal((sorted(tool_processes(case.mark)), sum(map(processor_time, pids))), (sorted(pids), spent))
        resume(process, case.mark)
    process.terminate()
    expect_equal(ended(process), 143)
    case.nothing_left()


@only("user")
def test_no_parent_inside_notices_a_pause(case):
    """A shell with job control reports what it finds stopped. The control is a child that really was stopped."""
    script = "set -m\necho > started\nsleep 0.6\necho $? >> status\nsh -c 'kill -STOP $$'\necho $? >> status; exit 0"
    process = case.start(program=["bash", "-c", script, case.mark])
    wait_for(case)
    assert wait_until(lambda: any(name_of(pid) == "sleep" for pid in inside(process.pid)))
    for _ in range(10):
        process.send_signal(signal.SIGTSTP)
        assert wait_until(lambda: state(process.pid) == "T")
        process.send_signal(signal.SIGCONT)
        assert wait_until(lambda: state(process.pid) != "T")
    expect_equal(ended(process), 0)
    expect_equal((case.workspace / "status").read_text(), f"0\n{128 + signal.SIGSTOP}\n")


def test_calls_that_wait_for_writ_are_answered_after_a_pause(case):
    script = "touch started; i=0; while [ ! -e go ]; do i=$((i+1)); echo $i >> lines; done; exit 5"
    process = case.start(program=["sh", "-c", script, case.mark])
    wait_for(case)
    lines = case.workspace / "lines"
    for _ in range(5):
        assert wait_until(lines.exists)
        process.send_signal(signal.SIGTSTP)
        assert wait_until(lambda: state(process.pid) == "T")
        size = lines.stat().st_size
        time.sleep(0.05)
        expect_equal(lines.stat().st_size, size)
        process.send_signal(signal.SIGCONT)
        assert wait_until(lambda: lines.stat().st_size > size), "it does not go on"
    (case.workspace / "go").touch()
    expect_equal(ended(process), 5)
    numbers = lines.read_text().split()
    expect_equal(numbers, [str(number) for number in range(1, len(numbers) + 1)])


@only("user")
def test_no_call_gets_a_wrong_answer_when_writ_itself_is_stopped(case):
    """Stopping, freezing or suspending Writ interrupts its own calls in the middle of an answer."""
    script = "touch started; i=0; while [ ! -e go ]; do i=$((i+1)); echo $i >> lines || touch failed; done; exit 5"
    process = case.start(program=["sh", "-c", script, case.mark])
    wait_for(case, "lines")
    for _ in range(40):  # an answer in one step failed in every fourth round (SECCOMP_ADDFD_FLAG_SEND)
        process.send_signal(signal.SIGSTOP)
        assert wait_until(lambda: state(process.pid) == "T")
        process.send_signal(signal.SIGCONT)
        time.sleep(0.02)
    (case.workspace / "go").touch()
    expect_equal(ended(process), 5)
    numbers = (case.workspace / "lines").read_text().split()
    expect_equal((numbers, (case.workspace / "failed").exists()), ([str(n) for n in range(1, len(numbers) + 1)], False))


# --- time, and ending what is paused ---


@only("user")
def test_the_time_limit_does_not_run_during_a_pause(case):
    for stop, status in ((signal.SIGTSTP, 5), (signal.SIGSTOP, 124)):  # the control: time goes on when Writ alone stops
        process = case.start("--timeout", "1s", program=["sh", "-c", f"touch started; {WAITS}; exit 5", case.mark])
        wait_for(case)
        process.send_signal(stop)
        assert wait_until(lambda: state(process.pid) == "T")
        time.sleep(1.2)
        process.send_signal(signal.SIGCONT)
        if stop == signal.SIGTSTP:
            (case.workspace / "go").touch()
        expect_equal(ended(process), status)
        for name in ("started", "go"):
            (case.workspace / name).unlink(missing_ok=True)


@only("user")
def test_the_time_limit_goes_on_after_a_pause(case):
    process = case.start("--timeout", "500ms", program=["sh", "-c", f"touch started; {WAITS}", case.mark])
    wait_for(case)
    pause(process, case.mark)
    resume(process, case.mark)
    expect_equal(ended(process), 124)


def test_ending_a_paused_run_is_graceful(case):
    script = f"trap 'echo asked > asked; exit 0' TERM; touch started; {WAITS}"
    process = case.start(program=["sh", "-c", script, case.mark])
    wait_for(case)
    pause(process, case.mark)
    process.terminate()  # as a shell's kill: the signal, and what lets it be seen
    process.send_signal(signal.SIGCONT)
    expect_equal(ended(process), 143)
    expect_equal((case.workspace / "asked").read_text(), "asked\n")
    case.nothing_left()


@only("user", "root")
def test_killing_a_paused_run_leaves_nothing(case):
    process = case.start(program=["sh", "-c", BUSY, case.mark])
    wait_for(case)
    pause(process, case.mark)
    process.kill()
    process.wait()
    case.nothing_left()


@only("user", "root")
def test_commands_in_sandboxes_of_their_own_stop_and_go_on_with_the_run(case):
    command = tool(case, "command", "touch command-runs; while [ ! -e go ]; do sleep 0.05; done; exit 6")
    profile = ruled(case, f"  - {{program: '{command}', effect: allow}}\n")
    process = case.start("--profile", profile, program=[command])
    wait_for(case, "command-runs")
    for _ in range(2):
        process.send_signal(signal.SIGTSTP)
        assert wait_until(lambda: state(process.pid) == "T")
        wait_for_states(case.mark, lambda found: all_stopped(found) and len(found) >= 2, "the command runs on")
        resume(process, case.mark)
    (case.workspace / "go").touch()
    expect_equal(ended(process), 6)
    case.nothing_left()


@only("user")
def test_a_continue_that_comes_at_once_is_not_lost(case):
    process = case.start(program=["sh", "-c", f"touch started; {WAITS}; exit 5", case.mark])
    wait_for(case)
    for _ in range(20):
        process.send_signal(signal.SIGTSTP)
        process.send_signal(signal.SIGCONT)
    resume(process, case.mark)
    (case.workspace / "go").touch()
    expect_equal(ended(process), 5)


# --- signals passed on ---

PASSED_ON = ("SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGVTALRM", "SIGPROF", "SIGURG", "SIGIO", "SIGPWR", "SIGWINCH",
             "SIGCONT", "SIGINT")


def test_signals_reach_the_tool(case):
    names = ",".join(PASSED_ON)
    process = case.start(program=["python3", "-c", RECORDER, names, case.mark])
    wait_for(case)
    for name in PASSED_ON:
        process.send_signal(getattr(signal, name))
        assert wait_until(lambda: (case.workspace / f"got-{name}").exists(), 5), f"{name} did not arrive"
    expect_equal(sorted(path.name for path in case.workspace.glob("got-*")), sorted(f"got-{name}" for name in PASSED_ON))
    (case.workspace / "go").touch()
    expect_equal(ended(process), 5)


@only("user")
def test_a_signal_that_is_not_passed_on_ends_writ_and_never_arrives(case):
    process = case.start(program=["python3", "-c", RECORDER, "SIGRTMIN", case.mark])
    wait_for(case)
    process.send_signal(signal.SIGRTMIN)
    expect_equal(ended(process), -signal.SIGRTMIN)
    case.nothing_left()
    expect_equal(list(case.workspace.glob("got-*")), [])


@only("user")
def test_what_was_ignored_from_the_start_stays_ignored(case):
    """nohup, and the background commands of a script. The control is in run_lifecycle_test: otherwise they end the run."""
    def ignore():
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP):
            signal.signal(number, signal.SIG_IGN)
    process = case.start(program=["python3", "-c", RECORDER, "SIGUSR1", case.mark], preexec_fn=ignore)
    wait_for(case)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP, signal.SIGUSR1):
        process.send_signal(number)
    wait_for(case, "got-SIGUSR1")
    assert none_stopped(states(case.mark)) and process.poll() is None
    (case.workspace / "go").touch()
    expect_equal(ended(process), 5)


@only("user")
def test_interrupts_with_time_between_them_are_passed_on_each(case):
    process = case.start(program=["python3", "-c", RECORDER, "SIGINT", case.mark])
    wait_for(case)
    got = case.workspace / "got-SIGINT"
    for count in (1, 2):
        process.send_signal(signal.SIGINT)
        assert wait_until(lambda: got.exists() and len(got.read_text()) == count), "it did not arrive"
        time.sleep(1.1)
    (case.workspace / "go").touch()
    expect_equal(ended(process), 5)


if __name__ == "__main__":
    sys.exit(main(globals()))
