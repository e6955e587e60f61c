#!/usr/bin/env python3
"""Sections 7 and 8, as far as this launcher has them: sockets of the host, sharing, resources, output, secrets, profiles."""

import contextlib
import json
import os
import pathlib
import resource
import socket
import subprocess
import time
import uuid

from attack_harness import IS_ROOT, MARKER, attack, eventually, main

UNIX_ALLOWED = "process:\n  unix_sockets: allowed\nfilesystem:\n  writing: native\n"  # who mediates binds none


@contextlib.contextmanager
def server(kind, address, family=socket.AF_UNIX):
    with socket.socket(family, kind) as listener:
        listener.bind(address)
        if kind != socket.SOCK_DGRAM:
            listener.listen(128)
        yield listener


@attack("59_sockets_in_the_workspace")
def _(trial):
    """A server of the host whose socket lies in the workspace."""
    for name, kind in (("stream", socket.SOCK_STREAM), ("datagram", socket.SOCK_DGRAM), ("seqpacket", socket.SOCK_SEQPACKET)):
        path = trial.workspace / f"{name}.sock"
        with server(kind, str(path)):
            path.chmod(0o777)
            trial.stops("connect-local", name, path)
            for number in (1, 2, 3, 5):
                # Only a datagram pair (3 is its alias) can be aimed at all, and at a datagram socket.
                fits = number in (2, 3) and name == "datagram"
                if fits:
                    trial.stops("aim-pair", number, path)
                else:
                    held = trial.inside("aim-pair", number, path)
                    trial.check(held.kind == "STOPPED", f"pair of type {number} at {name}: {held}")


@attack("60_abstract_sockets")
def _(trial):
    allowed = trial.profile(UNIX_ALLOWED)
    for name, kind in (("stream", socket.SOCK_STREAM), ("datagram", socket.SOCK_DGRAM)):
        label = f"writ-test-{uuid.uuid4().hex}"
        with server(kind, f"\0{label}"):
            trial.stops("connect-local", name, f"@{label}")
            trial.stops("connect-local", name, f"@{label}", profile=allowed)


@attack("66_network_of_the_host")
def _(trial):
    with server(socket.SOCK_STREAM, ("127.0.0.1", 0), socket.AF_INET) as listener:
        port = listener.getsockname()[1]
        for how in ("tcp", "fastopen"):
            for profile in ("default", "strict", "build", "node"):
                trial.stops("connect", how, port, profile=profile, why="switched off on some hosts" if how == "fastopen" else "")
    with server(socket.SOCK_DGRAM, ("127.0.0.1", 0), socket.AF_INET) as receiver:
        receiver.settimeout(0.3)
        port = receiver.getsockname()[1]
        trial.natively("connect", "udp", port)
        trial.check(receiver.recv(10) == b"x", "the control sent nothing")
        trial.inside("connect", "udp", port)
        with contextlib.suppress(TimeoutError):
            receiver.recv(10)
            trial.check(False, "a datagram left the sandbox")


@attack("67_backdoors")
def _(trial):
    def reached(start):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        process = start(["listen", str(port), "2"])
        process.stdout.readline()
        with socket.socket() as client:
            client.settimeout(0.5)
            return client.connect_ex(("127.0.0.1", port)) == 0
    trial.check(reached(lambda words: trial.start([trial.attack, *words])), "the control was not reached")
    trial.check(not reached(lambda words: trial.start([*trial.sandbox(), trial.attack, *words])), "reached from outside")


