"""What the tests of `writ run` share: a fresh home and workspace for each case, the ways in which Writ is started, and a
small runner.

A test is a function `test_…(case)`. Started by root it runs three times: as root in a workspace of root's ("root"), as
root in a workspace of somebody else's ("other"), and as that somebody ("user"). Started by an ordinary user it runs as
"user" only. `@only("user", …)` narrows that down. Skip("why") skips; a skip is a failure unless WRIT_ALLOW_SKIPS=1.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import traceback

SOURCE = pathlib.Path(__file__).resolve().parents[2]
ROOT = os.geteuid() == 0
# No account has this number, and that is one of the things that must not matter.
ORDINARY_USER = 54321 if ROOT else os.geteuid()
ORDINARY_GROUP = 54321 if ROOT else os.getegid()
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Who the tool is on the host when root runs it in root's workspace: an id without an account.
SUBORDINATE_USER = 1996488705

LAYERS = ["user_namespace", "view", "locked_view", "pid_namespace", "network_namespace", "ipc_namespace",
          "uts_namespace", "cgroup_namespace", "landlock", "seccomp"]


# The programs that start sandboxes, as /proc/PID/comm cuts their names.
BROKERS = ("writ", "spawner_bench", "late-grants-tes")


class Skip(Exception):
    """The host cannot show what the test is about."""


def _program(variables, default):
    for variable in variables:
        if os.environ.get(variable):
            return os.path.abspath(os.environ[variable])
    return str(SOURCE / default)


class _Programs:
    """Copies of the programs under test where every user can execute them."""

    def __init__(self):
        self.directory = None

    def path(self, name):
        if self.directory is None:
            self.directory = tempfile.TemporaryDirectory(prefix="writ-test-bin-")
            os.chmod(self.directory.name, 0o755)
        target = os.path.join(self.directory.name, name)
        if not os.path.exists(target):
            sources = {"writ": (["WRIT_BIN", "WRIT"], "build/release/bin/writ"),
                       "deny-syscalls": (["WRIT_DENY_SYSCALLS"], "build/release/bin/deny-syscalls"),
                       "old-mount-kernel": (["WRIT_OLD_MOUNT_KERNEL"], "build/release/bin/old-mount-kernel"),
                       "late-grants-test": (["WRIT_LATE_GRANTS"], "build/release/bin/late-grants-test")}
            source = _program(*sources[name])
            shutil.copy(source, target)
            os.chmod(target, 0o755)
            tools = os.path.join(os.path.dirname(source), "writ-tools")
            if name == "writ" and os.path.exists(tools):  # they lie beside each other
                shutil.copy(tools, self.directory.name)
                os.chmod(os.path.join(self.directory.name, "writ-tools"), 0o755)
        return target


_programs = _Programs()


def _parent_directory():
    """Where the homes and workspaces of the tests lie: as real ones do, not in /tmp, which the sandbox replaces."""
    for directory in ("/srv", os.path.expanduser("~")):
        if os.access(directory, os.W_OK) and os.stat(directory).st_mode & 0o001:
            return directory
    return None


class Case:
    """One run of one test: who runs Writ, in which workspace, with which home."""

    def __init__(self, mode):
        self.mode = mode
        self.runs_as_root = mode in ("root", "other")
        # Who owns what the tool makes in the workspace, as the host sees it.
        self.owner = 0 if mode == "root" else ORDINARY_USER
        self.owner_group = 0 if mode == "root" else ORDINARY_GROUP

    def __enter__(self):
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="writ-test-", dir=_parent_directory()))
        self.base.chmod(0o755)
        self.mark = self.base.name
        self.home, self.workspace, self.temporary = self.base / "home", self.base / "work", self.base / "tmp"
        for directory in (self.home, self.workspace, self.temporary):
            directory.mkdir()
        self.give_to_writ(self.home)
        self.give(self.workspace)
        self.temporary.chmod(0o1777)
        return self

    def __exit__(self, *_):
        kill_marked(self.mark)
        shutil.rmtree(self.base, ignore_errors=True)

    # --- the host's side ---

    def give(self, path):
        """Makes `path` belong to the owner of the workspace."""
        if ROOT:
            os.chown(path, self.owner, self.owner_group, follow_symlinks=False)
        return path

    def give_to_writ(self, path):
        """Makes `path` belong to whoever runs Writ."""
        if ROOT:
            os.chown(path, *((0, 0) if self.runs_as_root else (ORDINARY_USER, ORDINARY_GROUP)), follow_symlinks=False)
        return path

    def write(self, name, text="", mode=0o644, inside=None, give=None):
        """A file below the workspace (or `inside`), with its directories, owned like the workspace."""
        top = inside or self.workspace
        path = top / name
        missing = [parent for parent in path.parents if not parent.exists()]
        path.parent.mkdir(parents=True, exist_ok=True)
        data = text.encode() if isinstance(text, str) else text
        path.write_bytes(data)
        path.chmod(mode)
        for made in [*missing, path]:
            (give or self.give)(made)
        return path

    def write_home(self, name, text="", mode=0o644):
        return self.write(name, text, mode, inside=self.home, give=self.give_to_writ)

    def assert_owned(self, *names):
        for name in names:
            status = os.lstat(self.workspace / name)
            expect_equal((name, status.st_uid, status.st_gid), (name, self.owner, self.owner_group))

    def on_host(self, *command, cwd=None, check=True, **options):
        """Runs a command outside of any sandbox, as the owner of the workspace."""
        return subprocess.run([str(word) for word in command], cwd=cwd or self.workspace, env=self.environment(),
                              capture_output=True, text=True, timeout=120, check=check, **self.as_owner(), **options)

    def as_owner(self):
        return {"user": self.owner, "group": self.owner_group, "extra_groups": []} if ROOT else {}

    # --- Writ ---

    def environment(self, **extra):
        clean = {"PATH": SYSTEM_PATH, "HOME": str(self.home), "LANG": "C.UTF-8", "TMPDIR": str(self.temporary)}
        return {**clean, **extra}

    def identity(self):
        if self.runs_as_root or not ROOT:
            return {}
        return {"user": ORDINARY_USER, "group": ORDINARY_GROUP, "extra_groups": []}

    def command(self, *options, program, prefix=()):
        return [*prefix, _programs.path("writ"), "run", *map(os.fspath, options), "--", *map(os.fspath, program)]

    def run(self, *options, program, prefix=(), environment=None, cwd=None, timeout=120, text=True, **popen):
        """Runs `writ run OPTIONS -- PROGRAM` and returns the CompletedProcess."""
        if "stdin" not in popen and "input" not in popen:
            popen["stdin"] = subprocess.DEVNULL
        if not {"stdout", "stderr", "capture_output"} & popen.keys():
            popen["capture_output"] = True
        if text:
            popen.setdefault("errors", "replace")
        return subprocess.run(self.command(*options, program=program, prefix=prefix), check=False, text=text,
                              env=environment if environment is not None else self.environment(),
                              cwd=cwd or self.workspace, timeout=timeout, **self.identity(), **popen)

    def writ(self, *words, cwd=None, environment=None, prefix=(), text=True, **popen):
        """Runs any other command of Writ and returns the CompletedProcess."""
        popen.setdefault("stdin", subprocess.DEVNULL)
        if not {"stdout", "stderr", "capture_output"} & popen.keys():
            popen["capture_output"] = True
        if text:
            popen.setdefault("errors", "replace")
        return subprocess.run([*prefix, _programs.path("writ"), *map(os.fspath, words)], check=False, text=text,
                              env=environment if environment is not None else self.environment(),
                              cwd=cwd or self.workspace, timeout=120, **self.identity(), **popen)

    def start(self, *options, program, environment=None, cwd=None, **popen):
        """Starts `writ run` and returns the Popen."""
        popen.setdefault("stdin", subprocess.DEVNULL)
        popen.setdefault("stdout", subprocess.DEVNULL)
        popen.setdefault("stderr", subprocess.DEVNULL)
        return subprocess.Popen(self.command(*options, program=program), env=environment or self.environment(),
                                cwd=cwd or self.workspace, **self.identity(), **popen)

    def output(self, *options, program, **popen):
        """What the program printed; it must succeed and Writ must have nothing to say."""
        result = self.run(*options, program=program, **popen)
        assert result.returncode == 0, f"{program!r}: exit status {result.returncode}\n{result.stdout}{result.stderr}"
        return result.stdout

    def shell(self, script, *options, **popen):
        """The output of a shell script inside."""
        return self.output(*options, program=["sh", "-ec", script], **popen)

    def refused(self, *options, program=("true",), status=125, says=(), **popen):
        """Writ must refuse: with `status`, a message of its own with every regular expression of `says`, no signal."""
        result = self.run(*options, program=program, **popen)
        expect_equal((result.returncode, result.stderr), (status, result.stderr))
        assert result.stderr.startswith("writ: "), f"not a message of Writ's: {result.stderr!r}"
        for pattern in [says] if isinstance(says, str) else says:
            assert re.search(pattern, result.stderr), f"{pattern!r} is not in {result.stderr!r}"
        assert "\x1b" not in result.stderr and "\0" not in result.stderr
        return result

    def report(self, *options, program=("true",), **popen):
        """Runs with --report and returns the CompletedProcess and the parsed report."""
        path = self.temporary / "report.json"
        result = self.run("--report", path, *options, program=program, **popen)
        report = json.loads(path.read_text(encoding="utf-8"))
        path.unlink()
        return result, report

    # --- what is left over ---

    def snapshot(self):
        """Everything in home, workspace and temporary directory: names, types, owners, modes and contents. Without the
        audit log, which every run writes."""
        found = {}
        state = self.home / ".local/state/writ"
        log = {os.fspath(path) for path in (state.parent.parent, state.parent, state, state / "audit", state / "keys")}
        for top in (self.home, self.workspace, self.temporary):
            for directory, names, files in os.walk(top):
                for name in names + files:
                    path = os.path.join(directory, name)
                    if path in log or directory in (os.fspath(state / "audit"), os.fspath(state / "keys")):
                        continue
                    status = os.lstat(path)
                    content = pathlib.Path(path).read_bytes() if os.path.isfile(path) else b""
                    found[path] = (status.st_mode, status.st_uid, status.st_gid, content)
        return found

    def nothing_left(self, seconds=5):
        """No process and no mount of this case's sandboxes exists; retries, because a killed init dies by itself."""
        def left():
            return marked_processes(self.mark), mounts_with(self.mark), stray_files(), orphaned_inits()
        assert wait_until(lambda: left() == ([], [], [], []), seconds), f"left over: {left()}"


