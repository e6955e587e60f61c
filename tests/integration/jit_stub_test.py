#!/usr/bin/env python3
"""The stubs of tools made at run time, and their profile: this test is the broker at the other end of the pipes. The
broker's own end is tried out in unit/jit_conversation_test.cc and unit/jit_tool_test.cc."""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from writ_testing import SOURCE, deny, expect_equal, expect_in, expect_not_in, main, marked_processes, need, only, wait_until  # noqa: E402

ODD = "a\"b'c\\d\ne\t$(x)`y`%s\r \U0001f600 ü {\"reply\":{\"id\":1}} \x7f \u2028"
ALL = ("python", "javascript", "shell")


def raw_string(text, mark):
    """What stands between R"MARK( and )MARK"."""
    return re.search(rf'R"{mark}\((.*?)\){mark}"', text, re.DOTALL).group(1)


def stub_command(language):
    """As jit_stub_command() makes it."""
    text = (SOURCE / "broker/jit/jit_stub.cc").read_text(encoding="utf-8")
    if language == "python":
        return ["python3", "-I", "-S", "-c", raw_string(text, "PYTHON")]
    if language == "shell":
        return ["sh", "-c", raw_string(text, "SHELL")]
    need("node")
    start = re.search(r'kJavascriptStart =\s*((?:"(?:[^"\\]|\\.)*"\s*)+);', text).group(1)
    start = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', start)).replace('\\"', '"')
    return ["sh", "-c", start, "sh", raw_string(text, "JAVASCRIPT")]


def start_message(language, source, arguments):
    if language == "shell":
        return f'{{"run":{{"source_lines":{source.count(chr(10)) + 1}}}}}\n{json.dumps(arguments)}\n{source}\n'
    return json.dumps({"run": {"source": source, "arguments": arguments}}) + "\n"


