#!/usr/bin/env python3
"""Rules that ask: real programs in places that somebody allows or denies while their calls wait; who answers, and how far
each answer reaches."""

import os
import pathlib
import re
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from asking import LOOK, Peer, answer_file, answered, ask_profile, at_terminal, profile_of, python, scene  # noqa: E402
from writ_testing import expect_equal, expect_in, expect_not_in, main, need  # noqa: E402

# --- the answers ---

def test_once_gives_one_file(case):
    place = scene(case)
    result, peer = answered(case, "once", ["cat", place / "customers"], profile_of(case, place))
    expect_equal((result.returncode, result.stdout), (0, "customers\n"))
    expect_equal(peer.objects(), [f"{place}/customers"])
    question = peer.questions[0]
    expect_equal(question["rights"], ["read"])
    expect_equal(question["answers"], ["deny", "once", "run", "always"])
    expect_equal(question["rule"]["reason"], "the test's")
    expect_in("asking.yaml", question["rule"]["origin"])
    assert question["asker"]["program"].endswith("/cat"), question["asker"]


def test_once_is_asked_again(case):
    place = scene(case)
    answers = iter(["once", "deny", "once"])
    result, peer = answered(case, lambda _: next(answers), python(f"""
for i in range(3):
    try: print(open({str(place / 'other')!r}).read().strip())
    except PermissionError: print('denied')
"""), profile_of(case, place))
    expect_equal((result.returncode, result.stdout), (0, "other\ndenied\nother\n"))
    expect_equal(len(peer.questions), 3)


def test_once_is_read_only(case):
    place = scene(case)
    result, peer = answered(case, "once", python(f"""
fd = os.open({str(place / 'other')!r}, os.O_RDONLY | os.O_APPEND | os.O_NONBLOCK)
def attempt(name, call):
    try: call(); print(name, 'done')
    except OSError as error: print(name, errno.errorcode[error.errno])
attempt('write', lambda: os.write(fd, b'x'))
attempt('chmod', lambda: os.fchmod(fd, 0o777)); attempt('truncate', lambda: os.ftruncate(fd, 0))
attempt('again', lambda: os.open(f'/proc/self/fd/{{fd}}', os.O_RDWR))
attempt('up', lambda: os.open('..', os.O_RDONLY, dir_fd=fd)); attempt('here', lambda: os.fchdir(fd))
print(os.get_inheritable(fd), os.read(fd, 100))
"""), profile_of(case, place))
    lines = dict(line.split(" ", 1) for line in result.stdout.splitlines())
    assert "done" not in lines.values(), result.stdout
    expect_equal(lines["False"], "b'other\\n'")
    expect_equal((place / "other").read_text(), "other\n")
    expect_equal(oct((place / "other").stat().st_mode), "0o100644")
    expect_equal(len(peer.questions), 1)


def test_run_joins_the_view(case):
    place = scene(case)
    result, peer = answered(case, "run", ["sh", "-c", f"cat {place}/customers; cd {place}/sub; cat inner deep/leaf; ls; find {place} | wc -l; test -w {place} || echo ro"],
                            profile_of(case, place))
    expect_equal((result.returncode, result.stdout), (0, "customers\ninner\nleaf\ndeep\ninner\n7\nro\n"))
    # About the one file, and then about the place, with everything that it gives.
    expect_equal([(q["object"]["text"], q["rights"]) for q in peer.questions], [(f"{place}/customers", ["read"]), (str(place), ["read", "list"])])
    case.nothing_left()


def test_run_about_a_file_is_about_that_file(case):
    place = scene(case)
    result, peer = answered(case, lambda q: "run" if q["object"]["text"].endswith("customers") else "deny",
                            ["sh", "-c", f"cat {place}/customers; cat {place}/customers; cat {place}/other; ls {place}"], profile_of(case, place))
    expect_equal(result.stdout, "customers\ncustomers\n")
    expect_equal(peer.objects(), [f"{place}/customers", f"{place}/other", str(place)])


