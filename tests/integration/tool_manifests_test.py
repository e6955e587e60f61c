#!/usr/bin/env python3
"""The manifests of the shipped tools: each is as tools/manifest.schema.json says and carries the name of its file. The
schema takes what docs/tools.md shows, and refuses manifests that are broken in different ways."""

import copy
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from writ_testing import SOURCE, Skip, expect_equal, main  # noqa: E402

GOOD = """
version: 1
name: read_file
description: Read a text file of the workspace
program: native
arguments: {type: object, required: [path], properties: {path: {type: string, minLength: 1, description: where}}}
result: {type: object, required: [text], properties: {text: {type: [string, 'null']}}}
authority:
  - {resource: 'filesystem:workspace:*', rights: [read]}
limits: {wall_time: 30s, requests: 100000, result_bytes: 1M}
"""


def tools():
    try:
        import jsonschema
        import yaml
    except ImportError as missing:
        raise Skip(f"{missing.name} is not installed") from missing
    schema = json.loads((SOURCE / "tools/manifest.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema), yaml


def errors_of(validator, manifest):
    return [f"{list(error.absolute_path)}: {error.message}" for error in validator.iter_errors(manifest)]


def test_shipped_manifests_are_as_the_schema_says(case):
    validator, yaml = tools()
    files = sorted((SOURCE / "tools").glob("*.yaml"))
    assert files, "there is no manifest in tools/"
    for file in files:
        manifest = yaml.safe_load(file.read_text(encoding="utf-8"))
        expect_equal((file.name, errors_of(validator, manifest)), (file.name, []))
        expect_equal(manifest["name"], file.stem)
        assert len(manifest["description"].encode()) <= 1024, file.name


def test_the_examples_of_the_guide_are_as_the_schema_says(case):
    validator, yaml = tools()
    blocks = (SOURCE / "docs/tools.md").read_text(encoding="utf-8").split("```yaml\n")[1:]
    examples = [yaml.safe_load(block.split("```")[0]) for block in blocks]
    manifests = [example for example in examples if "program" in example]
    assert manifests, "docs/tools.md shows no manifest"
    for manifest in manifests:
        expect_equal(errors_of(validator, manifest), [])


def change(manifest, path, value):
    """`manifest` with `value` at `path`, or without what is there."""
    changed = copy.deepcopy(manifest)
    target = changed
    for step in path[:-1]:
        target = target[step]
    if value is None:
        del target[path[-1]]
    else:
        target[path[-1]] = value
    return changed


BROKEN = (
    (["version"], 2),
    (["version"], "1"),
    (["name"], "Read-File"),
    (["name"], None),
    (["description"], ""),
    (["program"], "python"),
    (["arguments"], {"type": "array"}),
    (["arguments"], {"properties": {}}),
    (["arguments", "$ref"], "#"),
    (["arguments", "properties", "path", "pattern"], "a"),
    (["arguments", "properties", "path", "type"], "strnig"),
    (["arguments", "additionalProperties"], {"type": "string"}),
    (["result"], None),
    (["result", "anyOf"], [{}]),
    (["result", "properties", "text", "minLength"], -1),
    (["authority", 0, "resource"], "*"),
    (["authority", 0, "resource"], "filesystem:src*"),
    (["authority", 0, "resource"], "files:a"),
    (["authority", 0, "rights"], []),
    (["authority", 0, "rights"], ["*"]),
    (["authority", 0, "effect"], "allow"),
    (["limits", "wall_time"], 30),
    (["limits", "requests"], 0),
    (["limits", "result_bytes"], "1G"),
    (["limits", "cpu"], 1),
    (["grants"], []),
)


def test_the_schema_refuses_broken_manifests(case):
    validator, yaml = tools()
    good = yaml.safe_load(GOOD)
    expect_equal(errors_of(validator, good), [])
    for path, value in BROKEN:
        assert errors_of(validator, change(good, path, value)), f"{path}: {value!r} passes"
    for resource in ("shell:*", "network:*", "network:[::1]:443", "filesystem:/*", "filesystem:/srv/data/*", "clock:now",
                     "object_namespace:project/*", "human:owner", "shell:git:*"):
        expect_equal(errors_of(validator, change(good, ["authority", 0, "resource"], resource)), [])


if __name__ == "__main__":
    sys.exit(main(globals()))
