"""What commands say of results that are missing or damaged."""

import pytest
import typer

from swaveval.cli.lost import leave_if_lost
from swaveval.errors import DAMAGED


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        (["knn on a"], "1 stored result is missing or damaged, and left out here: knn on a; it"),
        (["knn on a", "dse"], "2 stored results are missing or damaged, and left out here: knn on a, dse; them"),
        ([str(place) for place in range(1200)], "0, 1, 2, 3, 4, 5, 6, 7, and 1,192 more; them"),
    ],
)
def test_one_and_several_are_spoken_of_as_such(lost: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as left:
        leave_if_lost(lost)
    assert left.value.exit_code == DAMAGED
    told, _, them = said.rpartition(" ")
    assert f"{told} `swaveval run` computes {them} again\n" in capsys.readouterr().err


def test_a_whole_store_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    leave_if_lost([])
    assert capsys.readouterr() == ("", "")
