#!/usr/bin/env python3
"""Rules that ask about commands: the stand-in waits, somebody answers, and the command runs with the arguments that were
asked about, or does not run."""

import contextlib
import os
import pathlib
import pty
import select
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from answering import Somebody, approvals  # noqa: E402
from command_profiles import ruled, tool  # noqa: E402
from writ_testing import expect_equal, expect_in, main, marked_processes, only, wait_until  # noqa: E402

COMMAND_CALL = 0x00575249  # broker/policy/command_call.h


def scene(case, script='echo "ran $*"', rules="  - {{program: '{}', effect: ask, reason: it matters}}\n"):
    say = tool(case, "say", script)
    return str(say), ["--profile", ruled(case, rules.format(say))]


def test_an_answer_of_a_program(case):
    say, options = scene(case)
    script = f"{say} a b; echo $?; {say} a b; echo $?"
    for answer, result, count in (("once", "ran a b\n0\n" * 2, 2), ("run", "ran a b\n0\n" * 2, 1), ("deny", "126\n" * 2, 2)):
        with Somebody(answer) as somebody:
            done = case.run(*options, *somebody.options, program=["sh", "-c", script], **somebody.inherited)
            expect_equal((answer, done.stdout, len(somebody.questions)), (answer, result, count))
            question = somebody.questions[0]
            expect_equal(question["object"], {"kind": "command", "text": say, "argv": [say, "a", "b"]})
            expect_equal((question["rights"], question["rule"]["text"]), (["execute"], f"ask {say} …"))
            expect_in("main.yaml:", question["rule"]["origin"])
            expect_equal(question["answers"], ["deny", "once", "run", "always"])
            if answer == "deny":
                expect_in(f"writ: '{say}' may not be run like this: the rule 'ask {say} …' wants somebody to be asked: it "
                          "matters; the answer was no (descriptor", done.stderr)


def test_for_the_run_is_exactly_these_arguments(case):
    say, options = scene(case)
    script = "\n".join(f"{say} {words}" for words in ("a b", "a", "a b c", "'a b'", "a b", "a c")) + f"\nexec -a other {say} a b\n"
    with Somebody("run") as somebody:
        done = case.run(*options, *somebody.options, program=["bash", "-c", script], **somebody.inherited)
        expect_equal(done.stdout.splitlines(), ["ran a b", "ran a", "ran a b c", "ran a b", "ran a b", "ran a c", "ran a b"])
        # What the tool calls the program is not what is run: the last one is the first one.
        expect_equal([question["object"]["argv"][1:] for question in somebody.questions],
                     [["a", "b"], ["a"], ["a", "b", "c"], ["a b"], ["a", "c"]])


def test_deny_and_allow_beside_ask(case):
    say, options = scene(case, rules="""
  - {{program: '{0}', prefix: [never], effect: deny}}
  - {{program: '{0}', prefix: [perhaps], effect: ask}}
  - {{program: '{0}', effect: allow}}
""")
    with Somebody("once") as somebody:
        done = case.run(*options, *somebody.options, program=["sh", "-c", f"{say} never; {say} perhaps; {say} often"],
                        **somebody.inherited)
        expect_equal((done.stdout, len(somebody.questions)), ("ran perhaps\nran often\n", 1))


def test_for_ever_is_a_file_of_the_persons(case):
    say, options = scene(case)
    with Somebody("always") as somebody:
        done = case.run(*options, *somebody.options, program=["sh", "-c", f"{say} a 'b, c'; {say} a 'b, c'"], **somebody.inherited)
        expect_equal((done.stdout, len(somebody.questions)), ("ran a b, c\n" * 2, 1))
        rule = somebody.questions[0]["always_rule"]
        expect_equal(rule, f"{{effect: run, program: {say}, exact: [a, 'b, c']}}")
    expect_in(rule, (case.home / ".config/writ/approvals/main.yaml").read_text())
    with Somebody("deny") as somebody:
        done = case.run(*options, *somebody.options, program=["sh", "-c", f"{say} a 'b, c'; {say} a b c; {say} a"], **somebody.inherited)
        expect_equal((done.stdout, [question["object"]["argv"][1:] for question in somebody.questions]),
                     ("ran a b, c\n", [["a", "b", "c"], ["a"]]))


