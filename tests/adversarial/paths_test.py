#!/usr/bin/env python3
"""Section 2: names, links and /proc as ways to what was not granted, or to more than was granted."""

import os
import pathlib
import socket
import stat
import subprocess

from attack_harness import AS_ROOT, MARKER, attack, eventually, main


def secret_outside(trial):
    return trial.file(trial.outside / "secret")


@attack("10_proc_aliases")
def _(trial):
    secret = secret_outside(trial)
    trial.file("sub/file")
    up = os.path.relpath(secret, trial.workspace)
    trial.stops("read", secret, MARKER)
    trial.stops("read", f"/proc/self/root{secret}", MARKER)
    trial.stops("read", f"/proc/self/cwd/{up}", MARKER)
    trial.stops("read", f"/proc/thread-self/root{secret}", MARKER)
    trial.stops("read", f"{trial.workspace}/sub/../{up}", MARKER)
    directory = os.open(trial.workspace, os.O_RDONLY)
    trial.stops("read", f"/proc/self/fd/0/{up}", MARKER, stdin=directory, refusal_counts=True)
    os.close(directory)
    # Process 1 of the host is nobody an ordinary user may look into, so root is the control.
    trial.stops("read", f"/proc/1/root{secret}", MARKER, control="root", why="closed on some hosts")
    trial.stops("read", f"/proc/1/cwd/..{secret}", MARKER, control="root", why="closed on some hosts")


@attack("10_symbolic_links")
def _(trial):
    secret = secret_outside(trial)
    os.symlink(secret, trial.workspace / "link")
    os.symlink(trial.outside, trial.workspace / "directory-link")
    os.symlink("/proc/self/root" + str(secret), trial.workspace / "magic-link")
    for name in ("link", "directory-link/secret", "magic-link"):
        trial.stops("read", name, MARKER)
        trial.stops("write", name, "x")


@attack("11_own_proc_is_not_writs")
def _(trial):
    """/proc/self is the tool, whoever resolves it; Writ's own environment is nowhere."""
    secret = {"WRIT_TEST_SECRET": MARKER}
    for name in ("/proc/self/environ", "/proc/thread-self/environ", "/proc/1/environ", "/proc/2/environ"):
        control = ("read", "/proc/self/environ", MARKER)
        trial.stops("read", name, MARKER, environment=secret, control_arguments=control)
    for name in ("/proc/1/maps", "/proc/1/auxv", "/proc/1/stack", "/proc/1/mem", "/proc/1/io", "/proc/1/syscall"):
        held = trial.inside("read", name, "")
        trial.check(held.kind == "STOPPED", f"{name}: {held}")
    for name in ("/proc/1/root", "/proc/1/cwd", "/proc/1/fd", "/proc/1/task/1/fd", "/proc/1/map_files"):
        held = trial.shell_inside(f"sleep 0.1; {trial.attack} list {name} .")
        trial.check(b"STOPPED" in held.stdout, f"{name}: {held.stdout!r}")
    # The first moments of a run, in which init has not given up everything yet.
    script = "i=0; while [ $i -lt 40 ]; do i=$((i+1)); cat /proc/1/environ /proc/1/maps /proc/1/fd/0 /proc/1/fd/1; " \
             "readlink /proc/1/exe /proc/1/cwd /proc/1/root /proc/1/fd/*; done 2>/dev/null"
    for _ in range(5):
        result = trial.shell_inside(script, environment=secret)
        trial.check(result.stdout == b"", f"something of init's could be read early: {result.stdout[:200]!r}")
    for number in range(8):
        held = trial.inside("open-write", f"/proc/1/fd/{number}")
        trial.check(held.kind == "STOPPED", f"/proc/1/fd/{number}: {held}")


@attack("11_command_line_of_init")
def _(trial):
    """Pid 1 begins as a copy of Writ, whose options may hold secrets. Its command line shows nothing of them, not even
    their length, from the first moment on."""
    secret = {"ANOTHER_SECRET": MARKER}
    for options in (["--env", f"NAME={MARKER}"], ["--env", f"NAME={MARKER * 300}"], []):
        trial.stops("read", "/proc/1/cmdline", MARKER, control_arguments=("read", "/proc/self/cmdline", MARKER), options=options,
                    environment=secret)
        script = "i=0; while [ $i -lt 40 ]; do i=$((i+1)); cat /proc/1/cmdline /proc/1/task/1/cmdline; echo; done"
        result = trial.shell_inside(script, options=options, environment=secret)
        lines = set(result.stdout.split(b"\n")) - {b""}
        trial.check(lines == {b"writ-init\0writ-init\0"}, f"{options}: {lines}")
    trial.check(str(trial.base).encode() not in lines.pop(), "a path of the host")


