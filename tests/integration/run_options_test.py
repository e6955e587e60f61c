#!/usr/bin/env python3
"""What each option of `writ run` grants, and that it grants nothing more."""

import json
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from writ_testing import as_root, expect_equal, expect_in, expect_not_in, main, only, writ_program  # noqa: E402


def data_directory(case, name="data"):
    """A directory outside of workspace and home, owned like the workspace, with a file and a directory in it."""
    directory = case.base / name
    directory.mkdir()
    case.give(directory)
    case.write("file", "content\n", inside=directory)
    case.write("deep/file", "deeper\n", inside=directory)
    return directory


def attempt(case, script, *options, **popen):
    """Exit status and output of a shell script inside; it may fail."""
    result = case.run(*options, program=["sh", "-c", script], **popen)
    return result.returncode, result.stdout, result.stderr


# --- what is there without options ---


def test_without_options_the_workspace_and_the_system_are_there(case):
    data = data_directory(case)
    case.write_home("private", "mine\n")
    expect_equal(case.output(program=["ls", "-A", case.base]).split(), ["home", "work"])
    assert attempt(case, f"cat {data}/file")[0] != 0
    expect_equal(case.output(program=["ls", "-A", case.home]), "")
    for path in ("/usr", "/etc", "/", "/opt"):
        shown = case.output(program=["/usr/bin/python3", "-c", f"import os; print(os.statvfs({path!r}).f_flag & os.ST_RDONLY)"])
        expect_equal((path, shown), (path, "1\n"))


def test_reading_thinks_of_access_times_only_where_they_can_change(case):
    """Real root alone may say so; an ordinary user's mounts keep what the host has (mount_namespaces(7))."""
    script = "import os, sys; print(*(bool(os.statvfs(place).f_flag & os.ST_NOATIME) for place in sys.argv[1:]))"
    host_usr = bool(os.statvfs("/usr").f_flag & os.ST_NOATIME)
    host_workspace = bool(os.statvfs(case.workspace).f_flag & os.ST_NOATIME)
    real_root = case.runs_as_root and pathlib.Path("/proc/self/uid_map").read_text().split() == ["0", "0", "4294967295"]
    shown = case.output("-p", "build", program=["/usr/bin/python3", "-c", script, "/usr", case.workspace])  # writes natively
    expect_equal(shown.split(), [str(real_root or host_usr), str(host_workspace)])


def test_nothing_outside_is_changed(case):
    """Touches files of this test only, so that a sandbox that does not hold harms nobody."""
    case.write_home("private", "mine\n")
    places = [pathlib.Path(place) / f"{case.mark}-file" for place in ("/tmp", "/dev/shm")]
    try:
        for place in places:
            place.write_text("mine\n")
            case.give_to_writ(place)
        before = case.snapshot()
        words = " ".join(map(str, places))
        attempt(case, f"rm -f ~/private {words}; echo x > ~/private; for f in {words}; do echo x > $f; done")
        expect_equal(case.snapshot(), before)
        expect_equal([place.read_text() for place in places], ["mine\n", "mine\n"])
    finally:
        for place in places:
            place.unlink(missing_ok=True)


# --- --read and --write ---


def test_read_grants_a_tree_for_reading(case):
    data = data_directory(case)
    expect_equal(case.output("--read", data, program=["cat", data / "file", data / "deep/file"]), "content\ndeeper\n")
    for script in (f"echo > {data}/new", f"echo > {data}/file", f"rm {data}/file", f"chmod 777 {data}/file",
                   f"mv {data}/file {data}/other", f"touch {data}/file"):
        status, _, message = attempt(case, script, "--read", data)
        assert status != 0 and "Read-only" in message, (script, message)
    expect_equal((data / "file").read_text(), "content\n")


def test_write_grants_a_tree_for_writing(case):
    data = data_directory(case)
    case.shell(f"echo new > {data}/new; rm {data}/file; mkdir -p {data}/a/b", "--write", data)
    expect_equal((data / "new").read_text(), "new\n")
    assert not (data / "file").exists()
    for name in ("new", "a/b"):
        status = (data / name).stat()
        expect_equal((status.st_uid, status.st_gid), (case.owner, case.owner_group))


