"""The part of the benchmark about capabilities and the audit log: no sandbox."""

import json
import subprocess
import tempfile

from results import Row, not_measured
from work_area import first_lines

LONGEST_S = 300
# What it is called, the figure, per second, and the target.
RATES = (
    ("decide + reserve + settle, in memory", "memory_per_second", 500_000),
    ("one-shots that are on the disk, in batches of 512", "durable_per_second", 20_000),
)
VERIFY_TARGET_MB = 200
APPEND_TARGET_US = 2.0


def measure_authority(bench):
    name = "capabilities and audit"
    program = bench.area.program("authority_bench")
    if program is None:
        bench.results.add(not_measured(name, "this build has no authority_bench", "us"))
        return
    bench.say(name)
    with tempfile.TemporaryDirectory(prefix="authority-", dir=bench.area.root) as directory:
        done = subprocess.run([program, directory], capture_output=True, text=True, timeout=LONGEST_S, check=False)
    if done.returncode != 0:
        bench.results.fail(name, first_lines(done.stderr) or f"exit status {done.returncode}")
        return
    figures = json.loads(done.stdout)
    bench.results.raw[name] = figures
    add_rows(bench.results, figures)


def add_rows(results, figures):
    for title, key, target in RATES:
        spent = 1e6 / figures[key]
        results.add(Row(title, "us", writ=spent, ratio=spent, ratio_to="us each", target=1e6 / target,
                        note=f"{figures[key]:,.0f}/s; target {target:,}/s"))
    spent = figures["append_ns"] / 1000
    results.add(Row("an audit record, for the call that waits", "us", writ=spent, ratio=spent, ratio_to="us",
                    target=APPEND_TARGET_US, note=f"hashing and writing take {figures['flush_ns'] / 1000:.1f} us more, later"))
    per_megabyte = 1000 / figures["verify_mb_per_second"]
    results.add(Row("verifying a log, each MB", "ms", writ=per_megabyte, ratio=per_megabyte, ratio_to="ms",
                    target=1000 / VERIFY_TARGET_MB,
                    note=f"{figures['verify_mb_per_second']:.0f} MB/s; target {VERIFY_TARGET_MB} MB/s"))
