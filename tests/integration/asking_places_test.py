#!/usr/bin/env python3
"""Rules that ask, place by place: in the workspace and outside, single files, places with something hidden in them, in one
another, and such that do not exist."""

import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from asking import LOOK, Peer, answered, ask_profile, profile_of, python, scene  # noqa: E402
from writ_testing import expect_equal, expect_in, expect_not_in, main  # noqa: E402


def test_place_in_the_workspace(case):
    for extends in ("default", "build"):
        place = case.workspace / "private"
        case.write("private/key", "key\n")
        case.write("plain", "plain\n")
        profile = ask_profile(case.base, [("${workspace}/private/*", LOOK)], extends=extends)
        result, peer = answered(case, "once", ["sh", "-c", "cat plain private/key; ls private; echo new > fresh; echo x > private/key; echo x > private/new; mv private p2; rm -r private; true"], profile)
        expect_equal((extends, result.stdout), (extends, "plain\nkey\n"))
        expect_equal(sorted(os.listdir(place)), ["key"])
        expect_equal((place / "key").read_text(), "key\n")
        expect_equal((case.workspace / "fresh").read_text(), "new\n")
        joined, peer = answered(case, "run", ["sh", "-c", "cat private/key; ls private; echo x > private/key; touch private/new; rm -r private; cat private/key"], profile)
        expect_equal((extends, joined.stdout, len(peer.questions)), (extends, "key\nkey\nkey\n", 2))
        expect_equal((os.listdir(place), (place / "key").read_text()), (["key"], "key\n"))


def test_single_file(case):
    place = scene(case)
    for path, extra in ((place / "other", []), (case.write("secret.txt", "other\n"), [])):
        profile = ask_profile(case.base, [(path, "read")])
        result, peer = answered(case, "once", ["cat", path], profile)
        expect_equal((result.returncode, result.stdout, peer.objects()), (0, "other\n", [str(path)]))
        result, peer = answered(case, "run", ["cat", path, path], profile)
        expect_equal((result.returncode, result.stdout, len(peer.questions)), (0, "other\nother\n", 1))
        result, peer = answered(case, "deny", ["cat", path], profile)
        expect_equal((result.returncode, result.stdout, len(peer.questions)), (1, "", 1))


def test_hidden_things_inside(case):
    """Where something inside is denied the place never joins: single files, and never the denied ones."""
    place = scene(case)
    profile = ask_profile(case.base, [(f"{place}/*", LOOK), f"effect: deny, rights: [read], path: '{place}/sub/*'"])
    for answer in ("run", "once", "always"):
        result, peer = answered(case, answer, ["sh", "-c", f"cat {place}/customers; cat {place}/sub/inner; ls {place}; cat {place}/sub/../other; cat {place}/sub/deep/leaf"], profile)
        expect_not_in("inner", result.stdout)
        expect_not_in("leaf", result.stdout)
        assert f"{place}/sub/inner" not in peer.objects() and f"{place}/sub/deep/leaf" not in peer.objects(), peer.objects()
        for question in peer.questions:
            expect_equal(question["answers"], ["deny", "once", "always"])
    expect_in("customers\n", result.stdout)


def test_secrets_inside(case):
    """The home with its secrets as an asked place."""
    case.write_home(".ssh/id_ed25519", "SECRET\n", mode=0o600)
    case.write_home("notes", "notes\n")
    profile = ask_profile(case.base, [("~/*", LOOK)])
    result, peer = answered(case, "once", ["sh", "-c", f"cat {case.home}/notes; cat {case.home}/.ssh/id_ed25519; ls -a {case.home}; cat {case.home}/.ssh/../.ssh/id_ed25519"], profile)
    expect_not_in("SECRET", result.stdout)
    assert not any(".ssh" in name for name in peer.objects()), peer.objects()


def test_hidden_through_a_link(case):
    """A secret whose real place lies in the asked one."""
    place = scene(case)
    case.write("keys/id", "SECRET\n", inside=place)
    os.symlink(place / "keys", case.home / ".ssh")
    case.give_to_writ(case.home / ".ssh")
    result, _ = answered(case, lambda q: "once" if "once" in q["answers"] else "run",
                         ["sh", "-c", f"cat {place}/keys/id; ls -R {place}; cat {place}/keys/id; cat {place}/customers"], profile_of(case, place))
    expect_not_in("SECRET", result.stdout)
    expect_in("customers", result.stdout)


def test_hard_links(case):
    """A denied file stays denied by the name that it has in an asked place; one file of two asked places is not one more
    reason to hide the place itself."""
    place = scene(case)
    denied = case.write("denied/file", "SECRET\n", inside=case.base)
    os.link(denied, place / "sub/twin")
    os.link(place / "customers", place / "again")
    profile = ask_profile(case.base, [(f"{place}/*", LOOK), f"effect: deny, rights: [read], path: '{case.base}/denied/*'"])
    result, peer = answered(case, lambda q: "once" if "once" in q["answers"] else "run",
                            ["sh", "-c", f"cat {place}/sub/twin; ls {place}; cat {place}/sub/twin; cat {place}/again"], profile)
    expect_not_in("SECRET", result.stdout)
    expect_in("customers", result.stdout)
    os.unlink(place / "sub/twin")
    result, peer = answered(case, "run", ["ls", place], profile)
    expect_equal(result.stdout, "again\ncustomers\nother\nsub\n")


