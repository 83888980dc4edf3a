"""A report card per checkpoint: every metric, its interval, its change since the previous, first and best one."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from swaveval.convergence.paired import paired_difference
from swaveval.report import glossary, wording
from swaveval.report.contents import Contents
from swaveval.report.provenance import whole
from swaveval.report.small import facts

DRAWS = 1000
USAGE_BARS = 48


def metrics(contents: Contents) -> list[dict[str, Any]]:
    """Every metric as columns over the checkpoints, with paired changes where outcomes are stored."""
    made = []
    for name in contents.metric_ids:
        term, sample = contents.words.term(name), contents.sample(name)
        found = [point.metrics.get(name) for point in contents.points]
        row: dict[str, Any] = {
            "id": wording.clipped(name, 80),
            "label": wording.clipped(term.label, 80),
            "group": wording.clipped(glossary.group(name), 40),
            "unit": wording.clipped(sample.unit, 24),
            "better": sample.better,
            "anchor": glossary.anchor(name),
            "facts": facts(contents, name),
            "values": [None if m is None else _named(m.value) for m in found],
            "low": [None if m is None or m.ci95 is None else m.ci95[0] for m in found],
            "high": [None if m is None or m.ci95 is None else m.ci95[1] for m in found],
            "baselines": [
                [wording.clipped(point.record.name, 40), point.metrics[name].value]
                for point in contents.series.baselines
                if name in point.metrics
            ],
        }
        if name in contents.outcomes:
            row["paired"] = _paired(contents, name)
        made.append(row)
    return made


def checkpoints(contents: Contents) -> list[dict[str, Any]]:
    """What a card says of its checkpoint beside the metrics."""
    made = []
    for position, point in enumerate(contents.points):
        record = point.record
        made.append(
            {
                "anchor": contents.anchors[position],
                "label": contents.labels[position],
                "name": contents.names[position],
                "digest": str(record.digest)[:16],
                "epoch": record.epoch,
                "step": record.step,
                "load": loaded(record.load),
                "missing": [
                    [wording.clipped(name, 40), cell.status, wording.clipped(cell.reason, 300)]
                    for name, cell in point.cells.items()
                    if cell.status != "ok"
                ],
                "usage": _usage(contents, position),
            }
        )
    return made


def loaded(load: Any) -> list[list[str]]:
    """The load report as rows of words, whatever of it is there."""
    rows = []
    for key, title in (
        ("family", "written by"),
        ("architecture", "architecture"),
        ("feature_dim", "feature dimensions"),
        ("prototypes", "prototypes"),
    ):
        if load.get(key) is not None:
            rows.append([title, wording.clipped(load[key], 80)])
    rows += geometry(load.get("geometry"))
    matched = load.get("matched")
    if isinstance(matched, int | float) and not isinstance(matched, bool):
        rows.append(["backbone weights matched", wording.number(float(matched), "fraction")])
    left = "weights that the network has no place for are left out" if whole(load) else "some weights are random"
    for key, said in (
        ("trusted", "read with --trust: the file could have run code"),
        ("partial", f"accepted with --allow-partial: {left}"),
    ):
        if load.get(key):
            rows.append(["warning", said])
    rows += [["warning", wording.clipped(text, 300)] for text in _list(load.get("warnings"))[:5]]
    return rows


def geometry(told: Any) -> list[list[str]]:
    """What shapes do not tell and who said it, in one row, and how well a sample fits it; else []."""
    if not isinstance(told, Mapping):
        return []
    said = [pair for pair in _list(told.get("words")) if isinstance(pair, list | tuple) and len(pair) == 2]
    known = [f"{facts} ({source})" for source, facts in said]
    rows = [["not told by shapes", wording.clipped("; ".join(known), 200)]] if known else []
    evidence = told.get("evidence")
    fits = _list(evidence.get("fits")) if isinstance(evidence, Mapping) else []
    pairs = [fit for fit in fits if isinstance(fit, list | tuple) and len(fit) == 2][:3]
    if pairs and isinstance(evidence, Mapping):
        words = "; ".join(f"{name}: {value}" for name, value in pairs)
        rows.append(
            [f"sample held against {wording.clipped(evidence.get('by', 'it'), 40)}", wording.clipped(words, 200)]
        )
    return rows


def sizes(load: Any) -> list[tuple[str, int]]:
    """(part, bytes) of a checkpoint file, largest first; empty where the load report has none."""
    size = load.get("size")
    if not isinstance(size, dict):
        return []
    parts = [
        (str(name), int(value))
        for name, value in size.items()
        if name != "file" and isinstance(value, int | float) and value > 0
    ]
    rest = int(size.get("file") or 0) - sum(value for _, value in parts)
    if rest > 0.001 * int(size.get("file") or 0):
        parts.append(("container", rest))
    return sorted(parts, key=lambda part: -part[1])


def _paired(contents: Contents, metric_id: str) -> dict[str, list[Any]]:
    """Changes since the previous, the first and the best checkpoint on the same images, with exact McNemar p."""
    rows = contents.outcomes[metric_id]
    changes: dict[str, list[Any]] = {"previous": [], "first": [], "best": []}
    for position in range(len(rows)):
        for name, other in (("previous", position - 1), ("first", 0), ("best", contents.best)):
            changes[name].append(
                None if other is None or other < 0 or other == position else _change(rows[position], rows[other])
            )
    return changes


def _change(here: Any, there: Any) -> list[float] | None:
    if here is None or there is None or not np.array_equal(here[1], there[1]) or len(here[0]) == 0:
        return None
    found = paired_difference(here[0], there[0], draws=DRAWS)
    return [found.effect, *found.ci95, found.p]


def _usage(contents: Contents, position: int) -> list[float] | None:
    """Prototype counts from the fullest to the emptiest, in units of an even share, at most USAGE_BARS of them."""
    arrays = next((contents.artifacts[name][position] for name in contents.of_kind("usage")), None)
    if arrays is None or len(arrays["count"]) == 0 or arrays["count"].sum() == 0:
        return None
    ordered = np.sort(arrays["count"].astype(np.float64))[::-1] / arrays["count"].mean()
    if len(ordered) > USAGE_BARS:
        ordered = np.asarray([part.mean() for part in np.array_split(ordered, USAGE_BARS)])
    return [round(float(value), 2) for value in ordered]


def _named(value: float) -> float | str | None:
    """Finite values as they are, others in words: a missing value and a broken one are not the same."""
    return value if math.isfinite(value) else wording.number(value)


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []
