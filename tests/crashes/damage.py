"""Damage to any file below an output, and what the next run makes of it.

`TMPDIR=/dev/shm python -m tests.crashes.damage --cases 1000 --write` writes reports/damage-campaign.*.
"""

import argparse
import json
import platform
import random
import re
import shutil
import tempfile
import warnings
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from swaveval.evaluators.registry import KIND  # noqa: F401 - imported once, not within the first case
from swaveval.features.store import FeatureStore
from swaveval.results import Series
from swaveval.runs import unchanged
from swaveval.runs.request import RunRequest
from swaveval.runs.run import run
from tests.field.around_runs import write_checkpoints
from tests.tiny_images import write_images

HOWS = ("bit flipped", "cut off", "emptied", "deleted", "replaced by another file", "zeroed")
ALL = ("knn", "spectrum", "gallery", "umap")  # with pictures, a map and figures
REPORTS = Path(__file__).parents[2] / "reports"


@dataclass
class Listening:
    """What a run told."""

    messages: list[str] = field(default_factory=list)

    def stage(self, name: str, total: int) -> None:
        """Nothing is shown."""

    def advance(self, done: int, total: int) -> None:
        """Nothing is shown."""

    def message(self, text: str) -> None:
        self.messages.append(text)


@dataclass
class Tally:
    """What came of the cases; `wrong` is what must not be."""

    cases: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    hows: Counter[str] = field(default_factory=Counter)
    recomputed: int = 0
    wrong: list[str] = field(default_factory=list)


def prepare(place: Path, evaluators: tuple[str, ...]) -> RunRequest:
    """A tiny evaluation that is finished, with figures where there is a map."""
    request = RunRequest(
        write_checkpoints(place / "run" / "checkpoints", count=2),
        place / "run" / "report",
        data=str(write_images(place / "bars", per_class=6)),
        evaluators=evaluators,
        device="cpu",
        figures="umap" in evaluators,
    )
    evaluate(request)
    return request


def evaluate(request: RunRequest) -> tuple[int, list[str]]:
    """As the command does it: said again where nothing changed, else run; how many cells, and what was told."""
    FeatureStore._verified.clear()
    if unchanged.earlier(request) is not None:
        return 0, []
    told = Listening()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that stored features are damaged and made anew
        outcome = run(request, told)
    return outcome.computed, told.messages


def truth(out: Path) -> dict[str, Any]:
    """Every number and array, but for times."""
    series = Series.load(out)
    found: dict[str, Any] = {"lost": [str(one) for one in series.lost]}
    store = series.store
    assert store is not None
    for name in series.manifest.cells:
        cell = store.get(name)
        assert cell is not None
        found[name] = [cell.status, cell.reason, [json.dumps(metric.to_json()) for metric in cell.metrics]]
        for artifact in store.artifacts(cell):
            found[f"{name}/{artifact.id}/{artifact.checkpoint}"] = {
                key: (str(array.dtype), array.shape, array.tobytes()) for key, array in artifact.arrays.items()
            }
    found["verdict"] = json.loads((out / "verdict.json").read_text(encoding="utf-8"))
    manifest = series.manifest.to_json()
    found["manifest"] = {key: value for key, value in manifest.items() if key not in ("created", "cells", "repaired")}
    found["page"] = (out / "index.html").read_text(encoding="utf-8").rstrip().endswith("</html>")
    return found


def kind_of(path: Path, out: Path) -> str:
    """The directory below the output and the suffix: one kind of file each."""
    where = path.relative_to(out).parent.as_posix()
    return f"{'' if where == '.' else where + '/'}*{path.suffix}" if where != "." else path.name


def damage(path: Path, how: str, others: list[Path], dice: random.Random) -> None:
    """Do it to a file."""
    content = path.read_bytes()
    if how == "deleted":
        path.unlink()
        return
    if how == "bit flipped" and content:
        place = dice.randrange(len(content))
        changed = content[:place] + bytes([content[place] ^ 1 << dice.randrange(8)]) + content[place + 1 :]
    elif how == "cut off" and content:
        changed = content[: dice.randrange(len(content))]
    elif how == "replaced by another file":
        like = [one for one in others if one != path and one.suffix == path.suffix] or others
        changed = dice.choice(like).read_bytes()
    else:
        changed = b"" if how == "emptied" else bytes(len(content))
    path.write_bytes(changed)


