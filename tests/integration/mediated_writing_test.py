#!/usr/bin/env python3
"""Mediated writing: what programs do in a tree that the broker writes must come out as in one that they write natively:
names, kinds, modes, owners, contents, links, attributes, and the times that a program sets."""

import os
import pathlib
import shutil
import stat
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from writ_testing import case_profile, expect_equal, expect_in, main, need, only  # noqa: E402

SET_TIME = 1_600_000_000  # times before this one were set by a program, later ones are "now"


def snapshot(top):
    """Everything beneath `top` as far as two runs can agree on it."""
    found, inodes = {}, {}
    for directory, names, files in os.walk(top):
        for name in sorted(names + files):
            path = os.path.join(directory, name)
            status = os.lstat(path)
            kind = stat.S_IFMT(status.st_mode)
            content = b""
            if stat.S_ISREG(kind):
                content = pathlib.Path(path).read_bytes()
            elif stat.S_ISLNK(kind):
                content = os.readlink(path).encode()
            twin = inodes.setdefault(status.st_ino, os.path.relpath(path, top)) if status.st_nlink > 1 and content else ""
            attributes = {} if stat.S_ISLNK(kind) else {n: os.getxattr(path, n) for n in os.listxattr(path)}
            time = status.st_mtime_ns if status.st_mtime < SET_TIME else "now"
            found[os.path.relpath(path, top)] = (oct(status.st_mode), status.st_uid, status.st_gid, content, twin, attributes, time)
    return found


def both(case, program, prepare=None, files=True):
    """Runs `program` natively and mediated, each in an empty workspace; output, status and files must be the same."""
    results = {}
    for writing in ("native", "mediated"):
        for entry in case.workspace.iterdir():
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
        if prepare:
            prepare()
        result = case.run("--profile", case_profile(case, writing), program=program)
        results[writing] = (result.returncode, result.stdout, result.stderr, snapshot(case.workspace) if files else {})
    native, mediated = results["native"], results["mediated"]
    expect_equal(mediated[:3], native[:3])
    for name in sorted(native[3].keys() | mediated[3].keys()):
        expect_equal((name, mediated[3].get(name)), (name, native[3].get(name)))
    expect_equal(native[0], 0)
    return mediated


def both_shell(case, script, **rest):
    return both(case, ["sh", "-ec", script], **rest)


def both_python(case, code, **rest):
    return both(case, ["python3", "-c", code], **rest)


def test_shell_tools(case):
    both_shell(case, """
        echo one > a; echo two >> a; mkdir -p d/e/f; mv a d/a; cp d/a b; ln b hard; ln -s d/a soft; echo three > soft
        mkdir -m 750 m; install -m 640 b inst; install -d -m 711 dd; touch -d '2001-02-03 04:05:06' b d m
        cp -a d d2; mv d2 d3; rm b; rmdir m; rm -r d3/e; chmod u+x,go-rwx inst; chmod -R g+w d; truncate -s 100 inst
        mknod fifo p; sed -i s/two/TWO/ d/a; : > empty; cat d/a hard; ls d; test -w d/a; test ! -e nothing""")


def test_umask_and_modes(case):
    both_shell(case, """
        umask 022; echo > a; mkdir b; umask 077; echo > c; mkdir d; (umask 0; echo > e; mkdir f); echo > g
        python3 -c 'import os; os.umask(0o027); open("h", "w"); os.mkdir("i", 0o777); os.mknod("j", 0o666)'
        chmod 4755 a 2>/dev/null || echo refused; chmod 2755 b 2>/dev/null || echo refused; chmod 1777 b; ls -l | cut -c1-10""")


def test_tar_and_copies(case):
    def prepare():
        for number in range(60):
            case.write(f"src/{number % 7}/file{number}", "x" * number * 37, mode=0o600 + number % 8)
        for path in sorted(case.workspace.rglob("*"), reverse=True):
            os.utime(path, (1_500_000_000, 1_500_000_000))
    both_shell(case, "tar cf t.tar src; mkdir out; tar xpf t.tar -C out; cp -a src copy; cp -r src plain; rm t.tar; rm -rf src", prepare=prepare)


