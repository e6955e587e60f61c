#!/usr/bin/env python3
"""Conformance of what a session asks a person: assertions 47 to 51 and 53 to 55. The person answers with `writ approvals`
from another process. Each test has its ablation: the same with the answer, the right or the request that was missing."""

import pathlib
import signal
import sqlite3
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from scenes import COMMANDS, Later, decide, log_option, records, request, requests, text_of_tree, waiting  # noqa: E402
from tool_sessions import Session, grant  # noqa: E402
from writ_testing import expect_equal, expect_in, expect_not_in, main, only, wait_until, writ_program  # noqa: E402


def may_ask(case, *words):
    return grant(case, "--right", "write", "human:owner", *words)


def commands_ask(case):
    return grant(case, "--right", "execute", "shell:*", "--effect", "ask")


def lines_of(case):
    path = case.workspace / "lines"
    return path.read_text().splitlines() if path.exists() else []


# Its effect can be counted.
COUNTED = {"argv": ["sh", "-c", "echo once >> lines"]}


def store(case):
    return case.home / ".local/state/writ/store"


def change_row(case, row, column, value):
    """What somebody could do who can write the person's store."""
    with sqlite3.connect(store(case) / "writ.db", timeout=10) as connection:
        connection.execute(f"UPDATE human_requests SET {column} = ? WHERE id = ?", (value, row["id"]))
    connection.close()
    for path in store(case).iterdir():
        case.give_to_writ(path)


def refused(case, act, row, *words):
    """`writ approvals ACT` must fail; returns why."""
    result = case.writ("approvals", act, row["id"], *words)
    expect_equal((words, result.returncode, result.stdout), (words, 1, ""))
    return result.stderr


# --- 47: waits block, and the same action goes on, once ---

def test_47_a_question_waits_and_the_same_call_gets_the_answer(case):
    may_ask(case)
    with Session(case, approve="queue:60s") as session:
        call = Later(session.call, "ask_human", question="which colour?")
        row = waiting(case)
        expect_equal((row["kind"], row["subject"], row["payload"]), ("question", "agent:tester", {"text": "which colour?"}))
        assert not wait_until(lambda: not call.waits(), 0.3), call.result  # nothing comes before the answer
        decide(case, "approve", row, "--answer", "the blue one")
        expect_equal(call.answer(), {"ok": True, "value": {"answer": "the blue one"}})
        # The session goes on: nothing of the answer is left for another question.
        call = Later(session.call, "ask_human", question="which colour?")
        decide(case, "deny", waiting(case))
        expect_equal(call.answer()["code"], "denied")


def test_47_an_asked_command_runs_once_after_the_answer(case):
    commands_ask(case)
    log = log_option(case)
    with Session(case, *COMMANDS, "--audit", log, approve="queue:60s") as session:
        call = Later(session.call, "run_command", **COUNTED)
        row = waiting(case)
        assert not wait_until(lambda: lines_of(case) != [], 0.3), "it ran before the answer"
        decide(case, "approve", row)
        expect_equal(call.answer()["value"]["exit_status"], 0)
        expect_equal((lines_of(case), requests(case)), (["once"], []))
    expect_equal((lines_of(case), len(records(log, "approval_answered"))), (["once"], 1))
    # The ablation: nobody is there, and it does not happen.
    with Session(case, *COMMANDS) as session:
        expect_equal(session.code("run_command", **COUNTED), "denied")
    expect_equal(lines_of(case), ["once"])


@only("user", "root")
def test_47_a_made_tool_sees_a_slow_call_and_nothing_else(case):
    may_ask(case)
    with Session(case, approve="queue:60s") as session:
        session.request("clock.now")  # the tool that passes requests on is made before
        call = Later(request, session, "human.ask", question="now?")
        decide(case, "approve", waiting(case), "--answer", "now")
        expect_equal(call.answer(), {"value": {"answer": "now"}})


# --- 48: decided once ---

