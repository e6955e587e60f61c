"""What the adversarial tests share: who runs Writ, how the payload is run inside and outside of a sandbox, and the count.

A test is a function marked @attack("<number>_<name>"). It gets a Trial, once for each stage:

  root          Writ runs as root in a workspace of root's; the tool is a subordinate identity
  root-for-user Writ runs as root in a workspace of an ordinary user's; the tool is that user
  user          Writ runs as an ordinary user

A payload that is stopped proves nothing unless it would have succeeded: Trial.stops() first runs the same payload without
Writ, as the same user (or as root, where the attack is about root), and fails when that did not succeed either. Where no
control is possible the trial is still made, and counted as skipped with its reason.

The programs: $WRIT (else $WRIT_BIN) and $WRIT_ATTACK. Arguments of a test program choose tests by part of their name.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
WRIT = os.environ.get("WRIT") or os.environ.get("WRIT_BIN") or str(ROOT / "build/release/bin/writ")
PAYLOAD = os.environ.get("WRIT_ATTACK") or str(pathlib.Path(WRIT).parent / "writ-attack")
IS_ROOT = os.geteuid() == 0
# A user that has no account and no process: what the tests start as this user is all that there is of it. Each test
# program has one of its own, because some controls kill everything of theirs.
THROWAWAY = 1996423456 + os.getpid() % 4096 if IS_ROOT else os.geteuid()
MARKER = "the-marker-that-nobody-may-see"
WRIT_FAILED = 125
PATIENCE = 60

ALL = ("root", "root-for-user", "user") if IS_ROOT else ("user",)
ONCE = ("user",)
AS_ROOT = ("root", "root-for-user") if IS_ROOT else ()

_attacks = []
_skips_counted = set()


class Verdict:
    """What one run of a payload came to: kind is ESCAPED, STOPPED, UNDECIDED, REFUSED (by Writ) or OTHER."""

    def __init__(self, result):
        self.status = result.returncode
        self.out = result.stdout.decode(errors="backslashreplace")
        self.err = result.stderr.decode(errors="backslashreplace")
        lines = [line for line in self.out.splitlines() if line.split(" ")[0] in ("ESCAPED", "STOPPED", "UNDECIDED")]
        last = lines[-1] if lines else ""
        self.kind, _, self.detail = last.partition(" ")
        if not last:
            killed = self.status - 128 if self.status > 128 else -self.status
            if self.status == WRIT_FAILED:
                self.kind, self.detail = "REFUSED", self.err.strip()
            elif killed > 0:
                self.kind, self.detail = "STOPPED", f"signal {killed}"
            else:
                self.kind, self.detail = "OTHER", f"status {self.status}, {self.out[-300:]!r}, {self.err[-300:]!r}"

    def __str__(self):
        return f"{self.kind} {self.detail}"


class Skip(Exception):
    pass


class Trial:
    def __init__(self, stage, base):
        self.stage = stage
        self.failures = []
        self.skips = []
        self.base = pathlib.Path(base)
        self.uid = 0 if stage.startswith("root") else THROWAWAY
        self.owner = 0 if stage == "root" else THROWAWAY
        self.bin = self.base / "bin"
        self.workspace = self.directory("workspace", self.owner)
        self.outside = self.directory("outside", self.uid)
        self.home = self.directory("home", self.uid)
        self.bin.mkdir()
        shutil.copy(PAYLOAD, self.bin / "attack")
        shutil.copy(WRIT, self.bin / "writ")
        self.attack = str(self.bin / "attack")
        self.writ = str(self.bin / "writ")
        self.started = []

    # ---- files and processes of the test

    def directory(self, name, owner=None):
        path = self.base / name
        path.mkdir(parents=True)
        self.give(path, owner)
        return path

    def give(self, path, owner=None):
        if IS_ROOT:
            owner = self.owner if owner is None else owner
            os.chown(path, owner, owner, follow_symlinks=False)

    def file(self, path, content=MARKER, mode=0o644):
        """A file of the workspace's owner, with its directories; a relative path is meant in the workspace."""
        path = self.workspace / path
        missing = [parent for parent in path.parents if not parent.exists()]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        path.chmod(mode)
        for made in [*missing, path]:
            self.give(made, self.owner if path.is_relative_to(self.workspace) else self.uid)
        return path

    def identity(self, uid):
        return {"user": uid, "group": uid, "extra_groups": []} if IS_ROOT and uid != 0 else {}

    def environment(self, extra=None):
        return {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(self.home), "LANG": "C.UTF-8", **(extra or {})}

    def start(self, command, uid=None, environment=None, **options):
        """A process that ends with the test at the latest."""
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        options.setdefault("cwd", self.workspace)
        process = subprocess.Popen([str(word) for word in command], env=self.environment(environment),
                                   **self.identity(self.uid if uid is None else uid), **options)
        self.started.append(process)
        return process

    def victim(self, uid=None):
        return self.start(["sleep", str(PATIENCE)], uid=uid, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def run(self, command, seconds=PATIENCE, input=None, **options):
        if input is not None:
            options["stdin"] = subprocess.PIPE
        process = self.start(command, **options)
        try:
            out, err = process.communicate(input, timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise AssertionError(f"no end after {seconds} s: {command}") from None
        return subprocess.CompletedProcess(command, process.returncode, out or b"", err or b"")

    # ---- inside and outside

    def sandbox(self, *options, profile=None):
        """The start of a command line that runs something in a sandbox with the payload in view."""
        chosen = ["--profile", profile] if profile else []
        return [self.writ, "run", "--read", str(self.bin), *chosen, *options, "--"]

    def inside(self, *arguments, options=(), profile=None, **rest):
        return Verdict(self.run([*self.sandbox(*options, profile=profile), self.attack, *map(str, arguments)], **rest))

    def natively(self, *arguments, as_root=False, uid=None, **rest):
        """The same without Writ. As root it is contained in namespaces, so that the machine is not changed."""
        if as_root and not IS_ROOT:
            raise Skip("the control needs root")
        prefix = ["contained"] if as_root else []
        return Verdict(self.run([self.attack, *prefix, *map(str, arguments)], uid=0 if as_root else uid, **rest))

    def shell_inside(self, script, options=(), profile=None, **rest):
        return self.run([*self.sandbox(*options, profile=profile), "/bin/sh", "-c", script], **rest)

    def profile(self, text, extends="default"):
        """A profile in a file outside of the workspace."""
        path = self.base / f"profile-{len(list(self.base.iterdir()))}.yaml"
        path.write_text(f"version: 1\nname: test\nextends: {extends}\n{text}")
        return str(path)

    def native(self):
        """The default profile, except that the tool writes the workspace by itself: what the guard is there for."""
        return self.profile("filesystem:\n  writing: native\n")

    # ---- judgements

    def check(self, condition, message):
        if not condition:
            self.failures.append(message)
        return condition

    def skip(self, reason):
        self.skips.append(reason)

    def stops(self, *arguments, control="same", why="", reset=None, refusal_counts=False, control_arguments=None, **rest):
        """The payload succeeds outside and is stopped inside. `control`: same (user), root, none (then `why` says why
        there can be no control). `reset` is called before each of the two runs."""
        label = " ".join(map(str, arguments))
        native = {key: value for key, value in rest.items() if key not in ("options", "profile")}
        verified = False
        try:
            if control == "none":
                raise Skip(why)
            if reset:
                reset()
            free = self.natively(*(control_arguments or arguments), as_root=control == "root", **native)
            if free.kind != "ESCAPED" and why:
                raise Skip(f"{why}: {free}")
            verified = self.check(free.kind == "ESCAPED", f"{label}: the control proves nothing: {free}")
        except Skip as reason:
            self.skip(f"{label}: {reason}")
        if reset:
            reset()
        held = self.inside(*arguments, **rest)
        good = held.kind == "STOPPED" or (refusal_counts and held.kind == "REFUSED")
        self.check(good, f"{label}: {held}")
        return held if verified else None

    def report(self, path):
        return json.loads(pathlib.Path(path).read_text())

    def end(self):
        for process in self.started:
            if process.poll() is None:
                process.kill()
                process.wait()
            for stream in (process.stdout, process.stderr, process.stdin):
                if stream:
                    stream.close()


def attack(name, stages=ALL):
    def register(function):
        _attacks.append((f"attack_{name}", stages, function))
        return function
    return register


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def processes_with(token):
    """Processes that have `token` in their command line."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if token.encode() in (entry / "cmdline").read_bytes() and alive(entry.name):
                    found.append(int(entry.name))
            except OSError:
                pass
    return found


def orphaned_inits():
    """Inits of sandboxes whose Writ is gone: their command line is blank, and a running one's parent is Writ."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "cmdline").read_bytes().startswith(b"writ-init\0"):
                parent = (entry / "stat").read_text().rsplit(")", 1)[1].split()[1]
                if pathlib.Path(f"/proc/{parent}/comm").read_text().strip() not in ("writ", "spawner_bench"):
                    found.append(int(entry.name))
        except OSError:
            pass
    return found


def eventually(condition, seconds=5):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def _run_one(name, stage, function):
    with tempfile.TemporaryDirectory(prefix="writ-adversarial-", ignore_cleanup_errors=True) as base:
        os.chmod(base, 0o755)
        trial = Trial(stage, base)
        try:
            function(trial)
        except Skip as reason:
            trial.skip(str(reason))
        except Exception as error:  # pylint: disable=broad-except  # any accident in a test is its failure
            trial.failures.append(f"{type(error).__name__}: {error}")
        finally:
            trial.end()
    label = f"{name} [{stage}]"
    for failure in trial.failures:
        print(f"FAILED {label}: {failure}")
    # The same control is impossible in every stage; it counts once.
    reasons = {(name, reason.replace(str(trial.base), "…")) for reason in trial.skips} - _skips_counted
    _skips_counted.update(reasons)
    for _, reason in sorted(reasons):
        print(f"skipped {label}: {reason}")
    if not trial.failures:
        print(f"passed {label}")
    return not trial.failures, len(reasons)


def main():
    sys.stdout.reconfigure(line_buffering=True)
    passed = failed = skipped = 0
    for name, stages, function in _attacks:
        if len(sys.argv) > 1 and not any(part in name for part in sys.argv[1:]):
            continue
        for stage in stages:
            good, without_control = _run_one(name, stage, function)
            passed += good
            failed += not good
            skipped += without_control
        if not stages:
            print(f"skipped {name}: it is about root, and this is not root")
            skipped += 1
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    if failed:
        sys.exit(1)
    sys.exit(0 if passed else 77)
