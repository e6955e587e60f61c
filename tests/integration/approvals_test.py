#!/usr/bin/env python3
"""`--approve queue` and `writ approvals`: a run waits at one terminal, and somebody answers at another. And `--approve
command:PATH` with a real run."""

import json
import os
import pathlib
import pty
import re
import select
import signal
import sqlite3
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from asking import profile_of, scene  # noqa: E402
from writ_testing import expect_equal, expect_in, expect_not_in, main, only, wait_until  # noqa: E402

HOSTILE = "\x1b[2J\u202egnp.\nstatus  approved '"


def waiting(case, count=1, seconds=20):
    """The pending requests, as soon as there are so many."""
    found = []

    def there():
        found[:] = requests(case)
        return len(found) >= count
    assert wait_until(there, seconds), f"{len(found)} of {count} requests wait"
    return found


def requests(case, *options):
    result = case.writ("approvals", "list", "--json", *options)
    expect_equal(result.returncode, 0)
    return json.loads(result.stdout)["requests"]


def start(case, place, program, *options, **popen):
    popen.setdefault("stdout", subprocess.PIPE)
    popen.setdefault("stderr", subprocess.PIPE)
    return case.start("--profile", profile_of(case, place), "--approve", "queue", *options, program=program, text=True,
                      **popen)


def ended(process, seconds=30):
    out, err = process.communicate(timeout=seconds)
    return process.returncode, out, err


def store(case):
    return case.home / ".local/state/writ/store/writ.db"


# --- a run and a second terminal ---

def test_approved_once(case):
    place = scene(case)
    run = start(case, place, ["cat", place / "customers"])
    request = waiting(case)[0]
    expect_equal((request["kind"], request["status"], request["revision"]), ("per_use", "pending", 1))
    expect_equal(request["payload"]["object"], {"kind": "path", "text": f"{place}/customers"})
    shown = case.writ("approvals", "show", request["id"][:9])
    for text in (request["id"], f"'{place}/customers'", "/cat'", "ask", str(case.workspace), "'asking'", "once, run, always, deny",
                 "{effect: run, rights: [read], path: "):
        expect_in(text, shown.stdout)
    answer = case.writ("approvals", "approve", request["id"][:9], "--once")
    expect_equal((answer.returncode, answer.stderr), (0, ""))
    expect_in("approved (once) by", answer.stdout)
    status, out, err = ended(run)
    expect_equal((status, out), (0, "customers\n"))
    expect_in(f"writ: waiting for approval {request['id']}: `writ approvals show {request['id'][:13]}`", err)
    expect_equal(requests(case), [])
    expect_equal([r["status"] for r in requests(case, "--all")], ["approved"])
    case.nothing_left()


def test_denied_with_a_reason(case):
    place = scene(case)
    report = case.temporary / "report.json"
    run = start(case, place, ["cat", place / "customers"], "--quiet", "--report", report)
    request = waiting(case)[0]
    expect_equal(case.writ("approvals", "deny", request["id"], "--reason", "not \x1b[2J this").returncode, 0)
    status, out, err = ended(run)
    expect_equal((status, out), (1, ""))
    expect_not_in("waiting for approval", err)  # quiet
    record = json.loads(report.read_text())["approvals"][0]
    report.unlink()
    expect_equal((record["answer"], record["cause"]), ("deny", "person"))
    expect_in("not \\x1b[2J this", record["reason"])


@only("user", "root")
def test_decided_already_says_by_whom(case):
    place = scene(case)
    run = start(case, place, ["cat", place / "customers"])
    request = waiting(case)[0]
    stale = case.writ("approvals", "approve", request["id"], "--revision", "2")
    expect_equal(stale.returncode, 1)
    expect_in("has changed since", stale.stderr)
    expect_equal(case.writ("approvals", "approve", request["id"], "--revision", "1").returncode, 0)
    again = case.writ("approvals", "deny", request["id"])
    expect_equal((again.returncode, again.stdout), (1, ""))
    assert re.search(r"was decided already: approved \(once\) by .*uid \d+, process \d+\), \d+ s ago", again.stderr), again.stderr
    expect_equal(ended(run)[:2], (0, "customers\n"))


