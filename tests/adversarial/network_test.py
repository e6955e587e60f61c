#!/usr/bin/env python3
"""Rules about addresses under attack: races for an address or a socket that no rule gives, and connections that a rule
gave and that are turned into something else. Every server is the test's own, on the loopback of this machine."""

import contextlib
import re
import socket
import threading

from attack_harness import attack, main

SECONDS = 2


class Listener:
    """Accepts and forgets; knows how many came."""

    def __init__(self, queue=512):
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen(queue)
        self.socket.settimeout(0.1)
        self.port = self.socket.getsockname()[1]
        self.count = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._accept)

    def _accept(self):
        kept = []
        while not self._stop.is_set():
            with contextlib.suppress(TimeoutError, OSError):
                kept.append(self.socket.accept()[0])
                self.count += 1
                if len(kept) > 64:
                    kept.pop(0).close()
        for connection in kept:
            connection.close()

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        self.socket.close()


def rules(trial, *addresses, rights="connect", extra=""):
    lines = "".join(f"  - {{effect: allow, rights: [{rights}], address: '{address}'}}\n" for address in addresses)
    return trial.profile(f"rules:\n{lines}{extra}")


def numbers(verdict):
    found = re.search(r"RACE iterations=(\d+) successes=(\d+) violations=(\d+)", verdict.out)
    return [int(number) for number in found.groups()] if found else [0, 0, -1]


def asking(trial, allowed, forbidden, effect):
    """Both ports are asked about; a file says yes to one of them. Between the question and its answer the tool runs."""
    lines = "".join(f"  - {{effect: ask, rights: [connect], address: 'localhost:{port}'}}\n" for port in (allowed, forbidden))
    answers = trial.base / f"answers-{allowed}.yaml"
    answers.write_text(f"version: 1\napprovals:\n  - {{effect: {effect}, rights: [connect], address: 'localhost:{allowed}'}}\n")
    return {"profile": trial.profile(f"rules:\n{lines}"), "options": ["--approve", str(answers)]}


def race(trial, *words, least=200, profile_extra="", asked=None):
    """The same race outside, where it must be won, and inside, where it must run as long and be lost."""
    with Listener() as allowed, Listener() as forbidden:
        arguments = [words[0], allowed.port, forbidden.port, SECONDS, *words[1:]]
        free = trial.natively(*arguments)
        trial.check(free.kind == "ESCAPED" and forbidden.count > 0, f"the control proves nothing: {free}")
    # Anew: what the control left in the queues must not be counted.
    with Listener() as allowed, Listener() as forbidden:
        arguments = [words[0], allowed.port, forbidden.port, SECONDS, *words[1:]]
        given = (asking(trial, allowed.port, forbidden.port, asked) if asked else
                 {"profile": rules(trial, f"localhost:{allowed.port}", extra=profile_extra)})
        held = trial.inside(*arguments, **given)
        iterations, successes, violations = numbers(held)
        print(f"  {' '.join(words)}: {iterations} iterations, {successes} successes, {violations} violations")
        trial.check(held.kind == "STOPPED", f"{words}: {held}")
        trial.check(iterations >= least and successes > 0, f"the race did not run: {iterations}, {successes}")
        trial.check(violations == 0 and forbidden.count == 0, f"{forbidden.count} reached the forbidden port")


@attack("4_address_flipped")
def _(trial):
    race(trial, "race-address")


@attack("4_number_and_address_flipped")
def _(trial):
    race(trial, "race-number", "inet")


@attack("4_address_flipped_while_somebody_is_asked")
def _(trial):
    race(trial, "race-address", asked="once")
    race(trial, "race-address", asked="run")


@attack("4_number_flipped_while_somebody_is_asked")
def _(trial):
    race(trial, "race-number", "inet", asked="once")


@attack("4_unix_sockets_flipped")
def _(trial):
    """Where unix sockets are allowed beside rules, their calls go on to the kernel: Landlock is what holds TCP then."""
    race(trial, "race-number", "unix", profile_extra="process: {unix_sockets: allowed}\n")


@attack("6_killed_callers")
def _(trial):
    with Listener() as allowed:
        held = trial.inside("killed-callers", allowed.port, 300, profile=rules(trial, f"localhost:{allowed.port}"))
        iterations, successes, violations = numbers(held)
        trial.check((iterations, successes, violations) == (300, 1, 0), f"{held} {held.out}")