def make_and_read(trial, attack_name, key):
    """Made outside and read inside; made in one sandbox and read in the next; the control stays outside."""
    def remove():
        trial.natively(attack_name, "remove", key, MARKER)
        if IS_ROOT:
            trial.natively(attack_name, "remove", key, MARKER, uid=0)
    try:
        remove()
        made = trial.natively(attack_name, "make", key, MARKER)
        trial.check(made.kind == "ESCAPED", f"{attack_name}: nothing was made: {made}")
        trial.stops(attack_name, "read", key, MARKER,
                    reset=lambda: trial.natively(attack_name, "make", key, MARKER))
        remove()
        first = trial.start([*trial.sandbox(), "/bin/sh", "-c", f"{trial.attack} {attack_name} make {key} {MARKER}; sleep 2"])
        first.stdout.readline()
        held = trial.inside(attack_name, "read", key, MARKER)
        trial.check(held.kind == "STOPPED", f"{attack_name} of another sandbox that runs: {held}")
        trial.check(trial.natively(attack_name, "read", key, MARKER).kind == "STOPPED", f"{attack_name} is on the host")
        first.kill()
        held = trial.inside(attack_name, "read", key, MARKER)
        trial.check(held.kind == "STOPPED", f"{attack_name} of an earlier sandbox: {held}")
    finally:
        remove()


@attack("56_shared_memory_and_queues")
def _(trial):
    number = uuid.uuid4().int
    make_and_read(trial, "sysv-memory", hex(number & 0x7FFFFFFF))
    make_and_read(trial, "sysv-queue", hex(number & 0x7FFFFFFF))
    make_and_read(trial, "posix-queue", f"/writ-test-{number:x}"[:40])
    make_and_read(trial, "shared-memory", f"/writ-test-{number:x}"[:40])


@attack("79_nothing_stays")
def _(trial):
    """What one run leaves in its private places is not there in the next, and not on the host."""
    token = f"left-{uuid.uuid4().hex}"
    places = ("/tmp", "/dev/shm", str(trial.home), "/var/tmp")
    script = "; ".join(f"echo {MARKER} > {place}/{token}" for place in places)
    look = f"cat {' '.join(f'{place}/{token}' for place in places)}; hostname; env; ls /proc | grep -c '^[0-9]'"
    first = trial.shell_inside(f"{script}; cat {places[0]}/{token}; hostname evil; sleep 60 & true")
    trial.check(MARKER.encode() in first.stdout, "the first run could not write its own places")
    before = trial.shell_inside(look)
    trial.check(MARKER.encode() not in before.stdout and b"evil" not in before.stdout, f"bleeds: {before.stdout!r}")
    for place in places:
        trial.check(not os.path.exists(f"{place}/{token}"), f"{place}/{token} is on the host")
    trial.check(not list(trial.workspace.iterdir()), f"litter in the workspace: {os.listdir(trial.workspace)}")
    left = [name for name in os.listdir(trial.base) if name not in ("bin", "workspace", "outside", "home")]
    trial.check(not left, f"litter beside the workspace: {left}")


@attack("69_full_disks")
def _(trial):
    small = trial.profile("limits:\n  tmp_size: 4M\n  shm_size: 2M\n  file_size: 8M\n  open_files: 64\n")
    # A home outside of /tmp is a private place of its own; nothing of it need exist on the host.
    home = f"/home/{uuid.uuid4().hex}"
    away = {"HOME": home, "XDG_STATE_HOME": str(trial.home), "XDG_CACHE_HOME": str(trial.home)}
    for place in ("/tmp", "/dev/shm", home):
        held = trial.stops("fill-space", place, 6, profile=small, environment=away,
                           control_arguments=("fill-space", str(trial.outside), 6))
        trial.check(held is None or held.detail == "ENOSPC", f"{place}: {held}")
        subprocess.run(["rm", "-f", f"{trial.outside}/fill"], check=True)
    trial.stops("fill-space", trial.workspace, 12, profile=small, reset=lambda: (trial.workspace / "fill").unlink(missing_ok=True))
    (trial.workspace / "fill").unlink()
    trial.stops("sparse-file", trial.workspace / "sparse", 100, profile=small,
                reset=lambda: (trial.workspace / "sparse").unlink(missing_ok=True))
    trial.stops("many-descriptors", 200, profile=small)
    result = trial.shell_inside(f"{trial.attack} fill-space /tmp 6; {trial.attack} fill-space /dev/shm 6; exit 6", profile=small)
    trial.check(result.returncode == 6, f"a full disk inside: {result.returncode}")


