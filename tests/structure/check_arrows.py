#!/usr/bin/env python3
"""Holds the shape of the source tree: which folder may include which, where foreign libraries are spoken to, and the
limits of names and sizes. `check_arrows.py ROOT` prints every violation and exits 1 when there is one.
`check_arrows.py --self-test` proves that each rule can fail."""

import pathlib
import re
import sys
import tempfile

# Folder -> folders it may include. A folder that has no row is a violation: a new folder is a decision.
ARROWS = {
    "broker/base": ("broker/base",),
    "broker/policy": ("broker/base", "broker/policy"),
    "broker/audit": ("broker/base", "broker/policy", "broker/audit"),
    "broker/learning": ("broker/base", "broker/policy", "broker/learning"),
    "broker/kernel": ("broker/base", "broker/policy", "broker/kernel"),
    "broker/capability": ("broker/base", "broker/policy", "broker/capability"),
    "broker/authority": ("broker/base", "broker/policy", "broker/capability", "broker/store", "broker/authority"),
    "broker/store": ("broker/base", "broker/store"),
    "broker/approval": ("broker/base", "broker/policy", "broker/kernel", "broker/approval"),
    "broker/requests": ("broker/base", "broker/policy", "broker/kernel", "broker/audit", "broker/store", "broker/approval",
                        "broker/requests"),
    "broker/grant": ("broker/base", "broker/policy", "broker/kernel", "broker/grant"),
    "broker/sandbox": ("broker/base", "broker/policy", "broker/kernel", "broker/grant", "broker/sandbox"),
    "broker/mediation": ("broker/base", "broker/policy", "broker/kernel", "broker/approval", "broker/grant",
                         "broker/sandbox", "broker/mediation"),
    "broker/observation": ("broker/base", "broker/policy", "broker/learning", "broker/kernel", "broker/mediation",
                           "broker/observation"),
    "broker/network": ("broker/base", "broker/policy", "broker/kernel", "broker/approval", "broker/grant",
                       "broker/sandbox", "broker/mediation", "broker/network"),
    "broker/protocol": ("broker/base", "broker/protocol"),
    "broker/tool": ("broker/base", "broker/policy", "broker/capability", "broker/tool"),
    "broker/agent": ("broker/base", "broker/capability", "broker/agent"),
    "broker/jit": ("broker/base", "broker/tool", "broker/jit"),
    "broker/daemon": ("broker/base", "broker/policy", "broker/kernel", "broker/protocol", "broker/store",
                      "broker/authority", "broker/requests", "broker/sandbox", "broker/mediation", "broker/daemon"),
    "broker/primitives": ("broker",),
    "launcher": ("broker", "launcher"),
    "tools": ("broker/base", "broker/protocol", "tools"),
    "tests": ("broker", "launcher", "tests", "tools"),
}

# Foreign header (a prefix of the include) -> the folder whose .cc files may include it, and how many of them.
ADAPTORS = {
    "yaml-cpp/": ("broker/policy", 1),
    "seccomp.h": ("broker/kernel", 2),  # names of system calls; the second opinion on compiled filters
    "sys/capability.h": ("broker/kernel", 1),
    "CLI/": ("launcher", 1),
    "boost/": ("broker/base", 1),
    "boost/beast/": ("tools", 1),  # the parser of HTTP responses
    "pcre2.h": ("tools", 1),
    "sqlite3.h": ("broker/store", 1),
    "sodium.h": ("broker/audit", 1),
}

# broker/policy is pure: no header through which it could make a system call. Constants are welcome.
IMPURE = re.compile(
    r"^(unistd|fcntl|sched|signal|poll|dirent|spawn|pwd|grp|netdb|termios|pthread|aio|glob|ftw)\.h$"
    r"|^(sys|net|netinet|arpa)/"
    r"|^(fstream|filesystem|iostream|thread|csignal)$"
)
CONSTANTS_ONLY = {"sys/syscall.h"}
# The argument rules of system calls are written with the kernel's own constants; check_pure.py proves that no call is made.
CONSTANTS_FILES = ("broker/policy/seccomp_arguments.cc", "broker/policy/seccomp_argument_values.cc")

# Letting the kernel go on with a call that was looked at is never a grant (docs/architecture.md). Where it is done is a
# decision: the mechanism itself, and the first execveat of a launch. A handler gives its reason with the answer.
CONTINUE_PLACES = ("broker/kernel/seccomp_notify.h", "broker/kernel/seccomp_notify.cc",
                   "broker/mediation/notification_loop.cc", "broker/sandbox/launch.cc")
