"""What the tests of conformance share: sessions started in special ways, requests that are waited for elsewhere, and the
records that a session leaves."""

import json
import os
import subprocess
import threading

import tool_sessions
from writ_testing import expect_equal, wait_until, writ_program

# A session that is told who answers, and whose commands can read and write the workspace.
COMMANDS = ("--command-profile", "default")


ALL_LANGUAGES = ("python", "javascript", "shell")
# Returns its argument.
HARMLESS = {"python": "def run(args, libos):\n    return args['text']",
            "javascript": "async function run(args, libos) { return args.text; }",
            "shell": "echo '\"x\"'"}
HARMLESS_TEST = [{"arguments": {"text": "x"}, "expected": "x"}]


class StartedSession(tool_sessions.Session):
    """A session behind a command prefix (deny(…)), or one that inherits descriptors."""

    def __init__(self, case, *options, prefix=(), **popen):  # pylint: disable=super-init-not-called
        self.case, self.ids, self.passes_on, self.said = case, 0, False, []
        words = ["tool", "serve", *map(os.fspath, options)]
        self.process = subprocess.Popen([*prefix, writ_program(), *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, cwd=case.workspace, env=case.environment(),
                                        **case.identity(), **popen)
        self.reader = threading.Thread(target=self._read_errors, daemon=True)
        self.reader.start()


class Later:
    """A call of a session that is going on: `answer()` waits for its answer."""

    def __init__(self, call, *words, **arguments):
        self.result = None
        self.thread = threading.Thread(target=self._run, args=(call, words, arguments), daemon=True)
        self.thread.start()

    def _run(self, call, words, arguments):
        try:
            self.result = call(*words, **arguments)
        except Exception as error:  # pylint: disable=broad-except  # whoever waits gets to see it
            self.result = error

    def waits(self):
        return self.thread.is_alive()

    def answer(self, seconds=30):
        self.thread.join(seconds)
        assert not self.thread.is_alive(), "the call still waits"
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


def request(session, primitive, /, **arguments):
    """As Session.request(), also where an argument is called `name`: {"value": …} or {"refused": code}."""
    if not session.passes_on:
        session.request("clock.now")
    return session.value("pass_on", name=primitive, arguments=arguments)


def effect_rule(operation, effect, argv, match="exact"):
    return {"rule_id": "the-test-s", "operation": operation, "effect": effect, "risk": "medium",
            "conditions": {"argv": argv, "match": match}, "description": "for a test"}


def rules_file(case, *rules, name="rules.json"):
    return case.write(name, json.dumps({"authority_rules": list(rules)}), inside=case.base, give=case.give_to_writ)


# --- the queue of the person ---

def requests(case, *options):
    listed = case.writ("approvals", "list", "--json", *options)
    expect_equal((listed.returncode, listed.stderr), (0, ""))
    return json.loads(listed.stdout)["requests"]


def waiting(case, seconds=20):
    """The one request that waits, as soon as it does."""
    found = []

    def there():
        found[:] = requests(case)
        return found
    assert wait_until(there, seconds), "nothing waits"
    expect_equal(len(found), 1)
    return found[0]


def decide(case, act, row, *words):
    """`writ approvals ACT ID WORDS`, which must work."""
    done = case.writ("approvals", act, row["id"], *words)
    expect_equal((done.returncode, done.stderr), (0, ""))


# --- the log ---

def records(path, event=None):
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if event in (None, line["event"])]


def log_option(case, name="audit.jsonl"):
    """The path for `--audit`, where only Writ can write."""
    directory = case.base / "logs"
    if not directory.exists():
        directory.mkdir(mode=0o700)
        case.give_to_writ(directory)
    return directory / name


def text_of_tree(top):
    """All bytes of all files beneath `top`."""
    return b"".join(path.read_bytes() for path in sorted(top.rglob("*")) if path.is_file())
