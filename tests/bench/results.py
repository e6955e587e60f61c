"""What was measured: rows with targets and verdicts, the table, the JSON file, and the table in the documentation."""

import dataclasses
import datetime
import json
import os
import platform

from work_area import CannotRun

SCHEMA_VERSION = 1
QUIET_LOAD = 0.5
RESULTS_BEGIN, RESULTS_END = "<!-- results -->", "<!-- /results -->"
INFO, OK, MISS, UNCLEAR, NOT_MEASURED = "info", "ok", "MISS", "unclear", "not measured"


@dataclasses.dataclass
class Row:
    """One line of the table. `ratio` is what the target is about, and `ratio_to` says what it is: "x native" (Writ's
    figure divided by the native one), "x peer", "x peer's overhead", or a unit when the target is no ratio."""

    name: str
    unit: str
    native: float = None
    writ: float = None
    peer: float = None
    peer_name: str = ""
    ratio: float = None
    ratio_to: str = ""
    target: float = None
    verdict: str = INFO
    note: str = ""

    def judged(self):
        """The row with its verdict: a target is met when the ratio is at or below it."""
        if self.target is None:
            return self
        if self.ratio is None:
            self.verdict = UNCLEAR
        else:
            self.verdict = OK if self.ratio <= self.target else MISS
        return self


def not_measured(name, reason, unit=""):
    return Row(name, unit, verdict=NOT_MEASURED, note=reason)


@dataclasses.dataclass
class Results:
    rows: list = dataclasses.field(default_factory=list)
    raw: dict = dataclasses.field(default_factory=dict)
    notes: list = dataclasses.field(default_factory=list)
    failures: list = dataclasses.field(default_factory=list)

    def add(self, row):
        self.rows.append(row.judged())

    def note(self, text):
        """Something the reader has to know, such as a peer that is missing."""
        self.notes.append(text)

    def fail(self, name, reason):
        """Something that belongs to the measurement could not run."""
        self.rows.append(not_measured(name, reason))
        self.failures.append(f"{name}: {reason}")


def cpu_model():
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.lower().startswith(("model name", "cpu part")):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def machine():
    return {"cpu_model": cpu_model(), "cores": len(os.sched_getaffinity(0)), "kernel": platform.release(),
            "architecture": platform.machine(), "system": platform.freedesktop_os_release().get("PRETTY_NAME", "unknown"),
            "memory_mib": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20}


def load_average():
    return round(os.getloadavg()[0], 2)


def figure(value):
    if value is None:
        return "-"
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def with_unit(value, unit):
    return "-" if value is None else f"{figure(value)} {unit}".strip()


def cells(row):
    ratio = "-" if row.ratio is None else f"{row.ratio:.2f} {row.ratio_to}"
    peer = with_unit(row.peer, row.unit) + (f" ({row.peer_name})" if row.peer is not None else "")
    target = "-" if row.target is None else f"<= {row.target:g}"
    return [row.name, with_unit(row.native, row.unit), with_unit(row.writ, row.unit), peer, ratio, target, row.verdict]


HEADINGS = ["what", "native", "writ", "peer", "ratio", "target", "verdict"]


def text_table(rows):
    lines = [HEADINGS] + [cells(row) for row in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines)


def markdown_table(rows):
    lines = [HEADINGS, ["---"] * len(HEADINGS)] + [cells(row) for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def remarks(results):
    """The sentences under a table: why something has no figure, and what else the reader has to know."""
    reasons = [f"{row.name}: {row.verdict}: {row.note}" if row.verdict == NOT_MEASURED else f"{row.name}: {row.note}"
               for row in results.rows if row.note]
    return reasons + results.notes


def as_json(results, conditions):
    return {"schema": "writ.bench", "schema_version": SCHEMA_VERSION, **conditions,
            "rows": [dataclasses.asdict(row) for row in results.rows], "notes": results.notes,
            "failures": results.failures, "raw": results.raw}


def write_json(path, results, conditions):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(as_json(results, conditions)) + "\n", "utf-8")


def conditions_text(conditions):
    box, versions = conditions["machine"], conditions["versions"]
    known = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    return (f"{conditions['date'][:10]}, {box['cpu_model']}, {box['cores']} cores, Linux {box['kernel']}, {box['system']}; "
            f"{known}; load average {conditions['load_before']} before, {conditions['load_after']} after.")


def update_document(path, results, conditions):
    """Puts the table between the marks of the document; the rest stays as it is."""
    text = path.read_text("utf-8")
    begin = text.find(RESULTS_BEGIN)
    end = text.find(RESULTS_END, begin)
    if begin < 0 or end < 0:
        raise CannotRun(f"{path} has no marks {RESULTS_BEGIN} … {RESULTS_END}")
    parts = [RESULTS_BEGIN, "", conditions_text(conditions), "", markdown_table(results.rows)]
    if remarks(results):
        parts += ["", *(f"* {line}" for line in remarks(results))]
    path.write_text(text[:begin] + "\n".join([*parts, "", ""]) + text[end:], "utf-8")


def now():
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