CONTINUES = re.compile(r"\banswer_continue\s*\(")
CONTINUES_WITHOUT_REASON = re.compile(r"(?<!struct )\bAnswerContinue\s*[{(]\s*[^\s\"]")

TEST_NAME = re.compile(r'TEST_CASE\(\s*"([^"]*)"')

LINE_LIMIT = 500
FORBIDDEN_NAME = re.compile(r"(^|[_\-.])(utils?|misc|managers?)([_\-.]|$)")
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.MULTILINE)
SOURCE_FOLDERS = ("broker", "launcher", "tools", "tests", "profiles", "scripts", "cmake", "packaging")
CODE_SUFFIXES = (".cc", ".h")
COUNTED_SUFFIXES = CODE_SUFFIXES + (".py", ".sh", ".cmake")


def folder_of(path):
    """The row of ARROWS that a source file belongs to: broker/<part>, or the top-level folder."""
    parts = path.split("/")
    return "/".join(parts[:2]) if parts[0] == "broker" else parts[0]


def may_include(folder, target):
    return any(target == allowed or target.startswith(allowed + "/") for allowed in ARROWS[folder])


def check_own_include(path, name):
    folder = folder_of(path)
    if folder not in ARROWS:
        return [f"{path}: folder {folder} has no row in ARROWS (tests/structure/check_arrows.py)"]
    if "/" not in name:  # a generated file, or one that should be named from the root
        return [] if name.endswith(".inc") else [f'{path}: write "{name}" with its path from the root of the tree']
    if not may_include(folder, name):
        return [f'{path}: {folder} must not include "{name}" (allowed: {", ".join(ARROWS[folder])})']
    return []


def adaptor_of(name):
    """The longest prefix in ADAPTORS that the included name has, or None."""
    return max((prefix for prefix in ADAPTORS if name.startswith(prefix)), key=len, default=None)


def check_foreign_include(path, name):
    folder = folder_of(path)
    is_constants = name in CONSTANTS_ONLY or path in CONSTANTS_FILES
    if folder == "broker/policy" and IMPURE.match(name) and not is_constants:
        return [f"{path}: broker/policy is pure and must not include <{name}>"]
    prefix = adaptor_of(name)
    if prefix is None or folder == "tests":
        return []
    home, _ = ADAPTORS[prefix]
    if folder != home or not path.endswith(".cc"):
        return [f"{path}: <{name}> may only be included by .cc files of {home}"]
    return []


def check_adaptor_counts(includes):
    violations = []
    for prefix, (_, limit) in ADAPTORS.items():
        users = sorted({p for p, names in includes.items() if not p.startswith("tests/")
                        for kind, name in names if kind == "<" and adaptor_of(name) == prefix})
        if len(users) > limit:
            violations.append(f"<{prefix}…> is included by more than {limit} files: {', '.join(users)}")
    return violations


def check_guard(path, text):
    guard = "WRIT_" + re.sub(r"[^A-Za-z0-9]", "_", path).upper() + "_"
    if f"#ifndef {guard}\n#define {guard}\n" in text:
        return []
    return [f"{path}: the include guard must be {guard}"]


def check_continue(path, text):
    if not path.startswith(("broker/", "launcher/")):
        return []
    violations = []
    if CONTINUES.search(text) and path not in CONTINUE_PLACES:
        violations.append(f"{path}: lets a trapped call continue; say so in CONTINUE_PLACES, with the reason beside the call")
    if CONTINUES_WITHOUT_REASON.search(text):
        violations.append(f'{path}: AnswerContinue needs its reason as a text: AnswerContinue{{"why nothing is granted"}}')
    return violations


def check_name_and_size(path, text):
    violations = []
    if any(FORBIDDEN_NAME.search(part.lower()) for part in path.split("/")):
        violations.append(f"{path}: the name says nothing; name the file after what it does")
    lines = text.count("\n")
    if path.endswith(COUNTED_SUFFIXES) and lines > LINE_LIMIT:
        violations.append(f"{path}: {lines} lines, the limit is {LINE_LIMIT}: split it")
    return violations