@attack("69_endless_names")
def _(trial):
    """Empty files cost the kernel memory that tmp_size does not count, so their number must have a bound in proportion."""
    small = trial.profile("limits:\n  tmp_size: 1M\n  shm_size: 1M\n")
    for place in ("/tmp", "/dev/shm"):
        trial.stops("fill-names", place, 20000, profile=small, control_arguments=("fill-names", str(trial.outside), 20000))


@attack("69_no_core_files")
def _(trial):
    pattern = pathlib.Path("/proc/sys/kernel/core_pattern").read_text()
    def allow_cores():
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    def cores():
        return [path for path in trial.workspace.iterdir() if path.name.startswith("core")]
    if pattern.startswith(("|", "/")):
        trial.skip("core dumps of this host are not files in the current directory")
    else:
        trial.natively("crash", preexec_fn=allow_cores)
        trial.check(cores(), "the control left no core file")
        for path in cores():
            path.unlink()
    result = trial.run([*trial.sandbox(), trial.attack, "crash"], preexec_fn=allow_cores)
    trial.check(result.returncode == 139 and not cores(), f"{result.returncode}, {cores()}")


@attack("70_cgroup_files")
def _(trial):
    trial.stops("list", "/sys/fs/cgroup", ".")
    for name in ("/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/memory/cgroup.procs", "/sys/fs/cgroup/unified/cgroup.procs"):
        trial.stops("open-write", name, control="root", why="hosts differ in this")
    result = trial.shell_inside("cat /proc/self/cgroup")
    trial.check(b"/.." not in result.stdout and all(line.endswith(b":/") for line in result.stdout.split()),
                f"paths of the host: {result.stdout!r}")


def peak_memory(pid):
    with contextlib.suppress(OSError, IndexError):
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1])
    return 0


@attack("71_output_flood")
def _(trial):
    """Gigabytes without a newline, output nobody reads, input nobody takes."""
    process = trial.start([*trial.sandbox(), trial.attack, "flood", "512"], stderr=subprocess.DEVNULL)
    size = peak = 0
    while block := os.read(process.stdout.fileno(), 1 << 20):
        size += len(block)
        peak = max(peak, peak_memory(process.pid)) if size % (1 << 25) < len(block) else peak
    trial.check(process.wait(10) == 0 and size == 512 << 20, f"{process.returncode}, {size} bytes")
    trial.check(peak < 64 << 10, f"Writ grew to {peak} KiB")
    process = trial.start([*trial.sandbox("--timeout", "500ms"), trial.attack, "flood", "64"])  # nobody reads
    trial.check(process.wait(10) == 124, f"nobody reads: {process.returncode}")
    process = trial.start([*trial.sandbox(), trial.attack, "flood", "64"])
    process.stdout.close()
    trial.check(process.wait(10) in (3, 141), f"the reader is gone: {process.returncode}")
    process.stdout = None
    process = trial.start([*trial.sandbox(), "/bin/sh", "-c", "exec 1>&- 2>&- 0<&-; sleep 0.2; exit 8"])
    trial.check(process.wait(10) == 8, f"closed streams: {process.returncode}")
    process = trial.start([*trial.sandbox(), "/bin/true"], stdin=subprocess.PIPE)
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(b"x" * (1 << 20))
        process.stdin.flush()
    trial.check(process.wait(10) == 0, f"input nobody takes: {process.returncode}")
    process.stdin = None


