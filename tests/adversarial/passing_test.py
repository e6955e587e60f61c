#!/usr/bin/env python3
"""27 and 29: what becomes of a grant that one tool passes to another, and of a socket that was given as a stream."""

import contextlib
import socket

from attack_harness import MARKER, Verdict, attack, eventually, main

UNIX_ALLOWED = "process:\n  unix_sockets: allowed\nfilesystem:\n  writing: native\n"  # who mediates binds none


@contextlib.contextmanager
def listening(kind):
    """A server of this test's on loopback, and a socket that is connected to it."""
    with socket.socket(socket.AF_INET, kind) as server, socket.socket(socket.AF_INET, kind) as client:
        server.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            server.listen(8)
        client.connect(server.getsockname())
        yield server, client


@attack("29_a_socket_as_a_stream")
def _(trial):
    """It belongs to the host's network, whatever namespace its holder is in."""
    for kind, ways in ((socket.SOCK_STREAM, ("connect",)), (socket.SOCK_DGRAM, ("connect", "sendto", "sendmmsg"))):
        for way in ways:
            for number, stream in ((0, "stdin"), (2, "stderr")):
                with listening(kind) as (_, given), listening(kind) as (other, _):
                    label = f"{kind.name} {way} on {stream}"
                    words = ("aim-elsewhere", way, number, other.getsockname()[1])
                    free = trial.natively(*words, **{stream: given.fileno()})
                    trial.check(free.kind == "ESCAPED", f"{label}: the control proves nothing: {free}")
                with listening(kind) as (_, given), listening(kind) as (other, _):
                    words = (*words[:3], other.getsockname()[1])
                    held = trial.inside(*words, **{stream: given.fileno()})
                    # Writ's own message goes to the socket where that is standard error.
                    trial.check(held.kind == "REFUSED" or held.status == 125, f"{label}: {held}")
    # What is left is one connected pair of this host, which leads nowhere else.
    ours, theirs = socket.socketpair()
    with ours, theirs, listening(socket.SOCK_STREAM) as (other, _):
        held = trial.inside("aim-elsewhere", "connect", 0, other.getsockname()[1], stdin=theirs.fileno())
        trial.check(held.kind == "STOPPED", f"a local pair: {held}")


@attack("27_a_grant_passed_on")
def _(trial):
    """A directory that one tool was given to read, passed to another over a socket in their workspace: it is what it was,
    a tree to read with nothing above it."""
    profile = trial.profile(UNIX_ALLOWED)
    tree = trial.outside / "given"
    path = trial.workspace / "socket"

    def attempt(receiver, sender, how, name):
        path.unlink(missing_ok=True)
        trial.file(tree / "file", MARKER)
        trial.file(trial.outside / "secret", MARKER)
        process = trial.start([*receiver, trial.attack, "use-received", how, str(path), name, MARKER])
        if not trial.check(eventually(path.exists), f"{how} {name}: nobody listens"):
            return None
        trial.run([*sender, trial.attack, "hand-over", str(path), str(tree)])
        out, err = process.communicate(timeout=20)
        process.stdout, process.stderr = out, err
        process_result = Verdict(process)
        process.stdout = process.stderr = None
        return process_result

    with_tree = trial.sandbox("--read", str(tree), profile=profile)
    without = trial.sandbox(profile=profile)
    for how, name in (("read", "../secret"), ("walk", "../secret"), ("write", "file"), ("make", "new"), ("read", "../../home/../outside/secret")):
        free = attempt([], [], how, name)
        trial.check(free and free.kind == "ESCAPED", f"{how} {name}: the control proves nothing: {free}")
        (tree / "new").unlink(missing_ok=True)
        held = attempt(without, with_tree, how, name)
        trial.check(held and held.kind == "STOPPED", f"{how} {name}: {held}")
    trial.check((tree / "file").read_text() == MARKER and not (tree / "new").exists(), "the tree was changed")
    # The control of the passing itself: what the grant is for does reach the other tool.
    held = attempt(without, with_tree, "read", "file")
    trial.check(held and held.kind == "ESCAPED", f"nothing was passed at all: {held}")
    held = trial.inside("use-received", "read", str(path) + "2", "file", MARKER)
    trial.check(held.kind == "UNDECIDED", f"a tool that may not have such sockets receives something: {held}")


if __name__ == "__main__":
    main()