def test_place_in_a_denied_one(case):
    place = scene(case)
    profile = ask_profile(case.base, [(f"{place}/sub/*", LOOK), f"effect: deny, rights: [read], path: '{place}/*'"])
    for options in ([], ["--read", case.base]):
        with Peer(lambda _: "run") as peer:
            result = case.run("--profile", profile, *options, *peer.options, **peer.passed, program=["sh", "-c", f"cat {place}/sub/inner; ls {place}/sub; echo end"])
        expect_equal((result.returncode, result.stdout, peer.questions), (0, "end\n", []))


def test_place_that_does_not_exist(case):
    missing = case.base / "missing"
    profile = profile_of(case, missing)
    result, peer = answered(case, "run", ["sh", "-c", f"cat {missing}/x; ls {missing}; echo end"], profile)
    expect_equal((result.returncode, result.stdout, peer.questions), (0, "end\n", []))
    # In a tree that is granted: a warning says that the rule cannot hold for what somebody makes there meanwhile.
    granted = scene(case, "granted")
    profile = profile_of(case, granted / "later")
    result = case.run("--profile", profile, "--read", granted, program=["cat", granted / "other"])
    expect_equal((result.returncode, result.stdout), (0, "other\n"))
    expect_in("does not exist", result.stderr)


def test_nested_places(case):
    place = scene(case)
    profile = ask_profile(case.base, [(f"{place}/*", LOOK), (f"{place}/sub/*", LOOK)])
    result, peer = answered(case, lambda q: "deny" if "/sub" in q["object"]["text"] else ("run" if "run" in q["answers"] else "once"),
                            ["sh", "-c", f"cat {place}/customers; ls {place}; cat {place}/sub/inner; ls {place}/sub; cat {place}/sub/deep/leaf"], profile)
    expect_in("customers\n", result.stdout)
    for secret in ("inner", "leaf"):
        expect_not_in(secret, result.stdout)
    result, peer = answered(case, "once", ["cat", place / "customers", place / "sub/inner"], profile)
    expect_equal((result.returncode, result.stdout), (0, "customers\ninner\n"))


def test_grant_inside_a_place(case):
    """What another rule allows inside of an asked place is not asked about twice, and a place above asks for the rest."""
    place = scene(case)
    profile = ask_profile(case.base, [(f"{place}/*", LOOK), f"effect: allow, rights: [read, list], path: '{place}/sub/*'"])
    result, peer = answered(case, "deny", ["sh", "-c", f"cat {place}/customers; cat {place}/sub/inner"], profile)
    expect_not_in("customers", result.stdout)
    expect_not_in("inner", result.stdout)  # ask is stronger than allow
    assert len(peer.questions) >= 1


def test_listing_alone(case):
    """A rule about the names alone: files by name are read as before, and the names come only when somebody allows it."""
    place = case.workspace / "private"
    case.write("private/key", "key\n")
    profile = ask_profile(case.base, [("${workspace}/private/*", "list")])
    result, peer = answered(case, "deny", ["sh", "-c", "cat private/key; ls private; stat -c %s private/key"], profile)
    expect_not_in("key\nkey", result.stdout)
    for question in peer.questions:
        expect_in("list", question["rights"])
    allowed, peer = answered(case, "run", ["sh", "-c", "ls private; cat private/key"], profile)
    expect_equal((allowed.returncode, allowed.stdout), (0, "key\nkey\n"))


def test_links(case):
    place = scene(case)
    os.symlink("customers", place / "inward")
    os.symlink(case.workspace / "plain", place / "outward")
    os.symlink("../work/plain", place / "upward")
    case.write("plain", "plain\n")
    os.symlink(place / "customers", case.workspace / "into")
    os.symlink(place, case.workspace / "door")
    profile = profile_of(case, place)
    result, peer = answered(case, "once", ["cat", "into", "door/other", place / "inward"], profile)
    expect_equal((result.returncode, result.stdout), (0, "customers\nother\ncustomers\n"))
    expect_equal(peer.objects(), [f"{place}/customers", f"{place}/other", f"{place}/customers"])
    result, peer = answered(case, "run", ["sh", "-c", f"cat {place}/inward {place}/outward {place}/upward; readlink {place}/inward"], profile)
    expect_equal((result.returncode, result.stdout, len(peer.questions)), (0, "customers\nplain\nplain\ncustomers\n", 2))
    result, peer = answered(case, "once", python(f"""
for flags in (os.O_NOFOLLOW, os.O_DIRECTORY, os.O_CREAT, os.O_RDWR, os.O_TRUNC, os.O_TMPFILE | os.O_RDWR):
    try: os.open({str(place / 'inward')!r}, flags); print('opened', flags)
    except OSError as error: print(errno.errorcode[error.errno])
"""), profile)
    expect_not_in("opened", result.stdout)


if __name__ == "__main__":
    sys.exit(main(globals()))
