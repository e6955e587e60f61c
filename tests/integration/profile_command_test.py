#!/usr/bin/env python3
"""`writ profile …`: what each subcommand prints, its exit status, its JSON, and bad input of every kind."""

import json
import os
import pathlib
import pty
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from writ_testing import ORDINARY_USER, SOURCE, Skip, expect_equal, expect_in, expect_not_in, main, only, writ_program  # noqa: E402

MINE = """version: 1
name: mine
description: For the tests
extends: default
variables: {data: /srv/data, never: used}
filesystem: {read: ['${data}']}
rules:
  - {effect: deny, rights: [read], path: /srv/data/private, reason: private}
limits: {processes: 77}
tests:
  - {read: /srv/data/x, expect: allow}
  - {read: /srv/data/private, expect: deny}
"""


def profile(case, *words, status=0, **options):
    result = case.writ("profile", *words, **options)
    expect_equal((result.returncode, result.stderr), (status, result.stderr if status == 125 else ""))
    return result.stdout


def as_json(case, *words, status=0):
    return json.loads(profile(case, *words, "--json", status=status))


def test_list(case):
    case.write_home(".config/writ/profiles/mine.yaml", MINE)
    case.write_home(".config/writ/profiles/broken.yaml", "version: 1\nname: broken\nfilesytem: {}\n")
    case.write_home(".config/writ/profiles/strict.yaml", MINE)
    case.write_home(".config/writ/profiles/other.yaml", MINE)
    case.write_home(".config/writ/profiles/line\nbreak.yaml", MINE)
    os.mkfifo(case.home / ".config/writ/profiles/fifo.yaml")
    text = profile(case, "list")
    expect_in("shipped\n", text)
    expect_in(f"personal, in {case.home}/.config/writ/profiles\n", text)
    expect_in("For the tests", text)
    found = {(row["place"], row["name"]): row for row in as_json(case, "list")["profiles"]}
    assert found["shipped", "default"]["usable"] and found["personal", "mine"]["usable"]
    expect_equal(found["personal", "mine"]["path"], f"{case.home}/.config/writ/profiles/mine.yaml")
    expect_in("unknown key 'filesytem' (did you mean 'filesystem'?)", found["personal", "broken"]["error"])
    expect_in("belongs to the shipped profile", found["personal", "strict"]["error"])
    expect_in("calls itself 'mine'", found["personal", "other"]["error"])
    expect_in("not a regular file", found["personal", "fifo"]["error"])
    assert not found["personal", "line\\x0abreak"]["usable"]


def test_list_from_anywhere(case):
    expect_in("default", profile(case, "list", cwd="/"))


def test_show(case):
    case.write("my.yaml", MINE)
    text = profile(case, "show", "my.yaml")
    assert text.endswith(MINE), text
    expect_in("# made of, in this order: profile 'base', profile 'default', and then this file\n", text)
    found = as_json(case, "show", "my.yaml")
    expect_equal((found["schema"], found["schema_version"], found["name"]), ("writ.profile", 1, "mine"))
    expect_equal(found["limits"]["processes"], 77)
    expect_equal([row["reason"] for row in found["rules"]], ["private"])
    assert found["filesystem"]["secrets"] and found["filesystem"]["hide"] == []


def test_show_resolved_is_the_same_policy(case):
    case.write("my.yaml", MINE)
    for name in ("base", "build", "default", "git", "node", "python", "readonly", "shell", "strict", "my.yaml"):
        text = profile(case, "show", name, "--resolved")
        expect_not_in("extends", text)
        case.write("resolved.yaml", text)
        expect_equal(profile(case, "diff", name, "./resolved.yaml"), "")
    expect_in("# my.yaml:9", text)


def test_check(case):
    case.write("my.yaml", MINE)
    text = profile(case, "check", "my.yaml")
    expect_in("my.yaml: ok, 2 cases, 1 warning\n", text)
    expect_in("my.yaml:5: 'never' is defined and never used (unused-variable)", text)
    case.write("wrong.yaml", MINE.replace("extends: default", "extends: defualt"))
    text = profile(case, "check", "my.yaml", "wrong.yaml", status=1)
    expect_in("wrong.yaml: wrong\nwrong.yaml:4:10: there is no profile 'defualt' (did you mean 'default'?)", text)
    expect_in("\n    | ", text)
    found = as_json(case, "check", "my.yaml", "wrong.yaml", status=1)
    expect_equal((found["ok"], [row["ok"] for row in found["profiles"]]), (False, [True, False]))


