"""Records of a directory → one run in the order it was written, or the runs it holds."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from swaveval.checkpoints.membership import Division, divide
from swaveval.checkpoints.moments import Found, place
from swaveval.checkpoints.name_order import OrderBasis, order_of
from swaveval.checkpoints.names import NameReading, read_name
from swaveval.results import CheckpointRecord
from swaveval.text import Natural, natural_key


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Attributes:
    records: every file's record, in the order they were written, epoch and step as far as known; copies are marked.
    order: what the order was read from. notes: what must be said about it.
    division: the runs; more than one entry where the files are not one run.
    """

    records: tuple[CheckpointRecord, ...]
    order: OrderBasis
    notes: tuple[str, ...]
    division: Division


def arrange(
    records: Sequence[CheckpointRecord],
    files: Mapping[str, tuple[float, int]] | None = None,
    *,
    read: Callable[[str], NameReading] = read_name,
) -> Arrangement:
    """Put records in the order they were written.

    Args:
        records: as read, named relative to the directory.
        files: name → (modification time in seconds, bytes), where known.
        read: what a name says.
    """
    facts = files or {}
    found, notes = place([Found(record, read(record.name), *facts.get(record.name, (None, 0))) for record in records])
    originals = _originals(found)
    copies = {e.record.name for e in found if e.record.state == "ready"} - {entry.record.name for entry in originals}
    main, strays = _strays(originals)
    main, basis, said = _ordered(main)
    notes += (said,) * bool(said)
    division = divide(main)
    rest = [_left_out(entry, main) for entry in strays]
    others = [e for e in found if e.record.name not in copies and e.record.state != "ready"]
    ordered = _with(main, others)
    marked = [entry.record for entry in ordered] + [entry.record for entry in rest]
    marked = _with_copies(marked, [entry for entry in found if entry.record.name in copies])
    return Arrangement(tuple(marked), basis, (*notes, *division.notes), division)


def as_given(records: Sequence[CheckpointRecord]) -> Arrangement:
    """Records whose order is known: networks in memory, by the epochs or steps in their names where each has one of its
    own, else in the order they were given.

    Epochs and steps that do not rise with it are no axis, and are left out.
    """
    marked = _by_their_moments(records)
    moved = marked != list(records)
    notes: tuple[str, ...] = ("what was given is put in the order of the moments in its names",) * moved
    if not _rising([record.epoch for record in marked]):
        marked = [replace(record, epoch=None) for record in marked]
    if not _rising([record.step for record in marked]):
        marked = [replace(record, step=None) for record in marked]
    first: dict[str, str] = {}
    for position, record in enumerate(marked):
        if record.state == "ready" and record.digest:
            original = first.setdefault(record.digest, record.name)
            marked[position] = record if original == record.name else replace(record, same_as=original)
    kinds = sorted({str(record.load.get("architecture")) for record in marked if record.evaluated})
    if kinds[1:]:
        notes += (f"networks of different classes ({', '.join(kinds)}) are compared as one training's",)
    return Arrangement(tuple(marked), "given", notes, Division({}))


def _by_their_moments(records: Sequence[CheckpointRecord]) -> list[CheckpointRecord]:
    for moments in ([record.epoch for record in records], [record.step for record in records]):
        known = [moment for moment in moments if moment is not None]
        if len(known) == len(set(known)) == len(records):
            return [record for _, record in sorted(zip(known, records, strict=True), key=lambda pair: pair[0])]
    return list(records)


def _rising(values: Sequence[float | None]) -> bool:
    known = [value for value in values if value is not None]
    return len(known) == len(values) and known == sorted(known)


Ordered = TypeVar("Ordered", bound=CheckpointRecord)


def order(records: Iterable[Ordered], files: Mapping[str, tuple[float, int]] | None = None) -> list[Ordered]:
    """Records in the order they were written, as far as files and names tell; every record as it was."""
    given = list(records)
    facts = files or {}
    found, _ = place([Found(record, read_name(record.name), *facts.get(record.name, (None, 0))) for record in given])
    places = {entry.record.name: i for i, entry in enumerate(_ordered(found)[0])}
    return sorted(given, key=lambda record: places[record.name])


def _originals(found: Sequence[Found]) -> list[Found]:
    """Ready files, one of each weights and moment: the one whose name says most.

    The same weights without a moment of their own are a copy (`last.ckpt`, `best.pth`); at another moment they are a
    finding. A file without prototypes that has the backbone of one with some was made from it; so was a backbone alone
    (an exported model) that lies in a file that holds more, where nothing says when it was written.
    """
    ready = [entry for entry in found if entry.record.state == "ready" and entry.record.digest is not None]
    counted = _counted(ready)
    stated = {entry.record.name: _stated(entry, counted) for entry in ready}
    ready.sort(key=lambda one: (one.reading.status, not stated[one.record.name], natural_key(one.record.name)))
    kept: list[Found] = []
    by_digest: dict[str, list[Found]] = {}
    backbones = {
        str(entry.record.load.get("backbone_digest")) for entry in ready if entry.record.load.get("prototypes")
    }
    inside = {str(entry.record.load.get("backbone_digest")) for entry in ready if not _bare(entry)}
    for entry in ready:
        same = by_digest.setdefault(str(entry.record.digest), [])
        headless = not entry.record.load.get("prototypes") and entry.record.load.get("backbone_digest") in backbones
        says = stated[entry.record.name]
        exported = _bare(entry) and not says and entry.record.digest in inside
        again = same and (not says or any(_same_moment(entry, other) for other in same))
        if again or headless or exported:
            continue
        same.append(entry)
        kept.append(entry)
    kept.sort(key=lambda entry: natural_key(entry.record.name))
    return kept