def case_profile(case, writing, extends="default"):
    """The file of a profile that differs from `extends` in how the workspace is written: "native" or "mediated"."""
    path = case.base / f"{extends}-{writing}.yaml"
    path.write_text(f"version: 1\nname: {writing}\nextends: {extends}\nfilesystem:\n  writing: {writing}\n")
    return path


def stray_files():
    """Files at the top of the shared temporary directories that belong to tools."""
    owners = {SUBORDINATE_USER} | ({ORDINARY_USER} if ROOT else set())
    found = []
    for directory in ("/tmp", "/var/tmp", "/dev/shm", "/run"):
        for entry in os.scandir(directory):
            try:
                if entry.stat(follow_symlinks=False).st_uid in owners and not entry.name.startswith("writ-test-"):
                    found.append(entry.path)
            except FileNotFoundError:
                continue
    return found


def _of_each_process(file):
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            with open(f"/proc/{name}/{file}", "rb") as opened:
                yield int(name), opened.read()
        except OSError:
            continue


def marked_processes(mark):
    """Processes with `mark` somewhere in their command line; zombies have none."""
    return [pid for pid, line in _of_each_process("cmdline") if mark.encode() in line]


def orphaned_inits():
    """Inits of sandboxes whose Writ is gone. They show no command line of their own; a running one's parent is Writ."""
    found = []
    for pid, line in _of_each_process("cmdline"):
        try:
            if line.startswith(b"writ-init\0"):
                parent = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[1]
                if pathlib.Path(f"/proc/{parent}/comm").read_text(encoding="ascii").strip() not in BROKERS:
                    found.append(pid)
        except OSError:
            continue
    return found


