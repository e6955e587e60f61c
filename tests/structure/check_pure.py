#!/usr/bin/env python3
"""Proves that the pure core makes no system call: `check_pure.py NM ARCHIVE` lists the symbols that ARCHIVE needs from
elsewhere and fails on every one through which the outside world could be reached. `check_pure.py NM --control ARCHIVE` is
the negative control: it fails unless ARCHIVE (one that is known to make system calls) is caught."""

import re
import subprocess
import sys

# Functions of libc that reach the kernel, and the C++ classes over files and threads.
IMPURE = re.compile(
    r"^_?_?(open|open64|openat|openat64|openat2|creat|close|read|write|pread|pwrite|readv|writev|lseek|ioctl|fcntl|dup[23]?"
    r"|stat|fstat|lstat|fstatat|statx|access|faccessat|readlink|readlinkat|realpath|getcwd|chdir|opendir|readdir"
    r"|mkdir|unlink|rename|link|symlink|chmod|chown|mount|umount2?|socket|connect|bind|listen|accept4?|send|recv|sendmsg"
    r"|recvmsg|fork|vfork|clone|execve|execv|execvp|posix_spawn|system|popen|wait|waitpid|kill|signal|sigaction|prctl"
    r"|syscall|unshare|setns|getpid|getuid|geteuid|getpwnam|getpwuid|getenv|secure_getenv|setenv|fopen|fopen64|fread"
    r"|fwrite|printf|puts|time|clock_gettime|gettimeofday|nanosleep|pthread_create|memfd_create|mmap|pipe2?)$"
    r"|basic_(i|o)?fstream|basic_filebuf|filesystem|St6thread|system_clock3now|steady_clock3now"
)


def impure_symbols(nm, archive):
    listing = subprocess.run([nm, "--undefined-only", archive], capture_output=True, text=True, check=True).stdout
    names = {line.split()[-1] for line in listing.splitlines() if " U " in line}
    return sorted(name for name in names if IMPURE.search(name))


def main(arguments):
    if len(arguments) == 3 and arguments[1] == "--control":
        caught = impure_symbols(arguments[0], arguments[2])
        print(f"caught {len(caught)}: {' '.join(caught[:8])}")
        return 0 if caught else 1
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    found = impure_symbols(*arguments)
    for name in found:
        print(f"{arguments[1]}: the pure core must not call {name}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
