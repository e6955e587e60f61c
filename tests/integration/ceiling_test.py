#!/usr/bin/env python3
"""manifest ∩ profile ∩ ceiling, end to end. The ceiling has one place, /etc/writ/ceiling.yaml, so these tests give Writ a
mount namespace of its own in which /etc is a copy."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from writ_testing import (ORDINARY_GROUP, ORDINARY_USER, ROOT, expect_equal, expect_in, expect_not_in, main,  # noqa: E402
                          only, writ_program)

# Only root can put something over /etc for somebody else. Everybody can for themselves, in a user namespace of their own
# (where they look like root): enough for `writ why`.
FOR_RUN = only("root", "other", "user") if ROOT else only("nobody")

HEAD = "version: 1\nname: ceiling\n"
MODEST = HEAD + "extends: default\n"


class Host:
    """A copy of /etc, made once, with a fresh /etc/writ each time."""

    copy = None

    def __enter__(self):
        if Host.copy is None:
            Host.copy = tempfile.TemporaryDirectory(prefix="writ-test-etc-")
            os.chmod(Host.copy.name, 0o755)
            subprocess.run(["cp", "-a", "/etc", Host.copy.name], check=False, stderr=subprocess.DEVNULL)
        self.etc = pathlib.Path(Host.copy.name) / "etc"
        shutil.rmtree(self.etc / "writ", ignore_errors=True)
        (self.etc / "writ").mkdir()
        self.ceiling = self.etc / "writ/ceiling.yaml"
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.etc / "writ", ignore_errors=True)

    def writ(self, case, *words, environment=None):
        user = ORDINARY_USER if case.mode == "user" and ROOT else os.geteuid()
        group = ORDINARY_GROUP if case.mode == "user" and ROOT else os.getegid()
        own = ["unshare", "--mount"] if ROOT else ["unshare", "--mount", "--map-root-user"]
        become = f"setpriv --reuid {user} --regid {group} --clear-groups --" if ROOT else ""
        script = f'mount --bind "$1" /etc && shift && exec {become} "$@"'
        return subprocess.run([*own, "sh", "-c", script, "sh", self.etc, writ_program(), *map(os.fspath, words)],
                              env=environment or case.environment(), cwd=case.workspace, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, errors="replace", timeout=120, check=False)


def why(host, case, *words, environment=None):
    result = host.writ(case, "why", "--json", *words, environment=environment)
    assert result.returncode in (0, 1, 3), result.stderr
    return json.loads(result.stdout)["answers"][0]


def test_absent_is_no_ceiling(case):
    with Host() as host:
        expect_equal(why(host, case, "default", "write", "x")["decision"], "allow")
        shutil.rmtree(host.etc / "writ")
        expect_equal(why(host, case, "default", "write", "x")["decision"], "allow")


def test_what_cannot_be_trusted_is_refused(case):
    def mode(bits):
        host.ceiling.write_text(MODEST)
        host.ceiling.chmod(bits)

    def foreign():
        host.ceiling.write_text(MODEST)
        os.chown(host.ceiling, ORDINARY_USER, ORDINARY_GROUP)

    flaws = [(lambda: mode(0o664), "written by others"), (lambda: mode(0o646), "written by others"),
             (lambda: host.ceiling.mkdir(), "not a regular file"),
             (lambda: os.mkfifo(host.ceiling), "not a regular file"),
             (lambda: (host.etc / "writ/other.yaml").write_text(MODEST) and os.symlink("other.yaml", host.ceiling), "symbolic link"),
             (lambda: os.symlink("/nowhere", host.ceiling), "symbolic link"),
             (lambda: host.ceiling.write_text("# " + "x" * (10 << 20)), "too large"),
             (lambda: host.ceiling.write_text(""), "empty"),
             (lambda: host.ceiling.write_text(MODEST + "filesytem: {}\n"), "ceiling.yaml:4:1: unknown key"),
             (lambda: host.ceiling.write_text(HEAD + "extends: no-such-profile\n"), "there is no profile"),
             (lambda: host.ceiling.write_bytes(b"\xff\x00"), "ceiling.yaml")]
    if ROOT:
        flaws.append((foreign, "does not belong to root"))
    if case.mode == "user" and ROOT:
        flaws.append((lambda: mode(0o600), "Permission denied"))
    for make, word in flaws:
        with Host() as host:
            make()
            commands = [["why", "default", "read", "x"]] + ([["run", "--", "true"]] if ROOT else [])
            for words in commands:
                result = host.writ(case, *words)
                expect_equal((word, result.returncode, result.stdout), (word, 125, ""))
                assert result.stderr.startswith("writ: "), result.stderr
                expect_in(word, result.stderr)


def test_only_the_administrator_can_change_it(case):
    case.write("wide.yaml", "version: 1\nname: wide\nextends: default\nfilesystem: {read: [/srv]}\nnetwork: host\n")
    with Host() as host:
        host.ceiling.write_text(MODEST)
        found = why(host, case, "./wide.yaml", "read", "/srv/x")
        expect_equal((found["decision"], found["bound"]), ("deny", "ceiling"))
        expect_equal(found["change"], {"advice": "only the administrator can change that, in /etc/writ/ceiling.yaml"})
        expect_equal(why(host, case, "--network", "host", "./wide.yaml", "connect", "192.0.2.1:1")["bound"], "ceiling")
        expect_equal(why(host, case, "-r", "/srv", "default", "read", "/srv/x")["bound"], "ceiling")
        expect_equal(why(host, case, "default", "write", "x")["decision"], "allow")
        neither = why(host, case, "default", "read", "/srv/x")
        assert "bound" not in neither and "yaml" not in neither["change"], neither


def test_a_person_cannot_raise_it(case):
    case.write_home(".config/writ/profiles/mine.yaml", "version: 1\nname: mine\nfilesystem: {read: [/srv]}\n")
    case.write_home(".config/writ/ceiling.yaml", MODEST)
    with Host() as host:
        host.ceiling.write_text(HEAD + "extends: [default, mine]\n")
        result = host.writ(case, "why", "default", "read", "x")
        expect_equal(result.returncode, 125)
        expect_in("there is no profile 'mine'", result.stderr)
        host.ceiling.write_text(MODEST + "filesystem: {read: ['~/data']}\n")
        case.write_home("data/x")
        moved = case.environment(WRIT_CEILING="/dev/null", XDG_CONFIG_HOME=str(case.base))
        found = why(host, case, "-r", case.home / "data", "default", "read", case.home / "data/x", environment=moved)
        expect_equal(found["bound"], "ceiling")


def test_it_may_speak_of_everything(case):
    with Host() as host:
        host.ceiling.write_text(MODEST + "rules:\n  - {effect: allow, rights: [read], path: /*}\n")
        expect_equal(why(host, case, "-r", "/srv", "default", "read", "/srv/x")["decision"], "allow")
        expect_equal(why(host, case, "-w", "/srv", "default", "write", "/srv/x")["bound"], "ceiling")


@FOR_RUN
def test_it_holds_for_a_run(case):
    case.write_home("data/file", "data")
    case.write("wide.yaml", "version: 1\nname: wide\nextends: default\nnetwork: host\nlimits: {processes: 9999}\n")
    with Host() as host:
        host.ceiling.write_text(MODEST + f"rules:\n  - {{effect: allow, rights: [read], path: '{case.home}/data/*'}}\n")
        report = case.temporary / "report.json"
        result = host.writ(case, "run", "--profile", "./wide.yaml", "--write", case.home / "data", "--report", report, "--env",
                           "SECRET_THING=1", "--", "sh", "-c",
                           f"cat {case.home}/data/file; echo x > {case.home}/data/file || echo refused; "
                           "echo [$SECRET_THING]; ls /sys/class/net 2>/dev/null; cat /proc/net/dev | tail -n +3 | wc -l")
        expect_equal(result.returncode, 0)
        expect_in("datarefused\n[]\n", result.stdout)
        assert result.stdout.endswith("\n1\n"), result.stdout  # loopback only
        expect_equal((case.home / "data/file").read_text(), "data")
        found = json.loads(report.read_text())
        expect_equal(found["bounds"], ["the ceiling /etc/writ/ceiling.yaml"])
        subjects = " ".join(row["subject"] for row in found["attenuations"])
        expect_in("network", subjects)
        assert all(row["reason"] for row in found["attenuations"])
        expect_in("warning: ", result.stderr)
        expect_in("ceiling", result.stderr)
        expect_equal(host.writ(case, "run", "-q", "--profile", "./wide.yaml", "--", "true").stderr, "")
        plan = host.writ(case, "run", "--profile", "./wide.yaml", "--dry-run", "--", "true").stdout
        expect_in("bounded by: the ceiling /etc/writ/ceiling.yaml\n", plan)


@FOR_RUN
def test_it_holds_for_ruled_commands(case):
    """A command runs inside of the outer broker's user namespace, where root has no number; the ceiling holds there too."""
    case.write_home("data/file", "data")
    case.write("ruled.yaml", "version: 1\nname: ruled\nextends: default\nfilesystem:\n  read: [~/data]\n"
                             "commands:\n  - {program: cat, effect: allow}\n")
    words = ["run", "--profile", "./ruled.yaml", "--", "sh", "-c", f"cat {case.home}/data/file"]
    with Host() as host:
        expect_equal(host.writ(case, *words).stdout, "data")  # the control
        host.ceiling.write_text(MODEST)
        result = host.writ(case, *words)
        expect_equal((result.returncode, result.stdout), (1, ""))
        expect_in("No such file", result.stderr)