@attack("9_connections_that_linger")
def _(trial):
    """The last copy of a connection that waits an hour for its peer is in the broker's hands: it must not wait."""
    with Listener() as silent:
        held = trial.inside("linger-race", silent.port, 150, profile=rules(trial, f"localhost:{silent.port}"))
        trial.check(held.kind == "STOPPED", f"{held} {held.out}")


@contextlib.contextmanager
def full_server():
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(8):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                waiting.connect(server.getsockname())
        yield server.getsockname()[1]


@attack("29_re_aimed_connections")
def _(trial):
    with Listener() as allowed, Listener() as forbidden, full_server() as slow:
        profile = rules(trial, f"localhost:{allowed.port}", f"localhost:{slow}")
        before = 0
        for how in ("unspecified", "listen"):
            trial.stops("re-aim", how, allowed.port, forbidden.port, profile=profile)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            free = probe.getsockname()[1]
        trial.stops("re-aim", "bind", allowed.port, free, profile=profile)
        trial.stops("re-aim", "shutdown", allowed.port, slow, profile=profile)
        for how in ("fast-open-new", "fast-open-message", "fast-open-messages"):
            trial.stops("re-aim", how, allowed.port, forbidden.port, profile=profile, why="switched off on some hosts")
        for how in ("fast-open-second", "fast-open-held"):
            trial.stops("re-aim", how, allowed.port, forbidden.port, profile=profile, control="none",
                        why="the kernel stops it as well")
        for how in ("source-route", "device"):
            trial.stops("re-aim", how, allowed.port, forbidden.port, profile=profile, why="not on every kernel")
        before = forbidden.count
        for how in ("unspecified", "fast-open-new", "fast-open-message", "fast-open-messages", "fast-open-second"):
            trial.inside("re-aim", how, allowed.port, forbidden.port, profile=profile)
        trial.check(forbidden.count == before, "the forbidden port was reached")


@attack("59_unix_sockets_beside_rules")
def _(trial):
    with Listener() as allowed:
        profile = rules(trial, f"localhost:{allowed.port}")
        path = trial.workspace / "server.sock"
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
            server.listen()
            path.chmod(0o777)
            trial.stops("connect-local", "stream", path, profile=profile)
        label = f"writ-test-{allowed.port}"
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(f"\0{label}")
            server.listen()
            trial.stops("connect-local", "stream", f"@{label}", profile=profile)
            both = rules(trial, f"localhost:{allowed.port}", extra="process: {unix_sockets: allowed}\n")
            trial.stops("connect-local", "stream", f"@{label}", profile=both)


@attack("66_other_ports_and_protocols")
def _(trial):
    with Listener() as allowed, Listener() as forbidden:
        profile = rules(trial, f"localhost:{allowed.port}")
        trial.stops("connect", "tcp", forbidden.port, profile=profile)
        trial.check(trial.inside("connect", "tcp", allowed.port, profile=profile).kind == "ESCAPED", "the rule gives nothing")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
            receiver.bind(("127.0.0.1", 0))
            receiver.settimeout(0.3)
            port = receiver.getsockname()[1]
            both = rules(trial, f"localhost:{allowed.port}", f"localhost:{port}")
            trial.natively("connect", "udp", port)
            trial.check(receiver.recv(10) == b"x", "the control sent nothing")
            trial.inside("connect", "udp", port, profile=both)
            with contextlib.suppress(TimeoutError):
                receiver.recv(10)
                trial.check(False, "a datagram left the sandbox")


@attack("67_backdoors_beside_rules")
def _(trial):
    """A port that the tool listens at stays in its own network, unless a bind rule names that very port."""
    def reached(start, port):
        process = start(["listen", str(port), "2"])
        process.stdout.readline()
        with socket.socket() as client:
            client.settimeout(0.5)
            return client.connect_ex(("127.0.0.1", port)) == 0

    def free_port():
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return probe.getsockname()[1]

    port, other = free_port(), free_port()
    trial.check(reached(lambda words: trial.start([trial.attack, *words]), port), "the control was not reached")
    with Listener() as allowed:
        for profile in (rules(trial, f"localhost:{allowed.port}"), rules(trial, f"localhost:{other}", rights="bind")):
            port = free_port()
            inside = [*trial.sandbox(profile=profile), trial.attack]
            trial.check(not reached(lambda words, start=inside: trial.start([*start, *words]), port), "reached from outside")


if __name__ == "__main__":
    main()
