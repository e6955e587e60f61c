#!/usr/bin/env python3
"""Rules about addresses, with real programs: what a rule names on the host's loopback is reached, the rest is not, and
sockets behave as programs expect. All servers are the test's own, on the loopback of this machine."""

import contextlib
import http.server
import pathlib
import socket
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from writ_testing import as_root, expect_equal, expect_in, expect_not_in, main, need, only  # noqa: E402

REFUSED, DENIED = "111", "13"  # ECONNREFUSED, EACCES


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address, directory):
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        super().__init__((address, 0), lambda *args: Handler(*args, directory=directory))
        self.port = self.server_address[1]


@contextlib.contextmanager
def serving(directory, address="127.0.0.1"):
    server = Server(address, str(directory))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def closed_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def full_server():
    """A server whose queue is full: a connection to it stays on its way. Yields its port and how to let one in."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        port = server.getsockname()[1]
        stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
        for _ in range(8):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                waiting.connect(("127.0.0.1", port))
        # Those on their way come in when their next SYN is due; how many do, and when, is the kernel's affair.
        server.settimeout(10)

        def let_in():
            with contextlib.suppress(TimeoutError):
                for _ in range(3):
                    stack.enter_context(server.accept()[0])
        yield port, let_in


def profile(case, *rules, extra="", effect="allow", rights="connect"):
    lines = [f"  - {{effect: {effect}, rights: [{rights}], address: '{rule}'}}\n" for rule in rules]
    path = case.base / "network.yaml"
    path.write_text("version: 1\nname: network-test\nextends: node\n" + ("rules:\n" + "".join(lines) if rules else "") + extra)
    return ["--profile", path]


def page(case, text="the page"):
    directory = case.base / "site"
    directory.mkdir(exist_ok=True)
    (directory / "index.html").write_text(text)
    for number in range(6):
        (directory / f"{number}.txt").write_text(f"file {number}\n")
    return directory


def python(case, script, *options, arguments=()):
    return case.output(*options, program=["/usr/bin/python3", "-c", "import socket, os, select, sys, errno\n" + script,
                                          *map(str, arguments)])


def test_curl_reaches_what_a_rule_names(case):
    need("curl")
    with serving(page(case)) as server:
        url = f"http://127.0.0.1:{server.port}/"
        options = profile(case, f"localhost:{server.port}")
        expect_equal(case.output(*options, program=["curl", "-sS", "--noproxy", "*", url]), "the page")
        expect_equal(case.output(*options, program=["curl", "-sS", f"http://localhost:{server.port}/"]), "the page")
        urls = f"http://127.0.0.1:{server.port}/[0-5].txt"
        got = case.output(*options, program=["curl", "-sS", "--parallel", urls])
        expect_equal(sorted(got.splitlines()), [f"file {number}" for number in range(6)])
        # The same port, the same address, another way to write the rule.
        expect_equal(case.output(*profile(case, f"127.0.0.1:{server.port}"), program=["curl", "-sS", url]), "the page")
        expect_equal(case.output(*profile(case, "127.0.0.0/8:*"), program=["curl", "-sS", url]), "the page")


def test_nothing_else_is_reached(case):
    need("curl")
    with serving(page(case)) as server, serving(page(case)) as other:
        allowed = profile(case, f"localhost:{server.port}")
        for target in (f"127.0.0.1:{other.port}", f"[::ffff:127.0.0.1]:{other.port}", f"0.0.0.0:{other.port}",
                       f"127.0.0.2:{server.port}"):
            result = case.run(*allowed, program=["curl", "-sS", "-m", "5", f"http://{target}/"])
            expect_equal((target, result.returncode, result.stdout), (target, 7, ""))
        # A rule for every host, or a block with more than loopback in it, is not a rule about the host's loopback.
        for rule in (f"*:{other.port}", "0.0.0.0/0:*", "[::/0]:*"):
            result = case.run(*profile(case, rule), program=["curl", "-sS", "-m", "5", f"http://127.0.0.1:{other.port}/"])
            expect_equal((rule, result.returncode, result.stdout), (rule, 7, ""))
        # Without rules nothing is, as before; a deny rule wins.
        for options in (profile(case), profile(case, f"localhost:{other.port}", extra=(
                f"  - {{effect: deny, rights: [connect], address: '127.0.0.1:{other.port}'}}\n"))):
            result = case.run(*options, program=["curl", "-sS", "-m", "5", f"http://127.0.0.1:{other.port}/"])
            expect_equal((result.returncode, result.stdout), (7, ""))


CONNECT = """
def error_of(address, family=socket.AF_INET):
    with socket.socket(family) as s:
        return s.connect_ex(address)
