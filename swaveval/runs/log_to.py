"""`--log-to NAME:TARGET`: exporters that are called when the page is written; none of them can spoil what is done."""

import importlib.util
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from swaveval.errors import SwavevalError, machine_fault
from swaveval.results import Series
from swaveval.results.exporters import Exporter, ExportError, available, make_exporter
from swaveval.results.places import check_file
from swaveval.text import shortened


@dataclass(frozen=True, slots=True)
class Destination:
    """An exporter and where it writes.

    Attributes:
        text: as it was asked for.
    """

    text: str
    exporter: Exporter
    target: str


@dataclass(frozen=True, slots=True)
class Logged:
    """What came of it.

    Attributes:
        said: lines for the user. problems: a sentence per destination that did not get everything.
    """

    said: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def destinations(texts: Iterable[str]) -> tuple[Destination, ...]:
    """What `NAME:TARGET` texts name, after each has said that it can be written to.

    `NAME` is an exporter as `swaveval export --format` takes it: `tensorboard`, `wandb(entity='team')`,
    `module:Class`, `file.py:Class`.

    Raises:
        PluginError: there is no such exporter. ExportError, OutputError: its package is missing, it takes no such
            target, or nothing can be written there.
    """
    found = []
    for text in dict.fromkeys(texts):
        name, target = split_destination(text)
        exporter = make_exporter(name)
        if not target:
            raise ExportError(f"--log-to {shortened(text, 80)} names no target; write it as {name}:TARGET")
        if callable(check := getattr(exporter, "check", None)):
            check(target)
        elif "://" not in target and target != "-":
            check_file(Path(target).expanduser(), option=f"{name}:FILE")
        found.append(Destination(text, exporter, target))
    return tuple(found)


def split_destination(text: str) -> tuple[str, str]:
    """`mlflow:sqlite:///runs.db` to (`mlflow`, `sqlite:///runs.db`); `file.py:Class:x.md` to (`file.py:Class`, `x.md`).

    An installed exporter's name wins over a module's.
    """
    colons = _outside_parentheses(text)
    first = text[: colons[0]] if colons else text
    if (
        len(colons) > 1
        and first.partition("(")[0].strip() not in {each.name for each in available()}
        and (first.endswith(".py") or _is_module(first))
    ):
        return text[: colons[1]], text[colons[1] + 1 :]
    return first, text[colons[0] + 1 :] if colons else ""


def log_to(series: Series, places: Sequence[Destination]) -> Logged:
    """Write a series to each of them; one that cannot costs itself only."""
    said, problems = [], []
    for place in places:
        try:
            line = place.exporter.write(series, place.target)
        # Whatever a tracker raises, results and page are written.
        except Exception as error:
            problems.append(f"not logged to {shortened(place.text, 120)}: {_sentence(error)}")
            continue
        said += [f"logged to: {shortened(place.text, 200)}", *([shortened(line, 400)] if line else [])]
    return Logged(tuple(said), tuple(problems))


def _sentence(error: Exception) -> str:
    known = error if isinstance(error, SwavevalError) else machine_fault(error)
    return str(known) if known is not None else f"{type(error).__name__}: {shortened(str(error), 300)}"


def _outside_parentheses(text: str) -> list[int]:
    """Where colons stand that no parenthesis or quotation mark holds."""
    depth, quoted, found = 0, "", []
    for place, letter in enumerate(text):
        if quoted:
            quoted = "" if letter == quoted else quoted
        elif depth and letter in "'\"":
            quoted = letter
        elif letter in "()":
            depth = max(0, depth + (1 if letter == "(" else -1))
        elif letter == ":" and not depth:
            found.append(place)
    return found


def _is_module(name: str) -> bool:
    try:
        return all(part.isidentifier() for part in name.split(".")) and importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False
