#!/usr/bin/env python3
"""Section 5: processes, signals and the terminal."""

import os
import pathlib
import pty
import select
import signal
import time
import uuid

from attack_harness import IS_ROOT, MARKER, THROWAWAY, alive, attack, eventually, main, processes_with


def still_beating(file, seconds=0.4):
    before = file.stat().st_size if file.exists() else 0
    time.sleep(seconds)
    return (file.stat().st_size if file.exists() else 0) > before


def natively_until_dead(trial, *words):
    """For payloads that stay behind: run, then end what stayed."""
    token = str(words[1])
    result = trial.natively(*words)
    beating = still_beating(pathlib.Path(token))
    for pid in processes_with(token):
        os.kill(pid, signal.SIGKILL)
    return result, beating


@attack("42_daemons")
def _(trial):
    """setsid, double fork, every signal ignored, every descriptor closed."""
    free = trial.workspace / f"free-{uuid.uuid4().hex}"
    _, beating = natively_until_dead(trial, "daemonize", free, 8)
    trial.check(beating, "the control did not outlive its parent")
    held = trial.workspace / f"held-{uuid.uuid4().hex}"
    trial.inside("daemonize", held, 8)
    trial.check(held.exists() and held.stat().st_size > 0, "the daemon never ran")
    trial.check(not still_beating(held) and not processes_with(held.name), "a daemon outlived the run")


@attack("42_deaf_to_signals")
def _(trial):
    for kind in ("timeout", "terminate", "hang-up", "interrupt"):
        file = trial.workspace / f"deaf-{kind}-{uuid.uuid4().hex}"
        options = ["--timeout", "600ms"] if kind == "timeout" else []
        profile = trial.profile("limits:\n  kill_grace: 300ms\n")
        process = trial.start([*trial.sandbox(*options, profile=profile), trial.attack, "ignore-signals", str(file), "20"])
        trial.check(eventually(file.exists), f"{kind}: the tool did not start")
        if kind == "terminate":
            process.send_signal(signal.SIGTERM)
        elif kind == "hang-up":
            process.send_signal(signal.SIGHUP)
        elif kind == "interrupt":
            process.send_signal(signal.SIGINT)
            time.sleep(0.2)
            process.send_signal(signal.SIGINT)
        try:
            process.wait(10)
        except Exception:  # pylint: disable=broad-except
            trial.check(False, f"{kind}: Writ does not end")
        if kind == "timeout":
            trial.check(process.returncode == 124, f"{kind}: {process.returncode}")
        trial.check(not still_beating(file) and not processes_with(file.name), f"{kind}: the tool lives on")


@attack("43_signals_to_the_host")
def _(trial):
    for how in ("kill", "group", "tkill", "tgkill", "sigqueue", "tgsigqueue", "pidfd"):
        victim = trial.start(["sleep", "30"], start_new_session=True)
        trial.natively("signal", how, victim.pid)
        trial.check(eventually(lambda: not alive(victim.pid)), f"{how}: the control killed nobody")
        victim = trial.start(["sleep", "30"], start_new_session=True)
        held = trial.inside("signal", how, victim.pid)
        trial.check(held.kind == "STOPPED" and alive(victim.pid), f"{how}: {held}")


@attack("43_signals_to_everybody")
def _(trial):
    victim = trial.start(["sleep", "30"], uid=trial.owner or THROWAWAY)
    if IS_ROOT:
        sacrifice = trial.start(["sleep", "30"], uid=THROWAWAY)
        trial.natively("signal-everybody", uid=THROWAWAY)
        trial.check(eventually(lambda: not alive(sacrifice.pid)), "the control killed nobody")
        victim = trial.start(["sleep", "30"], uid=trial.owner or THROWAWAY)
    else:
        trial.skip("kill -1 outside would end everything of this user")
    process = trial.start([*trial.sandbox(), "/bin/sh", "-c", f"{trial.attack} signal-everybody; echo after"])
    out, _ = process.communicate(timeout=20)
    trial.check(alive(victim.pid), "a process outside was killed")
    trial.check(process.returncode in (0, 137), f"Writ: {process.returncode} {out!r}")
    trial.inside("signal-numbers", 70000)
    trial.check(alive(victim.pid), "a process outside was killed by its number")


