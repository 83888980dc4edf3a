"""Any file below an output damaged: the next run notices or it does no harm. Shortened; in full by `make torture`."""

from pathlib import Path

import pytest

from tests.crashes.damage import campaign


def test_a_short_campaign(tmp_path: Path) -> None:
    tally = campaign(14, 0, tmp_path, ("knn", "spectrum"))
    assert tally.wrong == []
    assert len(tally.kinds) >= 10
    assert tally.recomputed


@pytest.mark.torture
def test_the_full_campaign(tmp_path: Path) -> None:
    tally = campaign(1000, 1, tmp_path)
    assert tally.wrong == []
    assert tally.cases >= 1000
    assert {"figures/*.png", "figures/*.svg"} < set(tally.kinds)
