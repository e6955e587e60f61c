#!/usr/bin/env python3
"""Audit logs of real runs: what is in them and what is not, many runs at once, runs that are killed, full disks, logs
that somebody planted, and what `writ audit` says about all that."""

import csv
import io
import json
import os
import pathlib
import random
import resource
import subprocess
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import audit_log_check  # noqa: E402
from writ_testing import expect_equal, expect_in, expect_not_in, main, only, wait_until, writ_program  # noqa: E402

PROFILE = """version: 1
name: ruled
extends: default
audit: {audit}
filesystem: {{writing: mediated}}
rules:
  - {{effect: deny, rights: [write], path: "${{workspace}}/kept/*", reason: kept}}
"""


def log_of(case):
    return case.home / ".local/state/writ/audit/audit.jsonl"


def profile(case, audit="default"):
    path = case.base / f"ruled-{audit}.yaml"
    path.write_text(PROFILE.format(audit=audit))
    return path


def elsewhere(case, name="run.jsonl"):
    """A place for a log that the tool cannot write."""
    directory = case.base / "logs"
    if not directory.exists():
        directory.mkdir(mode=0o700)
        case.give_to_writ(directory)
    return directory / name


def verify(case, *words, status=0):
    result = case.writ("audit", "verify", "--json", *words)
    expect_equal((result.returncode, result.stderr), (status, ""))
    return json.loads(result.stdout)


def events(records):
    return [record["event"] for record in records if record["n"]]


def test_a_run_is_recorded(case):
    (case.workspace / "kept").mkdir()
    case.give(case.workspace / "kept")
    result = case.run("--profile", profile(case), program=["sh", "-c", "echo x > kept/a; echo x > new; exit 3"])
    expect_equal(result.returncode, 3)
    records = audit_log_check.check(log_of(case), key=case.writ("audit", "key").stdout.strip())
    expect_equal(events(records), ["start", "launch", "decision", "exit"])
    start, launch, decision, end = [record for record in records if record["n"]]
    expect_equal([record["n"] for record in (start, launch, decision, end)], [1, 2, 3, 4])
    expect_equal((launch["parent"], decision["parent"], end["parent"]), (1, 2, 2))
    expect_equal((start["argv"], start["profile"]), (["sh", "-c", "echo x > kept/a; echo x > new; exit 3"], "ruled"))
    expect_equal((decision["object"], decision["outcome"], decision["rights"]), (f"{case.workspace}/kept/a", "deny", "write"))
    expect_in("deny write", decision["rule"])
    expect_equal((end["outcome"], end["status"]), ("exited", 3))
    expect_in("seccomp", launch["active_layers"])
    expect_equal(os.stat(log_of(case)).st_mode & 0o777, 0o600)
    expect_equal(verify(case)["sound"], True)


def test_a_log_that_was_named_holds_everything_that_was_decided(case):
    log = elsewhere(case)
    case.run("--profile", profile(case), "--audit", log, program=["sh", "-c", "echo x > one; echo x > two"])
    decisions = [record for record in audit_log_check.check(log) if record["event"] == "decision"]
    allowed = {record["object"] for record in decisions if record["outcome"] == "allow"}
    assert {f"{case.workspace}/one", f"{case.workspace}/two"} <= allowed, allowed
    assert not log_of(case).exists()


def test_the_report_says_where_the_log_is(case):
    _, report = case.report()
    expect_equal((report["audit"]["state"], report["audit"]["log"]), ("complete", str(log_of(case))))
    records = audit_log_check.check(log_of(case))
    expect_equal(report["audit"]["records"], len([record for record in records if record["run"] == report["audit"]["run"]
                                                  and record["n"]]))
    _, report = case.report("--audit", "none")
    expect_equal(report["audit"], {"state": "off"})
    (case.base / "off.yaml").write_text("version: 1\nname: off\nextends: default\naudit: off\n")
    _, report = case.report("--profile", case.base / "off.yaml")
    expect_equal(report["audit"], {"state": "off"})


def test_what_could_not_be_started_is_recorded(case):
    case.refused(program=["no-such-program"], status=127)
    records = audit_log_check.check(log_of(case))
    expect_equal(events(records), ["start", "launch", "exit"])
    expect_equal((records[2]["outcome"], records[3]["outcome"]), ("failed", "not_started"))


