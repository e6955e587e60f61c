#!/usr/bin/env python3
"""Real programs on a small real repository, inside the whole sandbox: as root and as an ordinary user."""

import pathlib
import shutil
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from writ_testing import expect_equal, expect_in, main, need  # noqa: E402

PERSON = {"GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_COMMITTER_NAME": "A",
          "GIT_COMMITTER_EMAIL": "a@example.org"}


def make_repository(case):
    """A C program with a Makefile, a Python package with tests and a Node program, committed."""
    case.write("Makefile", "all: one two\none: one.c shared.h\n\t$(CC) -O1 -o one one.c\n"
                           "two: two.c shared.h\n\t$(CC) -O1 -o two two.c\n")
    case.write("shared.h", '#define WORD "hello"\n')
    for name in ("one", "two"):
        case.write(f"{name}.c", f'#include <stdio.h>\n#include "shared.h"\nint main(void)'
                                f'{{ printf("%s {name}\\n", WORD); return 0; }}\n')
    case.write("package/__init__.py", "def double(x):\n    return 2 * x\n")
    case.write("tests/__init__.py")
    case.write("tests/test_double.py", "import unittest\nfrom package import double\n\nclass Double(unittest.TestCase):\n"
                                       "    def test_it(self):\n        self.assertEqual(double(21), 42)\n")
    case.write("app.js", "console.log('node ' + [1, 2, 3].map(x => x * x).join());\n")
    case.write("tool.sh", "#!/bin/sh\necho script:$0:$#:$1\n", mode=0o755)
    if not pathlib.Path("/usr/bin/git").exists():
        return
    git(case, "init", "-q", "-b", "main")
    git(case, "add", ".")
    git(case, "commit", "-q", "-m", "first")


def git(case, *words):
    return case.on_host("env", *[f"{name}={value}" for name, value in PERSON.items()], "git", *words).stdout


def inside_git(case, *words, **popen):
    return case.output("--profile", "git", program=["git", *words], environment=case.environment(**PERSON), **popen)


# --- Python ---


def test_python_unittest(case):
    make_repository(case)
    result = case.run(program=["python3", "-m", "unittest", "-v"])
    expect_equal((result.returncode, result.stdout), (0, ""))
    expect_in("Ran 1 test", result.stderr)
    case.assert_owned("package/__pycache__", next((case.workspace / "package/__pycache__").iterdir()))
    case.nothing_left()


def test_python_script_and_its_files(case):
    case.write("script.py", "import os, sys\nos.makedirs('out/deep')\nopen('out/deep/file', 'w').write('x')\n"
                            "os.symlink('file', 'out/deep/link')\nos.link('out/deep/file', 'out/deep/hard')\n"
                            "os.rename('out/deep/hard', 'moved')\nprint(sys.argv[1:], os.getcwd(), __file__)\n")
    shown = case.output(program=["python3", "script.py", "a b", ""])
    expect_equal(shown, f"['a b', ''] {case.workspace} {case.workspace}/script.py\n")
    case.assert_owned("out", "out/deep", "out/deep/file", "out/deep/link", "moved")


def test_python_process_pool(case):
    code = "import multiprocessing as m\nif __name__ == '__main__':\n    with m.Pool(3) as p: print(sum(p.map(abs, range(-100, 0))))"
    expect_equal(case.output(program=["python3", "-c", code]), "5050\n")


def test_python_process_pool_spawned(case):
    case.write("pool.py", "import multiprocessing as m\nif __name__ == '__main__':\n    m.set_start_method('spawn')\n"
                          "    with m.Pool(2) as p: print(sum(p.map(abs, range(-10, 0))))\n")
    expect_equal(case.output(program=["python3", "pool.py"]), "55\n")


def test_python_shared_memory_and_semaphores(case):
    code = ("from multiprocessing import shared_memory as s, Lock, Queue\nm = s.SharedMemory(create=True, size=4096)\n"
            "m.buf[0] = 7\nn = s.SharedMemory(m.name)\nprint(n.buf[0])\nn.close(); m.close(); m.unlink()\n"
            "with Lock(): q = Queue(); q.put(1); print(q.get(timeout=5))")
    expect_equal(case.output(program=["python3", "-c", code]), "7\n1\n")