def test_python_files(case):
    both_python(case, """
import os, shutil, tempfile, pathlib
with tempfile.TemporaryDirectory(dir='.') as d:
    pathlib.Path(d, 'x').write_text('x')
with tempfile.NamedTemporaryFile(dir='.', delete=False) as f:
    f.write(b'new'); name = f.name
os.replace(name, 'settings.json')
fd = os.open('new', os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o640)
os.write(fd, b'abc'); os.ftruncate(fd, 2); os.fchmod(fd, 0o604); os.utime(fd, (5, 6)); os.close(fd)
fd = os.open('new', os.O_RDONLY); os.fchmod(fd, 0o600); os.utime(fd, (7, 8)); os.close(fd)
fd = os.open('new', os.O_WRONLY | os.O_APPEND); os.write(fd, b'Z'); os.close(fd)
for flags, what in ((os.O_CREAT | os.O_EXCL, 'new'), (0, 'missing'), (os.O_CREAT, '.'), (os.O_CREAT, 'new/x'), (os.O_CREAT, 'no/x'),
                    (os.O_CREAT, 'slash/'), (0, 'new/'), (os.O_CREAT, ''), (os.O_CREAT, 'n' * 256), (os.O_DIRECTORY, 'new'), (0, '..')):
    try: os.open(what, os.O_WRONLY | flags); print(what, 'opened')
    except OSError as error: print(what[:9], error.errno)
os.symlink('loop2', 'loop1'); os.symlink('loop1', 'loop2'); os.symlink('target', 'dangling'); os.symlink('new', 'link')
for call in (lambda: os.open('loop1', os.O_WRONLY), lambda: os.open('link', os.O_WRONLY | os.O_NOFOLLOW), lambda: os.mkdir('link'),
             lambda: os.mkdir('new'), lambda: os.rmdir('new'), lambda: os.unlink('.'), lambda: os.rmdir('.'), lambda: os.rmdir('..'),
             lambda: os.rename('new', 'no/x'), lambda: os.rename('missing', 'x'), lambda: os.link('missing', 'x'), lambda: os.link('link', 'new'),
             lambda: os.mkdir('x/y'), lambda: os.symlink('', 'empty'), lambda: os.chmod('missing', 0), lambda: os.truncate('.', 0),
             lambda: os.truncate('new', -1), lambda: os.rename('.', 'x'), lambda: os.open('dangling', os.O_CREAT | os.O_EXCL), lambda: os.chown('new', 4, 4),
             lambda: os.unlink('new/'), lambda: os.rmdir('link/'), lambda: os.rename('new', 'x/'), lambda: os.mkdir('dangling'),
             lambda: os.setxattr('new', 'trusted.x', b''), lambda: os.removexattr('new', 'user.none'), lambda: os.setxattr('new', 'bad', b'')):
    try: call(); print('done')
    except OSError as error: print(error.errno)
open('dangling', 'w').write('through a link')
os.mkdir('slashes///'); os.rename('slashes/', 'moved/'); os.link('new', 'second'); os.link('link', 'link2', follow_symlinks=False)
os.chown('new', os.getuid(), os.getgid()); os.chown('link', -1, os.getgid(), follow_symlinks=False); os.utime('link', (1, 2), follow_symlinks=False)
os.setxattr('new', 'user.one', b'1'); os.setxattr('new', 'user.two', b'2'); os.removexattr('new', 'user.two')
os.truncate('new', 1); os.mkdir('t'); shutil.copytree('t', 't2'); os.utime('t2', (9, 9)); os.chmod('t2', 0o700)
print(os.access('new', os.W_OK), os.access('missing', os.W_OK), os.access('.', os.W_OK), sorted(os.listdir('.')))
""")


