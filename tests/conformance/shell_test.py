#!/usr/bin/env python3
"""Conformance of commands: assertions 31 to 40. Each test sees what must work and what must not, and takes one protection
away to show that it was the one that counted."""

import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from answering import approvals  # noqa: E402
from scenes import COMMANDS, Later, decide, effect_rule, log_option, records, request, requests, rules_file, waiting  # noqa: E402
from tool_sessions import Session, grant  # noqa: E402
from writ_testing import expect_equal, expect_in, main, only  # noqa: E402


def allow(case, resource, *words):
    return grant(case, "--right", "execute", resource, *words)


def run(session, *argv, **more):
    """What a command came to: its exit status, or the code of the refusal."""
    answer = session.call("run_command", argv=list(argv), **more)
    return answer["value"]["exit_status"] if answer["ok"] else answer["code"]


def made(case):
    """Files that commands made in the workspace."""
    return sorted(os.listdir(case.workspace))


def asked(log):
    """The command lines that somebody was asked about."""
    return [record["argv"] for record in records(log, "approval_asked")]


def test_31_only_the_exact_program_of_the_list_runs(case):
    allow(case, "shell:touch")
    with Session(case, *COMMANDS) as session:
        expect_equal(run(session, "touch", "allowed"), 0)
        for program in ("cp", "touc", "touch2", "Touch"):
            expect_equal((program, run(session, program, "allowed", "forbidden")), (program, "denied"))
        expect_equal(made(case), ["allowed"])
        allow(case, "shell:cp")  # the ablation: a longer list
        expect_equal(run(session, "cp", "allowed", "forbidden"), 0)
        expect_equal(made(case), ["allowed", "forbidden"])


def test_32_what_is_not_listed_is_asked_about_and_allowed_once(case):
    log = log_option(case)
    allow(case, "shell:*", "--effect", "ask")
    with Session(case, *COMMANDS, "--audit", log, approve="queue:60s") as session:
        for name, act, outcome in (("first", "approve", 0), ("second", "deny", "denied")):
            call = Later(run, session, "touch", name)
            decide(case, act, waiting(case))
            expect_equal(call.answer(), outcome)
        expect_equal(made(case), ["first"])
        # The very same once more: once was once.
        (case.workspace / "first").unlink()
        call = Later(run, session, "touch", "first")
        row = waiting(case)
        expect_equal(row["payload"]["object"]["argv"], ["touch", "first"])
        decide(case, "deny", row)
        expect_equal((call.answer(), made(case)), ("denied", []))
    expect_equal(asked(log), [["touch", "first"], ["touch", "second"], ["touch", "first"]])
    # The ablation: somebody who says yes to everything.
    with Session(case, *COMMANDS, approve=approvals(case, "effect: once, program: touch")[1]) as session:
        expect_equal([run(session, "touch", "second") for _ in range(2)], [0, 0])
    expect_equal(made(case), ["second"])


def test_32_a_deny_that_was_made_meanwhile_beats_the_answer(case):
    allow(case, "shell:*", "--effect", "ask")
    with Session(case, *COMMANDS, approve="queue:60s") as session:
        call = Later(run, session, "touch", "denied")
        row = waiting(case)
        late = allow(case, "shell:touch", "--effect", "deny")
        decide(case, "approve", row)
        expect_equal((call.answer(), made(case)), ("denied", []))
        # The ablation: the same answer without the deny.
        expect_equal(case.writ("caps", "revoke", late).returncode, 0)
        call = Later(run, session, "touch", "asked")
        decide(case, "approve", waiting(case))
        expect_equal((call.answer(), made(case)), (0, ["asked"]))


def test_33_a_deny_beats_an_exact_grant(case):
    allow(case, "shell:touch")
    denial = allow(case, "shell:*", "--effect", "deny")
    everything = approvals(case, "effect: once, program: touch")[1]
    log = log_option(case)
    with Session(case, *COMMANDS, "--audit", log, approve=everything) as session:
        expect_equal((run(session, "touch", "file"), made(case)), ("denied", []))
        expect_equal(case.writ("caps", "revoke", denial).returncode, 0)  # the ablation
        expect_equal((run(session, "touch", "file"), made(case)), (0, ["file"]))
    expect_equal(asked(log), [])


def test_34_executing_files_is_not_running_commands(case):
    for resource in ("filesystem:*", "filesystem:/usr/bin/*", "filesystem:/usr/bin/touch"):
        allow(case, resource)
    with Session(case, *COMMANDS) as session:
        for program in ("touch", "/usr/bin/touch"):
            expect_equal((run(session, program, "file"), made(case)), ("denied", []))
        allow(case, "shell:touch")  # the ablation
        expect_equal((run(session, "touch", "file"), made(case)), (0, ["file"]))