for word in sys.argv[1:]:
    host, port = word.rsplit("-", 1)
    print(error_of((host, int(port)), socket.AF_INET6 if ":" in host else socket.AF_INET), end=" ")
"""


def test_errors(case):
    closed = closed_port()
    with serving(page(case)) as server:
        options = profile(case, f"localhost:{server.port}", f"localhost:{closed}", "0.0.0.0/0:80", "[::/0]:80")
        words = [f"127.0.0.1-{server.port}", f"127.0.0.1-{closed}", f"127.0.0.1-{closed_port()}", "192.0.2.1-81",
                 f"0.0.0.0-{server.port}", f"::ffff:127.0.0.1-{server.port}", "169.254.169.254-80", "100.100.100.200-80",
                 "fd00:ec2::254-80", "::ffff:169.254.169.254-80", "64:ff9b::a9fe:a9fe-80"]
        expect_equal(python(case, CONNECT, *options, arguments=words).split(),
                     ["0", REFUSED, REFUSED, DENIED, "0", "0", DENIED, DENIED, DENIED, DENIED, DENIED])


ODD_CALLS = """
import ctypes, struct, mmap
libc = ctypes.CDLL(None, use_errno=True)
def call(name, *arguments):
    ctypes.set_errno(0)
    code = errno.errorcode.get(ctypes.get_errno(), "0") if getattr(libc, name)(*arguments) < 0 else "0"
    return f"{where} {name} {arguments}: {code}"
four = struct.pack("=HHI8x", 2, 0, 0x0100007f)
closed = struct.pack("=H", 2) + struct.pack("!H", int(sys.argv[1])) + bytes([127, 0, 0, 1]) + bytes(8)
six = struct.pack("=HHI16sI", 10, 0, 0, bytes(15) + b"\\1", 0)
page = mmap.mmap(-1, 8192)
base = ctypes.addressof(ctypes.c_char.from_buffer(page))
libc.mprotect(ctypes.c_void_p(base + 4096), 4096, 0)
page[4088:4096] = closed[:8]
edge = ctypes.c_void_p(base + 4088)
results = []
for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
    for family in (socket.AF_INET, socket.AF_INET6):
        where = f"{kind.name} {family.name}"
        def fd():  # every time the same number
            os.dup2(socket.socket(family, kind).detach(), 500)
            return 500
        for name in ("connect", "bind"):
            results += [call(name, fd(), None, 16), call(name, fd(), ctypes.c_void_p(8), 16), call(name, fd(), edge, 16)]
            results += [call(name, fd(), four, n) for n in (-1, 0, 1, 2, 15, 129, 1 << 20)]
            results += [call(name, fd(), six, n) for n in (2, 23, 24, 28)]
            results += [call(name, fd(), struct.pack("=H", f) + bytes(126), 128) for f in (1, 16, 17, 40, 255, 65535)]
            results += [call(name, n, closed, 16) for n in (-1, 9999, 0)]
        results += [call("connect", fd(), closed, n) for n in (16, 100, 128)]
        results += [call("listen", fd(), n) for n in (0, -1, 1 << 20)] + [call("listen", n, 1) for n in (-1, 9999, 0)]
        s = fd(); results += [call("listen", s, 1), call("connect", s, closed, 16), call("bind", s, four, 16)]
        s = fd(); results += [call("bind", s, four if family == 2 else six, 28), call("bind", s, four, 16)]
