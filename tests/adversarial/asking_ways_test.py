#!/usr/bin/env python3
"""Ways into a place that is asked about, and ways to deceive who answers: each way in is first tried without Writ."""

import json
import os
import re
import shutil

from asking_trials import LOOK, PRELUDE, asked_place, expect_race, numbers, run_inside, with_peer
from asking import Peer, answer_file, ask_profile, at_terminal
from attack_harness import MARKER, THROWAWAY, attack, main


@attack("73_approval_files_of_the_tool")
def _(trial):
    """Answers where the tool can write, or could have written, are refused; the same file elsewhere is taken."""
    place = asked_place(trial)
    profile = ask_profile(trial.base, [(f"{place}/*", LOOK)])
    good = answer_file(trial.base, ("once", "read", place / "secretxx"))
    inside = trial.file("answers.yaml", good.read_text())
    def run(path):
        return trial.run([*trial.sandbox("--approve", path, profile=profile), "cat", place / "secretxx"])
    control = run(good)
    trial.check(control.stdout.decode() == MARKER, f"the control proves nothing: {control}")
    os.symlink(inside, trial.base / "link.yaml")
    os.symlink(trial.workspace, trial.base / "door")
    os.link(good, trial.base / "twin.yaml")
    names = {inside: "where the tool can write", trial.base / "link.yaml": "where the tool can write",
             trial.base / "door/answers.yaml": "where the tool can write", good: "second name"}
    for path, why in names.items():
        result = run(path)
        trial.check(result.returncode == 125 and why in result.stderr.decode() and MARKER not in result.stdout.decode(), f"{path}: {result}")
    os.unlink(trial.base / "twin.yaml")
    good.chmod(0o666)
    trial.check(run(good).returncode == 125, "a file that everybody can write was taken")


HOSTILE = ["new\nline", "a\x1b[2K\x1b]0;title\x07", "bidi\u202etxt.exe", "quote'\"", "${HOME}", "#hash # x", "x: {y}", "\\x1b", "\u00e9", "*", "b\xff".encode("latin-1")]


def raw_free(trial, where, data):
    data = data if isinstance(data, bytes) else data.encode()
    bad = re.findall(rb"[\x00-\x08\x0b-\x1f\x7f]|\xe2\x80\xae", data)
    trial.check(not bad, f"{where} has raw bytes {bad[:5]}")


@attack("73_hostile_names")
def _(trial):
    """Names that draw on screens or mean something in YAML: nowhere raw, and `always` is about that very name or not offered."""
    place = asked_place(trial)
    hostile = [name if isinstance(name, bytes) else name.encode() for name in HOSTILE]
    for name in hostile:
        trial.file(place / os.fsdecode(name), "harmless")
    profile = ask_profile(trial.base, [(f"{place}/*", LOOK)])
    read_all = f"NAMES = {hostile!r}\n" + """
for name in NAMES:
    tries += 1
    try: successes += read(PLACE.encode() + b'/' + name) == 'harmless'
    except PermissionError: pass
try: violations += read(PLACE + '/secretxx') == SECRET
except PermissionError: pass
finish()
"""
    report = trial.home / "report.json"
    def run(decide, *options):
        with Peer(decide) as peer:
            result = trial.run([*trial.sandbox("--report", report, *peer.options, *options, profile=profile), "python3", "-c", PRELUDE + read_all, place, MARKER, 4], **peer.passed)
        trial.check(not peer.failures, f"{peer.failures}")
        raw_free(trial, "standard error", result.stderr)
        raw_free(trial, "the report", report.read_bytes())
        for question in peer.questions:
            raw_free(trial, "a question", json.dumps(question, ensure_ascii=False))
            raw_free(trial, "a text of a question", question["object"]["text"] + question.get("always_rule", ""))
        return expect_race(trial, "names", result, least=len(hostile)), peer
    found, peer = run(lambda q: "once" if "secretxx" not in q["object"]["text"] else "deny")
    trial.check(found["successes"] == len(hostile), f"{found} {peer.objects()}")
    standing = trial.home / ".config/writ/approvals/asking.yaml"
    # One by one: an answer for the run would let the whole place join.
    kept = []
    for name in hostile:
        with Peer(lambda q: "always" if "always" in q["answers"] else "deny") as peer:
            trial.run([*trial.sandbox("--quiet", *peer.options, profile=profile), "cat", f"{place}/{os.fsdecode(name)}"], **peer.passed)
        trial.check(len(peer.questions) == 1, f"{name}: {peer.objects()}")
        kept.append("always" in peer.questions[0]["answers"])
    print("  always:", sum(kept), "of", len(kept), flush=True)
    trial.check(sum(kept) >= 5, f"{kept}")
    raw_free(trial, "the file of standing approvals", standing.read_bytes())
    for name, known in zip(hostile, kept):
        with Peer(lambda _: "deny") as peer:
            result = trial.run([*trial.sandbox("--quiet", *peer.options, profile=profile), "cat", f"{place}/{os.fsdecode(name)}"], **peer.passed)
        trial.check((result.stdout == b"harmless") == known and bool(peer.questions) != known, f"{name}: {result} {peer.objects()}")
    for other in ("secretxx", "sub/leaf", "no"):
        with Peer(lambda _: "deny") as peer:
            result = trial.run([*trial.sandbox("--quiet", *peer.options, profile=profile), "cat", place / other], **peer.passed)
        trial.check(result.returncode == 1 and len(peer.questions) == 1, f"{other} was allowed by a hostile name: {result}")


