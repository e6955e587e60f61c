#!/usr/bin/env python3
"""`writ ci --artifact` and `--cache`: what is collected, what a hostile run cannot get collected, and what is kept."""

import json
import os
import pathlib
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from writ_testing import (as_root, case_profile, deny, expect_equal, expect_in, expect_not_in, main,  # noqa: E402
                          only)


def ci(case, *options, program, **popen):
    return case.writ("ci", *options, "--", *program, **popen)


def shell(script):
    return ["sh", "-ec", script]


def collect(case, *globs, script, profile="build", options=()):
    """Runs `script` and returns the result, the collected files with their contents, and the report's lines."""
    place, report = case.temporary / "artifacts", case.temporary / "report.json"
    words = [word for glob in globs for word in ("--artifact", glob)]
    result = ci(case, "--profile", profile, *words, "--artifact-dir", place, "--json", report, "--fail-on", "none",
                *options, program=shell(script))
    found = {str(path.relative_to(place)): path.read_bytes() for path in place.rglob("*") if not path.is_dir()}
    lines = {entry["path"]: entry.get("reason", "") for entry in json.loads(report.read_text())["artifacts"]}
    return result, found, lines


# --- artifacts ---


def test_files_are_collected_with_their_paths(case):
    result, found, lines = collect(case, "dist/**", "**/junit.xml", "logs", script=(
        "mkdir -p dist/a/b x/y logs/.deep; echo 1 > dist/a/b/f; echo 2 > x/y/junit.xml; echo 3 > logs/.deep/l;"
        "echo 4 > other; printf '#!/bin/sh' > dist/run; chmod 700 dist/run"))
    expect_equal(result.returncode, 0)
    expect_equal(found, {"dist/a/b/f": b"1\n", "dist/run": b"#!/bin/sh", "x/y/junit.xml": b"2\n", "logs/.deep/l": b"3\n"})
    expect_equal(set(lines), set(found))
    expect_equal((case.temporary / "artifacts/dist/run").stat().st_mode & 0o777, 0o755)
    expect_in("4 artifacts are in", result.stderr)


def test_nothing_is_collected_twice_or_from_the_collection(case):
    result = ci(case, "--profile", "build", "--artifact", "**", "--artifact", "a", program=shell("echo 1 > a"))
    expect_equal(result.returncode, 0)
    expect_equal(sorted(str(path.relative_to(case.workspace)) for path in case.workspace.rglob("*")),
                 ["a", "writ-artifacts", "writ-artifacts/a"])
    # What is there from an earlier run would pass for this one's.
    again = ci(case, "--artifact", "a", program=["touch", "ran"])
    expect_equal(again.returncode, 125)
    expect_in("not empty", again.stderr)
    assert not (case.workspace / "ran").exists()


@only("user")
def test_a_pattern_without_files_is_said(case):
    result, found, _ = collect(case, "nothing/*", script="true")
    expect_equal((result.returncode, found), (0, {}))
    expect_in("no file is named by --artifact nothing/*", result.stderr)


@only("user")
def test_failed_runs_have_artifacts_too(case):
    result, found, _ = collect(case, "log", script="echo why > log; exit 3")
    expect_equal((result.returncode, found), (3, {"log": b"why\n"}))


def test_links_and_devices_are_not_followed(case):
    outside = case.write("outside", "somebody's own", inside=case.temporary, give=case.give_to_writ)
    outside.chmod(0o644)
    result, found, lines = collect(case, "out/**", script=(
        f"mkdir out real; echo ok > real/f; ln -s {outside} out/link; ln -s /etc/passwd out/passwd;"
        f"ln -s ../real out/tree; ln -s {outside.parent} out/parent; mkfifo out/fifo; echo ok > out/file;"
        "ln -s file out/inside"))
    expect_equal((result.returncode, found), (0, {"out/file": b"ok\n"}))
    expect_equal(lines, {"out/file": "", "out/link": "a symbolic link", "out/passwd": "a symbolic link",
                         "out/tree": "a symbolic link", "out/parent": "a symbolic link",
                         "out/fifo": "not a regular file", "out/inside": "a symbolic link"})
    # Control: those links do lead somewhere for whoever follows them.
    expect_equal((case.workspace / "out/link").read_text(), "somebody's own")
    expect_equal((case.workspace / "out/tree/f").read_text(), "ok\n")