print("\\n".join(results).replace(str(edge), "edge"))
"""


def test_odd_arguments_have_the_kernels_answers(case):
    """Null and unmapped addresses, a page that ends too early, lengths, families, and descriptors of other kinds."""
    program = ["/usr/bin/python3", "-c", "import socket, sys, errno, os\n" + ODD_CALLS, str(closed_port())]
    native = case.on_host(*program, stdin=-3).stdout
    with serving(page(case)) as server:
        inside = case.output(*profile(case, f"localhost:{server.port}"), program=program)
    different = [f"{here!r} is not {there!r}" for here, there in zip(inside.splitlines(), native.splitlines()) if here != there]
    expect_equal(different, [])
    expect_in("EFAULT", native)


def test_ipv6_loopback(case):
    try:
        with serving(page(case), "::1") as server:
            options = profile(case, f"[::1]:{server.port}")
            words = [f"::1-{server.port}", f"::-{server.port}", f"127.0.0.1-{server.port}"]
            expect_equal(python(case, CONNECT, *options, arguments=words).split(), ["0", "0", REFUSED])
            expect_equal(case.output(*options, program=["curl", "-sS", f"http://[::1]:{server.port}/"]), "the page")
    except OSError as error:
        if error.errno == 99:
            from writ_testing import Skip
            raise Skip("this host has no IPv6 loopback") from None
        raise


def test_the_sandbox_keeps_its_own_loopback(case):
    script = """
server = socket.socket(); server.bind(("127.0.0.1", 0)); server.listen()
port = server.getsockname()[1]
client = socket.create_connection(("127.0.0.1", port)); peer, _ = server.accept()
client.sendall(b"own"); print(peer.recv(3).decode(), end=" ")
six = socket.socket(socket.AF_INET6); six.bind(("::", 0)); six.listen()
with socket.create_connection(("::1", six.getsockname()[1])): print("six", end=" ")
late = socket.socket(); late.setblocking(False)
print(late.connect_ex(("127.0.0.1", port)), end=" ")
print(select.select([], [late], [], 5)[1] == [late], late.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), end=" ")
one, two = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
one.bind(("127.0.0.1", 0)); two.connect(one.getsockname()); two.send(b"udp"); print(one.recv(3).decode(), end=" ")
print(two.connect_ex(("192.0.2.1", 53)) != 0)
"""
    with serving(page(case)) as server:
        got = python(case, script, *profile(case, f"localhost:{server.port}")).split()
    assert got[2] in ("0", "115"), got
    expect_equal(got[:2] + got[3:], ["own", "six", "True", "0", "udp", "True"])


def test_python_clients(case):
    script = """
import urllib.request, asyncio, http.client
port = int(sys.argv[1])
print(urllib.request.urlopen(f"http://127.0.0.1:{port}/").read().decode())
async def get(number):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET /{number}.txt HTTP/1.0\\r\\n\\r\\n".encode())
    body = (await reader.read()).rsplit(b"\\r\\n\\r\\n", 1)[1]
    writer.close()
    return body.decode()
async def all(): return await asyncio.gather(*[get(n) for n in range(4)])
print("".join(asyncio.run(all())), end="")
s = socket.create_connection(("127.0.0.1", port), timeout=5)
print(s.gettimeout(), os.get_blocking(s.fileno()), s.getpeername()[1] == port)
s.settimeout(0.2)
try: s.recv(1)
except TimeoutError: print("timed out")
"""
    with serving(page(case)) as server:
        got = python(case, script, *profile(case, f"localhost:{server.port}"), arguments=[server.port])
    expect_equal(got, "the page\nfile 0\nfile 1\nfile 2\nfile 3\n5.0 False True\ntimed out\n")


def test_node_clients(case):
    need("node")
    script = """