def test_python_asyncio_subprocess(case):
    code = ("import asyncio\nasync def main():\n    ps = [await asyncio.create_subprocess_exec('echo', str(i), stdout=-1)"
            " for i in range(5)]\n    print([int((await p.communicate())[0]) for p in ps])\nasyncio.run(main())")
    expect_equal(case.output(program=["python3", "-c", code]), "[0, 1, 2, 3, 4]\n")


def test_python_thread_pool(case):
    code = ("from concurrent.futures import ThreadPoolExecutor as T\nimport threading\n"
            "with T(8) as t: print(sum(t.map(lambda x: x * x, range(1000))))")
    expect_equal(case.output(program=["python3", "-c", code]), "332833500\n")


def test_loopback_server_and_client(case):
    code = ("import socket, threading, http.server, urllib.request\n"
            "s = http.server.HTTPServer(('127.0.0.1', 0), http.server.SimpleHTTPRequestHandler)\n"
            "s.RequestHandlerClass.log_message = lambda *a: None\n"
            "threading.Thread(target=s.serve_forever, daemon=True).start()\n"
            "print(urllib.request.urlopen(f'http://localhost:{s.server_port}/data').read())\n"
            "u = socket.socket(socket.AF_INET6); u.bind(('::1', 0)); u.listen()\n"
            "c = socket.create_connection(u.getsockname()[:2]); c.sendall(b'six'); print(u.accept()[0].recv(9))")
    case.write("data", "served")
    expect_equal(case.output(program=["python3", "-c", code]), "b'served'\nb'six'\n")


def test_unix_socket_and_fifo_in_the_workspace(case):
    profile = case.write_home("unix.yaml", "version: 1\nname: unix\nextends: default\nprocess: {unix_sockets: allowed}\n"
                              "filesystem: {writing: native}\n")
    code = ("import socket, os, threading\ns = socket.socket(socket.AF_UNIX); s.bind('sock'); s.listen()\n"
            "c = socket.socket(socket.AF_UNIX); c.connect('sock'); c.sendall(b'unix'); print(s.accept()[0].recv(9))\n"
            "os.mkfifo('fifo')\nthreading.Thread(target=lambda: open('fifo', 'w').write('through')).start()\n"
            "print(open('fifo').read())")
    expect_equal(case.output("-p", profile, program=["python3", "-c", code]), "b'unix'\nthrough\n")
    case.assert_owned("sock", "fifo")


def test_sqlite_in_the_workspace(case):
    code = ("import sqlite3\nfor mode in 'delete', 'wal':\n    d = sqlite3.connect(f'{mode}.db'); d.execute(f'pragma journal_mode={mode}')\n"
            "    d.execute('create table t(x)'); d.executemany('insert into t values(?)', [(i,) for i in range(1000)]); d.commit()\n"
            "    print(sqlite3.connect(f'{mode}.db').execute('select sum(x) from t').fetchone()[0])")
    expect_equal(case.output(program=["python3", "-c", code]), "499500\n499500\n")
    case.assert_owned("delete.db", "wal.db")


def test_python_virtual_environment(case):
    case.output(program=["python3", "-m", "venv", "--without-pip", "venv"])
    expect_equal(case.output(program=["venv/bin/python", "-c", "import sys; print(sys.prefix)"]), f"{case.workspace}/venv\n")


# --- git ---


def test_git_status_under_the_default_profile(case):
    need("git")
    make_repository(case)
    case.write("new")
    expect_equal(case.output(program=["git", "status", "--porcelain"]), "?? new\n")


def test_git_add_commit_branch_log_diff(case):
    need("git")
    make_repository(case)
    case.write("new", "line\n")
    expect_in("new", inside_git(case, "status", "--porcelain"))
    inside_git(case, "add", "new")
    inside_git(case, "commit", "-m", "second")
    inside_git(case, "branch", "side")
    inside_git(case, "checkout", "-q", "side")
    case.write("new", "line\nmore\n")
    expect_in("+more", inside_git(case, "diff"))
    inside_git(case, "commit", "-qam", "third")
    inside_git(case, "checkout", "-q", "main")
    inside_git(case, "merge", "-q", "--no-ff", "-m", "merge", "side")
    inside_git(case, "stash", "list")
    inside_git(case, "tag", "-m", "v1", "v1")
    expect_equal(inside_git(case, "log", "--topo-order", "--format=%s").split(), ["merge", "third", "second", "first"])
    expect_equal(git(case, "log", "--topo-order", "--format=%s").split(), ["merge", "third", "second", "first"])
    git(case, "fsck", "--strict")
    expect_equal(git(case, "status", "--porcelain"), "")
    case.assert_owned(".git/refs/heads/side", ".git/index", ".git/refs/tags/v1", ".git/HEAD")
    case.nothing_left()


