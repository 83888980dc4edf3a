"""`python -m benchmarks.mutation.table`: reports/mutation.md from the log of a campaign and the reasons for survivors.

Exit code 1 when a survivor has no reason in survivors.toml, or when less than 85 % of the mutants were killed.
"""

import argparse
import json
import os
import platform
import sys
import tomllib
from collections import defaultdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.mutation.campaign import REPOSITORY, modules

REASONS = Path(__file__).with_name("survivors.toml")
WANTED = 0.85
PACKAGES = ("numpy", "scipy", "scikit-learn", "torch", "hypothesis", "pytest")

ABOUT = """# Mutation check

Do the tests notice when the code is wrong? Each mutant is one small change to one place of a module of
`swaveval/evaluators` or of the statistics in `swaveval/convergence`: a number by one, a comparison, an arithmetic
operator, a sign, a boolean, `and`/`or`, a condition negated, a loop that never runs (cosmic-ray's operators, one mutant
for each place, a seeded sample of places). A mutant is killed when the module's tests fail. The tests of each module
and the size of its sample are in [benchmarks/mutation/modules.toml](../benchmarks/mutation/modules.toml).
"""


def current(log: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without the mutants of lines that have changed since."""
    lines = {
        (module.package, module.name): {
            line.strip() for line in (REPOSITORY / module.path).read_text(encoding="utf-8").splitlines()
        }
        for module in modules()
    }
    return [entry for entry in log if entry["was"] in lines[entry["package"], entry["module"]]]


def pages(log: list[dict[str, Any]], reasons: list[dict[str, str]], how: str) -> tuple[str, list[str], float]:
    """The page, the survivors without a reason, and the share killed."""
    tried = defaultdict(list)
    for entry in log:
        tried[key(entry)].append(entry["result"] != 0)
    last = {key(entry): entry for entry in log}
    rows, missing, survivors, unexplained = [], [], [], []
    totals = [0, 0, 0]
    for module in modules():
        mine = [name for name in tried if name[:2] == (module.package, module.name)]
        if not mine:
            missing.append(f"`{module.package}/{module.name}.py`")
            continue
        counts = len(mine), sum(tried[name][0] for name in mine), sum(tried[name][-1] for name in mine)
        totals = [total + count for total, count in zip(totals, counts, strict=True)]
        rows.append(
            f"| `{module.package}/{module.name}.py` | {counts[0]} | {counts[1]} | {counts[2]} | {share(counts)} |"
        )
        for name in mine:
            entry = last[name]
            if entry["result"] == 0:
                why = next((each["why"] for each in reasons if fits(each, entry)), "")
                place = f"`{module.package}/{module.name}.py:{entry['line']}`"
                survivors.append(f"| {place} | {change(entry)} | {why or '**not explained**'} |")
                unexplained += [] if why else [f"{place} {entry['is']}"]
    killed = totals[2] / totals[0]
    text = [
        ABOUT,
        how,
        f"**{totals[2]} of {totals[0]} mutants killed: {killed:.1%}.**\n",
        "Killed at first: before tests were added for the survivors found here. The last share is that of these very "
        "mutants, and the first what to expect of others. Most tests of the statistics were written for this check, "
        "before its first run: only those of `paired`, and some of `noise` and `trend`, were there.\n",
        "| module | mutants | killed at first | killed | share |\n|---|--:|--:|--:|--:|",
        *rows,
        f"| **all** | **{totals[0]}** | **{totals[1]}** | **{totals[2]}** | **{share(totals)}** |",
        f"\nNot in this campaign: {', '.join(missing)}.\n" if missing else "",
        f"## The {len(survivors)} survivors\n",
        "| where | change | why it survives |\n|---|---|---|",
        *survivors,
    ]
    return "\n".join(text) + "\n", unexplained, killed


def key(entry: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(entry[name] for name in ("package", "module", "operator", "was", "is"))


def fits(reason: dict[str, str], entry: dict[str, Any]) -> bool:
    """Whether a reason is for this mutant: of its module (or any), with these words in the changed line."""
    names = (entry["module"], f"{entry['package']}/{entry['module']}")
    return reason.get("module", names[0]) in names and reason["is"] in entry["is"]


def share(counts: Any) -> str:
    return f"{counts[2] / counts[0]:.0%}"


def change(entry: dict[str, Any]) -> str:
    """The words that differ, with a little around them."""
    was, becomes = (" ".join(entry[name].split()) for name in ("was", "is"))
    first = next((i for i, (a, b) in enumerate(zip(was, becomes, strict=False)) if a != b), min(len(was), len(becomes)))
    same = 0
    while same < min(len(was), len(becomes)) - first and was[-1 - same] == becomes[-1 - same]:
        same += 1
    begin, end = max(0, first - 24), max(0, same - 16)

    def part(text: str) -> str:
        cut = text[begin : len(text) - end]
        return f"{'…' * (begin > 0)}{cut}{'…' * (end > 0)}".replace("|", "\\|")

    return f"`{part(was)}` → `{part(becomes)}`"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--log", type=Path, default=REPOSITORY / "runs" / "mutation.jsonl")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "reports" / "mutation.md")
    parser.add_argument("--cosmic-ray", default="8.7.0", help="version that made the mutants")
    given = parser.parse_args()
    log = current([json.loads(line) for line in given.log.read_text(encoding="utf-8").splitlines()])
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    seconds = sum(entry["seconds"] for entry in log)
    how = (
        f"`python -m benchmarks.mutation.campaign`, then `--again` for the survivors after tests were added, on "
        f"{datetime.now(UTC):%Y-%m-%d}: {platform.system()} {platform.machine()}, {os.cpu_count()} cores, one thread, "
        f"{seconds / 60:.0f} CPU minutes; "
        f"Python {platform.python_version()}, cosmic-ray {given.cosmic_ray}, {versions}.\n"
    )
    text, unexplained, killed = pages(log, tomllib.loads(REASONS.read_text(encoding="utf-8"))["survivor"], how)
    given.out.write_text(text, encoding="utf-8")
    print(*unexplained, sep="\n")
    if unexplained or killed < WANTED:
        sys.exit(f"{len(unexplained)} survivors without a reason; {killed:.1%} killed")


if __name__ == "__main__":
    main()