@attack("73_hostile_names_at_the_terminal")
def _(trial):
    place = asked_place(trial)
    name = "x\x1b]0;title\x07\x1b[2J\n  path     'harmless'\nanswer once\u202e"
    deep = "/".join(["d" * 200] * 18)
    (place / deep).mkdir(parents=True)
    for path in (place / name, place / deep / "leaf"):
        path.write_text("harmless")
    for part in [place / name, place / deep / "leaf", *(place / deep).parents, place / deep]:
        if part.is_relative_to(place):
            trial.give(part, trial.owner)
    profile = ask_profile(trial.base, [(f"{place}/*", LOOK)])
    for path in (name, f"{deep}/leaf"):
        command = [*trial.sandbox(profile=profile), "sh", "-c", 'cat "$0" 2>/dev/null', place / path]
        status, shown, typed = at_terminal([str(word) for word in command], "deny", trial.environment({"TERM": "xterm"}), trial.workspace, trial.identity(trial.uid))
        trial.check(typed and status == 1, f"{status} {shown[-500:]!r}")
        for part in (b"\x1b]0;title", b"\x1b[2J\n", b"\xe2\x80\xae", b"\n  path     'harmless'"):
            trial.check(part not in shown, f"{part!r} was shown raw")
        trial.check(len(shown) < 60_000, f"{len(shown)} bytes shown")


