#!/usr/bin/env python3
"""Section 4: what is executed, and what makes programs execute something else."""

import os
import subprocess

from attack_harness import MARKER, attack, main

# The profile strict promises that nothing which can be written is executed; the others do not (compilers, virtual
# environments), and the tests hold both.
PROMISES = {"default": "ESCAPED", "strict": "STOPPED"}


def both(trial, words, expected=None, **rest):
    for profile, kind in (expected or PROMISES).items():
        held = trial.inside(*words, profile=profile, **rest)
        trial.check(held.kind == kind, f"{profile}: {' '.join(map(str, words))}: {held}, expected {kind}")


@attack("33_code_from_a_writable_file")
def _(trial):
    both(trial, ["map-code", trial.workspace / "code"])
    both(trial, ["map-code", "/tmp/code"])
    both(trial, ["map-code", "/dev/shm/code"], {"default": "STOPPED", "strict": "STOPPED"})


@attack("35_copies_and_links")
def _(trial):
    trial.check(trial.natively("exec-copy", trial.workspace / "copy").kind == "ESCAPED", "the control did not run")
    (trial.workspace / "copy").unlink()
    both(trial, ["exec-copy", trial.workspace / "copy"])
    both(trial, ["exec-copy", "/tmp/copy"])
    both(trial, ["exec-copy", "/dev/shm/copy"], {"default": "STOPPED", "strict": "STOPPED"})
    # What was not granted as a file cannot be executed by any name.
    hidden = trial.outside / "program"
    subprocess.run(["cp", "/bin/true", str(hidden)], check=True)
    os.symlink(hidden, trial.workspace / "link")
    for word in (str(hidden), "./link", f"/proc/self/root{hidden}"):
        result = trial.shell_inside(f"{word} && echo ran; env {word} && echo ran; echo x | xargs {word} && echo ran; true")
        trial.check(b"ran" not in result.stdout, f"{word} was executed")
        trial.check(trial.run([*trial.sandbox(), word]).returncode in (126, 127), f"{word} as the program")
        free = trial.run(["/bin/sh", "-c", f"{word} && echo ran"])
        trial.check(b"ran" in free.stdout, f"the control did not run {word}")


@attack("36_the_loader_as_program")
def _(trial):
    loaders = ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1")
    loader = next((name for name in loaders if os.path.exists(name)), None)
    if loader is None:
        trial.skip("no loader is known")
        return
    subprocess.run(["cp", "/bin/true", str(trial.workspace / "copy")], check=True)
    trial.give(trial.workspace / "copy")
    free = trial.run([loader, str(trial.workspace / "copy")])
    trial.check(free.returncode == 0, "the control did not run")
    result = trial.run([*trial.sandbox(profile="strict"), loader, str(trial.workspace / "copy")])
    trial.check(result.returncode != 0, "strict: the loader ran a file that can be written")


@attack("37_programs_without_a_name")
def _(trial):
    trial.check(trial.natively("exec-memory").kind == "ESCAPED", "the control did not run")
    both(trial, ["exec-memory"])
    both(trial, ["exec-unnamed", trial.workspace])
    both(trial, ["exec-unnamed", "/tmp"])


@attack("38_shebang_chains")
def _(trial):
    """Scripts whose interpreter is another script, missing, outside of the view, or the script itself."""
    lines = {"self": "./self", "missing": "/nowhere", "outside": str(trial.file(trial.outside / "program", "#!/bin/sh\n", 0o755)),
             "long": "/" + "x" * 300, "empty": "", "blank": "   ", "directory": "/usr", "nul": "/bin/\0sh"}
    for name, interpreter in lines.items():
        trial.file(name, f"#!{interpreter}\necho ran {MARKER}\n", 0o755)
        result = trial.run([*trial.sandbox(), f"./{name}"], seconds=10)
        trial.check(result.returncode in (126, 127) and MARKER.encode() not in result.stdout,
                    f"{name}: {result.returncode} {result.stdout!r}")
    previous = "/bin/sh"
    for depth in range(8):
        path = trial.file(f"chain-{depth}", f"#!{previous}\necho {MARKER}\n", 0o755)
        result = trial.run([*trial.sandbox(), str(path)], seconds=10)
        trial.check(result.returncode in (0, 126), f"chain of {depth}: {result.returncode}")
        previous = str(path)
    trial.check(result.returncode == 126, "an endless chain has an end")
    script = trial.file("set-id", "#!/bin/sh\nid -u\n", 0o755)
    os.chmod(script, 0o6755)
    result = trial.run([*trial.sandbox(), str(script)])
    trial.check(result.stdout.strip() not in (b"0",), "a set-uid script gave root")