@attack("43_signals_to_writ")
def _(trial):
    """Init survives every signal of the tool's, and the tool's end still ends the run with its status."""
    result = trial.run([*trial.sandbox(), "/bin/sh", "-c", f"trap '' HUP INT TERM USR1 USR2 ALRM PIPE; "
                        f"setsid {trial.attack} signal-init; exit 7"])
    # The shell gets the same signals as init; which of the deadly ones ends it first is the scheduler's choice.
    trial.check(result.returncode == 7 or result.returncode > 128, f"status {result.returncode} {result.stderr[-200:]!r}")
    process = trial.start([*trial.sandbox(), "/bin/sh", "-c", f"for p in {os.getpid()} $PPID 1; do kill -9 $p; done; exit 9"])
    trial.check(process.wait(20) == 9, f"status {process.returncode}")


@attack("44_other_memory")
def _(trial):
    for how in ("attach", "seize", "readv", "writev", "madvise", "kcmp", "perf"):
        trial.stops("memory", how, "child", why="closed on some hosts" if how in ("perf", "kcmp", "madvise") else "")
        held = trial.inside("memory", how, "1")
        trial.check(held.kind == "STOPPED", f"{how} on init: {held}")
    trial.stops("memory", "mem", "child")
    trial.stops("memory", "mem", "1", control_arguments=("memory", "mem", "child"))
    trial.stops("traceme")


@attack("45_dumpable_init")
def _(trial):
    """No other process of the same user outside may look into init, the tool or the broker."""
    if trial.stage == "root":
        return  # the tool's identity has no processes outside
    process = trial.start([*trial.sandbox(), "sleep", "20"], environment={"WRIT_TEST_SECRET": MARKER})
    def runs():
        try:
            return any(b"sleep" in pathlib.Path(f"/proc/{pid}/comm").read_bytes() for pid in descendants(process.pid))
        except OSError:  # one of them ended in the meantime
            return False
    trial.check(eventually(runs, seconds=20), "the sandbox did not start")
    time.sleep(0.3)
    init = descendants(process.pid)[0]
    for pid in (process.pid, init):
        free = trial.natively("memory", "mem", pid, uid=trial.owner)
        trial.check(free.kind == "STOPPED", f"process {pid} can be written by its user: {free}")


def descendants(pid):
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1]) == pid:
                    found += [int(entry.name), *descendants(int(entry.name))]
            except OSError:
                pass
    return found


def at_a_terminal(trial, command, seconds=15):
    """Runs `command` with a terminal of the test's as its controlling one; returns what it showed and what is typed then."""
    master, slave = pty.openpty()
    def own_terminal():
        os.setsid()
        import fcntl, termios  # pylint: disable=import-outside-toplevel,multiple-imports
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    if IS_ROOT:
        os.fchown(slave, trial.uid, trial.uid)
    # The reader that comes after the tool, as the person's shell would.
    reader = "; IFS= read -t 1 line </dev/tty; echo \"READ:$line:\""
    process = trial.start(["/bin/bash", "-c", command + reader], stdin=slave, stdout=slave, stderr=slave,
                          preexec_fn=own_terminal)
    os.close(slave)
    shown = b""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if select.select([master], [], [], 0.1)[0]:
            try:
                block = os.read(master, 65536)
            except OSError:
                break
            if not block:
                break
            shown += block
        elif process.poll() is not None:
            break
    process.kill()
    process.wait()
    os.close(master)
    return shown


@attack("46_typing_for_the_person")
def _(trial):
    """TIOCSTI on the terminal that the person's shell reads next."""
    def typed(prefix):
        return b"READ:evil" in at_a_terminal(trial, f"{prefix} {trial.attack} type-into 0 $'evil\\n'")
    if not typed(""):
        trial.skip("this kernel lets nobody type (legacy_tiocsti)")
    trial.check(not typed(" ".join(trial.sandbox())), "the tool typed into the person's terminal")
    for stream in ("</dev/null", ">/dev/null", "2>/dev/null"):
        command = f"{' '.join(trial.sandbox())} {trial.attack} type-into 2 $'evil\\n' {stream}"
        trial.check(b"READ:evil" not in at_a_terminal(trial, command), f"typed, with {stream}")