@attack("12_writ_by_number")
def _(trial):
    """The broker and its parent by the numbers that they have on the host, from inside; and the broker from outside by
    another process of the same user."""
    waiting = trial.start([*trial.sandbox(), "sleep", "20"], environment={"WRIT_TEST_SECRET": MARKER})
    if not trial.check(eventually(lambda: children_of(waiting.pid)), "the sandbox did not start"):
        return
    victim = trial.start(["sleep", "20"], environment={"WRIT_TEST_SECRET": MARKER})
    for file in ("environ", "mem"):
        how = ("read", MARKER) if file == "environ" else ("open-write",)
        control = [how[0], f"/proc/{victim.pid}/{file}", *how[1:]]
        trial.stops(how[0], f"/proc/{waiting.pid}/{file}", *how[1:], control_arguments=control)
    if trial.uid != 0:  # nothing is hidden from root outside
        for file in ("environ", "maps", "mem"):
            free = trial.natively("read", f"/proc/{waiting.pid}/{file}", "")
            trial.check(free.kind == "STOPPED", f"the same user reads the broker's {file}: {free}")
        trial.check(trial.natively("memory", "attach", waiting.pid).kind == "STOPPED", "the broker can be traced")


def children_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []


@attack("13_proc_files")
def _(trial):
    trial.stops("own-memory")
    for name in ("oom_score_adj", "coredump_filter", "comm", "timerslack_ns"):
        trial.stops("open-write", f"/proc/self/{name}", why="not in every kernel")
    for name in ("uid_map", "gid_map", "setgroups", "loginuid", "timens_offsets", "attr/current", "clear_refs", "mem"):
        trial.stops("open-write", f"/proc/self/{name}", why="not in every kernel or not for everybody")


@attack("13_proc_sys")
def _(trial):
    for name in ("kernel/core_pattern", "kernel/hostname", "kernel/modprobe", "kernel/overflowuid", "vm/overcommit_memory",
                 "kernel/sysrq", "fs/suid_dumpable", "net/ipv4/ip_forward", "net/core/somaxconn", "kernel/ns_last_pid",
                 "fs/binfmt_misc/register", "user/max_user_namespaces", "kernel/shmmax", "fs/mqueue/msg_max"):
        trial.stops("open-write", f"/proc/sys/{name}", control="root", why="not in every kernel")
    for name in ("/proc/sysrq-trigger", "/proc/kcore", "/proc/kmsg", "/proc/mtrr", "/proc/irq/0/smp_affinity"):
        trial.stops("open-write", name, control="root", why="not in every kernel")
    trial.stops("list", "/sys/kernel", "mm", control="root")
    trial.check(trial.inside("list", "/sys", ".").kind == "STOPPED", "/sys is in the view")


@attack("17_second_names")
def _(trial):
    hooks = trial.file(".git/hooks/pre-commit").parent
    config = trial.file(".git/config")
    secret = secret_outside(trial)

    def reset():
        for name in ("alias", ".git/alias"):
            (trial.workspace / name).unlink(missing_ok=True)
    trial.stops("link", config, trial.workspace / "alias", reset=reset)
    trial.stops("link", config, trial.workspace / ".git/alias", reset=reset)
    trial.stops("link", hooks / "pre-commit", trial.workspace / "alias", reset=reset)
    trial.stops("link", secret, trial.workspace / "alias", reset=reset)
    trial.stops("link-path", config, trial.workspace / "alias", reset=reset)


@attack("17_second_name_made_before")
def _(trial):
    """A name that exists at the start cannot be closed; the change is reported (docs/persistence.md)."""
    config = trial.file(".git/config", "original")
    os.link(config, trial.workspace / "alias")
    report = trial.base / "report.json"
    trial.give(trial.base, trial.uid)
    result = trial.shell_inside("echo changed > alias", options=["--report", str(report)])
    if config.read_text() == "original":
        return
    told = str(trial.report(report)["persistence"]) + str(trial.report(report)["warnings"])
    trial.check(result.returncode == 0 and ".git/config" in told, f"changed without a word: {told}")