def test_always_is_remembered_by_later_runs(case):
    place = scene(case)
    profile = profile_of(case, place)
    result, peer = answered(case, "always", ["cat", place / "customers"], profile)
    expect_equal((result.returncode, result.stdout), (0, "customers\n"))
    file = case.home / ".config/writ/approvals/asking.yaml"
    expect_equal(oct(file.stat().st_mode), "0o100600")
    expect_in(peer.questions[0]["always_rule"], file.read_text())
    later, peer = answered(case, "deny", ["cat", place / "customers"], profile)
    expect_equal((later.returncode, later.stdout, peer.questions), (0, "customers\n", []))
    strict = case.run("--profile", profile, "--approve", "deny", program=["cat", place / "customers"])
    expect_equal(strict.returncode, 1)
    # What is not written there is asked about as before.
    other, peer = answered(case, "deny", ["cat", place / "other"], profile)
    expect_equal((other.returncode, peer.objects()), (1, [f"{place}/other"]))
    second, peer = answered(case, "always", ["cat", place / "other"], profile)
    expect_equal(second.returncode, 0)
    expect_equal(file.read_text().count("effect"), 2)


def test_deny(case):
    place = scene(case)
    result, peer = answered(case, "deny", ["cat", place / "customers"], profile_of(case, place))
    expect_equal((result.returncode, result.stdout), (1, ""))
    expect_in("Permission denied", result.stderr)
    expect_in("writ: denied: read", result.stderr)
    expect_equal(len(peer.questions), 1)


def test_approval_file(case):
    place = scene(case)
    profile = profile_of(case, place)
    answers = answer_file(case.base, ("once", "read", place / "customers"), ("run", LOOK, f"{place}/sub/*"))
    result, report = case.report("--profile", profile, "--approve", answers,
                                 program=["sh", "-c", f"cat {place}/customers; cat {place}/other; ls {place}; true"])
    expect_equal((result.returncode, result.stdout), (0, "customers\n"))
    expect_equal([(entry["object"], entry["answer"], entry["cause"]) for entry in report["approvals"]],
                 [(f"{place}/customers", "once", "file"), (f"{place}/other", "deny", "file"), (f"{place}", "deny", "file")])
    expect_equal({entry["path"] for entry in report["denials"]}, {f"{place}/other", f"{place}"})
    expect_in(f"writ: denied: read '{place}/other' to cat", result.stderr)
    joined = case.run("--profile", profile, "--approve", answers, program=["cat", place / "sub/inner", place / "other"])
    expect_equal((joined.returncode, joined.stdout), (1, "inner\n"))  # an entry about a part is not about the place


def test_nobody_to_ask(case):
    place = scene(case)
    for options in ([], ["--approve", "ask"], ["--approve", "deny"]):
        result = case.run("--profile", profile_of(case, place), *options, program=["cat", place / "customers"], start_new_session=True)
        expect_equal((result.returncode, result.stdout), (1, ""))
        expect_in("Permission denied", result.stderr)


def test_peer_that_goes_away(case):
    place = scene(case)
    def decide(_):
        peer.ours.shutdown(2)
    with Peer(decide) as peer:
        result = case.run("--profile", profile_of(case, place), *peer.options, program=["sh", "-c", f"cat {place}/customers; cat {place}/other; echo end"],
                          timeout=30, **peer.passed)
    expect_equal((result.returncode, result.stdout), (0, "end\n"))
    expect_equal(len(peer.questions), 1)


def test_terminal(case):
    place = scene(case)
    for word, expected in (("once", "[customers]"), ("deny", "[]"), ("run", "[customers]")):
        command = case.command("--profile", profile_of(case, place), program=["sh", "-c", f'echo "[$(cat {place}/customers)]"'])
        status, shown, typed = at_terminal(command, word, case.environment(TERM="xterm"), case.workspace, case.identity())
        expect_equal((word, status, typed), (word, 0, True))
        plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode())
        expect_in(f"'{place}/customers'", plain)
        expect_in(expected, plain)


# --- programs ---

