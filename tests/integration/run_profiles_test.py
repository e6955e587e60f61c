#!/usr/bin/env python3
"""Each shipped profile does its work and refuses what it is meant to refuse; protected files stay as they are."""

import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from writ_testing import Skip, expect_equal, expect_in, main, need, only  # noqa: E402

ALL = ("default", "readonly", "build", "python", "node", "git", "shell", "strict")
WRITING = tuple(name for name in ALL if name != "readonly")
# Prints the name of the errno that a call ended in.
ATTEMPT = "import errno, os\ndef attempt(call, *words):\n    try: call(*words); print('done')\n    except OSError as e: print(errno.errorcode[e.errno])\n"


def attempts(case, calls, *options, **popen):
    """Runs Python calls inside and returns the errno of each, or "done"."""
    code = ATTEMPT + "".join(f"attempt({call})\n" for call in calls)
    return case.run(*options, program=["/usr/bin/python3", "-c", code], **popen).stdout.split()


def test_each_profile_runs_its_main_use(case):
    case.write("file", "content\n")
    uses = {"default": ["cat", "file"], "readonly": ["cat", "file"], "build": ["sh", "-c", "cat file"],
            "python": ["/usr/bin/python3", "-c", "print(open('file').read(), end='')"],
            "node": ["node", "-e", "process.stdout.write(fs.readFileSync('file'))"],
            "git": ["sh", "-c", "git init -q . && cat file"], "shell": ["bash", "-c", "cat < file"], "strict": ["cat", "file"]}
    expect_equal(set(uses), set(ALL))
    for name, program in uses.items():
        need(program[0])
        expect_equal((name, case.output("--profile", name, program=program)), (name, "content\n"))
    case.nothing_left()


def test_each_profile_is_described(case):
    for name in (*ALL, "base"):
        if name != "base":  # has no workspace, so nothing can start in it
            expect_in(f"profile: {name}", case.output("--profile", name, "--dry-run", program=["true"]))


def test_no_profile_has_a_network_or_new_privileges_or_capabilities(case):
    code = ("import os\nlines = dict(l.rstrip('\\n').split(':\\t', 1) for l in open('/proc/self/status'))\n"
            "print(sorted(os.listdir('/proc/sys/net/ipv4/conf')), lines['NoNewPrivs'], lines['Seccomp'],\n"
            "      [lines[c] for c in ('CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb')], os.uname().nodename, len([p for p in os.listdir('/proc') if p.isdigit()]))")
    for name in ALL:
        shown = case.output("--profile", name, program=["/usr/bin/python3", "-c", code])
        expect_equal((name, shown), (name, f"['all', 'default', 'lo'] 1 2 {['0000000000000000'] * 5} writ 2\n"))


def test_readonly_refuses_writing(case):
    case.write("file", "content\n")
    case.write("directory/file")
    calls = ["open, 'file', 'w'", "open, 'new', 'w'", "os.unlink, 'file'", "os.rename, 'file', 'other'", "os.mkdir, 'd'",
             "os.chmod, 'file', 0o777", "os.utime, 'file'", "os.rmdir, 'directory'", "os.symlink, 'a', 'b'", "os.link, 'file', 'b'",
             "os.truncate, 'file', 0", "os.mkfifo, 'fifo'", "os.setxattr, 'file', 'user.x', b'x'"]
    before = case.snapshot()
    expect_equal(attempts(case, calls, "--profile", "readonly"), ["EROFS"] * len(calls))
    expect_equal(case.snapshot(), before)
    expect_equal(attempts(case, ["open, '/tmp/x', 'w'", f"open, '{case.home}/x', 'w'"], "--profile", "readonly"), ["done", "done"])


def test_strict_runs_the_systems_programs(case):
    """One process each: `strict` has no fork."""
    case.write("file", "b\na\n")
    for program, shown in ((["sort", "file"], "a\nb\n"), (["cp", "file", "copy"], ""), (["mv", "copy", "moved"], ""), (["mkdir", "d"], ""),
                           (["ls", "-l", "moved"], None), (["head", "-n1", "moved"], "b\n"), (["rm", "moved"], ""), (["date"], None),
                           (["find", ".", "-name", "file"], "./file\n"), (["grep", "-c", "a", "file"], "1\n"), (["sha256sum", "file"], None),
                           (["/usr/bin/python3", "-c", "import json, math; print(6 * 7)"], "42\n"),
                           (["/usr/bin/python3", "-c", "import threading as t; x = t.Thread(target=print, args=(1,)); x.start(); x.join()"], "1\n")):
        printed = case.output("--profile", "strict", program=program)
        expect_equal((program, printed), (program, printed if shown is None else shown))
    expect_equal(sorted(os.listdir(case.workspace)), ["d", "file"])
    assert case.run("--profile", "strict", program=["sh", "-c", "/bin/true; true"]).returncode != 0, "the control: no fork"


