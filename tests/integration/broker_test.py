#!/usr/bin/env python3
"""`writ broker` and the commands that speak to it: what runs, in the foreground and detached, how it ends, what is left."""

import contextlib
import json
import os
import pathlib
import pty
import select
import signal
import stat
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from broker_testing import Broker, Client, REFUSAL, REPLY, REQUEST  # noqa: E402
from writ_testing import (ORDINARY_USER, ROOT, expect_equal, expect_in, expect_not_in, main, marked_processes,  # noqa: E402
                          only, wait_until, writ_program)

WARM = ("--profile", "readonly")


def ways(broker):
    return {number: entry["way"] for number, entry in broker.sandboxes("--all").items()}


def test_a_run_through_the_broker_is_like_one_of_its_own(case):
    case.write("input", "content\n")
    program = ["sh", "-c", "cat input; echo problem >&2; pwd; exit 7"]
    with Broker(case) as broker:
        for options in ((), WARM):
            own = case.run(*options, program=program)
            through = broker.run(*options, program=program)
            expect_equal((through.returncode, through.stdout, through.stderr), (own.returncode, own.stdout, own.stderr))
        expect_equal(sorted(ways(broker).values()), ["supervised", "warm"])
        expect_equal(broker.end(), 0)


def test_exit_statuses_of_both_ways(case):
    cases = [(["sh", "-c", "exit 3"], 3), (["sh", "-c", "kill -TERM $$"], 143), (["no-such-program"], 127),
             (["/etc/passwd"], 126)]
    with Broker(case) as broker:
        for options in ((), WARM):
            for program, status in cases:
                expect_equal((options, program, broker.run(*options, program=program).returncode),
                             (options, program, status))
            timed = broker.run(*options, "--timeout", "300ms", program=["sleep", "60"])
            expect_equal((timed.returncode, "time limit" in timed.stderr), (124, True))
        bad = broker.run("--profile", "no-such-profile", program=["true"])
        expect_equal((bad.returncode, "no-such-profile" in bad.stderr), (125, True))


def test_environment_directory_and_streams_are_the_clients(case):
    case.write("sub/here", "x")
    with Broker(case, environment={"FROM_BROKER": "1"}) as broker:
        for options in ((), WARM):
            environment = {**broker.environment, "MY_VARIABLE": "mine"}
            environment.pop("FROM_BROKER")
            program = ["sh", "-c", "pwd; echo $MY_VARIABLE-$FROM_BROKER-$WRIT_SUPERVISOR; cat"]
            words = case.command("--broker", *options, "--env", "MY_VARIABLE", "-C", case.workspace, "--chdir", "sub",
                                 program=program)
            done = subprocess.run(words, env=environment, cwd="/", input="typed", capture_output=True, text=True,
                                  timeout=60, check=False, **case.identity())
            expect_equal((done.returncode, done.stdout, done.stderr),
                         (0, f"{case.workspace}/sub\nmine--\ntyped", ""))


def test_signals_reach_the_sandbox(case):
    script = "trap 'echo got; exit 9' TERM; echo ready; while :; do sleep 0.1; done"
    with Broker(case) as broker:
        for options in ((), WARM):
            running = broker.start(*options, program=["sh", "-c", script], stdout=subprocess.PIPE, text=True)
            expect_equal(running.stdout.readline(), "ready\n")
            running.send_signal(signal.SIGTERM)
            expect_equal(running.stdout.readline(), "got\n")
            # `writ run` says that it was told to end; a warm sandbox says what the program said.
            expect_in(running.wait(timeout=20), (9, 143))


