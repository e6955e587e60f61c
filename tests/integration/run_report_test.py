#!/usr/bin/env python3
"""The report of a run: every field's type and truth, no secrets, and what the guard of protected files found."""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from writ_testing import LAYERS, SUBORDINATE_USER, case_profile, expect_equal, expect_in, expect_not_in, main, only  # noqa: E402

NUMBER = (int, float)
# Field → type; "?" marks what is not always there.
SCHEMA = {"schema": str, "schema_version": int, "writ_version": str, "command": [str], "profile": str, "workspace": str,
          "identity": {"inside_uid": int, "outside_uid": int, "inside_gid": int, "outside_gid": int}, "network": str,
          "environment": [str],
          "limits": {"wall_time_ms?": int, "cpu_seconds?": int, "address_space_bytes?": int, "file_size_bytes?": int,
                     "processes": int, "open_files": int, "tmp_size_bytes": int, "shm_size_bytes": int},
          "limit_use": [{"name": str, "value": str, "peak?": str, "peak_number?": int, "hit": bool, "enforced": str, "detail?": str}],
          "program": str, "layers": [{"layer": str, "state": str, "reason?": str}], "landlock_abi": int, "landlock_floor": str,
          "seccomp_instructions": int,
          "broker": {"capabilities": [str], "seccomp": {"state": str, "instructions": int, "reason?": str},
                     "landlock": {"state": str, "abi": int, "reason?": str}}, "grants": [{"path": str, "kind": str}], "warnings": [str],
          "persistence_not_listed": int, "persistence_events_lost": int, "terminal_sequences_dropped": int,
          "persistence": [{"path": str, "what": str, "action": str, "times": int, "kept_at?": str}],
          "denials?": [{"path": str, "rights": str, "cause": str, "program": str, "rule?": str, "reason?": str, "remedy?": str, "times": int}],
          "denials_not_listed?": int,
          "mediated_calls?": {"received": int, "answered": int, "callers_gone": int, "unhandled": int},
          "audit": {"state": str, "log?": str, "reason?": str, "run?": str, "records?": int, "lost?": int, "not_recorded?": int},
          "outcome": {"kind": str, "exit_status": int, "signal?": int, "reason": str},
          "usage": {"wall_seconds": NUMBER, "user_seconds": NUMBER, "system_seconds": NUMBER, "peak_memory_kib": int}}
GRANT_KINDS = {"read", "write", "mediated", "hidden", "protected", "pinned", "private", "device", "link"}


def check(value, schema, where="report"):
    if isinstance(schema, list):
        assert isinstance(value, list), f"{where} is not a list"
        for number, item in enumerate(value):
            check(item, schema[0], f"{where}[{number}]")
    elif isinstance(schema, dict):
        assert isinstance(value, dict), f"{where} is not an object"
        known = {key.rstrip("?"): (key.endswith("?"), part) for key, part in schema.items()}
        expect_equal((where, set(value) - set(known)), (where, set()))
        missing = {key for key, (optional, _) in known.items() if not optional} - set(value)
        expect_equal((where, missing), (where, set()))
        for key, item in value.items():
            check(item, known[key][1], f"{where}.{key}")
    else:
        assert isinstance(value, schema) and isinstance(value, bool) == (schema is bool), f"{where} is {value!r}"


def test_the_schema(case):
    result, report = case.report("--timeout", "50s", program=["sh", "-c", "echo evil > .envrc; exit 3"])
    expect_equal(result.returncode, 3)
    check(report, SCHEMA)
    expect_equal((report["schema"], report["schema_version"]), ("writ.run", 1))
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", report["writ_version"])
    expect_equal((report["command"][0], report["program"]), ("sh", "/usr/bin/sh" if os.path.islink("/bin") else report["program"]))
    expect_equal((report["profile"], report["workspace"], report["network"]), ("default", str(case.workspace), "none"))
    expect_equal(report["limits"]["wall_time_ms"], 50_000)
    assert {grant["kind"] for grant in report["grants"]} <= GRANT_KINDS, report["grants"]


def test_the_floor_also_bounds_truncation_where_the_input_has_no_name(case):
    with open(case.write("unnamed", "text\n"), encoding="utf-8") as file:
        (case.workspace / "unnamed").unlink()
        expect_equal(case.report(stdin=file)[1]["landlock_floor"], "writes_and_truncation")
    with open(case.write("input", "text\n"), encoding="utf-8") as file:
        expect_equal(case.report(stdin=file)[1]["landlock_floor"], "writes")