def test_an_approval_file(case):
    say, options = scene(case)
    script = f"{say} a; echo $?; {say} b; echo $?"
    for effect, first in (("once", "ran a\n0\n"), ("run", "ran a\n0\n"), ("deny", "126\n")):
        file = approvals(case, f"effect: {effect}, program: '{say}', exact: [a]")
        done = case.run(*options, *file, program=["sh", "-c", script])
        expect_equal((effect, done.stdout), (effect, first + "126\n"))
        expect_in("nothing in", done.stderr)
    done = case.run(*options, "--approve=deny", program=["sh", "-c", script])
    expect_equal(done.stdout, "126\n126\n")
    expect_in("the answer was no (policy_deny", done.stderr)
    done = case.run(*options, program=["sh", "-c", script], start_new_session=True)
    expect_equal(done.stdout, "126\n126\n")
    expect_in("the answer was no (no_terminal", done.stderr)


def test_the_report(case):
    say, options = scene(case)
    with Somebody(lambda question: "once" if question["object"]["argv"][1] == "a" else "deny") as somebody:
        _, report = case.report(*options, *somebody.options, program=["sh", "-c", f"{say} a; {say} b"], **somebody.inherited)
        expect_equal([(entry["argv"][1], entry["decision"], entry["end"]) for entry in report["commands"]],
                     [("a", "ask", "finished"), ("b", "ask", "refused")])
        expect_equal([(entry["kind"], entry["object"], entry["argv"], entry["answer"]) for entry in report["approvals"]],
                     [("command", say, [say, "a"], "once"), ("command", say, [say, "b"], "deny")])


def test_streams_directory_and_status_are_the_callers(case):
    say, options = scene(case, "cat; pwd; exit 7")
    with Somebody("once") as somebody:
        done = case.run(*options, *somebody.options, program=["sh", "-c", f"mkdir d; cd d; echo in | {say}; echo $?"], **somebody.inherited)
        expect_equal(done.stdout.splitlines(), ["in", f"{case.workspace}/d", "7"])


def test_a_nested_command_asks_nobody(case):
    """The sandbox of an allowed command has the same rules here, and nobody to ask."""
    inner = tool(case, "inner", "echo inner")
    outer = tool(case, "outer", f"{inner}; echo $?")
    rules = f"  - {{program: '{outer}', effect: ask}}\n  - {{program: '{inner}', effect: ask}}\n"
    options = ["--profile", ruled(case, rules)]
    with Somebody("run") as somebody:
        done = case.run(*options, *somebody.options, program=["sh", "-c", f"{inner}; {outer}"], **somebody.inherited)
        expect_equal((done.stdout, len(somebody.questions)), ("inner\n126\n", 2))


REWRITE = f"""
import ctypes, os, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
word = ctypes.create_string_buffer(b"good")
argv = (ctypes.c_char_p * 3)(sys.argv[1].encode(), ctypes.cast(word, ctypes.c_char_p), None)
os.close(1)
os.open("out", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
status = []
thread = threading.Thread(target=lambda: status.append(libc.syscall({COMMAND_CALL}, 2, argv)))
thread.start()
while not os.path.exists("asked"): time.sleep(0.01)
word.value = b"evil"          # the bytes
other = ctypes.create_string_buffer(b"evil")
argv[1] = ctypes.cast(other, ctypes.c_char_p)   # and the pointer
open("rewritten", "w").close()
thread.join()
os.write(2, b"status %d\\n" % status[0])
"""


def test_arguments_that_change_after_the_question_have_no_effect(case):
    say, options = scene(case)

    def when_rewritten(_):
        case.write("asked")
        return "run" if wait_until(lambda: (case.workspace / "rewritten").exists(), 20) else "deny"
    with Somebody(when_rewritten) as somebody:
        done = case.run(*options, *somebody.options, program=["/usr/bin/python3", "-c", REWRITE, say], **somebody.inherited)
        expect_in("status 0", done.stderr)
        expect_equal(somebody.questions[0]["object"]["argv"], [say, "good"])
    expect_equal((case.workspace / "out").read_text(), "ran good\n")


