#!/usr/bin/env python3
"""`rules:` of a profile as a tool meets them: what they give, what they take, and what they say."""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from writ_testing import LAYERS, deny, expect_equal, expect_in, expect_not_in, main  # noqa: E402


def profile(case, text, extends="default"):
    return case.write("test.yaml", f"version: 1\nname: test\nextends: {extends}\n{text}", inside=case.temporary,
                      give=case.give_to_writ)


def data(case):
    """A tree outside of workspace and home."""
    directory = case.base / "data"
    directory.mkdir()
    case.give(directory)
    case.write("public/file", "public\n", inside=directory)
    case.write("private/file", "private\n", inside=directory)
    return directory


def test_allow_gives_a_tree(case):
    directory = data(case)
    rules = profile(case, f"rules:\n  - {{effect: allow, rights: [read, list], path: '{directory}/public/*'}}\n")
    expect_equal(case.output("--profile", rules, program=["cat", directory / "public/file"]), "public\n")
    result = case.run("--profile", rules, program=["cat", directory / "private/file"])
    expect_equal(result.returncode, 1)
    expect_in("No such file", result.stderr)


def test_allow_without_execute_does_not_execute(case):
    directory = data(case)
    script = case.write("public/script", "#!/bin/sh\necho ran\n", mode=0o755, inside=directory)
    for rights, expected in (("read, list, execute", "ran\n"), ("read, list", "")):
        rules = profile(case, f"rules:\n  - {{effect: allow, rights: [{rights}], path: '{directory}/public/*'}}\n")
        result = case.run("--profile", rules, program=["sh", "-c", f"{script}; true"])
        expect_equal((rights, result.stdout), (rights, expected))


def test_an_exact_rule_gives_a_file_and_not_a_directory(case):
    directory = data(case)
    text = "rules:\n  - {{effect: allow, rights: [read, list], path: '{}'}}\n"
    rules = profile(case, text.format(directory / "public/file"))
    expect_equal(case.output("--profile", rules, program=["cat", directory / "public/file"]), "public\n")
    case.refused("--profile", profile(case, text.format(directory / "public")), says=r"names one object.*public/\*")


def test_deny_wins_over_every_grant_and_says_permission_denied(case):
    directory = data(case)
    rules = profile(case, f"""rules:
  - {{effect: deny, rights: [read, write], path: '{directory}/private/*', reason: data of customers}}
  - {{effect: allow, rights: [read, list], path: '{directory}/*'}}
""")
    for options in ([], ["--read", directory / "private"], ["--write", directory]):
        result = case.run("--profile", rules, *options, program=["sh", "-c", f"cat {directory}/public/file; ls {directory}/private"])
        expect_equal((result.stdout, result.returncode), ("public\n", 2))
        expect_not_in("file", result.stdout.replace("public\n", ""))
    result = case.run("--profile", rules, program=["cat", directory / "private/file"])
    expect_in("Permission denied", result.stderr)


def test_the_tool_is_told_its_rules_and_reasons(case):
    directory = data(case)
    rules = profile(case, f"rules:\n  - {{effect: deny, rights: [read], path: '{directory}/*', reason: data of customers}}\n")
    notice = json.loads(case.output("--profile", rules, program=["cat", "/run/writ/policy.json"]))
    # Who may not read it may do nothing else with it either.
    expect_equal(notice["rules"], [{"effect": "deny", "rights": ["read", "write", "execute", "list"],
                                    "path": f"{directory}/*", "reason": "data of customers"}])
    result = case.run("--profile", rules, program=["sh", "-c", "echo > /run/writ/policy.json"])
    expect_in("Read-only", result.stderr)
    expect_equal(case.run(program=["ls", "-A", "/run"]).stdout, "")  # nothing where no rule was written


def test_rules_are_not_dropped_where_there_is_no_view(case):
    case.write("private/file", "private\n")
    layers = [layer for layer in LAYERS if layer not in ("seccomp", "landlock")]
    options = [word for layer in layers for word in ("--prefer", layer)]
    control = case.run(*options, program=["cat", "private/file"], prefix=deny("unshare"))
    for effect in ("deny", "ask"):
        rules = profile(case, f"rules:\n  - {{effect: {effect}, rights: [read], path: '${{workspace}}/private/*'}}\n")
        result = case.run("--profile", rules, *options, program=["cat", "private/file"], prefix=deny("unshare"))
        expect_equal((result.returncode, result.stdout), (125, ""))
        if control.returncode == 0:  # else the host refuses for another reason
            expect_in("without the view the rule against", result.stderr)


def test_the_report_names_what_was_denied(case):
    case.write("private/file", "private\n")
    rules = profile(case, "rules:\n  - {effect: deny, rights: [read], path: '${workspace}/private/*'}\n")
    _, report = case.report("--profile", rules)
    kinds = {entry["path"]: entry["kind"] for entry in report["view"]} if "view" in report else {
        entry["path"]: entry["kind"] for entry in report["grants"]}
    expect_equal(kinds.get(f"{case.workspace}/private"), "denied")


main(globals())
