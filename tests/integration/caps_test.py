#!/usr/bin/env python3
"""`writ caps …`: the life of capabilities from the command line, exit statuses, JSON, bad input, a store that is not
right, and that a sandboxed program reaches none of it."""

import json
import os
import pathlib
import re
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from writ_testing import expect_equal, expect_in, expect_not_in, main, only  # noqa: E402

ID = re.compile(r"^cap_[0-9a-f]{32}$")
STORE = ".local/state/writ/store"


def caps(case, *words, status=0, says="", **options):
    result = case.writ("caps", *words, **options)
    expect_equal((result.returncode, words, result.stderr), (status, words, result.stderr))
    if status == 0 and not says:
        expect_equal(result.stderr, "")
    if says:
        assert result.stderr.startswith("writ: "), result.stderr
        expect_in(says, result.stderr)
    expect_not_in("\x1b", result.stdout + result.stderr)
    return result.stdout


def grant(case, *words, **options):
    made = caps(case, "grant", *words, **options).strip()
    assert ID.match(made), made
    return made


def as_json(case, *words, **options):
    return json.loads(caps(case, *words, "--json", **options))


def test_life(case):
    expect_equal(caps(case, "list"), "there are no capabilities\n")
    parent = grant(case, "--to", "agent:builder", "--right", "read", "--right", "write", "filesystem:/srv/data/*",
                   "--delegable", "--expires", "1h", "--reason", "data of\nthe \x1b[31mcustomer")
    child = caps(case, "delegate", "--as", "agent:builder", "--to", "agent:helper", "--right", "read", parent,
                 "filesystem:/srv/data/a", "--uses", "2").strip()
    allowed = as_json(case, "explain", "agent:helper", "read", "filesystem:/srv/data/a")
    expect_equal((allowed["decision"], allowed["reason"], allowed["selected"], allowed["consumes"]),
                 ("allow", "allowed", child, child))
    expect_equal([each["cap_id"] for each in allowed["chain"]], [child, parent])
    caps(case, "explain", "agent:helper", "write", "filesystem:/srv/data/a", status=1)
    caps(case, "explain", "agent:helper", "read", "filesystem:/srv/data2", status=1)
    caps(case, "explain", "agent:builder", "read", "filesystem:/srv/data")
    record = as_json(case, "inspect", parent)["capability"]
    expect_equal((record["issued_by"], record["rights"], record["status"], record["standing"]),
                 (f"user:{case.identity().get('user', os.geteuid())}", ["read", "write"], "active", "counts"))
    assert abs(record["expires_at"] - record["issued_at"] - 3_600_000) < 5_000
    expect_in("data of\\x0athe \\x1b[31mcustomer", caps(case, "inspect", parent))
    # Taking back needs standing; what was delegated goes with it.
    caps(case, "revoke", parent, "--as", "agent:helper", status=1, says="has neither issued")
    caps(case, "explain", "agent:helper", "read", "filesystem:/srv/data/a")
    expect_equal(caps(case, "revoke", parent), f"revoked {parent}\n")
    caps(case, "revoke", parent)
    denied = as_json(case, "explain", "agent:helper", "read", "filesystem:/srv/data/a", status=1)
    expect_equal([(each["cap_id"], each["standing"]) for each in denied["passed_over"]], [(child, "parent_ended")])
    expect_equal(as_json(case, "list")["capabilities"], [])
    expect_equal(sorted((each["cap_id"], each["standing"]) for each in as_json(case, "list", "--all")["capabilities"]),
                 sorted([(parent, "revoked"), (child, "parent_ended")]))


