"""No two claims of a verdict contradict each other, whatever the witnesses say."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swaveval.convergence import judge
from swaveval.results import Series
from tests.convergence.claims import contradictions
from tests.convergence.simulated import KNN, LINEAR, LOWSHOT, PURITY, VIEWS, series, together

METRICS = (KNN, LINEAR, LOWSHOT, PURITY, VIEWS)
SHAPES = ("flat", "steady", "early", "peak", "jump")


def curve(shape: str, size: float, length: int) -> np.ndarray[Any, np.dtype[Any]]:
    t = np.linspace(0, 1, length) if length > 1 else np.ones(1)
    return {
        "flat": np.zeros(length),
        "steady": size * t,
        "early": size * (1 - np.exp(-5 * t)),
        "peak": size * np.sin(np.pi * t * 0.8) * 1.5,
        "jump": size * (t > 0),
    }[shape]


witness = st.tuples(st.sampled_from(SHAPES), st.sampled_from([-0.3, -0.05, 0.01, 0.03, 0.08, 0.3]))
settled = st.floats(-0.1, 0.15)


@st.composite
def runs(draw: st.DrawFn) -> dict[str, Any]:
    """What makes a run of one to nine checkpoints, by any witnesses, beside any baselines."""
    length, n = draw(st.integers(1, 9)), draw(st.sampled_from([40, 300, 1500]))
    inits, first = draw(st.integers(0 if length > 1 else 1, 3)), draw(st.sampled_from([0, 1, 4]))
    plain, base = draw(st.booleans()), draw(st.sampled_from([0.2, 0.5, 0.9]))
    seen = draw(st.dictionaries(st.sampled_from(METRICS), st.tuples(witness, settled, settled), min_size=1))
    accuracy = {}
    for metric, ((shape, size), untrained, pixels) in seen.items():
        beside = [base + untrained] * inits + [base + pixels]
        accuracy[metric] = np.clip([*(base + curve(shape, size, length)), *beside], 0.02, 0.995).tolist()
    rank = draw(st.sampled_from([None, (100.0, 90.0), (300.0, 2.0), (1.2, 1.1)]))
    return {
        "accuracy": accuracy,
        "n": n,
        "length": length,
        "pixels": plain,
        "seed": draw(st.integers(0, 50)),
        "epochs": [first + place for place in range(length)],
        "values": None if rank is None else {"spectrum.rankme_centred": np.linspace(*rank, length).tolist()},
        "labelled": draw(st.booleans()) or VIEWS not in accuracy,
        "broken": draw(st.sampled_from([0, 0, 0, 2])),
    }


def built(accuracy: dict[str, list[float]], *, n: int, length: int, pixels: bool, seed: int, **more: Any) -> Series:
    made = together(accuracy, n, seed=seed)
    inits = len(next(iter(accuracy.values()))) - length - 1
    return series(
        {metric: rows[:length] for metric, rows in made.items()},
        random={metric: rows[length:-1] for metric, rows in made.items()} if inits else None,
        plain={"pixels": {metric: rows[-1] for metric, rows in made.items()}} if pixels else None,
        **more,
    )


@given(runs())
@settings(max_examples=20, deadline=None)
def test_no_claim_denies_another(run: dict[str, Any]) -> None:
    verdict = judge(built(**run))
    assert contradictions(verdict) == [], verdict.sentence


@pytest.mark.torture
@given(runs())
@settings(max_examples=2000, deadline=None)
def test_no_claim_denies_another_in_many_runs(run: dict[str, Any]) -> None:
    verdict = judge(built(**run))
    assert contradictions(verdict) == [], verdict.sentence


def null_series(seed: int, *, start: str, length: int, n: int) -> Series:
    """Nothing is learned: each witness scatters about its own start, which untrained networks scatter about too."""
    generator, accuracy = np.random.default_rng(seed), {}
    # As many untrained networks as a run has beside it: three where step 0 was not saved.
    inits = {"first checkpoint": 0, "step 0": 2, "random initialisations": 3}[start]
    for metric, level in zip(METRICS, (0.6, 0.65, 0.5, 0.5, 0.3), strict=True):
        jitter, spread = (0.02, 0.03) if metric == PURITY else (0.005, 0.02)
        own = level + spread * generator.standard_normal() + jitter * generator.standard_normal(length)
        accuracy[metric] = np.clip(
            [*own, *(level + spread * generator.standard_normal(inits)), 0.5], 0.02, 0.98
        ).tolist()
    first = 0 if start == "step 0" else 1
    epochs = [first + place for place in range(length)]
    return built(accuracy, n=n, length=length, pixels=False, seed=seed, epochs=epochs)


def alarms(count: int, **how: Any) -> int:
    """In how many of the null series any of the five witnesses is said to show a gain."""
    verdicts = (judge(null_series(seed, **how)) for seed in range(count))
    return sum(any(one.says == "gain" for one in verdict.witnesses) for verdict in verdicts)


def test_five_witnesses_together_alarm_no_more_often_than_one_may() -> None:
    # Of 12 series at 5 % four are expected in two of a thousand.
    assert alarms(12, start="random initialisations", length=3, n=150) <= 3


@pytest.mark.torture
@pytest.mark.parametrize("start", ["step 0", "random initialisations", "first checkpoint"])
@pytest.mark.parametrize("length", [3, 8])
def test_five_witnesses_together_err_in_five_of_a_hundred(start: str, length: int) -> None:
    assert alarms(300, start=start, length=length, n=500) <= 15 + 2 * (300 * 0.05 * 0.95) ** 0.5
