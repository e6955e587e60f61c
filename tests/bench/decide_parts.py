"""The part of the benchmark about decisions: no sandbox, only the policy."""

import json
import subprocess

from results import Row, not_measured
from work_area import first_lines

LONGEST_S = 300
TARGET_RULES, TARGET_US = 1000, 1.0
GROWTH_TARGET = 2.0  # ten times the rules may cost this much at the same depth: caches, not the walk


def measure_decide(bench):
    name = "one decision"
    program = bench.area.program("decide_bench")
    if program is None:
        bench.results.add(not_measured(name, "this build has no decide_bench", "us"))
        return
    bench.say(name)
    done = subprocess.run([program], capture_output=True, text=True, timeout=LONGEST_S, check=False)
    if done.returncode != 0:
        bench.results.fail(name, first_lines(done.stderr) or f"exit status {done.returncode}")
        return
    figures = json.loads(done.stdout)
    bench.results.raw[name] = figures
    add_rows(bench.results, figures)


def median_us(rows, **wanted):
    return next(row["median"] for row in rows if all(row[key] == value for key, value in wanted.items())) / 1000


def add_rows(results, figures):
    depths = sorted({row["depth"] for row in figures["paths"]})
    for depth in depths:
        spent = median_us(figures["paths"], rules=TARGET_RULES, depth=depth)
        results.add(Row(f"decide over {TARGET_RULES} rules, {depth} segments", "us", writ=spent, ratio=spent,
                        ratio_to="us", target=TARGET_US))
    few = median_us(figures["paths"], rules=TARGET_RULES, depth=depths[-1])
    many = median_us(figures["paths"], rules=10 * TARGET_RULES, depth=depths[-1])
    results.add(Row(f"decide over {10 * TARGET_RULES} rules", "us", writ=many, ratio=many / few,
                    ratio_to=f"x {TARGET_RULES} rules", target=GROWTH_TARGET))
    spent = median_us(figures["addresses"], rules=TARGET_RULES)
    results.add(Row(f"decide an address over {TARGET_RULES} rules", "us", writ=spent, ratio=spent, ratio_to="us",
                    target=TARGET_US))
