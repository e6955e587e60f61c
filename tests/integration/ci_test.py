#!/usr/bin/env python3
"""`writ ci`: each CI system by its environment, hostile output, verdicts and exit statuses, reports; as root and as an
ordinary user. Masking: ci_masking_test.py; artifacts and caches: ci_artifacts_test.py."""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import xml.etree.ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from ci_runners import AzureAgent, GitHubRunner  # noqa: E402
from writ_testing import (case_profile, deny, expect_equal, expect_in, expect_not_in, main, only,  # noqa: E402
                          wait_until, writ_program)

SYSTEMS = {"github": {"GITHUB_ACTIONS": "true"}, "gitlab": {"GITLAB_CI": "true"}, "azure": {"TF_BUILD": "True"},
           "buildkite": {"BUILDKITE": "true"}, "circle": {"CIRCLECI": "true"},
           "jenkins": {"JENKINS_URL": "https://ci.example/"}, "plain": {}}


def ci(case, *options, program=("true",), system=None, environment=None, **popen):
    """One step, with both streams in one pipe, as a runner reads them, unless asked otherwise."""
    variables = case.environment(**SYSTEMS[system or "plain"], **(environment or {}))
    popen.setdefault("stdout", subprocess.PIPE)
    popen.setdefault("stderr", subprocess.STDOUT)
    return case.writ("ci", *options, "--", *program, environment=variables, **popen)


def shell(script):
    return ["sh", "-c", script]


def denied(case):
    """A program that is denied something and succeeds all the same, and the options that make it so."""
    profile = case_profile(case, "mediated")
    return ["--profile", profile], shell("echo x > .envrc; echo out; exit 0")


# --- the command itself ---


def test_same_command_same_exit_status(case):
    result = ci(case, program=shell("echo out; echo err >&2; exit 7"), stderr=subprocess.PIPE)
    expect_equal((result.returncode, result.stdout), (7, "out\n"))
    expect_in("err\n", result.stderr)
    expect_in("verdict: exit status 7", result.stderr)
    expect_equal(ci(case, program=["no-such-program"]).returncode, 127)
    expect_equal(ci(case, "--timeout", "200ms", program=["sleep", "60"]).returncode, 124)
    expect_equal(ci(case, program=shell("kill -9 $$")).returncode, 137)
    expect_equal(ci(case, "--workspace", "/no/such").returncode, 125)


def test_only_what_is_declared_reaches_the_command(case):
    variables = {"CI_TOKEN": "hidden-value", "WANTED": "seen"}
    result = ci(case, "--env", "WANTED", program=["env"], environment=variables)
    expect_in("WANTED=seen", result.stdout)
    expect_not_in("hidden-value", result.stdout)


@only("user")
def test_bad_words_are_refused_before_anything_runs(case):
    for words, says in ((["--fail-on", "everything"], "none of deny"), (["--fail-on", "none,deny"], "stands alone"),
                        (["--system", "gitlub"], "did you mean"), (["--cache", "x"], "NAME=PATH"),
                        (["--cache", "../x=y"], "no name"), (["--mask", "A=b"], "is no name"),
                        (["--approve", "ask"], "nobody"), (["--artifact", "../x"], "leads out")):
        result = ci(case, *words, program=["touch", "ran"])
        assert result.returncode != 0 and says in result.stdout, f"{words}: {result.returncode} {result.stdout}"
    assert not (case.workspace / "ran").exists()


# --- the systems ---


@only("user")
def test_each_system_gets_its_own_groups(case):
    begins = {"github": "::group::writ ci: ", "azure": "##[group]writ ci: ", "buildkite": "--- writ ci: "}
    for system in SYSTEMS:
        text = ci(case, program=["echo", "hello"], system=system).stdout
        expect_in("hello\n", text)
        if system in begins:
            expect_in(begins[system], text)
        elif system == "gitlab":
            names = re.findall("\x1b\\[0Ksection_(?:start|end):[0-9]+:(writ-[0-9a-f]{32})[\r\n]\x1b\\[0K", text)
            assert len(names) == 2 and names[0] == names[1], repr(text)
        else:
            expect_equal(text, "hello\nwrit: verdict: passed\n")
        expect_equal(ci(case, "--system", system, program=["echo", "x"]).stdout.splitlines()[-1],
                     text.splitlines()[-1])