@only("user", "root")
def test_effects(case):
    grant(case, "--to", "agent:a", "--right", "write", "filesystem:*")
    grant(case, "--to", "agent:a", "--right", "write", "filesystem:/etc/*", "--effect", "deny")
    ask = grant(case, "--to", "agent:a", "--right", "write", "filesystem:/srv/*", "--effect", "ask")
    caps(case, "explain", "agent:a", "write", "filesystem:/home/x")
    caps(case, "explain", "agent:a", "write", "filesystem:/etc/passwd", status=1)
    expect_in(ask, caps(case, "explain", "agent:a", "write", "filesystem:/srv/x", status=3))
    caps(case, "revoke", ask, "--as", "agent:a", status=1, says="cannot take it off itself")
    caps(case, "explain", "agent:b", "write", "filesystem:/home/x", status=1)
    expect_equal(len(as_json(case, "list", "--subject", "agent:a")["capabilities"]), 3)
    expect_equal(len(as_json(case, "list", "--subject", "agent:b")["capabilities"]), 0)
    # Rules about operations, from a file.
    rules = case.base / "rules.json"
    rules.write_text(json.dumps({"authority_rules": [
        {"rule_id": "push", "operation": "shell.run", "effect": "deny",
         "conditions": {"argv": ["git", "push"], "match": "prefix"}}]}))
    rules.chmod(0o644)
    grant(case, "--to", "agent:a", "--right", "execute", "shell:git", "--constraints", rules)
    caps(case, "explain", "agent:a", "execute", "shell:git", "--operation", "shell.run", "--", "git", "status")
    shown = as_json(case, "explain", "agent:a", "execute", "shell:git", "--operation", "shell.run", status=1)
    expect_equal(shown["matched"][0]["rule_id"], "push")
    result = case.writ("caps", "explain", "agent:a", "execute", "shell:git", "--operation", "shell.run", "--", "git",
                       "push", "--force")
    expect_equal(result.returncode, 1)
    rules.write_text(rules.read_text().replace("argv", "arguments"))
    caps(case, "grant", "--to", "agent:a", "--right", "execute", "shell:git", "--constraints", rules, status=125,
         says="constraints.authority_rules[0].conditions.arguments' is unknown here")


@only("user")
def test_own_authority(case):
    grant(case, "--to", "agent:lead", "--right", "read", "--right", "grant", "filesystem:/srv/*")
    passed = grant(case, "--as", "agent:lead", "--to", "agent:b", "--right", "read", "filesystem:/srv/a")
    expect_equal(as_json(case, "inspect", passed)["capability"]["issued_by"], "agent:lead")
    caps(case, "grant", "--as", "agent:lead", "--to", "agent:b", "--right", "write", "filesystem:/srv/a", status=1,
         says="lacks write")
    caps(case, "grant", "--as", "agent:b", "--to", "agent:c", "--right", "read", "filesystem:/srv/a", status=1,
         says="lacks grant")
    # The person's name, without the person's authority.
    caps(case, "grant", "--as", f"user:{case.identity().get('user', os.geteuid())}", "--to", "agent:c", "--right", "read",
         "filesystem:/srv/a", status=1, says="lacks grant")
    caps(case, "delegate", "--as", "agent:b", "--to", "agent:c", "--right", "read", passed, "filesystem:/srv/a", status=1,
         says="is not delegable")
    expect_equal(caps(case, "revoke", passed, "--as", "agent:lead"), f"revoked {passed}\n")


@only("user")
def test_expiry(case):
    grant(case, "--to", "agent:a", "--right", "read", "filesystem:/a", "--expires", "700ms")
    caps(case, "explain", "agent:a", "read", "filesystem:/a")
    time.sleep(0.9)
    denied = as_json(case, "explain", "agent:a", "read", "filesystem:/a", status=1)
    expect_equal([each["standing"] for each in denied["passed_over"]], ["expired"])