def test_relative_paths_are_taken_from_where_the_person_stands(case):
    data = data_directory(case)
    for typed in ("../data", "./../data/", "../data/deep/..", "..//data/."):
        expect_equal(case.output("--read", typed, program=["cat", data / "file"]), "content\n")
    case.write("sub/own", "own\n")
    expect_equal(case.output("-C", case.workspace / "sub", "--read", "../data", program=["cat", data / "file"]), "content\n")


def test_several_grants_of_one_option(case):
    one, two = data_directory(case, "one"), data_directory(case, "two")
    shown = case.output("--read", one, "--read", two, "-r", "/usr/share", program=["cat", one / "file", two / "file"])
    expect_equal(shown, "content\ncontent\n")


def test_a_file_alone(case):
    data = data_directory(case)
    expect_equal(case.output("--read", data / "file", program=["cat", data / "file"]), "content\n")
    expect_equal(case.output("--read", data / "file", program=["ls", "-A", data]), "file\n")
    assert attempt(case, f"echo > {data}/file", "--read", data / "file")[0] != 0
    case.shell(f"echo changed > {data}/file", "--write", data / "file")
    expect_equal((data / "file").read_text(), "changed\n")
    assert attempt(case, f"echo > {data}/other", "--write", data / "file")[0] != 0
    expect_equal(sorted(os.listdir(data)), ["deep", "file"])


def test_nested_grants(case):
    data = data_directory(case)
    script = f"echo x > {data}/deep/new && ! echo x > {data}/new"
    case.shell(script, "--read", data, "--write", data / "deep")
    expect_equal(sorted(os.listdir(data / "deep")), ["file", "new"])
    script = f"echo x > {data}/new && ! echo x > {data}/deep/other && cat {data}/deep/file"
    case.shell(script, "--write", data, "--read", data / "deep")
    expect_equal((sorted(os.listdir(data)), sorted(os.listdir(data / "deep"))), (["deep", "file", "new"], ["file", "new"]))


def test_a_read_only_tree_inside_the_workspace(case):
    case.write("kept/file", "kept\n")
    status, _, _ = attempt(case, "echo x > kept/file", "--read", "kept")
    if status == 0:
        expect_equal((case.workspace / "kept/file").read_text(), "x\n")
        raise AssertionError("--read of a tree inside the writable workspace did not make it read-only")
    case.shell("echo x > beside; mkdir more", "--read", "kept")


def test_a_grant_through_a_symbolic_link(case):
    data = data_directory(case)
    case.write("x")
    os.symlink(data, case.base / "link")
    status, shown, message = attempt(case, f"cat {case.base}/link/file", "--read", case.base / "link")
    if status == 0:
        expect_equal(shown, "content\n")
    else:  # refused, and said so
        expect_equal(status, 125)
        expect_in("link", message)


def test_a_link_in_the_workspace_leads_nowhere(case):
    data = data_directory(case)
    os.symlink(data, case.workspace / "link")
    os.symlink(data / "file", case.workspace / "file")
    expect_equal((case.workspace / "link/file").read_text(), "content\n")
    assert attempt(case, "cat link/file")[0] != 0
    assert attempt(case, "cat file")[0] != 0
    assert attempt(case, "echo x > file")[0] != 0
    expect_equal((data / "file").read_text(), "content\n")


def test_grants_inside_the_home(case):
    case.write_home("data/file", "content\n")
    case.write_home("other/file", "secret\n")
    expect_equal(case.output("--read", case.home / "data", program=["cat", case.home / "data/file"]), "content\n")
    expect_equal(case.output("--read", case.home / "data", program=["ls", "-A", case.home]), "data\n")


