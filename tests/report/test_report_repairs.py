"""The page says how many stored results were found damaged or missing and computed again, and when."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from swaveval.convergence.verdict import Verdict
from swaveval.report.contents import gather
from swaveval.report.provenance import made_by
from swaveval.results import Series

Evaluated = Callable[..., tuple[Series, Verdict]]
NAMES = tuple(f"{number:032x}" for number in range(30))


@pytest.mark.parametrize(
    "days, said, shown",
    [
        ([], None, 0),
        (["2026-11-27"], "1 stored result, computed again on 2026-11-27", 1),
        (
            ["2026-11-27", "2026-11-25", "2026-11-27"],
            "3 stored results, computed again on 2026-11-25 and other days up to 2026-11-27",
            3,
        ),
        (["2026-11-27"] * 30, "30 stored results, computed again on 2026-11-27", 21),
    ],
)
def test_the_count_and_the_days(evaluated: Evaluated, days: list[str], said: str | None, shown: int) -> None:
    series, verdict = evaluated()
    manifest = replace(
        series.manifest,
        repaired=dict(zip(NAMES, days, strict=False)),
        cell_names={**series.manifest.cell_names, NAMES[0]: ("knn", "epoch=1.ckpt")},
    )
    rows = [
        row
        for row in made_by(gather(replace(series, manifest=manifest), verdict))
        if row.name == "found damaged or missing"
    ]
    assert [row.value for row in rows] == ([] if said is None else [said])
    if rows:
        assert rows[0].items[0] == "knn on epoch=1.ckpt"
        assert len(rows[0].items) == shown
