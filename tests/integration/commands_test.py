#!/usr/bin/env python3
"""Rules about commands: who decides, where an allowed command runs, and what it gets."""

import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from command_profiles import profile, ruled, secret, tool  # noqa: E402
from writ_testing import deny, expect_equal, expect_in, main, need, only  # noqa: E402


def test_denied_and_asked(case):
    need("git")
    rules = """
  - {program: git, prefix: [push], effect: ask, reason: others see it}
  - {program: git, prefix: [reset, --hard], effect: deny, reason: work would be lost}
  - {program: git, effect: allow}
"""
    main_profile = ruled(case, rules)
    case.on_host("git", "init", "-q", ".")
    result = case.run("--profile", main_profile, program=["git", "push", "origin"])
    expect_equal((result.returncode, result.stdout), (126, ""))
    expect_in("writ: '/usr/bin/git' may not be run like this: the rule 'ask git push …' wants somebody to be asked", result.stderr)
    expect_in("others see it", result.stderr)
    result = case.run("--profile", main_profile, program=["git", "reset", "--hard", "HEAD~1"])
    expect_equal(result.returncode, 126)
    expect_in("denies it: work would be lost", result.stderr)
    expect_in("On branch", case.output("--profile", main_profile, program=["git", "status"]))
    # The tool's shell finds the same program by every name.
    for name in ("git", "/usr/bin/git", "/bin/git", "/usr/bin/../bin/git"):
        result = case.run("--profile", main_profile, program=["sh", "-c", f"{name} push; echo $?"])
        expect_equal(result.stdout, "126\n")


def test_no_rule_matches(case):
    main_profile = ruled(case, "  - {program: id, exact: [-u], effect: allow}\n")
    expect_equal(case.output("--profile", main_profile, program=["id", "-u"]).isspace(), False)
    result = case.run("--profile", main_profile, program=["id"])
    expect_equal(result.returncode, 126)
    expect_in("no rule about it allows these arguments", result.stderr)


def test_authority_of_its_own(case):
    """The main sandbox cannot read the file; the command's profile can. And the other way round."""
    key = secret(case)
    profile(case, "withkey", f"extends: readonly\nfilesystem:\n  read: ['{case.base}/secret']\n")
    main_profile = ruled(case, f"  - {{program: cat, prefix: ['{key}'], effect: allow, profile: withkey}}\n"
                               "  - {program: tee, effect: allow, profile: withkey}\n")
    result = case.run("--profile", main_profile, program=["sh", "-c", f"grep . {key}; cat {key}; echo $?; cat {key} key"])
    expect_equal(result.stdout.splitlines()[:2], ["the-secret", "0"])
    expect_in(f"grep: {key}: No such file", result.stderr)
    # `readonly` may not write the workspace, which the main sandbox may.
    result = case.run("--profile", main_profile, program=["sh", "-c", "echo x > mine; echo x | tee theirs; echo $?; ls"])
    expect_equal(result.stdout.splitlines(), ["x", "1", "mine"])


def test_exit_codes(case):
    leave = tool(case, "leave", 'case $1 in signal) kill -$2 $$ ;; *) exit $1 ;; esac')
    main_profile = ruled(case, f"  - {{program: '{leave}', effect: allow}}\n")
    script = f"for code in 0 1 3 125 126 127 255; do {leave} $code; echo $?; done; {leave} signal 9; echo $?; {leave} signal 15; echo $?"
    result = case.run("--profile", main_profile, program=["sh", "-c", script])
    expect_equal(result.stdout.split(), ["0", "1", "3", "125", "126", "127", "255", "137", "143"])
    for code in (0, 7):
        expect_equal(case.run("--profile", main_profile, program=[leave, code and str(code) or "0"]).returncode, code)


def test_streams(case):
    main_profile = ruled(case, "  - {program: cat, effect: allow}\n  - {program: tr, effect: allow}\n")
    data = os.urandom(3_000_000)
    result = case.run("--profile", main_profile, program=["sh", "-c", "cat | cat"], input=data, text=False)
    assert result.stdout == data, f"{len(result.stdout)} bytes arrived: {result.stderr!r}"
    script = ("printf abc > in; tr a-z A-Z < in > out; cat out; cat nothing 2> err || true; grep -c 'No such' err; "
              "printf x > /tmp/in; cat < /tmp/in; cat <&- >/dev/null; echo $?; echo a | cat >> log; echo b | cat >> log; cat log")
    expect_equal(case.shell(script, "--profile", main_profile), "ABC1\nx0\na\nb\n")
    expect_equal((case.workspace / "out").read_text(), "ABC")