@only("user")
def test_a_directory_that_is_a_link_is_not_entered(case):
    secret = case.temporary / "dist"
    secret.mkdir()
    case.write("f", "somebody's own", inside=secret, give=case.give_to_writ)
    _, found, _ = collect(case, "dist/f", script=f"ln -s {secret} dist")
    expect_equal((found, (case.workspace / "dist/f").read_text()), ({}, "somebody's own"))


def test_hard_links_count_only_when_all_their_names_are_here(case):
    outside = case.write("outside", "linked in", inside=case.temporary, give=case.give)
    case.write("both/a", "twice here")
    os.link(case.workspace / "both/a", case.workspace / "b")
    os.link(outside, case.workspace / "both/foreign")
    _, found, lines = collect(case, "both/**", script="true")
    expect_equal(found, {"both/a": b"twice here"})
    expect_equal(lines["both/foreign"], "it has hard links that are not in the workspace")
    # Control: the name alone would have been read.
    expect_equal((case.workspace / "both/foreign").read_text(), "linked in")


def test_what_the_run_could_not_see_is_not_collected(case):
    profile = case.base / "hides.yaml"
    profile.write_text("version: 1\nname: hides\nextends: build\nfilesystem:\n  hide: ['${workspace}/keys']\n"
                       "rules:\n  - {effect: deny, rights: [read], path: '${workspace}/secret.txt'}\n")
    case.write("keys/private", "key")
    case.write("secret.txt", "secret")
    case.write("open.txt", "open")
    _, found, lines = collect(case, "**", "secret.txt", "keys", profile=profile, script="true")
    expect_equal(found, {"open.txt": b"open"})
    expect_equal(lines["secret.txt"], "the run could not see it")
    expect_equal(lines["keys/private"], "the run could not see it")
    shutil.rmtree(case.temporary / "artifacts")
    _, control, _ = collect(case, "secret.txt", script="true")
    expect_equal(control, {"secret.txt": b"secret"})


@only("root", "other")
@as_root("files of somebody else in the workspace")
def test_what_only_root_may_read_is_not_collected(case):
    path = case.write("foreign", "not the run's")
    os.chown(path, 4711, 4711)
    path.chmod(0o600)
    _, found, lines = collect(case, "foreign", script="! cat foreign")
    expect_equal((found, lines), ({}, {"foreign": "the run could not read it"}))


def test_the_collection_is_out_of_the_runs_reach(case):
    for writing in ("native", "mediated"):
        profile = case_profile(case, writing, extends="build" if writing == "native" else "default")
        place = case.workspace / f"artifacts-{writing}"
        script = (f"echo a > a-{writing}; echo evil > {place.name}/planted || true; rmdir {place.name} || true;"
                  f"mv {place.name} moved || true; ln -s /tmp {place.name} || true")
        result = ci(case, "--profile", profile, "--artifact", f"a-{writing}", "--artifact-dir", place.name,
                    "--fail-on", "none", program=shell(script))
        expect_equal((writing, result.returncode, sorted(os.listdir(place))), (writing, 0, [f"a-{writing}"]))
        assert not (case.workspace / "moved").exists()


@only("user")
def test_a_file_that_is_too_large_stops_the_collection(case):
    result, found, lines = collect(case, "small", "sparse", script="echo 1 > small; truncate -s 5G sparse")
    expect_equal((result.returncode, found), (125, {"small": b"1\n"}))
    expect_equal(lines["sparse"], "too large")
    expect_in("larger than", result.stderr)