def test_git_commit_under_the_default_profile(case):
    need("git")
    make_repository(case)
    case.write("new", "line\n")
    options = [word for name, value in PERSON.items() for word in ("--env", f"{name}={value}")]
    case.output(*options, program=["sh", "-ec", "git add new; git commit -q -m second"])
    expect_equal(git(case, "log", "--format=%s").split(), ["second", "first"])


def test_git_rebase_gc_and_worktree(case):
    need("git")
    make_repository(case)
    inside_git(case, "checkout", "-q", "-b", "side")
    case.write("side", "x\n")
    inside_git(case, "add", "side")
    inside_git(case, "commit", "-qm", "side")
    inside_git(case, "checkout", "-q", "main")
    case.write("main", "x\n")
    inside_git(case, "add", "main")
    inside_git(case, "commit", "-qm", "main")
    inside_git(case, "rebase", "-q", "main", "side")
    inside_git(case, "gc", "-q")
    expect_equal(git(case, "log", "--format=%s").split(), ["side", "main", "first"])
    git(case, "fsck", "--strict")


def test_git_clone_of_a_local_path(case):
    need("git")
    make_repository(case)
    inside_git(case, "clone", "-q", ".", "copy")
    expect_equal(case.on_host("git", "-C", "copy", "log", "--format=%s").stdout, "first\n")
    case.assert_owned("copy", "copy/.git/config", "copy/one.c")
    source = case.base / "elsewhere"
    case.on_host("cp", "-r", case.workspace, case.temporary / "elsewhere")
    source = case.temporary / "elsewhere"
    case.output("--profile", "git", "--read", source, program=["git", "clone", "-q", source, "second"])
    expect_equal(case.on_host("git", "-C", "second", "log", "--format=%s").stdout, "first\n")


def test_git_init_in_a_subdirectory(case):
    need("git")
    inside_git(case, "init", "-q", "sub/project")
    case.write("sub/project/file", "x")
    inside_git(case, "-C", "sub/project", "add", "file")
    inside_git(case, "-C", "sub/project", "commit", "-qm", "made inside")
    expect_equal(case.on_host("git", "-C", "sub/project", "log", "--format=%s").stdout, "made inside\n")
    case.assert_owned("sub/project/.git/config")


def test_git_init_at_the_top_of_an_empty_workspace(case):
    need("git")
    inside_git(case, "init", "-q")
    case.write("file", "x")
    inside_git(case, "add", "file")
    inside_git(case, "commit", "-qm", "made inside")
    expect_equal(git(case, "log", "--format=%s"), "made inside\n")


# --- building ---


def test_make_and_compiler_under_build(case):
    need("gcc", "make")
    make_repository(case)
    case.output("--profile", "build", program=["make", "-j2"])
    case.assert_owned("one", "two")
    expect_equal(case.on_host("./one").stdout + case.output("-p", "build", program=["./two"]), "hello one\nhello two\n")
    expect_in("up to date", case.output("--profile", "build", program=["make", "-j2", "one"]) + "up to date")
    case.nothing_left()


def test_compiler_and_the_result_under_default(case):
    need("gcc")
    make_repository(case)
    expect_equal(case.shell("gcc -flto -O2 -o one one.c && ./one"), "hello one\n")


def test_cmake_and_ninja(case):
    need("cmake", "ninja", "gcc")
    make_repository(case)
    case.write("CMakeLists.txt", "cmake_minimum_required(VERSION 3.20)\nproject(p C)\nadd_executable(one one.c)\n")
    case.output("-p", "build", program=["cmake", "-G", "Ninja", "-B", "build"])
    case.output("-p", "build", program=["ninja", "-C", "build"])
    expect_equal(case.on_host("build/one").stdout, "hello one\n")
    case.assert_owned("build/one")


def test_java(case):
    need("java")
    case.write("Main.java", "public class Main { public static void main(String[] a) { System.out.println(\"java \" + 6 * 7); } }")
    shown = case.run(program=["java", "-Xmx256m", "-version"])
    expect_equal(shown.returncode, 0)
    if pathlib.Path("/usr/bin/javac").exists():
        expect_equal(case.output(program=["java", "-Xmx256m", "Main.java"]), "java 42\n")