@only("user")
def test_signals_that_the_broker_was_started_without(case):
    """A shell starts what stands before `&` with SIGINT and SIGQUIT ignored; that is not the tools' business."""
    ignored = ["sh", "-c", "grep SigIgn /proc/self/status"]
    with Broker(case, prefix=["sh", "-c", "trap '' INT QUIT USR1; exec \"$0\" \"$@\""]) as broker:
        for options in ((), WARM):
            expect_equal(broker.run(*options, program=ignored).stdout.split(), ["SigIgn:", "0" * 16])
    # The control: `writ run` by itself keeps what its caller ignores, as every program does (nohup).
    own = case.run(prefix=["sh", "-c", "trap '' USR1; exec \"$0\" \"$@\""], program=ignored)
    expect_equal(own.stdout.split(), ["SigIgn:", f"{1 << (signal.SIGUSR1 - 1):016x}"])


@only("root", "user")
def test_an_end_that_is_asked_for_at_once(case):
    with Broker(case) as broker, Client(broker).hello() as client:
        directory = os.open(case.workspace, os.O_PATH)
        for _ in range(10):
            for options in ([], list(WARM)):
                words = ["run", *options, "--", "sh", "-c", "sleep 300; true", case.mark]
                client.next += 1
                client.send(REQUEST, client.next, {"name": "sandbox.launch", "arguments": {
                    "words": words, "environment": [f"{key}={value}" for key, value in broker.environment.items()],
                    "directory": str(case.workspace), "detached": True}}, [directory])
                launched = client.receive()
                expect_equal(launched[0], REPLY)
                number = launched[2]["value"]["sandbox"]["sandbox"]
                kind, payload, _ = client.ask("sandbox.kill", {"sandbox": number, "grace_ms": 0})
                expect_equal((kind, payload["value"]["sandbox"]["state"]), (REPLY, "ended"))
        os.close(directory)
        assert wait_until(lambda: not marked_processes(case.mark)), marked_processes(case.mark)


def test_a_client_that_goes_takes_its_sandbox_along(case):
    with Broker(case) as broker:
        for options in ((), WARM):
            running = broker.start(*options, program=["sh", "-c", "echo ready; trap '' TERM; sleep 300", case.mark],
                                   stdout=subprocess.PIPE, text=True)
            expect_equal(running.stdout.readline(), "ready\n")
            assert marked_processes(f"sleep 300\0{case.mark}") or marked_processes(case.mark)
            running.kill()
            running.wait(timeout=20)
            assert wait_until(lambda: not broker.sandboxes(), 20), broker.sandboxes()


def test_detached_sandboxes_go_on_and_are_listed(case):
    with Broker(case) as broker:
        numbers = [broker.detach(*options, program=["sh", "-c", "echo out; echo err >&2; sleep 300"])
                   for options in ((), WARM)]
        for number in numbers:
            record = broker.wait_for_state(number, "running")
            expect_equal((record["attendance"], record["workspace"]), ("detached", str(case.workspace)))
            assert wait_until(lambda: broker.writ("logs", number).stdout == "out\n"), broker.writ("logs", number)
            assert wait_until(lambda: broker.writ("logs", "--stream", "stderr", number).stdout == "err\n")
        expect_equal(set(broker.sandboxes()), set(numbers))
        table = broker.writ("ps").stdout
        expect_in("SANDBOX", table)
        expect_in("sleep 300", table)
        for number in numbers:
            expect_equal(broker.writ("kill", "--grace", "0s", number).returncode, 0)
            expect_equal(broker.record(number)["state"], "ended")
        expect_equal(broker.sandboxes(), {})
        expect_equal(set(broker.sandboxes("--all")), set(numbers))


def test_following_logs_ends_with_the_sandbox(case):
    with Broker(case) as broker:
        for options in ((), WARM):
            number = broker.detach(*options, program=["sh", "-c", "for i in 1 2 3; do echo $i; sleep 0.1; done"])
            expect_equal(broker.writ("logs", "--follow", number).stdout, "1\n2\n3\n")
            expect_equal(broker.wait_for_state(number, "ended")["exit_status"], 0)


