#!/usr/bin/env python3
"""`writ tool`: what a person and a program type, what comes back, and what is left over."""

import http.server
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from tool_sessions import WHO, Session, grant  # noqa: E402
from writ_testing import SOURCE, expect_equal, expect_in, expect_not_in, main, need, only, wait_until, writ_program  # noqa: E402

CLIENT = """
import errno, fcntl, os, sys
sys.path.insert(0, {path!r})
import writ_client
"""


def call(case, tool, arguments, *options):
    return case.writ("tool", "call", tool, "--args", json.dumps(arguments), *options)


@only("user")
def test_tools_are_listed_and_shown(case):
    listed = case.writ("tool", "list")
    expect_equal(listed.returncode, 0)
    names = [line.split()[0] for line in listed.stdout.splitlines()]
    expect_equal(names, sorted(path.stem for path in (SOURCE / "tools").glob("*.yaml")))
    schemas = json.loads(case.writ("tool", "list", "--json").stdout)
    expect_equal([entry["name"] for entry in schemas], names)
    shown = case.writ("tool", "show", "edit")
    expect_in("filesystem:workspace:*", shown.stdout)
    expect_equal(json.loads(case.writ("tool", "show", "edit", "--json").stdout)["name"], "edit")
    visible = json.loads(case.writ("tool", "list", "--json", "--visible", "edit", "--visible", "echo").stdout)
    expect_equal([entry["name"] for entry in visible], ["echo", "edit"])


def test_a_call_prints_its_result_and_what_was_refused(case):
    case.write("a.txt", "hello\n")
    case.write_home(".ssh/id_ed25519", "secret\n", mode=0o600)
    done = call(case, "read_file", {"path": "a.txt"})
    expect_equal((done.returncode, json.loads(done.stdout)["text"], done.stderr), (0, "hello\n", ""))
    done = call(case, "write_file", {"path": "b/c.txt", "text": "made\n", "make_parents": True})
    expect_equal((done.returncode, json.loads(done.stdout)["created"]), (0, True))
    case.assert_owned("b", "b/c.txt")
    refused = call(case, "read_file", {"path": str(case.home / ".ssh/id_ed25519")})
    expect_equal((refused.returncode, refused.stdout), (1, ""))
    expect_in("denied", refused.stderr)
    expect_not_in("secret\n", refused.stderr)
    as_json = json.loads(call(case, "read_file", {"path": "none"}, "--json").stdout)
    expect_equal((as_json["ok"], as_json["code"], as_json["requests"], as_json["refusals"]), (False, "not_found", 1, 1))
    case.nothing_left()


@only("user")
def test_bad_input_is_said_and_nothing_happens(case):
    before = case.snapshot()
    for words, status, says in [
        (["call", "no_such_tool"], 127, "there is no tool"),
        (["call", "read_file", "--args", "{"], 125, "no JSON"),
        (["call", "read_file", "--args", "[]"], 1, "no JSON object"),
        (["call", "read_file", "--args", '{"path": 1}'], 1, "arguments.path"),
        (["call", "read_file", "--args", '{"pat": "a"}'], 1, "invalid_arguments"),
        (["call", "read_file", "--args-file", "absent"], 125, "absent"),
        (["call", "read_file", "--args", "{}", "--args-file", "x"], 125, "either"),
        (["call"], 125, "NAME"),
        (["show", "no_such_tool"], 127, "there is no tool"),
        (["call", "echo", "--args", '{"text":"x"}', "--subject", "root"], 125, "--subject"),
        (["call", "echo", "--args", '{"text":"x"}', "--profile", "absent"], 125, "absent"),
        (["call", "echo", "--args", '{"text":"x"}', "-C", "/"], 125, "workspace"),
        (["list", "--visible", "no_such_tool"], 125, "no_such_tool"),
        (["run"], 125, "the program is missing"),
        (["fly"], 125, "fly"),
    ]:
        result = case.writ("tool", *words)
        expect_equal((words, result.returncode), (words, status))
        expect_in(says, result.stderr)
        assert result.stderr.startswith("writ: "), result.stderr
    after = {path: state for path, state in case.snapshot().items() if "/.cache/" not in path}
    expect_equal({path for path in after if path not in before and "/.local" not in path}, set())