# --- node ---


def test_node_program(case):
    need("node")
    make_repository(case)
    expect_equal(case.output("-p", "node", program=["node", "app.js"]), "node 1,4,9\n")


def test_node_network_interfaces(case):
    need("node")
    shown = case.output("-p", "node", program=["node", "-p", "Object.keys(os.networkInterfaces()).join()"])
    expect_equal(shown, "lo\n")


def test_node_workers_children_and_file_watching(case):
    need("node")
    case.write("app.js", """
const { Worker, isMainThread, parentPort } = require('worker_threads');
const { execFileSync, fork } = require('child_process');
const fs = require('fs');
if (!isMainThread) { parentPort.postMessage(6 * 7); }
else if (process.argv[2] === 'child') { process.send('from the fork'); }
else {
  new Worker(__filename).on('message', value => console.log('worker ' + value)).on('exit', () => {
    console.log(execFileSync('echo', ['child']).toString().trim());
    fork(__filename, ['child']).on('message', m => { console.log(m); });
  });
}
""")
    expect_equal(case.output("-p", "node", program=["node", "app.js"]), "worker 42\nchild\nfrom the fork\n")


def test_node_local_server(case):
    need("node")
    code = ("const s = http.createServer((q, r) => r.end('ok')).listen(0, '127.0.0.1', () =>"
            " http.get({port: s.address().port, host: '127.0.0.1'}, r => { r.on('data', d => console.log(String(d)));"
            " r.on('end', () => process.exit()) }))")
    expect_equal(case.output("-p", "node", program=["node", "-e", code]), "ok\n")


def test_npm(case):
    need("npm")
    case.write("package.json", '{"name": "p", "version": "1.0.0", "scripts": {"hi": "echo said $npm_package_version"}}')
    assert case.output("-p", "node", program=["npm", "--version"])[0].isdigit()
    expect_in("said 1.0.0", case.output("-p", "node", program=["npm", "run", "-s", "hi"]))


# --- shells and scripts ---


def test_bash_script(case):
    case.write("script.sh", "set -e\nset +m\nsleep 0.05 & first=$!\n(exit 3) || echo status $?\nwait $first\n"
                            "trap 'echo trapped' USR1\nkill -USR1 $$\ncat <(echo substituted) <<< here\n"
                            "printf '%s\\n' b a | sort > >(tr a-z A-Z)\nsleep 0.1\ncat <<EOF\nheredoc $((6*7))\nEOF\n")
    shown = case.output(program=["bash", "script.sh"])
    expect_equal(shown, "status 3\ntrapped\nsubstituted\nA\nB\nheredoc 42\n")


def test_scripts_by_their_interpreter_line(case):
    case.write("plain", "#!/bin/sh\necho $0 $#\n", mode=0o755)
    case.write("split", "#!/usr/bin/env -S sh -e\necho split $1\n", mode=0o755)
    case.write("interpreter", "#!/bin/sh\necho interpreted by $0 for $1 with $2\n", mode=0o755)
    case.write("nested", f"#!{case.workspace}/interpreter\n", mode=0o755)
    case.write("relative", "#!./interpreter\n", mode=0o755)
    case.write("python", "#!/usr/bin/env python3\nimport sys; print(sys.argv)\n", mode=0o755)
    case.write("without", "echo no magic $1\n", mode=0o755)
    expect_equal(case.output(program=["./plain", "x"]), "./plain 1\n")
    expect_equal(case.output(program=["./split", "x"]), "split x\n")
    native = case.on_host("./nested", "x").stdout
    expect_equal(case.output(program=["./nested", "x"]), native)
    expect_equal(case.output(program=["./relative", "x"]), case.on_host("./relative", "x").stdout)
    expect_equal(case.output(program=["./python", "a"]), "['./python', 'a']\n")
    expect_equal(case.output(program=["./without", "x"]), "no magic x\n")
    expect_equal(case.output(program=["sh", "-c", "./plain; ./nested y; ./python"]).count("\n"), 3)


def test_a_program_found_through_path(case):
    case.write("bin/mine", "#!/bin/sh\necho mine\n", mode=0o755)
    environment = case.environment(PATH=f"{case.workspace}/bin:/usr/bin:/bin")
    expect_equal(case.output(program=["mine"], environment=environment), "mine\n")


