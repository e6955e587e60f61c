#!/usr/bin/env python3
"""Hosts that lack something: each kernel feature is taken away in turn. Either a fallback gives the same sandbox, or Writ
refuses and names the step, or, where the person said so, it runs and says what is missing. Never silently weaker: what
runs is measured from inside."""

import ast
import os
import pathlib
import socket
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from writ_testing import LAYERS, deny, expect_equal, expect_in, main, only  # noqa: E402

# Looks at its own sandbox; prints what holds, as a Python literal.
# It also runs outside of every sandbox, as root, as the control: so it only looks, and attempts nothing that would change a
# host on which it is allowed.
PROBE = r"""
import ctypes, errno, os, socket, sys
host = dict(pair.split('=', 1) for pair in sys.argv[1:])
libc = ctypes.CDLL(None, use_errno=True)
status = dict(line.rstrip('\n').split(':\t', 1) for line in open('/proc/self/status'))
def exists(path):
    try: os.lstat(path); return True
    except OSError: return False
def refused(call):
    try: call(); return False
    except OSError: return True
def other(kind): return os.readlink('/proc/self/ns/' + kind) != host[kind]
def connect():
    s = socket.create_connection(('127.0.0.1', int(host['port'])), 2); s.close()
print({
    'user_namespace': other('user') and os.getuid() != 0,
    'view': not exists(host['outside']) and not exists('/boot') and not exists('/var/log'),
    'readonly': all(os.statvfs(place).f_flag & os.ST_RDONLY for place in ('/', '/usr', '/etc')),
    'pid_namespace': other('pid') and os.getpid() < 50 and not exists('/proc/' + host['process']),
    'network_namespace': other('net') and refused(connect),
    'ipc_namespace': other('ipc'), 'uts_namespace': other('uts') and os.uname().nodename == 'writ',
    'cgroup_namespace': other('cgroup'),
    'seccomp': status['Seccomp'] == '2' and libc.personality(0x0020000) == -1,
    'no_new_privs': status['NoNewPrivs'] == '1',
    'capabilities': all(int(status[c], 16) == 0 for c in ('CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb')),
    'descriptors': sorted(int(d) for d in os.listdir('/proc/self/fd'))[:4] == [0, 1, 2, 3] and not exists('/proc/self/fd/4'),
    'not_root': '0' not in status['Uid'].split(),
})
"""
HOLDS = ["user_namespace", "view", "readonly", "pid_namespace", "network_namespace", "ipc_namespace", "uts_namespace",
         "cgroup_namespace", "seccomp", "no_new_privs", "capabilities", "descriptors", "not_root"]

# What is taken away, and what may come of it: "same" (a fallback does the same), "refused" (125), or "either".
# "crash": whatever happens, the tool does not run.
FAULTS = [
    ("clone3=ENOSYS", "same"), ("clone3", "either"), ("close_range=ENOSYS", "same"), ("close_range", "either"),
    ("pidfd_open=ENOSYS", "same"), ("openat2=ENOSYS", "either"), ("openat2", "either"), ("execveat=ENOSYS", "crash"),
    ("statx=ENOSYS", "same"), ("memfd_create", "either"), ("memfd_create=ENOSYS", "either"), ("faccessat2=ENOSYS", "same"),
    ("inotify_init1=EMFILE", "either"), ("inotify_add_watch=ENOSPC", "either"), ("timerfd_create", "either"), ("epoll_create1=EMFILE", "either"),
    ("signalfd4", "either"), ("pidfd_send_signal", "either"), ("getrandom", "either"), ("name_to_handle_at", "same"),
    ("unshare", "refused"), ("clone,clone3", "refused"), ("clone3,clone=ENOSYS", "refused"), ("open_tree", "refused"),
    ("open_tree=ENOSYS", "refused"), ("move_mount", "refused"), ("move_mount=EINVAL", "refused"), ("move_mount=ENOSYS", "refused"),
    ("mount_setattr=ENOSYS", "refused"), ("mount_setattr", "refused"), ("mount_setattr=EINVAL", "refused"), ("fsopen", "refused"),
    ("fsopen=ENOSYS", "refused"), ("fsmount", "refused"), ("fsconfig", "refused"), ("pivot_root", "refused"), ("pivot_root=EINVAL", "refused"),
    ("umount2", "either"), ("mount", "either"), ("landlock_create_ruleset=ENOSYS", "refused"), ("landlock_create_ruleset=EOPNOTSUPP", "refused"),
    ("landlock_add_rule", "refused"), ("landlock_restrict_self", "refused"), ("seccomp=ENOSYS", "either"), ("seccomp=EINVAL", "either"),
    ("seccomp", "either"), ("seccomp,prctl", "refused"), ("prctl", "refused"), ("capset", "either"), ("setresuid", "either"), ("setresgid", "either"),
    ("setgroups", "either"), ("sethostname", "refused"), ("prlimit64,setrlimit", "refused"), ("socketpair=EMFILE", "refused"),
    ("sendmsg", "refused"), ("recvmsg", "refused"), ("mmap=ENOMEM", "crash"), ("setsid", "either"), ("chdir", "either"), ("fchdir", "either"),
    ("dup3", "either"), ("fcntl", "either"), ("ioctl", "either"), ("fork,vfork", "same"),
]
# With `--prefer LAYER`, what is missing may be left out: fault, layers preferred, properties that may then not hold.
PREFERRED = [
    ("landlock_create_ruleset=ENOSYS", ["landlock"], set()),
    ("landlock_create_ruleset=EOPNOTSUPP", ["landlock"], set()),
]


