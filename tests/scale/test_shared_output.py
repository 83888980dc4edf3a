"""Eight commands on one output directory while they are killed, one after the other."""

from pathlib import Path

import pytest

from tests.scale.shared_output import COMMANDS, campaign


@pytest.mark.torture
def test_eight_commands_a_thousand_cells_and_kills(tmp_path: Path) -> None:
    tally = campaign(tmp_path, checkpoints=250, every=60, seed=1)
    assert tally.wrong == []
    assert tally.cells >= 1000
    assert (tally.rewritten, tally.orphans) == (0, 0)
    assert tally.killed >= 1
    assert tally.ended >= COMMANDS