def test_a_time_limit_is_recorded(case):
    case.run("--timeout", "100ms", program=["sleep", "9"])
    limit = [record for record in audit_log_check.check(log_of(case)) if record["event"] == "limit"][0]
    expect_equal((limit["limit"], limit["value"]), ("wall_time_ms", 100))


SECRETS = ["hunter2hunter2", "ghp_" + "a1" * 12, "AKIAABCDEFGHIJKLMNOP", "s3cr3tvalue", "dXNlcjpwYXNz"]


def test_secrets_are_in_no_log(case):
    log = elsewhere(case)
    environment = dict(case.environment(), DEPLOY_TOKEN="s3cr3tvalue")
    case.run("--env", "DEPLOY_TOKEN", "--audit", log, environment=environment, program=[
        "sh", "-c", ": curl -H 'Authorization: Basic dXNlcjpwYXNz' https://me:hunter2hunter2@example.org; cat /etc/hostname",
        "--password", "hunter2hunter2", "ghp_" + "a1" * 12, "AKIAABCDEFGHIJKLMNOP", "X_SECRET=hunter2hunter2"])
    text = log.read_text()
    for secret in SECRETS:
        expect_not_in(secret, text)
    expect_in("[redacted:", text)
    # The control: what is no secret is there.
    expect_in("cat /etc/hostname", text)


def test_twenty_runs_at_once(case):
    ruled = profile(case)
    commands = [case.start("--profile", ruled, program=["sh", "-c", "echo x > kept-not; exit 0"], stderr=subprocess.PIPE) for _ in range(20)]
    for command in commands:
        expect_equal((command.wait(timeout=60), command.stderr.read()), (0, b""))
    records = audit_log_check.check(log_of(case), heads=1)
    runs = {record["run"] for record in records if record["n"]}
    expect_equal(len(runs), 20)
    for run in runs:
        expect_equal(events([record for record in records if record["run"] == run]), ["start", "launch", "exit"])
    expect_equal(verify(case)["heads"], 20)


@only("user", "root")
def test_runs_that_are_killed_at_random_moments(case):
    chance = random.Random(3)
    counts = {"runs": 0, "killed": 0, "ended": 0}
    # How long two at a time take here, from the start to the last record.
    began = time.monotonic()
    for command in [case.start(program=["true"]) for _ in range(2)]:
        command.wait()
    window = 1.5 * (time.monotonic() - began)
    while counts["runs"] < 100:  # in each of two modes
        started = [case.start(program=["true"]) for _ in range(2)]
        time.sleep(chance.random() * window)
        for command in started:
            command.send_signal(signal.SIGKILL)
            counts["runs"] += 1
            killed = command.wait() == -signal.SIGKILL
            counts["killed" if killed else "ended"] += 1
            window *= 1.1 if killed else 0.9  # how long a run takes is another time with each load
    case.output(program=["true"])  # seals what is half written
    found = verify(case, status=0 if verify_status(case) == 0 else 1)
    kinds = {finding["kind"] for finding in found["findings"]}
    print(f"        {counts}, {found['records']} records, findings: {len(found['findings'])} {sorted(kinds)}")
    assert kinds <= {"incomplete"}, found["findings"]
    assert counts["killed"] >= 10 and counts["ended"] >= 3 and found["records"] > 50, counts


def verify_status(case):
    return case.writ("audit", "verify").returncode


def fill(case):
    """Makes the log larger than the memory files of a launch, to which limits of file sizes apply as well."""
    (case.workspace / "kept").mkdir()
    case.give(case.workspace / "kept")
    case.run("--profile", profile(case), "--quiet",
             program=["sh", "-c", "i=0; while [ $i -lt 400 ]; do { echo x > kept/$i; } 2>/dev/null; i=$((i+1)); done"])
    assert log_of(case).stat().st_size > 150_000, log_of(case).stat().st_size
    expect_equal(verify(case)["findings"], [])


