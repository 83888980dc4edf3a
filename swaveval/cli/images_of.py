"""Which images the numbers of the terminal's table are of, and the sentence above it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from swaveval.convergence.wording import listed
from swaveval.results.roles import LOSS, ON_TEST, WITNESSES

if TYPE_CHECKING:
    from swaveval.convergence import Verdict
    from swaveval.results import DataSummary, Series


def images_of(series: "Series", columns: Sequence[tuple[str, str]], verdict: "Verdict") -> str:
    """`kNN and linear: 100 test images; purity: all 400; the sentence: 300 training images …`; empty where all agree.

    Args:
        columns: metrics of the table and what they are called there.
    """
    of: dict[str, list[str]] = {}
    for metric, label in columns:
        if images := _images(series, metric):
            of.setdefault(images, []).append(label)
    said = _images(series, verdict.quality_metric)
    parts = []
    if len({*of, said} - {""}) > 1:
        parts = [f"{listed(labels)}: {images}" for images, labels in of.items()]
        parts += [f"the sentence: {said} unless it says otherwise"] if said else []
    if any(metric == LOSS for metric, _ in columns) and verdict.loss.state != "unknown":
        parts.append(f"{dict(columns)[LOSS]} is computed anew, not that of the log")
    return "; ".join(parts)


def _images(series: "Series", metric: str) -> str:
    """`100 test images`, by how many the metric says that it rests on; empty where it does not say."""
    counts = [m.n for point in series.points if (m := point.metrics.get(metric)) is not None and m.n]
    if not counts:
        return ""
    n, data = max(counts), series.manifest.data
    kind = _kind(metric, n, data)
    return f"all {n:,} images" if kind == "all" else " ".join(filter(None, (f"{n:,}", kind, "images")))


def _kind(metric: str, n: int, data: "DataSummary") -> str:
    """Which images so many are; empty where nobody can tell, as of a sample."""
    if n == data.n_train + data.n_test:
        return "all"
    if data.n_train != data.n_test:
        return {data.n_test: "test", data.n_train: "training"}.get(n, "")
    # Splits of one size are told apart by what the metric is for.
    on_test = {*(one.metric for one in ON_TEST), *(one.confirms for one in WITNESSES)}
    return "test" if metric in on_test else "training" if metric in {one.metric for one in WITNESSES} else ""
