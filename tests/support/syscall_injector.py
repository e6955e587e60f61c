"""What a process that was taken over could do: makes system calls in the place of another process, with ptrace(2), as root.

Injector(pid) stops the process; call(name, *arguments) makes one system call there and returns its result (-errno for a
failure); close() puts everything back and lets the process go on where it was. The process must be single-threaded and in
a system call (waiting), which a broker is whose tool sleeps. x86-64 only.
"""

import ctypes
import errno
import os
import struct

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.ptrace.restype = ctypes.c_long
LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]

PTRACE_SINGLESTEP, PTRACE_GETREGS, PTRACE_SETREGS, PTRACE_ATTACH, PTRACE_DETACH = 9, 12, 13, 16, 17
PTRACE_TRACEME = 0
FIELDS = ("r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi", "rdi", "orig_rax",
          "rip", "cs", "eflags", "rsp", "ss", "fs_base", "gs_base", "ds", "es", "fs", "gs")
ARGUMENTS = ("rdi", "rsi", "rdx", "r10", "r8", "r9")

NUMBERS = {
    "read": 0, "open": 2, "close": 3, "mmap": 9, "mprotect": 10, "ioctl": 16, "shmget": 29, "socket": 41, "clone": 56,
    "fork": 57, "execve": 59, "kill": 62, "rename": 82, "mkdir": 83, "unlink": 87, "symlink": 88, "chmod": 90,
    "ptrace": 101, "syslog": 103, "setuid": 105, "setgid": 106, "setreuid": 113, "setresuid": 117, "setfsuid": 122,
    "capset": 126, "mknod": 133, "personality": 135, "pivot_root": 155, "prctl": 157, "modify_ldt": 154, "chroot": 161,
    "acct": 163, "settimeofday": 164, "mount": 165, "umount2": 166, "swapon": 167, "reboot": 169, "sethostname": 170,
    "iopl": 172, "ioperm": 173, "init_module": 175, "delete_module": 176, "quotactl": 179, "io_setup": 206,
    "mq_open": 240, "kexec_load": 246, "add_key": 248, "request_key": 249, "keyctl": 250, "unshare": 272,
    "perf_event_open": 298, "fanotify_init": 300, "name_to_handle_at": 303, "open_by_handle_at": 304, "setns": 308,
    "process_vm_writev": 311, "kcmp": 312, "finit_module": 313, "seccomp": 317, "kexec_file_load": 320, "bpf": 321,
    "execveat": 322, "userfaultfd": 323, "pkey_mprotect": 329, "io_uring_setup": 425, "open_tree": 428,
    "move_mount": 429, "fsopen": 430, "fsmount": 432, "clone3": 435, "mount_setattr": 442, "landlock_create_ruleset": 444,
}


class Injector:
    def __init__(self, pid):
        self.pid = pid
        self._trace(PTRACE_ATTACH)
        os.waitpid(pid, 0x40000000)  # __WALL
        self.saved = self._registers()
        self.memory = os.open(f"/proc/{pid}/mem", os.O_RDWR | os.O_CLOEXEC)
        self.instruction = self.saved["rip"] - 2
        assert self._peek(self.instruction, 2) == b"\x0f\x05", "the process is not in a system call"
        # Below what the process itself, and its signal handlers, use of the stack.
        self.scratch = (self.saved["rsp"] - 65536) & ~0xfff
        self.next = self.scratch

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _trace(self, request, data=None):
        if LIBC.ptrace(request, self.pid, None, data) < 0:
            raise OSError(ctypes.get_errno(), f"ptrace request {request}")

    def _registers(self):
        space = ctypes.create_string_buffer(8 * len(FIELDS))
        self._trace(PTRACE_GETREGS, ctypes.cast(space, ctypes.c_void_p))
        return dict(zip(FIELDS, struct.unpack(f"{len(FIELDS)}Q", space.raw)))

    def _set(self, registers):
        space = ctypes.create_string_buffer(struct.pack(f"{len(FIELDS)}Q", *(registers[name] for name in FIELDS)))
        self._trace(PTRACE_SETREGS, ctypes.cast(space, ctypes.c_void_p))

    def _peek(self, address, size):
        return os.pread(self.memory, size, address)

    def _place(self, value):
        """A number as it is; text and bytes as a pointer to a copy in the process."""
        if isinstance(value, int):
            return value & 0xFFFFFFFFFFFFFFFF
        data = value.encode() + b"\0" if isinstance(value, str) else value
        address = self.next
        os.pwrite(self.memory, data, address)
        self.next = (address + len(data) + 15) & ~15
        return address

    def call(self, name, *arguments):
        self.next = self.scratch
        registers = dict(self.saved)
        registers.update(rip=self.instruction, rax=NUMBERS[name], orig_rax=0xFFFFFFFFFFFFFFFF)
        for register, value in zip(ARGUMENTS, arguments + (0,) * (6 - len(arguments))):
            registers[register] = self._place(value)
        self._set(registers)
        self._trace(PTRACE_SINGLESTEP)
        _, status = os.waitpid(self.pid, 0x40000000)
        if not os.WIFSTOPPED(status):
            raise ChildProcessError(f"{name} ended the process: {status:#x}")
        result = self._registers()["rax"]
        return result - (1 << 64) if result >> 63 else result

    def close(self):
        os.close(self.memory)
        self._set(self.saved)
        self._trace(PTRACE_DETACH)


def shown(result):
    return errno.errorcode.get(-result, str(result)) if result < 0 else str(result)