def source_files(root):
    for folder in SOURCE_FOLDERS:
        for file in sorted((root / folder).rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                yield file.relative_to(root).as_posix(), file


def check_test_names(path, text):
    """CTest takes a semicolon for the end of a name: such a case would never run under it."""
    names = TEST_NAME.findall(text) if path.startswith("tests/unit/") else []
    return [f'{path}: the test "{name}" has a semicolon in its name' for name in names if ";" in name]


def check(root):
    violations, includes = [], {}
    for path, file in source_files(root):
        text = file.read_text(encoding="utf-8", errors="replace")
        violations += check_name_and_size(path, text)
        if not path.endswith(CODE_SUFFIXES):
            continue
        violations += check_continue(path, text) + check_test_names(path, text)
        includes[path] = INCLUDE.findall(text)
        for kind, name in includes[path]:
            violations += check_own_include(path, name) if kind == '"' else check_foreign_include(path, name)
        if path.endswith(".h"):
            violations += check_guard(path, text)
    if not includes:
        violations.append(f"{root}: no source files found, nothing was checked")
    return violations + check_adaptor_counts(includes)


# Each case: files of a small tree, and a word of the violation that must be found (None: the tree is right).
SELF_TESTS = [
    ({"broker/kernel/a.cc": '#include "broker/base/x.h"\n#include <seccomp.h>\n'}, None),
    ({"broker/base/a.cc": '#include "broker/kernel/x.h"\n'}, "must not include"),
    ({"broker/policy/a.cc": '#include "broker/kernel/x.h"\n'}, "must not include"),
    ({"broker/grant/a.cc": '#include "broker/sandbox/x.h"\n'}, "must not include"),
    ({"broker/sandbox/a.cc": '#include "launcher/x.h"\n'}, "must not include"),
    ({"tools/a.cc": '#include "broker/policy/x.h"\n'}, "must not include"),
    ({"broker/other/a.cc": '#include "broker/base/x.h"\n'}, "has no row"),
    ({"broker/base/a.cc": '#include "x.h"\n'}, "from the root"),
    ({"broker/policy/a.cc": "#include <unistd.h>\n"}, "pure"),
    ({"broker/policy/a.cc": "#include <sys/stat.h>\n"}, "pure"),
    ({"broker/policy/a.cc": "#include <sys/syscall.h>\n#include <linux/seccomp.h>\n"}, None),
    ({"broker/policy/a.h": "#ifndef WRIT_BROKER_POLICY_A_H_\n#define WRIT_BROKER_POLICY_A_H_\n"
                           "#include <yaml-cpp/yaml.h>\n#endif\n"}, "may only be included"),
    ({"launcher/a.cc": "#include <seccomp.h>\n"}, "may only be included"),
    ({"broker/base/a.cc": "#include <boost/json.hpp>\n", "broker/base/b.cc": "#include <boost/json.hpp>\n"}, "more than 1"),
    ({"tools/a.cc": "#include <boost/beast/http.hpp>\n", "broker/base/a.cc": "#include <boost/json.hpp>\n"}, None),
    ({"tools/a.cc": "#include <boost/json.hpp>\n"}, "may only be included"),
    ({"launcher/a.h": "#ifndef A_H\n#define A_H\n#endif\n"}, "include guard"),
    ({"launcher/file_utils.cc": "int x;\n"}, "says nothing"),
    ({"launcher/manager/a.cc": "int x;\n"}, "says nothing"),
    ({"launcher/a.cc": "int x;\n" * 501}, "501 lines"),
    ({"launcher/a.cc": "int x;\n" * 500}, None),
    ({"broker/mediation/a.cc": "x = listener.answer_continue(id);\n"}, "CONTINUE_PLACES"),
    ({"broker/mediation/a.cc": "return AnswerContinue{reason};\n"}, "needs its reason"),
    ({"broker/mediation/a.cc": 'return AnswerContinue{"the view bounds it"};\n'}, None),
    ({"broker/sandbox/launch.cc": "x = listener.answer_continue(id);\n"}, None),
    ({"tests/unit/a.cc": 'TEST_CASE("one; two", "[x]") {}\n'}, "semicolon"),
    ({"tests/unit/a.cc": 'TEST_CASE("one, two", "[x]") { a(";"); }\n'}, None),
    ({}, "nothing was checked"),
]


def self_test():
    failures = 0
    for files, expected in SELF_TESTS:
        with tempfile.TemporaryDirectory() as directory:
            root = pathlib.Path(directory)
            for path, text in files.items():
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(text, encoding="utf-8")
            found = check(root)
        right = found == [] if expected is None else any(expected in line for line in found)
        if not right:
            failures += 1
            print(f"self-test: {sorted(files)}: expected {expected!r}, found {found}")
    print(f"self-test: {len(SELF_TESTS) - failures} of {len(SELF_TESTS)} cases are right")
    return 1 if failures else 0


def main(arguments):
    if arguments == ["--self-test"]:
        return self_test()
    if len(arguments) != 1:
        print("usage: check_arrows.py ROOT | --self-test", file=sys.stderr)
        return 2
    violations = check(pathlib.Path(arguments[0]).resolve())
    for line in violations:
        print(line)
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
