#!/usr/bin/env python3
"""`writ why`: the answers, that what it proposes works, and that it agrees with what `writ run` then does."""

import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from writ_testing import expect_equal, expect_in, expect_not_in, main  # noqa: E402

ALLOW, DENY, ASK, TROUBLE = 0, 1, 3, 125


def why(case, *words, status):
    result = case.writ("why", *words)
    expect_equal((words, result.returncode, result.stderr), (words, status, ""))
    return result.stdout


def answers(case, *words, status):
    return json.loads(why(case, "--json", *words, status=status))["answers"]


def answer(case, *words, status):
    (one,) = answers(case, *words, status=status)
    return one


def test_text(case):
    case.write_home(".ssh/id_ed25519", "key")
    text = why(case, "default", "read", case.home / ".ssh/id_ed25519", status=DENY)
    expect_in(f"deny: read {case.home}/.ssh/id_ed25519\n", text)
    expect_in("a place for secrets that nothing names exactly", text)
    expect_in("enforced by  not in the view", text)
    expect_in(f"- {{effect: allow, rights: [read], path: {case.home}/.ssh/id_ed25519}}", text)
    expect_in(f"writ run --read {case.home}/.ssh/id_ed25519", text)
    expect_not_in("\x1b", text)


def test_rights(case):
    case.write("file")
    case.write(".envrc")
    for words, status, cause in (
            (["read", "file"], ALLOW, "rule"), (["write", "new"], ALLOW, "rule"), (["list", "."], ALLOW, "rule"),
            (["execute", "/usr/bin/env"], ALLOW, "rule"), (["write", "/usr/bin/env"], DENY, "nothing"),
            (["write", ".envrc"], DENY, "protected"), (["read", "/etc/shadow"], DENY, "secret"),
            (["read", "/srv/x"], DENY, "nothing"), (["connect", "192.0.2.1:443"], DENY, "nothing"),
            (["connect", "127.0.0.1:80"], ALLOW, "sandbox"), (["bind", "[::1]:80"], ALLOW, "sandbox"),
            (["connect", "169.254.169.254:80"], DENY, "secret")):
        found = answer(case, "default", *words, status=status)
        expect_equal((words, found["cause"]), (words, cause))
        assert found["enforced_by"] and found["decided_by"], found


def test_several_targets(case):
    found = answers(case, "default", "read", "a", "/srv/x", "/etc/passwd", status=DENY)
    expect_equal([row["decision"] for row in found], ["allow", "deny", "allow"])


def test_a_rule_for_an_address_can_be_pasted(case):
    for typed in ("192.0.2.1:443", "[2001:db8::1]:443"):
        found = answer(case, "default", "connect", typed, status=DENY)
        expect_in(f"address: '{typed}'" if typed[0] == "[" else typed, found["change"]["yaml"])
        case.write("mine.yaml", f"version: 1\nname: mine\nextends: default\nrules:\n  - {found['change']['yaml']}\n")
        answer(case, "./mine.yaml", "connect", typed, status=ALLOW)


def test_paths_are_relative_to_here(case):
    case.write("sub/file")
    expect_equal(answer(case, "default", "read", "sub/../sub/file", status=ALLOW)["target"],
                 f"{case.workspace}/sub/file")


def test_options_are_those_of_run(case):
    case.write_home("data/x", "x")
    target = case.home / "data/x"
    expect_equal(answer(case, "default", "read", target, status=DENY)["cause"], "sandbox")
    expect_equal(answer(case, "default", "write", case.home / "new", status=ALLOW)["cause"], "sandbox")
    answer(case, "--read", case.home / "data", "default", "read", target, status=ALLOW)
    answer(case, "-r", case.home / "data", "default", "write", target, status=DENY)
    answer(case, "-w", case.home / "data", "default", "write", target, status=ALLOW)
    answer(case, "--network", "host", "default", "connect", "192.0.2.1:1", status=ALLOW)
    answer(case, "-C", case.home / "data", "default", "write", target, status=ALLOW)


def test_symbolic_links(case):
    case.write_home(".ssh/key", "k")
    os.symlink(case.home / ".ssh/key", case.workspace / "link")
    found = answer(case, "default", "read", "link", status=DENY)
    expect_equal((found["resolved"], found["cause"]), (f"{case.home}/.ssh/key", "secret"))
    expect_in(f"path: {case.home}/.ssh/key", found["change"]["yaml"])


def test_secrets_are_not_generalised(case):
    case.write_home(".aws/credentials", "x")
    found = answer(case, "default", "list", case.home / ".aws", status=DENY)
    assert "yaml" not in found["change"] and "option" not in found["change"], found
    found = answer(case, "default", "write", case.home / ".aws/new", status=DENY)
    expect_not_in(".aws/*", found["change"].get("yaml", ""))