def test_48_a_request_is_decided_once(case):
    commands_ask(case)
    with Session(case, *COMMANDS, approve="queue:60s") as session:
        call = Later(session.call, "run_command", **COUNTED)
        row = waiting(case)
        decide(case, "deny", row, "--reason", "not now")
        for act in ("approve", "deny"):
            expect_in("was decided already", refused(case, act, row))
        expect_equal((call.answer()["code"], lines_of(case)), ("denied", []))
        # The ablation: the same request, and the yes is first.
        call = Later(session.call, "run_command", **COUNTED)
        row = waiting(case)
        decide(case, "approve", row)
        expect_in("was decided already", refused(case, "deny", row))
        expect_equal((call.answer()["ok"], lines_of(case)), (True, ["once"]))


@only("user", "root")
def test_48_of_several_at_once_one_wins(case):
    may_ask(case)
    with Session(case, approve="queue:60s") as session:
        call = Later(session.call, "ask_human", question="who is first?")
        row = waiting(case)
        racers = [subprocess.Popen([writ_program(), "approvals", "approve", row["id"], "--answer", str(number)], cwd=case.workspace,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=case.environment(), **case.identity())
                  for number in range(6)]
        for racer in racers:
            racer.communicate(timeout=60)
        statuses = [racer.returncode for racer in racers]
        expect_equal(sorted(statuses), [0, 1, 1, 1, 1, 1])
        expect_equal(call.answer()["value"]["answer"], str(statuses.index(0)))


# --- 49: cancelled cannot be approved ---

def test_49_what_a_dead_session_asked_cannot_be_approved(case):
    commands_ask(case)
    for number in (signal.SIGKILL, signal.SIGTERM):
        session = Session(case, *COMMANDS, approve="queue:60s")
        call = Later(session.call, "run_command", **COUNTED)
        row = waiting(case)
        session.process.send_signal(number)
        session.process.wait(30)
        call.thread.join(10)
        session.close()
        assert refused(case, "approve", row)
        expect_equal([each["status"] for each in requests(case, "--all") if each["id"] == row["id"]], ["cancelled"])
        assert refused(case, "approve", row)  # nor when that is known
        expect_equal((requests(case), lines_of(case)), ([], []))
    case.nothing_left()
    # The ablation: a session that lives.
    with Session(case, *COMMANDS, approve="queue:60s") as session:
        call = Later(session.call, "run_command", **COUNTED)
        decide(case, "approve", waiting(case))
        expect_equal((call.answer()["ok"], lines_of(case)), (True, ["once"]))


@only("user", "root")
def test_49_a_question_whose_time_is_over_cannot_be_approved(case):
    may_ask(case)
    with Session(case, approve="queue:1s") as session:
        call = Later(session.call, "ask_human", question="anybody there?")
        row = waiting(case)
        answer = call.answer()
        expect_equal((answer["ok"], answer["code"]), (False, "timed_out"))
        assert refused(case, "approve", row, "--answer", "late")
        expect_equal(requests(case), [])


# --- 50, 51: what is asked for at all ---

BROAD = [("capability:*", ["admin"]), ("capability:*", ["read"]), ("shell:*", ["execute"]), ("shell:bash", ["execute"]), ("shell:python3", ["execute"]),
         ("shell:git", ["execute"]), ("filesystem:/*", ["read"]), ("filesystem:*", ["read"]), ("filesystem:workspace:*", ["delete"]),
         ("filesystem:workspace:a", ["grant"]), ("filesystem:workspace:a", ["read", "admin"]), ("network:*", ["connect"]),
         ("network:169.254.169.254:80", ["connect"])]


def ask_permission(session, resource, rights, reason="for the task"):
    return session.call("request_permission", resource=resource, rights=list(rights), reason=reason)