@only("user")
def test_deep_and_unreadable_trees_end_the_walk_and_not_writ(case):
    script = ("mkdir closed; echo x > closed/f; chmod 0 closed; cd /work 2>/dev/null || true;"
              "for i in $(seq 200); do mkdir d; cd d; done; echo deep > f")
    result, found, lines = collect(case, "**", script=script)
    expect_equal((result.returncode, found), (0, {}))
    expect_in("too deep", lines.values())
    os.chmod(case.workspace / "closed", 0o755)


@only("user")
def test_where_artifacts_cannot_go(case):
    case.write("full/x", "1")
    for place in ("full", ".", "..", "no/such/parent", "/dev/null", "link"):
        if place == "link":
            os.symlink(case.temporary, case.workspace / "link")
        result = ci(case, "--artifact", "x", "--artifact-dir", place, program=["touch", "ran"])
        assert result.returncode == 125, f"{place}: {result.returncode}: {result.stderr}"
    assert not (case.workspace / "ran").exists()


# --- caches ---


def test_a_cache_is_kept_and_appears_where_it_is_wanted(case):
    count = "n=$(cat $1/n 2>/dev/null || echo 0); echo $((n + 1)) > $1/n; cat $1/n"
    for place in ("vendor/cache", str(case.home / ".tool-cache"), "~/.other"):
        for expected in ("1\n", "2\n"):
            inside = place.replace("~", str(case.home))
            result = ci(case, "--profile", "build", "--cache", f"c-{len(place)}={place}",
                        program=["sh", "-ec", count, "sh", inside])
            expect_equal((place, result.stdout, result.returncode), (place, expected, 0))
    # The host's own directory of that name has nothing of it.
    assert not (case.home / ".tool-cache").exists()
    expect_equal(os.listdir(case.workspace / "vendor/cache"), [])


def test_caches_are_separate_and_those_of_others_are_not_there(case):
    root = case.home / ".cache/writ/ci"
    ci(case, "--cache", "one=c", program=shell("echo first > c/f"))
    expect_equal((root / "one/f").read_text(), "first\n")
    result = ci(case, "--cache", "two=c", program=shell(f"ls -A c; ls {root} || true"))
    expect_not_in("one", result.stdout)
    result = ci(case, "--cache", "one=c", "--profile", case_profile(case, "mediated"),
                program=shell("cat c/f; echo second > c/g; mv c/g c/h; rm c/f"))
    expect_equal((result.stdout, os.listdir(root / "one")), ("first\n", ["h"]))


@only("user")
def test_another_root_for_caches(case):
    root = case.temporary / "caches"
    ci(case, "--cache-root", root, "--cache", "one=c", program=shell("echo x > c/f"))
    expect_equal((root / "one/f").read_text(), "x\n")
    assert not (case.home / ".cache/writ/ci").exists()


def test_where_no_cache_can_be(case):
    case.write("file", "x")
    os.symlink(case.temporary, case.workspace / "link")
    for place in (".", "..", "/", "/proc/x", "link", "link/below", "file", str(case.workspace)):
        result = ci(case, "--cache", f"c={place}", program=["touch", "ran"])
        assert result.returncode == 125, f"{place}: {result.returncode}: {result.stderr}"
    assert not (case.workspace / "ran").exists()
    expect_equal(sorted(os.listdir(case.temporary)), [])


def test_a_cache_is_no_way_around_a_manifest(case):
    manifest = case.base / "manifest.yaml"
    manifest.write_text("version: 1\nname: bound\nextends: default\n")
    inside = ci(case, "--manifest", manifest, "--cache", "c=c", program=shell("echo x > c/f"))
    expect_equal(inside.returncode, 0)
    outside = ci(case, "--manifest", manifest, "--cache", "c=/opt/elsewhere", program=["touch", "ran"])
    expect_equal(outside.returncode, 125)
    expect_in("lets nothing be written", outside.stderr)


@only("user")
def test_a_cache_needs_a_view(case):
    result = ci(case, "--prefer-isolation", "--cache", "c=/opt/c", program=["true"], prefix=deny("unshare", "mount"))
    assert result.returncode == 125 or "view" not in result.stderr, result.stderr


if __name__ == "__main__":
    sys.exit(main(globals()))
