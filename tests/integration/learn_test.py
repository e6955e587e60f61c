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
from writ_testing import as_root, expect_equal, expect_in, expect_not_in, main, need, only, writ_program  # noqa: E402

# Learning leaves out the homes of others, and an ordinary user has no other place than one under /home.
OUTSIDE = "a place outside of all homes, as /srv"

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


@as_root(OUTSIDE)
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


@as_root(OUTSIDE)
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


# --- what is proposed, and what is only said ---


def test_writing_outside_is_said_and_not_granted(case):
    case.write_home(".bashrc", "")
    code = ("import os\nfor p in ('~/.cache/x', '~/.bashrc', '~/made'):\n"
            "    try: open(os.path.expanduser(p), 'a').write('x')\n    except OSError as e: print(e.errno)\n")
    learned = Learned(case, program=["python3", "-c", code]).expect_success()
    expect_equal(learned.rules(), [])
    expect_equal(learned.wanted("writing"), ["~/.bashrc", "~/.cache/x", "~/made"])
    expect_equal((case.home / ".bashrc").read_text(), "")
    assert not (case.home / "made").exists()


def test_a_tree_that_was_opened_for_writing(case):
    out = case.base / "out"
    out.mkdir()
    case.give(out)
    learned = Learned(case, "--write", out, program=["sh", "-c", f"echo x > {out}/file"]).expect_success()
    expect_equal(learned.rules("write"), [str(out)])
    learned.passes()
    unused = Learned(case, "--write", out, program=["true"]).expect_success()
    expect_equal(unused.rules(), [])


@as_root(OUTSIDE)
def test_links_on_the_way(case):
    target = case.write("real/deep/data.txt", "data\n", inside=case.base)
    (case.home / "project").symlink_to(case.base / "real/deep")
    (case.home / "file").symlink_to(target)
    (case.home / "loop").symlink_to("loop")
    learned = Learned(case, program=["sh", "-c", "cat ~/project/data.txt ~/file; cat ~/loop; true"]).expect_success()
    expect_equal(learned.rules(), sorted([str(target), "~/file", "~/project/data.txt"]))
    learned.within_bound()
    learned.passes()
    learned.adds_nothing()


def test_a_script_with_its_interpreter_in_the_home(case):
    shell = case.write_home("bin/myshell", pathlib.Path("/bin/sh").read_bytes(), mode=0o755)
    case.write("tool", f"#!{shell}\necho done\n", mode=0o755)
    learned = Learned(case, program=["sh", "-c", "./tool"]).expect_success()
    expect_in("~/bin/myshell", learned.rules())
    learned.passes()


def test_an_interpreter_in_the_home_is_one_thing(case):
    """Parts that it only looks at are needed as well: /bin/sh tests for a file before it reads the next one."""
    for number in range(8):
        case.write_home(f".pyenv/lib/part{number}", f"echo part {number}\n")
    case.write_home(".pyenv/bin/tool", "#!/bin/sh\nif [ -e ~/.pyenv/lib/part0 ]; then . ~/.pyenv/lib/part1; fi\n", 0o755)
    case.write_home("other/file", "other\n")
    learned = Learned(case, program=["sh", "-c", "~/.pyenv/bin/tool"]).expect_success()
    expect_equal((learned.result.stdout, learned.rules()), ("part 1\n", ["~/.pyenv"]))
    learned.passes()
    learned.adds_nothing()
    denied = case.run("--profile", learned.file, program=["cat", case.home / "other/file"])
    expect_equal(denied.returncode, 1)


@as_root(OUTSIDE)
def test_few_files_of_many_stay_single(case):
    for number in range(40):
        case.write(f"data/set/{number}", "x", inside=case.base)
    some = [case.base / f"data/set/{number}" for number in range(10)]
    learned = Learned(case, program=["cat", *some]).expect_success()
    expect_equal(learned.rules(), sorted(map(str, some)))
    learned.within_bound()
    many = Learned(case, program=["cat", *[case.base / f"data/set/{number}" for number in range(25)]]).expect_success()
    expect_equal(many.rules(), [str(case.base / "data/set")])
    many.within_bound()


