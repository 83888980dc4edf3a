"""Where the time of an evaluation went: seconds by checkpoint and stage, each cell counted once."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from swaveval.results.cell import Cell
from swaveval.results.seconds import OF_BACKBONE, SEARCHES, StageSeconds
from swaveval.results.series import Series

SERIES = "all checkpoints"
EVALUATION = "all images"


@dataclass(frozen=True, slots=True)
class Spent:
    """Of one checkpoint or baseline, or of what all of them share.

    Attributes:
        name: of the checkpoint, `all checkpoints` for what is made of the whole series, `all images` for the rest.
        digest: of the checkpoint; None for the other two.
        stages: `reading`, `forward`, `forward_views`, `storing`, `searches`; of the rest `decoding`, `page`, `figures`;
            each with its seconds.
        evaluators: name → seconds, searches not counted.
    """

    name: str
    digest: str | None
    stages: dict[str, float]
    evaluators: dict[str, float]

    @property
    def total(self) -> float:
        return math.fsum((*self.stages.values(), *self.evaluators.values()))


def spent(series: Series) -> tuple[Spent, ...]:
    """Checkpoints in their order, baselines, the series, the whole; nothing of those of which no time is known.

    Files with the same weights are one: they share their cells.
    """
    seen: set[str | None] = set()
    rows: list[Spent] = []
    for point in (*series.points, *series.baselines):
        if point.record.digest not in seen:
            seen.add(point.record.digest)
            own = [cell for cell in point.cells.values() if cell.key.backbone == point.record.digest]
            rows.append(_of(series, point.record.name, point.record.digest, own))
    rows.append(_of(series, SERIES, None, list(_over_series(series))))
    rows.append(Spent(EVALUATION, None, dict(series.seconds.get("", StageSeconds()).stages), {}))
    return tuple(row for row in rows if row.total > 0)


def _over_series(series: Series) -> Iterator[Cell]:
    """Cells that stand at every checkpoint, once."""
    digests = {point.record.digest for point in (*series.points, *series.baselines)}
    found = {id(cell): cell for point in series.points for cell in point.cells.values()}
    yield from (cell for cell in found.values() if cell.key.backbone not in digests and cell.key.backbone)


def _of(series: Series, name: str, digest: str | None, cells: list[Cell]) -> Spent:
    stages: dict[str, float] = {}
    if digest is not None:
        known = series.seconds.get(digest, StageSeconds()).stages
        stages = {stage: known[stage] for stage in OF_BACKBONE if stage in known}
    evaluators: dict[str, float] = {}
    searching = 0.0
    for cell in cells:
        searched = min(series.seconds.get(cell.key.backbone, StageSeconds()).searches.get(cell.key.evaluator, 0.0),
                       cell.seconds)  # fmt: skip
        searching += searched
        if math.isfinite(cell.seconds):
            evaluators[cell.key.evaluator] = cell.seconds - searched
    if searching:
        stages[SEARCHES] = searching
    return Spent(name, digest, stages, evaluators)


def has_stages(series: Series) -> bool:
    """Whether more is known than what evaluators took, which is all that older results say."""
    return bool(series.seconds)
