"""Damaged and hostile files: no code executed, no wrong weights, no abort. Shortened; in full by `make torture`."""

import pytest
from campaign import Tally, campaign
from hostile_files import KINDS

# Seconds each (by the first the reading process is stopped at its processor limit): the short campaign leaves them out.
SLOW = {"2^60 leaves as a dict key", "a million memo references", "ten thousand blocks"}


def check(tallies: list[Tally]) -> None:
    wrong = [f"{tally.name}: {entry}" for tally in tallies for entry in tally.wrong]
    assert not wrong, "\n".join(wrong)
    by_name = {tally.name: tally.states for tally in tallies}
    assert set(by_name["truncations"]) == {"corrupt"}
    assert by_name["single-bit flips"]["corrupt"] > by_name["single-bit flips"]["ready"]


def test_a_short_campaign() -> None:
    check(campaign(truncations=3, flips=10, pages=3, kinds=tuple(kind for kind in KINDS if kind.name not in SLOW)))


@pytest.mark.torture
def test_the_full_campaign() -> None:
    tallies = campaign(truncations=2000, flips=2000, pages=1000)
    check(tallies)
    assert len(KINDS) >= 60