@as_root(OUTSIDE)
def test_merge_adds_only_what_is_new_and_keeps_the_text(case):
    first, second = (case.write(f"outside/{name}", name, inside=case.base) for name in ("first", "second"))
    profile = case.write("mine.yaml", f"# my words\nversion: 1\nname: mine\nextends: default\nfilesystem:\n  read:\n"
                         f"    - {first}   # mine\n  hide: [/usr/share/doc]\n# the end\n", inside=case.temporary)
    learned = Learned(case, "--merge", profile, program=["cat", first, second]).expect_success()
    expect_equal(learned.rules(), [str(second)])
    kept = [line for line in profile.read_text().splitlines() if line not in learned.text.splitlines()]
    expect_equal(kept, [])
    learned.passes()
    learned.adds_nothing()
    only_second = Learned(case, "--merge", learned.file, program=["cat", second], output="x.yaml").expect_success()
    expect_in(f"allow read, execute, list {first}/*", [rule["rule"] for rule in only_second.json["granted_and_unused"]])


def test_permissive_lists_what_would_be_denied(case):
    case.write_home("notes", "my notes\n")
    case.write_home(".ssh/id_rsa", "a key\n")
    learned = Learned(case, "--permissive", "--profile", "readonly", output=None, permissive=True,
                      program=["sh", "-c", "cat ~/notes; cat ~/.ssh/id_rsa; echo x > made; exit 7"])
    expect_equal((learned.result.returncode, learned.result.stdout), (7, "my notes\n"))
    denied = {entry["path"]: entry for entry in learned.json["denied"]}
    expect_equal(sorted(denied), sorted(["${workspace}/made", "~/.ssh/id_rsa", "~/notes"]))
    expect_equal((denied["~/notes"]["count"], denied["~/notes"]["programs"]), (1, ["cat"]))
    expect_equal(denied["~/notes"]["remedy"], "filesystem.read: - ~/notes")
    expect_in("secrets", denied["~/.ssh/id_rsa"]["cause"])
    expect_equal(denied["${workspace}/made"]["rights"], "write")


# --- programs that mean it ---


def test_names_that_are_no_text(case):
    names = [b"new\nline", b"quote\"s'", b"# comment", b"a: b", b"${home}", b"$x", b"bad\xff", b"esc\x1b[31m", b"*", b"- x",
             b"{path: etc}", b"tab\there", b"rtl\xe2\x80\xaex", b"back\\slash", b" space ", b"~"]
    for name in names:
        case.write_home(os.fsdecode(name), "x")
    code = "import os\nh = os.fsencode(os.path.expanduser('~'))\nfor n in os.listdir(h): os.path.isdir(h + b'/' + n) or print(open(h + b'/' + n).read())"
    learned = Learned(case, program=["python3", "-c", code]).expect_success()
    sayable = sorted(os.fsdecode(name) for name in (b"quote\"s'", b"# comment", b"a: b", b"${home}", b"$x", b"- x",
                                                     b"{path: etc}", b"back\\slash", b" space ", b"~"))
    expect_equal(len(learned.rules()), len(sayable))
    expect_equal(len(learned.wanted("inexpressible")), len(names) - len(sayable))
    expect_not_in("\x1b", learned.result.stderr + learned.text)
    shown = case.run("--profile", learned.file, "--dry-run", "--json", program=["true"])
    granted = {entry["path"] for entry in json.loads(shown.stdout)["grants"] if entry["kind"] == "read"}
    home = str(case.home)
    expect_equal(sorted(path[len(home) + 1:] for path in granted if path.startswith(home)),
                 sorted(name.replace("\\", "\\\\") for name in sayable))


