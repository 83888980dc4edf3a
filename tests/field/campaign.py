"""The layout campaign: one known set of images or checkpoints, brought in every form people bring it in.

A trial builds something with known truth in an empty directory, lets swaveval read it, and says what came of it:

- `right`: what was read is the truth.
- `said`: it is not, or not all of it, but a note, an origin or a warning names exactly that.
- `refused`: nothing was read, with a sentence that says what to do.
- `wrong`: something untrue was read without a word. There must be none.

Each `campaign_*.py` beside this file has a function `trials() -> list[Trial]` (and imports from here by
`from tests.field.campaign import Outcome, Trial`). `python -m tests.field.campaign` runs all of them; `--write` puts
the figures into reports/layout-campaign.md and .json.
"""

import argparse
import importlib
import json
import os
import platform
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

Word = Literal["right", "said", "refused", "wrong"]
WORDS: tuple[Word, ...] = ("right", "said", "refused", "wrong")
MODULES = ("campaign_layouts", "campaign_pixels", "campaign_series")


@dataclass(frozen=True)
class Outcome:
    """What came of a trial: the word, and what was seen (for `wrong`, what differs from the truth)."""

    word: Word
    detail: str = ""


@dataclass(frozen=True)
class Trial:
    """One thing a user could bring.

    Attributes:
        kind: the row of the report it is counted in, e.g. `folders: masks`.
        name: unique within the kind; enough to find the trial again.
        build: writes it into an empty directory.
        judge: reads it from there as a user would, and compares with the truth. An exception it lets through is wrong.
    """

    kind: str
    name: str
    build: Callable[[Path], None]
    judge: Callable[[Path], Outcome]


@dataclass(frozen=True)
class Result:
    """A trial that was run: its kind, its name, its outcome."""

    kind: str
    name: str
    outcome: Outcome


def run(trials: Iterable[Trial]) -> list[Result]:
    """Every trial in an empty directory of its own."""
    results = []
    for trial in trials:
        with tempfile.TemporaryDirectory() as place:
            directory = Path(place)
            try:
                trial.build(directory)
                outcome = trial.judge(directory)
            except Exception as error:
                outcome = Outcome("wrong", f"{type(error).__name__}: {error}"[:300])
            outcome = Outcome(outcome.word, outcome.detail.replace(place, "DIR"))
        results.append(Result(trial.kind, trial.name, outcome))
    return results


def wrong(results: Iterable[Result]) -> list[str]:
    """One line per trial that went wrong; empty is what a test asks for."""
    return [f"{r.kind} / {r.name}: {r.outcome.detail}" for r in results if r.outcome.word == "wrong"]


def thinned(trials: Sequence[Trial], count: int) -> list[Trial]:
    """At most `count` of the trials, evenly over each kind, at least one of every kind: for the default suite."""
    kinds: dict[str, list[Trial]] = {}
    for trial in trials:
        kinds.setdefault(trial.kind, []).append(trial)
    chosen: list[Trial] = []
    for members in kinds.values():
        share = max(1, round(count * len(members) / len(trials)))
        chosen += [members[place * len(members) // share] for place in range(min(share, len(members)))]
    return chosen


# -- the report ------------------------------------------------------------------------------------------------------


def summary(results: Sequence[Result]) -> list[dict[str, Any]]:
    """A row per kind: trials and how many came to each word."""
    rows = []
    for kind in dict.fromkeys(result.kind for result in results):
        words = Counter(result.outcome.word for result in results if result.kind == kind)
        rows.append({"kind": kind, "trials": sum(words.values())} | {word: words[word] for word in WORDS})
    return rows


def markdown(results: Sequence[Result], body: dict[str, Any]) -> str:
    rows = [
        f"| {row['kind']} | {row['trials']} | " + " | ".join(str(row[word]) for word in WORDS) + " |"
        for row in body["kinds"]
    ]
    total = Counter(result.outcome.word for result in results)
    return "\n".join(
        [
            "# Layout campaign: known images and series in the forms people bring",
            "",
            f"Command: `{body['command']}`.",
            f"{body['date']}, {body['machine']}, Python {body['python']}, {body['seconds']:.0f} s.",
            "",
            "| what | trials | right | said | refused | wrong |",
            "|---|---|---|---|---|---|",
            *rows,
            f"| **all** | {len(results)} | " + " | ".join(str(total[word]) for word in WORDS) + " |",
            "",
            "*right*: what was read is the truth. *said*: it is not, or not all of it, but a note, an origin or a "
            "warning names that. *refused*: nothing was read, with a sentence that says what to do. *wrong*: something "
            "untrue was read without a word.",
            "",
        ]
    )


def collected(modules: Sequence[str] = MODULES) -> list[Trial]:
    """The trials of every campaign file that is there."""
    found: list[Trial] = []
    for name in modules:
        if (Path(__file__).parent / f"{name}.py").is_file():
            found += importlib.import_module(f"tests.field.{name}").trials()
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", default=list(MODULES), help="which campaign files; default: all")
    parser.add_argument("--write", action="store_true", help="write reports/layout-campaign.md and .json")
    options = parser.parse_args()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as cache:
        os.environ["SWAVEVAL_DATA"] = cache  # nothing of the user's cache is read or written
        results = run(collected(options.modules))
    body: dict[str, Any] = {
        "command": "python -m tests.field.campaign --write",
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "seconds": round(time.perf_counter() - started, 1),
        "kinds": summary(results),
        "trials": [[r.kind, r.name, r.outcome.word, r.outcome.detail] for r in results],
    }
    text = markdown(results, body)
    print(text)
    print(*wrong(results), sep="\n")
    if options.write:
        reports = Path(__file__).parents[2] / "reports"
        (reports / "layout-campaign.md").write_text(text, encoding="utf-8")
        (reports / "layout-campaign.json").write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
    return int(bool(wrong(results)))


if __name__ == "__main__":
    sys.exit(main())