def _bare(entry: Found) -> bool:
    """Whether a file holds a backbone and nothing else of a network."""
    return entry.record.digest == entry.record.load.get("backbone_digest")


def _counted(found: Sequence[Found]) -> frozenset[str]:
    """The words beside which names count, by several numbers: one alone (`resnet50.pth`) orders nothing."""
    values: dict[str, set[int]] = {}
    for entry in found:
        for word, number in entry.reading.numbers:
            values.setdefault(word, set()).add(number)
    return frozenset(word for word, numbers in values.items() if len(numbers) > 1)


def _stated(entry: Found, counted: frozenset[str]) -> bool:
    """Whether the file or its name says when it was written."""
    numbered = any(word in counted for word, _ in entry.reading.numbers)
    return entry.placed or bool(entry.reading.moments) or numbered


def _same_moment(one: Found, other: Found) -> bool:
    if one.placed and other.placed:
        return one.moment == other.moment
    return one.mark == other.mark


def _strays(found: Sequence[Found]) -> tuple[list[Found], list[Found]]:
    """Files that nothing places beside others that are placed, unless their name says that they are the newest."""
    placed = [entry for entry in found if entry.placed or entry.reading.numbers]
    if len(placed) < 2:
        return list(found), []
    strays = [
        entry
        for entry in found
        if not entry.marked and (entry.reading.best or not (entry.reading.status or entry.reading.latest))
    ]
    return [entry for entry in found if entry not in strays], strays


def _left_out(entry: Found, main: Sequence[Found]) -> Found:
    reason = (
        f"neither the file nor its name says when it was written, so it has no place among the other {len(main)} "
        "checkpoints; it can be evaluated by itself, with --ckpt-dir and its path"
    )
    return replace(entry, record=replace(entry.record, state="refused", reason=reason))


def _ordered(found: Sequence[Found]) -> tuple[list[Found], OrderBasis, str]:
    if all(entry.placed for entry in found):
        basis: OrderBasis = "epoch" if any(entry.record.epoch is not None for entry in found) else "step"
        return sorted(found, key=_written), basis if found else "", ""
    if not any(entry.placed for entry in found):
        newest = [entry for entry in found if not entry.marked and entry.reading.latest]
        rest = [entry for entry in found if entry not in newest]
        if len(newest) != 1 or not rest:
            newest, rest = [], list(found)
        positions, basis, said = order_of(rest)
        return [rest[i] for i in positions] + newest, basis, said
    known = sorted((entry for entry in found if entry.placed), key=_written)
    unknown = [entry for entry in found if not entry.placed]
    names = ", ".join(entry.record.name for entry in unknown[:3])
    said = f"{names}: neither file nor name says when it was written; taken for the newest"
    return [*known, *unknown], "epoch" if known[0].record.epoch is not None else "step", said


def _written(entry: Found) -> tuple[float, float, Natural]:
    epoch, step = entry.moment
    nowhere = float("inf")
    if epoch is None and step == 0:
        epoch = -nowhere  # before all that count epochs
    return (
        nowhere if epoch is None else epoch,
        nowhere if step is None else step,
        natural_key(entry.record.name),
    )


def _with(main: Sequence[Found], others: Sequence[Found]) -> list[Found]:
    """Files that cannot be evaluated at their place where it is known, else at the end."""
    if all(entry.placed for entry in main):
        return sorted([*main, *others], key=_written)
    return [*main, *sorted(others, key=_written)]


def _with_copies(records: Sequence[CheckpointRecord], copies: Sequence[Found]) -> list[CheckpointRecord]:
    """Equal weights point at the first record that has them; copies stand at the end of the originals they equal."""
    first: dict[str, CheckpointRecord] = {}
    marked: list[CheckpointRecord] = []
    for record in records:
        original = first.get(str(record.digest)) if record.state == "ready" and record.digest else None
        if record.state == "ready" and record.digest:
            first.setdefault(record.digest, record)
        marked.append(record if original is None else replace(record, same_as=original.name))
    backbones = {str(record.load.get("backbone_digest")): record for record in reversed(records)}
    for entry in copies:
        record = entry.record
        if record.state != "ready" or record.digest is None:
            continue
        original = first.get(record.digest) or backbones.get(str(record.load.get("backbone_digest")))
        if original is None:
            marked.append(record)
            continue
        copy = replace(record, epoch=original.epoch, step=original.step, same_as=original.name, alias=True)
        marked.insert(marked.index(next(r for r in marked if r.name == original.name)) + 1, copy)
    return marked
