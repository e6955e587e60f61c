#!/usr/bin/env python3
"""`writ run --explain`: what a program looked for in vain because the policy keeps it away; and denied names that are not
there yet, under every way of writing."""

import os
import pathlib
import pty
import select
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from writ_testing import expect_equal, expect_in, expect_not_in, main  # noqa: E402


def profile(case, text, extends="default"):
    return case.write(f"{extends}.yaml", f"version: 1\nname: test\nextends: {extends}\n{text}", inside=case.temporary, give=case.give_to_writ)


def outside(case):
    directory = case.base / "data"
    directory.mkdir(exist_ok=True)
    case.give(directory)
    return case.write("file", "data\n", inside=directory)


def denied(report):
    return {(entry["path"], entry["cause"]): entry for entry in report["denials"]}


def test_what_was_not_granted_is_listed(case):
    file = outside(case)
    for name in ("default", "build"):
        result, report = case.report("--explain", "--profile", name, program=["sh", "-c", f"cat {file}; cat {file}; ls {file.parent}; cat /no/such; cat own"])
        found = denied(report)
        expect_equal({path for path, _ in found}, {str(file), str(file.parent)})
        entry = found[(str(file), "nothing")]
        expect_equal((name, entry["times"], entry["rights"], os.path.basename(entry["program"])), (name, 2, "read", "cat"))
        expect_in(str(file), entry["remedy"])
        expect_in("writ: denied: read", result.stderr)


def test_the_remedy_works(case):
    file = outside(case)
    _, report = case.report("--explain", program=["cat", file])
    remedy = denied(report)[(str(file), "nothing")]["remedy"]
    ruled = profile(case, f"rules:\n  - {remedy}\n")
    # A file is read, and reading needs what `writ why` says it does; the sentence is a rule as it stands.
    result = case.run("--profile", ruled, program=["cat", file])
    expect_equal((result.returncode, result.stdout), (0, "data\n"))


def test_secrets_and_hidden_names_are_told_apart(case):
    secret = case.write_home(".ssh/id_ed25519", "s3cr3t-content\n")
    _, report = case.report("--explain", "--read", case.home, program=["sh", "-c", f"cat {secret}; true"])
    expect_equal({cause for path, cause in denied(report) if path == str(secret)}, {"secret"})
    expect_not_in("s3cr3t", str(report))


def test_the_program_runs_as_without_it(case):
    case.write("a.txt", "a\n")
    script = "cat a.txt; echo b > b.txt; cat b.txt; ls; python3 -c 'import json, os; print(os.stat(\"a.txt\").st_size)'; cat none; git --version >/dev/null; sh -c 'exit 3'"
    plain = case.run(program=["sh", "-c", script])
    explained = case.run("--explain", "--quiet", program=["sh", "-c", script])
    expect_equal((explained.returncode, explained.stdout, explained.stderr), (plain.returncode, plain.stdout, plain.stderr))


def test_quiet_and_nothing_denied_say_nothing(case):
    file = outside(case)
    expect_not_in("writ:", case.run("--explain", "--quiet", program=["sh", "-c", f"cat {file}"]).stderr)
    expect_equal(case.run("--explain", program=["true"]).stderr, "")


def on_a_terminal(case, *options, program):
    """Standard error of a run whose standard error is a terminal."""
    ours, theirs = pty.openpty()
    process = case.start(*options, program=program, stderr=theirs)
    os.close(theirs)
    said = b""
    while select.select([ours], [], [], 20)[0]:
        try:
            part = os.read(ours, 4096)
        except OSError:
            break
        if not part:
            break
        said += part
    process.wait()
    os.close(ours)
    return said.decode(errors="replace")


def test_a_failing_run_says_how_to_see_more(case):
    expect_in("--explain", on_a_terminal(case, program=["false"]))
    for options, program in ((["--quiet"], "false"), ([], "true"), (["--explain"], "false")):
        expect_not_in("lists what it looked for", on_a_terminal(case, *options, program=[program]))
    expect_equal(case.run(program=["false"]).stderr, "")  # nobody watches


def test_denied_names_that_are_not_there_yet_are_refused(case):
    """Also where the profile writes natively: then the broker writes that tree."""
    text = "rules:\n  - {effect: deny, rights: [write], path: '${workspace}/generated/*', reason: made elsewhere}\n  - {effect: deny, rights: [read, list], path: '${workspace}/private/*'}\n"
    script = "mkdir generated; mkdir private; mkdir x; mv x generated; ln -s x private; echo > private; echo fine > other; cat other; rm -r other x"
    for extends in ("default", "build"):
        result, report = case.report("--profile", profile(case, text, extends), program=["sh", "-c", script])
        expect_equal((extends, result.stdout), (extends, "fine\n"))
        expect_equal(sorted(os.listdir(case.workspace)), [])
        expect_equal({os.path.basename(entry["path"]) for entry in report["denials"]}, {"generated", "private"})
        expect_in("made elsewhere", result.stderr)
    # The control: without the rules all of that can be made.
    result = case.run("--profile", "build", program=["sh", "-c", "mkdir generated private x && mv x generated"])
    expect_equal((result.returncode, sorted(os.listdir(case.workspace))), (0, ["generated", "private"]))


if __name__ == "__main__":
    sys.exit(main(globals()))