@only("user")
def test_always_is_shown_and_confirmed(case):
    place = scene(case)
    run = start(case, place, ["cat", place / "customers"])
    request = waiting(case)[0]
    unsure = case.writ("approvals", "approve", request["id"], "--always")
    expect_equal(unsure.returncode, 1)
    rule = f"{{effect: run, rights: [read], path: {place}/customers}}"
    expect_in("this rule will be written", unsure.stderr)
    expect_in("path: ", unsure.stderr)
    expect_equal(waiting(case)[0]["revision"], 1)  # nothing has happened
    expect_equal(case.writ("approvals", "approve", request["id"], "--always", "--yes").returncode, 0)
    expect_equal(ended(run)[:2], (0, "customers\n"))
    written = (case.home / ".config/writ/approvals/asking.yaml").read_text()
    expect_in(f"{place}/customers", written)
    assert rule in written.replace('"', ""), written
    # Later runs do not ask.
    result = case.run("--profile", profile_of(case, place), "--approve", "queue", program=["cat", place / "customers"])
    expect_equal((result.returncode, result.stdout), (0, "customers\n"))


@only("user")
def test_policies_of_a_call(case):
    place = scene(case)
    run = start(case, place, ["cat", place / "customers"])
    request = waiting(case)[0]["id"]
    for words, why in ((["--policy", "always_deny"], "cannot mean always_deny"), (["--policy", "sometimes"], "no policy"),
                       (["--resource", "filesystem:/a"], "cannot be edited"), (["--policy", "allow_once", "--run"], "says it already")):
        result = case.writ("approvals", "approve", request, *words)
        expect_equal((words, result.returncode), (words, 1))
        expect_in(why, result.stderr)
    expect_equal(case.writ("approvals", "approve", request, "--once", "--run").returncode, 125)
    expect_equal(case.writ("approvals", "approve", request, "--policy", "allow_once").returncode, 0)
    expect_equal(ended(run)[:2], (0, "customers\n"))


@only("user")
def test_ids(case):
    for typed, why in (("xyz", "is no id"), ("abc", "is no id"), ("12%5", "is no id"), ("abcd", "there is no request"),
                       ("hreq_" + "0" * 32, "there is no request")):
        result = case.writ("approvals", "show", typed)
        expect_equal((typed, result.returncode), (typed, 1))
        expect_in(why, result.stderr)
    expect_equal(case.writ("approvals", "list").stdout, "nothing waits\n")
    expect_equal(case.writ("approvals", "show").returncode, 125)
    expect_equal(case.writ("approvals", "shwo").returncode, 125)


# --- what is over ---

@only("user", "root")
def test_a_killed_run_leaves_a_cancelled_request(case):
    place = scene(case)
    run = start(case, place, ["cat", place / "customers"])
    request = waiting(case)[0]["id"]
    run.kill()
    run.wait()
    result = case.writ("approvals", "approve", request)
    expect_equal(result.returncode, 1)
    expect_in("cancelled by Writ", result.stderr)
    shown = requests(case, "--all")[0]
    expect_equal((shown["status"], shown["decision"]["reason"]), ("cancelled", "the process that asked is gone"))
    run.communicate()
    case.nothing_left()


@only("user")
def test_the_end_of_a_run_and_of_its_time_cancel(case):
    place = scene(case)
    run = case.start("--profile", profile_of(case, place), "--approve", "queue:1s", program=["cat", place / "customers"])
    waiting(case)
    expect_equal(run.wait(20), 1)
    run = start(case, place, ["cat", place / "customers"])
    waiting(case)
    run.send_signal(signal.SIGTERM)
    ended(run)
    run = start(case, place, ["sh", "-c", f"cat {place}/customers & read line; kill -9 $!; wait"], stdin=subprocess.PIPE)
    waiting(case)
    run.stdin.write("go\n")
    run.stdin.flush()
    ended(run)
    found = requests(case, "--all")
    expect_equal([r["status"] for r in found], ["cancelled"] * 3)
    reasons = [r["decision"]["reason"] for r in found]
    expect_equal(reasons[0], "nobody answered in time")
    expect_equal(reasons[1:], [reason for reason in reasons[1:] if reason in ("the run has ended", "the process that asked is gone")])


# --- many at once ---

@only("user")
def test_many_terminals_decide_at_once(case):
    place = scene(case)
    run = start(case, place, ["cat", place / "customers"])
    request = waiting(case)[0]["id"]
    writ = case.command(program=["x"])[0]
    deciders = [subprocess.Popen([writ, "approvals", "approve" if i % 2 else "deny", request], env=case.environment(),
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **case.identity())
                for i in range(16)]
    results = [(decider.communicate(timeout=60), decider.returncode) for decider in deciders]
    won = [out for (out, _), status in results if status == 0]
    lost = [err for (_, err), status in results if status == 1]
    expect_equal((len(won), len(lost)), (1, 15))
    assert all("was decided already" in err for err in lost), lost
    expect_equal(ended(run)[:2], (0, "customers\n") if "approved" in won[0] else (1, ""))
    print(f"  terminals that decided: {len(won)}, that came too late: {len(lost)}")