def test_the_profile_cannot_be_written_by_the_program(case):
    evil = "version: 1\nname: evil\nfilesystem: {read: [/srv]}\n"
    for before in (None, "version: 1\nname: mine\nextends: default\n"):
        output = case.workspace / "p.yaml"
        if before:
            case.write("p.yaml", before)
        code = f"printf '{evil}' > p.yaml; ln -sf /etc/passwd p.yaml; mkdir .p.yaml.writ-1; true"
        result = subprocess.run([writ_program(), "learn", "-q", "-o", "p.yaml", "--", "sh", "-c", code],
                                cwd=case.workspace, env=case.environment(), capture_output=True, text=True, check=False,
                                stdin=subprocess.DEVNULL, **case.identity())
        expect_equal(result.returncode, 0)
        assert output.is_file() and not output.is_symlink()
        expect_in("Learned by `writ learn`", output.read_text())
        output.unlink()
        subprocess.run(["rm", "-rf", case.workspace / ".p.yaml.writ-1"], check=True)


def test_secrets_through_other_names(case):
    case.write_home(".ssh/id_rsa", "a key\n")
    case.write_home(".netrc", "password\n")
    (case.workspace / "way").symlink_to(case.home / ".ssh")
    (case.home / "alias").symlink_to(".netrc")
    learned = Learned(case, program=["sh", "-c", "cat way/id_rsa ~/alias ~/work/../.netrc /proc/self/root$HOME/.netrc"
                                                 "; ls ~/.ssh ~/; true"]).expect_success()
    expect_equal((learned.rules(), learned.result.stdout.count("password"), learned.result.stdout.count("key")), ([], 0, 0))
    expect_in("~/.netrc", learned.wanted("secret"))
    expect_in("~/.ssh/id_rsa", learned.wanted("secret"))


def test_a_program_that_makes_observing_hard(case):
    need("gcc")
    case.write_home("allowed.txt", "fine\n")
    case.write_home(".ssh/id_rsa", "a key\n")
    payload = pathlib.Path(__file__).with_name("learn_payload.c")
    subprocess.run(["gcc", "-O1", "-pthread", "-o", case.workspace / "hard", payload], check=True, capture_output=True)
    learned = Learned(case, program=["./hard"]).expect_success()
    said = set(learned.result.stdout.splitlines())
    expect_equal(said, {"fine", "secrets read: 0", "end of page: opened", "no end: 1", "bad pointer: 1", "two bad: 1",
                        "bad how: 1", "bad address: 1", "storm: 1", "done"})
    expect_equal(learned.result.stdout.count("fine"), 20)
    # Names that were only half written when they were seen do not exist; nothing was read by any of them.
    expect_equal(learned.rules(), ["~/allowed.txt"])
    expect_in("~/.ssh/id_rsa", learned.wanted("secret"))
    case.nothing_left()


@as_root(OUTSIDE)
def test_reading_by_way_of_a_descriptor(case):
    target = case.write("data/file", "data\n", inside=case.base)
    code = (f"import os\nfd = os.open('{target}', os.O_PATH)\nprint(open(f'/proc/self/fd/{{fd}}').read())\n"
            "print(open(f'/dev/fd/{fd}').read())")
    learned = Learned(case, program=["python3", "-c", code]).expect_success()
    expect_equal(learned.rules(), [str(target)])
    learned.passes()


@only("user")  # a hundred thousand calls, the same for everybody
def test_floods_stay_small(case):
    code = ("import os\nh = os.path.expanduser('~')\nfor i in range(100000):\n"
            "    try: os.open(f'{h}/{i}/' + 'x' * 200, os.O_WRONLY | os.O_CREAT)\n    except OSError: pass\n")
    learned = Learned(case, program=["python3", "-c", code], timeout=280).expect_success()
    assert learned.json["observed_uses"] >= 100000
    assert learned.json["uses_not_kept"] > 50000
    assert learned.json["peak_memory_kib"] < 65536, learned.json["peak_memory_kib"]
    assert len(learned.text) < 100_000, len(learned.text)


if __name__ == "__main__":
    sys.exit(main(globals()))