def test_working_directory(case):
    main_profile = ruled(case, "  - {program: cat, effect: allow}\n")
    script = "mkdir -p 'a b/c'; echo here > 'a b/c/f'; cd 'a b/c'; cat f; cd ..; cat c/f; mkdir /tmp/d; cd /tmp/d; cat f || echo $?"
    result = case.run("--profile", main_profile, program=["sh", "-ec", script])
    expect_equal(result.stdout, "here\nhere\n125\n")
    expect_in("cannot enter the working directory", result.stderr)


def test_chdir_option(case):
    case.write("sub/deep/file", "found\n")
    expect_equal(case.output("--chdir", "sub/deep", program=["cat", "file"]), "found\n")
    expect_equal(case.output("--chdir", case.workspace / "sub", program=["pwd"]), f"{case.workspace}/sub\n")
    expect_equal(case.output("--chdir", "/usr", program=["pwd"]), "/usr\n")
    case.refused("--chdir", "nowhere", says="cannot enter the working directory")
    case.refused("--chdir", "../nowhere", says="cannot enter the working directory")
    expect_equal((case.workspace / "sub").stat().st_uid, case.owner)


def test_arguments_are_never_options(case):
    show = tool(case, "show", 'for word; do echo "[$word]"; done')
    main_profile = ruled(case, f"  - {{program: '{show}', effect: allow}}\n")
    words = ["--profile=shell", "--", "-p", "--read=/", "--nested=0", "", "a b", "'\"$(id)`id`\\", "\t\n", "*", "é\x1b[31m"]
    expect_equal(case.output("--profile", main_profile, program=[show, *words]),
                 "".join(f"[{word}]\n" for word in words))
    result = case.run("--profile", main_profile, program=["bash", "-c", f"exec -a --help {show} x"])
    expect_equal(result.stdout, "[x]\n")


def test_environment_is_the_brokers(case):
    show = tool(case, "show", 'echo "from_tool=$FROM_TOOL from_person=$FROM_PERSON preload=$LD_PRELOAD path=$PATH"')
    extra = "environment:\n  pass: [FROM_PERSON]\n"
    profile(case, "plain", f"extends: default\nfilesystem:\n  read: ['{case.base}/bin']\n")
    main_profile = ruled(case, f"  - {{program: '{show}', prefix: [own], effect: allow}}\n"
                               f"  - {{program: '{show}', prefix: [plain], effect: allow, profile: plain}}\n", extra)
    script = f"export FROM_TOOL=1 FROM_PERSON=changed LD_PRELOAD=/x.so PATH=/nowhere; {show} own; {show} plain"
    result = case.run("--profile", main_profile, program=["sh", "-c", script], environment=case.environment(FROM_PERSON="true"))
    path = case.environment()["PATH"]
    expect_equal(result.stdout.splitlines(), [f"from_tool= from_person=true preload= path={path}",
                                              f"from_tool= from_person= preload= path={path}"])


def test_rules_of_the_nested_profile(case):
    """The program of the command is itself there; other ruled programs are stand-ins there, too."""
    inner = tool(case, "inner", "echo inner $1")
    outer = tool(case, "outer", f"echo outer $1; {inner} a; {inner} b; echo $?; if test $1 = again; then {case.base}/bin/outer once; fi")
    nested = ruled(case, f"  - {{program: '{inner}', exact: [a], effect: allow}}\n  - {{program: '{outer}', effect: deny}}\n",
                   name="nested")
    main_profile = ruled(case, f"  - {{program: '{outer}', effect: allow, profile: {nested}}}\n")
    result = case.run("--profile", main_profile, program=[outer, "again"])
    expect_equal(result.stdout.splitlines(), ["outer again", "inner a", "126", "outer once", "inner a", "126"])
    expect_in("inner' may not be run like this", result.stderr)


def test_rules_that_lead_in_circles_end(case):
    one, two = case.base / "bin/one", case.base / "bin/two"
    tool(case, "one", f"echo one; exec {two}")
    tool(case, "two", f"echo two; exec {one}")
    main_profile = ruled(case, f"  - {{program: '{one}', effect: allow}}\n  - {{program: '{two}', effect: allow}}\n")
    result = case.run("--profile", main_profile, program=[one])
    expect_equal((result.returncode, result.stdout.split()), (125, ["one", "two", "one", "two"]))
    expect_in("commands are nested more than 4 deep", result.stderr)


