"""How each launcher is told to build the same sandbox: /usr, /etc and /opt read-only, a private /tmp, /proc and /dev, the
workspace read-write, namespaces of its own for everything, no network, no capability, and as many system calls."""

import errno
import json
import os
import re
import shutil
import subprocess

from work_area import CannotRun, Command, first_lines, run_as

SECCOMP_FD = 9
READ_ONLY_TREES = ("/usr", "/etc", "/opt")
# Where a merged /usr has its links: name -> target.
ROOT_LINKS = {"/bin": "usr/bin", "/lib": "usr/lib", "/lib64": "usr/lib64", "/sbin": "usr/sbin"}

BEST_PEER = "bubblewrap+seccomp"  # what the targets are about
PEER_PROGRAMS = {"bubblewrap": "bwrap", "firejail": "firejail", "crun": "crun"}


def installed(program):
    return shutil.which(program) is not None


def version_of(program):
    """The first number that looks like a version in what `program --version` prints, or None."""
    if not installed(program):
        return None
    output = subprocess.run([program, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    found = re.search(r"\d+(\.\d+)+", output.stdout + output.stderr)
    return found.group(0) if found else "unknown"


class Peers:
    """Makes the commands. Owns the compiled filters that bubblewrap is given."""

    def __init__(self, area):
        self._area = area
        self._filters = {shape: self._compile_filter(shape) for shape in ("linear", "tree")}
        self.call_names = self._exporter("--names").split()

    def _exporter(self, *words):
        done = subprocess.run([self._area.program("seccomp_export"), *words], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise CannotRun(first_lines(done.stderr))
        return done.stdout

    def _compile_filter(self, shape):
        path = self._area.root / f"{shape}.bpf"
        self._exporter(shape, str(path))
        path.chmod(0o644)
        return path

    def filter_instructions(self):
        return {shape: path.stat().st_size // 8 for shape, path in self._filters.items()}

    def native(self, workspace, program):
        return Command("native", workspace, list(program))

    def writ(self, workspace, program):
        return Command("writ", workspace, [self._area.program("writ"), "run", "--quiet", "--", *program])

    def bubblewrap(self, workspace, program, shape=None):
        """`shape`: of the seccomp filter, "linear" or "tree", or None for no filter at all."""
        words = ["bwrap", "--unshare-all", "--new-session", "--die-with-parent", "--cap-drop", "ALL"]
        for tree in READ_ONLY_TREES:
            words += ["--ro-bind-try", tree, tree]
        for link, target in ROOT_LINKS.items():
            words += ["--symlink", target, link]
        words += ["--tmpfs", "/tmp", "--proc", "/proc", "--dev", "/dev"]
        words += ["--bind", workspace, workspace, "--chdir", workspace]
        if shape is None:
            return Command("bubblewrap", workspace, [*words, "--", *program])
        name = BEST_PEER if shape == "linear" else f"{BEST_PEER} {shape}"
        words += ["--seccomp", SECCOMP_FD]
        return Command(name, workspace, [*words, "--", *program], ((SECCOMP_FD, self._filters[shape]),))

    def best_peer(self, workspace, program):
        return self.bubblewrap(workspace, program, "linear")

    def firejail(self, workspace, program):
        words = ["firejail", "--quiet", "--noprofile", "--net=none", "--ipc-namespace", "--private-tmp", "--private-dev",
                 "--caps.drop=all", "--nonewprivs", "--seccomp.keep=" + ",".join(self.call_names)]
        words += [f"--read-only={tree}" for tree in READ_ONLY_TREES]
        return Command("firejail", workspace, [*words, "--", *program])

    def crun(self, workspace, program, person):
        bundle = self._area.new_directory(person, "bundle")
        make_bundle(bundle, workspace, program, person, self.call_names)
        state = self._area.new_directory(person, "crun-state")
        words = ["crun", "--root", state, "--cgroup-manager=disabled", "run", "--bundle", bundle, "writ-bench"]
        return Command("crun", workspace, words)


def make_bundle(bundle, workspace, program, person, call_names):
    """Writes an OCI bundle; its root has the links and the places that mounts need."""
    root = bundle / "rootfs"
    for place in ("/tmp", "/proc", "/dev", *READ_ONLY_TREES, workspace):
        (root / str(place).lstrip("/")).mkdir(parents=True, exist_ok=True)
    for link, target in ROOT_LINKS.items():
        (root / link.lstrip("/")).symlink_to(target)
    (bundle / "config.json").write_text(json.dumps(oci_config(workspace, program, person, call_names)), "utf-8")
    owner = run_as_owner(bundle, person)
    if owner.returncode != 0:
        raise CannotRun(f"cannot hand over a bundle: {first_lines(owner.stderr)}")


def run_as_owner(path, person):
    return subprocess.run(["chown", "-hR", f"{person.uid}:{person.gid}", path], capture_output=True, text=True, check=False)


def bind_mount(path, *options):
    return {"destination": str(path), "type": "bind", "source": str(path), "options": ["rbind", "nosuid", *options]}


def oci_config(workspace, program, person, call_names):
    mounts = [{"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev"]},
              {"destination": "/proc", "type": "proc", "source": "proc"},
              {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]}]
    mounts += [bind_mount(tree, "ro", "nodev") for tree in READ_ONLY_TREES] + [bind_mount(workspace, "rw", "nodev")]
    none = {kind: [] for kind in ("bounding", "effective", "inheritable", "permitted", "ambient")}
    namespaces = [{"type": kind} for kind in ("user", "mount", "pid", "network", "ipc", "uts", "cgroup")]
    return {
        "ociVersion": "1.0.0",
        "process": {"terminal": False, "user": {"uid": 0, "gid": 0}, "args": list(map(str, program)),
                    "env": ["PATH=/usr/local/bin:/usr/bin:/bin"], "cwd": str(workspace), "capabilities": none,
                    "noNewPrivileges": True},
        "root": {"path": "rootfs", "readonly": True},
        "hostname": "sandbox",
        "mounts": mounts,
        "linux": {
            "namespaces": namespaces,
            "uidMappings": [{"containerID": 0, "hostID": person.uid, "size": 1}],
            "gidMappings": [{"containerID": 0, "hostID": person.gid, "size": 1}],
            "seccomp": {"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": errno.ENOSYS,
                        "syscalls": [{"names": list(call_names), "action": "SCMP_ACT_ALLOW"}]},
        },
    }


def cgroup2_alone():
    """Words that show their program a host with cgroup v2 alone: crun refuses a host that has v1 and v2 side by side."""
    if os.geteuid() != 0 or not os.path.isdir("/sys/fs/cgroup/unified"):
        return ()
    script = 'umount -l /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec "$@"'
    return ("unshare", "--mount", "--propagation", "private", "--", "sh", "-c", script, "sh")


def works(person, command, around=()):
    """Starts the command once. Returns None when it works, else why not."""
    try:
        done = run_as(person, command.shell_words(), command.directory, around, timeout=60)
    except subprocess.TimeoutExpired:
        return "it does not end"
    except OSError as error:
        return error.strerror
    if done.returncode == 0:
        return None
    return f"exit status {done.returncode}: {first_lines(done.stderr or done.stdout) or 'no message'}"
