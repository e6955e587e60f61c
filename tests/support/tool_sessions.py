"""A session of `writ tool serve` for tests: tools are called by name, and requests are made directly, past every tool,
through a tool that was made at run time and does nothing but pass them on."""

import json
import os
import subprocess
import threading

from writ_testing import writ_program

WHO = "agent:tester"

# Passes a request on, whatever it is: what a tool made at run time can do, and all that it can do.
PASS_ON = """
def run(args, libos):
    if args["name"] == "probe":
        return "probed"
    try:
        return {"value": libos.syscall(args["name"], args["arguments"])}
    except Exception as error:
        return {"refused": str(error)}
"""


class Session:
    """`with Session(case, …) as session`. `subject` None: a person's own session."""

    def __init__(self, case, *options, subject=WHO, profile="nothing", approve="deny", environment=None):
        self.case, self.ids = case, 0
        words = ["tool", "serve", "--profile", profile, "--approve", approve, *map(os.fspath, options)]
        if subject is not None:
            words += ["--subject", subject]
        self.process = subprocess.Popen(self.command(words), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, cwd=case.workspace,
                                        env=environment or case.environment(), **case.identity())
        self.said = []  # lines on standard error
        self.reader = threading.Thread(target=self._read_errors, daemon=True)
        self.reader.start()
        self.passes_on = False

    def command(self, words):
        return [writ_program(), *words]

    def _read_errors(self):
        for line in self.process.stderr:
            self.said.append(line)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Ends the session in order and returns its exit status."""
        if self.process.stdin and not self.process.stdin.closed:
            self.process.stdin.close()
        try:
            status = self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        self.reader.join(timeout=10)
        self.process.stdout.close()
        self.process.stderr.close()
        return status

    def send(self, line):
        """One line as it is; returns the parsed answer."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, f"the session ended: {''.join(self.said)}"
        return json.loads(answer)

    def call(self, tool, **arguments):
        """The answer: {"ok": true, "value": …} or {"ok": false, "code": …, "message": …}."""
        self.ids += 1
        answer = self.send(json.dumps({"id": self.ids, "tool": tool, "arguments": arguments}))
        assert answer.pop("id") == self.ids
        return answer

    def value(self, tool, **arguments):
        """The value of a call that must succeed."""
        answer = self.call(tool, **arguments)
        assert answer["ok"], f"{tool}: {answer} {''.join(self.said)}"
        return answer["value"]

    def code(self, tool, **arguments):
        """The code of a call that must fail."""
        answer = self.call(tool, **arguments)
        assert not answer["ok"], f"{tool} succeeded: {answer}"
        return answer["code"]

    def make_tool(self, name, source, language="python", tests=None, **more):
        """Proposes, validates and registers a tool."""
        draft = {"name": name, "description": "for a test", "language": language, "source": source,
                 "tests": tests or [], **more}
        candidate = self.value("propose_jit_tool", **draft)["candidate"]
        validated = self.value("validate_jit_tool", candidate=candidate)
        assert validated["valid"], validated
        self.value("register_jit_tool", candidate=candidate)

    def request(self, name, **arguments):
        """A request past every tool: {"value": …} or {"refused": text}."""
        if not self.passes_on:
            probe = {"arguments": {"name": "probe", "arguments": {}}, "expected": "probed"}
            self.make_tool("pass_on", PASS_ON, tests=[probe])
            self.passes_on = True
        return self.value("pass_on", name=name, arguments=arguments)


def grant(case, *words, subject=WHO):
    """`writ caps grant --to SUBJECT WORDS`; returns the id."""
    made = case.writ("caps", "grant", "--to", subject, *words)
    assert (made.returncode, made.stderr) == (0, ""), made.stderr
    return made.stdout.strip()
