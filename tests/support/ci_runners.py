"""Small models of what CI systems do with the lines of a job's log, after the sources of their runners, so that a test
can ask: would this line have been obeyed?"""

import re

GITHUB_COMMANDS = {"stop-commands", "set-env", "add-path", "set-output", "save-state", "add-mask", "add-matcher",
                   "group", "endgroup", "error", "warning", "notice", "debug", "echo"}


class GitHubRunner:
    """actions/runner: ActionCommand.TryParseV2, TryParse and ActionCommandManager.TryProcessCommand."""

    def __init__(self):
        self.stopped = None
        self.obeyed = []  # (command, properties, data)
        self.shown = []   # lines that are only shown

    def read(self, text):
        # .NET's ReadLine ends a line at CR, at LF and at both.
        for line in re.split("\r\n|\r|\n", text):
            self._line(line)
        return self

    def _parse(self, line):
        known = GITHUB_COMMANDS | ({self.stopped} if self.stopped else set())
        stripped = line.lstrip()
        if stripped.startswith("::") and (end := stripped.find("::", 2)) > 0:
            info, data = stripped[2:end], stripped[end + 2:]
            name, _, rest = info.partition(" ")
            if name.lower() in known:
                pairs = (pair.split("=", 1) for pair in rest.split(",") if "=" in pair)
                return name.lower(), {key.strip(): self._undo(value) for key, value in pairs}, self._undo(data)
        found = line.find("##[")
        if found >= 0 and (end := line.find("]", found)) > 0:
            name = line[found + 3:end].partition(" ")[0]
            if name.lower() in known:
                return name.lower(), {}, line[end + 1:]
        return None

    @staticmethod
    def _undo(text):
        for escaped, plain in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
            text = text.replace(escaped, plain)
        return text

    def _line(self, line):
        command = self._parse(line)
        if command is None or (self.stopped and command[0] != self.stopped):
            self.shown.append(line)
        elif self.stopped:
            self.stopped = None
        elif command[0] == "stop-commands":
            self.stopped = command[2].lower()
        else:
            self.obeyed.append(command)

    def names(self):
        return [name for name, _, _ in self.obeyed]

    def of(self, name):
        return [(properties, data) for found, properties, data in self.obeyed if found == name]


class AzureAgent:
    """azure-pipelines-agent: Command.TryParse finds the first "##vso[" anywhere in a line; the log shows "##[…]"."""

    def __init__(self):
        self.obeyed = []  # (command, properties, data)
        self.formatted = []

    def read(self, text):
        for line in re.split("\r\n|\r|\n", text):
            found = re.search(r"##vso\[([^\]]*)\](.*)", line, re.IGNORECASE)
            if found:
                name, _, rest = found.group(1).partition(" ")
                pairs = dict(pair.split("=", 1) for pair in rest.split(";") if "=" in pair)
                self.obeyed.append((name, pairs, found.group(2)))
            if found := re.match(r"##\[(\w+)\]", line):
                self.formatted.append(found.group(1))
        return self
