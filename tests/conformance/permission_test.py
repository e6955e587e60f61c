#!/usr/bin/env python3
"""Conformance of policies that a person installs by answering request_permission (test_permission_policy of the reference),
and of the border itself: what is denied leaves no trace but its refusal."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from scenes import COMMANDS, Later, decide, log_option, records, request, requests, waiting  # noqa: E402
from tool_sessions import Session, grant  # noqa: E402
from writ_testing import expect_equal, expect_in, main, only  # noqa: E402

FILE = "filesystem:workspace:notes/a"


def begin(case):
    grant(case, "--right", "write", "human:owner")
    (case.workspace / "notes").mkdir()
    case.give(case.workspace / "notes")


def install(case, session, act, policy, rights=("write",)):
    """Asks for the right, and a person answers; returns the value that the tool gets."""
    call = Later(session.value, "request_permission", resource=FILE, rights=list(rights), reason="to take notes")
    decide(case, act, waiting(case), "--policy", policy)
    return call.answer()


def write(session, text, path="notes/a", **more):
    answer = session.call("write_file", path=path, text=text, **more)
    return "written" if answer["ok"] else answer["code"]


def note(case):
    path = case.workspace / "notes/a"
    return path.read_text() if path.exists() else None


def test_always_allow_is_installed_and_nobody_is_asked_again(case):
    begin(case)
    with Session(case, approve="queue:60s") as session:
        expect_equal((write(session, "0"), note(case)), ("denied", None))  # the ablation: before the answer
        value = install(case, session, "approve", "always_allow")
        expect_equal((value["granted"], value["policy"]), (True, "always_allow"))
        expect_equal([write(session, text) for text in ("1", "2")], ["written", "written"])
        expect_equal((note(case), requests(case)), ("2", []))
        # What was granted, and nothing beside it.
        expect_equal((write(session, "3", "notes/b"), session.code("read_file", path="notes/a"), session.code("delete", path="notes/a")),
                     ("denied", "denied", "denied"))
        expect_equal(case.writ("caps", "revoke", value["capability"]).returncode, 0)
        expect_equal((write(session, "3"), note(case)), ("denied", "2"))
    case.assert_owned("notes/a")


def test_always_deny_is_installed_and_beats_what_comes_later(case):
    begin(case)
    with Session(case, approve="queue:60s") as session:
        allowed = grant(case, "--right", "write", FILE)
        expect_equal((write(session, "0"), note(case)), ("written", "0"))  # the ablation: without the deny
        expect_equal(install(case, session, "deny", "always_deny"), {"granted": False})
        expect_equal((write(session, "1"), note(case)), ("denied", "0"))
        # The subject may ask again, and is not heard: nobody is asked.
        again = session.value("request_permission", resource=FILE, rights=["write"], reason="please")
        expect_equal((again, requests(case)), ({"granted": False}, []))
        for effect in ("allow", "ask"):
            grant(case, "--right", "write", "filesystem:workspace:*", "--effect", effect)
        expect_equal((write(session, "1"), requests(case), note(case)), ("denied", [], "0"))
        assert allowed


def test_ask_each_time_asks_from_the_primitive_each_time(case):
    begin(case)
    log = log_option(case)
    with Session(case, "--audit", log, approve="queue:60s") as session:
        value = install(case, session, "approve", "ask_each_time")
        expect_equal((value["granted"], value["policy"]), (True, "ask_each_time"))
        for text, act, outcome in (("1", "approve", "written"), ("2", "deny", "denied"), ("3", "approve", "written")):
            call = Later(write, session, text)
            row = waiting(case)
            # Who asks, for what, by which rule, and what may be answered.
            payload = row["payload"]
            expect_equal((row["kind"], payload["rights"], payload["object"]),
                         ("per_use", ["write"], {"kind": "path", "text": str(case.workspace / "notes/a")}))
            expect_equal((payload["program"], payload["rule"], payload["workspace"], payload["profile"]),
                         ("write_file", "capability " + value["capability"], str(case.workspace), "nothing"))
            expect_in("once", payload["answers"])
            before = note(case)
            decide(case, act, row)
            expect_equal((call.answer(), note(case)), (outcome, text if act == "approve" else before))
        shown = case.writ("caps", "list").stdout
        expect_in(f"ask write on {FILE}", shown)  # the policy is what it was
        # The ablation: an allow beside it is no way around, taking the ask back is.
        grant(case, "--right", "write", FILE)
        call = Later(write, session, "4")
        decide(case, "deny", waiting(case))
        expect_equal(call.answer(), "denied")
        expect_equal(case.writ("caps", "revoke", value["capability"]).returncode, 0)
        expect_equal((write(session, "5"), note(case)), ("written", "5"))
    expect_equal([r["outcome"] for r in records(log, "approval_answered")], ["once", "deny", "once", "deny"])


def test_a_rejection_is_a_result_and_has_no_effect(case):
    begin(case)
    with Session(case, approve="queue:60s") as session:
        expect_equal(install(case, session, "deny", "ask_each_time"), {"granted": False})
        expect_equal((write(session, "1"), note(case)), ("denied", None))
        expect_equal([line for line in case.writ("caps", "list").stdout.splitlines() if "filesystem" in line], [])
        # And it may be asked again: the ablation, with the other answer.
        expect_equal(install(case, session, "approve", "always_allow")["granted"], True)
        expect_equal((write(session, "1"), note(case)), ("written", "1"))


@only("user", "root")
def test_what_a_session_got_is_the_subject_s_and_no_other_s(case):
    begin(case)
    with Session(case, approve="queue:60s") as session:
        install(case, session, "approve", "always_allow")
    with Session(case, subject="agent:other") as session:
        expect_equal((write(session, "1"), note(case)), ("denied", None))
    with Session(case) as session:  # the ablation: the same subject, later
        expect_equal((write(session, "1"), note(case)), ("written", "1"))


# --- the border (test_external_boundaries of the reference) ---

def test_output_to_a_person_is_denied_without_the_right_and_consumes_it(case):
    with Session(case, approve="queue:60s") as session:
        expect_equal((session.code("human_output", message="hello"), requests(case, "--all")), ("denied", []))
        grant(case, "--right", "write", "human:owner", "--uses", "1")
        expect_equal(session.value("human_output", message="hello"), {"delivered": True})
        expect_equal(session.code("human_output", message="hello again"), "denied")
        expect_equal([row["payload"]["text"] for row in requests(case, "--all")], ["hello"])
        grant(case, "--right", "write", "human:owner")  # the ablation
        expect_equal(session.value("human_output", message="hello again"), {"delivered": True})
        expect_equal(len(requests(case, "--all")), 2)


def test_a_use_is_not_taken_by_what_never_got_to_the_person(case):
    grant(case, "--right", "write", "human:owner", "--uses", "1")
    with Session(case) as session:  # nobody can be reached
        expect_equal(session.code("human_output", message="hello"), "denied")
    with Session(case, approve="queue:60s") as session:
        expect_equal(session.code("human_output", message="hello", human="somebody"), "denied")
        expect_equal(session.code("human_output", message=""), "invalid_arguments")
        expect_equal(session.value("human_output", message="hello"), {"delivered": True})
        expect_equal(session.code("human_output", message="hello"), "denied")


def test_a_tool_that_is_not_in_the_table_asks_nobody(case):
    grant(case, "--right", "write", "human:owner")
    log = log_option(case)
    with Session(case, "--audit", log, approve="queue:60s") as session:
        for tool in ("no_such_tool", "filesystem.read_text", "shell.run", "", "Echo", "../echo"):
            expect_equal((tool, session.call(tool)["code"]), (tool, "unknown_name"))
        expect_equal(session.value("echo", text="x") is not None, True)  # the control
    expect_equal((requests(case, "--all"), records(log, "request"), records(log, "decision")), ([], [], []))


DENIED = (("filesystem.read_text", {"path": "secret"}), ("filesystem.stat", {"path": "secret"}), ("filesystem.read_directory", {"path": "."}),
          ("filesystem.write_text", {"path": "new", "text": "x"}), ("filesystem.write_directory", {"path": "new"}),
          ("filesystem.delete_file", {"path": "secret"}), ("filesystem.move", {"from": "secret", "to": "new"}),
          ("shell.run", {"argv": ["touch", "new"]}), ("clock.now", {}), ("clock.sleep", {"seconds": 0.01}), ("human.output", {"message": "m"}),
          ("human.ask", {"question": "q"}), ("memory.create_namespace", {"namespace": "shared"}),
          ("memory.create_object", {"namespace": "shared", "payload": 1}), ("memory.list_namespace", {"namespace": "shared"}))
GRANTS = (("read", "filesystem:workspace:*"), ("write", "filesystem:workspace:*"), ("delete", "filesystem:workspace:*"), ("execute", "shell:touch"),
          ("read", "clock:*"), ("write", "clock:*"), ("write", "human:owner"), ("read", "object_namespace:shared"), ("write", "object_namespace:shared"))


def successes(log):
    """Records that say that something was let through."""
    found = [record for record in records(log) if record["event"] == "grant" or (record["event"] == "decision" and record["outcome"] == "allow")]
    return [record["object"] for record in found]


def test_86_a_denied_call_leaves_no_record_of_success(case):
    case.write("secret", "SECRET-CONTENT")
    log = log_option(case)
    with Session(case, *COMMANDS, "--audit", log, approve="queue:60s") as session:
        for name, arguments in DENIED:
            expect_equal((name, request(session, name, **arguments)), (name, {"refused": "denied"}))
    # Each has its request, and its denial or nothing; no success, no content.
    asked = [record["object"] for record in records(log, "request") if record["object"] in dict(DENIED)]
    expect_equal([name for name, _ in DENIED if name not in asked], [])
    expect_equal(successes(log), [])
    assert len([record for record in records(log, "decision") if record["outcome"] == "deny"]) >= len(DENIED)
    expect_equal("SECRET-CONTENT" in log.read_text(), False)
    expect_equal(sorted(path.name for path in case.workspace.iterdir()), ["secret"])
    # The ablation: with the rights each of them happens, and is in the log.
    for right, resource in GRANTS:
        grant(case, "--right", right, resource)
    log = log_option(case, "allowed.jsonl")
    with Session(case, *COMMANDS, "--audit", log, approve="queue:60s") as session:
        for name, arguments in DENIED:
            if name in ("human.ask", "filesystem.move"):
                continue  # it would wait; there is nothing left to move
            if name == "filesystem.write_directory":
                arguments = {"path": "directory"}
            reply = request(session, name, **arguments)
            assert "value" in reply, (name, reply, session.said)
    assert len(successes(log)) >= len(DENIED) - 2, successes(log)
    expect_equal(sorted(path.name for path in case.workspace.iterdir()), ["directory", "new"])


def test_86_a_revoked_right_leaves_a_denial(case):
    case.write("file", "text")
    log = log_option(case)
    held = grant(case, "--right", "read", "filesystem:workspace:file")
    with Session(case, "--audit", log) as session:
        expect_equal(session.value("read_file", path="file")["text"], "text")
        expect_equal(case.writ("caps", "revoke", held).returncode, 0)
        expect_equal(session.code("read_file", path="file"), "denied")
    expect_equal({r["outcome"] for r in records(log, "decision")[-1:]}, {"deny"})
    expect_equal([r["outcome"] for r in records(log, "decision")].count("deny"), 1)


if __name__ == "__main__":
    sys.exit(main(globals()))
