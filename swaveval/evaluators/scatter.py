"""How concentrated the true classes are: within-class over between-class scatter."""

from typing import Any

import numpy as np

from swaveval.evaluators import rows
from swaveval.features.features import Features
from swaveval.results import Metric

Array = np.ndarray[Any, np.dtype[Any]]


def scatter(features: Features, labels: Array) -> Metric:
    """tr(S_w)/tr(S_b) of the true classes on L2-normalised features, in two passes: smaller is more concentrated.

    tr(S_w) = Σᵢ ‖uᵢ − μ_yᵢ‖², tr(S_b) = Σ_c n_c ‖μ_c − μ‖².
    """
    kept = np.flatnonzero(labels >= 0)
    label = np.unique(labels[kept], return_inverse=True)[1]
    n = np.bincount(label).astype(np.float64)
    means = np.zeros((len(n), features.dimensions))
    at = 0
    for block in rows.blocks(features, kept):
        np.add.at(means, label[at : at + len(block)], rows.unit(block))
        at += len(block)
    means /= n[:, None]
    centre = (n[:, None] * means).sum(axis=0) / n.sum()
    between = float((n[:, None] * (means - centre) ** 2).sum())
    within, at = 0.0, 0
    for block in rows.blocks(features, kept):
        within += float(((rows.unit(block) - means[label[at : at + len(block)]]) ** 2).sum())
        at += len(block)
    undefined = rows.rounding_only((between + within) / len(kept), float(centre @ centre)) or between == 0
    return Metric(
        id="clusters.scatter",
        value=float("nan") if undefined else within / between,
        unit="ratio",
        better="lower",
        bounds=(0.0, None),
        n=len(kept),
        protocol="within-class over between-class scatter, tr(S_w)/tr(S_b), true classes, L2-normalised features"
        + ("; undefined, as all features are equal up to rounding" if undefined else ""),
    )
