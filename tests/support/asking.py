"""What the tests of rules that ask share: profiles with such rules, and somebody who answers: a file, or a program at a
descriptor (docs/approvals.md)."""

import json
import os
import pty
import select
import socket
import threading
import time

LOOK = "read, list"


def ask_profile(base, rules, extends="default", name="asking", rest=""):
    """The file of a profile; `rules` is a list of flow mappings without braces, or (path, rights) pairs that ask."""
    lines = []
    for rule in rules:
        if isinstance(rule, tuple):
            path, rights = rule
            rule = f"effect: ask, rights: [{rights}], path: {json.dumps(str(path))}, reason: \"the test's\""
        lines.append(f"  - {{{rule}}}\n")
    path = base / f"{name}.yaml"
    path.write_text(f"version: 1\nname: {name}\nextends: {extends}\n{rest}rules:\n{''.join(lines)}")
    return path


def answer_file(base, *entries, name="answers.yaml"):
    """An approval file; an entry is (effect, rights, path) or a text."""
    texts = [entry if isinstance(entry, str) else
             f"effect: {entry[0]}, rights: [{entry[1]}], path: {json.dumps(str(entry[2]))}" for entry in entries]
    path = base / name
    path.write_text("version: 1\napprovals:\n" + "".join(f"  - {{{text}}}\n" for text in texts))
    path.chmod(0o644)
    return path


class Peer:
    """The program at the other end of `--approve fd:N`: `decide(question)` gives an answer, or None for none. Use as a
    context; `options` are for `writ run`, `passed` for Popen."""

    def __init__(self, decide):
        self.decide = decide
        self.questions, self.withdrawn, self.others, self.failures = [], [], [], []
        self.ours, self.theirs = socket.socketpair()
        self.changed = threading.Condition()

    @property
    def options(self):
        return ["--approve", f"fd:{self.theirs.fileno()}"]

    @property
    def passed(self):
        return {"pass_fds": [self.theirs.fileno()]}

    def __enter__(self):
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.theirs.close()
        self.ours.shutdown(socket.SHUT_RDWR)
        self.thread.join(10)
        self.ours.close()

    def send(self, question, answer):
        self.ours.sendall((json.dumps({"id": question["id"], "answer": answer}) + "\n").encode())

    def wait_for(self, count, seconds=20, what="questions"):
        with self.changed:
            assert self.changed.wait_for(lambda: len(getattr(self, what)) >= count, seconds), \
                f"{len(getattr(self, what))} {what} instead of {count}"
        return getattr(self, what)

    def objects(self):
        return [question["object"]["text"] for question in self.questions]

    def _serve(self):
        try:
            with self.ours.makefile("r", encoding="utf-8") as lines:
                for line in lines:
                    self._take_line(line)
        except OSError:
            return  # the run is over

    def _take_line(self, line):
        try:
            self._take(json.loads(line))
        except OSError:
            raise
        except Exception as error:  # pylint: disable=broad-except  # the test looks at it
            self.failures.append(f"{type(error).__name__}: {error}")

    def _take(self, message):
        kind = {"question": self.questions, "withdrawn": self.withdrawn}.get(message["type"], self.others)
        with self.changed:
            kind.append(message)
            self.changed.notify_all()
        answer = self.decide(message) if message["type"] == "question" else None
        if answer is not None:
            self.send(message, answer)


def at_terminal(command, word, environment, directory, identity, seconds=40):
    """Runs `command` with a terminal of its own, types `word` once a question stands there, and returns the exit status,
    everything that the terminal showed, and whether there was a question. `identity`: as for subprocess, or empty."""
    pid, terminal = pty.fork()
    if pid == 0:
        try:
            if identity:
                os.setgroups([])
                os.setgid(identity["group"])
                os.setuid(identity["user"])
            os.chdir(directory)
            os.execve(command[0], [str(argument) for argument in command], environment)
        finally:
            os._exit(99)
    shown, typed, end = b"", False, time.monotonic() + seconds
    while time.monotonic() < end:
        if select.select([terminal], [], [], 0.2)[0]:
            try:
                data = os.read(terminal, 65536)
            except OSError:
                data = b""
            if not data:
                break
            shown += data
        if not typed and b"Enter alone denies" in shown:
            time.sleep(0.8)  # keys that come too early do not count
            os.write(terminal, word.encode() + b"\r")
            typed = True
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown, typed


def scene(case, name="data"):
    """A place outside of the workspace, with files in it."""
    place = case.base / name
    for path, text in (("customers", "customers\n"), ("other", "other\n"), ("sub/inner", "inner\n"), ("sub/deep/leaf", "leaf\n")):
        case.write(path, text, inside=place)
    case.give(place)
    return place


def profile_of(case, place, rights=LOOK, **rest):
    return ask_profile(case.base, [(f"{place}/*", rights)], **rest)


def answered(case, answer, program, profile, **rest):
    """Runs `program`; a Peer answers with `answer` (a word, or a function). Returns the result and the Peer."""
    with Peer(answer if callable(answer) else lambda _: answer) as peer:
        result = case.run("--profile", profile, *peer.options, program=program, **peer.passed, **rest)
    assert peer.failures == [], peer.failures
    return result, peer


def python(code):
    return ["python3", "-c", "import os, sys, errno, pathlib\n" + code]
