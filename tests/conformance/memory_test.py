#!/usr/bin/env python3
"""Conformance of Object Memory in sessions: test_object_memory of the reference and assertions 64 to 67. Each test has its
ablation: the capability that was missing, or the place where a payload would be found."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from scenes import log_option, records, request, text_of_tree  # noqa: E402
from tool_sessions import Session, grant  # noqa: E402
from writ_testing import expect_equal, expect_in, expect_not_in, main, only  # noqa: E402

SHARED = "object_namespace:shared"


def on_namespace(case, *rights, resource=SHARED, more=()):
    return grant(case, *[word for right in rights for word in ("--right", right)], resource, *more)


def on_objects(case, *rights, resource="object:*", more=()):
    return grant(case, *[word for right in rights for word in ("--right", right)], resource, *more)


def revoke(case, capability):
    expect_equal(case.writ("caps", "revoke", capability).returncode, 0)


def make_shared(session):
    expect_equal(request(session, "memory.create_namespace", namespace="shared"), {"value": {}})


def create(session, name, payload="payload", **more):
    reply = request(session, "memory.create_object", name=name, payload=payload, **more)
    return reply.get("value") or reply["refused"]


def read(session, name, **more):
    reply = request(session, "memory.read_object", name=name, **more)
    return reply["value"]["payload"] if "value" in reply else reply["refused"]


def append(session, name, entry, **more):
    reply = request(session, "memory.append_object", name=name, entry=entry, **more)
    return "appended" if "value" in reply else reply["refused"]


def names(session, **more):
    reply = request(session, "memory.list_namespace", **more)
    return [found["name"] for found in reply["value"]["objects"]] if "value" in reply else reply["refused"]


def test_64_a_name_is_not_a_capability(case):
    writes = on_namespace(case, "read", "write")
    reads = on_objects(case, "read")
    with Session(case) as session:
        make_shared(session)
        made = create(session, "db_password", "PASSWORD", namespace="shared")
        expect_equal(read(session, "db_password", namespace="shared"), "PASSWORD")
        # With the namespace alone the name leads to nothing, and so does the id that was made for it.
        revoke(case, reads)
        expect_equal(read(session, "db_password", namespace="shared"), "denied")
        expect_equal(read(session, made["oid"], namespace="shared"), "denied")
        # With the object alone there is nothing that a name could be looked up in.
        on_objects(case, "read", resource=f"object:{made['oid']}")
        expect_equal(read(session, "db_password", namespace="shared"), "PASSWORD")  # the ablation: both
        revoke(case, writes)
        expect_equal(read(session, "db_password", namespace="shared"), "denied")


@only("user")
def test_64_who_may_not_read_learns_not_even_what_exists(case):
    on_namespace(case, "read", "write")
    with Session(case) as session:
        make_shared(session)
        assert create(session, "there", namespace="shared") != "denied"
        for name in ("there", "absent"):
            expect_equal((name, read(session, name, namespace="shared")), (name, "denied"))
            expect_equal((name, append(session, name, 1, namespace="shared")), (name, "denied"))
        for namespace in ("other", "other/deeper"):  # there is none
            expect_equal((read(session, "there", namespace=namespace), names(session, namespace=namespace)), ("denied", "denied"))
        on_objects(case, "read")  # the ablation
        expect_equal([read(session, name, namespace="shared") for name in ("there", "absent")], ["payload", "not_found"])


@only("user")
def test_a_name_is_given_once(case):
    on_namespace(case, "read", "write")
    on_objects(case, "read")
    with Session(case) as session:
        make_shared(session)
        for more in ({}, {"namespace": "shared"}):
            first = create(session, "name", "first", **more)
            expect_equal(create(session, "name", "second", **more), "exists")
            expect_equal((read(session, "name", **more), first["version"]), ("first", 1))
            assert create(session, "name-2", "second", **more) != "exists"  # the ablation: another name
        expect_equal(request(session, "memory.create_namespace", namespace="shared"), {"refused": "exists"})


@only("user", "root")
def test_reading_is_not_writing(case):
    on_namespace(case, "read", "write")
    on_objects(case, "read")
    with Session(case) as session:
        make_shared(session)
        create(session, "log", {"entries": []}, namespace="shared", immutable=False)
        expect_equal(append(session, "log", "forbidden", namespace="shared"), "denied")
        expect_equal(read(session, "log", namespace="shared"), {"entries": []})
        both = on_objects(case, "write")  # the ablation
        expect_equal(append(session, "log", "allowed", namespace="shared"), "appended")
        revoke(case, both)
        expect_equal(append(session, "log", "late", namespace="shared"), "denied")
        expect_equal(read(session, "log", namespace="shared"), {"entries": ["allowed"]})
        # What was made to stay as it is stays so, whoever may write.
        on_objects(case, "write")
        create(session, "fixed", {"entries": []}, namespace="shared")
        expect_equal(append(session, "fixed", 1, namespace="shared") != "appended", True)
        expect_equal(read(session, "fixed", namespace="shared"), {"entries": []})


@only("user")
def test_a_listing_hides_what_cannot_be_read(case):
    on_namespace(case, "read", "write")
    with Session(case) as session:
        make_shared(session)
        visible = create(session, "visible", namespace="shared")
        create(session, "hidden", namespace="shared")
        expect_equal(names(session, namespace="shared"), [])
        on_objects(case, "read", resource=f"object:{visible['oid']}")
        expect_equal(names(session, namespace="shared"), ["visible"])
        listed = request(session, "memory.list_namespace", namespace="shared")["value"]
        expect_not_in("hidden", str(listed))
        on_objects(case, "read")  # the ablation
        expect_equal(names(session, namespace="shared"), ["visible", "hidden"])


@only("user", "root")
def test_65_the_same_bare_name_is_another_object(case):
    on_namespace(case, "read", "write")
    on_namespace(case, "read", "write", resource="object_namespace:project")
    on_objects(case, "read")
    with Session(case) as session:
        make_shared(session)
        expect_equal(request(session, "memory.create_namespace", namespace="project"), {"value": {}})
        places = ({}, {"namespace": "shared"}, {"namespace": "project"})
        made = [create(session, "plan", str(number), **place) for number, place in enumerate(places)]
        expect_equal(len({each["oid"] for each in made}), 3)
        expect_equal([read(session, "plan", **place) for place in places], ["0", "1", "2"])
        expect_equal([names(session, **place) for place in places], [["plan"]] * 3)
        # A name that looks like a path is no way from one to the other.
        for name in ("shared/plan", "../shared/plan", "project:plan"):
            assert read(session, name) in ("not_found", "invalid_arguments"), name


def test_65_a_session_s_own_objects_are_no_other_s(case):
    on_namespace(case, "read", "write")
    on_objects(case, "read")
    with Session(case) as first, Session(case) as second, Session(case, subject="agent:other") as third:
        create(first, "private", "OF-THE-FIRST")
        make_shared(first)
        create(first, "common", "OF-THE-FIRST", namespace="shared")
        for session in (second, third):
            expect_equal((read(session, "private"), names(session)), ("not_found", []))
            assert read(session, "common", namespace="shared") in ("denied", "not_found")
            # The private namespace has a name, and it is the session's own.
            assert "OF-THE-FIRST" not in (read(session, "private", namespace="process:session"), str(names(session, namespace="process:session")))
        expect_equal((read(first, "private"), read(first, "common", namespace="shared")), ("OF-THE-FIRST", "OF-THE-FIRST"))  # the ablation


@only("user", "root")
def test_66_a_use_of_a_namespace_is_taken_by_what_succeeded(case):
    on_namespace(case, "write")
    with Session(case) as session:
        make_shared(session)
        create(session, "name", namespace="shared")
        on_objects(case, "read")
        reads = on_namespace(case, "read", more=("--uses", "1"))
        expect_equal(read(session, "absent", namespace="shared"), "not_found")  # nothing happened: the use is still there
        expect_equal(read(session, "name", namespace="shared"), "payload")
        expect_equal(read(session, "name", namespace="shared"), "denied")
        expect_equal(names(session, namespace="shared"), "denied")
        assert reads
        on_namespace(case, "read", more=("--uses", "2"))  # the ablation: as often as it says
        expect_equal(names(session, namespace="shared"), ["name"])
        expect_equal([read(session, "name", namespace="shared") for _ in range(2)], ["payload", "denied"])


@only("user")
def test_66_a_listing_takes_every_counted_right_that_it_used(case):
    on_namespace(case, "read", "write")
    with Session(case) as session:
        make_shared(session)
        made = create(session, "name", namespace="shared")
        on_objects(case, "read", resource=f"object:{made['oid']}", more=("--uses", "1"))
        expect_equal(names(session, namespace="shared"), ["name"])
        expect_equal((names(session, namespace="shared"), read(session, "name", namespace="shared")), ([], "denied"))
        on_objects(case, "read")  # the ablation
        expect_equal([names(session, namespace="shared") for _ in range(2)], [["name"]] * 2)


@only("user")
def test_66_one_denied_part_takes_no_use_of_the_others(case):
    on_namespace(case, "write")
    with Session(case) as session:
        make_shared(session)
        create(session, "name", namespace="shared")
        on_namespace(case, "read", more=("--uses", "1"))
        expect_equal(read(session, "name", namespace="shared"), "denied")  # the object is not readable
        on_objects(case, "read")
        expect_equal(read(session, "name", namespace="shared"), "payload")  # the one use was there
        expect_equal(read(session, "name", namespace="shared"), "denied")


def test_67_a_payload_is_written_nowhere(case):
    on_namespace(case, "read", "write")
    on_objects(case, "read", "write")
    secrets = ("PAYLOAD-OF-AN-OBJECT", "ENTRY-OF-AN-OBJECT", "METADATA-OF-AN-OBJECT")
    log = log_option(case)
    with Session(case, "--audit", log) as session:
        make_shared(session)
        create(session, "object", {"entries": [secrets[0]]}, namespace="shared", immutable=False, metadata={"title": secrets[2]})
        append(session, "object", secrets[1], namespace="shared")
        create(session, "own", secrets[0])
        create(session, "object", secrets[0], namespace="shared")  # refused: it exists
        read(session, "own", namespace="nowhere")
        # The control: it is there, in memory.
        expect_equal((read(session, "object", namespace="shared"), read(session, "own")), ({"entries": list(secrets[:2])}, secrets[0]))
        written = [text_of_tree(case.home), text_of_tree(case.workspace), text_of_tree(case.temporary)]
    written += [text_of_tree(case.home), log.read_bytes(), "".join(session.said).encode()]
    for secret in secrets:
        for text in written:
            expect_not_in(secret.encode(), text)
    # The control: what is in the store and in the log would be found there.
    expect_in(b"object_namespace:shared", text_of_tree(case.home / ".local/state/writ/store"))
    expect_in("memory.append_object", [record["object"] for record in records(log, "request")])


@only("user", "root")
def test_67_the_end_of_a_session_releases_its_objects(case):
    on_namespace(case, "read", "write")
    on_objects(case, "read")
    for number in range(2):
        with Session(case) as session:
            # The same subject, the same names: nothing is there from before.
            expect_equal((read(session, "own"), names(session)), ("not_found", []))
            make_shared(session)
            assert create(session, "own", number)["version"] == 1
            assert create(session, "common", number, namespace="shared")["version"] == 1
            expect_equal((read(session, "own"), read(session, "common", namespace="shared")), (number, number))  # the ablation: within it


@only("user", "root")
def test_65_a_right_to_an_object_is_not_one_to_another_session_s(case):
    on_namespace(case, "read", "write")
    with Session(case) as first, Session(case) as second:
        made = []
        for session, payload in ((first, "OF-THE-FIRST"), (second, "OF-THE-SECOND")):
            make_shared(session)
            made.append(create(session, "name", payload, namespace="shared"))
        assert made[0]["oid"] != made[1]["oid"], "two objects have one id, which capabilities name"
        on_objects(case, "read", resource=f"object:{made[0]['oid']}")
        expect_equal(read(second, "name", namespace="shared"), "denied")
        expect_equal(read(first, "name", namespace="shared"), "OF-THE-FIRST")  # the ablation


@only("user", "root")
def test_the_tools_are_no_way_around_the_primitives(case):
    case.write("file", "FILE-CONTENT")
    with Session(case) as session:
        expect_equal(session.code("create_memory_object", name="x", payload=1, namespace="shared"), "denied")
        expect_equal(session.code("read_memory_object", name="x", namespace="shared"), "denied")
        expect_equal(session.code("create_memory_namespace", namespace="shared"), "denied")
        expect_equal(session.code("create_object_from_file", path="file", name="copy"), "denied")
        grant(case, "--right", "read", "filesystem:workspace:file")  # the ablation
        session.value("create_object_from_file", path="file", name="copy")
        expect_in("FILE-CONTENT", str(read(session, "copy")))
        expect_equal(session.code("write_object_to_file", path="written", name="copy"), "denied")
        assert not (case.workspace / "written").exists()
        grant(case, "--right", "write", "filesystem:workspace:written")
        session.value("write_object_to_file", path="written", name="copy")
        expect_equal((case.workspace / "written").read_text(), "FILE-CONTENT")


if __name__ == "__main__":
    sys.exit(main(globals()))