def test_strict_executes_nothing_from_the_workspace(case):
    case.write("script", "#!/bin/sh\necho ran\n", mode=0o755)
    program = case.workspace / "program"
    program.write_bytes(pathlib.Path("/bin/true").read_bytes())
    program.chmod(0o755)
    case.give(program)
    case.refused("--profile", "strict", program=["./program"], status=126, says="program")
    code = "import os, shutil, sys\nplace = sys.argv[1] + '/copy'\nshutil.copy('/bin/true', place)\ntry: os.execv(place, ['x'])\nexcept OSError as e: print(e.strerror)"
    for place in (".", "/tmp", case.home, "/dev/shm"):
        started = case.run("--profile", "strict", program=["/usr/bin/python3", "-c", code, place])
        expect_equal((place, started.stdout, started.stderr), (place, "Permission denied\n", ""))
        if place != "/dev/shm":  # the control: elsewhere it runs
            expect_equal((place, case.output(program=["/usr/bin/python3", "-c", code, place])), (place, ""))
    expect_equal(case.output("--profile", "strict", program=["sh", "./script"]), "ran\n")


def test_strict_passes_nothing_of_the_person(case):
    environment = case.environment(USER="me", PATH="/usr/bin:/bin:/sbin", EDITOR="vi")
    names = {line.split("=")[0] for line in case.output("-p", "strict", program=["env"], environment=environment).splitlines()}
    assert names.isdisjoint({"EDITOR", "TMPDIR"}), names
    expect_equal(case.output("-p", "strict", program=["sh", "-c", "echo $PATH"], environment=environment), "/usr/local/bin:/usr/bin:/bin\n")


# --- protected files ---


def make_protected(case):
    for name in (".git/hooks/x", ".git/config", ".git/HEAD", ".envrc", ".bashrc", ".vscode/tasks.json", ".mcp.json"):
        case.write(name, "mine\n")


# Profiles whose tools write by themselves (docs/mediation.md).
NATIVE = ("build", "node", "git", "shell")


def test_existing_protected_files_are_read_only(case):
    make_protected(case)
    before = case.snapshot()
    calls = [f"open, '{name}', 'a'" for name in (".git/hooks/x", ".git/config", ".envrc", ".bashrc", ".vscode/tasks.json", ".mcp.json")]
    calls += ["open, '.git/hooks/new', 'w'", "open, '.vscode/new', 'w'", "os.unlink, '.git/hooks/x'", "os.unlink, '.vscode/tasks.json'",
              "os.chmod, '.envrc', 0o777", "os.chmod, '.git/hooks/x', 0o777", "os.truncate, '.envrc', 0"]
    for profile in ("default", "build", "python", "node", "shell", "strict"):
        refused = "EROFS" if profile in NATIVE else "EACCES"
        expect_equal((profile, attempts(case, calls, "--profile", profile)), (profile, [refused] * len(calls)))
        expect_equal(case.run("--profile", profile, program=["cat", ".envrc", ".git/hooks/x"]).stdout, "mine\nmine\n")
    expect_equal({path: value for path, value in case.snapshot().items() if "/.cache" not in path}, before)


def test_protected_files_cannot_be_moved_or_replaced(case):
    make_protected(case)
    before = case.snapshot()
    calls = ["os.rename, '.git', 'away'", "os.rename, '.git/hooks', '.git/away'", "os.rename, '.envrc', 'away'", "os.rename, '.vscode', 'away'",
             "os.unlink, '.envrc'", "os.unlink, '.git/config'"]
    expect_equal(attempts(case, calls), ["EACCES"] * len(calls))
    expect_equal(attempts(case, calls, "--profile", "build"), ["EBUSY"] * len(calls))
    assert attempts(case, ["os.rename, 'new', '.envrc'"], "--write", case.write("new")) != ["done"]
    os.unlink(case.workspace / "new")
    case.run(program=["sh", "-c", "rm -rf .vscode .git/hooks .envrc; ln -sf x .bashrc; mv .git x"])
    expect_equal({path: value for path, value in case.snapshot().items() if "/.cache" not in path}, before)


def test_deeper_files_are_protected_where_a_profile_names_them(case):
    """The shipped list is meant at the top of the workspace (docs/persistence.md)."""
    case.write("project/.git/hooks/x", "mine\n")
    own = profile(case, "extends: default\nfilesystem: {protect: [project/.git/hooks]}\n")
    calls = ["open, 'project/.git/hooks/x', 'a'", "open, 'project/.git/hooks/new', 'w'", "os.rename, 'project/.git', 'away'",
             "os.rename, 'project', 'away'"]
    expect_equal(attempts(case, calls, "-p", own), ["EACCES"] * len(calls))
    native = profile(case, "extends: default\nfilesystem: {protect: [project/.git/hooks], writing: native}\n", name="native")
    expect_equal(attempts(case, calls, "-p", native), ["EROFS", "EROFS", "EXDEV", "EBUSY"])
    expect_equal(attempts(case, calls[:1]), ["done"])  # the control