def test_a_flood_of_output_is_kept_in_bounded_memory(case):
    with Broker(case) as broker:
        for options in ((), WARM):
            number = broker.detach(*options, program=["sh", "-c", "head -c 50000000 /dev/zero | tr '\\0' x; echo end"])
            broker.wait_for_state(number, "ended")
            done = broker.writ("logs", number)
            expect_equal((len(done.stdout), done.stdout[-4:]), (256 * 1024, "end\n"))
            expect_in(f"{50000004 - 256 * 1024} bytes before these are not kept", done.stderr)
        peak = int(next(line.split()[1] for line in open(f"/proc/{broker.process.pid}/status") if line.startswith("VmHWM")))
        assert peak < 100_000, f"the broker used {peak} KiB"


def test_pause_stops_and_resume_goes_on(case):
    script = "i=0; while :; do i=$((i+1)); echo $i; sleep 0.02; done"
    with Broker(case) as broker:
        for options in ((), WARM):
            number = broker.detach(*options, program=["sh", "-c", script])
            lines = lambda: broker.writ("logs", number).stdout.count("\n")  # noqa: E731
            assert wait_until(lambda: lines() > 2)
            expect_equal(broker.writ("pause", number).returncode, 0)
            broker.wait_for_state(number, "paused")
            time.sleep(0.1)
            before = lines()
            time.sleep(0.3)
            expect_equal(lines(), before)
            expect_equal(broker.writ("resume", number).returncode, 0)
            assert wait_until(lambda: lines() > before), "it does not go on"
            expect_equal(broker.writ("pause", number).returncode, 0)
            expect_equal(broker.writ("kill", number).returncode, 0)  # a paused one ends as well


def attach(broker, number):
    """`writ attach` at a terminal of its own: (pid, the terminal's other end)."""
    pid, terminal = pty.fork()
    if pid == 0:
        identity = broker.case.identity()
        if identity:
            os.setgroups([])
            os.setgid(identity["group"])
            os.setuid(identity["user"])
        os.execve(writ_program(), [writ_program(), "attach", str(number)], broker.environment)
    return pid, terminal


def read_until(terminal, wanted, seconds=20):
    seen, end = b"", time.monotonic() + seconds
    while wanted not in seen and time.monotonic() < end:
        if select.select([terminal], [], [], 0.1)[0]:
            with contextlib.suppress(OSError):
                seen += os.read(terminal, 65536)
    assert wanted in seen, (wanted, seen)


@only("root", "user")
def test_a_terminal_is_attached_left_and_attached_again(case):
    with Broker(case) as broker:
        number = broker.detach("--terminal", program=["sh"])
        broker.wait_for_state(number, "running")
        for product, typed in ((b"42", b"echo $((6*7))\n"), (b"56", b"echo $((7*8)); [ -t 0 ] && echo it-is-one\n")):
            pid, terminal = attach(broker, number)
            os.write(terminal, typed)
            read_until(terminal, product)
            os.write(terminal, b"\x10\x11")
            expect_equal(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)
            os.close(terminal)
        expect_in("it-is-one", broker.writ("logs", number).stdout)
        expect_equal(broker.record(number)["state"], "running")
        without = broker.detach(*WARM, program=["sleep", "60"])
        expect_equal(broker.writ("attach", without).returncode, 125)  # no terminal here to use it on
        expect_equal(broker.writ("kill", number, without).returncode, 0)


def test_what_does_not_exist_is_said(case):
    with Broker(case) as broker:
        for command in ("inspect", "logs", "kill", "pause", "resume"):
            done = broker.writ(command, "999999")
            expect_equal((command, done.returncode, "no sandbox 999999" in done.stderr), (command, 1, True))
        expect_equal(broker.writ("kill", "x").returncode, 125)
        number = broker.detach(*WARM, program=["true"])
        broker.wait_for_state(number, "ended")
        expect_equal(broker.writ("pause", number).returncode, 1)
    done = broker.writ("ps")
    expect_equal((done.returncode, "no broker runs" in done.stderr), (125, True))


