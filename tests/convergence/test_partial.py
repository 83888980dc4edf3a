"""A verdict from some of the checkpoints says from how many, whatever else stands in its brackets."""

from dataclasses import replace

import numpy as np
import pytest

from swaveval.convergence import judge
from swaveval.convergence.partial import goes_on, missing
from swaveval.results import CheckpointRecord, Series
from swaveval.results.series import Lost
from tests.convergence.simulated import KNN, series


def reached(waiting: int, **more: object) -> Series:
    """Three of a run that learned; as many further ones were not reached."""
    chance = np.random.default_rng(0)
    right = [chance.random(800) < share for share in (0.3, 0.6, 0.9)]
    whole = series({KNN: np.stack(right)})
    late = tuple(
        CheckpointRecord(f"late {n}", digest=f"late {n}", state="waiting", epoch=9.0 + n) for n in range(waiting)
    )
    manifest = replace(whole.manifest, checkpoints=(*whole.manifest.checkpoints, *late), **more)  # type: ignore[arg-type]
    return replace(whole, manifest=manifest)


def test_the_word_and_the_end_of_the_sentence() -> None:
    whole, some = judge(reached(0)), judge(reached(4))
    assert "checkpoints)" not in whole.sentence.split(":")[0]
    assert some.verdict == whole.verdict
    assert some.sentence.split(":")[0].endswith("(from 3 of 7 checkpoints)")
    assert some.sentence.endswith(" The other 4 are not evaluated yet.")
    assert judge(reached(1)).sentence.endswith(" The other one is not evaluated yet.")


def test_beside_results_that_are_lost() -> None:
    lost = replace(reached(2), lost=(Lost("linear", "epoch=1.ckpt", "missing"),))
    said = judge(lost).sentence
    assert "(from 3 of 5 checkpoints; from incomplete results)" in said
    assert said.endswith("The other 2 are not evaluated yet.")


def test_what_was_not_reached() -> None:
    assert missing(reached(4)) == (), "without a budget nothing was left out for want of time"
    pixels = CheckpointRecord("raw pixels", kind="baseline", baseline="pixels", digest="p", state="waiting")
    some = reached(2, budget_seconds=60.0, evaluators=(("knn", 1, {}), ("umap", 1, {}), ("mine", 1, {})),
                   cell_names={"c": ("umap", "all checkpoints")})  # fmt: skip
    some = replace(some, manifest=replace(some.manifest, checkpoints=(*some.manifest.checkpoints, pixels)))
    assert missing(some) == ("2 of 5 checkpoints", "raw pixels", "umap")


@pytest.mark.parametrize(
    ("command", "said"),
    [("swaveval run -c x --budget 9m", "swaveval run -c x"), ("swaveval.evaluate", ""), ("", "")],
)
def test_what_goes_on(command: str, said: str) -> None:
    assert goes_on(replace(reached(1).manifest, command=command)) == said