def limited(size):
    """For preexec_fn: no file grows beyond `size`, as on a full disk. Writ ignores the signal."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_a_full_disk_ends_a_run_that_must_be_recorded(case):
    required = profile(case, "required")
    fill(case)
    case.output("--profile", required, program=["true"])  # the control, with space
    size = log_of(case).stat().st_size
    marker = case.workspace / "ran"
    result = case.run("--profile", required, program=["sh", "-c", "echo x > ran"], preexec_fn=limited(size))
    expect_equal((result.returncode, marker.exists()), (125, False))
    expect_in("the audit log", result.stderr)
    # Space for the start; none for what is decided later.
    result = case.run("--profile", required, preexec_fn=limited(log_of(case).stat().st_size + 1100),
                      program=["sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do echo x > ran$i; done; echo done"])
    expect_equal(result.returncode, 125)
    assert not (case.workspace / "ran9").exists()
    case.output("--profile", required, program=["true"])
    found = verify(case, status=1)
    assert {finding["kind"] for finding in found["findings"]} == {"incomplete"}, found["findings"]


def test_a_full_disk_is_a_warning_where_the_log_is_only_wanted(case):
    fill(case)
    result = case.run("--report", "/dev/fd/1", program=["true"], preexec_fn=limited(log_of(case).stat().st_size + 100))
    expect_equal(result.returncode, 0)
    expect_equal(result.stderr.count("warning: the audit log of this run is incomplete"), 1)
    report = json.loads(result.stdout)["audit"]
    expect_equal((report["state"], report["records"], report["lost"]), ("incomplete", 0, 3))


def test_a_required_log_that_cannot_be_opened(case):
    case.output("--profile", profile(case, "required"), program=["true"])
    log = log_of(case)
    log.unlink()
    log.symlink_to(case.base / "elsewhere")
    result = case.refused("--profile", profile(case, "required"), says="symbolic link")
    assert not (case.base / "elsewhere").exists()
    expect_in("audit.jsonl", result.stderr)
    result = case.run(program=["true"])
    expect_equal(result.returncode, 0)
    expect_in("symbolic link", result.stderr)
    case.refused("--audit", "none", "--profile", profile(case, "required"), says="requires an audit log")


def test_logs_that_somebody_planted(case):
    log = elsewhere(case)
    target = case.base / "target"
    target.write_text("precious")
    log.symlink_to(target)
    case.refused("--audit", log, says="symbolic link")
    log.unlink()
    os.mkfifo(log)
    case.give_to_writ(log)
    case.refused("--audit", log, says="no regular file")
    log.unlink()
    log.write_text("dear diary\n")
    case.give_to_writ(log)
    os.chmod(log, 0o600)
    case.refused("--audit", log, says="is no audit log")
    os.chmod(log, 0o666)
    case.refused("--audit", log, says="others can write")
    expect_equal((target.read_text(), log.read_text()), ("precious", "dear diary\n"))


@only("root")
def test_a_log_of_somebody_else(case):
    log = elsewhere(case)
    log.write_text("")
    os.chown(log, 4242, 4242)
    case.refused("--audit", log, says="somebody else")


def test_a_log_that_the_tool_could_write_is_refused(case):
    case.refused("--audit", "run.jsonl", says="could change its own audit log")
    case.refused("--audit", case.workspace / "run.jsonl", says="could change its own audit log")
    assert not (case.workspace / "run.jsonl").exists()


def test_the_tool_sees_neither_log_nor_key(case):
    case.output(program=["true"])
    state = case.home / ".local/state"
    result = case.run("--read", state, program=["sh", "-c", f"ls -A {state}/writ; cat {state}/writ/keys/audit.key"])
    assert result.returncode != 0 and "audit" not in result.stdout, (result.stdout, result.stderr)


def test_changes_are_found(case):
    for _ in range(3):
        case.run("--profile", profile(case), program=["sh", "-c", "mkdir -p kept; true"])
    log = log_of(case)
    good = log.read_bytes()
    lines = good.splitlines(keepends=True)
    changed = good.replace(b'"status":0', b'"status":1', 1)
    for content, kind in ((changed, "edited"), (b"".join(lines[:3] + lines[4:]), "deleted"),
                          (b"".join(lines[:3] + [lines[4], lines[3]] + lines[5:]), "reordered"),
                          (b"".join(lines[:-2]), "truncated"), (good[:-7], "truncated"), (b"x\n" + good, "malformed")):
        log.write_bytes(content)
        kinds = [finding["kind"] for finding in verify(case, status=1)["findings"]]
        expect_in(kind, kinds)
    log.write_bytes(good)
    expect_equal(verify(case)["findings"], [])
    # Without the head beside it, a head that was kept elsewhere says so.
    head = pathlib.Path(f"{log}.head")
    kept = case.base / "kept.head"
    kept.write_bytes(head.read_bytes())
    head.unlink()
    log.write_bytes(b"".join(lines[:-1]))
    expect_equal(verify(case)["findings"], [])
    expect_equal([finding["kind"] for finding in verify(case, "--head", kept, status=1)["findings"]], ["truncated"])
    last_hash = json.loads(lines[-1])["hash"]
    expect_equal(verify(case, "--head", last_hash, status=1)["findings"][0]["kind"], "truncated")
    expect_equal(verify(case, "--head", json.loads(lines[-2])["hash"])["findings"], [])


def test_another_key(case):
    case.output(program=["true"])
    (case.home / ".local/state/writ/keys/audit.key").unlink()
    case.output(program=["true"])
    expect_in("foreign_key", [finding["kind"] for finding in verify(case, status=1)["findings"]])


def test_show_tail_and_filters(case):
    (case.workspace / "kept").mkdir()
    case.give(case.workspace / "kept")
    case.run("--profile", profile(case), program=["sh", "-c", "echo x > kept/a"])
    case.run(program=["false"])
    records = audit_log_check.check(log_of(case))
    shown = case.writ("audit", "show")
    expect_equal((shown.returncode, len(shown.stdout.splitlines())), (0, len(records) + 1))
    expect_not_in("\x1b", shown.stdout)
    denied = case.writ("audit", "show", "--outcome", "deny", "--json").stdout.splitlines()
    expect_equal([json.loads(line)["object"] for line in denied], [f"{case.workspace}/kept/a"])
    run = records[-1]["run"]
    for filtered, count in ((["--run", run[:10]], 4), (["--event", "start"], 2), (["--object", "kept"], 1),
                            (["--subject", "no such program"], 0), (["--since", "1h"], len(records)), (["--until", "1h"], 0),
                            (["--since", records[-1]["time"]], 1), (["--until", records[0]["time"][:10]], len(records))):
        lines = case.writ("audit", "show", "--json", *filtered).stdout.splitlines()
        if filtered[0] != "--until" or count == 0:
            expect_equal((filtered, len(lines)), (filtered, count))
    expect_equal(len(case.writ("audit", "tail", "-n", "3", "--json").stdout.splitlines()), 3)
    for wrong in (["--event", "strat"], ["--since", "yesterday"], ["a", "b"]):
        expect_equal(case.writ("audit", "show", *wrong).returncode, 125)
    expect_equal(case.writ("audit", "show", case.base / "none.jsonl").returncode, 125)


def test_tail_follows(case):
    case.output(program=["true"])
    output = open(case.temporary / "tail", "w+b")
    following = subprocess.Popen([writ_program(), "audit", "tail", "-f", "--json", "--event", "exit"], stdout=output,
                                 env=case.environment(), cwd=case.workspace, **case.identity())
    try:
        def lines():
            return (case.temporary / "tail").read_bytes().count(b"\n")
        assert wait_until(lambda: lines() == 1), lines()
        case.output(program=["true"])
        assert wait_until(lambda: lines() == 2), lines()
    finally:
        following.kill()
        following.wait()


def test_export(case):
    for number in range(4):
        case.run(program=["sh", "-c", f"exit {number}"])
    runs = [record["run"] for record in audit_log_check.check(log_of(case)) if record["event"] == "start"]
    exported = case.base / "export.jsonl"
    exported.write_text(case.writ("audit", "export", "--run", runs[1]).stdout)
    found = verify(case, exported)
    expect_equal((found["sound"], found["records"], found["unsigned_records"]), (True, 4, 0))
    exported.write_text(exported.read_text().replace('"status":1', '"status":0'))
    expect_equal(verify(case, exported, status=1)["findings"][0]["kind"], "edited")
    rows = list(csv.DictReader(io.StringIO(case.writ("audit", "export", "--event", "exit", "--format", "csv").stdout)))
    expect_equal([row["status"] for row in rows], ["0", "1", "2", "3"])


if __name__ == "__main__":
    sys.exit(main(globals()))
