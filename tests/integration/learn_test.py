#!/usr/bin/env python3
"""`writ learn` on real programs: what it proposes lets the same command pass under `writ run`, within the bound of
docs/learn.md; as root and as an ordinary user."""

import json
import os
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from writ_testing import expect_equal, expect_in, expect_not_in, main, need, writ_program  # noqa: E402

FOLD_RULES, FOLD_SHARE, TREE_DEPTH = 4, 2, 2


class Learned:
    """One run of `writ learn`: its result, its JSON, and the profile that it wrote."""

    def __init__(self, case, *options, program, output="learned.yaml", permissive=False, environment=None, timeout=120):
        self.case, self.program, self.environment = case, program, environment
        self.file = case.temporary / output if output else None
        words = [writ_program(), "learn", "--json", *map(os.fspath, options)]
        if not permissive:
            words += ["-o", os.fspath(self.file)]
        self.result = subprocess.run([*words, "--", *map(os.fspath, program)], cwd=case.workspace, text=True,
                                     stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=timeout,
                                     errors="replace", env=environment or case.environment(), **case.identity())
        start = self.result.stderr.find('{\n  "schema": "writ.learn"')
        self.json = json.loads(self.result.stderr[start:]) if start >= 0 else None
        self.said = self.result.stderr[:start] if start >= 0 else self.result.stderr
        self.text = self.file.read_text(encoding="utf-8") if self.file and self.file.exists() else None

    def expect_success(self):
        assert self.result.returncode == 0 and self.json, f"{self.result.returncode}: {self.result.stdout}{self.said}"
        return self

    def rules(self, access=None):
        return sorted(rule["path"] for rule in self.json["proposed"] if access in (None, rule["access"]))

    def wanted(self, kind):
        return sorted(entry["path"] for entry in self.json["wanted"] if entry["kind"] == kind)

    def passes(self, *options):
        """The same command under the profile that was learned."""
        result = self.case.run("--profile", self.file, *options, program=self.program, environment=self.environment)
        assert result.returncode == 0, f"under the learned profile: {result.stdout}{result.stderr}\n{self.text}"
        expect_equal(result.stdout, self.result.stdout)
        return result

    def within_bound(self):
        """No rule is broader than docs/learn.md promises, read from the file itself and compared with the disk."""
        live = [line for line in self.text.splitlines() if not line.lstrip().startswith("#")]
        entries = re.findall(r"path: (\S+?), optional", "\n".join(live))
        expect_equal(sorted(self.expanded(entry) for entry in entries), sorted(self.expanded(r) for r in self.rules()))
        for rule in self.json["proposed"]:
            path = self.expanded(rule["path"])
            if rule["access"] == "write" or not os.path.isdir(path):
                continue
            files = sum(len(names) for _, _, names in os.walk(path))
            assert files == 0 or FOLD_RULES <= rule["used"] and files <= rule["used"] * FOLD_SHARE, rule
            top = str(self.case.home) if path.startswith(f"{self.case.home}/") else "/" + path.split("/")[1]
            assert path[len(top):].count("/") >= TREE_DEPTH, rule

    def expanded(self, path):
        return path.strip('"').replace("${workspace}", str(self.case.workspace)).replace("~", str(self.case.home), 1)

    def adds_nothing(self):
        """Learning again under the profile that was learned proposes nothing."""
        again = Learned(self.case, "--merge", self.file, program=self.program, output="again.yaml",
                        environment=self.environment).expect_success()
        expect_equal(again.json["proposed"], [])
        expect_equal(again.text, self.text)


# --- the four programs of the acceptance ---


def test_python_test_run(case):
    case.write("package/__init__.py", "from . import inner\n")
    case.write("package/inner.py", "import json, unittest.mock\ndef double(x):\n    return 2 * x\n")
    case.write("tests/__init__.py")
    case.write("tests/test_it.py", "import unittest\nfrom package.inner import double\nclass It(unittest.TestCase):\n"
                                   "    def test_it(self):\n        self.assertEqual(double(21), 42)\n")
    learned = Learned(case, program=["python3", "-m", "unittest"]).expect_success()
    expect_in("Ran 1 test", learned.said)
    expect_equal((learned.json["extends"], learned.json["proposed"]), ("default", []))
    learned.within_bound()
    expect_in("Ran 1 test", learned.passes().stderr)
    learned.adds_nothing()


def test_git_clone_from_outside(case):
    need("git")
    source = case.base / "source"
    source.mkdir()
    case.give(source)
    for name in ("one", "two", "three"):
        case.write(f"{name}.txt", name, inside=source)
    person = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    case.on_host("git", "init", "-q", "--template=", "-b", "main", cwd=source)
    case.on_host("git", "add", ".", cwd=source)
    case.on_host("git", *person, "commit", "-q", "-m", "first", cwd=source)
    learned = Learned(case, program=["git", "clone", "-q", source / ".git", "copy"]).expect_success()
    expect_equal(learned.json["extends"], "default")
    assert learned.rules("read") and not learned.rules("write"), learned.json
    learned.within_bound()
    subprocess.run(["rm", "-rf", case.workspace / "copy"], check=True)
    learned.passes()
    expect_equal((case.workspace / "copy/one.txt").read_text(), "one")
    subprocess.run(["rm", "-rf", case.workspace / "copy"], check=True)
    learned.adds_nothing()


def test_gcc_build_with_headers_outside(case):
    need("gcc", "make")
    headers = case.base / "library/include"
    for name in ("a", "b", "c", "d", "e"):
        case.write(f"{name}.h", f"#define {name.upper()} 1\n", inside=headers)
    case.write("unused.h", "#error not meant\n", inside=headers)
    case.write("main.c", "".join(f'#include "{n}.h"\n' for n in "abcde") +
               '#include <stdio.h>\nint main(void) { printf("%d\\n", A + B + C + D + E); return 0; }\n')
    case.write("Makefile", f"main: main.c\n\t$(CC) -I{headers} -o main main.c\n\t./main\n")
    learned = Learned(case, program=["make", "-s", "-B"]).expect_success()
    expect_equal(learned.rules(), [str(headers)])
    learned.within_bound()
    expect_equal(learned.passes().stdout, "5\n")
    learned.adds_nothing()


def test_node_script_reading_the_home(case):
    need("node")
    case.write_home("settings.json", '{"word": "from the home"}')
    case.write_home(".ssh/id_ed25519", "a key\n")
    case.write("app.js", "const fs = require('fs'), os = require('os'), home = os.homedir();\n"
                         "console.log(JSON.parse(fs.readFileSync(home + '/settings.json')).word);\n"
                         "try { console.log(fs.readFileSync(home + '/.ssh/id_ed25519', 'utf8')) }"
                         " catch { console.log('no key') }\n")
    learned = Learned(case, program=["node", "app.js"]).expect_success()
    expect_equal(learned.result.stdout, "from the home\nno key\n")
    expect_equal((learned.json["extends"], learned.rules()), ("base", ["~/settings.json"]))
    expect_equal(learned.wanted("secret"), ["~/.ssh/id_ed25519"])
    assert re.search(r"^#.*~/\.ssh/id_ed25519", learned.text, re.MULTILINE), learned.text
    expect_not_in("\n    - {path: ~/.ssh", learned.text)
    learned.within_bound()
    learned.passes()
    learned.adds_nothing()


if __name__ == "__main__":
    sys.exit(main(globals()))
