"""How many dimensions the features use: RankMe, α-ReQ, NESum, stable rank, and the spread that collapse removes.

No labels. Bounded memory: the features pass through in blocks, twice (mean, then scatter about it).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from swaveval.evaluators import jackknife
from swaveval.evaluators.contract import Need, Skip, require_finite
from swaveval.evaluators.moments import Moments, measure
from swaveval.evaluators.rows import count, rounding_only, sample, take
from swaveval.evaluators.threads import each, one_thread
from swaveval.features.features import Features
from swaveval.results import Artifact, Metric, Term
from swaveval.results.words import words_of

Array = np.ndarray[Any, np.dtype[Any]]

# RankMe's own constant for float32 (2210.02885, §3.1).
EPSILON = 1e-7
# Multiply-adds of an SVD worth paying for its accuracy: a tenth of a second on one core.
DIRECT_SVD_WORK = 3e8


def effective_rank(values: Array, *, epsilon: float = EPSILON) -> float:
    """exp(−Σ p ln p) with p = values / Σ values + ε (Roy & Vetterli 2007; RankMe 2210.02885 adds ε).

    Args:
        values: shape `(r,)`, non-negative: singular values for RankMe.

    Returns:
        from 1 to r, a little above r for a flat spectrum as ε adds to the entropy; 1 when every value is 0.
    """
    total = values.sum()
    if total == 0:
        return 1.0
    p = values / total + epsilon
    # A single value has p = 1 + ε and would give 1 − ε.
    return max(1.0, float(np.exp(-np.sum(p * np.log(p)))))


@dataclass(frozen=True, slots=True)
class PowerLaw:
    """λ_j ∝ j^−alpha, fitted over j = first…last (counted from 1); alpha is NaN when there was too little to fit."""

    alpha: float
    first: int
    last: int


def power_law(eigenvalues: Array) -> PowerLaw:
    """α-ReQ (Agrawal et al. 2022): the decay of the covariance eigenvalues.

    Weighted least squares of ln λ_j on ln j, weight 1/j, j = 10…100, as in Stringer et al. 2019, whose code it uses.
    Eigenvalues that are rounding error are left out: their decay is that of the arithmetic. When fewer than 20 remain
    the fit starts at j = 1; fewer than 3 give NaN.

    Args:
        eigenvalues: shape `(r,)`, descending, of the centred covariance (singular values would halve α).
    """
    noise = eigenvalues[0] * len(eigenvalues) * np.finfo(np.float64).eps if len(eigenvalues) else 0.0
    last = min(100, int(np.count_nonzero(eigenvalues > noise)))
    first = 10 if last >= 20 else 1
    if last < 3:
        return PowerLaw(float("nan"), first, last)
    j = np.arange(first, last + 1, dtype=np.float64)
    weight = 1 / j
    x, y = np.log(j), np.log(eigenvalues[first - 1 : last])
    x = x - np.average(x, weights=weight)
    return PowerLaw(float(-np.sum(weight * x * y) / np.sum(weight * x * x)), first, last)


def nesum(eigenvalues: Array) -> float:
    """Σ λ / λ₁ (He & Ozay 2022) of covariance eigenvalues, descending; 1 when all are 0."""
    return float(eigenvalues.sum() / eigenvalues[0]) if eigenvalues[0] > 0 else 1.0


def stable_rank(singular: Array) -> float:
    """‖Z‖_F² / σ₁² of descending singular values; 1 when all are 0."""
    return float(np.sum((singular / singular[0]) ** 2)) if singular[0] > 0 else 1.0


def collapse_std(moments: Moments) -> float:
    """Mean over dimensions of std(z/‖z‖), times √d: 1 = isotropic, 0 = collapsed (SimSiam 2011.10566, §4.1).

    The standard deviation has n − 1 below, as `lightly.utils.debug.std_of_l2_normalized`, which leaves √d out.
    """
    variance = np.maximum(moments.unit_squares, 0) / (moments.n - 1)
    return float(np.sqrt(variance).mean() * np.sqrt(len(variance)))


@dataclass(frozen=True, eq=False)
class Values:
    """The spectra of one set of rows.

    Attributes:
        singular: shape `(r,)`, r = min(n, d), descending: of Z as it is.
        centred: shape `(r,)`, descending: of Z less its mean; exact zeros for constant features.
        n: rows.
    """

    singular: Array
    centred: Array
    n: int

    @property
    def eigenvalues(self) -> Array:
        """Of the centred covariance, descending."""
        return self.centred**2 / (self.n - 1)


def spectra(moments: Moments) -> Values:
    """Singular values as square roots of the eigenvalues of the d×d Gram matrices, in float64.

    The Gram matrix loses singular values below √ε₆₄ ≈ 1.5e-8 of the largest. Features in float32 carry none below
    6e-8, and RankMe's own ε hides what is below 1e-7.
    """
    mean, n = moments.mean, moments.n
    # Adding the mean back is exact; subtracting it from an uncentred Gram matrix would cancel.
    return _from_squares(
        np.linalg.eigvalsh(moments.scatter + n * np.outer(mean, mean)), np.linalg.eigvalsh(moments.scatter), moments
    )


def direct_spectra(rows: Array, moments: Moments) -> Values:
    """Singular values of rows of shape `(n, d)`, float64, by SVD: exact also for the small ones."""
    with one_thread():
        singular, centred = (np.linalg.svd(z, compute_uv=False) for z in (rows, rows - moments.mean))
    return _from_squares(singular[::-1] ** 2, centred[::-1] ** 2, moments)


def narrow_spectra(rows: Array, moments: Moments) -> Values:
    """As `spectra`, of fewer rows than dimensions: by the n×n products of the rows, of shape `(n, d)`, float64."""

    def squares(z: Array) -> Array:
        return np.asarray(np.linalg.eigvalsh(z @ z.T))

    uncentred, centred = each(squares, [rows, rows - moments.mean])
    return _from_squares(uncentred, centred, moments)


def _narrow_without(rows: Array, groups: Sequence[Array], left_out: Sequence[Moments]) -> list[Values]:
    """`narrow_spectra` without each group of rows; none where none is left out."""
    given = list(zip(groups, left_out, strict=False))
    return each(lambda one: narrow_spectra(np.delete(rows, one[0], axis=0), one[1]), given)


def _from_squares(uncentred: Array, centred: Array, moments: Moments) -> Values:
    """Values from ascending eigenvalues of the two Gram matrices."""
    rank = min(moments.n, len(moments.mean))
    singular, spread = (np.sqrt(np.maximum(squares[::-1][:rank], 0)) for squares in (uncentred, centred))
    if rounding_only(float(np.trace(moments.scatter)) / moments.n, float(moments.mean @ moments.mean)):
        spread = np.zeros_like(spread)
    return Values(singular, spread, moments.n)


@dataclass(frozen=True)
class Spectrum:
    """RankMe and its relatives on the features of both splits.

    Attributes:
        max_images: the rank grows with n, so n is bounded and part of the protocol; 25,600 is RankMe's own.
        intervals_up_to: dimensions up to which intervals are computed: they cost ten more eigendecompositions.
        groups: of the jackknife.
    """

    max_images: int = 25_600
    intervals_up_to: int = 1024
    groups: int = 10

    name: ClassVar[str] = "spectrum"
    version: ClassVar[int] = 2
    needs: ClassVar[frozenset[Need]] = frozenset()
    terms: ClassVar[Mapping[str, Term]] = words_of("spectrum")

    def __post_init__(self) -> None:
        if min(self.max_images, self.groups) < 2:
            raise ValueError("spectrum: max_images and groups must be at least 2")

    def __call__(self, features: Features, *, seed: int) -> Iterable[Metric | Artifact]:
        rows = sample(features, self.max_images, seed=seed)
        if len(rows) < 2:
            raise Skip(f"needs at least two images to have a spread; there are {len(rows)}")
        require_finite(features)
        return list(self._measure(features, rows, seed))

    def _measure(self, features: Features, rows: Array, seed: int) -> Iterator[Metric | Artifact]:
        n, d = len(rows), features.dimensions
        # Three images per group is the least whose absence says something about the spread.
        parts = self.groups if d <= self.intervals_up_to and n >= 3 * self.groups else 1
        groups = jackknife.groups(n, parts, seed=seed)
        moments, left_out = measure(features, [rows[group] for group in groups])
        direct = n * d * min(n, d) <= DIRECT_SVD_WORK
        if direct or n < d:
            whole = take(features, rows).astype(np.float64)
            values = (direct_spectra if direct else narrow_spectra)(whole, moments)
            others = each(spectra, left_out) if n >= d else _narrow_without(whole, groups, left_out)
        else:
            values, *others = each(spectra, [moments, *left_out])
        found = statistics(values, moments)
        repeated = [statistics(other, part) for other, part in zip(others, left_out, strict=True)]
        method = "SVD" if direct else "eigenvalues of the Gram matrix"
        source = f"backbone features, {n} images{_sampled(features, n)}, {d} dimensions, {method} in float64"
        for about in _descriptions(values):
            name = about.id.removeprefix("spectrum.")
            yield replace(
                about,
                value=found[name],
                ci95=jackknife.interval(found[name], [part[name] for part in repeated], bounds=about.bounds),
                n=n,
                protocol=f"{about.protocol}; {source}",
            )
        yield Artifact("spectrum.eigenvalues", {"values": values.eigenvalues, "singular_values": values.singular})


def statistics(values: Values, moments: Moments) -> dict[str, float]:
    """Every metric by the last part of its id."""
    return {
        "rankme": effective_rank(values.singular),
        "rankme_centred": effective_rank(values.centred),
        "alpha": power_law(values.eigenvalues).alpha,
        "nesum": nesum(values.eigenvalues),
        "stable_rank": stable_rank(values.singular),
        "std": collapse_std(moments),
    }


def _descriptions(values: Values) -> Iterator[Metric]:
    """The metrics of `statistics` without their values."""
    n, r = values.n, len(values.singular)
    rank = (1.0, float(r))
    # ε adds to the entropy: the largest value is that of a flat spectrum with ε, a little above r.
    with_epsilon = (1.0, max(float(r), effective_rank(np.ones(r))))
    fit = power_law(values.eigenvalues)
    fitted = f"log-log fit over eigenvalues {fit.first} to {fit.last} of the covariance, weight 1/j"
    if np.isnan(fit.alpha):
        fitted = f"undefined: {fit.last} of the covariance's eigenvalues are above rounding error, a fit needs 3"
    text = f"exp(entropy) of the singular values, eps={EPSILON:g}"
    yield Metric("spectrum.rankme", np.nan, "dimensions", "higher", with_epsilon, protocol=f"uncentred, {text}")
    yield Metric("spectrum.rankme_centred", np.nan, "dimensions", "higher", with_epsilon, protocol=f"centred, {text}")
    yield Metric("spectrum.alpha", np.nan, "exponent", "neither", protocol=fitted)
    yield Metric(
        "spectrum.nesum", np.nan, "dimensions", "higher", rank, protocol="sum of covariance eigenvalues / largest"
    )
    yield Metric("spectrum.stable_rank", np.nan, "dimensions", "higher", rank, protocol="uncentred, |Z|_F^2 / s1^2")
    # Σ over dimensions of the variance of unit vectors is at most n/(n − 1).
    most = float(np.sqrt(n / (n - 1)))
    yield Metric(
        "spectrum.std",
        np.nan,
        "ratio",
        "higher",
        (0.0, most),
        protocol="std of z/|z|, mean of dimensions, times sqrt(d)",
    )


def _sampled(features: Features, n: int) -> str:
    total = count(features)
    return " (train and test)" if n == total else f" (a seeded sample of {total}, train and test)"