ESCAPES = """
import stat
base = os.path.dirname(PLACE); last = os.path.basename(PLACE); here = os.open(base, os.O_RDONLY); top = os.open('/', os.O_RDONLY)
spellings = [PLACE + '/secretxx', PLACE + '//secretxx', PLACE + '/./secretxx', PLACE + '/sub/../secretxx', f'{base}/{last}/../{last}/secretxx',
             PLACE + '/sub/../../' + last + '/secretxx', '/proc/self/root' + PLACE + '/secretxx', f'/proc/{os.getpid()}/root' + PLACE + '/secretxx', '/proc/thread-self/root' + PLACE + '/secretxx',
             f'/proc/self/fd/{here}/{last}/secretxx', f'/dev/fd/{here}/{last}/secretxx', f'/proc/self/fd/{top}' + PLACE + '/secretxx', '/tmp/direct', '/tmp/door/secretxx', '/tmp/door/sub/../secretxx', '/tmp/chain/secretxx',
             '/run/writ/asked/secretxx', '/run/writ/asked', '/run/writ/asked-file', PLACE + '/link', PLACE + '/sub/up']
os.symlink(PLACE + '/secretxx', '/tmp/direct'); os.symlink(PLACE, '/tmp/door'); os.symlink('/tmp/door', '/tmp/chain')
def attempt(call):
    global tries, violations
    tries += 1
    try: found = call()
    except (OSError, subprocess.SubprocessError): return
    if found and SECRET in str(found): violations += 1; print('found by', tries, found)
for path in spellings:
    attempt(lambda: read(path)); attempt(lambda: read(path + '/')); attempt(lambda: subprocess.run(['cat', path], capture_output=True).stdout)
    attempt(lambda: read(f'/proc/self/fd/{os.open(path, os.O_PATH)}')); attempt(lambda: os.read(os.open(path, os.O_RDWR), 100)); attempt(lambda: os.link(path, 'linked') or read('linked'))
    attempt(lambda: os.rename(path, 'moved') or read('moved')); attempt(lambda: os.readlink(path)); attempt(lambda: os.getxattr(path, 'user.secret')); attempt(lambda: os.listdir(os.path.dirname(path)) and read(path))
attempt(lambda: os.read(os.open(last + '/secretxx', os.O_RDONLY, dir_fd=here), 100))
def through(directory, flags, name='secretxx'): return os.read(os.open(name, os.O_RDONLY, dir_fd=os.open(directory, flags)), 100)
for directory in (PLACE, '/run/writ/asked', PLACE + '/sub', '/tmp/door'):
    for flags in (os.O_RDONLY, os.O_PATH, os.O_PATH | os.O_NOFOLLOW, os.O_RDONLY | os.O_DIRECTORY): attempt(lambda: through(directory, flags)); attempt(lambda: through(directory, flags, '../secretxx'))
    attempt(lambda: os.chdir(directory) or read('secretxx')); attempt(lambda: os.fchdir(os.open(directory, os.O_PATH)) or read('secretxx')); attempt(lambda: str(os.listdir(directory)) + read(directory + '/secretxx'))
    attempt(lambda: os.chmod(directory, 0o755) or read(directory + '/secretxx')); attempt(lambda: os.rmdir(directory) or read(directory + '/secretxx')); attempt(lambda: os.rename(directory, '/tmp/away') or read('/tmp/away/secretxx'))
buffer = ctypes.create_string_buffer(4096)
def raw(number, *arguments):
    r = libc.syscall(number, *arguments)
    if r < 0: raise OSError(ctypes.get_errno(), '')
    return os.read(r, 200)
secret = (PLACE + '/secretxx').encode()
attempt(lambda: raw(437, AT, secret, buffer, 24)); attempt(lambda: raw(428, AT, secret, 0)); attempt(lambda: raw(428, AT, PLACE.encode(), 1)); attempt(lambda: raw(303, AT, secret, buffer, ctypes.byref(ctypes.c_int()), 0) )
attempt(lambda: subprocess.run([PLACE + '/secretxx'], capture_output=True, text=True).stdout)
"""
# Never outside of a sandbox: root's would change the machine.
ONLY_INSIDE = """
attempt(lambda: libc.mount(PLACE.encode(), b'/tmp', None, 4096, None) or read('/tmp/secretxx')); attempt(lambda: libc.umount2(PLACE.encode(), 2) or read(PLACE + '/secretxx'))
"""