def test_directories_by_descriptor(case):
    both_python(case, """
import os
os.makedirs('a/b/c'); d = os.open('a', os.O_RDONLY | os.O_DIRECTORY); os.chdir('a/b')
os.mkdir('made', dir_fd=d); open('../up', 'w').write('u'); os.rename('../up', 'down'); os.link('down', 'l', dst_dir_fd=d)
os.symlink('b/down', 's', dir_fd=d); os.unlink('l', dir_fd=d); fd = os.open('made/f', os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=d); os.write(fd, b'f')
open('/proc/self/cwd/viacwd', 'w').write('1'); open(f'/proc/self/fd/{d}/viafd', 'w').write('2'); open('/dev/fd/%d' % fd, 'w').write('reopened')
open('c/../../deep', 'w').write('3'); os.utime('s', (3, 4), dir_fd=d, follow_symlinks=False); os.chmod('made', 0o711, dir_fd=d)
os.rename('made', 'named', src_dir_fd=d, dst_dir_fd=d); os.fchmod(d, 0o751); os.rmdir('c')
os.chdir('..'); os.rename('b', 'bb'); print(sorted(os.listdir('.')), os.getcwd().endswith('/a'))
for call in (lambda: os.mkdir('x', dir_fd=999), lambda: os.mkdir('x', dir_fd=fd)):
    try: call(); print('done')
    except OSError as error: print(error.errno)
""")


def test_temporary_files(case):
    both_python(case, """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
fd = os.open('.', os.O_TMPFILE | os.O_RDWR, 0o640); os.write(fd, b'nameless')
print(libc.linkat(-100, b'/proc/self/fd/%d' % fd, -100, b'named', 0x400), ctypes.get_errno())
print(libc.linkat(-100, b'/proc/self/fd/%d' % fd, -100, b'named', 0x400), ctypes.get_errno())
fd2 = os.open('.', os.O_TMPFILE | os.O_EXCL | os.O_RDWR, 0o640)
print(libc.linkat(-100, b'/proc/self/fd/%d' % fd2, -100, b'never', 0x400), ctypes.get_errno())
libc.renameat2(-100, b'named', -100, b'other', 1); os.mkdir('d'); print(libc.renameat2(-100, b'other', -100, b'd', 1), ctypes.get_errno())
print(libc.renameat2(-100, b'other', -100, b'd', 2), sorted(os.listdir('.')))
""")


def test_databases(case):
    both_python(case, """
import sqlite3
for mode in ('wal', 'delete'):
    db = sqlite3.connect(mode + '.db'); print(db.execute('pragma journal_mode=' + mode).fetchone())
    db.execute('create table t(a)'); db.executemany('insert into t values(?)', [(i,) for i in range(500)]); db.commit()
    db.execute('delete from t where a % 2'); db.commit(); print(db.execute('select count(*), sum(a) from t').fetchone(), db.execute('pragma integrity_check').fetchone()); db.close()
""", files=False)


def test_git(case):
    need("git")
    def prepare():
        case.write("a.txt", "first\n")
        case.on_host("git", "init", "-q", ".")
        case.on_host("git", "config", "user.email", "t@example.org")
        case.on_host("git", "config", "user.name", "T")
    done = both_shell(case, """
        export GIT_COMMITTER_DATE='2001-01-01T00:00:00Z' GIT_AUTHOR_DATE='2001-01-01T00:00:00Z'
        git add a.txt; git commit -qm one; git checkout -qb side; echo more >> a.txt; git commit -qam two; git checkout -q -; git merge -q side
        git mv a.txt b.txt; git commit -qm three; git tag t; git gc -q; git status --short; git log --format=%H; git fsck""", prepare=prepare, files=False)
    expect_in("\n", done[1])


def test_builds(case):
    need("make", "gcc")
    def prepare():
        case.write("main.c", "int main(void) { return 0; }\n")
        case.write("Makefile", "all: prog\nprog: main.o\n\tgcc -o $@ $<\nmain.o: main.c\n\tgcc -c -o $@ $<\nclean:\n\trm -f prog main.o\n")
    both_shell(case, "for i in 1 2 3 4 5; do make -s; ./prog; cp prog p$i; ./p$i; make -s clean; done", prepare=prepare)