@only("user")
def test_bad_input(case):
    good = ["--to", "agent:a", "--right", "read", "filesystem:/a"]
    for words, status, says in [
        (["grant"], 125, "required"),
        (["grant", "--right", "read", "filesystem:/a"], 125, "--to"),
        (["grant", "--to", "agent:a", "filesystem:/a"], 125, "--right"),
        (["grant", *good, "filesystem:/b"], 125, "expected 1 word, got 2"),
        (["grant", "--to", "agent:a", "--right", "raed", "filesystem:/a"], 125, "did you mean 'read'"),
        (["grant", "--to", "agent:a", "--right", "*", "filesystem:/a"], 125, "no right '*'"),
        (["grant", "--to", "root", "--right", "read", "filesystem:/a"], 125, "no subject 'root'"),
        (["grant", "--to", "agent:a", "--right", "read", "filesystm:/a"], 125, "did you mean 'filesystem'"),
        (["grant", "--to", "agent:a", "--right", "read", "filesystem:src*"], 125, "'*' where none may stand"),
        (["grant", "--to", "agent:a", "--right", "read", "filesystem:/a/../b"], 125, "not a normal path"),
        (["grant", "--to", "agent:a", "--right", "read", "filesystem:/a\x1b[2J"], 125, "\\x1b"),
        (["grant", *good, "--uses", "0"], 1, "from 1 to 1000000000"),
        (["grant", *good, "--uses", "-1"], 125, "--uses"),
        (["grant", *good, "--uses", "1", "--delegable"], 1, "cannot be delegable"),
        (["grant", *good, "--effect", "deny", "--uses", "1"], 1, "only what allows"),
        (["grant", *good, "--effect", "perhaps"], 125, "none of allow, ask, deny"),
        (["grant", *good, "--expires", "60"], 125, "--expires"),
        (["grant", *good, "--expires", "0s"], 1, "expired before it began"),
        (["grant", *good, "--depth", "65"], 125, "--depth"),
        (["grant", *good, "--constraints", "/nonexistent"], 125, "No such file"),
        (["grant", *good, "--", "x"], 125, "nothing may stand behind --"),
        (["grant", *good, "--reason", "x" * 5000], 1, "larger than 4 KiB"),
        (["inspect", "cap_1"], 125, "is no id"),
        (["inspect", "cap_" + "0" * 32], 125, "there is no capability"),
        (["revoke", "cap_" + "0" * 32], 1, "there is no capability"),
        (["delegate", "--to", "agent:a", "--right", "read", "cap_" + "0" * 32, "filesystem:/a"], 125, "--as"),
        (["delegate", "--as", "agent:b", "--to", "agent:a", "--right", "read", "cap_" + "0" * 32, "filesystem:/a"], 1,
         "agent:b has no capability"),
        (["explain", "agent:a", "read"], 125, "expected 3 words, got 2"),
        (["explain", "agent:a", "read", "filesystem:/a/*"], 125, "more than one thing"),
        (["explain", "agent:a", "read", "filesystem:/a", "--operation", "run"], 125, "provider.operation"),
        (["lst"], 125, "did you mean 'list'"),
        ([], 125, "a command is missing"),
    ]:
        caps(case, *words, status=status, says=says)
    expect_equal(caps(case, "list", "--all"), "there are no capabilities\n")
    for words in [[], ["list"], ["inspect"], ["grant"], ["delegate"], ["revoke"], ["explain"]]:
        expect_in("Example", caps(case, *words, "--help"))


def test_store_is_private(case):
    grant(case, "--to", "agent:a", "--right", "read", "filesystem:/a")
    store = case.home / STORE
    expect_equal((store.stat().st_mode & 0o7777, (store / "writ.db").stat().st_mode & 0o7777), (0o700, 0o600))
    # A program in a sandbox sees nothing of it, also where its home was granted.
    result = case.run("--read", case.home, "--write", case.home, program=["ls", store])
    assert result.returncode != 0 and "writ.db" not in result.stdout, result
    result = case.run(program=["cat", store / "writ.db"])
    assert result.returncode != 0
    expect_equal((case.home / STORE / "writ.db").read_bytes()[:15], b"SQLite format 3")  # the control


