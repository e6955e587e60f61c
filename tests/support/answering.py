"""Somebody who answers the questions of a run: a program at the other end of --approve=fd:N, or a file."""

import json
import socket
import threading
import time


class Somebody:
    """Answers each question as `answer` says: a function of the question that returns a word, or None for no answer. A word
    alone is the answer to everything. Keeps what was asked and what was withdrawn."""

    def __init__(self, answer=None):
        self.answer = answer if callable(answer) else lambda question: answer
        self.questions = []
        self.withdrawn = []
        self.errors = []
        self.ours, self.theirs = socket.socketpair()
        self.thread = threading.Thread(target=self._serve)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.theirs.close()
        self.ours.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.ours.close()

    @property
    def options(self):
        return [f"--approve=fd:{self.theirs.fileno()}"]

    @property
    def inherited(self):
        return {"pass_fds": [self.theirs.fileno()]}

    def say(self, question, word):
        self.ours.sendall(json.dumps({"id": question["id"], "answer": word}).encode() + b"\n")

    def wait_for(self, count, seconds=20):
        """Waits until so many questions have come, and returns them."""
        end = time.monotonic() + seconds
        while len(self.questions) < count:
            assert time.monotonic() < end, f"{len(self.questions)} of {count} questions came: {self.questions}"
            time.sleep(0.01)
        return self.questions

    def _serve(self):
        for line in self.ours.makefile("r", encoding="utf-8"):
            message = json.loads(line)
            if message["type"] == "withdrawn":
                self.withdrawn.append(message)
            if message["type"] == "error":
                self.errors.append(message)
            if message["type"] != "question":
                continue
            word = self.answer(message)
            self.questions.append(message)
            if word is not None:
                self.say(message, word)


def approvals(case, *entries, name="approvals.yaml"):
    """An approval file beside the workspace. Each entry as it is written, without the braces."""
    lines = "".join(f"  - {{{entry}}}\n" for entry in entries)
    return ["--approve", case.write(name, f"version: 1\napprovals:\n{lines}", inside=case.base, give=case.give_to_writ)]
