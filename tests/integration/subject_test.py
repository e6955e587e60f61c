#!/usr/bin/env python3
"""`writ run --subject`: capabilities answer for a run, use by use; what is revoked or expires is taken out of the
running sandbox; and without a subject nothing of it counts."""

import json
import os
import pathlib
import select
import sqlite3
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from writ_testing import expect_equal, expect_in, main, only  # noqa: E402

WHO = "agent:builder"


def place_of(case):
    """A directory outside of the workspace that the tool's identity can read and no profile grants."""
    place = case.base / "data"
    place.mkdir(mode=0o755)
    for name in ("customers", "other"):
        (place / name).write_text(name + "\n")
        (place / name).chmod(0o644)
    return place


def grant(case, *words):
    made = case.writ("caps", "grant", "--to", WHO, *words)
    expect_equal((made.returncode, made.stderr), (0, ""))
    return made.stdout.strip()


def explained(case, capability):
    return json.loads(case.writ("caps", "inspect", capability, "--json").stdout)["capability"]


def start(case, script, *options):
    return case.start("--subject", WHO, "--approve", "deny", *options, program=["sh", "-c", script], text=True,
                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def say(process, word):
    process.stdin.write(word + "\n")
    process.stdin.flush()


def told(process, word):
    """Whether the run says `word` on its standard error within 10 s."""
    end, text = time.monotonic() + 10, ""
    while word not in text and (left := end - time.monotonic()) > 0:
        if select.select([process.stderr], [], [], left)[0]:
            piece = os.read(process.stderr.fileno(), 4096).decode()
            if not piece:
                break
            text += piece
    assert word in text, f"{word!r} is not in {text!r}"


def test_without_a_subject_nothing_counts(case):
    place = place_of(case)
    grant(case, "--right", "read", f"filesystem:{place}/*")
    expect_equal(case.run(program=["cat", place / "customers"]).returncode, 1)
    # The control: the same with the subject.
    result = case.run("--subject", WHO, program=["cat", place / "customers"])
    expect_equal((result.returncode, result.stdout), (0, "customers\n"))
    expect_equal(case.run("--subject", "agent:other", program=["cat", place / "customers"]).returncode, 1)
    case.refused("--subject", "root", program=["true"], says="--subject")


def test_a_place_joins_and_only_what_is_granted(case):
    place = place_of(case)
    (case.base / "beside").mkdir()
    grant(case, "--right", "read", f"filesystem:{place}/*")
    result, report = case.report("--subject", WHO, program=["sh", "-c", f"ls {place}; cat {place}/other; ls {case.base}/beside; echo x > {place}/new"])
    expect_equal(result.stdout, "customers\nother\nother\n")
    expect_equal(sorted(entry.name for entry in place.iterdir()), ["customers", "other"])
    expect_equal({(answer["answer"], answer["cause"]) for answer in report["approvals"]}, {("run", "capability")})


def test_a_place_in_the_home(case):
    """The home of the sandbox is another one, empty: what a capability allows shows there all the same."""
    place = case.home / "data"
    place.mkdir(mode=0o755)
    (place / "customers").write_text("Ada\n")
    grant(case, "--right", "read", f"filesystem:{place}/*")
    expect_equal(case.run(program=["cat", place / "customers"]).returncode, 1)
    result = case.run("--subject", WHO, program=["cat", place / "customers"])
    expect_equal((result.returncode, result.stdout), (0, "Ada\n"))


def test_each_use_counts(case):
    place = place_of(case)
    capability = grant(case, "--right", "read", f"filesystem:{place}/*", "--uses", "2")
    script = f"cat {place}/customers; cat {place}/other; cat {place}/customers; ls {place}"
    result, report = case.report("--subject", WHO, program=["sh", "-c", script])
    expect_equal(result.stdout, "customers\nother\n")
    expect_equal([answer["answer"] for answer in report["approvals"]][:2], ["once", "once"])
    expect_equal(explained(case, capability)["uses_remaining"], 0)


@only("user", "root")
def test_one_shot_under_many_runs(case):
    """Twenty runs at once and five uses: exactly five of them read."""
    place = place_of(case)
    capability = grant(case, "--right", "read", f"filesystem:{place}/customers", "--uses", "5")
    runs = [start(case, f"cat {place}/customers") for _ in range(20)]
    outputs = [run.communicate(timeout=60)[0] for run in runs]
    print(f"  runs: {len(runs)}, that read: {outputs.count('customers' + chr(10))}")
    expect_equal((outputs.count("customers\n"), outputs.count("")), (5, 15))
    expect_equal(explained(case, capability)["uses_remaining"], 0)


def test_a_deny_beats_the_profile(case):
    secret = case.write("secret", "s\n")
    expect_equal(case.shell("cat secret"), "s\n")
    grant(case, "--right", "read", f"filesystem:{secret}", "--effect", "deny")
    result = case.run("--subject", WHO, program=["cat", "secret"])
    expect_equal((result.returncode, result.stdout), (1, ""))


def test_revoked_while_it_runs(case):
    """The next call is refused; who sits in the tree is listed."""
    place = place_of(case)
    capability = grant(case, "--right", "read", f"filesystem:{place}/*")
    run = start(case, f"cd {place} && ls && read word; ls {place} || echo gone; cat customers; read word", "--report", str(case.temporary / "report.json"))
    expect_equal([run.stdout.readline(), run.stdout.readline()], ["customers\n", "other\n"])
    expect_equal(case.writ("caps", "revoke", capability).returncode, 0)
    told(run, "still held")
    say(run, "go")
    # What is held can be read: no flag of the kernel forbids that, and the run says who holds it.
    expect_equal([run.stdout.readline(), run.stdout.readline()], ["gone\n", "customers\n"])
    say(run, "end")
    run.communicate(timeout=30)
    revoked = json.loads((case.temporary / "report.json").read_text())["revoked"]
    expect_equal([(tree["names_gone"], tree["complete"]) for tree in revoked], [(True, False)])
    expect_in("working directory", [holder["held_as"] for holder in revoked[0]["holders"]])


def test_revoked_and_held_by_nobody(case):
    place = place_of(case)
    capability = grant(case, "--right", "read", f"filesystem:{place}/*")
    run = start(case, f"ls {place}; read word; ls {place} || echo gone", "--report", str(case.temporary / "report.json"))
    expect_equal([run.stdout.readline(), run.stdout.readline()], ["customers\n", "other\n"])
    expect_equal(case.writ("caps", "revoke", capability).returncode, 0)
    told(run, "nothing is left")
    say(run, "go")
    expect_equal(run.communicate(timeout=30)[0], "gone\n")


def holder(case):
    """A run that sits in the place, and the capability by which it got there."""
    place = place_of(case)
    capability = grant(case, "--right", "read", f"filesystem:{place}/*")
    run = start(case, f"cd {place} && ls && read word; exit 7")
    expect_equal([run.stdout.readline(), run.stdout.readline()], ["customers\n", "other\n"])
    return place, capability, run


def test_whoever_revokes_is_told(case):
    place, capability, run = holder(case)
    revoked = case.writ("caps", "revoke", capability)
    expect_equal((revoked.returncode, revoked.stderr), (0, ""))
    first, second, *rest = revoked.stdout.splitlines()
    expect_equal(first, f"revoked {capability}")
    expect_in(f"run {run.pid}: '{place}': its names are gone; still held", second)
    expect_in("): working directory", rest[0])
    say(run, "end")  # the control: nobody was ended
    run.communicate(timeout=30)
    expect_equal(run.returncode, 7)
    # Of a run that is over, nothing is told.
    expect_equal(case.writ("caps", "revoke", capability).stdout, f"revoked {capability}\n")


def test_holders_are_killed(case):
    place, capability, run = holder(case)
    revoked = case.writ("caps", "revoke", "--kill-holders", "--json", capability)
    expect_equal((revoked.returncode, revoked.stderr), (0, ""))
    (told_by,) = json.loads(revoked.stdout)["runs"]
    expect_equal((told_by["process"], told_by["path"], told_by["holders_ended"]), (run.pid, str(place), True))
    expect_equal((told_by["outcome"]["names_gone"], told_by["outcome"]["holders_killed"]), (True, 1))
    run.communicate(timeout=30)
    expect_equal(run.returncode, 128 + 9)


def test_holders_are_killed_later(case):
    """First listed, then killed: the order is about what was revoked before."""
    _, capability, run = holder(case)
    expect_in("still held", case.writ("caps", "revoke", capability).stdout)
    expect_in("1 process that held it was killed", case.writ("caps", "revoke", "--kill-holders", capability).stdout)
    run.communicate(timeout=30)
    expect_equal(run.returncode, 128 + 9)


def test_another_capability_allows_it_still(case):
    place, capability, run = holder(case)
    other = grant(case, "--right", "read", f"filesystem:{case.base}/*")
    expect_in(f"still allowed, by capability {other}", case.writ("caps", "revoke", "--kill-holders", capability).stdout)
    expect_in("its names are gone", case.writ("caps", "revoke", other).stdout)
    say(run, "end")
    run.communicate(timeout=30)
    expect_equal(run.returncode, 7)


def test_a_deny_beneath_a_place_that_joined(case):
    """A deny that comes while the run has the place takes the place away: all of it would show what is denied."""
    place = place_of(case)
    capability = grant(case, "--right", "read", f"filesystem:{place}/*")
    run = start(case, f"ls {place}; read word; cat {place}/customers; cat {place}/other; ls {place} || echo gone")
    expect_equal([run.stdout.readline(), run.stdout.readline()], ["customers\n", "other\n"])
    grant(case, "--right", "read", "--effect", "deny", f"filesystem:{place}/customers")
    told(run, "nothing is left")
    say(run, "go")
    expect_equal(run.communicate(timeout=30)[0], "gone\n")
    # The control: without the deny the same calls succeed.
    assert capability
    for line in case.writ("caps", "list").stdout.splitlines():
        if line.startswith("cap_") and line.split()[0] != capability:
            case.writ("caps", "revoke", line.split()[0])
    result = case.run("--subject", WHO, "--approve", "deny", program=["sh", "-c", f"ls {place} >/dev/null; cat {place}/customers"])
    expect_equal((result.returncode, result.stdout), (0, "customers\n"))


def test_a_deny_that_comes_before_the_place_joins(case):
    place = place_of(case)
    grant(case, "--right", "read", f"filesystem:{place}/*")
    run = start(case, f"echo ready; read word; ls {place} || echo refused; cat {place}/customers || echo denied; cat {place}/other")
    expect_equal(run.stdout.readline(), "ready\n")
    grant(case, "--right", "read", "--effect", "deny", f"filesystem:{place}/customers")
    say(run, "go")
    expect_equal(run.communicate(timeout=30)[0], "refused\ndenied\nother\n")


def test_a_file_of_the_workspace_by_its_other_name(case):
    case.write("plans", "p\n")
    profile = case.write_home("asking.yaml", "version: 1\nname: asking\nextends: default\nrules:\n  - {effect: ask, rights: [read], path: '${workspace}/plans'}\n")
    words = ("--subject", WHO, "--approve", "deny", "--profile", profile)
    expect_equal(case.run(*words, program=["cat", "plans"]).returncode, 1)
    grant(case, "--right", "read", "filesystem:workspace:plans")
    result = case.run(*words, program=["cat", "plans"])
    expect_equal((result.returncode, result.stdout), (0, "p\n"))


@only("user", "root")
def test_many_files_cost_the_store_one_row(case):
    place = place_of(case)
    for number in range(200):
        (place / str(number)).write_text("x\n")
    grant(case, "--right", "read", f"filesystem:{place}/*")
    run = start(case, f"for n in $(seq 0 199); do read x < {place}/$n; done; echo all; read word")
    expect_equal(run.stdout.readline(), "all\n")
    store = sqlite3.connect(f"file:{case.home}/.local/state/writ/store/writ.db?mode=ro", uri=True)
    expect_equal(store.execute("SELECT count(*) FROM live_grants").fetchone(), (1,))
    store.close()
    say(run, "end")
    run.communicate(timeout=30)


def test_what_no_rule_can_say_gives_nothing(case):
    grant(case, "--right", "read", "filesystem:*")
    result = case.run("--subject", WHO, program=["true"])
    expect_equal(result.returncode, 0)
    expect_in("gives nothing", result.stderr)
    grant(case, "--right", "read", "--effect", "deny", "filesystem:*")
    case.refused("--subject", WHO, program=["true"], says="is refused")


@only("user", "root")
def test_a_run_that_was_killed_is_not_waited_for(case):
    _, capability, run = holder(case)
    run.kill()
    run.communicate(timeout=30)
    before = time.monotonic()
    expect_equal(case.writ("caps", "revoke", capability).stdout, f"revoked {capability}\n")
    assert time.monotonic() - before < 4, "it waited for a run that is gone"


@only("user", "root")
def test_expired_while_it_runs(case):
    place = place_of(case)
    grant(case, "--right", "read", f"filesystem:{place}/*", "--expires", "3s")
    run = start(case, f"ls {place} && read word; ls {place} || echo gone")
    expect_equal([run.stdout.readline(), run.stdout.readline()], ["customers\n", "other\n"])
    told(run, "nothing is left")
    say(run, "go")
    expect_equal(run.communicate(timeout=30)[0], "gone\n")


if __name__ == "__main__":
    sys.exit(main(globals()))