@attack("10_ways_into_an_asked_place")
def _(trial):
    """Every spelling and every way in ends at the same question (denied here); without Writ most of them succeed."""
    place = asked_place(trial)
    os.symlink("secretxx", place / "link")
    os.symlink("../secretxx", place / "sub/up")
    profile = ask_profile(trial.base, [(f"{place}/*", LOOK)])
    workspace_link = trial.workspace / "into"
    os.symlink(place, workspace_link)
    code = ESCAPES + ONLY_INSIDE + "successes += read('/etc/passwd') != ''\nfinish()\n"
    control_code = PRELUDE + ESCAPES.replace("os.rename(path, 'moved')", "None").replace("os.rmdir(directory)", "None").replace("os.rename(directory, '/tmp/away')", "None") + "finish()\n"
    control_tmp = trial.directory("control", THROWAWAY)
    control_code = control_code.replace("/tmp/", f"{control_tmp}/")
    control = trial.run(["python3", "-c", control_code, place, MARKER, "4"], cwd=control_tmp, uid=THROWAWAY)
    trial.check(numbers(control.stdout.decode()).get("violations", 0) > 60, f"the control proves nothing: {control.stdout[-300:]!r} {control.stderr[-300:]!r}")
    for options in (["--approve", "deny"], []):
        result = run_inside(trial, profile, code, place, *options, start_new_session=True)
        expect_race(trial, "ways in", result, least=200)
    # `once` for a harmless file, and everything that can be made of its descriptor.
    result, peer = with_peer(trial, lambda q: "once" if q["object"]["text"].endswith("/harmless") else "deny", profile, """
fd = os.open(PLACE + '/harmless', os.O_RDONLY); successes += 1
def attempt(call):
    global tries, violations
    tries += 1
    try: found = call()
    except OSError: return
    if found is None or SECRET in str(found): violations += 1; print('found by', tries, found)
for path in ('..', '../secretxx', '.', 'secretxx'): attempt(lambda: os.read(os.open(path, os.O_RDONLY, dir_fd=fd), 100))
for path in ('/..', '/../secretxx', '/secretxx'): attempt(lambda: read(f'/proc/self/fd/{fd}' + path))
for flags in (os.O_RDWR, os.O_WRONLY, os.O_RDONLY | os.O_TRUNC): attempt(lambda: os.close(os.open(f'/proc/self/fd/{fd}', flags)))
for path in ('/proc/self/fd/%d' % fd,):
    attempt(lambda: os.truncate(path, 0)); attempt(lambda: os.chmod(path, 0o777)); attempt(lambda: os.link(path, 'kept', follow_symlinks=True)); attempt(lambda: os.utime(path)); attempt(lambda: os.setxattr(path, 'user.x', b''))
attempt(lambda: os.fchmod(fd, 0o777)); attempt(lambda: os.ftruncate(fd, 0)); attempt(lambda: os.fchdir(fd)); attempt(lambda: os.utime(fd)); attempt(lambda: os.write(fd, b'x'))
finish()
""", place)
    expect_race(trial, "descriptor", result, least=15)
    trial.check((place / "harmless").read_text() == "harmless" and (place / "secretxx").exists(), "something was changed")


@attack("10_names_are_not_told_before_the_answer")
def _(trial):
    """What calls say, and whether somebody is asked, is the same for names that exist and names that do not."""
    place = asked_place(trial)
    (place / "fifo").unlink(missing_ok=True)
    os.mkfifo(place / "fifo")
    os.symlink("secretxx", place / "link")
    os.symlink("/nowhere", place / "dangling")
    for name in ("fifo", "link", "dangling"):
        trial.give(place / name, trial.uid)
    names = ["secretxx", "missing", "fifo", "link", "dangling", "sub/leaf", "sub/missing", "missing/leaf", "secretxx/below"]
    code = f"NAMES = {names!r}\n" + """
calls = {'open': lambda p: os.open(p, os.O_RDONLY), 'path': lambda p: os.open(p, os.O_PATH), 'directory': lambda p: os.open(p, os.O_RDONLY | os.O_DIRECTORY), 'nofollow': lambda p: os.open(p, os.O_NOFOLLOW),
         'create': lambda p: os.open(p, os.O_CREAT | os.O_EXCL), 'write': lambda p: os.open(p, os.O_WRONLY), 'stat': os.stat, 'lstat': os.lstat, 'access': lambda p: os.access(p, os.F_OK) or ctypes.get_errno(), 'readlink': os.readlink, 'statfs': os.statvfs,
         'xattr': os.listxattr, 'chdir': os.chdir, 'exec': lambda p: os.execv(p, ['x']), 'mkdir': os.mkdir, 'unlink': os.unlink, 'rmdir': os.rmdir, 'rename': lambda p: os.rename(p, '/tmp/x'), 'renameto': lambda p: os.rename('/tmp/mine', p),
         'symlink': lambda p: os.symlink('x', p), 'linkto': lambda p: os.link('/tmp/mine', p), 'linkfrom': lambda p: os.link(p, 'x'), 'truncate': lambda p: os.truncate(p, 0), 'chmod': lambda p: os.chmod(p, 0), 'utime': os.utime}
open('/tmp/mine', 'w').close()
for name, call in calls.items():
    results = []
    for target in NAMES:
        tries += 1
        try: results.append(str(call(PLACE + '/' + target)))
        except OSError as error: results.append(errno.errorcode[error.errno])
    if len(set(results)) != 1: violations += 1; print(name, dict(zip(NAMES, results)))
successes += 1; finish()
"""
    for rules in ([(f"{place}/*", LOOK)], [(f"{place}/*", LOOK), f"effect: deny, rights: [read], path: '{place}/sub/deep/*'"]):
        profile = ask_profile(trial.base, rules)
        result = run_inside(trial, profile, code, place, "--approve", "deny")
        expect_race(trial, "errno", result, least=150)
        asked_alike(trial, profile, place)


