#!/usr/bin/env python3
"""Rules about commands (sections 1, 3, 4 of the catalogue): a program that may be run with one argument and not with another
one, and everything that could lead to it all the same."""

import os
import re
import subprocess
import time

from attack_harness import AS_ROOT, MARKER, PATIENCE, attack, eventually, main, processes_with

LOADERS = ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1")


def scene(trial, script=None, rules=None):
    """A program `prog`: with "good" it may be run, with "bad" it may not. Its own profile alone can read the marker."""
    tools = trial.directory("tools", trial.uid)
    prog = trial.file(tools / "prog", "", 0o755)
    prog.write_text(f"#!/bin/sh\n{script or f'cat {trial.outside}/marker; echo ran $1'}\n")
    trial.file(trial.outside / "marker", MARKER + "\n")
    home = trial.home / ".config/writ/profiles/withmarker.yaml"
    trial.file(home, "")
    home.write_text(f"version: 1\nname: withmarker\nextends: default\nfilesystem:\n  read: ['{tools}', '{trial.outside}']\n")
    rules = rules or (f"  - {{program: '{prog}', prefix: [good], effect: allow, profile: withmarker}}\n"
                      f"  - {{program: '{prog}', contains: [bad], effect: deny}}\n")
    profile = trial.profile(f"filesystem:\n  read: ['{tools}']\nprocess:\n  unix_sockets: none\ncommands:\n{rules}")
    return str(prog), profile


def report_of(trial, result, path):
    trial.check(result.returncode != 125, f"Writ failed: {result.stderr!r}")
    return trial.report(path)["commands"]


@attack("5_arguments_rewritten_after_the_call")
def _(trial):
    """A thread rewrites the word, and the pointer to it, all the time. What is run is what was decided on."""
    log = trial.workspace / "log"
    prog, profile = scene(trial, f"echo \"$1\" >> {log}")
    # The command's own profile may write the workspace (it extends default).
    control = trial.natively("command-race-control", prog, "good", "evil", "1")
    trial.check(control.kind == "ESCAPED", f"the control proves nothing: {control}")
    report = trial.home / "report.json"
    held = trial.inside("command-race", prog, "good", "evil", "3", profile=profile, options=["--report", str(report)])
    counts = dict(zip(*[iter(re.sub(r"\n.*", "", held.out, flags=re.S).split())] * 2))
    iterations, successes, refusals = (int(counts.get(name, 0)) for name in ("iterations", "successes", "refusals"))
    words = log.read_text().split() if log.exists() else []
    violations = [word for word in words if word != "good"]
    trial.check(iterations > 1000 and successes > 10, f"the race did not run: {held.out!r} {held.err!r}")
    trial.check(refusals > 0, f"the other word was never seen: {held.out!r}")
    trial.check(not violations and len(words) == successes, f"{len(violations)} violations, {len(words)} runs, {successes} successes")
    # The report names what ran: never a word that was not allowed.
    allowed = [c["argv"][1] for c in trial.report(report)["commands"] if c["decision"] == "allow"]
    trial.check(set(allowed) == {"good"}, f"the report says {set(allowed)}")
    print(f"  race: iterations {iterations}, successes {successes}, refusals {refusals}, violations {len(violations)}")