INJECTIONS = """LD_PRELOAD LD_AUDIT LD_LIBRARY_PATH LD_DEBUG LD_PROFILE LD_BIND_NOW GCONV_PATH GETCONF_DIR GLIBC_TUNABLES LOCPATH
    NLSPATH HOSTALIASES RES_OPTIONS MALLOC_TRACE BASH_ENV ENV SHELLOPTS BASHOPTS PS4 PROMPT_COMMAND IFS ZDOTDIR
    PYTHONSTARTUP PYTHONPATH PYTHONHOME PYTHONINSPECT PYTHONBREAKPOINT PYTHONWARNINGS PYTHONUSERBASE NODE_OPTIONS NODE_PATH
    PERL5OPT PERL5LIB PERLLIB PERL5DB RUBYOPT RUBYLIB BUNDLE_GEMFILE LUA_INIT LUA_INIT_5_4 LUA_PATH LUA_CPATH
    JAVA_TOOL_OPTIONS _JAVA_OPTIONS JDK_JAVA_OPTIONS CLASSPATH MAVEN_OPTS GRADLE_OPTS PHPRC R_PROFILE_USER ERL_AFLAGS
    DOTNET_STARTUP_HOOKS CORECLR_PROFILER MAKEFLAGS MAKEFILES GNUMAKEFLAGS GCC_EXEC_PREFIX COMPILER_PATH RUSTC_WRAPPER
    CCACHE_PREFIX GIT_SSH GIT_SSH_COMMAND GIT_ASKPASS SSH_ASKPASS GIT_EXTERNAL_DIFF GIT_PAGER GIT_EDITOR
    GIT_SEQUENCE_EDITOR GIT_EXEC_PATH GIT_CONFIG_GLOBAL GIT_CONFIG_COUNT GIT_CONFIG_PARAMETERS GIT_DIR GIT_PROXY_COMMAND
    GIT_TRACE PAGER MANPAGER LESSOPEN LESSCLOSE EDITOR VISUAL BROWSER TMPDIR BASH_FUNC_ls%%""".split()


@attack("39_injection_variables")
def _(trial):
    """None of them arrives, in any profile; those that only serve to inject cannot be named either."""
    given = {name: f"/{MARKER}" for name in INJECTIONS if not name.startswith(("LD_", "BASH_FUNC", "GLIBC", "GCONV"))}
    given |= {"LD_PRELOAD": f"/{MARKER}.so", "LD_AUDIT": f"/{MARKER}.so", "GLIBC_TUNABLES": f"glibc.x={MARKER}",
              "GCONV_PATH": f"/{MARKER}", "LD_LIBRARY_PATH": f"/{MARKER}", "BASH_FUNC_ls%%": "() { echo " + MARKER + "; }"}
    free = trial.run(["/usr/bin/env", "-0"], environment={k: v for k, v in given.items() if not k.startswith("LD_")})
    trial.check(free.stdout.count(MARKER.encode()) > 60, "the control does not have them")
    for profile in ("default", "strict", "build", "python", "node", "git", "shell", "readonly"):
        result = trial.run([*trial.sandbox(profile=profile), "/usr/bin/env", "-0"], environment=given)
        left = [entry.decode() for entry in result.stdout.split(b"\0") if MARKER.encode() in entry]
        trial.check(result.returncode == 0 and not left, f"{profile}: {left} {result.stderr[-200:]!r}")
    for name in ("LD_PRELOAD", "LD_AUDIT", "GCONV_PATH", "GLIBC_TUNABLES", "BASH_ENV", "ENV", "PYTHONSTARTUP", "LUA_INIT",
                 "LESSOPEN", "DOTNET_STARTUP_HOOKS", "BASH_FUNC_ls%%", "PROMPT_COMMAND", "IFS"):
        for option in (["--env", name], ["--env", f"{name}=/{MARKER}"]):
            result = trial.run([*trial.sandbox(*option), "/usr/bin/env"], environment=given)
            trial.check(MARKER.encode() not in result.stdout, f"{option} let it in")
        result = trial.run([*trial.sandbox(profile=trial.profile(f"environment:\n  set:\n    {name}: x\n")), "true"])
        trial.check(result.returncode == 125, f"a profile sets {name}")


@attack("37_own_program")
def _(trial):
    """A program can read its own file at any time of its run, in every profile (interpreters and installers do)."""
    for profile in ("default", "strict"):
        script = f"exec {trial.attack} read /proc/self/exe ELF"
        for _ in range(5):
            held = trial.inside("read", "/proc/self/exe", "ELF", profile=profile)
            trial.check(held.kind == "ESCAPED", f"{profile}: {held}")
        result = trial.shell_inside(script, profile=profile)
        trial.check(b"ESCAPED" in result.stdout, f"{profile}: after another exec: {result.stdout!r}")