@attack("72_forged_messages")
def _(trial):
    """Bytes of the tool's, or of whoever wrote the command line, do not forge lines of Writ's nor reach the terminal raw."""
    forged = "x\nwrit: all is well\x1b]52;c;ZXZpbA==\x07\x1b[2J\u202e\",\"outcome\":{\"kind\":\"exited\"}}"
    report = trial.base / "report.json"
    trial.give(trial.base, trial.uid)
    make = ["/bin/sh", "-c", "exec 2>/dev/null; mkdir -p .vscode; : > \".vscode/$1\"", "sh", forged.replace("/", "_")]
    native = trial.native()
    for command, profile in (([forged], None), (["/bin/true", forged], None), (make, native), (make, None)):
        if command is make and profile is None:
            trial.file(".vscode/tasks.json")  # else nothing beneath it would be tried
        result = trial.run([*trial.sandbox("--report", str(report), profile=profile), *command])
        if command is make and profile is None:
            trial.check(b"all is well" in result.stderr, f"the control: nothing was said of the name: {result.stderr!r}")
        trial.check(b"\x1b" not in result.stderr and b"\nwrit: all is well" not in result.stderr, f"{command}: {result.stderr!r}")
        text = report.read_bytes()
        found = json.loads(text)
        trial.check(b"\x1b" not in text and b"\xe2\x80\xae" not in text, f"{command}: raw bytes in the report")
        trial.check(found["outcome"]["kind"] in ("exited", "not_started"), f"{command}: {found['outcome']}")
    for option in ("--profile", "--workspace", "--read", "--env", "--timeout", "--network", "--prefer", "--report"):
        result = trial.run([trial.writ, "run", option, f"/nowhere/{forged}", "--", "/bin/true"])
        trial.check(b"\x1b" not in result.stderr and b"\nwrit: all is well" not in result.stderr, f"{option}: {result.stderr!r}")
    huge = trial.run([*trial.sandbox("--report", str(report)), "/bin/true", "A" * 120000])
    trial.check(huge.returncode == 0 and json.loads(report.read_bytes()), f"a huge argument: {huge.returncode}")


SECRETS = """AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN GITHUB_TOKEN GH_TOKEN OPENAI_API_KEY ANTHROPIC_API_KEY NPM_TOKEN LC_TOKEN
    SSH_AUTH_SOCK DBUS_SESSION_BUS_ADDRESS DISPLAY WAYLAND_DISPLAY XAUTHORITY DOCKER_HOST KUBECONFIG MY_PASSWORD LC_API_KEY
    DATABASE_URL XDG_RUNTIME_DIR GPG_AGENT_INFO VAULT_TOKEN""".split()


@attack("75_secrets")
def _(trial):
    """Not in the tool's environment, not in /proc, not in messages, reports, the dry run or the quarantine."""
    given = {name: f"{MARKER}-{name}" for name in SECRETS}
    free = trial.run(["/usr/bin/env"], environment=given)
    trial.check(free.stdout.count(MARKER.encode()) == len(SECRETS), "the control does not have them")
    report = trial.base / "report.json"
    trial.give(trial.base, trial.uid)
    for profile in ("default", "strict", "build", "python", "node", "git", "shell"):
        result = trial.run([*trial.sandbox("--report", str(report), profile=profile), "/usr/bin/env"], environment=given)
        left = [line for line in result.stdout.splitlines() if MARKER.encode() in line]
        trial.check(result.returncode == 0 and not left, f"{profile}: {left}")
    look = "cat /proc/*/environ /proc/*/cmdline /proc/*/task/*/environ 2>/dev/null; ls -R /tmp /run /dev/shm; true"
    result = trial.shell_inside(look, environment=given)
    trial.check(MARKER.encode() not in result.stdout, f"in /proc: {result.stdout[:300]!r}")
    named = ["--env", "GITHUB_TOKEN", "--report", str(report)]
    result = trial.run([*trial.sandbox(*named), "/usr/bin/env"], environment=given)
    trial.check(result.stdout.count(MARKER.encode()) == 1, "a secret that was named arrives, and only that")
    texts = [report.read_bytes()]
    for options in ([*named, "--dry-run"], [*named, "--dry-run", "--json"], ["--profile", "/nowhere"], ["--read", "/nowhere"]):
        result = trial.run([trial.writ, "run", *options, "--", "/nowhere"], environment=given)
        texts.append(result.stdout + result.stderr)
    trial.check(not any(MARKER.encode() in text for text in texts), "a secret is in a message or a report")