def test_50_broad_requests_are_refused_before_anybody_sees_them(case):
    may_ask(case)
    places = [(f"filesystem:{case.home}/*", ["read"]), (f"filesystem:{case.home}/.ssh/id_ed25519", ["read"]), (f"filesystem:{case.workspace}/*", ["delete"])]
    with Session(case, approve="queue:60s") as session:
        for resource, rights in BROAD + places:
            expect_equal((resource, rights, ask_permission(session, resource, rights).get("code")), (resource, rights, "denied"))
        for resource, rights in (("filesystem:workspace:a", []), ("filesystem:workspace:a", ["*"]), ("nonsense", ["read"]), ("filesystem:src*", ["read"])):
            expect_in(ask_permission(session, resource, rights).get("code"), ("invalid_arguments", "denied"))
        expect_equal(requests(case, "--all"), [])
        # The ablation: something narrow gets to the person.
        call = Later(ask_permission, session, "filesystem:workspace:a", ["delete"])
        row = waiting(case)
        expect_equal(row["payload"], {"resource": "filesystem:workspace:a", "rights": ["delete"], "reason": "for the task"})
        decide(case, "deny", row, "--policy", "ask_each_time")
        expect_equal(call.answer(), {"ok": True, "value": {"granted": False}})


def test_51_asking_a_person_needs_the_right_to(case):
    with Session(case, approve="queue:60s") as session:
        for tool, arguments in (("ask_human", {"question": "q"}), ("human_output", {"message": "m"}),
                                ("request_permission", {"resource": "filesystem:workspace:a", "rights": ["read"], "reason": "r"})):
            expect_equal((tool, session.code(tool, **arguments)), (tool, "denied"))
        grant(case, "--right", "read", "human:owner")
        grant(case, "--right", "write", "human:somebody")
        expect_equal(session.code("ask_human", question="q"), "denied")
        # What is asked for is not told apart from what is over-broad: nothing is looked at before the right.
        expect_equal(ask_permission(session, "shell:*", ["execute"])["code"], "denied")
        expect_equal(requests(case, "--all"), [])
        may_ask(case, "--uses", "1")  # the ablation
        call = Later(session.call, "ask_human", question="q")
        decide(case, "approve", waiting(case), "--answer", "a")
        expect_equal(call.answer()["value"], {"answer": "a"})
        expect_equal(session.code("ask_human", question="q"), "denied")  # and that was the one use
        # Somebody else is not there, with the right or without.
        expect_equal(session.code("ask_human", question="q", human="somebody"), "unavailable")


# --- 53, 54: what an answer is bound to ---

def test_53_an_answer_is_bound_to_what_was_asked(case):
    may_ask(case)
    with Session(case, approve="queue:60s") as session:
        hashes = []
        for resource, rights in (("filesystem:workspace:a", ["read"]), ("filesystem:workspace:b", ["read"]), ("filesystem:workspace:a", ["write"])):
            call = Later(ask_permission, session, resource, rights)
            row = waiting(case)
            hashes.append(row["argument_hash"])
            # The store says something else than what was sent: as broad as it gets.
            payload = '{"resource":"filesystem:workspace:*","rights":["read","write"],"reason":"for the task"}'
            change_row(case, row, "payload", payload)
            case.writ("approvals", "approve", row["id"], "--policy", "always_allow")
            expect_equal(call.answer().get("code"), "failed")
        expect_equal(len(set(hashes)), 3)
        held = [line for line in case.writ("caps", "list").stdout.splitlines() if "filesystem" in line]
        expect_equal(held, [])
        # The ablation: nobody changes it.
        call = Later(ask_permission, session, "filesystem:workspace:a", ["read"])
        row = waiting(case)
        expect_equal(row["argument_hash"], hashes[0])
        decide(case, "approve", row, "--policy", "always_allow")
        expect_equal(call.answer()["value"]["granted"], True)
        expect_in("allow read on filesystem:workspace:a", case.writ("caps", "list").stdout)


@only("user", "root")
def test_53_one_answer_is_not_for_the_next_call(case):
    grant(case, "--right", "write", "filesystem:workspace:*", "--effect", "ask")
    with Session(case, approve="queue:60s") as session:
        call = Later(session.call, "write_file", path="file", text="as shown\n")
        decide(case, "approve", waiting(case))
        expect_equal(call.answer()["ok"], True)
        call = Later(session.call, "write_file", path="file", text="something else\n")
        decide(case, "deny", waiting(case))
        expect_equal((call.answer()["code"], (case.workspace / "file").read_text()), ("denied", "as shown\n"))