@only("root", "user")  # in the third way the tool is not the owner of the key
def test_secrets_are_hidden_unless_named(case):
    case.write_home(".ssh/id_ed25519", "PRIVATE\n", mode=0o600)
    case.write_home(".aws/credentials", "PRIVATE\n", mode=0o600)
    case.write_home("file", "public\n")
    options = ("--read", case.home)
    expect_equal(case.output(*options, program=["cat", case.home / "file"]), "public\n")
    for name in (".ssh/id_ed25519", ".aws/credentials"):
        status, shown, _ = attempt(case, f"cat {case.home}/{name}", *options)
        assert status != 0 and shown == "", name
    shown = case.output(*options, "--read", case.home / ".ssh", program=["cat", case.home / ".ssh/id_ed25519"])
    expect_equal(shown, "PRIVATE\n")


def test_a_file_named_inside_of_a_hidden_directory(case):
    """The directory is hidden, the file in it is there, and nothing can be made beside it."""
    case.write_home(".ssh/id_ed25519", "PRIVATE")
    case.write_home(".ssh/known_hosts", "public")
    case.write_home(".ssh/keys/one", "named")
    case.write_home("notes", "mine")
    script = f"cd {case.home} && cat notes .ssh/known_hosts .ssh/keys/one && find .ssh | sort && ! touch .ssh/new && ! touch .ssh/known_hosts"
    options = ["--read", case.home, "--read", case.home / ".ssh/known_hosts", "--read", case.home / ".ssh/keys"]
    for order in (options, options[4:] + options[:4]):
        result = case.run(*order, program=["sh", "-c", script])
        expect_equal((result.returncode, result.stdout), (0, "minepublicnamed.ssh\n.ssh/keys\n.ssh/keys/one\n.ssh/known_hosts\n"))


@only("root", "user")
def test_the_home_as_workspace_hides_the_secrets(case):
    case.write_home(".ssh/id_ed25519", "PRIVATE\n", mode=0o600)
    case.write_home(".bashrc", "# mine\n")
    case.write_home("file", "public\n")
    shown = case.shell("cat file; cat .ssh/id_ed25519 || echo hidden; echo x > new", cwd=case.home)
    expect_equal(shown, "public\nhidden\n")
    assert attempt(case, "echo x >> .bashrc", cwd=case.home)[0] != 0
    expect_equal((case.home / ".bashrc").read_text(), "# mine\n")
    assert attempt(case, "echo x > .ssh/authorized_keys", cwd=case.home)[0] != 0
    expect_equal(sorted(os.listdir(case.home / ".ssh")), ["id_ed25519"])
    assert (case.home / "new").exists()


@only("root", "user")
def test_the_tool_cannot_reach_writs_own_files_in_its_workspace(case):
    environment = case.environment(XDG_CONFIG_HOME=f"{case.workspace}/c", XDG_STATE_HOME=f"{case.workspace}/s",
                                   XDG_CACHE_HOME=f"{case.workspace}/k")
    script = ("for d in c s k; do mkdir -p $d/writ/profiles; mv $d/writ $d/away; rm -rf $d/writ; mv $d $d-moved;"
              " mkdir -p $d/writ/profiles; echo evil > $d/writ/profiles/mine.yaml; echo evil > $d/writ/x; done; true")
    attempt(case, script, environment=environment)
    evil = [str(path) for path in case.workspace.rglob("*") if path.name in ("x", "mine.yaml")]
    expect_equal([path for path in evil if "-moved" not in path], [])
    for name in "csk":
        assert (case.workspace / name / "writ").is_dir(), f"{name} was moved away"
    expect_equal(case.output(program=["echo", "again"], environment=environment), "again\n")


@only("root", "user")
def test_the_tool_cannot_reach_writs_own_files_in_a_home_that_is_its_workspace(case):
    for name in (".config", ".local/state", ".cache"):
        case.write_home(f"{name}/other", "x")
    script = ("for d in .config .local .cache; do mv $d moved$d; mkdir -p $d/writ/profiles $d/state/writ;"
              " echo evil > $d/writ/profiles/mine.yaml; echo evil > $d/state/writ/x; done; true")
    attempt(case, script, cwd=case.home)
    own = (".config/writ/profiles/mine.yaml", ".local/state/writ/x", ".cache/writ/x", ".config/writ/x")
    expect_equal([name for name in own if (case.home / name).exists()], [])