def test_listing_programs(case):
    need("git", "grep", "find")
    place = scene(case)
    profile = profile_of(case, place)
    for program, text in ((["ls", "-R", place], "leaf"), (["find", place, "-name", "leaf"], "leaf"), (["grep", "-r", "inner", place], "sub/inner:inner"),
                          (python(f"print(sorted(e.name for e in os.scandir({str(place)!r})))"), "['customers', 'other', 'sub']"),
                          (python(f"print(sorted(p.name for p in pathlib.Path({str(place)!r}).rglob('*')))"), "leaf"),
                          (python(f"os.chdir({str(place)!r}); print(open('sub/inner').read(), os.getcwd())"), "inner"),
                          (python(f"print(os.stat({str(place / 'other')!r}).st_size, os.path.exists({str(place / 'nothing')!r}))"), "6 False"),
                          (python(f"fd = os.open({str(place)!r}, os.O_PATH); print(os.listdir({str(place)!r})[0] in 'customers other sub', os.read(os.open('other', os.O_RDONLY, dir_fd=os.open({str(place)!r}, os.O_RDONLY)), 5))"), "True b'other'")):
        allowed, peer = answered(case, "run", program, profile)
        expect_equal((program, allowed.returncode, allowed.stderr), (program, 0, ""))
        expect_in(text, allowed.stdout)
        expect_equal(len(peer.questions), 1)
        denied, peer = answered(case, "deny", program, profile)
        expect_not_in(text, denied.stdout)
        assert denied.returncode != 0 or "rglob" in program[-1], (program, denied.stdout)  # pathlib passes over it
        assert peer.questions, program


