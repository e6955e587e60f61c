"""Where the benchmark works: a directory that every measured user can reach, the users themselves, and what they run."""

import dataclasses
import os
import pathlib
import pwd
import shutil
import subprocess
import tempfile

FIRST_ORDINARY_UID, LAST_ORDINARY_UID = 1000, 59999
PROGRAMS = ("writ", "launch_driver", "seccomp_export", "inside")
OPTIONAL_PROGRAMS = ("spawner_bench", "decide_bench", "authority_bench", "writes", "writ-tools")


class CannotRun(Exception):
    """Something that belongs to the measurement does not work; the text says what and why."""


class NeedsRoot(Exception):
    """Only root can measure this; the text says why."""


@dataclasses.dataclass(frozen=True)
class Person:
    """A user that things are measured as. `home` is a directory of the work area, so nobody's settings take part."""

    uid: int
    gid: int
    home: pathlib.Path

    @property
    def label(self):
        return "root" if self.uid == 0 else "ordinary user"

    def become(self):
        """The words that start a program as this user; they replace themselves, so they cost the program nothing."""
        if self.uid == os.geteuid():
            return []
        return ["setpriv", f"--reuid={self.uid}", f"--regid={self.gid}", "--clear-groups", "--"]

    def environment(self):
        return {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(self.home), "LANG": "C.UTF-8", "TERM": "dumb"}


@dataclasses.dataclass(frozen=True)
class Command:
    """One way to start one program. `files` are (number, path): descriptors that the command is born with."""

    name: str
    directory: pathlib.Path
    words: list
    files: tuple = ()

    def driver_words(self):
        settings = ["--cwd", str(self.directory)]
        for number, path in self.files:
            settings += ["--open", str(number), str(path)]
        return [":::", self.name, *settings, "--", *map(str, self.words)]

    def shell_words(self):
        """The same for subprocess, which cannot open a file as a descriptor of a given number."""
        words = list(map(str, self.words))
        for number, path in self.files:
            words = ["sh", "-c", f'exec "$@" {number}<"$0"', str(path), *words]
        return words


def ordinary_account():
    """(uid, gid) of the first account of a person, else of uid 1000; some peers refuse a uid without an account."""
    for account in sorted(pwd.getpwall(), key=lambda entry: entry.pw_uid):
        if FIRST_ORDINARY_UID <= account.pw_uid <= LAST_ORDINARY_UID:
            return account.pw_uid, account.pw_gid
    return FIRST_ORDINARY_UID, FIRST_ORDINARY_UID


class WorkArea:
    """A temporary directory with copies of the programs: a source tree may lie where an ordinary user cannot go."""

    def __init__(self, programs, parent):
        self._programs = programs
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="writ-bench-", dir=parent))
        self._spaces = 0

    def __enter__(self):
        try:
            self.root.chmod(0o755)
            self._copy_programs(self._programs)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.root, ignore_errors=True)

    def _copy_programs(self, source):
        (self.root / "bin").mkdir(mode=0o755)
        for name in PROGRAMS + OPTIONAL_PROGRAMS:
            if (source / name).is_file():
                shutil.copy(source / name, self.root / "bin" / name)
            elif name in PROGRAMS:
                raise CannotRun(f"{source / name} is missing: ./dev bench builds it (target writ_bench)")

    def program(self, name):
        """Path of a program of the build, or None when that build does not have it."""
        path = self.root / "bin" / name
        return path if path.exists() else None

    def new_directory(self, person, name):
        """An empty directory of this user's own."""
        self._spaces += 1
        path = self.root / f"{name}-{self._spaces}"
        path.mkdir(mode=0o755)
        os.chown(path, person.uid, person.gid)
        return path

    def people(self):
        """Root and an ordinary user when run by root, else whoever runs this."""
        if os.geteuid() != 0:
            accounts = [(os.geteuid(), os.getegid())]
        else:
            accounts = [(0, 0), ordinary_account()]
        return [self._person(uid, gid) for uid, gid in accounts]

    def _person(self, uid, gid):
        home = self.root / f"home-{uid}"
        home.mkdir(mode=0o755)
        os.chown(home, uid, gid)
        return Person(uid, gid, home)


def run_as(person, words, directory, around=(), timeout=None):
    """subprocess.run as `person` in `directory`, output captured as text. `around`: words before all others, which run
    as whoever runs this."""
    return subprocess.run([*around, *person.become(), *map(str, words)], cwd=directory, env=person.environment(),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False,
                          timeout=timeout)


def first_lines(text, count=3):
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "; ".join(lines[:count])
