#!/usr/bin/env python3
"""Section 6: system calls. Each is made for real or with arguments that it must refuse; the filter answers before that."""

from attack_harness import ALL, IS_ROOT, ONCE, attack, main

PROBES_54 = """keyctl add_key request_key bpf userfaultfd perf_event_open kexec_load kexec_file_load init_module finit_module
    delete_module reboot swapon swapoff acct quotactl quotactl_fd settimeofday clock_settime clock_adjtime adjtimex
    sethostname setdomainname syslog iopl ioperm modify_ldt vmsplice memfd_secret process_mrelease fanotify_init
    fanotify_mark migrate_pages move_pages lsm_get_self_attr lsm_set_self_attr""".split()
PROBES_53 = """mount umount2 pivot_root chroot open_tree open_tree_attr move_mount fsopen fsconfig fsmount fspick mount_setattr
    statmount listmount""".split()
PROBES_44 = """ptrace process_vm_readv process_vm_writev process_madvise pidfd_getfd kcmp perf_event_open""".split()
PROBES_21 = "openat2 name_to_handle_at open_by_handle_at".split()
# Not in every kernel of the supported distributions: then the control cannot succeed.
NEWER_OR_OPTIONAL = {"open_tree_attr", "statmount", "listmount", "lsm_get_self_attr", "lsm_set_self_attr", "quotactl_fd",
                     "kexec_load", "kexec_file_load", "acct", "quotactl", "init_module", "finit_module", "delete_module",
                     "iopl", "ioperm", "memfd_secret", "process_mrelease", "migrate_pages", "move_pages", "modify_ldt", "userfaultfd"}
NAMESPACES = "user mnt net pid ipc uts cgroup".split()


def probe_all(trial, names, profiles=("default",)):
    for name in names:
        why = "not in every kernel" if name in NEWER_OR_OPTIONAL else ""
        trial.stops("probe", name, control="root", why=why)
        trial.stops("probe", name, "high", control="root", why=why)
        if "strict" in profiles:
            held = trial.inside("probe", name, profile="strict")
            trial.check(held.kind == "STOPPED", f"strict: probe {name}: {held}")


@attack("50_io_uring")
def _(trial):
    for name in ("io_uring_setup", "io_uring_enter", "io_uring_register"):
        held = trial.stops("probe", name, control="root", why="switched off on some hosts")
        trial.check(held is None or held.detail == "ENOSYS", f"{name}: programs fall back on ENOSYS only: {held}")


@attack("51_other_abi")
def _(trial):
    for profile in ("default", "strict"):
        held = trial.stops("int80", why="a kernel without 32-bit programs", profile=profile)
        trial.check(held is None or held.detail == "signal 31", f"int80 must be killed: {held}")
        held = trial.stops("x32", why="a kernel without x32", profile=profile)
        trial.check(trial.inside("x32", profile=profile).detail == "signal 31", "x32 must be killed")


@attack("51_unknown_numbers", stages=ONCE)
def _(trial):
    # 335 and 336 are missing: Linux lets uretprobe and uprobe pass around every filter (and kills whoever is not a probe).
    for number in (337, 423, 457, 463, 470, 500, 600, 1000, 0x3FFFFFFF, -1, 1 << 31):
        held = trial.inside("unknown-number", number)
        trial.check(held.kind == "STOPPED" and held.detail in ("ENOSYS", "EPERM", "signal 31"), f"number {number}: {held}")
    free = trial.natively("unknown-number", 0)
    trial.check(free.kind == "ESCAPED", f"the control, read, must be known: {free}")


@attack("52_namespaces")
def _(trial):
    for name in NAMESPACES:
        for how in ("unshare", "clone", "clone3", "setns"):
            # Nobody may enter a user namespace twice.
            cannot = "a process cannot enter its own user namespace" if (how, name) == ("setns", "user") else ""
            trial.stops("namespace", how, name, control="none" if cannot else "root", why=cannot)
        for how in ("unshare-high", "clone-high"):
            trial.stops("namespace", how, name, control="root", why="bits above 32 may be refused by the kernel")
    trial.stops("namespace", "unshare", "time", control="root", why="not in every kernel")
    trial.stops("namespace", "clone3", "time", control="root", why="not in every kernel")
    held = trial.inside("namespace", "clone3", "user")
    trial.check(held.detail == "ENOSYS", f"programs fall back on ENOSYS only: {held}")


@attack("52_regain_power")
def _(trial):
    trial.stops("regain-power", control="root")
    trial.stops("capset", control="root")
    trial.stops("capabilities", control="root")
    trial.stops("become-root", control="root")
    for profile in ("strict", "build", "git"):
        for words in (["regain-power"], ["capabilities"], ["become-root"]):
            held = trial.inside(*words, profile=profile)
            trial.check(held.kind == "STOPPED", f"{profile}: {words}: {held}")


@attack("53_mount_family")
def _(trial):
    probe_all(trial, PROBES_53, ("default", "strict"))