def test_every_layer_is_active_on_this_host(case):
    for profile in ("default", "readonly", "build", "python", "node", "git", "shell", "strict"):
        _, report = case.report("--profile", profile)
        expect_equal([(layer["layer"], layer["state"]) for layer in report["layers"]],
                     [(name, "active") for name in LAYERS] + [("control_group", "not_wanted")])
        assert report["landlock_abi"] > 0 and report["seccomp_instructions"] > 20
        expect_equal(report["landlock_floor"], "everything" if profile == "strict" else "writes")
        expect_equal(report["warnings"], [])
    _, report = case.report("--network", "host")
    states = {layer["layer"]: layer["state"] for layer in report["layers"]}
    expect_equal(states.pop("control_group"), "not_wanted")
    expect_equal((states.pop("network_namespace"), set(states.values()), report["network"]), ("not_wanted", {"active"}, "host"))


def test_identity(case):
    _, report = case.report()
    identity = report["identity"]
    assert identity["inside_uid"] != 0 and identity["outside_uid"] != 0 and identity["outside_gid"] != 0
    expect_equal(identity["outside_uid"], SUBORDINATE_USER if case.mode == "root" else case.owner)
    expect_equal(str(identity["inside_uid"]), case.output(program=["id", "-u"]).strip())


def test_grants(case):
    data = case.write("data/file", inside=case.base).parent
    case.write(".git/config", "[core]\n")
    case.write_home(".ssh/id", "PRIVATE")
    case.write_home("other", "x")
    _, report = case.report("--profile", case_profile(case, "native"), "--read", data, "--write", case.home)
    grants = {grant["path"]: grant["kind"] for grant in report["grants"]}
    for path, kind in ((data, "read"), (case.workspace, "write"), ("/usr", "read"), ("/tmp", "private"), ("/dev", "device"),
                       (case.workspace / ".git/config", "protected"), (case.workspace / ".git", "pinned"),
                       (case.home, "write"), (case.home / ".ssh", "hidden")):
        expect_equal((str(path), grants.get(str(path))), (str(path), kind))
    _, report = case.report("--write", case.home)
    mediated = {grant["path"] for grant in report["grants"] if grant["kind"] == "mediated"}
    expect_equal(mediated, {str(case.workspace), str(case.home)})


def test_kinds_of_outcome(case):
    for kind, status, options, script in (("exited", 0, [], "exit 0"), ("exited", 9, [], "exit 9"), ("exited", 137, [], "exit 137"),
                                          ("signalled", 137, [], "kill -9 $$"), ("signalled", 139, [], "kill -SEGV $$"),
                                          ("timed_out", 124, ["--timeout", "300ms"], "sleep 50"), ("exited", 124, [], "exit 124")):
        result, report = case.report(*options, program=["sh", "-c", script])
        outcome = report["outcome"]
        expect_equal((script, result.returncode, outcome["kind"], outcome["exit_status"]), (script, status, kind, status))
        assert outcome["reason"]
        if kind != "timed_out":  # there it is the signal that Writ ended the tool with
            expect_equal(outcome.get("signal"), status - 128 if kind == "signalled" else None)


def test_runs_that_did_not_start(case):
    for options, program, status in (([], ["no-such-program"], 127), (["--read", "/no/such"], ["true"], 125),
                                     (["--profile", "nobody"], ["true"], 125), ([], ["/usr"], 126)):
        result, report = case.report(*options, program=program)
        outcome = report["outcome"]
        expect_equal((result.returncode, outcome["kind"], outcome["exit_status"]), (status, "not_started", status))
        expect_equal(result.stderr, f"writ: {outcome['reason']}\n")
        assert "usage" not in report
        check(outcome, SCHEMA["outcome"])


def test_an_interrupted_run(case):
    path = case.temporary / "report.json"
    process = case.start("--report", path, program=["sh", "-c", "trap '' TERM; touch started; while :; do sleep 0.1; done", case.mark])
    while not (case.workspace / "started").exists():
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    expect_equal(process.wait(timeout=20), 143)
    outcome = json.loads(path.read_text())["outcome"]
    expect_equal((outcome["kind"], outcome["exit_status"]), ("interrupted", 143))
    expect_in("signal 15", outcome["reason"])


def test_usage_is_true(case):
    code = "import time, os\nx = bytearray(100 << 20)\nend = time.process_time() + 0.4\nwhile time.process_time() < end: pass\ntime.sleep(0.2)"
    _, report = case.report(program=["python3", "-c", code])
    usage = report["usage"]
    assert 0.3 < usage["user_seconds"] + usage["system_seconds"] < 5, usage
    assert 0.6 <= usage["wall_seconds"] < 20 and usage["peak_memory_kib"] > 100 << 10, usage
    # What the tool's children used, and waited for, is part of it.
    _, report = case.report(program=["python3", "-c", f"import subprocess; subprocess.run(['python3', '-c', {code!r}])"])
    assert report["usage"]["user_seconds"] + report["usage"]["system_seconds"] > 0.3, report["usage"]