def test_shipped_profiles_are_right(case):
    names = [row["name"] for row in as_json(case, "list")["profiles"] if row["place"] == "shipped"]
    found = as_json(case, "check", *names)
    expect_equal([(row["profile"], row["warnings"]) for row in found["profiles"]], [(name, []) for name in names])


def test_cases(case):
    case.write("my.yaml", MINE.replace("private, expect: deny", "private, expect: allow"))
    text = profile(case, "test", "my.yaml", status=1)
    expect_in("ok     read /srv/data/x → allow", text)
    expect_in("my.yaml:12: read /srv/data/private → allow, but it is deny: deny", text)
    expect_in("1 case passed, 1 failed", text)
    rows = as_json(case, "test", "my.yaml", status=1)["profiles"][0]["cases"]
    expect_equal([(row["passed"], row["decided"], row["line"]) for row in rows],
                 [(True, "allow", 11), (False, "deny", 12)])


def test_diff(case):
    case.write("a.yaml", MINE)
    case.write("b.yaml", MINE.replace("processes: 77", "processes: 78").replace("[read]", "[write]") + "network: host\n")
    text = profile(case, "diff", "a.yaml", "b.yaml", status=1)
    expect_in("limits\n  ~ processes: 77 → 78\n", text)
    expect_in("profile\n  ~ network: none → host\n", text)
    expect_in("  + {effect: deny, rights: [write], path: /srv/data/private, reason: private}\n", text)
    expect_equal(profile(case, "diff", "a.yaml", "a.yaml"), "")
    found = as_json(case, "diff", "a.yaml", "b.yaml", status=1)
    assert not found["same"]
    assert {"section": "limits", "what": "processes", "before": "77", "after": "78"} in found["changes"]


def test_explain(case):
    case.write("my.yaml", MINE + "  - {exec: ls, expect: allow}\n")
    text = profile(case, "explain", "my.yaml")
    expect_in("covered by something empty", text)
    expect_in("[my.yaml:8]", text)
    expect_in("RLIMIT_NPROC", text)
    expect_not_in("/.ssh/", text)
    expect_in("/.ssh/", profile(case, "explain", "my.yaml", "--all"))
    found = as_json(case, "explain", "my.yaml")
    expect_equal(found["schema"], "writ.profile.explain")
    assert all(rule["mechanism"] and rule["cost"] for rule in found["rules"])
    expect_equal(len(found["layers"]), 11)


def test_schema_accepts_what_the_loader_accepts(case):
    try:
        import jsonschema
        import yaml
    except ImportError as missing:
        raise Skip(f"{missing.name} is not installed") from missing
    schema = json.loads(profile(case, "schema"))
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    shipped = [path for path in sorted((SOURCE / "profiles").glob("*.yaml")) if path.name != "groups.yaml"]
    texts = [path.read_text(encoding="utf-8") for path in shipped] + [MINE]
    for guide in ("profiles.md", "policy.md"):
        blocks = (SOURCE / "docs" / guide).read_text(encoding="utf-8").split("```yaml\n")[1:]
        examples = [block.split("```")[0] for block in blocks]
        assert examples, guide
        texts += examples
        for example in examples:
            # "/*" is for ceilings only.
            case.write("example.yaml", example.replace("path: /*}", "path: /srv/*}"))
            profile(case, "check", "example.yaml")
    texts += [profile(case, "show", path.stem, "--resolved") for path in shipped] + [profile(case, "init")]
    for text in texts:
        errors = [error.message for error in validator.iter_errors(yaml.safe_load(text))]
        assert not errors, f"{errors}\n{text}"
    head = "version: 1\nname: x\n"
    for wrong in ("filesytem: {}", "network: all", "limits: {wall_time: 5}", "rules: [{effect: allow}]",
                  "rules: [{effect: allow, rights: [read], path: /a, address: 'b:1'}]", "tests: [{expect: deny}]",
                  "isolation: {view: maybe}", "extends: ./x.yaml", "filesystem: {read: [relative]}"):
        assert list(validator.iter_errors(yaml.safe_load(head + wrong))), wrong
        case.write("wrong.yaml", head + wrong + "\n")
        profile(case, "check", "wrong.yaml", status=1)


def test_init(case):
    for file, base in (("Makefile", "build"), ("pyproject.toml", "python"), ("package.json", "node")):
        case.write(file)
        expect_in(f"extends: {base}        # because there is a {file}\n", profile(case, "init"))
    text = profile(case, "init")
    assert text.startswith("# yaml-language-server: $schema="), text
    directory = case.temporary
    expect_in("writ profile check", profile(case, "init", directory / "new.yaml"))
    expect_in("ok", profile(case, "check", directory / "new.yaml"))
    before = (directory / "new.yaml").read_text(encoding="utf-8")
    result = case.writ("profile", "init", directory / "new.yaml")
    expect_equal(result.returncode, 125)
    expect_in("exists and is not overwritten", result.stderr)
    os.symlink(directory / "elsewhere", directory / "link.yaml")
    expect_equal(case.writ("profile", "init", directory / "link.yaml").returncode, 125)
    assert not (directory / "elsewhere").exists()
    expect_equal((directory / "new.yaml").read_text(encoding="utf-8"), before)


