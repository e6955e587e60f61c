#!/usr/bin/env python3
"""Stopping and continuing at a terminal: the key in every kind of pipeline, background starts, the terminal's settings,
and that standard input is never taken from somebody else."""

import os
import pathlib
import re
import signal
import sys
import termios
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import terminal_test  # noqa: E402
from process_states import all_stopped, name_of, none_stopped, states, tool_processes, wait_for_states  # noqa: E402
from terminal_test import OUTER, UserTerminal  # noqa: E402
from writ_testing import expect_equal, main, marked_processes, only, wait_until, writ_program  # noqa: E402


def user_terminal():
    terminal_test.WRIT = writ_program()
    return UserTerminal()


def mark_of(user):
    return os.path.basename(user.directory.name)


def writ_in(user):
    found = [pid for pid in terminal_test.descendants(user.pid)
             if name_of(pid) == "writ" and pid in marked_processes(mark_of(user))]
    assert found, "Writ does not run"
    return found[0]


def busy(user):
    return f"sh -c ': {mark_of(user)}; while :; do :; done'"


def is_line_mode(user):
    return bool(termios.tcgetattr(user.master)[3] & termios.ICANON)


@only("user")
def test_the_stop_key_stops_a_run_in_every_kind_of_pipeline(_):
    with user_terminal() as user:
        writ, mark = terminal_test.writ(), mark_of(user)
        for line in (f"{writ} {busy(user)}", f"echo | {writ} {busy(user)} > out", f"{writ} {busy(user)} | cat"):
            user.start(line)
            wait_for_states(mark, none_stopped, "the control: it runs")
            assert wait_until(lambda: line.startswith("echo") or "|" in line or not is_line_mode(user))
            user.type("\x1a")
            user.expect("Stopped")
            user.expect(re.escape(OUTER))
            assert all_stopped(states(mark)), (line, states(mark))
            user.start("fg")
            wait_for_states(mark, none_stopped, f"fg does not continue: {line}")
            user.type("\x03")
            user.expect(re.escape(OUTER))


@only("user")
def test_a_stop_signal_at_a_terminal_gives_the_terminal_back(_):
    with user_terminal() as user:
        before = user.command("stty -g")
        user.start(f"{terminal_test.writ()} {busy(user)}")
        assert wait_until(lambda: not is_line_mode(user)), "the control: Writ has taken the terminal"
        wait_for_states(mark_of(user), none_stopped, "it runs")
        os.kill(writ_in(user), signal.SIGTSTP)
        user.expect("Stopped")
        user.expect(re.escape(OUTER))
        assert all_stopped(states(mark_of(user)))
        expect_equal(user.command("stty -g"), before)
        user.start("fg")
        assert wait_until(lambda: not is_line_mode(user))
        wait_for_states(mark_of(user), none_stopped, "it goes on")
        user.type("\x03")
        user.expect(re.escape(OUTER))
        expect_equal(user.command("stty -g"), before)


@only("user")
def test_the_stop_key_stops_also_what_left_the_foreground(_):
    """A child in a session of its own is out of the key's reach; it must not go on while Writ cannot answer it."""
    with user_terminal() as user:
        mark = mark_of(user)
        user.start(f"{terminal_test.writ()} sh -c 'setsid {busy(user).replace(chr(39), chr(34))} & cat; : {mark}'")
        wait_for_states(mark, lambda found: len(found) == 2 and none_stopped(found), "both run")
        assert wait_until(lambda: not is_line_mode(user))
        user.type("\x1a")
        user.expect("Stopped")
        assert all_stopped(states(mark)), states(mark)
        user.command("bg")
        wait_for_states(mark, none_stopped, "bg continues both")
        user.start("kill %1; wait; echo end''ed")
        user.expect("ended")


@only("user")
def test_a_run_that_was_stopped_by_the_key_has_its_time_left(_):
    with user_terminal() as user:
        user.start(f"{writ_program()} run --timeout 1s -- sh -c ': {mark_of(user)}; sleep 0.8; exit 6'")
        wait_for_states(mark_of(user), none_stopped, "it runs")
        assert wait_until(lambda: not is_line_mode(user))
        user.type("\x1a")
        user.expect("Stopped")
        user.expect(re.escape(OUTER))
        time.sleep(1.2)
        user.start("fg")
        user.expect(re.escape(OUTER))
        expect_equal(user.command("echo rc=$?"), "rc=6\n")


@only("user")
def test_background_runs_do_not_stop_and_do_not_touch_the_terminal(_):
    with user_terminal() as user:
        before = user.command("stty -g")
        user.command(f"{terminal_test.writ()} sh -c 'read line; : {mark_of(user)}' &")
        wait_for_states(mark_of(user), none_stopped, "it runs")
        user.type("echo for-the''-shell\r")
        user.expect("for-the-shell")
        user.expect(re.escape(OUTER))
        assert "Running" in user.command("jobs")
        expect_equal(user.command("stty -g"), before)
        user.start("kill %1; wait; echo end''ed")
        user.expect("ended")


@only("user")
def test_standard_input_is_not_taken_from_a_loop(_):
    with user_terminal() as user:
        pathlib.Path(user.directory.name, "lines").write_text("a\nb\nc\n", encoding="ascii")
        every = "a\nb\nc\n"
        loop = "while read line; do %s; echo $line; done"
        expect_equal(user.command("cat lines | " + loop % "head -c 2 > /dev/null"), "a\nc\n")  # the control: a reader does
        for body in (f"{terminal_test.writ()} true", f"{terminal_test.writ()} true > /dev/null 2>&1"):
            expect_equal(user.command(loop % body + " < lines"), every)
            expect_equal(user.command("cat lines | " + loop % body), every)


@only("user")
def test_a_closed_terminal_ends_the_run(_):
    with user_terminal() as user:
        mark = mark_of(user)
        user.start(f"{terminal_test.writ()} sh -c 'trap \"\" HUP; sleep 300; : {mark}'")
        wait_for_states(mark, none_stopped, "it runs")
        os.close(user.master)
        user.master = os.open("/dev/null", os.O_RDWR)
        assert wait_until(lambda: not tool_processes(mark)), "the tool outlives its terminal"


if __name__ == "__main__":
    sys.exit(main(globals()))
