"""Which images the numbers of the terminal's table are of, and the sentence above it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from swaveval.convergence.wording import listed
from swaveval.results.images_behind import grouped_by_images, images_behind
from swaveval.results.roles import LOSS

if TYPE_CHECKING:
    from swaveval.convergence import Verdict
    from swaveval.results import Series


def images_of(series: "Series", columns: Sequence[tuple[str, str]], verdict: "Verdict") -> str:
    """`kNN and linear: 100 test images; purity: all 400 images; the sentence: …`; empty where all agree.

    Args:
        columns: metrics of the table and what they are called there.
    """
    of = grouped_by_images(series, columns)
    said = images_behind(series, verdict.quality_metric)
    parts = []
    if len({*of, said} - {""}) > 1:
        parts = [f"{listed(labels)}: {images}" for images, labels in of.items()]
        parts += [f"the sentence: {said} unless it says otherwise"] if said else []
    if any(metric == LOSS for metric, _ in columns) and verdict.loss.state != "unknown":
        parts.append(f"{dict(columns)[LOSS]} is computed anew, not that of the log")
    return "; ".join(parts)