HOSTILE_PROFILES = {
    "aliases": "a: &a [x,x]\nb: &b [*a,*a,*a]\n", "anchor": "description: &a x\n", "merge": "limits:\n  <<: {processes: 9}\n",
    "duplicate": "network: none\nnetwork: host\n", "nested duplicate": "limits:\n  processes: 5\n  processes: 6\n",
    "tab": "limits:\n\tprocesses: 5\n", "tag": "description: !!binary aGk=\n", "own tag": "description: !evil x\n",
    "python tag": "description: !!python/object/apply:os.system [id]\n", "boolean": "terminal: no\n",
    "octal": "limits:\n  processes: 0777\n", "hexadecimal": "limits:\n  processes: 0x10\n", "sexagesimal": "limits:\n  wall_time: 1:30\n",
    "negative": "limits:\n  processes: -1\n", "zero size": "limits:\n  tmp_size: 0\n", "overflow": "limits:\n  tmp_size: 99999999999999999999G\n",
    "infinite": "limits:\n  processes: .inf\n", "documents": "---\nnetwork: host\n", "end": "...\nnetwork: host\n",
    "directive": "%YAML 1.1\n", "unknown key": "netwrok: host\n", "unknown nested": "limits:\n  proceses: 5\n",
    "list for text": "network: [host]\n", "text for list": "filesystem:\n  read: /etc\n", "null": "network: ~\n", "null list": "filesystem:\n  read:\n",
    "whole host": "filesystem:\n  read:\n    - /\n", "climb": "filesystem:\n  read:\n    - /usr/../etc\n", "pattern": "filesystem:\n  read:\n    - /home/*\n",
    "relative": "filesystem:\n  read:\n    - etc\n", "protect climb": "filesystem:\n  protect:\n    - ../x\n", "protect absolute": "filesystem:\n  protect:\n    - /etc\n",
    "protect root": "filesystem:\n  protect:\n    - .\n", "unknown variable": "filesystem:\n  read:\n    - ${nothing}/x\n",
    "own workspace": "variables:\n  workspace: /etc\n", "endless variable": "variables:\n  a: ${b}\n  b: ${a}\nfilesystem:\n  read:\n    - ${a}\n",
    "ptrace": "syscalls:\n  allow: [ptrace]\n", "mount": "syscalls:\n  allow: [mount]\n", "no such call": "syscalls:\n  allow: [frobnicate]\n",
    "unlisted loader": "environment:\n  set:\n    LD_PRELOAD: /x.so\n", "pass everything": "environment:\n  pass: ['*']\n",
    "no seccomp": "isolation:\n  seccomp: prefer\n", "nothing bounds files": "isolation:\n  view: prefer\n  landlock: prefer\n",
    "no such layer": "isolation:\n  magic: prefer\n", "newline in a path": 'filesystem:\n  read:\n    - "/etc\\nx"\n',
    "nul": 'description: "a\\0b"\n', "invisible": "description: a\u202eb\n", "bom inside": "description: a\ufeffb\n", "deep": "a: " + "[" * 3000 + "]" * 3000 + "\n",
    "large": "# " + "x" * (10 << 20) + "\n", "long line": "description: " + "x" * 300000 + "\n", "extends path": "extends: ./other.yaml\n",
    "bad utf-8": "description: \udcff\n", "carriage return": "description: a\rnetwork: host\n",
}