class Tool:
    """A stub in its sandbox."""

    def __init__(self, case, language, source, arguments=None, options=("--profile", "jit")):
        # The mark of the case in an argument that nothing reads: its processes can be found.
        program = [*stub_command(language), case.mark]
        self.process = case.start(*options, "--chdir=/", program=program, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE)
        self.send(start_message(language, source, {} if arguments is None else arguments))
        self.calls = []

    def send(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def receive(self):
        line = self.process.stdout.readline()
        return json.loads(line) if line else None

    def serve(self, answer):
        """Answers every call with answer(name, arguments); returns the last message."""
        while message := self.receive():
            if "syscall" not in message:
                return message
            call = message["syscall"]
            self.calls.append(call)
            kind, value = answer(call["name"], call["arguments"])
            # As JitConversation::reply() writes it.
            self.send(f'{{"reply":{{"id":{call["id"]},"{kind}":{json.dumps(value, ensure_ascii=False)}}}}}\n')
        return None

    def end(self):
        """Its exit status and what it printed; there must be nothing more on the channel."""
        output, errors = self.process.communicate(timeout=60)
        expect_equal(output, b"")
        return self.process.returncode, errors.decode()


def result_of(case, language, source, arguments=None, answer=None, options=("--profile", "jit")):
    tool = Tool(case, language, source, arguments, options)
    message = tool.serve(answer or (lambda name, value: ("value", value)))
    status, errors = tool.end()
    assert message is not None, (status, errors)
    if "output" in message:
        text = bytes.fromhex(message["output"]).decode().rstrip("\n")
        try:
            message = {"result": json.loads(text)}
        except ValueError:
            message = {"result": text}
    return message, errors


ECHO = {
    "python": "def run(args, libos):\n    print('{\"result\":0}', flush=True)\n    return libos.syscall('test.echo', args)",
    "javascript": "async function run(args, libos) { console.log('{\"result\":0}'); return await libos.syscall('test.echo', args); }",
    "shell": "echo '{\"result\":0}' >&2\nlibos_syscall test.echo \"$LIBOS_ARGUMENTS\"",
}


def test_arguments_calls_and_results(case):
    for language in ALL:
        arguments = {"text": ODD, "list": [1, 2.5, None, True, {"": []}]}
        message, errors = result_of(case, language, ECHO[language], arguments)
        expect_equal((language, message), (language, {"result": arguments}))
        # What a tool prints disturbs nothing and can be read by whoever wrote it.
        expect_equal(errors, '{"result":0}\n')
    case.nothing_left()


@only("user")
def test_refusals(case):
    refused = {
        "python": "def run(args, libos):\n  try: libos.syscall('clock.now')\n  except libos.Refused as e: return [e.code, e.correlation]",
        "javascript": "module.exports.run = async (args, libos) => { try { await libos.syscall('clock.now'); } catch (e) { return [e.code, e.correlation]; } };",
        "shell": "r=$(libos_syscall clock.now); [ $? = 1 ] || exit 9; echo \"$r\" | sed 's/.*code\": *\\(\"[a-z]*\"\\).*correlation\": *\\(\"[^\"]*\"\\).*/[\\1, \\2]/'",
    }
    for language in ALL:
        message, _ = result_of(case, language, refused[language],
                               answer=lambda name, value: ("refused", {"code": "denied", "correlation": "c-1"}))
        expect_equal((language, message), (language, {"result": ["denied", "c-1"]}))


@only("user")
def test_failures(case):
    for language, source, says in (("python", "def run(args, libos): raise KeyError('x')", "KeyError"),
                                   ("python", "import no_such_module", "ModuleNotFoundError"),
                                   ("python", "def run(", "SyntaxError"),
                                   ("python", "x = 1", "no function run"),
                                   ("python", "def run(args, libos): return {1}", "TypeError"),
                                   ("python", "def run(args, libos): return float('nan')", "ValueError"),
                                   ("python", "def run(args, libos): return '\\ud800'", "UnicodeEncodeError"),
                                   ("python", "def run(args, libos): raise SystemExit(0)", "SystemExit"),
                                   ("javascript", "function run(", "SyntaxError"),
                                   ("javascript", "async function run() { return '\\ud800'; }", "well-formed"),
                                   ("javascript", "async function run() { return 1n; }", "TypeError"),
                                   ("shell", "if", "status 2"),
                                   ("javascript", "async function run() { throw new RangeError('x'); }", "RangeError: x"),
                                   ("javascript", "async function run() { return new Function('1')(); }", "EvalError"),
                                   ("shell", "exit 7", "status 7")):
        message, _ = result_of(case, language, source)
        expect_in(says, message["error"]["message"])


@only("user", "other")
def test_many_calls_have_numbers_in_order(case):
    many = {"python": "def run(args, libos):\n  for i in range(64): last = libos.syscall('test.echo', {'i': i})\n  return last",
            "javascript": "async function run(args, libos) { const all = await Promise.all([...Array(64).keys()].map((i) => libos.syscall('test.echo', {i}))); return all[63]; }",
            # Two parts of a script at the same time, and calls in subshells.
            "shell": "part() { i=0; while [ $i -lt 32 ]; do libos_syscall test.echo '{\"i\":63}' >/dev/null; i=$((i+1)); done; }\n"
                     "part & (part) & wait; echo '{\"i\":63}'"}
    for language in ALL:
        tool = Tool(case, language, many[language])
        message = tool.serve(lambda name, value: ("value", value))
        expect_equal([call["id"] for call in tool.calls], list(range(1, 65)))
        assert message and ("output" in message or message == {"result": {"i": 63}}), message
        tool.end()


def test_source_is_in_no_command_line(case):
    tool = Tool(case, "python", "# SECRET-IN-THE-SOURCE\ndef run(args, libos): return libos.syscall('test.wait', {})")
    expect_equal(tool.receive()["syscall"]["name"], "test.wait")
    lines = [pathlib.Path(f"/proc/{pid}/cmdline").read_bytes() for pid in marked_processes(case.mark)]
    assert lines  # the process is found
    expect_equal([line for line in lines if b"SECRET-IN" in line], [])
    tool.process.stdin.close()  # the broker is gone: the tool ends
    expect_equal((tool.process.stdout.read(), tool.process.wait(30)), (b"", 1))


LOOK = """
import os, socket
def run(args, libos):
    found = {}
    for path in args["paths"]:
        try: os.stat(path); found[path] = True
        except OSError: found[path] = False
    try: socket.socket(); found["socket"] = True
    except OSError: found["socket"] = False
    return found
"""


def test_a_tool_sees_nothing_of_the_host(case):
    case.write("file", "content\n")
    case.write_home("note", "content\n")
    paths = [os.fspath(path) for path in (case.workspace, case.workspace / "file", case.home / "note")] + ["/etc/fstab", "/opt", "/usr/bin/env"]
    message, _ = result_of(case, "python", LOOK, {"paths": paths})
    expect_equal(message["result"], {**dict.fromkeys(paths, False), "/usr/bin/env": True, "socket": False})
    # The control: the same tool in another profile sees them.
    message, _ = result_of(case, "python", LOOK, {"paths": paths[:2]}, options=("--profile", "default"))
    expect_equal(message["result"], {**dict.fromkeys(paths[:2], True), "socket": True})


LIMITS = """
import errno, os, signal
def files():
    held = [open("/dev/null") for i in range(1000)]
def large():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with open("/tmp/large", "wb", buffering=0) as file:
        for i in range(17): file.write(bytes(1 << 20))
def many():
    for i in range(4):
        with open(f"/tmp/{i}", "wb", buffering=0) as file:
            for k in range(12): file.write(bytes(1 << 20))
def execute():
    os.unlink("/tmp/large")
    with open("/tmp/program", "w") as file: file.write("#!/bin/sh")
    os.chmod("/tmp/program", 0o755)
    os.execv("/tmp/program", ["program"])
def memory():
    bytearray(4 << 30)
def processes():
    for i in range(1000):
        if os.fork() == 0:
            while True: signal.pause()
def ending(call):
    try: call()
    except MemoryError: return "MemoryError"
    except OSError as error: return errno.errorcode[error.errno]
def run(args, libos):
    return [ending(call) for call in (files, large, execute, many, memory, processes)]
"""


def test_a_tool_is_bounded(case):
    message, _ = result_of(case, "python", LIMITS)
    expect_equal(message["result"], ["EMFILE", "EFBIG", "EACCES", "ENOSPC", "MemoryError", "EAGAIN"])
    case.nothing_left()


ENDLESS = """
import os, signal
def run(args, libos):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.fork()
    if os.fork() == 0: os.setsid()
    libos.syscall("test.started") if os.getpid() == 2 else None
    while True: signal.pause()
"""


def test_the_time_limit_ends_the_whole_tree(case):
    tool = Tool(case, "python", ENDLESS, options=("--profile", "jit", "--timeout", "1500ms"))
    assert tool.receive(), "it did not start"
    expect_equal(tool.process.wait(30), 124)
    case.nothing_left()


def test_nothing_survives_its_writ(case):
    tool = Tool(case, "python", ENDLESS)
    assert tool.receive(), "it did not start"
    assert len(marked_processes(case.mark)) > 2  # the control: there is something to end
    tool.process.send_signal(signal.SIGKILL)
    tool.process.wait(30)
    assert wait_until(lambda: not marked_processes(case.mark), 10), "processes are left"
    case.nothing_left()


@only("user")
def test_without_a_layer_nothing_runs(case):
    for fault in ("landlock_create_ruleset", "seccomp"):
        result = case.refused("--profile", "jit", "--chdir=/", program=["sh", "-c", "echo ran"], prefix=deny(fault))
        expect_not_in("ran", result.stdout)


if __name__ == "__main__":
    sys.exit(main(globals()))