def test_no_litter(case):
    """What is protected and does not exist is neither made nor left."""
    case.write("file")
    before = case.snapshot()
    for profile in ALL:
        expect_equal(case.run("--profile", profile, program=["ls", "-A"]).stdout, "file\n")
    after = {path: value for path, value in case.snapshot().items() if not path.startswith(f"{case.home}/.cache")}
    expect_equal(after, before)


def test_no_litter_in_a_repository(case):
    need("git")
    case.on_host("git", "init", "-q")
    case.write("file", "x")
    before = case.snapshot()
    for profile in ALL:
        expect_equal(case.run("--profile", profile, program=["git", "status", "--porcelain"]).returncode, 0)
    after = {path: value for path, value in case.snapshot().items() if not path.startswith(f"{case.home}/.cache")}
    expect_equal(set(after), set(before))


def test_git_may_not_make_hooks_but_change_its_settings(case):
    need("git")
    case.on_host("git", "init", "-q", "--template=")
    result, report = case.report("--profile", "git", program=["sh", "-ec", "git config user.name x; mkdir .git/hooks; echo evil > .git/hooks/pre-commit"])
    expect_equal(result.returncode, 0)
    assert not (case.workspace / ".git/hooks").exists()
    expect_in("name = x", (case.workspace / ".git/config").read_text())
    expect_equal({entry["path"].split(".git/")[1].split("/")[0] for entry in report["persistence"]}, {"hooks", "config"})
    # Under default the settings are protected as well.
    assert attempts(case, ["open, '.git/config', 'a'"]) == ["EACCES"]


# --- profiles of one's own ---


def profile(case, text, name="own"):
    return case.write_home(f"{name}.yaml", f"version: 1\nname: {name}\n{text}")


def test_a_profile_of_ones_own(case):
    data = case.write("data/file", "content\n", inside=case.base).parent
    own = profile(case, f"extends: readonly\nfilesystem:\n  read: [{data}]\n  write: ['${{workspace}}/out']\nenvironment:\n  set: {{OWN: '1'}}\n")
    case.write("out/x")
    expect_equal(case.output("-p", own, program=["sh", "-ec", f"cat {data}/file; echo $OWN > out/made; ! echo x > not"]), "content\n")
    expect_equal((case.workspace / "out/made").read_text(), "1\n")


@only("root", "user")
def test_a_profile_by_name_from_the_configuration(case):
    case.write_home(".config/writ/profiles/mine.yaml", "version: 1\nname: mine\nextends: default\nprocess: {hostname: named}\n")
    expect_equal(case.output("--profile", "mine", program=["uname", "-n"]), "named\n")
    # A shipped one cannot be replaced that way.
    case.write_home(".config/writ/profiles/strict.yaml", "version: 1\nname: strict\nextends: default\nprocess: {hostname: evil}\n")
    expect_equal(case.output("--profile", "strict", program=["uname", "-n"]), "writ\n")


def test_limits_of_a_profile_hold(case):
    own = profile(case, "extends: default\nlimits: {open_files: 40, file_size: 1M, processes: 30, tmp_size: 1M, shm_size: 1M, wall_time: 20s}\n")
    code = ("import os, resource\nfor kind in (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE, resource.RLIMIT_NPROC): print(resource.getrlimit(kind))\n"
            "def fill(path):\n    with open(path, 'wb') as f: f.write(bytes(2 << 20))\n"
            "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n" + ATTEMPT + "attempt(fill, 'big')\nresource.setrlimit\n"
            "for place in '/tmp', '/dev/shm':\n    for i in range(3):\n        try: open(f'{place}/{i}', 'wb').write(bytes(600 << 10))\n        except OSError as e: print(place, errno.errorcode[e.errno]); break\n")
    shown = case.run("-p", own, program=["/usr/bin/python3", "-c", code]).stdout.splitlines()
    expect_equal(shown, ["(40, 40)", "(1048576, 1048576)", "(30, 30)", "EFBIG", "/tmp ENOSPC", "/dev/shm ENOSPC"])


def test_the_limit_of_processes(case):
    own = profile(case, "extends: default\nlimits: {processes: 20}\n")
    code = "import os, time\nmade = 0\ntry:\n    for _ in range(100):\n        if os.fork() == 0: time.sleep(5); os._exit(0)\n        made += 1\nexcept OSError: pass\nprint(made, flush=True)\nos._exit(0)"
    assert 0 < int(case.output("-p", own, program=["/usr/bin/python3", "-c", code])) <= 20


def test_denied_system_calls(case):
    if os.uname().machine != "x86_64":
        raise Skip("knows the number for x86-64 only")
    ask = "import ctypes; c = ctypes.CDLL(None, use_errno=True); print(c.syscall(319, b'x', 0) >= 0)"  # memfd_create
    expect_equal(case.output(program=["/usr/bin/python3", "-c", ask]), "True\n")
    own = profile(case, "extends: default\nsyscalls: {deny: [memfd_create]}\n")
    expect_equal(case.output("-p", own, program=["/usr/bin/python3", "-c", ask]), "False\n")


if __name__ == "__main__":
    sys.exit(main(globals()))
