"""Series with known truth, built in memory: outcomes from a latent-difficulty model."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.stats import norm

from swaveval.convergence import quality
from swaveval.convergence.collapse import Sign
from swaveval.convergence.decision import Judged
from swaveval.convergence.findings import Findings
from swaveval.convergence.hearing import Hearing, hear
from swaveval.convergence.noise import Estimate
from swaveval.convergence.verdict import VerdictState
from swaveval.convergence.witnesses import Heard
from swaveval.results import (
    Artifact,
    BaselineKind,
    CheckpointRecord,
    DataSummary,
    LossCurve,
    Metric,
    Point,
    RunManifest,
    Series,
)
from swaveval.results.roles import WITNESSES
from swaveval.results.witness import Witness

Array = np.ndarray[Any, np.dtype[Any]]

KNN = "knn.loo_top1"
LINEAR, LOWSHOT, PURITY = (witness.metric for witness in WITNESSES[1:])
VIEWS = "views.retrieval"
ASKED = WITNESSES[0]


def outcomes(accuracy: Sequence[float] | Array, n: int, *, seed: int, correlation: float = 0.8) -> Array:
    """Bool `(T, n)`: image i is solved by checkpoint t when √ρ·z_i + √(1-ρ)·e_it < the quantile of its accuracy.

    z_i is the image's own difficulty, so errors are correlated between checkpoints with latent correlation ρ.
    """
    generator = np.random.default_rng(seed)
    difficulty = generator.standard_normal(n)
    own = generator.standard_normal((len(accuracy), n))
    latent = np.sqrt(correlation) * difficulty + np.sqrt(1 - correlation) * own
    return latent < norm.ppf(np.asarray(accuracy))[:, None]


def together(
    accuracy: Mapping[str, Sequence[float]], n: int, *, seed: int, correlation: float = 0.8, shared: float = 0.6
) -> dict[str, Array]:
    """Outcomes of several metrics on the same images: `shared` of an image's difficulty is that of every metric.

    Of low-shot accuracy they are shares of 10 draws.
    """
    generator = np.random.default_rng(seed)
    common = generator.standard_normal(n)
    found = {}
    for metric, row in accuracy.items():
        difficulty = np.sqrt(shared) * common + np.sqrt(1 - shared) * generator.standard_normal(n)
        draws = 10 if metric == LOWSHOT else 1
        own = generator.standard_normal((draws, len(row), n))
        latent = np.sqrt(correlation) * difficulty + np.sqrt(1 - correlation) * own
        solved = latent < norm.ppf(np.asarray(row))[:, None]
        found[metric] = solved.mean(axis=0) if draws > 1 else solved[0]
    return found


def series(
    correct: Mapping[str, Array],
    *,
    random: Mapping[str, Array] | None = None,
    plain: Mapping[BaselineKind, Mapping[str, Array]] | None = None,
    epochs: Sequence[float] | None = None,
    values: Mapping[str, Sequence[float]] | None = None,
    loss: LossCurve | None = None,
    hyperparameters: Mapping[str, Any] | None = None,
    labelled: bool = True,
    broken: int = 0,
) -> Series:
    """A series from outcome matrices by metric id.

    Args:
        correct: metric id to bool `(T, n)`, or float of shares. random: the same for random initialisations, `(m, n)`;
            plain: for raw pixels and the like, `(n,)`.
        epochs: of the T checkpoints; 0, 1, 2 … by default (so the first is untrained).
        values: further metric values per checkpoint. broken: checkpoints with NaN weights after the last.
    """
    length = len(next(iter(correct.values())))
    epochs = list(range(length)) if epochs is None else list(epochs)
    records = [CheckpointRecord(f"epoch={e:g}.ckpt", digest=f"c{i}", epoch=e) for i, e in enumerate(epochs)]
    lost = [
        CheckpointRecord(
            f"epoch={epochs[-1] + 1 + i:g}.ckpt", state="refused", epoch=epochs[-1] + 1 + i, load={"nonfinite": 10}
        )
        for i in range(broken)
    ]
    inits = 0 if not random else len(next(iter(random.values())))
    baselines = [
        CheckpointRecord(f"random init, seed {i}", kind="baseline", baseline="random", seed=i, digest=f"r{i}")
        for i in range(inits)
    ]
    beside = [CheckpointRecord(kind, kind="baseline", baseline=kind, digest=f"plain {kind}") for kind in plain or {}]
    arrays: dict[tuple[str, str], Artifact] = {}
    metrics: dict[str, dict[str, Metric]] = {}
    tables = [(correct, records), (random or {}, baselines)]
    tables += [
        ({m: [row] for m, row in table.items()}, [owner])
        for owner, table in zip(beside, (plain or {}).values(), strict=True)
    ]
    for table, owners in tables:
        for metric, rows in table.items():
            for record, row in zip(owners, rows, strict=True):
                digest = str(record.digest)
                index = np.arange(len(row), dtype=np.int32)
                said = "correct" if row.dtype == np.bool_ else "share"
                arrays[(f"{metric}.outcomes", digest)] = Artifact(f"{metric}.outcomes", {said: row, "index": index})
                metrics.setdefault(digest, {})[metric] = Metric(metric, float(row.mean()), n=len(row))
    for metric, numbers in (values or {}).items():
        for record, number in zip(records, numbers, strict=True):
            metrics.setdefault(str(record.digest), {})[metric] = Metric(metric, number, unit="ratio")
    data = DataSummary(name="simulated", path="", fingerprint="f", n_train=0, n_test=0, labelled=labelled)
    manifest = RunManifest(
        name="simulated",
        data=data,
        checkpoints=(*records, *lost, *baselines, *beside),
        loss=loss,
        hyperparameters=hyperparameters or {},
    )
    return Series(
        manifest=manifest,
        points=tuple(Point(record, metrics.get(str(record.digest), {})) for record in records),
        baselines=tuple(Point(record, metrics.get(str(record.digest), {})) for record in (*baselines, *beside)),
        arrays=arrays,
    )


def measured(
    accuracy: Sequence[float],
    *,
    n: int = 800,
    seed: int = 0,
    first: float = 0.0,
    random: Sequence[float] | None = None,
) -> quality.Quality:
    """Leave-one-out kNN of a run with checkpoints at epochs `first`, `first` + 1, …, and of random initialisations."""
    together = outcomes([*accuracy, *(random or [])], n, seed=seed)
    correct, inits = together[: len(accuracy)], together[len(accuracy) :]
    run = series(
        {KNN: correct},
        random={KNN: inits} if random else None,
        epochs=[first + place for place in range(len(accuracy))],
    )
    found = quality.read(run, KNN)
    assert found is not None
    return found


def image_variance(quality: quality.Quality, weights: Sequence[float]) -> float:
    """Of a linear combination of the rows' accuracies: that of its values per image, over n."""
    each = np.asarray(weights) @ quality.correct.astype(float)
    return float(np.var(each, ddof=1)) / quality.n