def test_a_proposal_works_for_run(case):
    case.write_home("data/file", "hello")
    found = answer(case, "default", "read", case.home / "data/file", status=DENY)
    head = "version: 1\nname: mine\nextends: default\nrules:\n"
    case.write("mine.yaml", head + "  - " + found["change"]["yaml"] + "\n")
    answer(case, "./mine.yaml", "read", case.home / "data/file", status=ALLOW)
    expect_equal(case.output("--profile", "./mine.yaml", program=["cat", case.home / "data/file"]), "hello")
    option = found["change"]["option"].split()
    expect_equal(case.output(*option, program=["cat", case.home / "data/file"]), "hello")


def test_it_agrees_with_run(case):
    case.write_home(".ssh/key", "k")
    case.write("inside", "x")
    targets = ["inside", "/etc/passwd", "/etc/shadow", "/usr/bin/env", case.home / ".ssh/key", "/var/log"]
    for target, row in zip(targets, answers(case, "default", "read", *targets, status=DENY)):
        command = ["test", "-r", target]
        works = case.run(program=command).returncode == 0
        real = row["decision"] == "allow"
        assert works == real or target == "/etc/shadow", f"{target}: why says {row['decision']}, run {works}"


RULED = """version: 1
name: ruled
extends: default
rules:
  - {effect: ask, rights: [read], path: /srv/*}
  - {effect: deny, rights: [read], path: '${workspace}/closed', reason: for nobody}
commands:
  - {program: git, prefix: [push], effect: ask, reason: pushes leave the machine}
  - {program: git, prefix: [push, --force], effect: deny, reason: never}
  - {program: git, prefix: [status], effect: allow}
"""


def test_rules_and_commands(case):
    case.write("ruled.yaml", RULED)
    found = answer(case, "ruled.yaml", "read", "/srv/x", status=ASK)
    expect_equal((found["decision"], found["mechanism"]), ("ask", "asked"))
    found = answer(case, "ruled.yaml", "read", "closed", status=DENY)
    expect_equal((found["reason"], found["place"]), ("for nobody", "ruled.yaml:6"))
    expect_in("deny wins", found["change"]["advice"])
    for words, status in ((["git", "push"], ASK), (["git", "push", "--force"], DENY), (["git", "status", "-s"], ALLOW),
                          (["git", "log"], DENY), (["sh", "-c", "x y"], ALLOW)):
        found = answer(case, "ruled.yaml", "exec", "--", *words, status=status)
        expect_equal(found["cause"], "command" if words[0] == "git" else "rule")
    expect_in("exact: [log]", answer(case, "ruled.yaml", "exec", "git", "log", status=DENY)["change"]["yaml"])


def test_bad_input(case):
    case.write("wrong.yaml", "version: 1\nname: x\nfilesytem: {}\n")
    os.mkfifo(case.workspace / "fifo.yaml")
    for words, pattern in (
            ([], "required"), (["default"], "required"), (["default", "read"], "target is missing"),
            (["default", "raed", "x"], "did you mean 'read'"), (["default", "read", ""], "target is missing"),
            (["default", "exec"], "target is missing"), (["default", "exec", "no-such-program"], "no program"),
            (["default", "connect", "192.0.2.1"], ""), (["default", "connect", "1.2.3:80"], ""),
            (["default", "exec", "git", "push", "--force"], "--force"), (["no-such-profile", "read", "x"], "there is no profile"),
            (["wrong.yaml", "read", "x"], "did you mean 'filesystem'"), (["fifo.yaml", "read", "x"], "not a regular"),
            (["missing.yaml", "read", "x"], "No such file"), (["default", "read", "a\nb"], "newline"),
            (["default", "read", b"\xff\x1b"], "\\xff\\x1b"), (["default", "read", "/" + "x" * 5000], "longer"),
            (["-C", "/missing", "default", "read", "x"], "workspace"), (["-C", "/", "default", "read", "x"], "whole file"),
            (["--manifest", "missing.yaml", "default", "read", "x"], "missing.yaml")):
        result = case.writ("why", *words)
        expect_equal((words, result.returncode, result.stdout), (words, TROUBLE, ""))
        assert result.stderr.startswith("writ: "), result.stderr
        expect_in(pattern, result.stderr)
        assert "\x1b" not in result.stderr, result.stderr
    expect_in("Exit status", case.writ("why", "--help").stdout)


if __name__ == "__main__":
    sys.exit(main(globals()))