@attack("5_arguments_rewritten_while_somebody_is_asked")
def _(trial):
    """The same race where everything is asked about, and a file says yes to the one word: the answer is to the copy."""
    log = trial.workspace / "log"
    tools = trial.base / "tools"
    prog, profile = scene(trial, f"echo \"$1\" >> {log}", f"  - {{program: '{tools}/prog', effect: ask, profile: withmarker}}\n")
    control = trial.natively("command-race-control", prog, "good", "evil", "1")
    trial.check(control.kind == "ESCAPED", f"the control proves nothing: {control}")
    answers = trial.base / "answers.yaml"
    answers.write_text(f"version: 1\napprovals:\n  - {{effect: once, program: '{prog}', exact: [good]}}\n")
    report = trial.home / "report.json"
    held = trial.inside("command-race", prog, "good", "evil", "3", profile=profile,
                        options=["--report", str(report), "--approve", str(answers)])
    counts = dict(zip(*[iter(re.sub(r"\n.*", "", held.out, flags=re.S).split())] * 2))
    iterations, successes, refusals = (int(counts.get(name, 0)) for name in ("iterations", "successes", "refusals"))
    words = log.read_text().split() if log.exists() else []
    violations = [word for word in words if word != "good"]
    trial.check(iterations > 1000 and successes > 10, f"the race did not run: {held.out!r} {held.err!r}")
    trial.check(refusals > 0, f"the other word was never seen: {held.out!r}")
    trial.check(not violations and len(words) == successes, f"{len(violations)} violations, {len(words)} runs, {successes} successes")
    ran = [c["argv"][1] for c in trial.report(report)["commands"] if c["end"] == "finished"]
    trial.check(set(ran) == {"good"}, f"the report says {set(ran)}")
    print(f"  race: iterations {iterations}, successes {successes}, refusals {refusals}, violations {len(violations)}")


@attack("3_arguments_that_cannot_be_read")
def _(trial):
    prog, profile = scene(trial)
    held = trial.inside("command-bad-pointers", profile=profile)
    trial.check(held.kind == "STOPPED" and held.detail == "EFAULT", f"{held}")
    trial.check(int(re.search(r"failed (\d+)", held.out)[1]) == 550, f"not every attempt was EFAULT: {held.out!r}")
    held = trial.inside("command-huge", prog, profile=profile)
    trial.check(held.kind == "STOPPED" and held.detail == "E2BIG", f"{held}")
    # Without rules nobody answers, and the call does not exist.
    held = trial.inside("command-bad-pointers")
    trial.check("ENOSYS" in held.detail, f"without rules: {held}")


@attack("35_names_of_a_ruled_program")
def _(trial):
    """Copies, links, renames: what can be copied is the stand-in, and what it stands for has no other name."""
    prog, profile = scene(trial)
    ways = {"itself": f"{prog} bad", "copy": f"cp {prog} copy && ./copy bad", "copy of itself": f"cp {prog} prog && PATH=. prog bad",
            "cat": f"cat {prog} > copy2; chmod +x copy2; ./copy2 bad", "as text": f"sh {prog} bad",
            "symbolic link": f"ln -s {prog} link; ./link bad", "hard link": f"ln {prog} hard && ./hard bad; ln -L {prog} hard2 && ./hard2 bad",
            "rename": f"mv {prog} moved; ./moved bad", "proc": f"/proc/self/root{prog} bad; /proc/self/cwd/../tools/prog bad",
            "descriptor": f"exec 7< {prog}; /proc/self/fd/7 bad", "other name": f"exec -a good {prog} bad",
            "unlink": f"rm -f {prog}; {prog} bad", "mount": f"umount {prog}; {prog} bad"}
    for name, way in ways.items():
        result = trial.run([*trial.sandbox(profile=profile), "bash", "-c", f"{way}; true"])
        trial.check(MARKER.encode() not in result.stdout + result.stderr and b"ran" not in result.stdout, f"{name}: {result.stdout!r}")
    free = trial.run([prog, "bad"])
    trial.check(MARKER.encode() in free.stdout and b"ran bad" in free.stdout, f"the control did not run: {free}")
    good = trial.run([*trial.sandbox(profile=profile), prog, "good"])
    trial.check(MARKER.encode() in good.stdout and b"ran good" in good.stdout, f"what is allowed does not run: {good}")
    trial.check(good.returncode == 0, f"exit status {good.returncode}")


