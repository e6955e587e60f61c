#!/usr/bin/env python3
"""Nobody answers: after a minute the call fails, the other side is told, and what it answers then is too late."""

import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from asking import Peer, ask_profile  # noqa: E402
from writ_testing import expect_equal, expect_in, main, only  # noqa: E402


@only("user")
def test_nobody_answers(case):
    place = case.base / "data"
    case.write("file", "text\n", inside=place)
    profile = ask_profile(case.base, [(f"{place}/*", "read, list")])
    asked = []
    def decide(question):
        asked.append(question)
        return None if len(asked) == 1 else "once"
    with Peer(decide) as peer:
        process = case.start("--profile", profile, *peer.options, **peer.passed, stdout=-1, stderr=-1, program=["python3", "-c", f"""
import errno, time
began = time.monotonic()
try: open({str(place / 'file')!r}); print('opened')
except OSError as error: print(errno.errorcode[error.errno], int(time.monotonic() - began), flush=True)
print(open({str(place / 'file')!r}).read())
"""])
        first = peer.wait_for(1)[0]
        withdrawn = peer.wait_for(1, seconds=first["time_out_ms"] / 1000 + 30, what="withdrawn")[0]
        peer.send(first, "run")  # too late: it must not allow anything
        out, err = process.communicate(timeout=60)
    word, seconds = out.split()[0].decode(), int(out.split()[1])
    expect_equal((withdrawn["id"], withdrawn["cause"], word), (first["id"], "timed_out", "EACCES"))
    assert first["time_out_ms"] // 1000 - 1 <= seconds <= first["time_out_ms"] // 1000 + 30, seconds
    expect_in(b"nobody answered within", err)
    # Asked again, and answered in time; a late answer may have cost this question as well, and never gave anything.
    assert len(asked) == 2, asked
    assert os.path.exists(place / "file")


if __name__ == "__main__":
    sys.exit(main(globals()))
