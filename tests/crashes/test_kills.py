"""Real runs, killed at random moments and resumed."""

from pathlib import Path

import pytest

from tests.crashes.kills import FORKED, Tally, campaign


def check(tally: Tally) -> None:
    assert tally.wrong == []
    assert (tally.redone, tally.orphans) == (0, 0)
    assert max(tally.in_flight) <= 2


@pytest.mark.torture  # test_signals kills once every day
def test_a_few_kills(tmp_path: Path) -> None:
    tally = campaign(3, 2, tmp_path, own=False)
    check(tally)
    assert tally.kills == {FORKED: 3}
    assert tally.units
    assert max(tally.in_flight) <= 1


@pytest.mark.torture
def test_a_thousand_kills(tmp_path: Path) -> None:
    tally = campaign(1000, 1, tmp_path)
    check(tally)
    assert tally.kills.total() == 1000
    assert len(tally.kills) == 4