def test_a_caller_that_is_killed_withdraws_its_question(case):
    say, options = scene(case)
    script = f"{say} a & while ! test -e asked; do sleep 0.05; done; kill -9 $!; wait $!; while ! test -e withdrawn; do sleep 0.05; done"
    with Somebody(None) as somebody:
        process = case.start(*options, *somebody.options, program=["sh", "-c", script], stdout=subprocess.PIPE, text=True,
                             **somebody.inherited)
        question = somebody.wait_for(1)[0]
        case.write("asked")
        assert wait_until(lambda: somebody.withdrawn, 10), "the question was not withdrawn"
        expect_equal((somebody.withdrawn[0]["id"], somebody.withdrawn[0]["cause"]), (question["id"], "asker_gone"))
        somebody.say(question, "run")  # too late
        case.write("withdrawn")
        expect_equal((process.communicate(timeout=20)[0], process.returncode), ("", 0))
    expect_equal(marked_processes(case.mark), [])


def test_a_caller_that_is_interrupted_withdraws_its_question(case):
    say, options = scene(case)
    script = f"timeout -s INT 1 {say} a; echo $?; while ! test -e withdrawn; do sleep 0.05; done"
    with Somebody(None) as somebody:
        process = case.start(*options, *somebody.options, program=["sh", "-c", script], stdout=subprocess.PIPE, text=True,
                             **somebody.inherited)
        assert wait_until(lambda: somebody.withdrawn, 20), "the question was not withdrawn"
        case.write("withdrawn")
        expect_equal((process.communicate(timeout=20)[0], len(somebody.questions)), ("124\n", 1))


def test_the_end_of_the_run_ends_the_question(case):
    say, options = scene(case)
    with Somebody(None) as somebody:
        done = case.run(*options, *somebody.options, "--timeout", "2s", program=[say, "a"], **somebody.inherited)
        expect_equal((done.returncode, done.stdout, len(somebody.questions)), (124, "", 1))
    assert wait_until(lambda: marked_processes(case.mark) == [], 10), "something is left"


def test_a_flood_is_limited(case):
    say, options = scene(case)
    script = f"i=0; while test $i -lt 30; do {say} $i; i=$((i+1)); done"
    with Somebody("deny") as somebody:
        done = case.run(*options, *somebody.options, program=["sh", "-c", script], **somebody.inherited)
        expect_equal((done.stdout, len(somebody.questions)), ("", 12))
        expect_in("the tool asks too often", done.stderr)


@only("root", "user")
def test_a_person_at_the_terminal(case):
    say, options = scene(case)
    # What is asked about must not be able to draw: the word holds control characters.
    command = case.command(*options, program=["sh", "-c", f"{say} a \"$(printf 'b\\033[2J')\"; {say} a; echo the-end-$?"])
    pid, master = pty.fork()
    if pid == 0:
        os.chdir(case.workspace)
        identity = case.identity()
        if identity:
            os.setgroups([])
            os.setgid(identity["group"])
            os.setuid(identity["user"])
        os.execve(command[0], command, {**case.environment(), "TERM": "dumb"})
    shown = b""

    def until(text, count=1, seconds=20):
        nonlocal shown
        end = time.monotonic() + seconds
        while shown.count(text) < count:
            assert time.monotonic() < end, f"{text!r} not shown {count} times: {shown!r}"
            if select.select([master], [], [], 0.1)[0]:
                try:
                    shown += os.read(master, 65536)
                except OSError:
                    assert shown.count(text) >= count, f"the end before {text!r}: {shown!r}"
    try:
        for number, answer in ((1, b"once\r"), (2, b"deny\r")):
            until(b"Enter alone denies): ", number)
            if number == 1:
                expect_in(b"\\x1b[2J", shown)
                assert b"\x1b[2J" not in shown, shown
            expect_in(b"it matters", shown)
            time.sleep(0.7)  # keys count after a moment in which the question can be read
            os.write(master, answer)
        until(b"the-end-126")
        expect_equal(shown.count(b"ran a "), 1)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(master)


def test_explain_and_why_know(case):
    say, options = scene(case)
    explained = case.writ("profile", "explain", "main")
    line = next(line for line in explained.stdout.splitlines() if f"ask {say}" in line)
    expect_in("asked: the call waits while somebody decides", line)
    why = case.writ("why", "main", "exec", "--", say, "a")
    expect_equal(why.returncode, 3)
    expect_in("asked: the call waits", why.stdout)


if __name__ == "__main__":
    sys.exit(main(globals()))