def test_values_of_the_environment_are_never_in_it(case):
    environment = case.environment(TOKEN="hush-1", LC_X="hush-2", PATH="/usr/bin:/bin:/hush-3")
    for options in ([], ["--dry-run"], ["--dry-run", "--json"]):
        path = case.temporary / "report.json"
        result = case.run("--env", "TOKEN", "--env", "OWN=hush-4", "--report", path, *options, program=["true"], environment=environment)
        text = result.stdout + result.stderr + (path.read_text() if path.exists() else "")
        expect_not_in("hush", text)
        if options != []:
            expect_in("OWN", text)
    expect_equal(set(json.loads(path.read_text())["environment"]) >= {"TOKEN", "OWN", "LC_X", "PATH"}, True)
    # A secret on the command line of Writ would be visible to every process of the host; it is not in our own either.
    case.refused("--env", "LD_PRELOAD=hush-5", says="LD_PRELOAD")
    expect_not_in("hush", case.refused("--env", "LD_PRELOAD=hush-5").stderr)


def test_report_to_standard_error(case):
    result = case.run("--report", "-", program=["sh", "-c", "echo out; exit 2"])
    expect_equal((result.returncode, result.stdout), (2, "out\n"))
    check(json.loads(result.stderr), {**SCHEMA})


def test_report_to_special_files_and_in_place_of_an_old_one(case):
    result = case.run("--report", "/dev/stdout", program=["true"])
    expect_equal(json.loads(result.stdout)["outcome"]["kind"], "exited")
    old = case.write("report.json", "old", mode=0o600)
    if case.mode != "other":
        expect_equal(case.run("--report", "report.json", program=["true"]).returncode, 0)
        check(json.loads(old.read_text()), SCHEMA)
        expect_equal(sorted(os.listdir(case.workspace)), ["report.json"])


def test_a_report_to_a_pipe_that_nobody_reads_is_an_error_and_no_hang(case):
    pipe = case.base / "pipe"
    os.mkfifo(pipe)
    case.give_to_writ(pipe)
    case.refused("--report", pipe, program=["touch", "done"], says=["pipe", "No such device or address"])
    assert not (case.workspace / "done").exists()


def test_report_to_an_inherited_descriptor(case):
    """As a shell's process substitution gives it; the tool does not get the descriptor."""
    for name in ("/dev/fd", "/proc/self/fd"):
        read, write = os.pipe()
        os.set_inheritable(write, True)
        result = case.run("--report", f"{name}/{write}", program=["sh", "-c", "ls /proc/self/fd | wc -l; exit 3"], pass_fds=[write])
        os.close(write)
        with os.fdopen(read, encoding="utf-8") as pipe:
            check(json.load(pipe), SCHEMA)
        expect_equal((result.returncode, result.stdout, result.stderr), (3, "4\n", ""))
    words = [word if word != "REPORT" else ">(cat >&2)" for word in case.command("--report", "REPORT", program=["echo", "out"])]
    result = subprocess.run(["bash", "-c", " ".join(words) + "; wait"], capture_output=True, text=True, timeout=30, check=False,
                            env=case.environment(), cwd=case.workspace, **case.identity())
    expect_equal((result.returncode, result.stdout), (0, "out\n"))
    check(json.loads(result.stderr), SCHEMA)


def test_a_report_to_a_descriptor_that_is_not_ours_to_write(case):
    """Not open, open for reading only, or one of Writ's own: an error before anything runs."""
    for number in [*range(3, 40), 1023, 2147483647]:
        result = case.refused("--report", f"/dev/fd/{number}", program=["touch", "done"], says=[f"descriptor {number} is not open", "hint"])
        expect_equal(result.stdout, "")
    with open("/dev/null", encoding="utf-8") as source:
        case.refused("--report", "/dev/fd/0", program=["touch", "done"], stdin=source, says="descriptor 0 is not open for writing")
    for name in ("x", "-1", "", "1x", "99999999999999999999", "../fd/1"):
        case.refused("--report", f"/dev/fd/{name}", program=["touch", "done"], says="report")
    assert not (case.workspace / "done").exists()


def test_a_report_whose_reader_has_gone(case):
    read, write = os.pipe()
    os.close(read)
    case.refused("--report", f"/dev/fd/{write}", program=["touch", "done"], pass_fds=[write], says="Broken pipe")
    os.close(write)
    assert (case.workspace / "done").exists(), "known only when it is written"