@only("user")
def test_lines_that_are_none_are_answered_and_do_not_end_a_session(case):
    with Session(case, subject=None, profile="default") as session:
        for line in ("nonsense", "[]", '{"id": 1}', '{"id": 1, "tool": 5}', '{"id": 1, "tool": "echo", "more": 1}',
                     '{"id": 1, "tool": "echo", "tool": "echo"}', '{"id": 1, "tool": "no_such_tool"}'):
            answer = session.send(line)
            assert answer["ok"] is False and answer["code"] in ("invalid_arguments", "unknown_name"), (line, answer)
        expect_equal(session.send('{"id": "x", "tool": "echo", "arguments": {"text": "y"}}'),
                     {"id": "x", "ok": True, "value": {"text": "y"}})
        names = [tool["name"] for tool in session.send('{"id": null, "tools": true}')["value"]]
        expect_in("read_file", names)
        # A session that its own tools end takes no calls any more.
        session.value("process_exit", message="done")
        expect_equal(session.code("echo", text="x"), "unavailable")
        expect_equal(session.close(), 0)
    case.nothing_left()


@only("root", "user")
def test_the_view_of_a_model_is_not_authority(case):
    case.write("a.txt", "hello\n")
    with Session(case, "--visible", "echo", subject=None, profile="default") as session:
        expect_equal([tool["name"] for tool in session.send('{"id": 1, "tools": true}')["value"]], ["echo"])
        expect_equal(session.value("read_file", path="a.txt")["text"], "hello\n")  # hidden, and callable
    with Session(case, "--visible", "read_file") as session:
        expect_equal(session.code("read_file", path="a.txt"), "denied")  # seen, and not allowed


def test_a_program_speaks_to_the_broker_itself(case):
    case.write("a.txt", "hello\n")
    place = case.base / "data"
    place.mkdir(mode=0o755)
    script = CLIENT.format(path=str(place)) + """
with writ_client.BrokerClient.open() as broker:
    print(broker.request("filesystem.read_text", path="a.txt").value["text"], end="")
    reply = broker.request("filesystem.open", path="a.txt")
    fd = reply.descriptors[0]
    print(os.pread(fd, 5, 0).decode())
    for flags in (os.O_RDWR, os.O_WRONLY):
        try:
            os.open(f"/proc/self/fd/{fd}", flags)
            print("reopened for writing")
        except OSError as error:
            print(errno.errorcode[error.errno])
    try:
        broker.request("filesystem.write_text", path=".git/hooks/pre-commit", text="#!/bin/sh")
    except writ_client.Refused as refusal:
        print(refusal.code)
    print(broker.request("filesystem.write_text", path="made.txt", text="x").value["created"], repr(sys.stdin.read()))
"""
    shutil.copy(SOURCE / "tools/python/writ_client.py", place)
    result = case.writ("tool", "run", "--", "python3", "-c", script)
    expect_equal((result.returncode, result.stdout.splitlines()[:2]), (1, []))  # the client is not granted
    shutil.copy(SOURCE / "tools/python/writ_client.py", case.workspace)
    script = script.replace(str(place), str(case.workspace))
    result = case.writ("tool", "run", "--", "python3", "-c", script)
    expect_equal((result.returncode, result.stdout.splitlines()),
                 (0, ["hello", "hello", "EROFS", "EROFS", "denied", "True ''"]))
    case.assert_owned("made.txt")
    # The control: a file of the workspace that the program opens by itself can be opened again for writing.
    control = "import os; fd = os.open('made.txt', os.O_RDONLY); os.open(f'/proc/self/fd/{fd}', os.O_RDWR); print('yes')"
    expect_equal(case.output("--profile", "build", program=["python3", "-c", control]), "yes\n")
    case.nothing_left()