def test_a_broker_that_ends_leaves_nothing(case):
    broker = Broker(case)
    for options in ((), WARM):
        broker.detach(*options, program=["sh", "-c", "trap '' TERM; while :; do sleep 0.1; done", case.mark])
    assert wait_until(lambda: len(marked_processes(case.mark)) >= 2)
    expect_equal(broker.end(), 0)
    assert wait_until(lambda: not marked_processes(case.mark)), marked_processes(case.mark)
    assert not broker.path.exists()
    with Broker(case) as another:
        states = {entry["state"] for entry in another.sandboxes("--all").values()}
        expect_equal(states, {"ended"})


def test_a_killed_broker_takes_all_along_and_the_next_one_knows(case):
    broker = Broker(case)
    numbers = [broker.detach(*options, program=["sh", "-c", "sleep 300; true", case.mark]) for options in ((), WARM)]
    assert wait_until(lambda: len(marked_processes(case.mark)) >= 2)
    broker.end(signal.SIGKILL)
    assert wait_until(lambda: not marked_processes(case.mark), 20), marked_processes(case.mark)
    with Broker(case) as another:
        for number in numbers:
            expect_equal(another.sandboxes("--all")[number]["state"], "lost")
        expect_in("was lost with its broker", another.said())
        assert another.detach(*WARM, program=["true"]) > max(numbers)


def test_one_broker_for_each_person(case):
    with Broker(case) as broker:
        second = case.writ("broker", environment=broker.environment)
        expect_equal((second.returncode, "a broker is running already" in second.stderr), (125, True))
        mode = os.stat(broker.path).st_mode
        expect_equal(stat.S_IMODE(mode), 0o600)
        expect_equal(stat.S_IMODE(os.stat(broker.path.parent).st_mode), 0o700)


def test_a_directory_that_is_open_to_others_is_refused(case):
    open_directory = case.base / "runtime" / "writ"
    open_directory.mkdir(parents=True)
    case.give_to_writ(open_directory)
    open_directory.chmod(0o755)
    done = case.writ("broker", environment=case.environment(XDG_RUNTIME_DIR=str(case.base / "runtime")))
    expect_equal((done.returncode, "is open to others" in done.stderr), (125, True))


@only("root", "user")
def test_somebody_else_is_not_served(case):
    if not ROOT:
        return
    with Broker(case) as broker:
        expect_equal(broker.writ("ps").returncode, 0)
        # Another user, to whom the socket is opened: what counts is who asks.
        for path in (broker.directory, broker.path.parent):
            path.chmod(0o755)
        broker.path.chmod(0o666)
        stranger = 12345 if case.mode == "user" else ORDINARY_USER
        code = ("import socket, sys; s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); s.settimeout(10);"
                f"s.connect({str(broker.path)!r}); print(repr(s.recv(10)))")
        done = subprocess.run(["/usr/bin/python3", "-c", code], user=stranger, group=stranger, extra_groups=[],
                              capture_output=True, text=True, timeout=60, check=False)
        # The kernel says either; nothing was answered.
        assert done.stdout == "b''\n" or "ConnectionResetError" in done.stderr, (done.stdout, done.stderr)


