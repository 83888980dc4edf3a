"""Whether the checkpoints of a directory are one run, and if not, which files are which run.

One run has one architecture, one K, one set of lasting settings, one untrained network, and one state of its weights
at each moment. Two directories (`version_0`, `version_1`) or two kinds of names (`simclr_…`, `swav_…`) are one run
only where the second goes on where the first ends.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

from swaveval.checkpoints.moments import Found
from swaveval.checkpoints.names import NameReading
from swaveval.text import some

_DOWNSTREAM = frozenset(
    {
        "linear", "lincls", "probe", "finetune", "finetuned", "finetuning", "ft", "classifier", "cls", "downstream",
        "transfer", "supervised", "eval",
    }
)  # fmt: skip


# Pairs of runs that are named; all of ten runs would be a page of one sentence.
_MOST_PAIRS = 3


@dataclass(frozen=True, slots=True)
class Division:
    """Attributes:
    runs: the files of each run, by a name for it; one entry where all are one run.
    reasons: why they cannot be one.
    notes: what must be said of one run all the same.
    orderless: whether they may well be one run, of which nothing tells the order; `runs` are those that have one.
    """

    runs: dict[str, tuple[Found, ...]]
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    orderless: bool = False


def divide(found: Sequence[Found]) -> Division:
    """Divide distinct checkpoints (copies left out) into runs."""
    strands = _strands(found)
    reasons: list[str] = []
    for name, value in (("architecture", _architecture), ("number of prototypes", _prototypes)):
        values = {value(entry) for entry in found} - {None}
        if len(values) > 1:
            reasons.append(f"different {name}: {some(sorted(map(str, values)), 3)}")
            strands = strands if len(strands) > 1 else _grouped(found, value)
    different, notes = _settings(found)
    reasons += different
    reasons += _apart(strands)
    untrained = [entry for entry in found if entry.record.is_untrained]
    if len(untrained) > 1:
        reasons.append(f"two untrained networks: {_names(untrained)}")
    reasons += [
        f"different weights at {_moment(clash[0])}: {_names(clash)}" for clash in _clashes(found) if clash[0].placed
    ]
    if not reasons:
        return _by_counter(found, notes) or Division({"": tuple(found)}, (), notes)
    if len(strands) < 2:
        strands = _settings_strands(found) or _clash_strands(found)
    return Division({name: tuple(files) for name, files in strands.items()}, tuple(dict.fromkeys(reasons)), notes)


def _apart(strands: dict[str, list[Found]]) -> list[str]:
    """The strands of which neither goes on where the other ends: the first pairs, and how many there are."""
    said = [
        f"{_said(first, strands[first])} and {_said(second, strands[second])} do not follow on"
        for first, second in combinations(strands, 2)
        if _downstream(strands[first]) != _downstream(strands[second])
        or not (_continues(strands[first], strands[second]) or _continues(strands[second], strands[first]))
    ]
    if len(said) > _MOST_PAIRS + 1:
        more = f"nor do {len(said) - _MOST_PAIRS:,} more pairs of these {len(strands):,} runs"
        return [", ".join((*said[:_MOST_PAIRS], more))]
    return said


def _by_counter(found: Sequence[Found], notes: tuple[str, ...]) -> Division | None:
    """Files that state an epoch only and files that state a step only, where no file has both."""
    by_epoch = [entry for entry in found if entry.record.epoch is not None and entry.record.step is None]
    by_step = [
        entry for entry in found if entry.record.epoch is None and entry.record.step and not entry.reading.latest
    ]
    if not by_epoch or not by_step or any(None not in entry.moment for entry in found):
        return None
    reason = (
        f"{_names(by_epoch)} state an epoch and {_names(by_step)} a step, and nothing tells in which epoch a step is"
    )
    return Division({"by epoch": tuple(by_epoch), "by step": tuple(by_step)}, (reason,), notes, orderless=True)


def _strands(found: Sequence[Found]) -> dict[str, list[Found]]:
    """Files whose directory and name say the same but for numbers that count; what says only `last` joins them."""
    shared = {word for word, count in Counter(word for e in found for word in e.reading.opaque).items() if count > 1}
    several = len(shared) > 1
    main: dict[tuple[str, ...], list[Found]] = {}
    waiting: list[Found] = []
    for entry in found:
        reading = entry.reading
        key = (*reading.run, *(word for word in reading.opaque if several and word in shared))
        waiting.append(entry) if reading.status else main.setdefault(key, []).append(entry)
    for entry in waiting:
        above = _directory(entry)
        home = [key for key, files in main.items() if any(_directory(file) == above for file in files)]
        if not home:
            home = [key for key, files in main.items() if any(_nested(_directory(file), above) for file in files)]
        main.setdefault(home[0] if len(home) == 1 else (*entry.reading.run,), []).append(entry)
    if _loose(main):
        return {"": list(found)}
    names = _distinct_names(list(main))
    return {names[key]: files for key, files in main.items()}


def _loose(main: dict[tuple[str, ...], list[Found]]) -> bool:
    """Whether words tell the files apart and nothing else: `early.pth`, `late.pth` are no runs."""
    files = [entry for strand in main.values() for entry in strand]
    return (
        all(len(strand) == 1 for strand in main.values())
        and len({_directory(entry) for entry in files}) == 1
        and not any(entry.placed or entry.reading.numbers or _member(entry) for entry in files)
    )


def _member(entry: Found) -> bool:
    return any(" " in word for word in entry.reading.run)


def _continues(first: Sequence[Found], second: Sequence[Found]) -> bool:
    """Whether the second strand starts after the first has ended, at about the distance that files of either have."""
    for value in (_epoch, _step, _number):
        a, b = [value(entry) for entry in first], [value(entry) for entry in second]
        if None in a or None in b:
            continue
        early, late = sorted(x for x in a if x is not None), sorted(x for x in b if x is not None)
        gaps = [y - x for row in (early, late) for x, y in pairwise(row)]
        return bool(gaps) and 0 < late[0] - early[-1] <= 1.5 * max(gaps)
    return False


def of_a_task(reading: NameReading) -> bool:
    """Whether a name says that a trained network was trained on for a task: another training, with its own epochs."""
    return any(word in _DOWNSTREAM for part in reading.run for word in part.split("/"))


def _downstream(strand: Sequence[Found]) -> bool:
    return any(of_a_task(entry.reading) for entry in strand)


def _clashes(found: Sequence[Found]) -> list[list[Found]]:
    """Files that cannot be told apart by epoch and step, or by the one of the two that each has."""
    groups: list[list[Found]] = []
    by_epoch: dict[float | None, list[Found]] = {}
    for entry in found:
        if entry.placed:
            by_epoch.setdefault(entry.record.epoch, []).append(entry)
    for epoch, entries in by_epoch.items():
        if epoch is not None and len(entries) > 1 and any(entry.record.step is None for entry in entries):
            groups.append(entries)
            continue
        by_step: dict[int | None, list[Found]] = {}
        for entry in entries:
            by_step.setdefault(entry.record.step, []).append(entry)
        groups += [same for same in by_step.values() if len(same) > 1]
    return groups


def _settings(found: Sequence[Found]) -> tuple[list[str], tuple[str, ...]]:
    """Settings that come and go between files speak of several runs; those that changed once, of a run continued."""
    reasons, notes = [], []
    for name, values in _differing(found).items():
        changes = sum(a != b for a, b in pairwise(values))
        if changes > len(set(values)) - 1:
            reasons.append(f"different {name}: {some(sorted(set(values)), 3)}")
        else:
            notes.append(f"{name} changed within the run: {' → '.join(dict.fromkeys(values))}")
    return reasons, tuple(notes)


def _differing(found: Sequence[Found]) -> dict[str, list[str]]:
    """Setting → its values in the order of the moments, for those that differ and that every file states."""
    nowhere = float("inf")
    ordered = sorted(
        (entry for entry in found if entry.record.load.get("settings")),
        key=lambda e: (nowhere if e.moment[0] is None else e.moment[0], e.moment[1] or 0, e.record.name),
    )
    tables = [entry.record.load["settings"] for entry in ordered]
    names = [name for name in (tables[0] if tables else ()) if all(name in table for table in tables)]
    columns = {name: [str(table[name]) for table in tables] for name in names}
    return {name: values for name, values in columns.items() if len(set(values)) > 1}


def _settings_strands(found: Sequence[Found]) -> dict[str, list[Found]]:
    names = [name for name in _differing(found) if _settings(found)[0]]
    return _grouped(found, lambda entry: _settings_key(entry, names)) if names else {}


def _settings_key(entry: Found, names: Sequence[str]) -> str:
    settings = entry.record.load.get("settings", {})
    return ", ".join(f"{name.rsplit('.', 1)[-1]} {settings.get(name)}" for name in names)


def _clash_strands(found: Sequence[Found]) -> dict[str, list[Found]]:
    """Names of the same moment told apart by what follows the number: `epoch=1.ckpt`, `epoch=1-v1.ckpt`."""
    groups: dict[str, list[Found]] = {}
    for entry in found:
        groups.setdefault(entry.reading.version, []).append(entry)
    if len(groups) > 1:
        return {name or "no suffix": files for name, files in groups.items()}
    return {entry.record.name: [entry] for clash in _clashes(found) for entry in clash}


def _grouped(found: Sequence[Found], value: Callable[[Found], Hashable]) -> dict[str, list[Found]]:
    groups: dict[str, list[Found]] = {}
    for entry in found:
        groups.setdefault(str(value(entry)), []).append(entry)
    return groups


def _architecture(entry: Found) -> str | None:
    words = entry.record.load.get("architecture")
    return None if words is None else str(words)


def _prototypes(entry: Found) -> int | None:
    count = entry.record.load.get("prototypes")
    return count if isinstance(count, int) else None


def _epoch(entry: Found) -> float | None:
    return entry.record.epoch


def _step(entry: Found) -> float | None:
    return entry.record.step


def _number(entry: Found) -> float | None:
    return entry.reading.numbers[-1][1] if entry.reading.numbers else None


def _directory(entry: Found) -> tuple[str, ...]:
    return tuple(entry.record.name.split("/")[:-1])


def _nested(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def _distinct_names(keys: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], str]:
    """A short name for each strand: the words not all strands share."""
    common = set.intersection(*(set(key) for key in keys)) if len(keys) > 1 else set()
    own = {key: [word.split("/")[-1].strip() for word in key if word and word not in common] for key in keys}
    names = {key: " ".join(filter(None, words)) or "the rest" for key, words in own.items()}
    return names if len(set(names.values())) == len(names) else {key: "/".join(filter(None, key)) for key in keys}


def _said(name: str, files: Sequence[Found]) -> str:
    for axis, value in (("epoch", _epoch), ("step", _step)):
        places = [place for entry in files if (place := value(entry)) is not None]
        if len(places) == len(files):
            span = f"{axis} {places[0]:g}" if len(places) == 1 else f"{axis}s {min(places):g} to {max(places):g}"
            return f"{name} ({span})"
    return f"{name} ({len(files)} file{'s' if len(files) > 1 else ''})"


def _moment(entry: Found) -> str:
    epoch, step = entry.moment
    return " ".join([f"epoch {epoch:g}"] * (epoch is not None) + [f"step {step}"] * (step is not None))


def _names(files: Sequence[Found]) -> str:
    return some([entry.record.name for entry in files], 3)
