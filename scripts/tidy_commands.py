#!/usr/bin/env python3
"""Prints the compilation database that clang-tidy reads: each source by itself, also where the build compiles several at
once, and without what only g++ understands. usage: tidy_commands.py BUILD-DIRECTORY/compile_commands.json"""

import json
import re
import sys

NOT_FOR_CLANG = re.compile(r" -Winvalid-pch| -include [^ ]*cmake_pch\.hxx| -fpch-preprocess| -Wno-subobject-linkage")
JOINED = re.compile(r'#include "([^"]+)"')


def sources_of(entry):
    """The files that are compiled: more than one where a file of the build includes them."""
    if "/Unity/" not in entry["file"]:
        return [entry["file"]]
    with open(entry["file"], encoding="utf-8") as joined:
        return JOINED.findall(joined.read())


def main(path):
    with open(path, encoding="utf-8") as database:
        entries = json.load(database)
    separate = []
    for entry in entries:
        command = NOT_FOR_CLANG.sub("", entry["command"])
        for source in sources_of(entry):
            separate.append({"directory": entry["directory"], "file": source,
                             "command": command.replace(entry["file"], source)})
    json.dump(separate, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
