#!/usr/bin/env python3
"""The sandbox of the native tools: a hostile program in the place of writ-tools can do nothing but talk to the broker,
and whatever it says there ends its own call and nothing else."""

import errno
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from tool_sessions import Session  # noqa: E402
from writ_testing import expect_equal, expect_in, main, only, writ_program  # noqa: E402

ATTACK = os.path.join(os.path.dirname(os.environ.get("WRIT_BIN", "build/release/bin/writ")), "tool-attack")
REFUSED = {errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EINVAL, errno.ENOTTY, errno.EAFNOSUPPORT, errno.EBADF}
# The filter lets these pass; the view has nothing that the one could find, and the other has a limit.
OTHERWISE = {"stat_empty_path_flag": errno.ENOENT, "large_memory_file": errno.EFBIG}
# What an ordinary process on the host may not do either.
NO_CONTROL = {"execveat_511", "limit", "io_uring", "unshare", "dup3", "fcntl_dup"}


class HostileTools(Session):
    """A session of a copy of Writ beside which the attack lies as writ-tools."""

    def __init__(self, case, *options):
        place = case.base / "hostile"
        place.mkdir(mode=0o755, exist_ok=True)
        for source, name in ((writ_program(), "writ"), (ATTACK, "writ-tools")):
            if not (place / name).exists():
                shutil.copy(source, place / name)
                (place / name).chmod(0o755)
        self.program = place / "writ"
        super().__init__(case, *options, subject=None, profile="default")

    def command(self, words):
        return [os.fspath(self.program), *words]


def test_a_tool_can_do_nothing_but_talk(case):
    outside = json.loads(subprocess.run([ATTACK, "--outside"], capture_output=True, text=True, check=True,
                                        cwd=case.temporary).stdout)
    pathlib.Path("/tmp/tool-attack").unlink(missing_ok=True)
    with HostileTools(case) as session:
        inside = json.loads(session.value("echo", text="attempts")["text"])
    expect_equal(inside.pop("descriptors"), "0 1 2 3")
    outside.pop("descriptors")
    expect_equal(set(inside), set(outside))
    wrong = {name: error for name, error in inside.items()
             if error not in ({OTHERWISE[name]} if name in OTHERWISE else REFUSED)}
    expect_equal(wrong, {})
    # The control: outside of the sandbox the same attempts succeed.
    failed_outside = {name: error for name, error in outside.items() if error != 0 and name not in NO_CONTROL}
    expect_equal(failed_outside, {})
    assert len(inside) > 25, f"only {len(inside)} attempts were made"


def test_whatever_a_tool_says_ends_its_own_call_and_nothing_else(case):
    with HostileTools(case) as session:
        for mode in ("garbage", "truncated", "hello_again", "crash", "leave", "wrong_result", "many_requests", "flood"):
            answer = session.call("echo", text=mode)
            assert not answer["ok"] and answer["code"] in ("failed", "limit"), (mode, answer)
            expect_equal(session.call("echo", text="nothing")["value"], {"text": "done"})
        # The controls: what is allowed passes.
        expect_equal(len(session.value("echo", text="large")["text"]), 2_097_000)
        expect_equal(session.value("echo", text="descriptors"), {"text": "done"})
        expect_equal(session.close(), 0)
    case.nothing_left()


def test_memory_has_a_limit(case):
    with HostileTools(case) as session:
        expect_equal(session.code("echo", text="memory"), "failed")
        expect_equal(session.call("echo", text="nothing")["ok"], True)
    case.nothing_left()


@only("user")
def test_time_has_a_limit(case):
    with HostileTools(case) as session:
        for mode in ("hang", "spin"):
            began = time.monotonic()
            expect_equal(session.code("echo", text=mode), "timed_out")
            took = time.monotonic() - began
            assert 9 < took < 25, f"{mode}: {took} s, and the manifest gives it 10"
    case.nothing_left()


@only("root", "user")
def test_killing_the_session_ends_the_tool(case):
    session = HostileTools(case)
    session.process.stdin.write(json.dumps({"id": 1, "tool": "echo", "arguments": {"text": "hang"}}) + "\n")
    session.process.stdin.flush()
    time.sleep(0.5)
    session.process.kill()
    session.close()
    case.nothing_left()


def test_a_program_that_is_no_tool_is_said_to_be_none(case):
    hostile = HostileTools(case)
    hostile.close()
    target = hostile.program.parent / "writ-tools"
    target.unlink()
    asked = subprocess.run([hostile.program, "tool", "call", "echo", "--args", '{"text": "x"}'], capture_output=True,
                           text=True, cwd=case.workspace, env=case.environment(), check=False, **case.identity())
    expect_equal(asked.returncode, 125)
    expect_in("writ-tools, is not beside", asked.stderr)
    # Something static that speaks no protocol.
    shutil.copy(os.path.join(os.path.dirname(ATTACK), "writ-attack"), target)
    target.chmod(0o755)
    asked = subprocess.run([hostile.program, "tool", "call", "echo", "--args", '{"text": "x"}'], capture_output=True,
                           text=True, cwd=case.workspace, env=case.environment(), check=False, **case.identity())
    expect_equal(asked.returncode, 1)
    expect_in("cannot start the tool", asked.stderr)
    case.nothing_left()


if __name__ == "__main__":
    sys.exit(main(globals()))