def outside_file(case):
    return case.write("outside/secret", "PRIVATE", inside=case.base)


def probe(case, *options, prefix=()):
    with socket.create_server(("127.0.0.1", 0)) as server:
        facts = {kind: os.readlink(f"/proc/self/ns/{kind}") for kind in ("user", "pid", "net", "ipc", "uts", "cgroup")}
        facts |= {"outside": str(outside_file(case)), "process": str(os.getpid()), "port": str(server.getsockname()[1])}
        words = [f"{name}={value}" for name, value in facts.items()]
        result = case.run(*options, "--report", "-", program=["/usr/bin/python3", "-c", PROBE, *words], prefix=prefix, timeout=20)
    found = ast.literal_eval(result.stdout) if result.stdout else {}
    return result, found


def weak(found):
    return {name for name in HOLDS if not found.get(name)}


def test_the_probe_can_fail(case):
    """The control: without Writ hardly anything holds."""
    facts = {kind: os.readlink(f"/proc/self/ns/{kind}") for kind in ("user", "pid", "net", "ipc", "uts", "cgroup")}
    facts |= {"outside": str(outside_file(case)), "process": str(os.getpid()), "port": "1"}
    shown = case.on_host("/usr/bin/python3", "-c", PROBE, *[f"{name}={value}" for name, value in facts.items()]).stdout
    assert {"view", "seccomp", "pid_namespace", "network_namespace", "no_new_privs"} <= weak(ast.literal_eval(shown)), shown


def test_this_host(case):
    result, found = probe(case)
    expect_equal((result.returncode, weak(found)), (0, set()))


def test_each_fault(case):
    problems = []
    for fault, expected in FAULTS:
        try:
            verdict = judge(fault, expected, *probe(case, prefix=deny(fault)))
        except subprocess.TimeoutExpired:
            verdict = f"{fault}: hangs"
        if verdict:
            problems.append(verdict)
    case.nothing_left()
    assert not problems, "\n    " + "\n    ".join(problems)


def judge(fault, expected, result, found):
    """What is wrong with how a fault ended, or nothing."""
    first = result.stderr.split("\n")[0]
    if result.returncode == 0:
        if weak(found):
            return f"{fault}: runs, and silently without {sorted(weak(found))}"
        return f"{fault}: runs although it should be refused" if expected == "refused" else None
    if result.stdout:
        return f"{fault}: the tool ran, and yet status {result.returncode}: {first}"
    if expected == "crash" and result.returncode != 125:
        return None  # no memory for the C library itself; or the program cannot be executed (126)
    if result.returncode != 125:
        return f"{fault}: status {result.returncode}: {first or 'nothing said'}"
    if expected == "same":
        return f"{fault}: no fallback: {first}"
    if not first.startswith("writ: ") or len(first) < 20:
        return f"{fault}: refused without a reason: {first!r}"
    return None


def test_refusals_name_the_layer_and_what_to_do(case):
    for fault, word in (("unshare", "namespace|mount"), ("landlock_create_ruleset=ENOSYS", "landlock"), ("landlock_restrict_self", "(?i)landlock"),
                        ("pivot_root", "view|root"), ("open_tree", "mount|tree|view"), ("fsopen", "tmpfs|view|proc"),
                        ("mount_setattr=ENOSYS", "mount|view|read-only|grant"), ("seccomp,prctl", "."), ("sethostname", "host name")):
        result = case.refused(prefix=deny(fault), says=word)
        if fault not in ("sethostname", "seccomp,prctl"):
            assert "hint:" in result.stderr or "writ doctor" in result.stderr, f"{fault}: no hint: {result.stderr!r}"