@attack("17_protected_names")
def _(trial):
    """Every way to change an existing protected file or directory."""
    config = trial.file(".git/config")
    hook = trial.file(".git/hooks/pre-commit")
    settings = trial.file(".vscode/tasks.json")
    envrc = trial.file(".envrc")
    other = trial.file("other")

    def reset():
        for path in (config, hook, settings, envrc, other):
            trial.file(path)
        for path in ("moved", ".git/hooks/new", ".vscode/new"):
            subprocess.run(["rm", "-rf", str(trial.workspace / path)], check=True)
    for path in (config, hook, settings, envrc):
        trial.stops("write", path, "x", reset=reset)
        trial.stops("truncate", path, reset=reset)
        trial.stops("unlink", path, reset=reset)
        trial.stops("rename", path, trial.workspace / "moved", reset=reset)
        trial.stops("rename", other, path, reset=reset)
        trial.stops("exchange", other, path, reset=reset)
        trial.stops("through", "creat", path, "", reset=reset)
        trial.stops("through", "chmod", path, "", reset=reset)
    for path in (".git/hooks/new", ".vscode/new"):
        trial.stops("create", trial.workspace / path, reset=reset)
        trial.stops("mkdir", trial.workspace / path, reset=reset)


@attack("18_late_creation")
def _(trial):
    """What does not exist at the start may appear for a moment; it is not there when the run is over."""
    trial.file(".git/HEAD")
    names = (".git/hooks/pre-commit", ".envrc", ".vscode/tasks.json", ".claude/settings.json", ".git/config", ".bashrc",
             ".mcp.json", ".devcontainer/devcontainer.json", ".local/bin/git", ".config/autostart/x.desktop")
    script = "; ".join(f"mkdir -p $(dirname {name}); echo evil > {name}" for name in names)
    def left():
        return [name for name in names if (trial.workspace / name).exists()]
    free = trial.run(["/bin/sh", "-c", script], uid=trial.owner)
    trial.check(free.returncode == 0 and len(left()) == len(names), "the control did not make them")
    for name in names:
        (trial.workspace / name).unlink()
    for name in (".git/hooks", ".vscode", ".claude", ".devcontainer", ".local/bin", ".config/autostart"):
        (trial.workspace / name).rmdir()
    for delay in ("0", "0.3"):  # before and after the watching begins
        result = trial.shell_inside(f"sleep {delay}; {script}", profile=trial.native())
        trial.check(not left(), f"after {delay} s: left behind: {left()} ({result.stderr[-300:]!r})")
    kept = list((trial.home / ".local/state/writ/quarantine").rglob("*"))
    trial.check(kept, "nothing was kept in the quarantine")
    trial.check(b"quarantine" in result.stderr, f"the person was not told: {result.stderr!r}")


@attack("18_late_creation_by_tricks")
def _(trial):
    """Renamed, linked and symbolic late creations, also at the very end, and from a process that is left behind."""
    trial.file(".git/HEAD")
    tricks = ("mkdir h; echo evil > h/pre-commit; mv h .git/hooks", "ln -s ../evil .git/hooks", "ln -s /tmp/x .envrc",
              "echo evil > e; ln e .envrc", "mkfifo .envrc", "mkdir .envrc", "mkdir -p .git/hooks/pre-commit/a/b",
              "(sleep 0.2; echo evil > .envrc) & sleep 0.25", "cp -r .git g; mkdir g/hooks; mv .git o; mv g .git",
              "mkdir evil; mkdir -m 0 .vscode", "mkdir .git/hooks; chmod 0 .git/hooks", "ln -s evil .vscode; mkdir evil")
    for trick in tricks:
        trial.shell_inside(trick)
        for name in (".git/hooks", ".envrc", ".vscode"):
            trial.check(not os.path.lexists(trial.workspace / name), f"{trick}: {name} is left behind")
            subprocess.run(["rm", "-rf", str(trial.workspace / name)], check=True)
        trial.check((trial.workspace / ".git/HEAD").exists(), f"{trick}: .git/HEAD is gone")


@attack("19_ancestor_rename")
def _(trial):
    trial.file(".git/hooks/pre-commit")
    trial.file("spare/hooks/pre-commit", "evil")
    def reset():
        if (trial.workspace / "away").exists():
            os.rename(trial.workspace / "away", trial.workspace / ".git")
    trial.stops("rename", trial.workspace / ".git", trial.workspace / "away", reset=reset)
    trial.stops("exchange", trial.workspace / "spare", trial.workspace / ".git",
                reset=lambda: (reset(), unswap(trial)))
    unswap(trial)
    trial.stops("rename", trial.workspace, trial.base / "elsewhere", control="none", why="the test's own directory")
    trial.check((trial.workspace / ".git/hooks/pre-commit").read_text() == MARKER, "the hook is another one")


