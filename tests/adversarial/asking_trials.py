"""What the attacks on rules that ask share: a place that is asked about, programs inside, and the count of a race."""

import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from asking import Peer  # noqa: E402
from attack_harness import MARKER  # noqa: E402

LOOK = "read, list"
PRELUDE = """
import ctypes, errno, os, subprocess, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
AT = -100
PLACE, SECRET = sys.argv[1], sys.argv[2]
END = time.monotonic() + float(sys.argv[3])
tries = successes = violations = 0
def finish():
    print('tries', tries, 'successes', successes, 'violations', violations, flush=True)
def read(path):
    fd = os.open(path, os.O_RDONLY)
    try: return os.read(fd, 200).decode(errors='replace')
    finally: os.close(fd)
"""


def asked_place(trial, name="place"):
    """A place outside of the workspace: harmless files, and one with the marker."""
    place = trial.base / name
    for path, text in (("harmless", "harmless"), ("secretxx", MARKER), ("sub/leaf", "harmless")):
        trial.file(place / path, text)
    trial.give(place, trial.uid)
    return place


def numbers(text):
    return {name: int(value) for name, value in re.findall(r"(\w+) (\d+)", text)}


def expect_race(trial, label, result, least):
    out = result.stdout.decode(errors="replace")
    found = numbers(out)
    print(f"  {label}: {found}", flush=True)
    trial.check(result.returncode == 0, f"{label}: status {result.returncode}: {result.stderr[-400:].decode(errors='replace')}")
    trial.check(found.get("tries", 0) >= least, f"{label}: the race hardly ran: {out!r}")
    trial.check(found.get("successes", 0) > 0, f"{label}: nothing that is allowed succeeded: {out!r}")
    trial.check(found.get("violations", 0) == 0, f"{label}: {out!r}")
    return found


def run_inside(trial, profile, code, place, *options, seconds=1.5, **rest):
    command = [*trial.sandbox("--quiet", *options, profile=profile), "python3", "-c", PRELUDE + code, place, MARKER, seconds]
    return trial.run(command, **rest)


def with_peer(trial, decide, profile, code, place, **rest):
    with Peer(decide) as peer:
        result = run_inside(trial, profile, code, place, *peer.options, **peer.passed, **rest)
    trial.check(not peer.failures, f"the peer: {peer.failures}")
    return result, peer