def test_named_pipes(case):
    """Whoever reads from a FIFO gets what the writer writes and no early end of file; the same name may be a file before."""
    both_shell(case, """
        for i in 1 2 3 4 5 6 7 8; do
          echo file > p; echo again > p; rm p; mkfifo p; (cat p > out$i) & echo hello $i > p; wait; cat out$i; rm p
        done; mkdir d; echo x > d/p; mv d e; mkdir d; mkfifo d/p; (cat d/p > out) & echo moved > d/p; wait; cat out e/p""")


def test_moved_directories(case):
    """A working directory that was moved, removed or replaced, and a home whose directories the tool moves itself."""
    both_python(case, """
import os
os.makedirs('a/b'); os.chdir('a/b'); open('one', 'w').write('1'); os.rename('../../a', '../../c'); open('two', 'w').write('2')
os.makedirs('../../a/b'); open('three', 'w').write('3'); print(sorted(os.listdir('.')), os.listdir('../../a/b'))
d = os.open('.', os.O_RDONLY); os.chdir('../..'); os.close(os.open('four', os.O_CREAT | os.O_WRONLY, 0o640, dir_fd=d)); print(sorted(os.listdir('c/b')))
f = os.open('c/b/one', os.O_WRONLY)
for start in (f, 77):
    try: os.open('x', os.O_CREAT | os.O_WRONLY, dir_fd=start); print('opened')
    except OSError as error: print(error.errno)
os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone')
for flags in (os.O_CREAT, 0):
    try: os.open('x', os.O_WRONLY | flags); print('opened')
    except OSError as error: print(error.errno)
os.chdir('..'); os.mkdir('odd (deleted)'); os.chdir('odd (deleted)'); open('x', 'w').write('x'); os.chdir('..')
os.mkdir('gone'); open('gone/x', 'w').write('y'); print(open('gone/x').read(), os.listdir('odd (deleted)'))
here = os.getcwd()
for path in (here + '//a///b/./y', here + '/a/b/../z', here + '/w', here + '/a/b/v'): open(path, 'w').write(path[len(here):])
""")


def test_flags_of_open(case):
    """Every flag but O_ASYNC comes out as open(2) has it, the unknown ones ignored."""
    both_python(case, """
import ctypes, fcntl, os
libc = ctypes.CDLL(None, use_errno=True)
NAMES = ('new%d', 'old%d', 'd/new%d')
os.mkdir('d'); count = 0
for mode in (os.O_WRONLY, os.O_RDWR, 3):
    for more in (0, os.O_CREAT, os.O_TRUNC, os.O_CREAT | os.O_TRUNC, os.O_CREAT | os.O_EXCL, os.O_APPEND, os.O_NONBLOCK, os.O_SYNC, os.O_DSYNC, os.O_NOATIME, os.O_NOCTTY,
                 os.O_DIRECTORY, os.O_NOFOLLOW, os.O_CREAT | os.O_DIRECTORY, 0o100000, 1 << 27, 1 << 30 | os.O_CREAT):
        for name in NAMES:
            count += 1; path = name % count
            if name.startswith('old'): open(path, 'w').write('content')
            fd = libc.open(path.encode(), ctypes.c_int(mode | more), 0o755)
            status = fcntl.fcntl(fd, fcntl.F_GETFL) & ~0o100000 if fd >= 0 else -ctypes.get_errno()
            inherits = os.get_inheritable(fd) if fd >= 0 else None
            print(mode, oct(more), name, oct(status), inherits, os.path.getsize(path) if os.path.exists(path) else None)
            if fd >= 0: os.close(fd)
""")


def test_many_threads(case):
    both_python(case, """
import os, threading
def work(n):
    for i in range(60):
        name = f'{n}-{i}'; open(name, 'w').write(name); os.rename(name, name + '.x'); os.mkdir('d' + name); os.rmdir('d' + name)
        if i % 3: os.unlink(name + '.x')
threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
[t.start() for t in threads]; [t.join() for t in threads]; print(len(os.listdir('.')))
""")


