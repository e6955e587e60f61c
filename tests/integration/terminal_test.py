#!/usr/bin/env python3
"""Interactive runs of `writ run`, as a person at a terminal sees them.

A pseudo-terminal of this program plays the user's terminal and a bash on it the user's shell; `writ run` is typed into
that shell. Needs python3, bash and coreutils only. The command is taken from $WRIT (default: build/release/bin/writ).
With arguments only the tests whose names contain one of them are run. Prints "N passed, N failed, N skipped"; the exit
status is 1 when one failed or was skipped without WRIT_ALLOW_SKIPS=1.
"""

import fcntl
import os
import pty
import re
import select
import shlex
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WRIT = os.path.abspath(os.environ.get("WRIT", os.path.join(ROOT, "build/release/bin/writ")))
OUTER = "OUTER> "
INNER = "INNER> "


class Skip(Exception):
    """The host cannot show what the test is about."""


class UserTerminal:
    """The user's terminal with the user's shell on it."""

    def __init__(self, rows=24, columns=100):
        self.seen = b""
        self.directory = tempfile.TemporaryDirectory(prefix="writ-terminal-")
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.chdir(self.directory.name)
            environment = {"PATH": os.environ["PATH"], "HOME": self.directory.name, "TERM": "dumb"}
            with open(".outer", "w", encoding="ascii") as file:
                file.write(f"PS1='{OUTER}'\n")
            os.execvpe("bash", ["bash", "--rcfile", ".outer", "-i"], environment)
        self.resize(rows, columns)
        self.expect(re.escape(OUTER))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for pid in descendants(self.pid):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.master)
        self.directory.cleanup()

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, keys):
        os.write(self.master, keys.encode())

    def read_for(self, seconds):
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([self.master], [], [], left)[0]:
                self.seen += os.read(self.master, 65536)

    def expect(self, pattern, seconds=10):
        """Waits until `pattern` has been shown; returns what was shown up to and with it."""
        compiled = re.compile(pattern.encode())
        end = time.monotonic() + seconds
        while not (match := compiled.search(self.seen)):
            left = end - time.monotonic()
            if left <= 0:
                raise AssertionError(f"{pattern!r} not shown within {seconds} s; shown: {self.seen[-600:]!r}")
            if select.select([self.master], [], [], left)[0]:
                self.seen += os.read(self.master, 65536)
        shown, self.seen = self.seen[: match.end()], self.seen[match.end() :]
        return shown.decode(errors="replace")

    def command(self, line, prompt=OUTER, seconds=20):
        """Types a line and returns what it printed, up to the next prompt."""
        self.type(line + "\r")
        shown = self.expect(re.escape(prompt), seconds)
        return shown[shown.find("\n") + 1 : -len(prompt)].replace("\r", "")

    def start(self, line):
        """Types a line and waits for its echo."""
        self.type(line + "\r")
        self.expect(r"\n")

    def start_inner_shell(self):
        self.start(f"{writ()} bash --norc --noprofile -i")
        self.expect(r"bash-[0-9.]+[$#] ")
        self.type("PS1='INNER''> '\r")
        self.expect(re.escape(INNER))


def writ():
    return f"{shlex.quote(WRIT)} run --"


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def descendants(pid):
    found = []
    for child in children(pid):
        found += [child] + descendants(child)
    return found


def processes_with_argument(word):
    found = []
    for name in os.listdir("/proc"):
        try:
            with open(f"/proc/{name}/cmdline", "rb") as file:
                if name.isdigit() and word.encode() in file.read().split(b"\0"):
                    found.append(int(name))
        except OSError:
            continue
    return found