def test_35_a_prefix_of_a_name_is_another_name(case):
    for resource in ("shell:gi:*", "shell:gi", "shell:git-upload-pack", "shell:git:*"):
        allow(case, resource)
    refused = case.writ("caps", "grant", "--to", "agent:tester", "--right", "execute", "shell:gi*")
    assert refused.returncode != 0, "a wildcard within a name was made"
    with Session(case, *COMMANDS) as session:
        expect_equal(run(session, "git", "init", "-q", "."), "denied")
        expect_equal(made(case), [])
        allow(case, "shell:git")  # the ablation
        expect_equal(run(session, "git", "init", "-q", "repository"), 0)
        expect_equal(made(case), ["repository"])


def test_36_the_bare_wildcard_is_every_program_and_only_a_person_gives_it(case):
    # As docs/capabilities.md has it, KIND:* is everything of a kind. So it has to be given by a person, in full.
    grant(case, "--right", "write", "human:owner")
    with Session(case, *COMMANDS, approve="queue:60s") as session:
        answer = request(session, "human.request_permission", resource="shell:*", rights=["execute"], reason="to work")
        expect_equal((answer, requests(case, "--all")), ({"refused": "denied"}, []))
        expect_equal(run(session, "touch", "file"), "denied")
        for right in ("read", "write", "link", "connect"):
            grant(case, "--right", right, "shell:*")
        expect_equal((run(session, "touch", "file"), made(case)), ("denied", []))
        allow(case, "shell:*")  # the ablation
        expect_equal((run(session, "touch", "file"), made(case)), (0, ["file"]))
        # And even then: what destroys by its words, and what is no exact name.
        for argv in (["rm", "file"], ["./touch", "other"], ["*", "other"], ["touch:*", "other"]):
            expect_equal((argv, run(session, *argv)), (argv, "denied"))
        expect_equal(made(case), ["file"])


NESTED = (["bash", "-c", "touch nested"], ["sh", "-c", "touch nested"], ["env", "touch", "nested"], ["/bin/bash", "-c", "touch nested"],
          ["python3", "-c", "open('nested', 'w')"])


def test_37_a_shell_around_a_command_is_asked_about_or_denied(case):
    allow(case, "shell:touch")
    log = log_option(case)
    with Session(case, *COMMANDS) as session:
        for argv in NESTED:
            expect_equal((argv, run(session, *argv)), (argv, "denied"))
        expect_equal(made(case), [])
        expect_equal(run(session, "touch", "plain"), 0)
    allow(case, "shell:bash", "--effect", "ask")
    with Session(case, *COMMANDS, "--audit", log, approve=approvals(case, "effect: once, program: touch")[1]) as session:
        expect_equal((run(session, *NESTED[0]), made(case)), ("denied", ["plain"]))
    expect_equal(asked(log), [NESTED[0]])  # whoever is asked sees the script
    # The ablation: an interpreter that is allowed runs what it wants, whatever is said about touch.
    allow(case, "shell:sh")
    with Session(case, *COMMANDS) as session:
        expect_equal((run(session, *NESTED[1]), made(case)), (0, ["nested", "plain"]))


def test_38_a_path_is_not_the_name(case):
    imitation = case.write("git", "#!/bin/sh\ntouch imitated\n", 0o755)
    allow(case, "shell:git")
    with Session(case, *COMMANDS) as session:
        for program in ("./git", str(imitation), "../work/git", "/usr/bin/git"):
            expect_equal((program, run(session, program, "--version")), (program, "denied"))
        # Nor does the name lead to what lies in the workspace.
        expect_in("git version", session.value("run_command", argv=["git", "--version"])["stdout"])
        expect_equal(made(case), ["git"])
        allow(case, "shell:" + str(imitation))  # the ablation
        expect_equal((run(session, str(imitation)), made(case)), (0, ["git", "imitated"]))


def test_38a_the_tool_is_no_way_around_the_primitive(case):
    allow(case, "shell:touch")
    log = log_option(case)
    with Session(case, *COMMANDS, "--audit", log) as session:
        expect_equal((run(session, "touch", "by-tool"), run(session, "mkdir", "by-tool-2")), (0, "denied"))
        expect_equal(request(session, "shell.run", argv=["touch", "by-request"])["value"]["exit_status"], 0)
        expect_equal(request(session, "shell.run", argv=["mkdir", "by-request-2"]), {"refused": "denied"})
        expect_equal(request(session, "run_command", argv=["mkdir", "by-request-2"]), {"refused": "denied"})
        expect_equal(made(case), ["by-request", "by-tool"])
        allow(case, "shell:mkdir")  # the ablation
        expect_equal(run(session, "mkdir", "by-tool-2"), 0)
        expect_equal(request(session, "shell.run", argv=["mkdir", "by-request-2"])["value"]["exit_status"], 0)
        expect_equal(len(made(case)), 4)
    # One decision of each, whoever asked, and the same ones.
    commands = [record for record in records(log, "decision") if record["object_kind"] == "shell"]
    both = [("shell:touch", "allow"), ("shell:mkdir", "deny")]
    expect_equal([(r["subject"], r["object"], r["outcome"]) for r in commands],
                 [*(("run_command", *row) for row in both), *(("pass_on", *row) for row in [*both, both[1]]),
                  ("run_command", "shell:mkdir", "allow"), ("pass_on", "shell:mkdir", "allow")])