const http = require('http'), port = process.argv[1], url = n => `http://127.0.0.1:${port}/${n}.txt`;
const get = n => new Promise((ok, no) => http.get(url(n), r => {
  let text = ''; r.on('data', d => text += d); r.on('end', () => ok(text)); }).on('error', no));
(async () => {
  const first = await Promise.all([0, 1, 2].map(get));
  const second = await Promise.all([3, 4, 5].map(async n => (await fetch(url(n))).text()));
  process.stdout.write([...first, ...second].join(''));
  await get(0).then(() => {}, e => console.log(e.code));
  await new Promise(ok => http.get(`http://127.0.0.1:${process.argv[2]}/`).on('error', e => { console.log(e.code); ok(); }));
})();
"""
    with serving(page(case)) as server:
        got = case.output(*profile(case, f"localhost:{server.port}"),
                          program=["node", "-e", script, str(server.port), str(closed_port())])
    expect_equal(got, "".join(f"file {n}\n" for n in range(6)) + "ECONNREFUSED\n")


def test_git_clones_over_http(case):
    need("git", "curl")
    repository = page(case) / "project.git"
    script = f"""set -e; mkdir source; cd source; git init -q -b main; echo text > file; git add file
git -c user.name=a -c user.email=a@example.org commit -q -m first
git clone -q --bare . "{case.workspace}/project.git"; cd "{case.workspace}/project.git"; git update-server-info"""
    case.on_host("sh", "-c", script)
    (case.workspace / "project.git").rename(repository)
    with serving(page(case)) as server:
        url = f"http://127.0.0.1:{server.port}/project.git"
        case.output(*profile(case, f"localhost:{server.port}"), program=["git", "clone", "-q", url, "clone"])
    expect_equal((case.workspace / "clone/file").read_text(), "text\n")


def test_options_and_flags_are_kept(case):
    script = """
import fcntl, struct
port = int(sys.argv[1])
T, S = socket.IPPROTO_TCP, socket.SOL_SOCKET
options = {(T, socket.TCP_NODELAY): 1, (S, socket.SO_KEEPALIVE): 1, (T, socket.TCP_KEEPIDLE): 33,
           (T, socket.TCP_KEEPINTVL): 7, (T, socket.TCP_KEEPCNT): 4, (S, socket.SO_REUSEADDR): 1,
           (S, socket.SO_SNDBUF): 65536, (S, socket.SO_RCVBUF): 32768, (0, socket.IP_TOS): 16, (T, 18): 4321}
s = socket.socket()
for (level, name), value in options.items(): s.setsockopt(level, name, value)
s.setsockopt(S, socket.SO_RCVTIMEO, struct.pack("ll", 3, 0))
before = [s.getsockopt(*key) for key in options] + [s.getsockopt(S, socket.SO_RCVTIMEO, 16)]
s.connect(("127.0.0.1", port))
print(before == [s.getsockopt(*key) for key in options] + [s.getsockopt(S, socket.SO_RCVTIMEO, 16)])
for kind in (0, socket.SOCK_NONBLOCK):
    for inherited in (False, True):
        s = socket.socket(type=socket.SOCK_STREAM | kind); os.set_inheritable(s.fileno(), inherited)
        flags = fcntl.fcntl(s, fcntl.F_GETFL), fcntl.fcntl(s, fcntl.F_GETFD)
        s.connect_ex(("127.0.0.1", port))
        print(flags == (fcntl.fcntl(s, fcntl.F_GETFL), fcntl.fcntl(s, fcntl.F_GETFD)), end=" ")
s = socket.socket(socket.AF_INET6); s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
print(errno.errorcode[s.connect_ex(("::ffff:127.0.0.1", port))])
"""
    with serving(page(case)) as server:
        got = python(case, script, *profile(case, f"localhost:{server.port}"), arguments=[server.port])
    expect_equal(got, "True\nTrue True True True ENETUNREACH\n")


def test_epoll_poll_and_select(case):
    script = """
