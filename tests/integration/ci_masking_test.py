#!/usr/bin/env python3
"""`writ ci --mask`: no stream and no report has a declared secret, in no usual encoding, however it is cut; and what is
not declared is left alone."""

import base64
import json
import pathlib
import subprocess
import sys
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from writ_testing import case_profile, expect_equal, expect_in, expect_not_in, main, only  # noqa: E402

SECRET = 'pa/ss w"ord&é!42'


def encodings(secret):
    raw = secret.encode()
    shown = {"raw": secret, "json": json.dumps(secret)[1:-1], "json utf-8": json.dumps(secret, ensure_ascii=False)[1:-1],
             "quote": urllib.parse.quote(secret), "quote all": urllib.parse.quote(secret, safe=""),
             "form": urllib.parse.quote_plus(secret)}
    for name, encode in (("base64", base64.b64encode), ("base64url", base64.urlsafe_b64encode)):
        shown[name] = encode(raw).decode()
        shown[name + " unpadded"] = encode(raw).decode().rstrip("=")
    return shown


def ci(case, *options, program, secret=SECRET, system=None, **popen):
    environment = case.environment(TOKEN=secret, **({"GITHUB_ACTIONS": "true"} if system == "github" else {}))
    return case.writ("ci", "--mask", "TOKEN", *options, "--", *program, environment=environment, **popen)


def test_every_usual_encoding_is_masked_in_both_streams(case):
    script = "import os, sys\nfor line in open('in'): sys.stdout.write(line); sys.stderr.write(line)\n"
    case.write("in", "".join(f"<{text}>\n" for text in encodings(SECRET).values()))
    program = ["python3", "-c", script]
    control = case.run(program=program)
    for name, text in encodings(SECRET).items():
        expect_in(text, control.stdout)
    result = ci(case, program=program)
    for stream in (result.stdout, result.stderr):
        for name, text in encodings(SECRET).items():
            assert text not in stream, f"{name}: {text!r} is in {stream!r}"
        expect_equal(stream.count("<***"), len(encodings(SECRET)))


@only("user")
def test_a_masked_variable_is_passed_only_if_it_is_declared(case):
    program = ["sh", "-c", 'echo "${#TOKEN}"']
    expect_equal(ci(case, program=program, secret="abcdefgh").stdout, "0\n")
    expect_equal(ci(case, "--env", "TOKEN", program=program, secret="abcdefgh").stdout, "8\n")


@only("user")
def test_a_secret_in_pieces_is_masked(case):
    script = "import os, sys, time\nfor byte in os.environ['TOKEN'] + '!\\n':\n"
    script += "    sys.stdout.write(byte); sys.stdout.flush(); time.sleep(0.01)\n"
    expect_equal(ci(case, "--env", "TOKEN", program=["python3", "-c", script]).stdout, "***!\n")


@only("user")
def test_a_secret_at_every_place_of_a_chunk_is_masked(case):
    script = ("import os\nt = os.environ['TOKEN']\n"
              "print(''.join('x' * n + t + '\\n' for n in range(0, 70000, 997)), end='')")
    result = ci(case, "--env", "TOKEN", program=["python3", "-c", script], secret="0123456789abcdef" * 8)
    expect_equal(result.stdout, "".join("x" * n + "***\n" for n in range(0, 70000, 997)))


def test_reports_and_names_are_masked(case):
    secret = "tok-8-very-secret"
    files = {name: case.temporary / name for name in ("junit", "sarif", "json", "summary")}
    words = [word for name, file in files.items() for word in (f"--{name}", file)]
    program = ["sh", "-c", f"# {secret}\nmkdir -p .git/hooks; echo x > .git/hooks/$TOKEN; echo $TOKEN > made-$TOKEN; true"]
    result = ci(case, "--env", "TOKEN", "--profile", case_profile(case, "mediated"), "--artifact", "made-*", *words,
                program=program, secret=secret, system="github")
    for name, text in {"stdout": result.stdout, "stderr": result.stderr,
                       **{name: file.read_text() for name, file in files.items()}}.items():
        assert secret not in text, f"{name} shows it: {text}"
        assert base64.b64encode(secret.encode()).decode().rstrip("=") not in text, name
    expect_in("***", files["json"].read_text())
    # Control: without --mask the reports do show what the tool was told.
    plain = case.writ("ci", "--json", files["json"], "--", *program, environment=case.environment())
    assert plain.returncode in (0, 1, 123) and secret in files["json"].read_text()


@only("user")
def test_what_cannot_be_masked_is_refused_and_not_shown(case):
    result = ci(case, program=["touch", "ran"], secret="abc")
    expect_equal(result.returncode, 125)
    expect_in("--mask TOKEN", result.stderr)
    expect_not_in("abc", result.stderr)
    assert not (case.workspace / "ran").exists()
    # A fork's pull request has no secrets: that is no reason to fail.
    result = ci(case, program=["echo", "abc"], secret="")
    expect_equal((result.returncode, result.stdout), (0, "abc\n"))
    expect_in("has no value", result.stderr)


@only("user")
def test_writs_own_messages_are_masked(case):
    result = ci(case, program=["no-such-tok-8-very-secret"], secret="tok-8-very-secret")
    expect_equal(result.returncode, 127)
    expect_not_in("tok-8", result.stderr)
    expect_in("***", result.stderr)


@only("user")
def test_masking_is_quick(case):
    command = ["head", "-c", "200000000", "/dev/zero"]
    result = subprocess.run(case.command(program=command)[:1] + ["ci", "--quiet", "--mask", "TOKEN", "--", *command],
                            env=case.environment(TOKEN="0123456789abcdef"), cwd=case.workspace,
                            stdout=subprocess.DEVNULL, check=False, timeout=60, **case.identity())
    expect_equal(result.returncode, 0)


if __name__ == "__main__":
    sys.exit(main(globals()))