def unswap(trial):
    if (trial.workspace / "spare/hooks/pre-commit").read_text() == MARKER:
        for old, new in (("spare", "x"), (".git", "spare"), ("x", ".git")):
            os.rename(trial.workspace / old, trial.workspace / new)


@attack("20_git_as_a_pointer")
def _(trial):
    """.git that is a file or a link leads elsewhere; what it leads to must not be granted or masked by that."""
    target = trial.file(trial.outside / "real/hooks/pre-commit").parents[1]
    trial.file(".git", f"gitdir: {target}\n")
    trial.stops("write", trial.workspace / ".git", "x")
    trial.stops("unlink", trial.workspace / ".git", reset=lambda: trial.file(".git", f"gitdir: {target}\n"))
    trial.check(trial.inside("read", target / "hooks/pre-commit", MARKER).kind == "STOPPED", "the git directory is in view")
    (trial.workspace / ".git").unlink()
    os.symlink(target, trial.workspace / ".git")
    held = trial.inside("read", trial.workspace / ".git/hooks/pre-commit", MARKER)
    trial.check(held.kind in ("STOPPED", "REFUSED"), f"through a link: {held}")
    trial.shell_inside("rm .git; mkdir -p .git/hooks; echo evil > .git/hooks/pre-commit")
    trial.check(os.path.islink(trial.workspace / ".git"), "the link is something else now")
    trial.check((target / "hooks/pre-commit").read_text() == MARKER, "the target of the link was changed")


@attack("21_every_call_that_takes_a_name")
def _(trial):
    secret = secret_outside(trial)
    for call in ("open", "openat", "openat2", "open_tree", "handle", "stat", "lstat", "newfstatat", "statx", "access",
                 "faccessat2", "chmod", "creat"):
        as_root = call in ("open_tree", "handle")
        trial.stops("through", call, secret, MARKER, control="root" if as_root else "same",
                    reset=lambda: trial.file(secret))
    trial.stops("through", "chdir", trial.outside, "")


@attack("21_hidden_files")
def _(trial):
    """Secrets inside a tree that is granted."""
    key = trial.file(trial.home / ".ssh/id_test")
    for path in (key, key.parent):
        if path == key:
            trial.stops("read", path, MARKER, options=["--read", str(trial.home)])
            trial.stops("write", path, "x", options=["--write", str(trial.home)])
        else:
            trial.stops("list", path, "id_test", options=["--read", str(trial.home)])
    alias = trial.base / "alias"
    os.symlink(trial.home, alias)
    trial.stops("read", alias / ".ssh/id_test", MARKER, options=["--read", str(alias)], refusal_counts=True)
    trial.stops("read", key, MARKER, options=["--workspace", str(trial.home)], refusal_counts=True)


@attack("22_odd_names")
def _(trial):
    secret = secret_outside(trial)
    trial.stops("long-path", secret, MARKER)
    for name in ("new\nline", "esc\x1b]52;c;eA==\x07", "*", "[a]", "-rf", " ", "a" * 255, "\u202egnp", b"\xff\xfe".decode("latin1")):
        directory = trial.base / "odd" / name
        directory.mkdir(parents=True)
        trial.give(directory)
        (directory / "file").write_text(MARKER)
        report = trial.base / "odd-report.json"
        report.unlink(missing_ok=True)
        trial.give(trial.base, trial.uid)
        result = trial.run([*trial.sandbox("--read", str(directory), "--report", str(report)), trial.attack, "read",
                            str(directory / "file"), MARKER])
        refused = any(ord(letter) < 32 for letter in name) and result.returncode == 125
        trial.check(b"ESCAPED" in result.stdout or refused, f"the grant {name!r} does not work: {result.stderr!r}")
        missing = trial.run([*trial.sandbox("--read", f"{directory}/missing\x1b[2J\n"), "true"])
        trial.check(missing.returncode == 125, f"a missing grant: {missing.returncode}")
        trial.check(b"\x1b" not in missing.stderr and missing.stderr.count(b"\n") <= 2, f"raw bytes: {missing.stderr!r}")
        trial.check(refused or report.exists() and trial.report(report)["grants"], f"no report for {name!r}")
    for name in ("a/" * 2047, "x" * 5000, "/" * 4096):
        result = trial.run([*trial.sandbox("--read", f"/{name}"), "true"])
        trial.check(result.returncode == 125, f"an endless path: {result.returncode}")