@only("user")
def test_exit_status_and_nonsense_of_a_program_with_a_socket(case):
    expect_equal(case.writ("tool", "run", "--", "sh", "-c", "exit 7").returncode, 7)
    expect_equal(case.writ("tool", "run", "--", "no-such-program").returncode, 127)
    nonsense = case.writ("tool", "run", "--", "python3", "-c", "import os; os.write(3, b'nonsense'); print('alive')")
    expect_equal((nonsense.returncode, nonsense.stdout), (0, "alive\n"))
    expect_in("broker socket is closed", nonsense.stderr)
    expect_equal(case.run("--broker-socket=1", program=["true"]).returncode, 125)  # not for people


@only("root", "user")
def test_killing_it_leaves_nothing(case):
    for words in (["tool", "run", "--", "sleep", "60"], ["tool", "serve"]):
        process = subprocess.Popen([writ_program(), *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL, cwd=case.workspace, env=case.environment(),
                                   **case.identity())
        if words[1] == "serve":
            process.stdin.write(b'{"id": 1, "tool": "run_command", "arguments": {"argv": ["sleep", "60"]}}\n')
            process.stdin.flush()
        children = f"/proc/{process.pid}/task/{process.pid}/children"
        assert wait_until(lambda: len(pathlib.Path(children).read_text(encoding="ascii").split()) > 1), words
        time.sleep(0.3)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        case.nothing_left()


@only("root", "user")
def test_commands_run_in_a_sandbox_of_their_own(case):
    case.write("a.txt", "hello\n")
    with Session(case, "--command-profile", "readonly", subject=None, profile="default") as session:
        shown = session.value("run_command", argv=["sh", "-c", "cat a.txt; echo x > b.txt"])
        expect_equal(shown["stdout"], "hello\n")
        assert shown["exit_status"] != 0 and not (case.workspace / "b.txt").exists(), shown
        expect_equal(session.value("write_file", path="b.txt", text="y")["created"], True)
        began = time.monotonic()
        expect_equal(session.value("run_command", argv=["sleep", "60"], timeout_s=1)["timed_out"], True)
        assert time.monotonic() - began < 20
    with Session(case, subject=None, profile="default") as session:  # the control: as the session itself may
        expect_equal(session.value("run_command", argv=["sh", "-c", "echo x > c.txt"])["exit_status"], 0)
    expect_equal((case.workspace / "c.txt").read_text(encoding="ascii"), "x\n")
    case.nothing_left()


@only("root", "user")
def test_rules_about_commands_hold_for_the_program_itself(case):
    need("git")
    profile = case.base / "no-push.yaml"
    profile.write_text("version: 1\nname: no-push\nextends: git\ncommands:\n"
                       "  - {program: git, prefix: [push], effect: deny, reason: not yours}\n"
                       "  - {program: git, effect: allow}\n")
    case.on_host("git", "init", "-q", ".")
    with Session(case, subject=None, profile=profile) as session:
        for argv in (["git", "push"], ["sh", "-c", "git push"]):
            refused = session.value("run_command", argv=argv)
            expect_equal((argv, refused["exit_status"]), (argv, 126))
            expect_in("not yours", refused["stderr"])
        expect_equal(session.value("run_command", argv=["git", "rev-parse", "--git-dir"])["stdout"], ".git\n")
    # The control: without the rules it is git that refuses.
    with Session(case, subject=None, profile="git") as session:
        expect_not_in("not yours", session.value("run_command", argv=["git", "push"])["stderr"])


@only("root", "user")
def test_a_session_that_its_tools_call_failed_has_failed(case):
    with Session(case, subject=None, profile="default") as session:
        session.value("process_exit", message="no disk\x1b[31m", failed=True)
        expect_equal(session.close(), 1)
    expect_in("no disk\\x1b", "".join(session.said))


@only("root", "user")
def test_http_goes_through_the_rules_of_the_network(case):
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):  # noqa: N802
            body = b"served " + self.path.encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/page"
        profile = case.base / "web.yaml"
        profile.write_text("version: 1\nname: web\nextends: default\nrules:\n"
                           f"  - {{effect: allow, rights: [connect], address: '127.0.0.1:{server.server_port}'}}\n")
        denied = call(case, "http_get", {"url": url})
        expect_equal((denied.returncode, denied.stdout), (1, ""))
        done = call(case, "http_get", {"url": url}, "--profile", profile)
        expect_equal((done.returncode, json.loads(done.stdout)["status"], json.loads(done.stdout)["body"]),
                     (0, 200, "served /page"))
        # A capability gives the same, and an address where clouds hand out credentials is nobody's.
        grant(case, "--right", "connect", f"network:127.0.0.1:{server.server_port}")
        with Session(case) as session:
            expect_equal(session.value("http_get", url=url)["status"], 200)
            expect_equal(session.code("http_get", url="http://169.254.169.254/latest"), "denied")
            expect_equal(session.code("http_get", url="http://example.org/"), "unavailable")
            expect_equal(session.code("http_get", url="https://127.0.0.1/"), "unavailable")
    finally:
        server.shutdown()
        server.server_close()
    case.nothing_left()