@only("user", "root")
def test_38b_output_is_cut_in_the_primitive(case):
    case.write("large", "x" * 300000)
    allow(case, "shell:cat")
    with Session(case, *COMMANDS) as session:
        def output(**more):
            reply = request(session, "shell.run", argv=["cat", "large"], **more)
            return len(reply["value"]["stdout"]), reply["value"]["stdout_truncated"]
        expect_equal(output(), (32000, True))
        expect_equal(output(max_output_bytes=10), (10, True))
        result = session.value("run_command", argv=["cat", "large"])
        expect_equal((len(result["stdout"]), result["stdout_truncated"]), (32000, True))
        for limit in (200001, 0, -1, 1e9, True, "all"):
            expect_equal((limit, request(session, "shell.run", argv=["cat", "large"], max_output_bytes=limit)),
                         (limit, {"refused": "invalid_arguments"}))
        # The ablation: what is within the bound that was asked for is whole.
        case.write("large", "x" * 40000)
        expect_equal(output(), (32000, True))
        expect_equal(output(max_output_bytes=40000), (40000, False))


@only("user", "root")
def test_38c_a_time_limit_of_nothing_or_too_much_is_refused(case):
    allow(case, "shell:sh")
    script = ["sh", "-c", "sleep 0.6; echo late > late"]
    log = log_option(case)
    with Session(case, *COMMANDS, "--audit", log) as session:
        for limit in (0, 0.0, -1, 300.001, 301, 1e300, True, "5", [5]):
            expect_equal((limit, request(session, "shell.run", argv=["sh", "-c", "touch file"], timeout_s=limit)),
                         (limit, {"refused": "invalid_arguments"}))
            expect_equal((limit, run(session, "sh", "-c", "touch file", timeout_s=limit)), (limit, "invalid_arguments"))
        expect_equal(made(case), [])
        ended = session.value("run_command", argv=script, timeout_s=0.2)
        expect_equal((ended["timed_out"], ended["exit_status"], made(case)), (True, 124, []))
        # The ablation: the same with time enough, and the longest that there is.
        for limit in (10, 300):
            expect_equal((run(session, *script, timeout_s=limit), made(case)), (0, ["late"]))
    # What was refused was refused before anybody decided about it.
    expect_equal([r["outcome"] for r in records(log, "decision") if r["object_kind"] == "shell"], ["allow"] * 3)


def test_38d_a_rule_about_exact_arguments_takes_no_others(case):
    rule = effect_rule("shell.run", "allow", ["touch", "a", "b"])
    exact = allow(case, "shell:touch", "--constraints", rules_file(case, rule))
    with Session(case, *COMMANDS) as session:
        for words in (["a", "b", "c"], ["a"], ["b", "a"], ["a", "b", ""], ["a b"], ["./a", "b"], []):
            expect_equal((words, run(session, "touch", *words)), (words, "denied"))
            expect_equal((words, request(session, "shell.run", argv=["touch", *words])), (words, {"refused": "denied"}))
        expect_equal(made(case), [])
        expect_equal((run(session, "touch", "a", "b"), made(case)), (0, ["a", "b"]))
        # The ablation: the same rule about how they begin.
        expect_equal(case.writ("caps", "revoke", exact).returncode, 0)
        loose = effect_rule("shell.run", "allow", ["touch", "a", "b"], "prefix")
        allow(case, "shell:touch", "--constraints", rules_file(case, loose))
        expect_equal((run(session, "touch", "a", "b", "c"), made(case)), (0, ["a", "b", "c"]))


