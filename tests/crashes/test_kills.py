"""Real runs, killed at random moments and resumed."""

from pathlib import Path

import pytest

from tests.crashes.kills import campaign


@pytest.mark.torture
def test_a_thousand_kills(tmp_path: Path) -> None:
    tally = campaign(1000, 1, tmp_path)
    assert tally.wrong == []
    assert (tally.kills, tally.redone, tally.orphans) == (1000, 0, 0)