def test_with_prefer_it_runs_and_says_so(case):
    for fault, layers, allowed in PREFERRED:
        options = [word for layer in layers for word in ("--prefer", layer)]
        result, found = probe(case, *options, prefix=deny(fault))
        expect_equal((fault, result.returncode, result.stderr[-300:] if result.returncode else ""), (fault, 0, ""))
        assert weak(found) <= allowed, (fault, weak(found))
        for layer in layers:
            assert f"writ: warning: running without the layer {layer}" in result.stderr, (fault, result.stderr)
            quiet, report = case.report(*options, "--quiet", prefix=deny(fault))
            expect_equal((fault, quiet.returncode, quiet.stderr), (fault, 0, ""))
            states = {entry["layer"]: entry for entry in report["layers"]}
            expect_equal((fault, states[layer]["state"]), (fault, "degraded"))
            assert states[layer]["reason"], fault
            expect_equal((fault, {name for name in LAYERS if states[name]["state"] != "active"}), (fault, set(layers)))


def test_prefer_of_everything_on_a_host_without_namespaces(case):
    """Landlock and seccomp alone: runs with fewer layers and says each, or is refused; what was not granted stays closed."""
    layers = [layer for layer in LAYERS if layer not in ("seccomp", "landlock")]
    options = [word for layer in layers for word in ("--prefer", layer)]
    outside = outside_file(case)
    script = f"cat {outside} || echo closed; echo x > {outside} || echo closed; ls {outside.parent} || echo closed; echo fine > made"
    # What decides is whether clone(2) may make namespaces; here it may not make a process with them at all.
    for fault in ("unshare", "unshare,open_tree,move_mount,fsopen,fsmount,pivot_root"):
        result = case.run(*options, program=["sh", "-c", script], prefix=deny(fault))
        if result.returncode == 125:
            assert result.stderr.startswith("writ: "), result.stderr
            continue
        expect_equal((fault, result.stdout), (fault, "closed\nclosed\nclosed\n"))
        expect_equal(outside.read_text(), "PRIVATE")
        expect_in("running without the layer", result.stderr)
        case.assert_owned("made")


@only("user")
def test_prefer_on_a_host_whose_user_namespaces_are_closed(case):
    """The usual hardened host: an ordinary user may make no user namespace."""
    layers = [layer for layer in LAYERS if layer not in ("seccomp", "landlock")]
    options = [word for layer in layers for word in ("--prefer", layer)]
    outside = outside_file(case)
    script = f"cat {outside} || echo closed; kill -0 {os.getpid()} || echo closed; id -u; grep -c . /proc/self/uid_map; echo fine > made; cat made"
    # A user namespace in which no further ones may be made.
    setup = 'echo 0 > /proc/sys/user/max_user_namespaces; exec unshare --user --map-user=4242 --map-group=4242 true'
    if subprocess.run(["unshare", "-Ur", "sh", "-c", setup], env=case.environment(), capture_output=True, check=False, **case.as_owner()).returncode == 0:
        raise AssertionError("the control: the limit does not hold")
    inner = "echo 1 > /proc/sys/user/max_user_namespaces; exec unshare --user --map-user=4242 --map-group=4242 \"$@\""

    def run(*words):
        return subprocess.run(["unshare", "-Ur", "sh", "-c", inner, "sh", *case.command(*words, program=["sh", "-c", script])], check=False,
                              env=case.environment(), cwd=case.workspace, capture_output=True, text=True, timeout=60, **case.as_owner())
    required = run()
    expect_equal((required.returncode, required.stdout), (125, ""))
    expect_in("hint", required.stderr)
    assert not (case.workspace / "made").exists()
    preferred = run(*options)
    if preferred.returncode == 125:
        assert preferred.stderr.startswith("writ: "), preferred.stderr
        return
    expect_equal(preferred.stdout.split()[:2] + preferred.stdout.split()[-1:], ["closed", "closed", "fine"])
    for layer in ("user_namespace", "view", "locked_view", "pid_namespace", "network_namespace"):
        expect_in(f"running without the layer {layer}", preferred.stderr)


def test_landlock_is_never_lost_without_a_word(case):
    """A host whose Landlock appears and then fails at the last step."""
    for fault in ("landlock_restrict_self", "landlock_restrict_self=ENOMEM", "landlock_add_rule=ENOMEM", "landlock_create_ruleset=EMFILE"):
        result = case.refused(prefix=deny(fault), program=["touch", "made"])
        assert not (case.workspace / "made").exists(), fault
        assert "andlock" in result.stderr, (fault, result.stderr)


def test_a_full_table_of_inotify_instances(case):
    """The guard cannot watch: the sweep at the end still takes new protected files away, and something says so."""
    for fault in ("inotify_init1=EMFILE", "inotify_add_watch=ENOSPC"):
        result = case.run(program=["sh", "-c", "echo evil > .envrc"], prefix=deny(fault))
        assert not (case.workspace / ".envrc").exists(), fault
        expect_in(".envrc" if result.returncode == 0 else "writ: ", result.stderr)


if __name__ == "__main__":
    sys.exit(main(globals()))