@only("root", "user")
def test_the_log_has_every_request_and_its_decision(case):
    case.write("a.txt", "hello\n")
    log = case.base / "log"
    log.mkdir(mode=0o700)
    case.give_to_writ(log)
    allowed = grant(case, "--right", "read", "filesystem:workspace:a.txt")
    with Session(case, "--audit", log / "audit.jsonl") as session:
        session.value("read_file", path="a.txt")
        session.code("read_file", path="b.txt")
        session.close()
    records = [json.loads(line) for line in (log / "audit.jsonl").read_text(encoding="utf-8").splitlines()]
    decisions = [(record["object"], record["outcome"], record.get("capability")) for record in records
                 if record["event"] == "decision"]
    expect_equal(decisions, [("filesystem:workspace:a.txt", "allow", allowed),
                             ("filesystem:workspace:b.txt", "deny", None)])
    expect_equal([record["object"] for record in records if record["event"] == "request"],
                 ["filesystem.read_text", "filesystem.read_text"])
    expect_equal(case.writ("audit", "verify", log / "audit.jsonl").returncode, 0)
    case.writ("caps", "revoke", allowed)
    with Session(case) as session:
        expect_equal(session.code("read_file", path="a.txt"), "denied")


@only("user")
def test_no_c_client_is_needed_but_there_is_one(case):
    need("gcc")
    build = pathlib.Path(os.environ.get("WRIT_BIN", SOURCE / "build/release/bin/writ")).resolve().parents[1]
    library = next(build.glob("tools/client/libwrit-client.a"), None)
    assert library, f"no libwrit-client.a in {build}"
    case.write("a.txt", "hello\n")
    source = case.write("client.c", r"""
#include <stdio.h>
#include "writ_client.h"
int main(void) {
  struct writ_error error;
  writ_client *client = writ_client_open(-1, "c/1", &error);
  char *value = 0;
  if (!client || writ_client_request(client, "filesystem.read_text", "{\"path\": \"a.txt\"}", &value, 0, 0, &error) != 0)
    return 1;
  puts(value);
  if (writ_client_request(client, "filesystem.read_text", "{\"path\": \"../x\"}", &value, 0, 0, &error) == 0) return 2;
  puts(error.code);
  writ_client_close(client);
  return 0;
}
""")
    subprocess.run(["g++", "-x", "c++", source, "-x", "none", f"-I{SOURCE}/tools/client", library, "-lboost_json", "-static", "-o",
                    case.workspace / "client"], check=True, capture_output=True, text=True)
    (case.workspace / "client").chmod(0o755)
    result = case.writ("tool", "run", "--", "./client")
    expect_equal((result.returncode, json.loads(result.stdout.splitlines()[0])["text"], result.stdout.splitlines()[1]),
                 (0, "hello\n", "denied"))


if __name__ == "__main__":
    sys.exit(main(globals()))