def bad_files(case):
    """Names of things that are no profiles, with a word of the message."""
    (case.workspace / "directory.yaml").mkdir()
    os.mkfifo(case.workspace / "fifo.yaml")
    case.write("large.yaml", b"# " + b"x" * (10 << 20))
    case.write("empty.yaml")
    case.write("binary.yaml", b"\x00\xff\xfe" * 50)
    case.write("latin.yaml", b"version: 1\nname: caf\xe9\n")
    case.write("aliases.yaml", "a: &a [1]\nb: [*a, *a]\n")
    case.write("twice.yaml", "version: 1\nversion: 1\nname: x\n")
    case.write("loop.yaml", "version: 1\nname: loop\nextends: loop\n")
    case.write("line\nbreak.yaml", "version: 2\nname: x\n")
    return [("missing.yaml", "No such file"), ("directory.yaml", "not a regular file"), ("fifo.yaml", "not a regular file"),
            ("large.yaml", "too large"), ("empty.yaml", "empty"), ("binary.yaml", "binary.yaml"), ("latin.yaml", "UTF-8"),
            ("aliases.yaml", "anchor"), ("twice.yaml", "version"), ("loop.yaml", "there is no profile"),
            ("line\nbreak.yaml", "line\\x0abreak.yaml:1:10"), ("no-such-name", "there is no profile"),
            (b"\xff\x1b[31m.yaml", "\\xff\\x1b[31m.yaml"), ("", "there is no profile")]


@only("user")
def test_bad_files(case):
    for name, word in bad_files(case):
        for words in (["show"], ["test"], ["diff", "default"], ["explain"]):
            result = case.writ("profile", *words, name)
            expect_equal((words, name, result.returncode, result.stdout), (words, name, 125, ""))
            assert result.stderr.startswith("writ: "), result.stderr
            expect_in(word, result.stderr)
            assert "\x1b" not in result.stderr and "\0" not in result.stderr, result.stderr
        expect_in(word, profile(case, "check", name, status=1))
        assert not as_json(case, "check", name, status=1)["ok"]


@only("user")
def test_a_profile_that_cannot_be_read(case):
    case.write("secret.yaml", MINE, mode=0)
    if os.geteuid() == 0 and ORDINARY_USER == 0:
        raise Skip("root reads everything")
    expect_in("Permission denied", case.writ("profile", "show", "secret.yaml").stderr)


def test_usage(case):
    for words in ([], ["shwo"], ["show"], ["show", "a", "b"], ["diff", "default"], ["list", "x"], ["show", "default", "--x"],
                  ["check"], ["\n\x1b[31m"], ["show", b"\xff", "--\x1b"]):
        result = case.writ("profile", *words)
        expect_equal((words, result.returncode, result.stdout), (words, 125, ""))
        assert result.stderr.startswith("writ: ") and "--help'" in result.stderr, result.stderr
        assert "\x1b" not in result.stderr, result.stderr
    expect_in("did you mean 'show'?", case.writ("profile", "shwo").stderr)
    for words in (["--help"], ["show", "--help"], ["diff", "-h"]):
        text = profile(case, *words)
        expect_in("xamples:", text)


def test_colour_only_on_a_terminal(case):
    def on_terminal(**variables):
        leader, follower = pty.openpty()
        try:
            subprocess.run([writ_program(), "profile", "list"], stdout=follower, stdin=subprocess.DEVNULL, check=True,
                           env=case.environment(**variables), cwd=case.workspace, timeout=60, **case.identity())
            return os.read(leader, 65536)
        finally:
            os.close(leader)
            os.close(follower)
    assert b"\x1b[" in on_terminal()
    assert b"\x1b[" not in on_terminal(NO_COLOR="1")
    expect_not_in("\x1b", profile(case, "list"))


def test_a_full_disk_is_not_success(case):
    with open("/dev/full", "w", encoding="utf-8") as full:
        result = case.writ("profile", "list", stdout=full, stderr=subprocess.PIPE)
    expect_equal(result.returncode, 125)
    expect_in("No space left", result.stderr)


if __name__ == "__main__":
    sys.exit(main(globals()))
