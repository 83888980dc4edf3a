"""How the numbers came about: data audit, command, versions, protocol, and every file that was not evaluated."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from swaveval.report import wording
from swaveval.report.contents import Contents
from swaveval.report.cost import duration, evaluator_seconds
from swaveval.results import RunManifest
from swaveval.results.precision import WORDS
from swaveval.results.spent import has_stages
from swaveval.text import some

LONGEST_LIST = 20


@dataclass(frozen=True)
class Row:
    """A fact and its value; `items` is a list that folds out."""

    name: str
    value: str
    items: tuple[str, ...] = ()
    warning: bool = False


@dataclass(frozen=True)
class Unused:
    """A checkpoint file without numbers of its own, and why."""

    name: str
    state: str
    reason: str


NOT_YET = "not evaluated yet"
STATES = {
    "writing": "still being written",
    "corrupt": "damaged",
    "unsupported": "format not supported",
    "refused": "refused",
    "ready": "same weights",
    "waiting": NOT_YET,
}


def unused(contents: Contents) -> tuple[Unused, ...]:
    """Checkpoints that were refused, are unfinished, or hold the weights of another one."""
    return tuple(
        Unused(
            wording.clipped(record.name),
            STATES.get(record.state, record.state),
            wording.clipped(f"same weights as {record.same_as}" if record.same_as else record.reason, 400),
        )
        for record in contents.series.manifest.checkpoints
        if not record.evaluated
    )


def failed_cells(contents: Contents) -> tuple[Row, ...]:
    """Evaluators that gave no numbers somewhere, one row per evaluator, status and reason."""
    found: dict[tuple[str, str, str], int] = {}
    for point in (*contents.points, *contents.series.baselines):
        for name, cell in point.cells.items():
            if cell.status != "ok":
                place = (name, cell.status, cell.reason)
                found[place] = found.get(place, 0) + 1
    return tuple(
        Row(
            wording.clipped(name, 60),
            f"{status} at {wording.count(n, 'checkpoint')}: {wording.clipped(reason, 400)}",
            warning=status == "error",
        )
        for (name, status, reason), n in sorted(found.items())
    )


def whole(load: Mapping[str, Any]) -> bool:
    """Whether a file accepted with --allow-partial lacks no weight of the network: it holds more than that has."""
    return load.get("matched") == 1 and bool(load.get("unexpected"))


def warnings(contents: Contents) -> tuple[str, ...]:
    """What a reader must know before believing the page, for its first screen."""
    said = [wording.clipped(note, 500) for note in contents.series.manifest.notes]
    records = [point.record for point in contents.points]
    partial = [r for r in records if r.load.get("partial") and not whole(r.load)]
    more = [r for r in records if r.load.get("partial") and whole(r.load)]
    trusted = [r for r in records if r.load.get("trusted")]
    if partial:
        said.append(
            f"{wording.count(len(partial), 'checkpoint')} loaded in part (--allow-partial): some weights are random."
        )
    if more:
        left = some(sorted({str(name) for r in more for name in r.load.get("unexpected", ())}), 4)
        said.append(
            f"{wording.count(len(more), 'checkpoint')} loaded without {wording.clipped(left, 300)}, which the network "
            "has no place for (--allow-partial)."
        )
    if trusted:
        said.append(f"{wording.count(len(trusted), 'checkpoint')} read with --trust: the files could have run code.")
    errors = sum(cell.status == "error" for point in contents.points for cell in point.cells.values())
    if errors:
        said.append(f"{wording.count(errors, 'evaluation')} failed; the reasons stand under “How it was made”.")
    return (*dict.fromkeys(said), *contents.damage)


def audit(contents: Contents) -> tuple[Row, ...]:
    """The data audit, whatever of it is stored."""
    data, audit = contents.series.manifest.data, contents.series.manifest.data.audit
    rows = [
        Row("images", f"{data.n_train + data.n_test:,}"),
        *([Row("sample", wording.clipped(data.sample, 200))] if data.sample else []),
        Row("training split (bank)", f"{data.n_train:,}"),
        Row("test split (queries)", f"{data.n_test:,}"),
        Row("split", wording.clipped(data.split, 200)),
        Row("classes", f"{len(data.class_names):,}" if data.labelled else "no labels"),
    ]
    rows += [row for key, title in _AUDITED if (row := _audited(title, audit.get(key))) is not None]
    known = {key for key, _ in _AUDITED} | _SAID_ELSEWHERE
    rows += [
        row for key, value in audit.items() if key not in known and (row := _audited(_spaced(key), value)) is not None
    ]
    return tuple(rows)


_AUDITED = (
    ("broken", "left out as broken"),
    ("ignored", "other files ignored"),
    ("unlabelled", "images without a label"),
    ("duplicates", "exact duplicates"),
    ("duplicates_across_splits", "test images that also stand in training"),
    ("label_conflicts", "equal images under different labels"),
    ("sizes", "sizes (pixels)"),
    ("modes", "colour modes"),
    ("formats", "file formats"),
    ("notes", "notes"),
    ("pixels", "how pixels were read"),
)
_SAID_ELSEWHERE = {"n", "n_train", "n_test", "class_counts", "ignored_examples"}
_BAD = {"left out as broken", "test images that also stand in training", "equal images under different labels"}


def class_counts(contents: Contents) -> tuple[tuple[str, str], ...]:
    """(class, images in each split) for the audit."""
    counts = contents.series.manifest.data.audit.get("class_counts")
    if not isinstance(counts, Mapping):
        return ()
    return tuple(
        (wording.clipped(name, 80), " + ".join(f"{n:,}" for n in _list(value)) or wording.clipped(value, 40))
        for name, value in counts.items()
    )


def _audited(title: str, value: Any) -> Row | None:
    """One audit entry as a row: a number, a list with its length, or a mapping in a line."""
    if value is None or value == "" or value == {} or value == []:
        return None
    if isinstance(value, list | tuple):
        items = tuple(_line(item) for item in value[:LONGEST_LIST])
        if len(value) > LONGEST_LIST:
            items += (f"and {len(value) - LONGEST_LIST:,} more",)
        return Row(title, f"{len(value):,}", items, warning=title in _BAD)
    if isinstance(value, Mapping):
        examples = tuple(_line(item) for item in _list(value.get("examples"))[:LONGEST_LIST])
        plain = {key: item for key, item in value.items() if key not in ("examples", "test_index", "short_sides")}
        count = plain.get("count")
        text = (
            _scalar(count)
            if set(plain) == {"count"}
            else "; ".join(f"{_spaced(key)} {_line(item)}" for key, item in plain.items())
        )
        return Row(title, wording.clipped(text, 400), examples, warning=title in _BAD and bool(count))
    return Row(title, _scalar(value), warning=title in _BAD and bool(value))


def _line(item: Any) -> str:
    if isinstance(item, Mapping):
        return wording.clipped(": ".join(_scalar(part) for part in item.values()), 300)
    if isinstance(item, list | tuple):
        joined = " × " if all(isinstance(part, int) for part in item) else " · "
        return wording.clipped(joined.join(_scalar(part) for part in item), 300)
    return _scalar(item)


def _scalar(value: Any) -> str:
    if value is None:
        return "automatic"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return wording.number(value) if isinstance(value, float) else wording.clipped(value, 500)


def _spaced(key: Any) -> str:
    return wording.clipped(str(key).replace("_", " "), 60)


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []


def made_by(contents: Contents) -> tuple[Row, ...]:
    """Run, data, protocol, versions."""
    manifest = contents.series.manifest
    loss = manifest.loss.source if manifest.loss is not None else "none found"
    return (
        Row("made", wording.clipped(manifest.created or "not recorded", 60)),
        Row("images from", wording.clipped(manifest.data.path, 300)),
        Row("data fingerprint", wording.clipped(manifest.data.fingerprint, 80)),
        Row("eval transform", wording.clipped(manifest.data.transform, 200)),
        Row("precision of the networks", wording.clipped(_precision(manifest), 300)),
        Row("loss from", wording.clipped(loss, 200)),
        Row("seed", str(manifest.seed)),
        *_repaired(manifest),
        *_times(contents),
    )


def _repaired(manifest: RunManifest) -> tuple[Row, ...]:
    """How many stored results were found damaged or missing and computed again; nothing where none were."""
    if not manifest.repaired:
        return ()
    days = sorted(set(manifest.repaired.values()))
    when = days[0] if len(days) == 1 else f"{days[0]} and other days up to {days[-1]}"
    named = [manifest.cell_names.get(name, ("a result", f"file {name}")) for name in manifest.repaired]
    items = [wording.clipped(f"{evaluator} on {checkpoint}", 120) for evaluator, checkpoint in named[:LONGEST_LIST]]
    if len(named) > LONGEST_LIST:
        items.append(f"and {len(named) - LONGEST_LIST:,} more")
    value = f"{wording.count(len(named), 'stored result')}, computed again on {wording.clipped(when, 60)}"
    return (Row("found damaged or missing", value, tuple(items)),)


def _times(contents: Contents) -> tuple[Row, ...]:
    """What it cost in time, as far as that is stored."""
    trained = contents.series.manifest.training_seconds
    evaluated = evaluator_seconds(contents.series)
    rows = []
    if trained is not None:
        rows.append(Row("training took", f"{duration(trained)} (finished epochs, added up)"))
    if evaluated is not None and not has_stages(contents.series):  # else a table says more
        rows.append(Row("evaluators took", f"{duration(evaluated)} (besides the passes of images through each file)"))
    return tuple(rows)


def evaluators(contents: Contents) -> tuple[Row, ...]:
    return tuple(
        Row(
            wording.clipped(name, 60),
            f"version {version}" + "".join(f", {_spaced(k)} {_line(v)}" for k, v in parameters.items()),
        )
        for name, version, parameters in contents.series.manifest.evaluators
    )


def mapping(values: Mapping[str, Any]) -> tuple[Row, ...]:
    """Hyper-parameters or versions as rows."""
    return tuple(Row(_spaced(key), _line(value)) for key, value in list(values.items())[:200])


def _precision(manifest: RunManifest) -> str:
    """`bfloat16: on 128 images …`."""
    name = WORDS.get(manifest.data.precision, manifest.data.precision)
    return f"{name}: {manifest.data.precision_why}" if manifest.data.precision_why else name