port = int(sys.argv[1])
def ask(s): s.sendall(b"GET /0.txt HTTP/1.0\\r\\n\\r\\n")
for edge in (0, select.EPOLLET):
    s = socket.socket(); s.setblocking(False)
    e, other = select.epoll(), select.epoll()
    e.register(s, select.EPOLLIN | edge); other.register(s, select.EPOLLOUT | edge)   # before it is connected
    first = s.connect_ex(("127.0.0.1", port))
    print(first in (0, errno.EINPROGRESS), bool(other.poll(5)), s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), end=" ")
    ask(s); print(e.poll(5)[0][0] == s.fileno(), end=" ")
    e.modify(s, select.EPOLLOUT); print(bool(e.poll(5)), end=" ")
    e.unregister(s); other.unregister(s); print(s.connect_ex(("127.0.0.1", port)) in (0, errno.EISCONN))
s = socket.socket(); s.setblocking(False); s.connect_ex(("127.0.0.1", port))
p = select.poll(); p.register(s, select.POLLOUT); print(bool(p.poll(5000)), end=" ")
ask(s); print(select.select([s], [], [], 5)[0] == [s])
"""
    with serving(page(case)) as server:
        got = python(case, script, *profile(case, f"localhost:{server.port}"), arguments=[server.port])
    expect_equal(got, "True True 0 True True True\n" * 2 + "True True\n")


def test_a_copy_made_before_is_not_connected(case):
    """A limit that docs/network.md names: a duplicate of the number that was made before keeps the old socket."""
    script = """
s = socket.socket(); copy = s.dup(); s.connect(("127.0.0.1", int(sys.argv[1]))); after = s.dup()
print(after.getpeername()[1] == int(sys.argv[1]))
try: copy.getpeername()
except OSError as e: print(errno.errorcode[e.errno])
"""
    with serving(page(case)) as server:
        got = python(case, script, *profile(case, f"localhost:{server.port}"), arguments=[server.port])
    expect_equal(got, "True\nENOTCONN\n")


def test_a_connection_on_its_way_holds_nobody_up(case):
    script = """
import threading, time
slow, fast = int(sys.argv[1]), int(sys.argv[2])
began = time.monotonic()
s = socket.socket(); s.setblocking(False)
print(errno.errorcode[s.connect_ex(("127.0.0.1", slow))], select.select([], [s], [], 0.2)[1], end=" ")
print(errno.errorcode[s.connect_ex(("127.0.0.1", slow))], end=" ")
blocked = socket.socket()
threading.Thread(target=lambda: blocked.connect_ex(("127.0.0.1", slow)), daemon=True).start()
socket.create_connection(("127.0.0.1", fast)).close()
limited = socket.socket()
import struct
limited.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 0, 300000))
print(errno.errorcode[limited.connect_ex(("127.0.0.1", slow))], time.monotonic() - began < 5, flush=True)
open("ready", "w").close()
print(select.select([], [s], [], 20)[1] == [s], s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), flush=True)
os._exit(0)
"""
    with serving(page(case)) as server, full_server() as (port, let_in):
        options = profile(case, f"localhost:{server.port}", f"localhost:{port}")
        waiter = threading.Thread(target=lambda: (wait_for(case.workspace / "ready"), let_in()), daemon=True)
        waiter.start()
        got = python(case, script, *options, arguments=[port, server.port])
        waiter.join()
    expect_equal(got, "EINPROGRESS [] EALREADY EINPROGRESS True\nTrue 0\n")


def wait_for(path):
    from writ_testing import wait_until
    wait_until(path.exists, 15)


def test_a_connection_is_passed_on(case):
    """By fork, exec and between processes of the sandbox, like any other descriptor."""
    script = """
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
one, two = socket.socketpair()
if os.fork() == 0:
    got = socket.socket(fileno=socket.recv_fds(two, 1, 1)[1][0])
    got.sendall(b"GET /1.txt HTTP/1.0\\r\\n\\r\\n"); text = b""
    while part := got.recv(4096): text += part
    print(text.rsplit(b"\\r\\n", 1)[1].decode(), end="", flush=True); os._exit(0)
