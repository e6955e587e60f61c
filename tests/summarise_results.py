#!/usr/bin/env python3
"""Reads what ctest wrote with --output-junit, names failed and skipped tests, and ends in the line
"N passed, N failed, N skipped". A skip that the list of allowed skips does not name counts as a failure; so does a test
that never ran. WRIT_ALLOW_SKIPS=1 allows every skip (a host that `writ doctor` is not content with).

  summarise_results.py RESULTS.xml ALLOWED_SKIPS.txt"""

import os
import pathlib
import re
import sys
import xml.etree.ElementTree


def allowed_skips(path):
    lines = (line.split("#")[0].strip() for line in pathlib.Path(path).read_text("utf-8").splitlines())
    return [re.compile(line) for line in lines if line]


def outcome(case):
    """"passed", "failed" or "skipped"; a test whose program is missing did not run, and that is a failure."""
    if case.get("status") == "run":
        return "passed"
    skipped = case.find("skipped")
    if skipped is not None and skipped.get("message", "").startswith("SKIP_"):
        return "skipped"
    return "failed"


def judge(cases, allowed):
    result = {"passed": [], "failed": [], "skipped": []}
    anything_goes = os.environ.get("WRIT_ALLOW_SKIPS") == "1"
    for case in cases:
        name, what = case.get("name"), outcome(case)
        if what == "skipped" and not anything_goes and not any(pattern.fullmatch(name) for pattern in allowed):
            result["failed"].append(f"{name} (skipped, and tests/allowed_skips.txt does not allow it)")
        else:
            result[what].append(name)
    return result


def main(arguments):
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        cases = xml.etree.ElementTree.parse(arguments[0]).getroot().findall("testcase")
    except (OSError, xml.etree.ElementTree.ParseError) as error:
        print(f"no results: {error}", file=sys.stderr)
        cases = []
    result = judge(cases, allowed_skips(arguments[1]))
    for name in result["skipped"]:
        print(f"skipped: {name}")
    for name in result["failed"]:
        print(f"FAILED: {name}")
    print(f"{len(result['passed'])} passed, {len(result['failed'])} failed, {len(result['skipped'])} skipped")
    return 1 if result["failed"] or not result["passed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