@only("user")
def test_forged_rows_do_not_allow(case):
    place = scene(case)
    run = start(case, place, ["cat", place / "customers"])
    request = waiting(case)[0]["id"]
    with sqlite3.connect(store(case)) as database:
        database.execute("UPDATE human_requests SET status = 'approved', revision = 2, argument_hash = zeroblob(32), decision = ?"
                         " WHERE id = ?", ('{"outcome": "once", "by": "nobody"}', request))
    database.close()
    expect_equal(ended(run)[:2], (1, ""))


# --- what a tool can write in a question ---

@only("user")
def test_hostile_texts(case):
    place = scene(case)
    case.write(HOSTILE, "hostile\n", inside=place)
    run = start(case, place, ["python3", "-c", f"print(open({str(place / HOSTILE)!r}).read())", *["x" * 900] * 40])
    request = waiting(case)[0]["id"]
    for words in (["list"], ["list", "--all"], ["show", request], ["list", "--json"], ["show", request, "--json"]):
        result = case.writ("approvals", *words)
        expect_equal(result.returncode, 0)
        for raw in ("\x1b", "\u202e", "\x00"):
            expect_not_in(raw, result.stdout)
        expect_in("\\x1b[2J", result.stdout)
        lines = [line for line in result.stdout.splitlines() if line.startswith("  status")]
        assert len(lines) <= 1 and all("pending" in line for line in lines), lines
    listed = case.writ("approvals", "list").stdout
    expect_equal(len(listed.splitlines()), 1)
    assert len(listed) < 400, len(listed)
    assert len(case.writ("approvals", "show", request).stdout) < 20_000
    expect_equal(case.writ("approvals", "approve", request).returncode, 0)
    expect_equal(ended(run)[:2], (0, "hostile\n\n"))


# --- where the queue lies ---

@only("user")
def test_not_where_the_tool_can_write(case):
    place = scene(case)
    state = {**case.environment(), "XDG_STATE_HOME": str(case.workspace / "state")}
    case.refused("--profile", profile_of(case, place), "--approve", "queue", environment=state, says="answer its own questions")
    assert not (case.workspace / "state/writ/store").exists(), "the store was made"


@only("user", "root")
def test_the_tool_cannot_reach_it(case):
    place = scene(case)
    run = start(case, place, ["sh", "-c", f"cat {store(case)} {store(case).parent}/* || echo no; writ approvals list || echo none; cat {place}/customers"])
    request = waiting(case)[0]["id"]
    expect_equal(oct(store(case).stat().st_mode & 0o777), "0o600")
    case.writ("approvals", "approve", request)
    status, out, _ = ended(run)
    expect_equal((status, out), (0, "no\nnone\ncustomers\n"))


# --- watch ---

@only("user")
def test_watch_prints_what_comes(case):
    place = scene(case)
    writ = case.command(program=["x"])[0]
    watch = subprocess.Popen([writ, "approvals", "watch", "--json"], env=case.environment(), stdout=subprocess.PIPE, text=True,
                             stdin=subprocess.DEVNULL, **case.identity())
    run = start(case, place, ["cat", place / "customers"])
    line = json.loads(watch.stdout.readline())
    expect_equal(line["payload"]["object"]["text"], f"{place}/customers")
    expect_equal(case.writ("approvals", "approve", line["id"]).returncode, 0)
    expect_equal(ended(run)[:2], (0, "customers\n"))
    watch.send_signal(signal.SIGINT)
    rest = watch.communicate(timeout=10)[0]
    expect_equal((watch.returncode, rest), (130, ""))


class Watcher:
    """`writ approvals watch` with a terminal of its own."""

    def __init__(self, case):
        command = [case.command(program=["x"])[0], "approvals", "watch"]
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            try:
                identity = case.identity()
                if identity:
                    os.setgroups([])
                    os.setgid(identity["group"])
                    os.setuid(identity["user"])
                os.chdir(case.base)
                os.execve(command[0], command, {**case.environment(), "TERM": "xterm", "NO_COLOR": "1"})
            finally:
                os._exit(99)
        self.shown = ""

    def wait_for(self, text, seconds=15):
        end = time.monotonic() + seconds
        while text not in self.shown:
            assert time.monotonic() < end, f"{text!r} is not in {self.shown!r}"
            if select.select([self.terminal], [], [], 0.2)[0]:
                self.shown += os.read(self.terminal, 65536).decode(errors="replace")

    def type(self, keys):
        os.write(self.terminal, keys.encode())

    def end(self):
        """The exit status, after the interrupt key."""
        self.type("\x03")
        end = time.monotonic() + 10
        while time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                os.close(self.terminal)
                return os.waitstatus_to_exitcode(status)
            if select.select([self.terminal], [], [], 0.1)[0]:
                try:
                    self.shown += os.read(self.terminal, 65536).decode(errors="replace")
                except OSError:
                    pass
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        raise AssertionError("the watch did not end")