socket.send_fds(one, [b"x"], [s.fileno()]); os.wait()
"""
    with serving(page(case)) as server:
        expect_equal(python(case, script, *profile(case, f"localhost:{server.port}"), arguments=[server.port]), "file 1\n")


def test_denials_are_told(case):
    with serving(page(case)) as server:
        options = profile(case, f"localhost:{server.port}", "example.org:443")
        program = ["/usr/bin/python3", "-c", "import socket, sys\n" + CONNECT, "192.0.2.7-81", "192.0.2.7-81"]
        result, report = case.report(*options, program=program)
    expect_in("denied: connect 192.0.2.7:81 (2 times): no rule allows it; rules that name hosts are not in force yet",
              result.stderr)
    expect_equal([(d["call"], d["address"], d["times"]) for d in report["network_denials"]],
                 [("connect", "192.0.2.7:81", 2)])


def test_the_hosts_network_cannot_be_ruled(case):
    case.refused(*profile(case, "localhost:8080", extra="network: host\n"), says="network: host")
    case.refused(*profile(case, "localhost:8080"), "--network", "host", says="network: host")


def test_binding_on_the_host(case):
    port = closed_port()
    script = """
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", int(sys.argv[1]))); s.listen(); print(s.getsockname()[1], flush=True)
own = socket.socket(); own.bind(("127.0.0.1", int(sys.argv[1]) % 60000 + 1025)); own.listen()
open("ready", "w").close()
c, _ = s.accept(); c.sendall(b"from inside"); c.close()
try: s.bind(("0.0.0.0", int(sys.argv[1]) + 1))
except OSError as e: print(errno.errorcode[e.errno])
"""
    reached = []

    def visit():
        wait_for(case.workspace / "ready")
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            reached.append(client.recv(100))
        with socket.socket() as other:
            reached.append(other.connect_ex(("127.0.0.1", port % 60000 + 1025)))

    visitor = threading.Thread(target=visit)
    visitor.start()
    got = python(case, script, *profile(case, f"localhost:{port}", rights="bind"), arguments=[port])
    visitor.join()
    expect_equal((got, reached), (f"{port}\nEACCES\n", [b"from inside", 111]))


@only("user")
@as_root("nobody else may look at the broker's descriptors")
def test_ten_thousand_connections_leave_nothing(case):
    script = """
port, count = int(sys.argv[1]), int(sys.argv[2])
done = 0
for _ in range(count):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\\1\\0\\0\\0\\0\\0\\0\\0")
        done += s.connect_ex(("127.0.0.1", port)) == 0
broker = os.getppid()
print(done)
"""
    stop = threading.Event()
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(512)
        server.settimeout(0.2)

        def accept():
            while not stop.is_set():
                with contextlib.suppress(TimeoutError, OSError):
                    server.accept()[0].close()

        acceptor = threading.Thread(target=accept)
        acceptor.start()
        port = server.getsockname()[1]
        process = case.start(*profile(case, f"localhost:{port}"), stdout=-1, text=True,
                             program=["/usr/bin/python3", "-c", "import socket, os, sys\n" + script +
                                      "sys.stdout.flush(); sys.stdin.read()", str(port), "10000"], stdin=-1)
        line = process.stdout.readline()
        left = len(list(pathlib.Path(f"/proc/{process.pid}/fd").iterdir()))
        process.communicate("")
        stop.set()
        acceptor.join()
    expect_equal(line, "10000\n")
    assert left < 40, f"{left} descriptors are open in the broker"
    expect_not_in("error", line)


if __name__ == "__main__":
    sys.exit(main(globals()))