def asked_alike(trial, profile, place):
    """For each call: somebody is asked about all of the names, or about none, so that waiting tells nothing."""
    calls = ("os.open(p, os.O_RDONLY)", "os.stat(p)", "os.open(p, os.O_RDONLY | os.O_DIRECTORY)", "os.open(p, os.O_PATH)", "os.chdir(p)")
    for call in calls:
        kinds = set()
        for name in ("secretxx", "missing", "sub", "fifo"):
            if name == "sub" and "O_RDONLY)" not in call:
                continue
            with Peer(lambda _: "deny") as peer:
                run_inside(trial, profile, f"p = PLACE + '/{name}'\ntry: {call}\nexcept OSError: pass\n", place, *peer.options, **peer.passed)
            kinds.add(len(peer.questions))
        trial.check(len(kinds) == 1, f"{call}: the number of questions tells names apart: {kinds}")


@attack("37_read_once_is_not_executed")
def _(trial):
    """A file that was allowed for reading, once, is not a program: where executing is asked about as well."""
    place = asked_place(trial)
    shutil.copy("/bin/true", place / "program")
    trial.give(place / "program", trial.uid)
    (place / "program").chmod(0o755)
    profile = ask_profile(trial.base, [(f"{place}/*", "read, list, execute"), f"effect: deny, rights: [read], path: '{place}/sub/*'"])
    code = """
fd = os.open(PLACE + '/program', os.O_RDONLY); successes += os.read(fd, 4) == b'\\x7fELF'
def executes(call):
    global tries, violations
    tries += 1
    child = os.fork()
    if child == 0:
        try: call()
        except OSError: os._exit(9)
        os._exit(9)
    violations += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
os.set_inheritable(fd, True)
executes(lambda: os.execve(fd, ['x'], {})); executes(lambda: os.execv(f'/proc/self/fd/{fd}', ['x'])); executes(lambda: os.execv(f'/dev/fd/{fd}', ['x'])); executes(lambda: os.execv(PLACE + '/program', ['x']))
executes(lambda: os.execv('/lib64/ld-linux-x86-64.so.2', ['x', f'/proc/self/fd/{fd}']))
finish()
"""
    control = trial.run(["python3", "-c", PRELUDE + code, place, MARKER, "4"])
    trial.check(numbers(control.stdout.decode()).get("violations", 0) >= 3, f"the control proves nothing: {control}")
    result, peer = with_peer(trial, lambda q: "once" if q["rights"] == ["read"] else "deny", profile, code, place)
    expect_race(trial, "execution", result, least=4)


if __name__ == "__main__":
    main()
