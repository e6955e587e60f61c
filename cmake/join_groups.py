#!/usr/bin/env python3
"""Chooses which sources of one target are compiled together, so that none sees a private name of another.

  join_groups.py TOP LINES STATE FILE…      prints the groups as commands of CMake

STATE keeps them: a new file joins a group, or makes one, and leaves the others as they are.

A private name is what a file declares in an unnamed namespace, as static, or as a macro. Two files do not come together
when one has a private name that the other uses, or that only the other's headers use, in a namespace where it would be
seen. What is read as a name here is more than what the compiler takes for one: such a mistake costs a little time of a
build, and does not break it. A group has at most LINES lines, so that no last long one is waited for. A file that says
"compiled alone" stays alone."""

import pathlib
import re
import sys

ALONE = "compiled alone"
# What separates the code from everything that only looks like it: comments, texts, characters.
NOT_CODE = re.compile(r'//[^\n]*|/\*.*?\*/|R"([^(\s]*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<![0-9A-Fa-f])\'(?:\\.|[^\'\\\n])+\'', re.S)
TOKEN = re.compile(r"[A-Za-z_]\w*|::|->|[^\s\w]")
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)
MACRO = re.compile(r"^\s*#\s*define\s+(\w+)", re.M)
DIRECTIVE = re.compile(r"^\s*#(?:[^\n]*\\\n)*[^\n]*", re.M)
USING = re.compile(r"\busing\s+namespace\s+([\w:]+)")
# An identifier followed by one of these declares something, or may.
AFTER_A_NAME = set("(){};=[:")
# … unless it follows one of these: it is somebody else's name, or the base of a class.
BEFORE_A_USE = {"::", ".", "->", ":", "namespace", "public"}
KEYWORDS = set("""alignas auto bool char class const constexpr constinit consteval decltype default delete double enum explicit
  false final float int long namespace noexcept nullptr operator override private protected public requires return short
  signed sizeof static static_assert struct template this true typename union unsigned using void""".split())


def is_identifier(token):
    return token[0].isalpha() or token[0] == "_"


class Code:
    """The names of one file, by their namespace: () is outside of all."""

    def __init__(self, text):
        self.tokens = TOKEN.findall(DIRECTIVE.sub("", NOT_CODE.sub(" ", text)))
        macros = set(MACRO.findall(text))
        self.private, self.uses = {(): macros}, {(): set(macros)}
        self.also_in = {tuple(name.split("::")) for name in USING.findall(text) if not name.startswith("std::")}
        self._read()

    def _read(self):
        """Scopes are a stack of what opened them: "unnamed", "enum", "other", or the tuple of a namespace's names."""
        scopes, static, parentheses = [], False, 0
        for index, token in enumerate(self.tokens):
            following = self.tokens[index + 1] if index + 1 < len(self.tokens) else ""
            if token in "()":
                parentheses += 1 if token == "(" else -1
            elif token == "{":
                scopes.append(self._opened(index))
            elif token in ("}", ";"):
                if token == "}" and scopes:
                    scopes.pop()
                static = static and parentheses > 0
            elif token == "static":
                static = "other" not in scopes
            elif is_identifier(token):
                place = sum((scope for scope in scopes if isinstance(scope, tuple)), ())
                self._use(place, token, index)
                hidden = (static or "unnamed" in scopes) and "other" not in scopes and not parentheses
                # All capitals: a macro of somebody else's, TEST_CASE(…) for example.
                if hidden and (scopes[-1:] == ["enum"] or following in AFTER_A_NAME) and not token.isupper() and (
                        token not in KEYWORDS and self.tokens[index - 1] not in BEFORE_A_USE):
                    self.private.setdefault(place, set()).add(token)

    def _use(self, place, token, index):
        """Not the members of an object, and not what is qualified: those name nothing private."""
        if not index or self.tokens[index - 1] not in (".", "->", "::"):
            self.uses.setdefault(place, set()).add(token)

    def _opened(self, index):
        start = index - 1
        while start >= 0 and (is_identifier(self.tokens[start]) or self.tokens[start] == "::"):
            if self.tokens[start] == "namespace":
                names = tuple(word for word in self.tokens[start + 1:index] if word not in ("::", "inline"))
                return names or "unnamed"
            if self.tokens[start] == "enum":
                return "enum"
            start -= 1
        return "other"

    def would_see(self, private):
        """Whether code of this file could mean one of the private names of another."""
        return any(names & hidden for home, hidden in private.items() for place, names in self.uses.items()
                   if place[:len(home)] == home or home in self.also_in)


