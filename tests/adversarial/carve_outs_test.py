#!/usr/bin/env python3
"""Section 2 for deny rules: what a rule takes out of a granted tree is out of reach by every name it has or may get."""

import os
import subprocess

from attack_harness import MARKER, attack, main


def rules(trial, *lines):
    return trial.profile("rules:\n" + "".join(f"  - {line}\n" for line in lines))


def small_view(trial, *lines):
    """The same without the system: where a denied file has several names, every launch looks through all that is granted,
    and /usr is large. Each test looks through it once."""
    return trial.profile("reset: [filesystem.read]\nrules:\n" + "".join(f"  - {line}\n" for line in lines))


def deny(rights, path):
    return f"{{effect: deny, rights: [{rights}], path: '{path}', reason: 'a test'}}"


@attack("17_denied_file_by_every_name")
def _(trial):
    secret = trial.file("private/secret")
    trial.file("open/file", "nothing")
    os.link(secret, trial.workspace / "open/alias")
    os.symlink(secret, trial.workspace / "open/link")
    os.symlink(trial.workspace / "private", trial.workspace / "open/directory-link")
    rule = deny("read, write", "${workspace}/private/secret")
    trial.stops("read", "open/alias", MARKER, profile=rules(trial, rule))
    profile = small_view(trial, rule)
    for name in ("private/secret", "open/alias", "open/link", "open/directory-link/secret", "open/../private/secret",
                 f"/proc/self/cwd/private/secret", f"/proc/self/root{secret}"):
        trial.stops("read", name, MARKER, profile=profile)
        trial.stops("write", name, "x", profile=profile, reset=lambda: trial.file(secret))
    trial.check(secret.read_text() == MARKER, "the denied file was changed")
    trial.check(trial.inside("read", "open/file", "nothing", profile=profile).kind == "ESCAPED",
                "what is beside the denied file cannot be read any more")


@attack("17_denied_tree_by_new_names")
def _(trial):
    """New links, renames and copies from inside the sandbox."""
    def reset():
        for name in ("alias", "moved", "stolen"):
            subprocess.run(["rm", "-rf", str(trial.workspace / name)], check=True)
        trial.file("private/secret")
        trial.file("private/deep/secret")
    reset()
    profile = rules(trial, deny("read, write", "${workspace}/private/*"))
    trial.stops("read", "private/deep/secret", MARKER, profile=profile, reset=reset)
    trial.stops("link", trial.workspace / "private/secret", trial.workspace / "alias", profile=profile, reset=reset)
    trial.stops("rename", trial.workspace / "private/secret", trial.workspace / "moved", profile=profile, reset=reset)
    trial.stops("rename", trial.workspace / "private", trial.workspace / "moved", profile=profile, reset=reset)
    reset()
    held = trial.shell_inside("mv private stolen; cat stolen/secret; cp -r private stolen; cat stolen/* stolen/*/*; "
                              "tar cf - . | cat", profile=profile)
    trial.check(MARKER.encode() not in held.stdout + held.stderr, "the denied content was read")
    free = trial.run(["/bin/sh", "-c", "tar cf - . | cat"], uid=trial.owner)
    trial.check(MARKER.encode() in free.stdout, "the control proves nothing")


@attack("17_linked_file_in_a_denied_tree")
def _(trial):
    secret = trial.file("private/secret")
    os.link(secret, trial.workspace / "alias")
    profile = rules(trial, deny("read", "${workspace}/private/*"))
    trial.stops("read", "alias", MARKER, profile=profile)


@attack("17_denied_by_another_grant")
def _(trial):
    """The same object through a second grant, and through a grant that is a link."""
    secret = trial.file(trial.outside / "data/secret")
    os.symlink(trial.outside / "data", trial.base / "other-way")
    profile = rules(trial, deny("read", f"{trial.outside}/data/secret"))
    for grant in (trial.outside, trial.base / "other-way"):
        options = ["--read", str(grant)]
        for name in (secret, trial.base / "other-way/secret"):
            trial.stops("read", name, MARKER, profile=profile, options=options)
    trial.stops("read", secret, MARKER, profile=profile, options=["--read", str(secret)], refusal_counts=True)