@only("user", "root")
def test_store_that_is_not_right(case):
    grant(case, "--to", "agent:a", "--right", "read", "filesystem:/a")
    database = case.home / STORE / "writ.db"
    content = database.read_bytes()
    database.chmod(0o644)
    caps(case, "list", status=125, says="others may access it")
    database.chmod(0o600)
    caps(case, "list")
    database.write_bytes(b"x" * 8192)
    caps(case, "list", status=125, says="no database of Writ")
    expect_equal(database.read_bytes(), b"x" * 8192)
    newer = bytearray(content)
    newer[60:64] = (1000).to_bytes(4, "big")  # user_version, https://www.sqlite.org/fileformat.html 1.3
    database.write_bytes(newer)
    caps(case, "grant", "--to", "agent:a", "--right", "read", "filesystem:/a", status=125, says="written by a newer Writ")
    foreign = bytearray(content)
    foreign[68:72] = (1).to_bytes(4, "big")  # application_id
    database.write_bytes(foreign)
    caps(case, "list", status=125, says="a database of another program")
    database.write_bytes(content)
    expect_equal(len(as_json(case, "list")["capabilities"]), 1)


@only("root")
def test_full_disk(case):
    """In a mount namespace with a file system of 256 KiB: what was acknowledged stays, the rest is said to have failed."""
    small = case.home / ".local/state"
    small.mkdir(parents=True)
    writ = case.command(program=["true"])[0]
    script = f"""
        mount -t tmpfs -o size=256k,mode=0755 none {small} || exit 99
        made=0
        while [ $made -lt 400 ]; do
            {writ} caps grant --to agent:a --right read filesystem:/a --reason {'x' * 3000} >/dev/null 2>{case.base}/error || break
            made=$((made + 1))
        done
        listed=$({writ} caps list --json | grep -c '"cap_id"')
        {writ} caps explain agent:a read filesystem:/a >/dev/null; explained=$?
        head -c 300 {case.base}/error
        echo; echo "$made $listed $explained"
    """
    result = case.on_host("unshare", "--mount", "sh", "-c", script)
    error, counts = result.stdout.strip().rsplit("\n", 1)
    made, listed, explained = map(int, counts.split())
    assert 0 < made < 400 and made == listed and explained == 0, result
    expect_in("No space left on device", error)
    print(f"{made} capabilities until the disk was full, {listed} listed afterwards")


def test_the_audit_log_has_it(case):
    capability = grant(case, "--to", "agent:a", "--right", "read", "--delegable", "--reason", "for a while", "filesystem:/a/*")
    case.writ("caps", "delegate", "--as", "agent:a", "--to", "agent:b", "--right", "read", capability, "filesystem:/a/b")
    expect_equal(case.writ("caps", "revoke", capability).returncode, 0)
    case.writ("caps", "revoke", "--as", "agent:b", capability)  # refused: nothing has happened
    lines = (case.home / ".local/state/writ/audit/audit.jsonl").read_text().splitlines()
    records = [record for record in map(json.loads, lines) if record["event"] == "capability"]
    expect_equal([(r["action"], r["subject"], r["cause"], r["object"]) for r in records],
                 [("issued", "person", "agent:a", "filesystem:/a/*"), ("delegated", "agent:a", "agent:b", "filesystem:/a/b"),
                  ("revoked", "person", "agent:a", "filesystem:/a/*")])
    expect_equal((records[0]["capability"], records[0]["reason"]), (capability, "for a while"))
    expect_equal(case.writ("audit", "verify").returncode, 0)


@only("user")
def test_json_and_colour(case):
    grant(case, "--to", "agent:a", "--right", "read", "filesystem:/a")
    listing = as_json(case, "list")
    expect_equal((listing["schema"], listing["schema_version"], listing["in_doubt"]), ("writ.caps.list", 1, []))
    with open("/dev/full", "wb") as full:
        result = case.writ("caps", "list", stdout=full, stderr=-1)
    expect_equal(result.returncode, 125)
    expect_in("No space left", result.stderr)


if __name__ == "__main__":
    sys.exit(main(globals()))