@only("user")
def test_watch_at_a_terminal(case):
    place = scene(case)
    watcher = Watcher(case)
    watcher.type("o\ro\r")  # typed ahead: counts for nothing
    run = start(case, place, ["sh", "-c", f"cat {place}/customers; cat {place}/other"])
    watcher.wait_for(f"path    '{place}/customers'")
    watcher.wait_for("Enter alone denies")
    expect_equal(waiting(case)[0]["status"], "pending")
    time.sleep(0.8)
    watcher.type("once\r")
    watcher.wait_for("allowed once")
    watcher.wait_for(f"path    '{place}/other'")
    expect_equal([r["status"] for r in requests(case, "--all")], ["approved", "pending"])
    # Another terminal is quicker.
    second = waiting(case)[0]["id"]
    expect_equal(case.writ("approvals", "approve", second).returncode, 0)
    watcher.wait_for("this question is over")
    expect_equal(ended(run)[:2], (0, "customers\nother\n"))
    expect_not_in("\x1b[1m", watcher.shown)  # NO_COLOR
    # The interrupt key decides nothing.
    run = start(case, place, ["cat", place / "customers"])
    third = waiting(case)[0]["id"]
    watcher.wait_for("(process ")
    time.sleep(1.2)
    expect_equal(watcher.end(), 130)
    expect_equal([r["status"] for r in requests(case)], ["pending"])
    expect_equal(case.writ("approvals", "deny", third).returncode, 0)
    expect_equal(ended(run)[0], 1)


# --- a program that answers ---

ANSWERER = """#!/usr/bin/python3
import json, sys
question = json.loads(sys.stdin.readline())
answer = "once" if question["object"]["text"].endswith("customers") else "deny"
print(json.dumps({"id": question["id"], "answer": answer, "reason": "as the program likes"}))
"""


def test_a_program_answers(case):
    place = scene(case)
    program = case.write("answer", ANSWERER, 0o755, inside=case.base / "own", give=case.give_to_writ)
    result, report = case.report("--profile", profile_of(case, place), "--approve", f"command:{program}",
                                 program=["sh", "-c", f"cat {place}/customers; cat {place}/other"])
    expect_equal(result.stdout, "customers\n")
    expect_equal([(r["answer"], r["cause"]) for r in report["approvals"]], [("once", "command"), ("deny", "command")])
    case.nothing_left()


def test_a_program_that_fails_denies_and_leaves_nothing(case):
    place = scene(case)
    program = case.write("answer", "#!/bin/sh\nsleep 77 & echo $! > \"$HOME/child\"\necho oops >&2\nexit 4\n", 0o755,
                         inside=case.base / "own", give=case.give_to_writ)
    result, report = case.report("--profile", profile_of(case, place), "--approve", f"command:{program}",
                                 program=["cat", place / "customers"])
    expect_equal(result.returncode, 1)
    expect_in("exit status 4: 'oops'", report["approvals"][0]["reason"])
    child = int((case.home / "child").read_text())
    assert wait_until(lambda: not os.path.exists(f"/proc/{child}"), 5), "a child of the program lives"
    case.nothing_left()


@only("user", "root")
def test_a_program_in_the_workspace_is_refused(case):
    place = scene(case)
    program = case.write("answer", ANSWERER, 0o755)
    case.refused("--profile", profile_of(case, place), "--approve", f"command:{program}", says="answer its own questions")
    case.refused("--profile", profile_of(case, place), "--approve", "command:answer", says="no path of a program")


@only("user")
def test_a_killed_run_takes_its_program_along(case):
    place = scene(case)
    program = case.write("answer", "#!/bin/sh\necho $$ > \"$HOME/pid\"\nexec sleep 77\n", 0o755, inside=case.base / "own",
                         give=case.give_to_writ)
    run = case.start("--profile", profile_of(case, place), "--approve", f"command:{program}", program=["cat", place / "customers"])
    pid = case.home / "pid"
    assert wait_until(lambda: pid.exists() and pid.read_text().strip(), 10), "the program was not started"
    run.kill()
    run.wait()
    number = pid.read_text().strip()
    assert wait_until(lambda: not os.path.exists(f"/proc/{number}") or ") Z" in pathlib.Path(f"/proc/{number}/stat").read_text(), 5)


if __name__ == "__main__":
    sys.exit(main(globals()))
