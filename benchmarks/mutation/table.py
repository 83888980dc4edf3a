"""`python -m benchmarks.mutation.table [PACKAGE …]`: packages of a campaign's log into reports/mutation.json and .md.

Only the packages that are named (all of the log by default) are renewed; the others stay as they were measured, under
their own date, and a module whose code has changed since is marked. Where two branches renewed different packages, take
either side of both files and run this again with your log.

Exit code 1 when a survivor has no reason in survivors.toml, or when less than 85 % of a package's mutants were killed.
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

from benchmarks.mutation.campaign import LOADED_BEFORE, REPOSITORY, Module, code_of, key, modules

REASONS = Path(__file__).with_name("survivors.toml")
STORED = REPOSITORY / "reports" / "mutation.json"
WANTED = 0.85
PACKAGES = ("numpy", "scipy", "scikit-learn", "torch", "hypothesis", "pytest")

ABOUT = """# Mutation check

Do the tests notice when the code is wrong? Each mutant is one small change to one place of a module of `swaveval`: a
number by one, a comparison, an arithmetic operator, a sign, a boolean, `and`/`or`, a condition negated, a loop that
never runs (cosmic-ray's operators, one mutant for each place, a seeded sample of places). A mutant is killed when the
module's tests fail. The tests of each module and the size of its sample are in
[benchmarks/mutation/modules.toml](../benchmarks/mutation/modules.toml), the reasons of the survivors in
[survivors.toml](../benchmarks/mutation/survivors.toml).

Killed at first: before tests were added for the survivors found here. The last share is that of these very mutants, and
the first what to expect of others. Each package was measured on its own date: † marks modules whose code has changed
since (when this page was made), so that other mutants of them may survive. Most tests of the statistics in
`convergence`, those of `results` and many of `data` were written for this check, before its first run.
"""

Section = dict[str, Any]


def current(log: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without the mutants of lines that have changed since."""
    lines = {
        (module.package, module.name): {line.strip() for line in (REPOSITORY / module.path).open(encoding="utf-8")}
        for module in modules()
    }
    return [entry for entry in log if entry["was"] in lines.get((entry["package"], entry["module"]), ())]


def section(package: str, log: list[dict[str, Any]], reasons: list[dict[str, str]], how: str) -> Section:
    """What the log says of a package: modules with [mutants, killed at first, killed, code], and the survivors."""
    tried = defaultdict(list)
    for entry in log:
        tried[key(entry)].append(entry["result"] != 0)
    last = {key(entry): entry for entry in log}
    rows, survivors = {}, []
    for module in modules():
        mine = [name for name in tried if name[:2] == (package, module.name) and module.package == package]
        if mine:
            code = last[mine[-1]].get("code") or code_now(module)
            rows[module.name] = [len(mine), *(sum(tried[name][at] for name in mine) for at in (0, -1)), code]
        for entry in (last[name] for name in mine if last[name]["result"] == 0):
            why = next((each["why"] for each in reasons if fits(each, entry)), "")
            survivors.append([f"{package}/{module.name}.py:{entry['line']}", change(entry), why])
    date = max((entry.get("date", "") for entry in log), default="") or f"{datetime.now(UTC):%Y-%m-%d}"
    return {"date": date, "how": how, "modules": rows, "survivors": survivors}


def page(sections: dict[str, Section]) -> str:
    known = {(module.package, module.name): module for module in modules()}
    order = [package for package in LOADED_BEFORE if package in sections]
    text = [ABOUT, "| package | measured on | mutants | killed at first | killed | share |\n|---|---|--:|--:|--:|--:|"]
    text += [f"| [{name}](#{name}) | {sections[name]['date']} | {counted(totals(sections[name]))} |" for name in order]
    for package in order:
        body = sections[package]
        text += [f"\n## {package}\n", f"{body['date']}: {body['how']}\n"]
        text += ["| module | mutants | killed at first | killed | share |\n|---|--:|--:|--:|--:|"]
        for name, (*counts, code) in body["modules"].items():
            mark = changed_mark(known.get((package, name)), code)
            text.append(f"| `{package}/{name}.py`{mark} | {counted(counts)} |")
        text.append(f"| **all** | {counted(totals(body))} |")
        missing = [f"`{name}`" for of, name in known if of == package and name not in body["modules"]]
        text += [f"\nNot in this campaign: {', '.join(missing)}."] * bool(missing)
        text += [f"\n### The {len(body['survivors'])} survivors of {package}\n"]
        text += ["| where | change | why it survives |\n|---|---|---|"]
        text += [f"| `{where}` | {change} | {why or '**not explained**'} |" for where, change, why in body["survivors"]]
    return "\n".join(text) + "\n"


def totals(body: Section) -> list[int]:
    return [sum(row[at] for row in body["modules"].values()) for at in range(3)]


def counted(counts: list[int]) -> str:
    return f"{counts[0]} | {counts[1]} | {counts[2]} | {counts[2] / counts[0]:.0%}"


def changed_mark(module: Module | None, code: str) -> str:
    return "" if module is not None and code_now(module) == code else " †"


def code_now(module: Module) -> str:
    return code_of((REPOSITORY / module.path).read_text(encoding="utf-8"))


def fits(reason: dict[str, str], entry: dict[str, Any]) -> bool:
    """Whether a reason is for this mutant: of its module (or any), with these words in the changed line."""
    names = (entry["module"], f"{entry['package']}/{entry['module']}")
    return reason.get("module", names[0]) in names and reason["is"] in entry["is"]


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
    parser.add_argument("--cosmic-ray", default="8.7.0", help="version that made the mutants")
    parser.add_argument("packages", nargs="*", help="to renew from the log; all that it has by default")
    given = parser.parse_args()
    lines = given.log.read_text(encoding="utf-8").splitlines() if given.log.exists() else []
    log = current([json.loads(line) for line in lines])
    reasons = tomllib.loads(REASONS.read_text(encoding="utf-8"))["survivor"]
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    sections: dict[str, Section] = json.loads(STORED.read_text(encoding="utf-8")) if STORED.exists() else {}
    faults = []
    for package in given.packages or dict.fromkeys(entry["package"] for entry in log):
        mine = [entry for entry in log if entry["package"] == package]
        if not mine:
            sys.exit(f"{given.log} has no mutant of {package}")
        how = (
            f"`python -m benchmarks.mutation.campaign {package}`, then `--again` for the survivors after tests were "
            f"added: {platform.system()} {platform.machine()}, {os.cpu_count()} cores, one thread, "
            f"{sum(entry['seconds'] for entry in mine) / 60:.0f} CPU minutes; "
            f"Python {platform.python_version()}, cosmic-ray {given.cosmic_ray}, {versions}."
        )
        sections[package] = body = section(package, mine, reasons, how)
        tested, _, killed = totals(body)
        faults += [f"{where} {what}" for where, what, why in body["survivors"] if not why]
        faults += [f"{package}: {killed / tested:.1%} killed"] * (killed < WANTED * tested)
        print(f"{package}: {killed} of {tested} killed, {killed / tested:.1%}")
    STORED.write_text(json.dumps(sections, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    STORED.with_suffix(".md").write_text(page(sections), encoding="utf-8")
    if faults:
        sys.exit("\n".join(faults))


if __name__ == "__main__":
    main()