def test_archives_and_finding(case):
    for number in range(300):
        case.write(f"tree/{number % 7}/file-{number}", str(number))
    expect_equal(case.shell("find tree -type f | wc -l; find tree -name 'file-1*' -print0 | xargs -0 cat | wc -c;"
                            " tar czf tree.tgz tree && mkdir out && tar xzf tree.tgz -C out && diff -r tree out/tree;"
                            " grep -rl 299 tree; du -s tree > /dev/null; ls -R tree | wc -l > /dev/null").split(),
                 ["300", "321", "tree/5/file-299"])
    case.assert_owned("tree.tgz", "out/tree/5/file-299")


def test_sorting_with_large_temporary_files(case):
    shown = case.shell("seq 1 400000 | sort -R --random-source=/dev/zero > numbers; sort -n -S 1M numbers | tail -n 1;"
                       " sort -n -S 1M -T . numbers | head -n 1; ls -A /tmp")
    expect_equal(shown.split(), ["400000", "1"])


def test_locks_and_sparse_files_and_attributes(case):
    code = ("import fcntl, os, mmap\nf = open('f', 'w+b'); fcntl.flock(f, fcntl.LOCK_EX); fcntl.lockf(f, fcntl.LOCK_EX)\n"
            "os.ftruncate(f.fileno(), 1 << 30); m = mmap.mmap(f.fileno(), 4096); m[:5] = b'mmaps'; m.flush()\n"
            "os.chmod('f', 0o640); os.utime('f', (1, 2)); os.posix_fallocate(f.fileno(), 0, 8192)\n"
            "print(os.stat('f').st_mtime, oct(os.stat('f').st_mode), os.pread(f.fileno(), 5, 0))")
    expect_in("0o100640 b'mmaps'", case.output(program=["python3", "-c", code]))


def test_input_and_output_pass_through(case):
    data = bytes(range(256)) * 20000
    result = case.run(program=["cat"], input=data, text=False)
    assert (result.returncode, result.stdout, result.stderr) == (0, data, b"")
    result = case.run(program=["sh", "-c", "echo out; echo err >&2; exit 3"])
    expect_equal((result.returncode, result.stdout, result.stderr), (3, "out\n", "err\n"))


def test_who_the_tool_is(case):
    shown = case.shell("id -u; id -un; echo $HOME; pwd; echo $USER; touch \"$HOME/x\"").split()
    assert shown[0] != "0", "the tool sees itself as root"
    expect_equal(shown[2:4], [str(case.home), str(case.workspace)])
    assert not (case.home / "x").exists()


def test_the_home_is_a_directory_wherever_it_lies(case):
    for place in ("/tmp", "/var/tmp", "/dev/shm"):
        home = pathlib.Path(tempfile.mkdtemp(prefix="writ-test-", dir=place))
        try:
            case.give_to_writ(home)
            environment = case.environment(HOME=str(home))
            expect_equal(case.shell("cd; pwd; touch file; ls", environment=environment), f"{home}\nfile\n")
            # Nothing of the tool's; the audit log is Writ's own.
            expect_equal([entry.name for entry in home.iterdir()], [".local"])
        finally:
            shutil.rmtree(home)


def test_a_workspace_in_a_temporary_directory(case):
    for place in ("/tmp", "/var/tmp", "/dev/shm"):
        workspace = pathlib.Path(tempfile.mkdtemp(prefix="writ-test-", dir=place))
        try:
            case.give(workspace)
            shown = case.run(program=["sh", "-ec", "pwd; echo x > file; ls"], cwd=workspace)
            # Putting a view together makes nothing on the host, also where a link of the view points to.
            beside = pathlib.Path("/tmp") / workspace.name
            if place != "/tmp" and beside.exists():
                beside.rmdir()
                raise AssertionError(f"Writ made {beside} on the host")
            expect_equal((place, shown.returncode, shown.stdout, shown.stderr), (place, 0, f"{workspace}\nfile\n", ""))
            expect_equal((workspace / "file").stat().st_uid, case.owner)
        finally:
            shutil.rmtree(workspace)


def test_packages_of_perl_and_awk(case):
    need("perl")
    expect_equal(case.output(program=["perl", "-MFile::Temp", "-e", "print File::Temp->new ? 'temporary' : 'none'"]), "temporary")
    expect_equal(case.output(program=["awk", "BEGIN { \"date +%Y\" | getline y; print (y > 2000) }"]), "1\n")


if __name__ == "__main__":
    sys.exit(main(globals()))
