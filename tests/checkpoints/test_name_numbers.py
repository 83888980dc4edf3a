"""A number in a name is the number that was written there, or none: never its first digits."""

import pytest

from swaveval.checkpoints.arrangement import as_given
from swaveval.checkpoints.names import read_name
from swaveval.results import CheckpointRecord

THOUSAND = ("1,000", "1'000", "1’000", "1\u2009000", "1\u202f000", "1 000", "1_000", "1e3", "1k", "1 k", "1,0k")


@pytest.mark.parametrize("number", THOUSAND)
@pytest.mark.parametrize("form", ["step {}", "step={}.ckpt", "iter: {}", "epoch=3-step={}.ckpt"])
def test_a_step_with_a_separator(form: str, number: str) -> None:
    assert read_name(form.format(number)).step == 1000


@pytest.mark.parametrize(
    ("name", "epoch", "step"),
    [
        ("step_1,000.pth", None, 1000),
        ("step 1,000,000", None, 1_000_000),
        ("step 1.000.000", None, 1_000_000),
        ("step 1,5k", None, 1500),
        ("epoch 1,200", 1200, None),
        ("epoch 1,5", 1.5, None),
        ("epoch=3,step=40", 3, 40),
        ("epoch_5_100", 5, None),
        ("epoch -1", -1, None),
        ("epoch: -1", -1, None),
        ("epoch - 1", 1, None),
        ("step -1", None, -1),
    ],
)
def test_what_is_written_is_read(name: str, epoch: float | None, step: int | None) -> None:
    assert (read_name(name).epoch, read_name(name).step) == (epoch, step)


@pytest.mark.parametrize(
    "name",
    ["step_1_000.pth", "step-1_000", "step1_000", "1_000steps", "step 12,34", "step 1,000.5", "step 1,2,3", "step ²"],
)
def test_what_has_two_readings_states_no_step(name: str) -> None:
    assert read_name(name).step is None


@pytest.mark.parametrize("number", THOUSAND)
def test_given_networks_stay_in_their_order(number: str) -> None:
    """`step 1,000` was step 1: the series ran backwards, and a learning run was not learning."""
    names = (f"step {number}", "step 200")
    given = [CheckpointRecord(name, digest=name, step=read_name(name).step) for name in names]
    assert [record.step for record in as_given(given).records] == [200, 1000]