def test_malformed_requests_end_the_connection_and_nothing_else(case):
    with Broker(case) as broker:
        tried = 0
        for packet in (b"", b"x", b"WRIT" + b"\0" * 20, b"WRIT\1\0\1\0" + b"\0" * 16, b"A" * 60000):
            with Client(broker) as client:
                client.raw(packet)
                if packet:
                    expect_equal(client.receive(), None)
                tried += 1
        for name, arguments in (("no.such", {}), ("sandbox.launch", {}), ("sandbox.launch", {"words": ["rm"]}),
                                ("sandbox.wait", {"sandbox": -1}), ("sandbox.signal", {"sandbox": 1, "signal": 0}),
                                ("sandbox.kill", {"sandbox": "1"}), ("sandbox.list", {"all": 1}),
                                ("sandbox.inspect", {"sandbox": 1, "more": 1}), ("broker.status", {"x": 1})):
            with Client(broker).hello() as client:
                kind, payload, _ = client.ask(name, arguments)
                expect_equal((name, kind, payload["code"] in ("invalid_arguments", "unknown_name")), (name, REFUSAL, True))
                tried += 1
        with open("/dev/null", "rb") as null, Client(broker).hello() as client:
            kind, payload, _ = client.ask("sandbox.list", {}, [null.fileno()])
            expect_equal((kind, payload["code"]), (REFUSAL, "invalid_arguments"))
            kind, payload, _ = client.ask("broker.status", {})
            expect_equal((kind, payload["value"]["pid"]), (REPLY, broker.process.pid))
        print(f"malformed requests tried: {tried}")
        expect_equal(broker.run(*WARM, program=["true"]).returncode, 0)


def test_a_client_that_does_not_read_holds_nobody_up(case):
    with Broker(case) as broker:
        number = broker.detach(*WARM, program=["sh", "-c", "while :; do echo 0123456789012345678901234567890123456789; done"])
        with Client(broker).hello() as client:
            kind, _, descriptors = client.ask("sandbox.follow", {"sandbox": number})
            expect_equal((kind, len(descriptors)), (REPLY, 1))
            time.sleep(0.3)  # the socket is full by now
            began = time.monotonic()
            expect_equal(broker.run(*WARM, program=["true"]).returncode, 0)
            assert time.monotonic() - began < 5
            os.close(descriptors[0])
        expect_equal(broker.writ("kill", "--grace", "0s", number).returncode, 0)


def test_profiles_that_change_are_read_again(case):
    profile = "version: 1\nname: mine\nextends: [readonly]\nenvironment:\n  set: {COLOUR: %s}\n"
    case.write_home(".config/writ/profiles/mine.yaml", profile % "red")
    show = ["sh", "-c", "echo $COLOUR"]
    with Broker(case) as broker:
        expect_equal(broker.run("--profile", "mine", program=show).stdout, "red\n")
        expect_equal(broker.run("--profile", "mine", program=show).stdout, "red\n")
        case.write_home(".config/writ/profiles/mine.yaml", profile % "blue")
        expect_equal(broker.run("--profile", "mine", program=show).stdout, "blue\n")
        expect_equal(set(ways(broker).values()), {"warm"})


def test_what_a_warm_sandbox_leaves_the_next_one_does_not_see(case):
    leave = "echo secret > /tmp/left; echo secret > $HOME/left; echo secret > /dev/shm/left; sleep 300 & exit 0"
    look = "cat /tmp/left $HOME/left /dev/shm/left 2>/dev/null; ls /proc | grep -c '^[0-9]'"
    with Broker(case) as broker:
        for _ in range(6):
            expect_equal(broker.run(*WARM, program=["sh", "-c", leave]).returncode, 0)
            seen = broker.run(*WARM, program=["sh", "-c", look])
            expect_not_in("secret", seen.stdout)
            assert int(seen.stdout) <= 6, seen.stdout
        expect_equal(set(ways(broker).values()), {"warm"})


def test_launches_are_in_the_audit_log(case):
    with Broker(case) as broker:
        expect_equal(broker.run(*WARM, program=["sh", "-c", "exit 5", "for-the-log"]).returncode, 5)
        broker.end()
    lines = [json.loads(line) for line in case.writ("audit", "show", "--json").stdout.splitlines()]
    start = next(line for line in lines if line["event"] == "start" and "for-the-log" in line.get("argv", []))
    end = next(line for line in lines if line["event"] == "exit" and line.get("parent") == start["n"])
    expect_equal((end["outcome"], end["status"]), ("exited", 5))
    expect_equal(case.writ("audit", "verify").returncode, 0)


if __name__ == "__main__":
    sys.exit(main(globals()))