@attack("46_terminal_output")
def _(trial):
    """OSC 52 and other sequences that reach past the screen do not arrive at the person's terminal."""
    for sequence in ("\\033]52;c;ZXZpbA==\\007", "\\033[21t", "\\033P+q544e\\033\\\\", "\\033]50;?\\007"):
        free = at_a_terminal(trial, f"printf '{sequence}'")
        raw = sequence.encode().decode("unicode_escape").encode()[:4]
        trial.check(raw in free, f"{sequence}: the control does not show it")
        held = at_a_terminal(trial, f"{' '.join(trial.sandbox())} /usr/bin/printf '{sequence}'")
        trial.check(raw not in held and b"READ:" in held, f"{sequence}: {held!r}")


@attack("46_no_controlling_terminal")
def _(trial):
    """Without a terminal as a stream the tool does not get the one of the session either."""
    free = at_a_terminal(trial, f"{trial.attack} controlling-terminal </dev/null 2>/dev/null | cat")
    trial.check(b"ESCAPED" in free, f"the control has no terminal: {free!r}")
    for profile in ("default", "strict"):
        command = f"{' '.join(trial.sandbox(profile=profile))} {trial.attack} controlling-terminal </dev/null 2>/dev/null | cat"
        held = at_a_terminal(trial, command)
        trial.check(b"STOPPED" in held, f"{profile}: {held!r}")


@attack("47_foreground_games")
def _(trial):
    """Whatever the tool does with process groups, the shell after it has its foreground and its settings."""
    games = ("kill -STOP 0", "kill -TSTP $$", "stty raw -echo; kill -9 $$", "setsid sleep 0.1", "trap '' TTOU TTIN; stty -a",
             "kill -TTOU 0", "kill -TTIN $$", "set -m; sleep 5 & fg & exit")
    for game in games:
        command = f"timeout -k 1 3 {' '.join(trial.sandbox('--timeout', '1s'))} /bin/bash -c \"{game}\"; stty -a | grep -o -- '-*echo '"
        shown = at_a_terminal(trial, f"set -m; {command}", 12)
        trial.check(b"READ:" in shown, f"{game}: the shell lost its terminal: {shown[-300:]!r}")
        trial.check(b"-echo " not in shown, f"{game}: the settings were not put back: {shown[-200:]!r}")


@attack("48_fork_bomb")
def _(trial):
    profile = trial.profile("limits:\n  processes: 40\n")
    uid = trial.owner or THROWAWAY
    free = trial.natively("multiply", 100, uid=uid)
    trial.check(free.kind == "ESCAPED", f"the control proves nothing: {free}")
    for words in (["multiply", 100], ["multiply-threads", 100]):
        held = trial.inside(*words, profile=profile)
        trial.check(held.kind == "STOPPED" and held.detail == "EAGAIN", f"{words}: {held}")
        # Two sandboxes do not use up each other's limit.
    both = [trial.start([*trial.sandbox(profile=profile), trial.attack, "multiply", "30"]) for _ in range(2)]
    for process in both:
        out, _ = process.communicate(timeout=20)
        trial.check(b"ESCAPED" in out, f"the limit of one sandbox counts in another: {out!r}")
    result = trial.run([*trial.sandbox(profile=profile), "/bin/sh", "-c", f"{trial.attack} multiply-and-leave 60; exit 5"])
    trial.check(result.returncode == 5, f"the run does not end well: {result.returncode}")
    trial.check(eventually(lambda: not processes_with(str(trial.bin))), "processes are left")


@attack("49_broker_killed")
def _(trial):
    file = trial.workspace / f"beat-{uuid.uuid4().hex}"
    process = trial.start([*trial.sandbox(), "/bin/sh", "-c", f"{trial.attack} daemonize {file} 20; {trial.attack} "
                           f"ignore-signals {file} 20"])
    trial.check(eventually(file.exists), "the tool did not start")
    process.kill()
    process.wait()
    trial.check(eventually(lambda: not processes_with(file.name)), "the tree outlived its broker")
    trial.check(not still_beating(file), "something still writes")


if __name__ == "__main__":
    main()