def test_indirect_callers(case):
    show = tool(case, "show", 'echo "ran $*"')
    main_profile = ruled(case, f"  - {{program: '{show}', contains: [bad], effect: deny}}\n  - {{program: '{show}', effect: allow}}\n")
    loader = next((name for name in ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1") if os.path.exists(name)), None)
    ways = [f"env {show} @", f"echo @ | xargs {show}", f"find . -maxdepth 0 -exec {show} @ ';'", f"{show} @",
            f"python3 -c 'import subprocess; subprocess.run([\"{show}\", \"@\"])'", f"ln -s {show} link; ./link @; rm link",
            f"printf '#!{show} @\\n' > script; chmod +x script; ./script", f"nohup {show} @", f"timeout 60 {show} @"]
    for way in ways:
        good = case.run("--profile", main_profile, program=["sh", "-c", way.replace("@", "good")])
        assert good.stdout.startswith("ran good"), (way, good.stdout, good.stderr)
        bad = case.run("--profile", main_profile, program=["sh", "-c", way.replace("@", "bad")])
        expect_equal((way, bad.stdout), (way, ""))
        expect_in("denies it", bad.stderr)
    if loader:
        for word, expected in (("good", "ran good\n"), ("bad", "")):
            result = case.run("--profile", main_profile, program=[loader, show, word])
            expect_equal(result.stdout, expected)


def test_interpreter_under_a_rule(case):
    """A rule about python3 holds for the object that the link leads to, by every name."""
    need("python3")
    real = os.path.realpath("/usr/bin/python3")
    main_profile = ruled(case, "  - {program: python3, exact: [-V], effect: allow}\n  - {program: python3, prefix: ['./good'], effect: allow}\n")
    for name in ("python3", "/usr/bin/python3", real):
        expect_in("Python 3", case.output("--profile", main_profile, program=[name, "-V"]))
        expect_equal(case.run("--profile", main_profile, program=[name, "-c", "print(1)"]).returncode, 126)
    case.write("good", f"#!{real}\nprint('good')\n", 0o755)
    case.write("bad", f"#!{real}\nprint('bad')\n", 0o755)
    expect_equal(case.shell("./good; ./bad || echo $?", "--profile", main_profile, stderr=subprocess.DEVNULL, stdout=subprocess.PIPE),
                 "good\n126\n")


def test_hard_links(case):
    show = tool(case, "show", "echo ran")
    os.link(show, case.base / "bin/alias")
    (case.base / "bin/deep").mkdir()
    os.link(show, case.base / "bin/deep/alias")
    main_profile = ruled(case, f"  - {{program: '{show}', effect: deny}}\n")
    for name in ("show", "alias", "deep/alias"):
        result = case.run("--profile", main_profile, program=["sh", "-c", f"{case.base}/bin/{name}; echo $?"])
        expect_equal((name, result.stdout), (name, "126\n"))
    # A name outside of the view could become one in it: nobody can say that the rule holds.
    os.link(show, case.base / "elsewhere")
    case.refused("--profile", main_profile, says=r"has 4 names \(hard links\), and 3 were found")


def test_program_that_is_not_there(case):
    main_profile = ruled(case, "  - {program: no-such-program, effect: deny}\n  - {program: /nowhere/program, effect: deny}\n")
    expect_equal(case.run("--profile", main_profile, program=["sh", "-c", "no-such-program; echo $?"]).stdout, "127\n")


def test_unknown_profile_of_a_rule(case):
    main_profile = ruled(case, "  - {program: id, effect: allow, profile: defaultt}\n")
    case.refused("--profile", main_profile, says=["allow id", "defaultt", "default"])


def test_report(case):
    show = tool(case, "show", "exit 3")
    main_profile = ruled(case, f"  - {{program: '{show}', prefix: [no], effect: deny}}\n  - {{program: '{show}', effect: allow}}\n")
    words = "x" * 1000
    result, report = case.report("--profile", main_profile, program=["sh", "-c", f"{show} no; {show} 'a\x1b[1m' {words}; {show} $(seq 100)"])
    denied, allowed, many = report["commands"]
    expect_equal((denied["argv"], denied["decision"], denied["end"]), ([str(show), "no"], "deny", "refused"))
    expect_equal((allowed["decision"], allowed["end"], allowed["exit_status"]), ("allow", "finished", 3))
    expect_equal(allowed["argv"][1], "a\\x1b[1m")
    assert len(allowed["argv"][2]) <= 300
    expect_in(f"{main_profile}.yaml", denied["rule_origin"])
    expect_in("deny", denied["rule"])
    expect_equal((len(many["argv"]), many["arguments_not_listed"]), (64, 37))
    expect_equal(report["commands_not_listed"], 0)
    expect_equal(result.returncode, 3)


def test_layers_that_rules_need(case):
    main_profile = ruled(case, "  - {program: id, effect: deny}\n")
    case.refused("--profile", main_profile, "--prefer", "view", "--prefer", "locked_view", says="rules about commands need the layer view")
    case.refused("--profile", main_profile, "--prefer", "user_namespace", says="need the layer user_namespace")


def test_hosts_that_lack_a_call(case):
    """Without process_vm_readv the arguments are read through /proc; without pidfd_getfd nothing is allowed."""
    main_profile = ruled(case, "  - {program: cat, effect: allow}\n")
    program = ["sh", "-c", "echo through | cat; echo $?"]
    result = case.run("--profile", main_profile, program=program, prefix=deny("process_vm_readv"))
    expect_equal((result.stdout, result.stderr), ("through\n0\n", ""))
    result = case.run("--profile", main_profile, program=program, prefix=deny("pidfd_getfd=EPERM"))
    expect_equal(result.stdout, "126\n")
    expect_in("writ: cannot take a stream of the caller: Operation not permitted", result.stderr)
    result = case.run("--profile", main_profile, program=program, prefix=deny("clone3"))
    expect_equal((result.stdout, result.stderr), ("through\n0\n", ""))


def test_options_that_are_inherited(case):
    """--network none narrows and is passed on; --read widens and is not."""
    key = secret(case)
    profile(case, "open", "extends: default\nnetwork: host\n")
    main_profile = ruled(case, "  - {program: cat, effect: allow}\n  - {program: ls, effect: allow, profile: open}\n")
    result = case.run("--profile", main_profile, "--read", case.base / "secret", program=["sh", "-c", f"grep . {key}; cat {key}"])
    expect_equal(result.stdout, "the-secret\n")
    expect_in("No such file", result.stderr)
    devices = len(os.listdir("/sys/class/net"))
    if devices > 1:
        lines = case.output("--profile", main_profile, program=["ls", "/proc/self/net/dev"])
        expect_in("dev", lines)


def test_protection_of_the_outer_run(case):
    """A command whose own profile may write .git/config cannot take the outer run's protection of it away."""
    need("git")
    for words in (["init", "-q", "."], ["config", "user.name", "me"], ["config", "user.email", "me@example.org"]):
        case.on_host("git", *words)
    before = (case.workspace / ".git/config").read_text()
    main_profile = ruled(case, "  - {program: git, effect: allow, profile: git}\n  - {program: mv, effect: allow, profile: git}\n")
    script = ("git config user.name you; echo $?; cp .git/config new; mv new .git/config; echo $?; mv .git away; echo $?; "
              "echo evil >> .git/config; echo $?; git commit -q --allow-empty -m first; git log --oneline | wc -l")
    result = case.run("--profile", main_profile, program=["sh", "-c", script])
    first, second, third, fourth, commits = result.stdout.split()
    assert "0" not in (first, second, third, fourth), result.stdout
    expect_equal((commits, (case.workspace / ".git/config").read_text()), ("1", before))


@only("root")
def test_directory_that_is_mounted_twice(case):
    """One link, two names: the directory is granted at both of its places."""
    show = tool(case, "show", "echo ran")
    (case.base / "twice").mkdir()
    main_profile = ruled(case, f"  - {{program: '{show}', effect: deny}}\n")
    prefix = ["unshare", "-m", "sh", "-ec", f'mount --bind {case.base}/bin {case.base}/twice; exec "$@"', "x"]
    script = f"{case.base}/twice/show; echo $?; {show}; echo $?"
    result = case.run("--profile", main_profile, "--read", case.base / "twice", prefix=prefix, program=["sh", "-c", script])
    expect_equal((result.stdout, result.returncode), ("126\n126\n", 0))


def test_program_in_the_workspace(case):
    """Where the tool can write, the name is under the rule; it can neither be moved away nor replaced."""
    case.write("prog", "#!/bin/sh\necho ran\n", 0o755)
    main_profile = ruled(case, "  - {program: '${workspace}/prog', effect: deny}\n  - {program: mv, effect: allow}\n")
    script = "./prog; echo $?; mv prog x; echo $?; cp /bin/true y; mv y prog; echo $?; ln prog z; echo $?; rm -f prog; ./prog; echo $?"
    result = case.run("--profile", main_profile, program=["sh", "-c", script])
    first, *others, last = result.stdout.split()
    expect_equal((first, last, "0" in others), ("126", "126", False))


def test_nested_is_not_for_people(case):
    for text in ("0:1:2:3", "x", "1", "1:2", "1:2:3", "1:2:3:4:5", "-1:2:3:4"):
        case.refused(f"--nested={text}", says="nested")
    result = case.run("--nested=1:1:1:1", program=["true"])  # a supervisor that is not our parent
    expect_equal(result.returncode, 125)


if __name__ == "__main__":
    sys.exit(main(globals()))