def test_git_in_an_asked_tree(case):
    need("git")
    place = scene(case)
    for command in (["init", "-q"], ["add", "."], ["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "one"]):
        case.on_host("git", *command, cwd=place)
    program = ["git", "-c", "safe.directory=*", "-C", place, "log", "--format=%s"]
    result, peer = answered(case, "run", program, profile_of(case, place))
    expect_equal((result.returncode, result.stdout, len(peer.questions)), (0, "one\n", 1))
    status, _ = answered(case, "run", ["git", "-c", "safe.directory=*", "-C", place, "status", "--short"], profile_of(case, place))
    expect_equal((status.returncode, status.stdout), (0, ""))
    denied, _ = answered(case, "deny", program, profile_of(case, place))
    assert denied.returncode != 0 and "one" not in denied.stdout


def test_inotify(case):
    place = scene(case)
    code = python(f"""
import ctypes
libc = ctypes.CDLL(None, use_errno=True); fd = libc.inotify_init1(0)
print(libc.inotify_add_watch(fd, {str(place / 'sub')!r}.encode(), 0x100) > 0, errno.errorcode.get(ctypes.get_errno()))
""")
    result, peer = answered(case, "run", code, profile_of(case, place))
    expect_equal((result.stdout, len(peer.questions)), ("True None\n", 1))
    result, peer = answered(case, "deny", code, profile_of(case, place))
    expect_equal((result.stdout, len(peer.questions)), ("False EACCES\n", 1))


def test_execution(case):
    place = scene(case)
    case.write("tool", "#!/bin/sh\necho ran\n", mode=0o755, inside=place)
    program = ["sh", "-c", f"{place}/tool"]
    result, peer = answered(case, "run", program, profile_of(case, place, "read, list, execute"))
    expect_equal((result.returncode, result.stdout), (0, "ran\n"))
    expect_in("execute", peer.questions[0]["rights"])
    # Without the right nobody is asked about executing, and what has joined cannot be executed.
    result, peer = answered(case, "run", ["sh", "-c", f"{place}/tool; cat {place}/customers; {place}/tool"], profile_of(case, place))
    assert result.returncode != 0
    expect_equal(result.stdout, "customers\n")
    expect_equal([q["rights"] for q in peer.questions], [["read"]])
    # An answer for the run is about executing as well where the rule is, and says so.
    result, peer = answered(case, "deny", ["ls", place], profile_of(case, place, "read, list, execute"))
    expect_equal(peer.questions[0]["rights"], ["read", "execute", "list"])


def test_denied_execution_above_is_stronger(case):
    place = scene(case)
    case.write("tool", "#!/bin/sh\necho ran\n", mode=0o755, inside=place)
    profile = ask_profile(case.base, [(f"{place}/*", "read, list, execute"), f"effect: deny, rights: [execute], path: '{case.base}/*'"])
    result, _ = answered(case, "run", ["sh", "-c", f"cat {place}/customers; {place}/tool"], profile)
    expect_not_in("ran", result.stdout)


# --- writing ---

def test_writing_asks(case):
    case.write("results/old", "old\n")
    case.write("free", "free\n")
    profile = ask_profile(case.base, [("${workspace}/results/*", "write")])
    script = "cat results/old; echo new > results/new; echo more >> results/old; mkdir results/d; rm results/old; mv free results/free; echo changed > free; true"
    denied, peer = answered(case, "deny", ["sh", "-c", script], profile)
    expect_equal(denied.stdout, "old\n")
    expect_equal(sorted(os.listdir(case.workspace / "results")), ["old"])
    expect_equal({q["rights"][0] for q in peer.questions}, {"write"})
    assert len(peer.questions) >= 4, peer.objects()
    allowed, peer = answered(case, "once", ["sh", "-ec", script], profile)
    expect_equal((allowed.returncode, allowed.stderr), (0, ""))
    expect_equal(sorted(os.listdir(case.workspace / "results")), ["d", "free", "new"])
    case.assert_owned("results/new", "results/d", "free")


def test_writing_remembers_what_was_asked(case):
    case.write("results/a", "")
    case.write("results/b", "")
    profile = ask_profile(case.base, [("${workspace}/results/*", "write")])
    result, peer = answered(case, lambda q: "run" if q["object"]["text"].endswith("/a") else "deny",
                            ["sh", "-c", "echo 1 > results/a; echo 2 > results/a; echo 3 > results/b; echo 4 > results/a; rm results/a"], profile)
    expect_equal([os.path.basename(name) for name in peer.objects()], ["a", "b"])
    expect_equal(os.listdir(case.workspace / "results"), ["b"])
    expect_equal((case.workspace / "results/b").read_text(), "")


def test_rules_that_cannot_ask_say_so(case):
    case.write("results/old", "old\n")
    profile = ask_profile(case.base, [("${workspace}/results/*", "write")], extends="build")
    result, peer = answered(case, "once", ["sh", "-c", "echo x > results/old; cat results/old"], profile)
    expect_equal((result.stdout, peer.questions), ("old\n", []))
    expect_in("nobody is asked about it", result.stderr)


# --- around it ---

def test_callers_that_are_gone(case):
    """A question whose caller was killed is withdrawn, and the run goes on."""
    place = scene(case)
    with Peer(lambda q: None if q["object"]["text"].endswith("/customers") else "once") as peer:
        result = case.run("--profile", profile_of(case, place), *peer.options, **peer.passed, timeout=40, program=["sh", "-c", f"""
cat {place}/customers & pid=$!; sleep 1; kill -9 $pid; wait $pid; echo killed $?; sleep 1; cat {place}/other"""])
        peer.wait_for(1, what="withdrawn")
    expect_equal((result.returncode, result.stdout), (0, "killed 137\nother\n"))
    expect_equal([message["cause"] for message in peer.withdrawn], ["asker_gone"])


def test_run_ends_while_a_question_waits(case):
    place = scene(case)
    with Peer(lambda _: None) as peer:
        result = case.run("--profile", profile_of(case, place), *peer.options, **peer.passed, timeout=30,
                          program=["sh", "-c", f"cat {place}/customers & sleep 0.5; echo end"])
    expect_equal((result.returncode, result.stdout), (0, "end\n"))
    case.nothing_left()


def fewest_descriptors(pid):
    """The broker closes its copy of what it handed over when the tool runs already: the fewest of some looks count."""
    counts = []
    for _ in range(10):
        counts.append(len(os.listdir(f"/proc/{pid}/fd")))
        time.sleep(0.02)
    return min(counts)


def test_descriptors_of_the_broker(case):
    """Nothing of a question stays open in the broker."""
    place = scene(case)
    with Peer(lambda q: "once") as peer:
        process = case.start("--profile", profile_of(case, place), *peer.options, **peer.passed, stdin=-1, stdout=-1, program=python(f"""
def ask(count):
    for _ in range(count):
        os.close(os.open({str(place / 'customers')!r}, os.O_RDONLY))
ask(2); print('first', flush=True); sys.stdin.readline(); ask(6); print('second', flush=True); sys.stdin.readline()
"""))
        try:
            counts = []
            for expected in (b"first\n", b"second\n"):
                expect_equal(process.stdout.readline(), expected)
                counts.append(fewest_descriptors(process.pid) if os.geteuid() == 0 else 0)
                process.stdin.write(b"\n")
                process.stdin.flush()
            process.wait(20)
        finally:
            process.kill()
            process.stdin.close()
            process.stdout.close()
    assert counts[1] <= counts[0], counts
    expect_equal(process.returncode, 0)
    expect_equal(len(peer.questions), 8)
    case.nothing_left()


def test_commands_are_never_asked(case):
    """What a command of the tool does in its own sandbox is nobody's question."""
    place = scene(case)
    profile = ask_profile(case.base, [(f"{place}/*", LOOK)], rest="commands:\n  - {program: cat, effect: allow}\n")
    result, peer = answered(case, "run", ["sh", "-c", f"cat {place}/customers; echo end"], profile)
    expect_equal((result.stdout, peer.questions), ("end\n", []))


def test_dry_run_shows_the_places(case):
    place = scene(case)
    result = case.run("--profile", profile_of(case, place), "--dry-run", program=["true"])
    assert any(line.split() == ["asked", str(place)] for line in result.stdout.splitlines()), result.stdout


def test_standing_approvals_are_the_persons(case):
    """A file of standing approvals that is wrong stops the launch, and one where the tool can write answers nothing."""
    place = scene(case)
    profile = profile_of(case, place)
    standing = case.write_home(".config/writ/approvals/asking.yaml", "version: 1\napprovals: [{effect: run, rights: [read], path: /x, colour: red}]\n", mode=0o600)
    case.refused("--profile", profile, says="asking.yaml:2:.*colour")
    standing.write_text(f"version: 1\napprovals:\n  - {{effect: run, rights: [read], path: '{place}/*'}}")  # without a line end
    result, peer = answered(case, "deny", ["cat", place / "customers"], profile)
    expect_equal((result.stdout, peer.questions), ("customers\n", []))
    standing.chmod(0o666)
    case.refused("--profile", profile, says="written by everybody")
    standing.chmod(0o600)
    environment = case.environment(XDG_CONFIG_HOME=str(case.workspace / "config"))
    with Peer(lambda _: "once") as peer:
        result = case.run("--profile", profile, *peer.options, **peer.passed, environment=environment, program=["cat", place / "customers"])
    expect_equal((result.returncode, "always" in peer.questions[0]["answers"]), (0, False))
    case.write("config/writ/approvals/asking.yaml", standing.read_text())
    case.refused("--profile", profile, says="where the tool can write", environment=environment)


def test_always_keeps_what_is_there(case):
    place = scene(case)
    profile = profile_of(case, place)
    standing = case.write_home(".config/writ/approvals/asking.yaml", "version: 1\napprovals: [{effect: deny, rights: [read], path: /x}]\n", mode=0o600)
    before = standing.read_text()
    result, _ = answered(case, "always", ["cat", place / "customers"], profile)
    expect_equal((result.returncode, result.stdout), (0, "customers\n"))
    expect_in("allowed for this run only", result.stderr)
    expect_equal(standing.read_text(), before)


if __name__ == "__main__":
    sys.exit(main(globals()))