@only("user", "root")
def test_38e_rules_see_the_directory_and_the_time(case):
    (case.workspace / "src").mkdir()
    case.give(case.workspace / "src")
    rule = {**effect_rule("shell.run", "allow", ["touch", "file"]), "conditions":
            {"argv": ["touch", "file"], "cwd": "filesystem:workspace:src/*", "timeout_max_s": 10}}
    allow(case, "shell:touch", "--constraints", rules_file(case, rule))
    with Session(case, *COMMANDS) as session:
        for more in ({}, {"timeout_s": 5}, {"working_directory": "src"}, {"working_directory": "src", "timeout_s": 10.5}):
            expect_equal((more, run(session, "touch", "file", **more)), (more, "denied"))
        expect_equal(made(case), ["src"])
        expect_equal(run(session, "touch", "file", working_directory="src", timeout_s=10), 0)
        expect_equal(sorted(os.listdir(case.workspace / "src")), ["file"])
        allow(case, "shell:touch")  # the ablation
        expect_equal((run(session, "touch", "file"), made(case)), (0, ["file", "src"]))


DESTRUCTIVE = (["rm", "victim"], ["/bin/rm", "victim"], ["rmdir", "directory"], ["chmod", "000", "victim"], ["env", "rm", "victim"],
               ["sh", "-c", "true; rm victim"], ["bash", "-c", "(rm victim)"], ["env", "-S", "rm victim"], ["xargs", "rm", "victim"],
               ["find", ".", "-name", "victim", "-exec", "rm", "{}", ";"], ["python3", "-c", "import os; os.system('rm victim')"],
               ["awk", "BEGIN { system(\"rm victim\") }"], ["sudo", "true"], ["git", "rm", "victim"])


def test_39_what_destroys_is_denied_when_everything_is_allowed(case):
    case.write("victim", "alive\n")
    (case.workspace / "directory").mkdir()
    case.give(case.workspace / "directory")
    allow(case, "shell:*")
    names = sorted({pathlib.Path(argv[0]).name for argv in DESTRUCTIVE})
    everything = approvals(case, *[f"effect: run, program: {name}" for name in names])[1]
    log = log_option(case)
    for subject in ("agent:tester", None):  # a person's own session as well
        with Session(case, *COMMANDS, "--audit", log, subject=subject, approve=everything) as session:
            for argv in DESTRUCTIVE:
                expect_equal((argv, run(session, *argv)), (argv, "denied"))
            expect_equal(run(session, "touch", "works"), 0)
    expect_equal(asked(log), [])
    expect_equal(((case.workspace / "victim").read_text(), made(case)), ("alive\n", ["directory", "victim", "works"]))
    # The control: outside of a session the first does what it says. The ablation: words are no boundary, and one that is
    # not in the list destroys; what bounds it is the sandbox of the command.
    with Session(case, *COMMANDS) as session:
        expect_equal(run(session, "unlink", "works"), 0)
    case.on_host(*DESTRUCTIVE[0])
    expect_equal(made(case), ["directory"])


def test_40_an_approval_is_for_the_exact_words(case):
    allow(case, "shell:*", "--effect", "ask")
    entry = "effect: once, program: touch, exact: [a, b]"
    with Session(case, *COMMANDS, approve=approvals(case, entry)[1]) as session:
        for words in (["a", "c"], ["a"], ["a", "b", "c"], ["a b"], ["b", "a"]):
            expect_equal((words, run(session, "touch", *words)), (words, "denied"))
        expect_equal(made(case), [])
        expect_equal((run(session, "touch", "a", "b"), made(case)), (0, ["a", "b"]))
    # The ablation: an approval that names no words.
    with Session(case, *COMMANDS, approve=approvals(case, "effect: once, program: touch")[1]) as session:
        expect_equal((run(session, "touch", "a", "c"), made(case)), (0, ["a", "b", "c"]))


def test_40_an_answer_in_the_queue_is_for_the_call_that_waits(case):
    allow(case, "shell:*", "--effect", "ask")
    hashes = []
    with Session(case, *COMMANDS, approve="queue:60s") as session:
        for words, act, outcome in ((["a"], "approve", 0), (["b"], "deny", "denied"), (["a"], "deny", "denied")):
            call = Later(run, session, "touch", *words)
            row = waiting(case)
            expect_equal(row["payload"]["object"], {"kind": "command", "text": "touch", "argv": ["touch", *words]})
            hashes.append(row["argument_hash"])
            decide(case, act, row)
            expect_equal(call.answer(), outcome)
    assert hashes[0] == hashes[2] != hashes[1], hashes
    expect_equal(made(case), ["a"])


def test_32_a_counted_grant_is_used_up(case):
    allow(case, "shell:touch", "--uses", "1")
    with Session(case, *COMMANDS) as session:
        expect_equal((run(session, "touch", "a"), run(session, "touch", "b"), made(case)), (0, "denied", ["a"]))
        allow(case, "shell:touch", "--uses", "2")  # the ablation
        expect_equal((run(session, "touch", "b"), run(session, "touch", "c"), run(session, "touch", "d")), (0, 0, "denied"))
        expect_equal(made(case), ["a", "b", "c"])


if __name__ == "__main__":
    sys.exit(main(globals()))