def mounts_with(mark):
    """Processes in whose mount namespace something with `mark` in its path is mounted."""
    return [pid for pid, mounts in _of_each_process("mountinfo") if mark.encode() in mounts]


def kill_marked(mark):
    for pid in marked_processes(mark):
        try:
            os.kill(pid, 9)
        except ProcessLookupError:
            pass


def wait_until(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def expect_equal(actual, expected):
    assert actual == expected, f"expected {expected!r}, got {actual!r}"


def expect_in(part, whole):
    assert part in whole, f"{part!r} is not in {whole!r}"


def expect_not_in(part, whole):
    assert part not in whole, f"{part!r} is in {whole!r}"


def deny(*faults):
    """A command prefix under which the named system calls fail (NAME[=ERRNO])."""
    return [_programs.path("deny-syscalls"), *faults, "--"]


# A user namespace in which this user is an ordinary one again. Whoever starts it rules what runs in it.
AS_SOMEBODY = ["unshare", "--user", "--map-user=4242", "--map-group=4242"]


def old_mount_kernel(case):
    """A command prefix under which mounts behave as before Linux 6.15. Its supervisor must rule what it supervises, so an
    ordinary user's is root of a user namespace, and Writ runs as an ordinary user inside of that."""
    program = ["env", "OLD_MOUNT_KERNEL_COUNT=1", _programs.path("old-mount-kernel")]
    return program if case.runs_as_root else ["unshare", "-Ur", *program, *AS_SOMEBODY]


def writ_program():
    return _programs.path("writ")


def late_grants_program():
    return _programs.path("late-grants-test")


def need(*programs):
    """Skips the test where one of the programs is not installed."""
    for program in programs:
        if not shutil.which(program, path=SYSTEM_PATH):
            raise Skip(f"{program} is not installed")


def only(*modes):
    def mark(test):
        test.modes = modes
        return test
    return mark


def as_root(reason):
    """For tests whose scene only root can set up, whoever then runs Writ. An ordinary user's run leaves them out, and
    counts them as that: `reason` says what is missing."""
    def mark(test):
        test.needs_root = reason
        return test
    return mark


def _modes(test):
    possible = ["root", "other", "user"] if ROOT else ["user"]
    wanted = getattr(test, "modes", None)
    return [mode for mode in possible if wanted is None or mode in wanted]


def _run_one(test, mode):
    try:
        with Case(mode) as case:
            test(case)
        return "passed", ""
    except Skip as skip:
        return "skipped", f": {skip}"
    except Exception as error:  # a test that breaks has failed
        place = traceback.extract_tb(error.__traceback__)
        line = next((frame.lineno for frame in reversed(place) if frame.filename == sys.argv[0]), 0)
        return "failed", f": line {line}: {type(error).__name__}: {error}"


def main(tests):
    """Runs the tests among `tests` (globals()) whose names contain a word of the command line, or all."""
    words = sys.argv[1:]
    if not os.access(_program(["WRIT_BIN", "WRIT"], "build/release/bin/writ"), os.X_OK):
        print("there is no writ to test; build it or set WRIT_BIN", file=sys.stderr)
        return 1
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    left_out = 0
    # "root,user" leaves the runs of the third one out: a third less time, where all were run before.
    users = os.environ.get("WRIT_TEST_USERS", "root,other,user").split(",")
    other_users = 0
    for name, test in sorted(tests.items()):
        if not name.startswith("test_"):
            continue
        if not ROOT and hasattr(test, "needs_root"):
            left_out += 1
            print(f"left out {name[5:]}: {test.needs_root}", flush=True)
            continue
        for mode in _modes(test):
            if mode not in users and getattr(test, "modes", None) != (mode,):
                other_users += 1
                continue
            title = f"{name[5:]} [{mode}]"
            if words and not any(word in title for word in words):
                continue
            started = time.monotonic()
            outcome, why = _run_one(test, mode)
            counts[outcome] += 1
            print(f"{outcome:8}{title} ({time.monotonic() - started:.1f} s){why}", flush=True)
    if other_users:
        print(f"{other_users} left out: WRIT_TEST_USERS={','.join(users)}", flush=True)
    if left_out:
        print(f"{left_out} left out: they need root", flush=True)
    print(", ".join(f"{count} {outcome}" for outcome, count in counts.items()), flush=True)
    unexpected_skips = counts["skipped"] and os.environ.get("WRIT_ALLOW_SKIPS") != "1"
    if counts["failed"] or unexpected_skips:
        return 1
    return 0 if counts["passed"] else 77