TOOL = "version: 1\nname: tool\nextends: readonly\n"


def test_a_manifest_bounds(case):
    case.write("tool.yaml", TOOL)
    expect_equal(case.writ("why", "default", "write", "x").returncode, 0)
    result = case.writ("why", "--json", "--manifest", "tool.yaml", "default", "write", "x")
    (found,) = json.loads(result.stdout)["answers"]
    expect_equal((result.returncode, found["bound"]), (1, "manifest"))
    expect_in("the manifest 'tool.yaml' would have to allow it", found["change"]["advice"])
    result = case.run("--manifest", "tool.yaml", program=["sh", "-c", "cat tool.yaml; touch new"])
    assert result.returncode == 1 and result.stdout == TOOL, result
    expect_in("the manifest 'tool.yaml'", result.stderr)
    assert not (case.workspace / "new").exists()


def test_several_manifests(case):
    case.write("one.yaml", TOOL.replace("readonly", "default"))
    case.write("two.yaml", TOOL)
    result, report = case.report("--manifest", "one.yaml", "--manifest", "two.yaml", program=["true"])
    expect_equal(report["bounds"], ["the manifest 'one.yaml'", "the manifest 'two.yaml'"])
    expect_equal(result.returncode, 0)
    _, report = case.report("--manifest", "one.yaml", program=["true"])
    expect_equal(report["attenuations"], [])
    _, report = case.report(program=["true"])
    assert "bounds" not in report and "attenuations" not in report


