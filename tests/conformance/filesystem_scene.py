"""What the conformance tests of the filesystem primitives share: what a file is byte for byte, answers as they come over
the pipe, the requests that change or look, and a tool made at run time that makes many requests in one call."""

import ctypes
import json
import os
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from tool_sessions import WHO, grant  # noqa: E402
from writ_testing import expect_equal  # noqa: E402

ALL = ["--right", "read", "--right", "write", "--right", "delete"]

# One call, many requests: how each ended, and every text that was read.
HAMMER = """
def run(args, libos):
    outcomes, texts = [], []
    for name, arguments in args["requests"]:
        try:
            value = libos.syscall(name, arguments)
            outcomes.append("done")
            if "text" in value:
                texts.append(value["text"])
        except Exception as error:
            outcomes.append(str(error))
    return {"outcomes": outcomes, "texts": sorted(set(texts))}
"""
HAMMER_LIMIT = 64  # requests of one call


def hammer(session, requests):
    """The outcomes of `requests`, [(name, arguments)], past every tool: "done" or the code; and the texts that were read."""
    if not getattr(session, "hammers", False):
        probe = {"arguments": {"requests": []}, "expected": {"outcomes": [], "texts": []}}
        session.make_tool("hammer", HAMMER, tests=[probe])
        session.hammers = True
    outcomes, texts = [], []
    for start in range(0, len(requests), HAMMER_LIMIT):
        value = session.value("hammer", requests=requests[start:start + HAMMER_LIMIT])
        outcomes += value["outcomes"]
        texts += value["texts"]
    return outcomes, texts


def expect_outcomes(session, requests, outcome):
    """That each of the requests ends as `outcome` says."""
    outcomes, _ = hammer(session, requests)
    expect_equal([each for each in zip(requests, outcomes) if each[1] != outcome], [])


def fingerprint(path):
    """All of a file that a write could change."""
    status = os.lstat(path)
    content = pathlib.Path(path).read_bytes() if os.path.isfile(path) and not os.path.islink(path) else b""
    return content, status.st_ino, status.st_mtime_ns, status.st_mode, status.st_uid, status.st_nlink


def tree(top):
    """Every name below `top`, with all of its file."""
    return {os.path.relpath(os.path.join(directory, name), top): fingerprint(os.path.join(directory, name))
            for directory, names, files in os.walk(top) for name in names + files}


def same(before, top):
    """That nothing below `top` has changed; a directory's own time may, where something came and went."""
    expect_equal(tree(top), before)


def temporaries(top):
    return [name for name in tree(top) if os.path.basename(name).startswith(".writ-")]


def raw_answer(session, tool, arguments):
    """The line that answers a call, as it is, but for the reference number; the id is always the same."""
    session.process.stdin.write(json.dumps({"id": 7, "tool": tool, "arguments": arguments}) + "\n")
    session.process.stdin.flush()
    return re.sub(r"\(reference \d+\)", "(reference N)", session.process.stdout.readline())


def records(case):
    log = case.home / ".local/state/writ/audit/audit.jsonl"
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]


def decisions(case, primitive):
    """(object, outcome) of each decision that was made for a request of `primitive`."""
    found = records(case)
    requests = {(each["run"], each["n"]) for each in found
                if each["event"] == "request" and each["object"] == primitive}
    return [(each["object"], each["outcome"]) for each in found
            if each["event"] == "decision" and (each["run"], each["parent"]) in requests]


def uses_left(case, capability):
    shown = case.writ("caps", "inspect", capability, "--json")
    assert shown.returncode == 0, shown.stderr
    return json.loads(shown.stdout)["capability"]["uses_remaining"]


def everything(case, *resources, **options):
    """A capability to read, write and delete."""
    for resource in resources or ["filesystem:workspace:*"]:
        made = grant(case, *ALL, resource, **options)
    return made


def requests_on(path, target="target.txt"):
    """One request of each filesystem primitive about `path`. Those that move come last."""
    return [("filesystem.read_text", {"path": path}),
            ("filesystem.stat", {"path": path}),
            ("filesystem.read_directory", {"path": path}),
            ("filesystem.write_text", {"path": path, "text": "theirs"}),
            ("filesystem.write_text", {"path": path, "text": "theirs", "overwrite": False}),
            ("filesystem.write_text", {"path": path, "text": "theirs", "expected_content_sha256": "missing"}),
            ("filesystem.write_directory", {"path": path, "parents": False}),
            ("filesystem.write_directory", {"path": path + "/new"}),
            ("filesystem.delete_file", {"path": path}),
            ("filesystem.delete_file", {"path": path, "missing_ok": True}),
            ("filesystem.delete_directory", {"path": path, "recursive": True, "missing_ok": True}),
            ("filesystem.move", {"from": path, "to": target, "overwrite": True}),
            ("filesystem.move", {"from": target, "to": path, "overwrite": True})]


def exchange(one, other):
    """Swaps two names in one step."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(-100, os.fsencode(one), -100, os.fsencode(other), 2) != 0:
        raise OSError(ctypes.get_errno(), "renameat2")


__all__ = ["ALL", "WHO", "decisions", "everything", "exchange", "expect_outcomes", "fingerprint", "grant", "hammer",
           "raw_answer", "records", "requests_on", "same", "temporaries", "tree", "uses_left"]