@attack("35_indirect_callers")
def _(trial):
    prog, profile = scene(trial)
    ways = {"env": f"env {prog} @", "xargs": f"echo @ | xargs {prog}", "find": f"find . -maxdepth 0 -exec {prog} @ ';'",
            "python": f"python3 -c 'import subprocess; print(subprocess.run([\"{prog}\", \"@\"], capture_output=True, text=True).stdout)'",
            "tar": f"tar -cf /dev/null --checkpoint=1 --checkpoint-action='exec={prog} @' /etc/hostname; true",
            "setsid": f"setsid sh -c '({prog} @ > out; touch done) &'; while ! test -e done; do sleep 0.1; done; cat out; rm done out",
            "shell": f"sh -c '{prog} @'", "exec": f"exec {prog} @",
            "git": f"git init -q . 2>/dev/null; git -c alias.x='!{prog} @' x", "awk": f"awk 'BEGIN {{ system(\"{prog} @\") }}'"}
    for name, way in ways.items():
        words = [*trial.sandbox(profile=profile), "bash", "-c"]
        good, bad = (trial.run([*words, way.replace("@", word) + "; true"]) for word in ("good", "bad"))
        trial.check(MARKER.encode() in good.stdout + good.stderr, f"{name}: what is allowed does not run: {good}")
        trial.check(MARKER.encode() not in bad.stdout + bad.stderr, f"{name}: {bad}")
        free = trial.run(["bash", "-c", way.replace("@", "bad") + "; true"])
        trial.check(MARKER.encode() in free.stdout + free.stderr, f"{name}: the control did not run: {free}")


@attack("36_loader_with_a_ruled_program")
def _(trial):
    """Binaries this time: a copy of env(1), which the loader could map instead of executing it."""
    loader = next((name for name in LOADERS if os.path.exists(name)), None)
    if loader is None:
        trial.skip("no loader is known")
        return
    profile = trial.profile("commands:\n  - {program: cat, exact: [/etc/hostname], effect: allow}\n")
    trial.file("marker")
    for words in ([loader, "/usr/bin/cat", "marker"], [loader, "/bin/cat", "marker"], [loader, "--argv0", "x", "/usr/bin/cat", "marker"],
                  [loader, "--preload", "/usr/bin/cat", "/usr/bin/tac", "marker"]):
        held = trial.run([*trial.sandbox(profile=profile), *words])
        free = trial.run(words)
        if "--preload" not in words:
            trial.check(MARKER.encode() not in held.stdout, f"{words}: {held}")
        trial.check(MARKER.encode() in free.stdout or "--argv0" in words, f"{words}: the control did not run: {free}")


@attack("37_ruled_program_without_a_name")
def _(trial):
    """From memory: its bytes are those of the stand-in."""
    prog, profile = scene(trial)
    script = ("import os, sys\n"
              "fd = os.memfd_create('x', 0)\n"
              "os.write(fd, open(sys.argv[1], 'rb').read())\n"
              "os.execve(fd, [sys.argv[1], 'bad'], os.environ)\n")
    held = trial.run([*trial.sandbox(profile=profile), "python3", "-c", script, prog])
    trial.check(MARKER.encode() not in held.stdout, f"{held}")
    free = trial.run(["python3", "-c", script, prog])
    trial.check(MARKER.encode() in free.stdout, f"the control did not run: {free}")


@attack("38_shebang_of_a_ruled_program")
def _(trial):
    prog, profile = scene(trial)
    trial.file("script", f"#!{prog} bad\n", 0o755)
    trial.file("chain", f"#!{trial.workspace}/script\n", 0o755)
    for name in ("script", "chain"):
        # As the program of the run, too: there it is Writ that finds the interpreter.
        for words in ([f"./{name}"], ["sh", "-c", f"./{name}"]):
            held = trial.run([*trial.sandbox(profile=profile), *words])
            trial.check(MARKER.encode() not in held.stdout, f"{name}: {held}")
        free = trial.run([str(trial.workspace / name)])
        trial.check(MARKER.encode() in free.stdout, f"{name}: the control did not run: {free}")