@only("user")
def test_quiet_says_nothing_that_went_well(case):
    expect_equal(ci(case, "--quiet", program=["echo", "x"]).stdout, "x\n")
    # What stops the runner from obeying the tool is no decoration.
    expect_in("::stop-commands::", ci(case, "--quiet", program=["echo", "x"], system="github").stdout)


@only("user")
def test_findings_become_annotations(case):
    options, program = denied(case)
    runner = GitHubRunner().read(ci(case, *options, program=program, system="github").stdout)
    errors = runner.of("error")
    assert any("was denied to" in data and ".envrc" in data for _, data in errors), runner.obeyed
    agent = AzureAgent().read(ci(case, *options, program=program, system="azure").stdout)
    assert any(name == "task.logissue" and pairs["type"] == "error" for name, pairs, _ in agent.obeyed), agent.obeyed
    expect_in("writ: error: denied by policy: write", ci(case, *options, program=program).stdout)


@only("user")
def test_a_rule_of_a_file_is_the_place_of_the_annotation(case):
    (case.workspace / "ci").mkdir()
    profile = case.write("ci/p.yaml", "version: 1\nname: p\nextends: default\nrules:\n"
                         "  - {effect: deny, rights: [write], path: '${workspace}/locked/*', reason: it is released}\n")
    case.write("locked/a", "1")
    result = ci(case, "--profile", "./ci/p.yaml", "--sarif", case.temporary / "s.json", system="github",
                program=shell("echo x > locked/a; true"))
    expect_equal(result.returncode, 123)
    errors = GitHubRunner().read(result.stdout).of("error")
    assert any(place.get("file", "").endswith("ci/p.yaml") and place.get("line") == "5" for place, _ in errors), errors
    sarif = json.loads((case.temporary / "s.json").read_text())
    place = sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    expect_equal((place["artifactLocation"]["uri"], place["region"]["startLine"]), ("ci/p.yaml", 5))
    assert profile.exists()


# --- a tool must not command the CI system ---

HOSTILE = ("::set-env name=EVIL::1\\n  ::add-mask::x\\n##[set-output name=a]b\\n\\r::add-path::/evil\\n"
           "text ##[add-matcher]/evil.json\\n::stop-commands::mine\\n::mine::\\n::set-output name=z::1\\n")