@attack("76_hostile_profiles")
def _(trial):
    proof = trial.workspace / "ran"
    def outcome(text, name="profile.yaml"):
        path = trial.base / name
        path.write_bytes(text.encode(errors="surrogateescape"))
        path.chmod(0o644)
        proof.unlink(missing_ok=True)
        started = time.monotonic()
        result = trial.run([*trial.sandbox(profile=str(path)), "/usr/bin/touch", str(proof)], seconds=20)
        trial.check(time.monotonic() - started < 5, f"{name}: takes {time.monotonic() - started:.1f} s")
        return result
    head = "version: 1\nname: test\nextends: default\n"
    trial.check(outcome(head + "description: harmless\n").returncode == 0 and proof.exists(), "the control does not run")
    for name, text in HOSTILE_PROFILES.items():
        base = head.replace("extends: default\n", "") if text.startswith("extends") else head
        result = outcome(base + text)
        trial.check(result.returncode == 125 and not proof.exists(), f"{name}: {result.returncode} {result.stderr[:200]!r}")
        trial.check(b"\x1b" not in result.stderr and len(result.stderr) < 4000, f"{name}: a message of {len(result.stderr)} bytes")
    for text in ("", "version: 1\n", "name: test\n", "version: 2\nname: test\n", "version: '1'\nname: test\n", "- version: 1\n",
                 "version: 1\nname: Test Me\n", "version: 1\nname: ../../x\n", "version: 1\nname: test\nextends: no-such-profile\n",
                 "version: 1\nname: test\nextends: [test]\n", "{", "\0", "\ufeff\ufeffversion: 1\nname: x\n"):
        trial.check(outcome(text).returncode == 125, f"{text!r} runs")
    # Profiles by name that extend each other.
    for mine, other in (("one", "two"), ("two", "one")):
        trial.file(trial.home / f".config/writ/profiles/{mine}.yaml", f"version: 1\nname: {mine}\nextends: {other}\n")
    result = trial.run([*trial.sandbox(profile="one"), "/bin/true"])
    trial.check(result.returncode == 125, f"an endless chain of profiles: {result.returncode}")
    trial.check(trial.run([*trial.sandbox(profile="../one"), "/bin/true"]).returncode == 125, "a name that climbs")


@attack("80_what_runs_next")
def _(trial):
    """Files that a person or a build runs without a sandbox later are named in the report."""
    names = ("Makefile", "package.json", "conftest.py", "setup.py", ".github/workflows/x.yml", "CMakeLists.txt", ".gitmodules",
             ".gitattributes", ".npmrc", "build.rs", ".cargo/config.toml", "Dockerfile", ".pre-commit-config.yaml", "AGENTS.md")
    changed = trial.file("Makefile", "all:\n")
    report = trial.base / "report.json"
    trial.give(trial.base, trial.uid)
    trial.shell_inside("; ".join(f"mkdir -p $(dirname {name}); echo evil >> {name}" for name in names), options=["--report", str(report)])
    told = json.dumps(trial.report(report)["persistence"])
    for name in names:
        trial.check(name.split("/workflows")[0] in told, f"{name} is not named")
    trial.check("evil" in changed.read_text(), "the tool could not change it")
    trial.shell_inside("cat Makefile", options=["--report", str(report)])
    trial.check("Makefile" not in json.dumps(trial.report(report)["persistence"]), "the control: a file that is only read is not named")


@attack("80_owner_outside")
def _(trial):
    """As root: whatever the tool is inside, nothing that it makes belongs to somebody it is not."""
    trial.shell_inside(": > made; mkdir directory; ln -s x link; mkfifo fifo; sh -c ': > /tmp/x'")
    for path in trial.workspace.iterdir():
        status = path.lstat()
        trial.check(status.st_uid == trial.owner and status.st_gid == trial.owner, f"{path.name}: {status.st_uid}:{status.st_gid}")
    process = trial.start([*trial.sandbox(), "sleep", "20"])
    found = lambda: [pid for pid in os.listdir("/proc") if pid.isdigit() and is_tool(pid, process.pid)]
    if trial.check(eventually(found), "the tool does not run"):
        uids = pathlib.Path(f"/proc/{found()[0]}/status").read_text().split("Uid:")[1].split()[:4]
        trial.check("0" not in uids, f"the tool has the host's uid 0: {uids}")


def is_tool(pid, writ):
    """A grandchild of Writ's that has become its program."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
        parent = int(stat.rsplit(")", 1)[1].split()[1])
        grandparent = int(pathlib.Path(f"/proc/{parent}/stat").read_text().rsplit(")", 1)[1].split()[1])
        return grandparent == writ and "(sleep)" in stat
    except (OSError, IndexError, ValueError):
        return False


if __name__ == "__main__":
    main()