@attack("39_environment_of_a_command")
def _(trial):
    """What the tool sets does not reach the command (flatpak CVE-2021-21261)."""
    prog, profile = scene(trial, "echo \"[$BASH_ENV$ENV$LD_PRELOAD$GIT_SSH_COMMAND$EVIL]\"; command -v cat")
    evil = "export EVIL=evil ENV=/tmp/evil BASH_ENV=/tmp/evil LD_PRELOAD=evil.so GIT_SSH_COMMAND=evil PATH=/tmp:$PATH; "
    held = trial.run([*trial.sandbox(profile=profile), "sh", "-c", f"{evil} exec {prog} good"])
    trial.check(held.stdout.splitlines()[:1] == [b"[]"] and b"/tmp" not in held.stdout, f"{held}")
    free = trial.run(["sh", "-c", f"{evil} exec {prog} good"])
    trial.check(b"evil" in free.stdout, f"the control: {free}")


@attack("40_a_less_confined_run")
def _(trial):
    """Arguments that look like options of Writ's, profiles that the tool writes, and the option that is not for people."""
    prog, profile = scene(trial, f"cat {trial.outside}/marker 2>/dev/null; for w; do echo \"[$w]\"; done",
                          rules=f"  - {{program: '{trial.base}/tools/prog', effect: allow}}\n")
    words = ["--profile=withmarker", "--profile", "withmarker", f"--read={trial.outside}", "-r", str(trial.outside), "--", "--nested=1:1:1:1", "-h", "--version"]
    held = trial.run([*trial.sandbox(profile=profile), prog, *words])
    trial.check(held.stdout.decode().split("\n")[:-1] == [f"[{word}]" for word in words], f"{held}")
    # Names of directories are values, too.
    for name in ("--profile=withmarker", "--", "-r"):
        script = f"mkdir -p -- {name}; cd -- {name} && exec {prog} x"
        held = trial.run([*trial.sandbox(profile=profile), "sh", "-c", script])
        trial.check(held.stdout == b"[x]\n", f"directory {name}: {held}")
    script = (f"for d in $HOME/.config/writ/profiles {trial.home}/.config/writ/profiles; do mkdir -p $d; "
              f"printf 'version: 1\\nname: test\\nextends: default\\nfilesystem:\\n  read: [{trial.outside}]\\n' > $d/test.yaml; "
              f"cp $d/test.yaml $d/withmarker.yaml; done; {prog} x")
    held = trial.run([*trial.sandbox(profile=profile), "sh", "-c", script])
    trial.check(MARKER.encode() not in held.stdout and b"[x]" in held.stdout, f"{held}")


@attack("49_a_copy_of_the_listener")
def _(trial):
    prog, profile = scene(trial)
    trial.stops("command-listener", profile=profile)
    # The descriptors of a tool, of the stand-in's descendants and of a nested run: exactly the streams.
    held = trial.run([*trial.sandbox(profile=profile), "sh", "-c", "ls -l /proc/self/fd; ls -l /proc/*/fd 2>/dev/null"])
    trial.check(b"seccomp" not in held.stdout and b"anon_inode" not in held.stdout, f"{held}")
    prog = trial.base / "tools/prog"
    prog.write_text("#!/bin/sh\nls /proc/self/fd\n")
    held = trial.run([*trial.sandbox(profile=profile), str(prog), "good"])
    trial.check(held.stdout.split() == [b"0", b"1", b"2", b"3"], f"a nested run: {held}")


