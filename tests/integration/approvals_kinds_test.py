#!/usr/bin/env python3
"""`writ approvals` for what a tool wants from the person besides approval of a call: questions, requests for permission
and outputs. The tests put them into the queue as a tool's broker does; how a broker waits for them is
tests/unit/human_primitives_test.cc."""

import json
import os
import pathlib
import secrets
import sqlite3
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from approvals_test import Watcher, requests, store  # noqa: E402
from writ_testing import expect_equal, expect_in, expect_not_in, main, only, wait_until  # noqa: E402

COLUMNS = ("id subject kind payload argument_hash target_version blocking owner_pid owner_start owner_boot owner_namespace"
           " status decision created_ms updated_ms deadline_ms revision").split()
HOSTILE = "half done\n  status  delivered \\x1b[2J"  # as the store keeps it: escaped, but for the line end


def put(case, kind, **payload):
    """A request of this process. Returns its id."""
    if not store(case).exists():
        expect_equal(case.writ("approvals", "list").stdout, "nothing waits\n")
    now = int(time.time() * 1000)
    start = int(pathlib.Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    boot = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    name = f"hreq_{secrets.token_hex(16)}"
    row = (name, "agent:builder", kind, json.dumps(payload), bytes(32), "", int(kind != "output"), os.getpid(), start, boot,
           os.readlink("/proc/self/ns/pid"), "pending", None, now, now, None if kind == "output" else now + 600_000, 1)
    with sqlite3.connect(store(case)) as database:
        database.execute(f"INSERT INTO human_requests ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})", row)
    database.close()
    return name


def row(case, name):
    return next(request for request in requests(case, "--all") if request["id"] == name)


def refused(case, why, *words):
    result = case.writ("approvals", *words)
    expect_equal((words, result.returncode, result.stdout), (words, 1, ""))
    expect_in(why, result.stderr)


@only("user")
def test_a_question(case):
    name = put(case, "question", text="which colour?")
    expect_in("question: 'which colour?'", case.writ("approvals", "list").stdout)
    shown = case.writ("approvals", "show", name).stdout
    for text in ("kind    question", "asker   'agent:builder'", "text    'which colour?'", "answers approve ID --answer TEXT, deny ID"):
        expect_in(text, shown)
    refused(case, "wants an answer", "approve", name)
    expect_equal(row(case, name)["status"], "pending")
    expect_equal(case.writ("approvals", "approve", name, "--answer", "the \x1b[2J blue one").returncode, 0)
    refused(case, "was decided already: approved by", "approve", name, "--answer", "red")
    expect_equal(row(case, name)["decision"]["answer"], "the \\x1b[2J blue one")
    expect_in("answer  'the \\x1b[2J blue one'", case.writ("approvals", "show", name).stdout)
    other = put(case, "question", text="why?")
    expect_equal(case.writ("approvals", "deny", other, "--reason", "none of its business").returncode, 0)
    expect_equal(row(case, other)["status"], "rejected")


@only("user")
def test_a_request_for_permission(case):
    wanted = {"resource": "filesystem:/srv/data/*", "rights": ["read", "write"], "reason": "for the report"}
    name = put(case, "permission_request", **wanted)
    expect_in("permission: read, write on 'filesystem:/srv/data/*'", case.writ("approvals", "list").stdout)
    shown = case.writ("approvals", "show", name).stdout
    for text in ("on      'filesystem:/srv/data/*'", "rights  read, write", "reason  'for the report'", "--policy always_allow"):
        expect_in(text, shown)
    part = ["--resource", "filesystem:/srv/data/a"]
    for why, *words in (("wants a policy", "approve"), ("wants a policy", "deny"),
                        ("cannot mean always_deny", "approve", "--policy", "always_deny"),
                        ("cannot mean always_allow", "deny", "--policy", "always_allow"),
                        ("no answer to a request", "approve", "--policy", "allow_once"),
                        ("must be narrower", "approve", "--policy", "always_allow", "--resource", "filesystem:/srv/*"),
                        ("must be narrower", "approve", "--policy", "always_allow", *part, "--right", "delete"),
                        ("is not a normal path", "approve", "--policy", "always_allow", "--resource", "filesystem:/srv/data/./a"),
                        ("there is no right 'fly'", "approve", "--policy", "always_allow", *part, "--right", "fly")):
        refused(case, why, words[0], name, *words[1:])
    expect_equal((row(case, name)["status"], row(case, name)["revision"]), ("pending", 1))
    expect_equal(case.writ("approvals", "approve", name, "--policy", "ask_each_time", *part, "--right", "read").returncode, 0)
    decided = row(case, name)
    expect_equal((decided["status"], decided["decision"]["policy"]), ("edited", "ask_each_time"))
    expect_equal(decided["decision"]["edited"]["resource"], "filesystem:/srv/data/a")
    expect_equal(decided["decision"]["edited"]["rights"], ["read"])
    shown = case.writ("approvals", "show", name).stdout
    expect_in("on      'filesystem:/srv/data/a'", shown)
    for verb, policy, status in (("approve", "always_allow", "approved"), ("deny", "always_deny", "rejected"),
                                 ("deny", "ask_each_time", "rejected")):
        name = put(case, "permission_request", **wanted)
        expect_equal(case.writ("approvals", verb, name, "--policy", policy).returncode, 0)
        expect_equal((row(case, name)["status"], row(case, name)["decision"]["policy"]), (status, policy))


@only("user")
def test_an_output_is_delivered_when_it_was_seen(case):
    long = put(case, "output", text="w" * 8190 + "yz")
    expect_in("bytes left out", case.writ("approvals", "list").stdout)
    expect_equal(row(case, long)["status"], "pending")  # a line of the list is not all of it
    shown = case.writ("approvals", "show", long).stdout
    expect_equal(shown.count("w"), 8190)  # nothing is left out
    expect_equal((row(case, long)["status"], row(case, long)["revision"]), ("delivered", 2))
    expect_equal(case.writ("approvals", "show", long).returncode, 0)
    expect_equal(row(case, long)["revision"], 2)
    name = put(case, "output", text=HOSTILE)
    refused(case, "not possible", "deny", name)
    shown = case.writ("approvals", "show", name).stdout
    expect_in("'half done\\x0a  status  delivered \\x1b[2J'", shown)
    expect_equal(len([line for line in shown.splitlines() if line.startswith("  status")]), 1)
    name = put(case, "output", text="done")
    expect_equal(case.writ("approvals", "approve", name).returncode, 0)
    expect_equal(row(case, name)["status"], "delivered")
    expect_equal(requests(case), [])
    # To look at something else delivers nothing of it.
    name = put(case, "question", text="why?")
    expect_equal(case.writ("approvals", "show", name).returncode, 0)
    expect_equal(row(case, name)["status"], "pending")


@only("user")
def test_watch_shows_outputs_in_full(case):
    name = put(case, "output", text="a" * 300)
    expect_equal(row(case, name)["status"], "pending")
    watcher = Watcher(case)
    watcher.wait_for("output: '" + "a" * 300 + "'")
    assert wait_until(lambda: row(case, name)["status"] == "delivered", 10), "not delivered"
    question = put(case, "question", text="which colour?")
    watcher.wait_for("question: 'which colour?'")
    expect_not_in("a" * 300, watcher.shown.replace("a" * 300, "", 1))  # once
    expect_equal(watcher.end(), 130)
    expect_equal(row(case, question)["status"], "pending")


if __name__ == "__main__":
    sys.exit(main(globals()))
