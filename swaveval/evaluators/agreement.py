"""The agreement of a clustering with labels as metrics with intervals."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from swaveval.evaluators import contingency, jackknife
from swaveval.evaluators.intervals import effective, student, wilson, wilson_share
from swaveval.results import Metric

Array = np.ndarray[Any, np.dtype[Any]]


def agreement(cluster: Array, label: Array, *, protocol: str, groups: int, seed: int) -> Iterator[Metric]:
    """`clusters.purity`, `.nmi`, `.ari`, `.ami`, and `.hungarian` where there are as many clusters as classes.

    All but the last have jackknife intervals for other samples of n images at the same clustering. The bootstrap will
    not do: purity and mutual information are biased upwards on finite samples, and a resample is biased twice.

    Args:
        cluster, label: shape `(n,)`, int, labels 0…C-1 all present.
        protocol: how the clustering came about.
        groups: images are left out in so many groups.
        seed: of the groups.
    """
    table = contingency.table(cluster, label)
    n = len(label)
    without = contingency.left_out(table, cluster, label, jackknife.groups(n, min(n, groups), seed=seed))
    how = f"{protocol}; interval over other samples of as many images at this clustering, by jackknife"
    purity = float(contingency.purity(table))
    error = jackknife.standard_error(contingency.purity(without).tolist())
    yield Metric(
        id="clusters.purity",
        value=purity,
        bounds=(0.0, 1.0),
        ci95=wilson_share(purity, effective(purity, n, error)),
        n=n,
        protocol=how,
    )
    # Chance hardly changes when a fiftieth of the images is left out, and computing it costs more than all the rest.
    expected = contingency.expected_information(table)
    scores = {
        "nmi": (contingency.nmi(table), contingency.nmi(without), (0.0, 1.0)),
        "ari": (contingency.ari(table), contingency.ari(without), (-1.0, 1.0)),
        "ami": (contingency.ami(table, expected), contingency.ami(without, expected), (-1.0, 1.0)),
    }
    for name, (value, others, bounds) in scores.items():
        yield Metric(
            id=f"clusters.{name}",
            value=float(value),
            unit="ratio",
            bounds=bounds,
            ci95=jackknife.interval(float(value), others.tolist(), bounds=bounds),
            n=n,
            protocol=how,
        )
    if len(np.unique(cluster)) == int(label.max()) + 1:
        hits = contingency.matched(table)
        yield Metric(
            id="clusters.hungarian",
            value=hits / n,
            bounds=(0.0, 1.0),
            ci95=wilson(hits, n),
            n=n,
            protocol=f"{protocol}; best one-to-one matching of clusters with classes, Wilson's interval given it",
        )


def shuffled_purity(cluster: Array, label: Array, *, protocol: str, shuffles: int, seed: int) -> Metric:
    """Purity when the labels are dealt out at random: what clusters of these sizes reach by chance."""
    draw = np.random.default_rng([seed, len(label)])
    shuffled = (contingency.table(cluster, draw.permutation(label)) for _ in range(shuffles))
    values = np.asarray([float(contingency.purity(table)) for table in shuffled])
    return Metric(
        id="clusters.purity_shuffled",
        value=float(values.mean()),
        better="neither",
        bounds=(0.0, 1.0),
        ci95=student(values, bounds=(0.0, 1.0)),
        n=len(label),
        protocol=f"{protocol}; mean purity under {shuffles} seeded shuffles of the labels",
    )