NOTHING = series({"other.metric": np.ones((1, 1), dtype=np.bool_)})


def heard(measured: quality.Quality, *, witness: Witness = ASKED, run: Series = NOTHING) -> Hearing:
    """One witness alone, its questions corrected; `run` holds what confirms it."""
    (found,) = hear(run, [Heard(witness, measured)], still=False, seed=0)
    return found


def hearing(measured: quality.Quality, findings: Findings, *, witness: Witness = ASKED) -> Hearing:
    """A witness with findings made up."""
    return Hearing(witness, measured, findings)


def decided(
    state: VerdictState, *hearings: Hearing, signs: tuple[Sign, ...] = (), moved: float | None = None
) -> Judged:
    """A word and what it rests on, made up."""
    return Judged(state, hearings, signs, moved, None)


def case(**changes: Any) -> Findings:
    """Findings of a run about which nothing can be said, with some of them changed."""
    nothing = {"gain_p_corrected": 1.0, "loss_p_corrected": 1.0, "fall_p_corrected": 1.0, "rise_p_corrected": 1.0}
    known = {"gain": Estimate(0.03, 0.02**2, 0.0), "late": Estimate(0.03, 0.02**2, 0.0), "flat_p": 1.0, "none_p": 1.0}
    passed = {"end_above": True, "above_p": 0.0, "above_p_corrected": 0.0, "unchanged": False}
    found = heard(measured([0.3, 0.5, 0.6])).findings
    return replace(found, **{**nothing, **known, **passed, **changes})


GAINED = {"gain_p_corrected": 0.001, "gain": Estimate(0.3, 1e-4, 0.0), "late": Estimate(0.3, 1e-4, 0.0)}
LOST = {"loss_p_corrected": 0.001, "gain": Estimate(-0.3, 1e-4, 0.0)}