@attack("23_special_files_as_grants")
def _(trial):
    """Writ never blocks on what is not a file, and a device of the host is no use in the view."""
    fifo = trial.base / "fifo"
    os.mkfifo(fifo)
    result = trial.run([*trial.sandbox("--read", str(fifo)), "true"], seconds=10)
    trial.check(result.returncode in (0, 125), f"a FIFO: {result.returncode}")
    path = trial.base / "socket"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        result = trial.run([*trial.sandbox("--read", str(path)), "true"], seconds=10)
        trial.check(result.returncode in (0, 125), f"a socket: {result.returncode}")
    for profile in (fifo, path, "/dev/zero", "/dev/tty", "/proc/kmsg", "/"):
        result = trial.run([trial.writ, "run", "--profile", str(profile), "--", "true"], seconds=10)
        trial.check(result.returncode == 125, f"{profile} as a profile: {result.returncode}")
    for workspace in (fifo, "/dev/null", "/proc/self/fd"):
        result = trial.run([trial.writ, "run", "--workspace", str(workspace), "--", "true"], seconds=10)
        trial.check(result.returncode == 125, f"{workspace} as a workspace: {result.returncode}")


@attack("23_device_nodes_in_the_workspace", stages=AS_ROOT)
def _(trial):
    """A device node that root left in the workspace (a chroot being built) cannot be opened inside."""
    os.mknod(trial.workspace / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.chmod(trial.workspace / "null", 0o666)
    trial.stops("open-write", trial.workspace / "null")


@attack("25_planted_links")
def _(trial):
    """Where Writ itself writes, a link that was planted earlier does not lead it elsewhere."""
    victim = trial.file(trial.outside / "victim", "untouched")
    state = trial.home / ".local/state"
    state.mkdir(parents=True)
    trial.give(trial.home / ".local", trial.uid)
    trial.give(state, trial.uid)
    os.symlink(trial.outside, state / "writ")
    trial.shell_inside("echo evil > .envrc", profile=trial.native())
    trial.check(sorted(os.listdir(trial.outside)) == ["victim"], f"the quarantine went through a link: {os.listdir(trial.outside)}")
    link = trial.workspace / "report.json"
    os.symlink(victim, link)
    (state / "writ").unlink()
    trial.run([*trial.sandbox("--report", str(link)), "true"])
    trial.check(victim.read_text() == "untouched", "the report was written through a link")
    # The tool makes the link while it runs; the report is written after it has ended.
    link.unlink(missing_ok=True)
    victim.write_text("untouched")
    trial.shell_inside(f"ln -s {victim} report.json", options=["--report", str(link)])
    trial.check(victim.read_text() == "untouched", "the report was written through a link of the tool's")


@attack("18_secrets_made_late")
def _(trial):
    """A home as workspace: what is hidden when it exists must not be made by the tool when it does not."""
    names = (".ssh/authorized_keys", ".aws/config", ".gnupg/gpg.conf", ".netrc", ".config/gh/hosts.yml", ".docker/config.json")
    script = "; ".join(f"mkdir -p $(dirname {name}); echo evil > {name}" for name in names)
    free = trial.run(["/bin/sh", "-c", script], cwd=trial.home)
    trial.check(free.returncode == 0 and all((trial.home / name).exists() for name in names), "the control failed")
    for name in names:
        subprocess.run(["rm", "-rf", str(trial.home / name.split("/")[0])], check=True)
    result = trial.shell_inside(script, cwd=trial.home)
    left = [name for name in names if (trial.home / name).exists()]
    trial.check(not left, f"left behind: {left} ({result.stderr[-200:]!r})")


@attack("19_rename_above_hidden")
def _(trial):
    """A home as workspace: the parents of Writ's own files cannot be moved away and made anew."""
    kinds = {"XDG_CONFIG_HOME": "settings/own", "XDG_STATE_HOME": ".local/state", "XDG_CACHE_HOME": ".cache"}
    environment = {name: str(trial.home / kind) for name, kind in kinds.items()}
    for kind in kinds.values():
        trial.file(trial.home / kind / "writ/existing")
        for old in dict.fromkeys((trial.home / kind, trial.home / kind.split("/")[0])):
            new = old.with_name("away")
            trial.stops("rename", old, new, cwd=trial.home, environment=environment,
                        reset=lambda old=old, new=new: os.path.exists(new) and os.rename(new, old))
            if os.path.exists(new):
                os.rename(new, old)
        trial.stops("create", trial.home / kind / "writ/new", cwd=trial.home, environment=environment,
                    reset=lambda kind=kind: (trial.home / kind / "writ/new").unlink(missing_ok=True))


if __name__ == "__main__":
    main()
