"""Profiles with rules about commands, and programs to be ruled: shared by the tests of commands."""


def profile(case, name, text):
    case.write_home(f".config/writ/profiles/{name}.yaml", f"version: 1\nname: {name}\n{text}")
    return name


def tool(case, name, script):
    """An executable script in a directory that the sandbox can read."""
    return case.write(name, f"#!/bin/sh\n{script}\n", 0o755, inside=case.base / "bin", give=case.give_to_writ)


def ruled(case, rules, extra="", name="main"):
    """A profile with `rules` that also shows the tools of tool()."""
    (case.base / "bin").mkdir(exist_ok=True)
    return profile(case, name, f"extends: default\nfilesystem:\n  read: ['{case.base}/bin']\n{extra}commands:\n{rules}")


def secret(case):
    return case.write("key", "the-secret\n", inside=case.base / "secret", give=case.give_to_writ)