def wait_until(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def expect_equal(actual, expected):
    assert actual == expected, f"expected {expected!r}, got {actual!r}"


# --- the tests ---------------------------------------------------------------------------------------------------------


def test_the_terminal_has_its_own_name():
    with UserTerminal() as user:
        expect_equal(user.command(f"{writ()} tty"), "/dev/pts/0\n")


def test_no_terminal_of_the_host_is_in_the_view():
    others = [pty.openpty() for _ in range(3)]
    with UserTerminal() as user:
        assert len(user.command("ls /dev/pts").split()) >= 5, "the host has no other terminals: the test proves nothing"
        expect_equal(user.command(f"{writ()} ls /dev/pts").split(), ["0", "ptmx"])
    for descriptor in (end for pair in others for end in pair):
        os.close(descriptor)


def test_programs_can_open_terminals_of_their_own():
    if not shutil.which("python3", path="/usr/bin:/bin"):
        raise Skip("no python3 of the system to run inside")
    with UserTerminal() as user:
        code = "import os; print(os.ttyname(os.openpty()[1]))"
        expect_equal(user.command(f"{writ()} /usr/bin/python3 -c '{code}'"), "/dev/pts/1\n")


def test_ctrl_c_ends_the_job_and_not_the_shell():
    with UserTerminal() as user:
        user.start_inner_shell()
        user.start("sleep 30")
        user.read_for(0.5)
        user.type("\x03")
        user.expect(re.escape(INNER))
        expect_equal(user.command("echo rc=$?", INNER), "rc=130\n")


def test_two_interrupts_at_the_prompt_or_in_a_job_leave_the_shell_alive():
    with UserTerminal() as user:
        user.start_inner_shell()
        user.type("\x03\x03")
        user.read_for(0.5)
        user.seen = b""
        user.start("sleep 30")
        user.read_for(0.3)
        user.type("\x03\x03")
        user.read_for(0.5)
        user.seen = b""
        expect_equal(user.command("echo alive", INNER), "alive\n")


def test_two_interrupts_kill_a_tool_that_ignores_them():
    with UserTerminal() as user:
        user.start(f"{writ()} bash -c 'trap \"\" INT; echo ready; while :; do sleep 0.2; done'")
        user.expect("ready")
        user.type("\x03")
        user.read_for(0.2)
        user.type("\x03")
        user.expect(re.escape(OUTER), 5)
        assert user.command("echo rc=$?") != "rc=0\n"


def test_ctrl_z_jobs_and_fg():
    with UserTerminal() as user:
        user.start_inner_shell()
        user.start("sleep 31")
        user.read_for(0.5)
        user.type("\x1a")
        user.expect("Stopped")
        user.expect(re.escape(INNER))
        assert "sleep 31" in user.command("jobs", INNER)
        user.start("fg")
        user.expect("sleep 31")
        user.read_for(0.3)
        user.type("\x03")
        user.expect(re.escape(INNER))
        expect_equal(user.command("echo rc=$?", INNER), "rc=130\n")


def test_ctrl_z_stops_the_run_itself_and_fg_continues_it():
    with UserTerminal() as user:
        user.start(f"{writ()} sleep 32")
        user.read_for(0.7)
        user.type("\x1a")
        user.expect("Stopped")
        user.expect(re.escape(OUTER))
        user.start("fg")
        user.read_for(0.5)
        user.type("\x03")
        user.expect(re.escape(OUTER))
        expect_equal(user.command("echo rc=$?"), "rc=130\n")


def test_exit_code_of_the_shell():
    with UserTerminal() as user:
        user.start_inner_shell()
        user.start("exit 7")
        user.expect(re.escape(OUTER))
        expect_equal(user.command("echo rc=$?"), "rc=7\n")


def test_window_size_at_start_and_after_a_change():
    with UserTerminal(30, 90) as user:
        user.start_inner_shell()
        expect_equal(user.command("stty size", INNER), "30 90\n")
        user.resize(41, 121)
        user.read_for(0.5)
        user.seen = b""
        expect_equal(user.command("stty size", INNER), "41 121\n")


def test_terminal_settings_are_the_same_afterwards():
    with UserTerminal() as user:
        before = user.command("stty -g")
        user.start_inner_shell()
        user.command("stty -echo -icanon raw; stty sane", INNER)
        user.start("exit 0")
        user.expect(re.escape(OUTER))
        expect_equal(user.command("stty -g"), before)


def test_the_tool_inherits_the_terminal_settings():
    with UserTerminal() as user:
        user.command("stty erase ^H")
        assert "erase = ^H" in user.command(f"{writ()} stty -a")


def test_a_background_start_neither_stops_nor_takes_keys():
    with UserTerminal() as user:
        before = user.command("stty -g")
        user.command(f"{writ()} sh -c 'sleep 1; echo bg''-done' &")
        expect_equal(user.command("echo typed-$((1+1))"), "typed-2\n")
        assert "Running" in user.command("jobs")
        user.expect("bg-done")
        user.start("wait $!; echo rc=$?")
        user.expect("rc=0")
        user.read_for(0.2)
        user.seen = b""
        expect_equal(user.command("stty -g"), before)


def test_a_background_run_takes_the_terminal_when_brought_forward():
    with UserTerminal() as user:
        user.command(f"{writ()} cat &")
        user.read_for(0.7)
        user.start("fg")
        user.read_for(0.7)
        user.type("hello\r")
        user.expect(r"hello\r\nhello")
        user.type("\x04")
        user.expect(re.escape(OUTER))


def test_nothing_survives_a_killed_writ():
    mark = f"{40000 + os.getpid() % 10000}.5"
    with UserTerminal() as user:
        user.start(f"{writ()} bash -c 'sleep {mark} & setsid sleep {mark} & wait'")
        assert wait_until(lambda: len(processes_with_argument(mark)) == 2), "the tool did not start"
        os.kill(children(user.pid)[0], signal.SIGKILL)
        assert wait_until(lambda: not processes_with_argument(mark), 3), "processes of the tool are left"


def test_long_output_is_complete():
    with UserTerminal() as user:
        shown = user.command(f"{writ()} seq 1 200000", seconds=60)
        expect_equal(shown.split(), [str(number) for number in range(1, 200001)])


def test_the_last_line_without_newline_is_shown():
    with UserTerminal() as user:
        for _ in range(5):
            expect_equal(user.command(f"{writ()} printf 'last words'"), "last words")


def test_without_a_terminal_bytes_pass_unchanged():
    data = bytes(range(256)) * 4096
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        result = subprocess.run([WRIT, "run", "--", "cat"], stdin=file, capture_output=True, timeout=30, check=False)
        expect_equal(result.returncode, 0)
        assert result.stdout == data, f"{len(result.stdout)} bytes, not the same"


def test_a_pipeline_at_the_terminal_passes_bytes_unchanged():
    with UserTerminal() as user:
        user.command("head -c 300000 /dev/urandom > data")
        expect_equal(user.command(f"{writ()} cat < data | cmp - data && echo same"), "same\n")
        expect_equal(user.command(f"cat data | {writ()} wc -c").strip(), "300000")


def test_a_dangerous_sequence_is_dropped():
    with UserTerminal() as user:
        sequence = r"printf '\033]52;c;QQ==\007\033[21tok\n'"
        assert "\x1b]52" in user.command(sequence), "the control run shows nothing, so the test proves nothing"
        expect_equal(user.command(f"{writ()} {sequence}"), "ok\n")


def test_end_of_input_key():
    with UserTerminal() as user:
        user.start(f"{writ()} cat")
        user.read_for(0.5)
        user.type("line\r")
        user.expect(r"line\r\nline")
        user.type("\x04")
        user.expect(re.escape(OUTER))
        expect_equal(user.command("echo rc=$?"), "rc=0\n")


def main(words):
    if not os.access(WRIT, os.X_OK):
        print(f"terminal_test: {WRIT} is missing; build it or set WRIT", file=sys.stderr)
        return 1
    tests = [(name[5:], body) for name, body in sorted(globals().items()) if name.startswith("test_")]
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for name, body in tests:
        if words and not any(word in name for word in words):
            continue
        try:
            body()
            outcome, why = "passed", ""
        except Skip as skip:
            outcome, why = "skipped", f": {skip}"
        except Exception as error:  # a test that breaks has failed
            outcome, why = "failed", f": {type(error).__name__}: {error}"
        counts[outcome] += 1
        print(f"{outcome:8}{name}{why}", flush=True)
    print(", ".join(f"{count} {outcome}" for outcome, count in counts.items()))
    unexpected_skips = counts["skipped"] and os.environ.get("WRIT_ALLOW_SKIPS") != "1"
    return 1 if counts["failed"] or unexpected_skips or not sum(counts.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