def test_signal_storm(case):
    """Calls that are interrupted are made once: each name exists exactly once, each append is there exactly once."""
    for restart in ("True", "False"):
        result = case.run("--profile", case_profile(case, "mediated"), program=["python3", "-c", f"""
import errno, os, signal
hits = 0
def handler(*_):
    global hits; hits += 1
signal.signal(signal.SIGALRM, handler); signal.siginterrupt(signal.SIGALRM, not {restart}); signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
twice = interrupted = 0
def once(call):
    # A call that was interrupted before the broker took it was not made.
    global twice, interrupted
    while True:
        try: return call()
        except InterruptedError: interrupted += 1
        except (FileExistsError, FileNotFoundError): twice += 1; return -1
for i in range(250):
    once(lambda: os.mkdir('d')); once(lambda: os.rmdir('d'))
    fd = once(lambda: os.open('f', os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)); os.close(fd); once(lambda: os.unlink('f'))
signal.setitimer(signal.ITIMER_REAL, 0, 0)
print('signals', hits > 20, 'twice', twice, 'interrupted', interrupted > 0 and {restart})
"""])
        expect_equal((result.returncode, result.stdout, result.stderr), (0, "signals True twice 0 interrupted False\n", ""))


def test_limits_of_descriptors(case):
    both_python(case, """
import os, resource, signal
resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20)); held = []
try:
    while True: held.append(os.open('f%d' % len(held), os.O_CREAT | os.O_WRONLY, 0o644))
except OSError as error: print(error.errno, len(held) > 5)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
try: os.truncate('f0', 2000)
except OSError as error: print(error.errno)
for fd in held: os.close(fd)
print(os.get_inheritable(os.open('f0', os.O_WRONLY)))
""", files=False)


def test_other_places(case):
    """What lies outside of the tree works as before, links from there into it as well."""
    both_python(case, """
import os, sys
open('/tmp/x', 'w').write('x'); os.rename('/tmp/x', '/tmp/y'); os.mkdir('/dev/shm/d'); open('/dev/null', 'w').write('x')
os.symlink(os.getcwd(), '/tmp/ws'); open('/tmp/ws/in', 'w').write('in'); os.symlink('/tmp/y', 'out'); open('out', 'a').write('more'); print(open('/tmp/y').read())
for call in (lambda: os.rename('/tmp/y', 'y'), lambda: os.link('in', '/tmp/in'), lambda: os.rename('in', '/tmp/in'), lambda: open('/usr/x', 'w'), lambda: os.mkdir('/etc/x')):
    try: call(); print('done')
    except OSError as error: print(error.errno)
os.mkfifo('fifo'); r = os.open('fifo', os.O_RDONLY | os.O_NONBLOCK); w = os.open('fifo', os.O_WRONLY); os.write(w, b'p'); print(os.read(r, 1))
""")


@only("user")
def test_denials_are_listed(case):
    result, report = case.report("--profile", case_profile(case, "mediated"), program=[
        "sh", "-c", "echo x > .envrc; echo x > .envrc; mkdir .vscode; mkdir -p .git; echo x > .git/config; touch ok"])
    expect_equal(sorted(os.listdir(case.workspace)), [".git", "ok"])
    listed = {(os.path.basename(entry["path"]), entry["times"]) for entry in report["denials"]}
    expect_equal(listed, {(".envrc", 2), (".vscode", 1), ("config", 1)})
    expect_equal({entry["cause"] for entry in report["denials"]}, {"protected"})
    expect_in("writ: denied: write", result.stderr)
    expect_in("(2 times)", result.stderr)
    quiet = case.run("--quiet", "--profile", case_profile(case, "mediated"), program=["sh", "-c", "echo x > .envrc"])
    assert "denied:" not in quiet.stderr, quiet.stderr
    traced = case.run("--trace", "--profile", case_profile(case, "mediated"), program=["sh", "-c", "echo x > .envrc"])
    expect_equal(traced.stderr.count("writ: denied:"), 1)


if __name__ == "__main__":
    sys.exit(main(globals()))