@attack("6_callers_that_die")
def _(trial):
    """Callers killed at every moment: no command outlives its caller, no descriptor stays with the broker."""
    prog, profile = scene(trial, "exec sleep 300")
    script = ("import os, random, signal, subprocess, sys, time\n"
              "killed = 0\n"
              "for i in range(60):\n"
              "  p = subprocess.Popen([sys.argv[1], 'good'], stdin=subprocess.DEVNULL)\n"
              "  time.sleep(random.choice([0, 0.001, 0.005, 0.02, 0.06, 0.1]))\n"
              "  p.kill(); killed += p.wait() == -signal.SIGKILL\n"
              "print('killed', killed, flush=True)\n"
              "sys.stdin.readline()\n")
    process = trial.start([*trial.sandbox(profile=profile), "python3", "-c", script, prog], stdin=subprocess.PIPE)
    line = process.stdout.readline()
    trial.check(line.split()[:1] == [b"killed"] and int(line.split()[1]) > 50, f"{line!r}")
    token = f"--workspace={trial.workspace}"
    trial.check(eventually(lambda: not processes_with(token), 15), f"nested runs are left: {processes_with(token)}")
    if trial.stage in AS_ROOT:  # nobody else may look at the broker's descriptors
        held = len(os.listdir(f"/proc/{process.pid}/fd"))
        trial.check(held < 32, f"the broker holds {held} descriptors")
    process.communicate(b"\n", timeout=PATIENCE)
    trial.check(process.returncode == 0, f"exit status {process.returncode}")


@attack("9_a_broker_that_is_kept_busy")
def _(trial):
    """Streams that take an hour to close, and a flood of refused calls: the time limit still comes in time."""
    prog, profile = scene(trial)
    control = trial.natively("command-lingering-control")
    trial.check(control.kind == "ESCAPED", f"the control proves nothing: {control}")
    held = trial.inside("command-lingering", prog, profile=profile, options=["--timeout", "40s"])
    trial.check(held.kind == "STOPPED" and held.status != 124, f"{held}")
    flood = f"for i in 1 2 3 4; do (while :; do {prog} bad; done) 2>/dev/null & done; wait"
    report = trial.home / "report.json"
    begin = time.monotonic()
    result = trial.run([*trial.sandbox("--timeout", "3s", "--report", str(report), profile=profile), "sh", "-c", flood])
    trial.check(result.returncode == 124 and time.monotonic() - begin < 15, f"{result.returncode} after {time.monotonic() - begin:.1f} s")
    commands = trial.report(report)
    trial.check(len(commands["commands"]) + commands["commands_not_listed"] > 100, "the flood did not run")
    trial.check(len(commands["commands"]) <= 1000, "the report has no bound")


@attack("42_commands_that_outlive_the_run")
def _(trial):
    prog, profile = scene(trial, "setsid sh -c 'trap \"\" TERM HUP INT; sleep 300' & touch started; trap '' TERM; sleep 300 & wait; wait")
    for ending in ("kill", "terminate", "tool"):
        wait = "while ! test -e started; do sleep 0.1; done" if ending == "tool" else "sleep 300"
        process = trial.start([*trial.sandbox(profile=profile), "sh", "-c", f"rm -f started; {prog} good & {wait}"])
        trial.check(eventually((trial.workspace / "started").exists, 20), f"{ending}: it did not start")
        if ending != "tool":
            getattr(process, ending)()
        process.communicate(timeout=PATIENCE)
        token = str(trial.workspace)
        trial.check(eventually(lambda: not processes_with(f"--workspace={token}"), 10), f"{ending}: {processes_with(token)} are left")
        (trial.workspace / "started").unlink()


@attack("44_the_launcher_of_commands", AS_ROOT)
def _(trial):
    """What waits to launch commands cannot be read by the same user and holds no stream of the run."""
    prog, profile = scene(trial)
    process = trial.start([*trial.sandbox(profile=profile), "sh", "-c", "echo ready; sleep 300"])
    process.stdout.readline()
    children = open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="utf-8").read().split()
    launchers = [pid for pid in children if len(os.listdir(f"/proc/{pid}/fd")) == 5]
    trial.check(len(launchers) == 1, f"{len(launchers)} launchers among {len(children)} children")
    targets = [os.readlink(f"/proc/{launchers[0]}/fd/{fd}") for fd in range(5)] if launchers else []
    trial.check(targets[:3] == ["/dev/null"] * 3 and targets[3].startswith("socket:") and targets[4] == trial.writ, f"{targets}")


main()