def campaign(cases: int, seed: int, place: Path, evaluators: tuple[str, ...] = ALL) -> Tally:
    """Damage one file after another, of every kind in turn, each time in a fresh copy."""
    request, dice, tally = prepare(place, evaluators), random.Random(seed), Tally()
    out = request.out
    whole, right = place / "whole", truth(request.out)
    shutil.copytree(out, whole)
    by_kind: dict[str, list[Path]] = {}
    for path in sorted(whole.rglob("*")):
        if path.is_file():
            by_kind.setdefault(kind_of(path, whole), []).append(path)
    kinds = sorted(by_kind)
    for case in range(cases):
        kind, how = kinds[case % len(kinds)], HOWS[(case // len(kinds)) % len(HOWS)]
        shutil.rmtree(out)
        shutil.copytree(whole, out)
        victim = dice.choice(by_kind[kind]).relative_to(whole)
        others = [path for path in out.rglob("*") if path.is_file()]
        damage(out / victim, how, others, dice)
        label, before = f"{victim} {how}", stamps(out)
        tally.cases += 1
        tally.kinds[kind] += 1
        tally.hows[how] += 1
        try:
            told = evaluate(request)[1]
            found = truth(out)
        except Exception as error:
            tally.wrong.append(f"{label}: {type(error).__name__}: {error}"[:300])
            continue
        again = {path.name for path, stamp in stamps(out).items() if before.get(path) != stamp}
        tally.recomputed += len(again)
        if (counted := on_page(out)) != len(again):
            tally.wrong.append(f"{label}: {len(again)} computed again, and the page counts {counted}")
        if found != right:
            differing = [name for name in {**found, **right} if found.get(name) != right.get(name)]
            tally.wrong.append(f"{label}: other results: {differing}"[:300])
        if again and not _said(told):
            tally.wrong.append(f"{label}: {len(again)} computed again without a word")
    return tally


def stamps(out: Path) -> dict[Path, int]:
    """When each stored result was written; arrays belong to the result beside them."""
    return {path: path.stat().st_mtime_ns for path in out.glob("results/cells/[!.]*.json")}


def on_page(out: Path) -> int:
    """How many results the page says were damaged or missing and computed again."""
    page = (out / "index.html").read_text(encoding="utf-8")
    found = re.findall(r"found damaged or missing</th><td>([\d,]+) stored results?, computed again on ", page)
    return int(found[0]) if found else 0


def _said(told: list[str]) -> bool:
    return any("it is computed again" in text for text in told)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", action="store_true", help="write reports/damage-campaign.md and .json")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        tally = campaign(asked.cases, asked.seed, Path(place))
    command = f"TMPDIR=/dev/shm python -m tests.crashes.damage --cases {asked.cases} --seed {asked.seed} --write"
    body = {
        "command": command,
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "cases": tally.cases,
        "kinds": dict(tally.kinds),
        "hows": dict(tally.hows),
        "recomputed": tally.recomputed,
        "wrong": tally.wrong,
    }
    print(json.dumps(body, indent=1))
    if asked.write:
        (REPORTS / "damage-campaign.json").write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
        rows = "\n".join(f"| `{kind}` | {count} |" for kind, count in sorted(tally.kinds.items()))
        text = (
            f"# Damage campaign: every kind of file below an output\n\nCommand: `{command}`.\n{body['date']}, "
            f"{body['machine']}.\n\n{tally.cases} cases ({', '.join(HOWS)}), each followed by a run: "
            f"{len(tally.wrong)} wrong (other results than undisturbed, an error, a cell computed again without a "
            f"word, or another count of them on the page), {tally.recomputed} cells computed again and counted on the "
            f"page.\n\n| file | cases |\n|---|---|\n{rows}\n"
        )
        (REPORTS / "damage-campaign.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