@attack("39_malformed_variables")
def _(trial):
    for option in ("=x", "A B=x", "A\nB=x", "", "PATH=" + "x" * 100000):
        result = trial.run([*trial.sandbox("--env", option), "/usr/bin/env"])
        trial.check(result.returncode in (0, 125, 126, 127), f"{option[:20]!r}: {result.returncode}")
        trial.check(option != "A\nB=x" or b"\nB=x" not in result.stdout, "a newline made a second variable")


@attack("40_a_sandbox_that_makes_sandboxes")
def _(trial):
    """Writ inside of Writ: no more than what the outer one gives, whatever it is asked for."""
    secret = trial.file(trial.outside / "secret")
    asks = (["--read", str(secret)], ["--network", "host"], ["--prefer", "view"], ["--prefer", "user_namespace"],
            [word for layer in ("user_namespace", "view", "locked_view", "pid_namespace", "network_namespace", "ipc_namespace",
                                "uts_namespace", "cgroup_namespace") for word in ("--prefer", layer)])
    trial.check(b"read the marker" in trial.run([trial.writ, "run", "--read", str(trial.bin), "--read", str(secret), "--",
                trial.attack, "read", str(secret), MARKER]).stdout, "the control: a grant shows the file")
    for ask in asks:
        result = trial.run([*trial.sandbox(), trial.writ, "run", *ask, "--", trial.attack, "read", str(secret), MARKER])
        trial.check(b"ESCAPED" not in result.stdout, f"{ask}: {result.stdout!r}")
        trial.check(result.returncode in (0, 1, 125, 126), f"{ask}: {result.returncode} {result.stderr[-200:]!r}")
    for word in ("--no-sandbox", "--privileged", "--profile=none", "--seccomp=off", "--prefer=seccomp"):
        result = trial.run([trial.writ, "run", word, "--", "/bin/true"])
        trial.check(result.returncode == 125, f"{word}: {result.returncode}")


@attack("40_policy_of_the_next_run")
def _(trial):
    """Writ's own profiles, cache and state, from inside, with the home as the workspace."""
    for kind, name in ((".config", "profiles/evil.yaml"), (".cache", "x"), (".local/state", "quarantine/x")):
        path = trial.file(trial.home / kind / "writ" / name)
        new = path.with_name("new")
        for words in (["write", path, "x"], ["unlink", path], ["create", new]):
            trial.stops(*words, cwd=trial.home, reset=lambda: (trial.file(path), new.unlink(missing_ok=True)))
    # They do not exist: the tool must not be the first to make them.
    subprocess.run(["rm", "-rf", *(str(trial.home / name) for name in (".config", ".cache", ".local"))], check=True)
    script = "for d in .config/writ/profiles .cache/writ .local/state/writ; do mkdir -p $d && echo evil > $d/evil.yaml; done"
    trial.shell_inside(script, cwd=trial.home)
    left = [str(path) for path in trial.home.rglob("evil.yaml")]
    trial.check(not left, f"left behind: {left}")
    free = trial.run(["/bin/sh", "-c", script], cwd=trial.home)
    trial.check(free.returncode == 0 and len(list(trial.home.rglob("evil.yaml"))) == 3, "the control made nothing")


@attack("40_profiles_of_the_workspace")
def _(trial):
    """A profile in the workspace counts only when it is named as a file, never because of its name."""
    for place in ("default.yaml", ".writ/default.yaml", ".config/writ/profiles/default.yaml", "base.yaml"):
        trial.file(place, "version: 1\nname: default\nnetwork: host\nfilesystem: {read: [/usr, /bin, /lib, /lib64]}\n")
    report = trial.base / "report.json"
    trial.give(trial.base, trial.uid)
    trial.run([*trial.sandbox("--report", str(report)), "true"])
    trial.check(trial.report(report)["network"] == "none", "the workspace decided about the network")


@attack("41_path_of_the_search")
def _(trial):
    """A program in the workspace or another place that can be written does not take the place of a system one."""
    for name in ("true", "id"):
        trial.file(name, f"#!/bin/sh\necho {MARKER}\n", 0o755)
    for path in (":/usr/bin:/bin", ".:/usr/bin:/bin", "::/usr/bin", "relative:/usr/bin:/bin"):
        result = trial.run([*trial.sandbox(), "id"], environment={"PATH": path})
        trial.check(MARKER.encode() not in result.stdout and result.returncode == 0, f"PATH={path}: {result.stdout!r}")


if __name__ == "__main__":
    main()