class Headers:
    """The headers of the tree, each read once."""

    def __init__(self, top):
        self.top = pathlib.Path(top)
        self.read = {}

    def code(self, path):
        return self._known(path)[0]

    def included(self, path, text):
        found = set()
        for name in INCLUDE.findall(text):
            for candidate in (self.top / name, path.parent / name):
                if candidate.is_file():
                    found.add(candidate)
                    break
        return found

    def closure(self, start):
        """Everything that the headers `start` include, with them."""
        found, waiting = set(), list(start)
        while waiting:
            path = waiting.pop()
            if path not in found:
                found.add(path)
                waiting.extend(self._known(path)[1])
        return found

    def _known(self, path):
        if path not in self.read:
            text = path.read_text(encoding="utf-8")
            self.read[path] = (Code(text), self.included(path, text))
        return self.read[path]


class Source:
    def __init__(self, name, headers):
        path = pathlib.Path(name)
        text = path.read_text(encoding="utf-8")
        self.name = name
        self.lines = text.count("\n")
        self.alone = ALONE in text
        self.code = Code(text)
        self.headers = headers.closure(headers.included(path, text))

    def would_see(self, other, headers):
        """Whether this file, or a header that only it includes, could mean a private name of `other`."""
        private = other.code.private
        return self.code.would_see(private) or any(
            headers.code(path).would_see(private) for path in self.headers - other.headers)


def fits(source, group, lines, headers):
    """Whether the group has room, and its members and the source do not meet. What one of them says it uses is used by
    those behind it as well, so it must be the same for all."""
    return (sum(member.lines for member in group) + source.lines <= lines
            and not source.alone
            and not any(member.alone or member.code.also_in != source.code.also_in
                        or member.would_see(source, headers) or source.would_see(member, headers) for member in group))


def kept(groups, sources, lines, headers):
    """The groups of the last time, without the members that are gone, that meet others by now, or are too many."""
    found = []
    for names in groups:
        group = []
        for source in (sources[name] for name in names if name in sources):
            if fits(source, group, lines * 5 // 4, headers):
                group.append(source)
        found.append(group)
    return [group for group in found if group]


def joined(groups, sources, lines, headers):
    """Each source that is in no group joins the first one that it fits, or begins one."""
    placed = {source.name for group in groups for source in group}
    for source in sources:
        if source.name not in placed:
            group = next((each for each in groups if fits(source, each, lines, headers)), None)
            if group is None:
                groups.append([source])
            else:
                group.append(source)
    return groups


def main(arguments):
    if len(arguments) < 4:
        print(__doc__, file=sys.stderr)
        return 2
    headers, lines, state = Headers(arguments[0]), int(arguments[1]), pathlib.Path(arguments[2])
    sources = [Source(name, headers) for name in arguments[3:]]
    before = [line.split("\t") for line in state.read_text(encoding="utf-8").splitlines()] if state.exists() else []
    groups = joined(kept(before, {source.name: source for source in sources}, lines, headers), sources, lines, headers)
    state.write_text("".join("\t".join(source.name for source in group) + "\n" for group in groups), encoding="utf-8")
    for number, group in enumerate(groups):
        if len(group) > 1:
            files = " ".join(f'"{source.name}"' for source in group)
            print(f"set_source_files_properties({files} PROPERTIES UNITY_GROUP joined_{number})")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
