#!/usr/bin/env python3
"""The composite GitHub Action in packaging/github-action: its description is well-formed, every input reaches `writ ci`, and
none of them is ever a part of a script."""

import os
import pathlib
import re
import subprocess
import sys

import yaml

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from ci_runners import GitHubRunner  # noqa: E402
from writ_testing import SOURCE, expect_equal, expect_in, main, only, writ_program  # noqa: E402

ACTION = SOURCE / "packaging/github-action"


def description():
    return yaml.safe_load((ACTION / "action.yml").read_text(encoding="utf-8"))


@only("user")
def test_every_input_is_described_and_used_as_a_variable(case):
    action = description()
    expect_equal(action["runs"]["using"], "composite")
    (step,) = action["runs"]["steps"]
    expect_equal(step["shell"], "bash")
    # An input that stood in the script would be a part of it.
    assert "${{" not in step["run"], step["run"]
    used = {re.fullmatch(r"\$\{\{ inputs\.([a-z-]+) \}\}", value).group(1) for value in step["env"].values()}
    expect_equal(used, set(action["inputs"]))
    script = (ACTION / "run.sh").read_text(encoding="utf-8")
    for name, entry in action["inputs"].items():
        assert entry["description"] and entry["required"] == (name == "run"), name
    for variable in step["env"]:
        expect_in(variable, script)


def run_action(case, inputs, **popen):
    action = description()
    (step,) = action["runs"]["steps"]
    variables = {}
    for variable, value in step["env"].items():
        name = value.split(".")[1].split(" ")[0]
        variables[variable] = inputs.get(name, action["inputs"][name].get("default", ""))
    environment = case.environment(GITHUB_ACTIONS="true", GITHUB_ACTION_PATH=str(ACTION), **variables)
    return subprocess.run(["bash", "-c", step["run"]], env=environment, cwd=case.workspace, text=True, timeout=60,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **case.identity(), **popen)


@only("user")
def test_the_action_runs_the_step_in_a_sandbox(case):
    report, place = case.temporary / "r.json", case.temporary / "artifacts"
    hostile = "$(touch injected); `touch injected`\n\"'"
    result = run_action(case, {
        "writ": writ_program(), "run": "echo one > out.txt\necho ::set-env name=E::1\nls /home/nobody || exit 5",
        "artifacts": "out.txt\n\n", "artifact-dir": str(place), "json": str(report), "mask": "NAME_OF_NOTHING",
        "options": f"--read={case.home}\n--timeout\n1m", "workspace": str(case.workspace)})
    expect_equal(result.returncode, 5)
    runner = GitHubRunner().read(result.stdout)
    expect_equal([name for name in runner.names() if name not in ("warning", "error")], ["group", "endgroup"])
    expect_equal((place / "out.txt").read_text(), "one\n")
    refused = run_action(case, {"writ": writ_program(), "run": "true", "profile": hostile})
    assert refused.returncode != 0
    expect_equal([name for name in os.listdir(case.workspace) if name == "injected"], [])


@only("user")
def test_the_action_says_when_there_is_no_program(case):
    result = run_action(case, {"run": "true", "writ": "/no/such/writ"})
    expect_equal(result.returncode, 127)
    expect_in("::error title=writ::there is no program", result.stdout)


if __name__ == "__main__":
    sys.exit(main(globals()))