def test_manifests_bound_what_is_typed(case):
    case.write("tool.yaml", TOOL.replace("readonly", "default"))
    result = case.run("--manifest", "tool.yaml", "--env", "MY_OWN=1", "--env", "LANG=C", program=["env"])
    expect_not_in("MY_OWN", result.stdout)
    expect_in("LANG=C", result.stdout)
    expect_in("MY_OWN", result.stderr)


def test_bad_manifests(case):
    case.write("wrong.yaml", TOOL + "filesytem: {}\n")
    os.mkfifo(case.workspace / "fifo.yaml")
    for name, word in (("missing.yaml", "No such file"), ("wrong.yaml", "wrong.yaml:4:1"), ("fifo.yaml", "not a regular"),
                       ("no-such-profile", "there is no profile")):
        case.refused("--manifest", name, says=word)


def test_a_run_cannot_write_its_own_policy(case):
    case.write("tool.yaml", TOOL.replace("readonly", "default"))
    case.write("my.yaml", TOOL.replace("readonly", "default").replace("tool", "my"))
    script = "for f in tool.yaml my.yaml; do (echo 'network: host' >> $f) 2>/dev/null && echo changed $f; rm -f $f 2>/dev/null; done; true"
    result = case.run("--profile", "./my.yaml", "--manifest", "tool.yaml", program=["sh", "-c", script])
    expect_equal(result.stdout, "")
    expect_not_in("host", (case.workspace / "tool.yaml").read_text() + (case.workspace / "my.yaml").read_text())
    case.refused("--profile", "./my.yaml", "--write", "my.yaml", says="cannot be granted for writing")


def test_profiles_cannot_be_granted_for_writing(case):
    case.write_home(".config/writ/profiles/mine.yaml", TOOL.replace("tool", "mine"))
    for place in (".config/writ", ".config/writ/profiles", ".config/writ/profiles/mine.yaml"):
        case.refused("--write", case.home / place, says="cannot be granted for writing")
    case.output("--read", case.home / ".config/writ/profiles/mine.yaml", program=["true"])


def test_linked_profiles_are_protected(case):
    case.write("dotfiles/mine.yaml", TOOL.replace("tool", "mine"))
    case.write_home(".config/writ/profiles/keep", "")
    os.symlink(case.workspace / "dotfiles/mine.yaml", case.home / ".config/writ/profiles/mine.yaml")
    result = case.run(program=["sh", "-c", "echo 'network: host' >> dotfiles/mine.yaml"])
    assert result.returncode != 0, result
    expect_not_in("host", (case.workspace / "dotfiles/mine.yaml").read_text())


if __name__ == "__main__":
    sys.exit(main(globals()))