def test_54_an_answer_that_does_not_fit_changes_nothing(case):
    may_ask(case)
    with Session(case, approve="queue:60s") as session:
        call = Later(ask_permission, session, "filesystem:workspace:src/a", ["read", "write"])
        row = waiting(case)
        for act, words in (("approve", []), ("approve", ["--once"]), ("approve", ["--run"]), ("approve", ["--policy", "allow_once"]),
                           ("approve", ["--policy", "always_deny"]), ("deny", ["--policy", "always_allow"]), ("approve", ["--answer", "yes"]),
                           ("approve", ["--policy", "always_allow", "--resource", "filesystem:workspace:*"]),
                           ("approve", ["--policy", "always_allow", "--resource", "filesystem:workspace:src/b"]),
                           ("approve", ["--policy", "always_allow", "--right", "delete"]),
                           ("approve", ["--policy", "always_allow", "--revision", "2"])):
            assert refused(case, act, row, *words)
            still = waiting(case)
            expect_equal((words, still["status"], still["revision"]), (words, "pending", 1))
        assert call.waits()
        expect_not_in("filesystem:workspace:src", case.writ("caps", "list").stdout)
        # The ablation: one that fits, and is narrower.
        decide(case, "approve", row, "--policy", "always_allow", "--resource", "filesystem:workspace:src/a", "--right", "read")
        expect_equal(call.answer()["value"]["granted"], True)
        expect_in("allow read on filesystem:workspace:src/a", case.writ("caps", "list").stdout)
        expect_not_in("read, write on", case.writ("caps", "list").stdout)


@only("user", "root")
def test_54_a_decision_that_was_forged_in_the_store_has_no_effect(case):
    may_ask(case)
    with Session(case, approve="queue:60s") as session:
        for decision in ('{"policy":"always_allow","by":"x","edited":{"resource":"filesystem:*","rights":["read"],"reason":"r"}}', '{"policy":"allow_once","by":"x"}',
                         '{"policy":"always_deny","by":"x"}', "{}", "no JSON"):
            call = Later(ask_permission, session, "filesystem:workspace:a", ["read"])
            row = waiting(case)
            change_row(case, row, "decision", decision)
            change_row(case, row, "revision", 2)
            change_row(case, row, "status", "approved")
            expect_equal((decision, call.answer().get("code")), (decision, "failed"))
        expect_not_in("filesystem", case.writ("caps", "list").stdout)


# --- 55: what the log says of it ---

def test_55_the_log_has_no_words_of_a_prompt(case):
    may_ask(case)
    secrets = ("QUESTION-TO-A-PERSON", "ANSWER-OF-A-PERSON", "OUTPUT-TO-A-PERSON")
    log = log_option(case)
    with Session(case, "--audit", log, approve="queue:60s") as session:
        call = Later(session.call, "ask_human", question=f"what is {secrets[0]}?")
        row = waiting(case)
        expect_in(secrets[0], case.writ("approvals", "show", row["id"]).stdout)  # the person sees it
        decide(case, "approve", row, "--answer", secrets[1])
        expect_in(secrets[1], call.answer()["value"]["answer"])  # the tool gets it
        session.value("human_output", message=secrets[2])
        expect_equal(waiting(case)["payload"], {"text": secrets[2]})
    written = log.read_text() + "".join(session.said).replace(secrets[0], "", 1).replace(secrets[2], "", 1)  # the person's terminal: once
    for secret in secrets:
        expect_not_in(secret, written)
    expect_equal([(r["subject"], r["object"]) for r in records(log, "request")], [("ask_human", "human.ask"), ("human_output", "human.output")])
    # The control: it is somewhere, and would be found.
    expect_in(secrets[0].encode(), text_of_tree(store(case)))


if __name__ == "__main__":
    sys.exit(main(globals()))