# --- --env ---


@as_root("only root can give a user another group")
def test_supplementary_groups(case):
    """Root's are dropped. An ordinary user's stay, and do no more than the grants allow: what they may read of the system
    can be read, what they may write can be written where it was granted for writing."""
    tree = case.base / "tree"
    tree.mkdir()
    tree.chmod(0o775)
    for name in ("shared", "secret"):
        (tree / name).write_text("groups\n", encoding="ascii")
        (tree / name).chmod(0o664 if name == "shared" else 0o660)
        os.chown(tree / name, 777, 4545)
    program = ["sh", "-c", f"cat {tree}/secret; echo x >> {tree}/shared; echo $?; cat {tree}/../outside; echo $?"]
    case.write("outside", "PRIVATE", mode=0o664, inside=case.base)
    identity = {**case.identity(), "extra_groups": [4545]}
    def outcome(option):
        result = subprocess.run(case.command(option, tree, program=program), env=case.environment(), cwd=case.workspace, text=True,
                                capture_output=True, check=False, timeout=30, **identity)
        return result.stdout.split()
    # As root the tool is not in the group, and translated ownership (root's workspace) does not make it so.
    reads, writes = (["2", "1"], ["2", "1"]) if case.runs_as_root else (["groups", "2", "1"], ["groups", "0", "1"])
    expect_equal(outcome("--read"), reads)
    expect_equal(outcome("--write"), writes)


def test_the_environment_is_an_allow_list(case):
    environment = case.environment(SECRET_TOKEN="value-1", LD_PRELOAD="", FREE="value-2", LC_TIME="C", PYTHONPATH="/x")
    names = {line.split("=")[0] for line in case.output(program=["env"], environment=environment).splitlines()}
    expect_in("LC_TIME", names)
    assert names.isdisjoint({"SECRET_TOKEN", "FREE", "TMPDIR", "LD_PRELOAD", "PYTHONPATH"}), names


def test_env_passes_or_sets(case):
    environment = case.environment(FREE="from the host", TOKEN="t")
    options = ("--env", "FREE", "-e", "SET=a=b c", "--env", "EMPTY=", "--env", "TOKEN", "--env", "ABSENT")
    shown = case.output(*options, program=["env"], environment=environment).splitlines()
    for line in ("FREE=from the host", "SET=a=b c", "EMPTY=", "TOKEN=t"):
        expect_in(line, shown)
    assert not any(line.startswith("ABSENT") for line in shown)


def test_env_values_that_load_code_are_refused(case):
    case.refused("--env", "LD_PRELOAD=/x.so", says="LD_PRELOAD")
    case.refused("--env", "LD_PRELOAD", says="LD_PRELOAD", environment=case.environment(LD_PRELOAD=""))
    case.refused("--env", "1BAD=x", says="1BAD")
    case.refused("--env", "=x")


# --- --timeout, --workspace, --network ---


def test_timeout(case):
    for typed, least, most in (("300ms", 0.3, 5), ("1s", 1, 6)):
        started = time.monotonic()
        result = case.run("--timeout", typed, program=["sleep", "60"])
        expect_equal(result.returncode, 124)
        assert least <= time.monotonic() - started < most
    expect_equal(case.run("-t", "2h", program=["true"]).returncode, 0)


def test_workspace_option(case):
    data = data_directory(case)
    expect_equal(case.output("--workspace", data, program=["sh", "-c", "pwd; cat file; echo x > made"]), f"{data}\ncontent\n")
    assert (data / "made").exists()
    expect_equal(case.output("-C", "../data", program=["pwd"]), f"{data}\n")
    assert attempt(case, f"ls {case.workspace}", "-C", data)[0] != 0, "the current directory was granted too"


def test_a_workspace_reached_through_a_link(case):
    data = data_directory(case)
    os.symlink(data, case.base / "link")
    expect_equal(case.output(program=["cat", "file"], cwd=case.base / "link"), "content\n")
    status, shown, message = attempt(case, "cat file", "-C", case.base / "link")
    assert (status, shown) == (0, "content\n") or (status == 125 and "link" in message), (status, message)