def test_a_tool_cannot_redirect_the_report_by_a_link(case):
    """A report in the workspace goes to a name that the tool may have replaced."""
    target = case.write_home("target", "precious")
    case.run("--report", "report.json", program=["ln", "-s", target, "report.json"])
    expect_equal(target.read_text(), "precious")
    case.run("--report", "sub/report.json", program=["ln", "-s", case.home, "sub"])
    assert not (case.home / "report.json").exists(), "the report followed a link of the tool's out of the workspace"


def test_a_tool_cannot_redirect_the_report_to_a_device_or_hold_it_up(case):
    pipe = case.home / "pipe"  # stands for a device: something that is not a regular file, out of the tool's reach
    os.mkfifo(pipe)
    case.give_to_writ(pipe)
    reader = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    case.run("--report", "report.json", program=["ln", "-s", pipe, "report.json"], timeout=20)
    try:
        expect_equal(os.read(reader, 100), b"")
    except BlockingIOError:
        pass
    os.close(reader)
    case.run("--report", "other.json", program=["mkfifo", "other.json"], timeout=20)  # must end


def test_new_protected_files_are_moved_away_and_reported(case):
    case.write("project/x")
    script = "echo evil > .envrc; mkdir .vscode; echo evil > .vscode/tasks.json; ln -s /etc/passwd .bashrc; exit 5"
    result, report = case.report("--profile", case_profile(case, "native"), program=["sh", "-c", script])
    expect_equal(result.returncode, 5)
    expect_equal(sorted(os.listdir(case.workspace)), ["project"])
    found = {pathlib.Path(entry["path"]).name: entry for entry in report["persistence"]}
    expect_equal(set(found), {".envrc", ".vscode", ".bashrc"})
    for name, entry in found.items():
        expect_in(name, result.stderr)
        kept = pathlib.Path(entry["kept_at"])
        assert kept.is_relative_to(case.home / ".local/state/writ/quarantine"), kept
        assert os.path.lexists(kept), kept
    expect_equal(pathlib.Path(found[".envrc"]["kept_at"]).read_text(), "evil\n")
    expect_equal((pathlib.Path(found[".vscode"]["kept_at"]) / "tasks.json").read_text(), "evil\n")
    assert result.stderr.startswith("writ: warning: ") and result.stderr.count("writ: warning: ") == 3
    quarantine = (case.home / ".local/state/writ/quarantine").stat()
    expect_equal(quarantine.st_mode & 0o777, 0o700)


def test_a_protected_file_is_gone_while_the_tool_still_runs(case):
    script = "echo evil > .envrc; for i in $(seq 100); do test -e .envrc || { echo gone; exit; }; sleep 0.05; done; echo there"
    expect_equal(case.run("--profile", case_profile(case, "native"), program=["sh", "-c", script]).stdout, "gone\n")


def test_changes_that_are_allowed_and_reported(case):
    case.write("Makefile", "all:\n")
    result, report = case.report(program=["sh", "-c", "echo 'evil:' >> Makefile; echo {} > package.json"])
    names = {pathlib.Path(entry["path"]).name for entry in report["persistence"]}
    expect_equal(names, {"Makefile", "package.json"})
    expect_equal(sorted(os.listdir(case.workspace)), ["Makefile", "package.json"])
    for name in names:
        expect_in(name, result.stderr)


def test_nothing_is_reported_where_nothing_happened(case):
    case.write("Makefile", "all:\n")
    case.write(".envrc", "x\n")
    result, report = case.report(program=["sh", "-c", "cat Makefile .envrc > copy"])
    expect_equal((report["persistence"], report["warnings"], result.stderr), ([], [], ""))
    assert not (case.home / ".local/state/writ/quarantine").exists()


def test_names_of_strange_bytes_in_the_report(case):
    code = "import os\nos.makedirs(b'd\\xff\\n\\x1b[31m/.git/hooks')\nopen(b'.envrc', 'w').write('x')"
    result, report = case.report(program=["python3", "-c", code])
    for text in [result.stderr, *[entry["path"] for entry in report["persistence"]]]:
        assert "\x1b" not in text
    result, report = case.report(program=["echo", "\x1b[31m\udcff"])
    assert "\x1b" not in json.dumps(report["command"], ensure_ascii=False)


@only("user")
def test_the_report_is_complete_or_absent(case):
    """A Writ that is killed leaves the old report, never half of a new one."""
    path = case.temporary / "report.json"
    path.write_text("old")
    path.chmod(0o666)
    for number in range(20):
        process = case.start("--report", path, program=["true", case.mark])
        time.sleep(number * 0.001)
        process.kill()
        process.wait()
        text = path.read_text()
        assert text == "old" or json.loads(text), text


if __name__ == "__main__":
    sys.exit(main(globals()))