@only("user")
def test_github_obeys_nothing_of_the_tool(case):
    program = shell(f"printf '{HOSTILE}'; printf '{HOSTILE}' >&2; printf '::set-env name=LAST::no line end'")
    # Control: without the wrapper the same bytes are obeyed.
    plain = case.writ("run", "--", *program, stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout
    control = GitHubRunner().read(plain).names()
    for name in ("set-env", "add-mask", "set-output", "add-path", "add-matcher"):
        expect_in(name, control)
    for separate in (False, True):
        streams = {"stderr": subprocess.PIPE} if separate else {}
        result = ci(case, program=program, system="github", **streams)
        # With two pipes nobody knows in which order a runner reads them: everything must come through one.
        expect_equal(result.stderr or "", "")
        runner = GitHubRunner().read(result.stdout)
        expect_equal(runner.names(), ["group", "endgroup"])
        assert runner.stopped is None, "the runner obeys again"
        expect_equal(sum("name=EVIL" in line for line in runner.shown), 2)


@only("user")
def test_github_token_is_new_each_time_and_no_stream_of_the_tool_has_it(case):
    # A tool that could read the pipe of its own output, as /proc offers, would find the token there.
    program = shell("timeout 1 head -c 4096 < /proc/self/fd/1 | tr : _; true")
    tokens = set()
    for _ in range(2):
        text = ci(case, program=program, system="github").stdout
        token = re.search("::stop-commands::(writ-[0-9a-f]{32})\n", text).group(1)
        tokens.add(token)
        expect_equal(text.count(token), 2)
    expect_equal(len(tokens), 2)


@only("user")
def test_azure_obeys_nothing_of_the_tool(case):
    line = "text ##vso[task.setvariable variable=EVIL]1"
    script = f"echo '{line}'; echo '{line}' >&2; printf '##v'; sleep 0.2; printf 'so[task.complete result=Succeeded]x\\n'"
    script += "; echo '##VSO[task.prependpath]/evil'; echo '##[error]looks bad'"
    program = shell(script)
    plain = case.writ("run", "--", *program, stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout
    expect_equal(len(AzureAgent().read(plain).obeyed), 4)  # control
    result = ci(case, program=program, system="azure", stderr=subprocess.PIPE)
    agent = AzureAgent().read(result.stdout)
    agent.read(result.stderr)
    expect_equal((agent.obeyed, agent.formatted), ([], ["group", "endgroup"]))
    lines = result.stdout.splitlines()
    for line in ("text **vso[task.setvariable variable=EVIL]1", "**vso[task.complete result=Succeeded]x",
                 "**VSO[task.prependpath]/evil", "**[error]looks bad"):
        expect_in(line, lines)


@only("user")
def test_names_of_files_command_nothing(case):
    options, _ = denied(case)
    name = "$(printf 'x\\n::set-env name=E::1\\n##vso[task.setvariable variable=E]1 ##[add-path]p')"
    program = shell(f'mkdir -p .git/hooks; echo x > ".git/hooks/{name}"; true')
    for system, model in (("github", GitHubRunner), ("azure", AzureAgent)):
        result = ci(case, *options, program=program, system=system)
        seen = [name for name, *_ in model().read(result.stdout).obeyed]
        assert set(seen) <= {"group", "endgroup", "error", "warning", "task.logissue"}, seen


@only("user")
def test_files_that_command_the_runner_are_out_of_reach(case):
    commands = case.write("runner/env", "")
    variables = {"GITHUB_ENV": str(commands)}
    program = shell("echo EVIL=1 >> runner/env; mv runner elsewhere; cat runner/env; true")
    ci(case, "--profile", case_profile(case, "native"), program=program, system="github", environment=variables)
    expect_equal(commands.read_text(), "")
    # Control: a file that nobody names is the tool's to write.
    ci(case, "--profile", case_profile(case, "native"), program=program, system="plain", environment=variables)
    assert not commands.exists() or "EVIL" in commands.read_text()


@only("user")
def test_redirected_streams_stay_what_they_were(case):
    out = case.temporary / "out"
    with open(out, "wb") as file:
        result = ci(case, program=shell("echo '::group::x'; echo err >&2"), system="github", stdout=file,
                    stderr=subprocess.PIPE)
    expect_equal(out.read_text(), "::group::x\n")
    runner = GitHubRunner().read(result.stderr)
    expect_equal(runner.names(), ["group", "endgroup"])


# --- verdicts ---


def test_verdicts(case):
    options, program = denied(case)
    expect_equal(ci(case, *options, program=program).returncode, 123)
    expect_equal(ci(case, *options, "--fail-on", "none", program=program).returncode, 0)
    expect_equal(ci(case, *options, "--fail-on", "limit,degraded", program=program).returncode, 0)
    expect_equal(ci(case, *options, "--fail-on", "limit", "--fail-on", "deny", program=program).returncode, 123)
    # The command's own failure is never hidden behind the verdict.
    expect_equal(ci(case, *options, program=shell("echo x > .envrc; exit 9")).returncode, 9)
    expect_equal(ci(case, "--fail-on", "deny,limit,degraded", program=["true"]).returncode, 0)  # control


def test_what_is_missing_is_said(case):
    summary = case.temporary / "summary.md"
    prefix = deny("landlock_create_ruleset")
    result = ci(case, "--prefer-isolation", "--summary", summary, prefix=prefix)
    expect_equal(result.returncode, 0)
    expect_in("running without the layer landlock", result.stdout)
    expect_in("ran without the layer landlock", summary.read_text())
    expect_in("**degraded**", summary.read_text())
    expect_equal(ci(case, "--prefer-isolation", "--fail-on", "degraded", prefix=prefix).returncode, 123)
    expect_equal(ci(case, prefix=prefix).returncode, 125)  # control: required, so nothing runs
    expect_not_in("ran without", ci(case, "--prefer-isolation", "--summary", summary).stdout)


@only("user")
def test_a_host_without_user_namespaces(case):
    prefix = deny("unshare")
    result = ci(case, "--prefer-isolation", "--fail-on", "degraded", program=["echo", "ran"], prefix=prefix)
    assert result.returncode in (123, 125), result.stdout
    expect_in("layer", result.stdout)


# --- reports ---


def check_sarif(document):
    """The fields that the SARIF 2.1.0 schema requires, and those without which GitHub refuses a file."""
    expect_equal(document["version"], "2.1.0")
    expect_in("sarif-schema-2.1.0.json", document["$schema"])
    for run in document["runs"]:
        driver = run["tool"]["driver"]
        assert driver["name"] == "Writ" and driver["version"]
        rules = driver["rules"]
        expect_equal(len({rule["id"] for rule in rules}), len(rules))
        for rule in rules:
            assert rule["id"] and rule["shortDescription"]["text"]
        for invocation in run["invocations"]:
            assert isinstance(invocation["executionSuccessful"], bool) and isinstance(invocation["exitCode"], int)
        for base in run["originalUriBaseIds"].values():
            assert base["uri"].startswith("file:///") and base["uri"].endswith("/")
        for result in run["results"]:
            assert result["message"]["text"]
            assert result["level"] in ("none", "note", "warning", "error")
            expect_equal(rules[result["ruleIndex"]]["id"], result["ruleId"])
            for location in result.get("locations", []):
                artifact = location["physicalLocation"]["artifactLocation"]
                assert re.fullmatch(r"[A-Za-z0-9\-._~/%:]+", artifact["uri"]), artifact
                assert artifact.get("uriBaseId", "WORKSPACE") in run["originalUriBaseIds"]
                assert location["physicalLocation"].get("region", {"startLine": 1})["startLine"] >= 1
            assert result["partialFingerprints"] and result["occurrenceCount"] >= 1
    return document["runs"][0]["results"]


@only("user")
def test_reports_say_the_same(case):
    options, _ = denied(case)
    files = {name: case.temporary / name for name in ("junit", "sarif", "json", "summary")}
    program = shell("printf x > '.envrc'; mkdir -p .git/hooks; echo > '.git/hooks/<&\"]]>|`'; true")
    result = ci(case, *options, *(word for name, file in files.items() for word in (f"--{name}", file)), program=program)
    expect_equal(result.returncode, 123)
    suite = xml.etree.ElementTree.parse(files["junit"]).getroot().find("testsuite")
    cases = suite.findall("testcase")
    expect_equal((suite.get("tests"), suite.get("failures")), (str(len(cases)), "1"))
    expect_equal([test.get("name") for test in cases if test.find("failure") is not None], ["nothing was denied"])
    results = check_sarif(json.loads(files["sarif"].read_text()))
    report = json.loads(files["json"].read_text())
    expect_equal((report["schema"], report["verdict"]["result"], report["verdict"]["exit_status"]),
                 ("writ.ci", "violated", 123))
    expect_equal(report["run"]["outcome"]["exit_status"], 0)
    expect_equal(len(results), len(report["findings"]))
    text = files["summary"].read_text()
    expect_in("### Writ: failed", text)
    expect_not_in("<&", text)


@only("user")
def test_reports_of_a_run_without_findings(case):
    files = {name: case.temporary / name for name in ("junit", "sarif", "json", "summary")}
    words = [word for name, file in files.items() for word in (f"--{name}", file)]
    expect_equal(ci(case, *words, program=["true"]).returncode, 0)
    expect_equal(check_sarif(json.loads(files["sarif"].read_text())), [])
    expect_equal(xml.etree.ElementTree.parse(files["junit"]).getroot().get("failures"), "0")
    expect_in("### Writ: passed", files["summary"].read_text())
    # A program that could not be started leaves reports, too.
    expect_equal(ci(case, *words, program=["no-such-program"]).returncode, 127)
    expect_equal(json.loads(files["json"].read_text())["verdict"]["result"], "command_failed")
    expect_equal(json.loads(files["sarif"].read_text())["runs"][0]["invocations"][0]["executionSuccessful"], False)


@only("user")
def test_the_jobs_own_summary_is_added_to(case):
    summary = case.write("step-summary.md", "before\n", inside=case.temporary, give=case.give_to_writ)
    ci(case, system="github", environment={"GITHUB_STEP_SUMMARY": str(summary)})
    text = summary.read_text()
    assert text.startswith("before\n### Writ: passed"), text
    # Elsewhere the variable means nothing.
    ci(case, system="gitlab", environment={"GITHUB_STEP_SUMMARY": str(summary)})
    expect_equal(summary.read_text(), text)


@only("user")
def test_a_report_that_cannot_be_written(case):
    expect_equal(ci(case, "--json", "no/such/place.json", program=["touch", "ran"]).returncode, 125)
    assert not (case.workspace / "ran").exists()


def test_a_tool_cannot_make_the_report_go_elsewhere(case):
    outside = case.write("target", "kept", inside=case.temporary, give=case.give_to_writ)
    profile = case_profile(case, "native")
    program = shell(f"ln -s {outside} out.json; mkdir -p d; true")
    result = ci(case, "--profile", profile, "--json", "out.json", "--fail-on", "none", program=program)
    expect_equal((result.returncode, outside.read_text()), (0, "kept"))
    expect_equal(json.loads((case.workspace / "out.json").read_text())["schema"], "writ.ci")


# --- signals and amounts ---


def start(case, *words, **popen):
    return subprocess.Popen([writ_program(), "ci", *words], cwd=case.workspace, env=case.environment(),
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            **case.identity(), **popen)


def test_a_cancelled_job_leaves_reports_and_no_process(case):
    report = case.temporary / "r.json"
    process = start(case, "--json", str(report), "--", "sh", "-c", "echo ready; exec sleep 300",
                    start_new_session=True)
    expect_equal(process.stdout.readline(), "ready\n")
    os.killpg(process.pid, signal.SIGTERM)  # as runners do it: to everybody
    process.communicate(timeout=20)
    expect_equal(process.returncode, 143)
    expect_equal(json.loads(report.read_text())["run"]["outcome"]["kind"], "interrupted")
    case.nothing_left()


def test_a_killed_wrapper_takes_its_run_with_it(case):
    process = start(case, "--mask", "HOME", "--", "sh", "-c", "echo ready; exec sleep 300")
    expect_equal(process.stdout.readline(), "ready\n")
    process.kill()
    process.wait()
    case.nothing_left()


@only("user")
def test_both_streams_flow_whoever_reads_first(case):
    size = 3_000_000
    script = f"head -c {size} /dev/zero & head -c {size} /dev/zero >&2; wait"
    process = subprocess.Popen([writ_program(), "ci", "--quiet", "--mask", "S", "--", "sh", "-c", script],
                               env=case.environment(S="s3cr3t"), cwd=case.workspace, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, **case.identity())
    # All of standard error first: a relay that waits for the reader of one stream would never get there.
    error = process.stderr.read(size)
    out = process.stdout.read()
    expect_equal((len(error), len(out), process.wait(), process.stderr.read()), (size, size, 0, b""))


@only("user")
def test_a_reader_that_leaves_ends_the_tool_and_not_the_reports(case):
    report = case.temporary / "r.json"
    script = f"{writ_program()} ci --mask S --json {report} -- yes | head -n 1"
    result = subprocess.run(["sh", "-c", script], env=case.environment(S="s3cr3t"), cwd=case.workspace, timeout=60,
                            capture_output=True, text=True, check=False, **case.identity())
    expect_equal(result.stdout, "y\n")
    assert wait_until(report.exists), "no report"
    expect_in(json.loads(report.read_text())["verdict"]["exit_status"], (1, 141))


if __name__ == "__main__":
    sys.exit(main(globals()))