@attack("17_unchangeable_file")
def _(trial):
    config = trial.file("settings/config", "original")
    os.link(config, trial.workspace / "alias")
    def reset():
        subprocess.run(["rm", "-rf", str(trial.workspace / "moved"), str(trial.workspace / "settings")], check=True)
        (trial.workspace / "alias").unlink(missing_ok=True)
        trial.file("settings/config", "original")
        os.link(trial.workspace / "settings/config", trial.workspace / "alias")
    rule = deny("write", "${workspace}/settings/config")
    trial.stops("write", "alias", "x", profile=rules(trial, rule), reset=reset)
    profile = small_view(trial, rule)
    for name in ("settings/config", "alias"):
        trial.stops("write", name, "x", profile=profile, reset=reset)
        trial.stops("truncate", name, profile=profile, reset=reset)
    trial.stops("unlink", "settings/config", profile=profile, reset=reset)
    trial.stops("rename", trial.workspace / "settings", trial.workspace / "moved", profile=profile, reset=reset)
    reset()
    trial.check(trial.inside("read", "settings/config", "original", profile=profile).kind == "ESCAPED",
                "a file that is only protected from changes cannot be read")


@attack("18_denied_name_that_does_not_exist")
def _(trial):
    trial.file("settings/other")
    profile = rules(trial, deny("write", "${workspace}/settings/late"), deny("write", "${workspace}/later/*"))
    script = "echo evil > settings/late; mkdir -p later; echo evil > later/file"
    made = (trial.workspace / "settings/late", trial.workspace / "later")
    free = trial.run(["/bin/sh", "-c", script], uid=trial.owner)
    trial.check(free.returncode == 0 and all(path.exists() for path in made), "the control did not make them")
    subprocess.run(["rm", "-rf", *map(str, made)], check=True)
    for delay in ("0", "0.3"):
        result = trial.shell_inside(f"sleep {delay}; {script}", profile=profile)
        trial.check(not any(path.exists() for path in made), f"after {delay} s something is left ({result.stderr!r})")


@attack("36_denied_execution")
def _(trial):
    """A noexec mount stops the loader's mapping as well (mmap(2), PROT_EXEC)."""
    program = trial.file("bin/program", "#!/bin/sh\necho ESCAPED\n", mode=0o755)
    copy = trial.workspace / "bin/true"
    subprocess.run(["cp", "/bin/echo", str(copy)], check=True)
    trial.give(copy)
    os.link(copy, trial.workspace / "alias")
    profile = rules(trial, deny("execute", "${workspace}/bin/*"))
    loader = "/lib64/ld-linux-x86-64.so.2" if os.path.exists("/lib64/ld-linux-x86-64.so.2") else "/lib/ld-linux-aarch64.so.1"
    for script in (f"{program}", f"{copy} ESCAPED", "./alias ESCAPED", f"{loader} {copy} ESCAPED"):
        free = trial.run(["/bin/sh", "-c", script], uid=trial.owner)
        trial.check(b"ESCAPED" in free.stdout, f"{script}: the control proves nothing: {free.stderr!r}")
        held = trial.shell_inside(script, profile=profile)
        trial.check(b"ESCAPED" not in held.stdout, f"{script} was executed")


@attack("74_ask_is_not_allow")
def _(trial):
    """Without somebody who can be asked, asking is denying."""
    secret = trial.file("private/secret")
    profile = rules(trial, "{effect: ask, rights: [read, write], path: '${workspace}/private/*'}")
    trial.stops("read", secret, MARKER, profile=profile)
    profile = rules(trial, f"{{effect: ask, rights: [read], path: '{trial.outside}/*'}}")
    trial.stops("read", trial.file(trial.outside / "secret"), MARKER, profile=profile)


main()