def test_the_network_is_loopback_only_unless_it_is_the_hosts(case):
    code = "import os; print(sorted(os.listdir('/proc/sys/net/ipv4/conf')), os.readlink('/proc/self/ns/net'))"
    inside = case.output(program=["python3", "-c", code])
    expect_in("['all', 'default', 'lo']", inside)
    host = os.readlink("/proc/self/ns/net")
    expect_not_in(host, inside)
    expect_in(host, case.output("--network", "host", program=["python3", "-c", code]))
    expect_not_in(host, case.output("--network", "none", program=["python3", "-c", code]))


def test_the_network_of_the_host_reaches_a_server_of_the_host(case):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        code = f"import socket; print(socket.create_connection(('127.0.0.1', {server.getsockname()[1]})).recv(9))"

        def answer():
            server.accept()[0].sendall(b"host")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        expect_equal(case.output("--network", "host", program=["python3", "-c", code]), "b'host'\n")
        thread.join()
        result = case.run(program=["python3", "-c", code])
        expect_in("ConnectionRefusedError", result.stderr)


# --- --prefer, --dry-run, --json, --quiet, --help ---


def test_prefer_changes_nothing_where_the_host_has_the_layer(case):
    options = [word for layer in ("user_namespace", "locked_view", "landlock", "network_namespace") for word in ("--prefer", layer)]
    result, report = case.report(*options)
    expect_equal((result.returncode, result.stderr), (0, ""))
    expect_equal({layer["state"] for layer in report["layers"] if layer["layer"] != "control_group"}, {"active"})


def test_dry_run_runs_nothing(case):
    before = case.snapshot()
    result = case.run("--dry-run", "--read", "/usr/share/doc", program=["touch", "made"])
    expect_equal((result.returncode, result.stderr), (0, ""))
    for word in ("profile: default", "view: active", str(case.workspace), "/usr/share/doc", "network: none", "PATH"):
        expect_in(word, result.stdout)
    expect_equal(case.snapshot(), before)
    case.nothing_left()


def test_dry_run_as_json(case):
    result = case.run("--dry-run", "--json", "--env", "SECRET=hush", program=["touch", "made"])
    plan = json.loads(result.stdout)
    expect_equal((plan["schema"], plan["command"], plan["workspace"]), ("writ.run", ["touch", "made"], str(case.workspace)))
    expect_in("SECRET", plan["environment"])
    expect_not_in("hush", result.stdout)
    assert "outcome" not in plan and "usage" not in plan
    assert not (case.workspace / "made").exists()


def test_dry_run_finds_what_a_run_would_find(case):
    case.refused("--dry-run", program=["no-such-program"], status=127)
    case.refused("--dry-run", "--read", "/no/such", says="/no/such")
    case.refused("--json", says="--dry-run")


def test_quiet_leaves_out_warnings_and_not_errors(case):
    for profile, said in (("build", "writ: warning"), ("default", "writ: denied")):
        program = ["python3", "-c", "import os\ntry: os.mkdir('.vscode')\nexcept PermissionError: pass"]
        expect_in(said, case.run("-p", profile, program=program).stderr)
        quiet = case.run("--quiet", "-p", profile, program=program)
        expect_equal((profile, quiet.returncode, quiet.stderr), (profile, 0, ""))
        assert not (case.workspace / ".vscode").exists()
    assert not (case.workspace / ".envrc").exists()
    case.refused("--quiet", program=["no-such-program"], status=127, says="no-such-program")


def test_options_after_the_separator_belong_to_the_program(case):
    expect_equal(case.output(program=["echo", "--help", "--", "-n", "--timeout", "1ms"]), "--help -- -n --timeout 1ms\n")


def test_help_and_version(case):
    for words in (["--help"], ["run", "--help"], ["--version"]):
        result = subprocess.run([writ_program(), *words], capture_output=True, text=True, timeout=30, check=False)
        expect_equal((result.returncode, result.stderr), (0, ""))
        assert result.stdout


if __name__ == "__main__":
    sys.exit(main(globals()))