@attack("53_mounts_of_the_view")
def _(trial):
    place = trial.file("place/.keep").parent
    protected = trial.file(".git/hooks/pre-commit").parent
    for how in ("overmount", "bind", "open-tree", "move", "proc", "fsopen"):
        trial.stops("mounts", how, place, control="root")
    trial.stops("mounts", "chroot", place, control="root")
    trial.stops("mounts", "fspick", "/proc", control="root")
    # The control undoes a mount of its own private copy of the host's mounts.
    for how, places in (("umount", (protected, "/etc/shadow", "/proc", "/dev/shm", "/tmp")),
                        ("remount", (protected, "/usr", "/proc", "/")),
                        ("writable", (protected, "/usr", "/proc", "/"))):
        for at in places:
            trial.stops("mounts", how, at, control="root", control_arguments=("mounts", how, "/proc"))
    trial.stops("mounts", "pivot", "/", control="none", why="the kernel wants a mount point below the root for it")


@attack("54_kernel_interfaces")
def _(trial):
    probe_all(trial, PROBES_54, ("default", "strict"))


@attack("44_process_interfaces")
def _(trial):
    probe_all(trial, PROBES_44, ("default", "strict"))


@attack("21_open_interfaces")
def _(trial):
    probe_all(trial, PROBES_21, ("default", "strict"))


@attack("54_personality")
def _(trial):
    # READ_IMPLIES_EXEC, ADDR_COMPAT_LAYOUT, the persona of 32-bit Linux
    for persona in ("0400000", "0200000", "8"):
        trial.stops("personality", persona)
    trial.stops("personality", "0400000", "high")


@attack("55_socket_families")
def _(trial):
    families = {"netlink-route": (16, 3, 0), "netlink-audit": (16, 3, 9), "netlink-netfilter": (16, 3, 12),
                "netlink-kobject": (16, 3, 15), "packet": (17, 3, 0), "raw-icmp": (2, 3, 1), "raw6": (10, 3, 58),
                "vsock": (40, 1, 0), "alg": (38, 5, 0), "bluetooth": (31, 3, 1), "xdp": (44, 3, 0), "can": (29, 3, 1),
                "tipc": (30, 1, 0), "rds": (21, 5, 0), "sctp": (2, 1, 132), "dccp": (2, 6, 33), "udplite": (2, 2, 136),
                "kcm": (41, 5, 0), "smc": (43, 1, 0), "x25": (9, 5, 0), "unix": (1, 1, 0), "unix-datagram": (1, 2, 0)}
    for name, numbers in families.items():
        certain = name.startswith(("netlink-route", "unix", "raw-"))
        trial.stops("socket", *numbers, control="root", why="" if certain else f"{name} is not in every kernel")
    for name in ("netlink-route", "packet", "vsock", "unix"):
        trial.stops("socket", *families[name], "high", control="root", why=f"{name} is not in every kernel")
    for profile in ("strict", "node", "build"):
        held = trial.inside("socket", 40, 1, 0, profile=profile)
        trial.check(held.kind == "STOPPED", f"{profile}: vsock: {held}")


@attack("57_high_bits", stages=ALL)
def _(trial):
    for name in ("own", "own-ex", "signal"):
        trial.stops("fcntl", 0, name, "high", stdin=None)
    trial.stops("prctl", "dumpable", "high")
    trial.stops("set-id", "chmod-high", trial.workspace / "high", "4755", reset=lambda: forget(trial, "high"))
    trial.stops("set-id", "open-high", trial.workspace / "high", "4755", reset=lambda: forget(trial, "high"))


def forget(trial, name):
    path = trial.workspace / name
    if path.is_dir():
        path.rmdir()
    else:
        path.unlink(missing_ok=True)


@attack("58_filters_of_its_own")
def _(trial):
    trial.stops("seccomp-listener")
    trial.stops("seccomp-loosen")
    trial.stops("no-new-privs", control="root")


@attack("45_process_options")
def _(trial):
    for option in ("dumpable", "seccomp", "tsc"):
        trial.stops("prctl", option)
    trial.stops("prctl", "ptracer", why="only with the Yama module")
    for option in ("mm", "bounding-drop", "securebits"):
        trial.stops("prctl", option, control="root", why="its value may be refused")


@attack("80_set_id_files")
def _(trial):
    """A set-uid or set-gid file in the workspace would run with the tool's identity for whoever executes it outside."""
    path = trial.workspace / "left"
    for call in ("chmod", "fchmod", "fchmodat", "fchmodat2", "open", "openat", "creat", "mknod", "mknodat"):
        why = "newer than some kernels" if call == "fchmodat2" else ""
        for mode in ("4755", "2755", "6755"):
            trial.stops("set-id", call, path, mode, why=why, reset=lambda: forget(trial, "left"))
    for call in ("mkdir", "mkdirat"):
        trial.stops("set-id", call, path, "2755", control="none", why="the kernel itself drops the bit here",
                    reset=lambda: forget(trial, "left"))
    trial.stops("set-id-tmpfile", trial.workspace, why="not on every file system")
    reset = lambda: forget(trial, "left")
    trial.stops("chown", path, 0, control="root", reset=reset)
    if IS_ROOT:
        trial.stops("chown", path, 1, control="root", reset=reset)
    trial.stops("mknod-device", path, control="root", reset=reset)


if __name__ == "__main__":
    main()
