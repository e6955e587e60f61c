#!/usr/bin/env python3
"""Runs the examples of the documentation: every fenced block marked ```console in README.md and docs/*.md.

In such a block a line that begins with "$ " is a command for sh; lines up to the next command are its expected output.
A command without expected output must succeed. "…" in expected output stands for any text within the line; a line that is
only "…" stands for any number of lines. "$ command  # exit 3" expects that exit code. Blocks of one file share one fresh
workspace (with a HOME beside it), so that a guide can build on what it did before.

  run_doc_examples.py --bin DIRECTORY ROOT      DIRECTORY comes first in PATH
  run_doc_examples.py --self-test
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile

BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXIT_CODE = re.compile(r"\s+# exit (\d+)$")
TIMEOUT_SECONDS = 120
ANYTHING = "…"


class Example:
    def __init__(self, place, command):
        self.place = place
        exit_code = EXIT_CODE.search(command)
        self.exit_code = int(exit_code.group(1)) if exit_code else None
        self.command = EXIT_CODE.sub("", command)
        self.expected = []

    def accepts_exit(self, code):
        if self.exit_code is not None:
            return code == self.exit_code
        return code == 0


def examples_of(name, text):
    for block in BLOCK.finditer(text):
        line_number = text.count("\n", 0, block.start()) + 1
        example = None
        for offset, line in enumerate(block.group(1).splitlines(), start=1):
            if line.startswith("$ "):
                if example:
                    yield example
                example = Example(f"{name}:{line_number + offset}", line[2:])
            elif example and example.command.endswith("\\"):
                example.command += "\n" + line.removeprefix("> ")
            elif example:
                example.expected.append(line)
        if example:
            yield example


def line_pattern(line):
    return ".*".join(re.escape(part) for part in line.rstrip().split(ANYTHING)) + r"[ \t]*\n"


def output_matches(expected, output):
    pattern = "".join(r"(?:.*\n)*?" if line.strip() == ANYTHING else line_pattern(line) for line in expected)
    if output and not output.endswith("\n"):
        output += "\n"
    return re.fullmatch(pattern, output) is not None


def run(example, workspace, environment):
    """Returns None, or what went wrong."""
    try:
        result = subprocess.run(["sh", "-c", example.command], cwd=workspace, env=environment, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIMEOUT_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"did not end within {TIMEOUT_SECONDS} s"
    output = result.stdout.decode("utf-8", "replace")
    if not example.accepts_exit(result.returncode):
        return f"exit code {result.returncode}, expected {example.exit_code or 0}; output:\n{output}"
    if example.expected and not output_matches(example.expected, output):
        return "expected:\n" + "\n".join(example.expected) + "\ngot:\n" + output
    return None


def environment_for(bin_directory, home):
    environment = {name: os.environ[name] for name in ("LANG", "USER", "LOGNAME", "TMPDIR") if name in os.environ}
    environment["PATH"] = f"{bin_directory}:{os.environ.get('PATH', '/usr/bin:/bin')}"
    environment["HOME"] = str(home)
    environment["TERM"] = "dumb"
    return environment


def run_document(name, text, bin_directory):
    """Returns (number of examples, list of failures)."""
    failures, count = [], 0
    with tempfile.TemporaryDirectory(prefix="writ-docs-") as directory:
        home = pathlib.Path(directory) / "home"
        workspace = home / "project"
        workspace.mkdir(parents=True)
        environment = environment_for(bin_directory, home)
        for example in examples_of(name, text):
            count += 1
            problem = run(example, workspace, environment)
            if problem:
                failures.append(f"{example.place}: $ {example.command}\n{problem}")
    return count, failures


def run_tree(root, bin_directory):
    documents = [root / "README.md", *sorted((root / "docs").glob("*.md"))]
    total, failures = 0, []
    for document in documents:
        if not document.exists():
            continue
        count, failed = run_document(document.relative_to(root).as_posix(), document.read_text("utf-8"), bin_directory)
        total += count
        failures += failed
    for failure in failures:
        print(failure, file=sys.stderr)
    print(f"{total - len(failures)} of {total} documentation examples behave as written")
    if total == 0:
        print("no ```console block was found: nothing was checked", file=sys.stderr)
    return 0 if total and not failures else 1


# Text of a document, and the number of failures that must be found in it.
SELF_TESTS = [
    ("```console\n$ echo hello\nhello\n```\n", 0),
    ("```console\n$ echo hello\ngoodbye\n```\n", 1),
    ("```console\n$ false\n```\n", 1),
    ("```console\n$ exit 3  # exit 3\n```\n", 0),
    ("```console\n$ true  # exit 3\n```\n", 1),
    ("```console\n$ echo took 17 ms\ntook … ms\n```\n", 0),
    ("```console\n$ seq 9\n1\n…\n9\n```\n", 0),
    ("```console\n$ seq 9\n1\n…\n8\n```\n", 1),
    ("```console\n$ echo one; echo two\none\n```\n", 1),
    ("```console\n$ echo a.c\nabc\n```\n", 1),
    ("```console\n$ touch f\n$ ls\nf\n```\ntext\n```console\n$ cat f\n```\n", 0),
    ("```sh\n$ false\n```\n", 0),
    ("```console\n$ echo a \\\n> b\na b\n```\n", 0),
]


def self_test():
    wrong = 0
    for text, expected in SELF_TESTS:
        _, failures = run_document("self-test.md", text, "/nonexistent")
        if len(failures) != expected:
            wrong += 1
            print(f"self-test: {text!r}: expected {expected} failures, found {failures}")
    print(f"self-test: {len(SELF_TESTS) - wrong} of {len(SELF_TESTS)} cases are right")
    return 1 if wrong else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("--bin", default="")
    parser.add_argument("root", nargs="?")
    arguments = parser.parse_args()
    if arguments.self_test:
        return self_test()
    if not arguments.root or not arguments.bin:
        parser.error("needs --bin DIRECTORY and ROOT")
    return run_tree(pathlib.Path(arguments.root).resolve(), pathlib.Path(arguments.bin).resolve())


if __name__ == "__main__":
    sys.exit(main())
