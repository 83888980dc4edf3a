"""Did training change the features at all, or only what BatchNorm remembers of the data?

A network as it is initialised has BatchNorm statistics that fit no data. The first steps of any training, at any
learning rate, replace them: on digits this alone moved kNN by three to eight points between step 0 and the first
checkpoint of runs whose weights moved by 0.02 %. A rise that is over at the first checkpoint is therefore no proof of
learning.
"""

import numpy as np

from swaveval.convergence.noise import contrast
from swaveval.convergence.quality import Quality
from swaveval.convergence.rise import rise
from swaveval.convergence.thresholds import ALPHA
from swaveval.results import Series
from swaveval.results.roles import MOVED

# Weights that moved by less than this over the whole run, relative to their norm, did not train.
STILL = 0.005
# A rise above the untrained network that BatchNorm's statistics alone would not explain.
BEYOND_STATISTICS = 0.10


def path_length(series: Series) -> float | None:
    """Sum over checkpoints of ‖w(t) − w(t−1)‖ / ‖w(t−1)‖ of the backbone's weights; None where it was not measured.

    Of files that all hold the same weights there is nothing to measure: 0.
    """
    weights = {point.record.load.get("backbone_digest") or point.record.digest for point in series.points}
    if len(series.points) > 1 and len(weights) == 1:
        return 0.0
    values = series.values(MOVED)
    finite = values[np.isfinite(values)]
    return float(finite.sum()) if len(finite) else None


def beyond_statistics(quality: Quality, *, seed: int) -> bool:
    """Whether the rise is more than BatchNorm's statistics explain.

    It is when the last checkpoint is ten points above the start, or significantly above the first trained
    checkpoint, or quality rises along the checkpoints since then.
    """
    last = quality.length - 1
    start = float(np.mean(quality.values[list(quality.start_rows)]))
    if float(quality.values[last]) - start > BEYOND_STATISTICS:
        return True
    first = 1 if quality.untrained_first else 0
    if last <= first:
        return quality.start == "first checkpoint"
    weights = np.zeros(len(quality.values))
    weights[last], weights[first] = 1.0, -1.0
    since = contrast(quality.values, weights, quality.noise, weights)
    risen = rise(quality.correct[first : quality.length], first=0, seed=seed, jitter=quality.jitter)
    rises = 1.0 if risen is None else max(risen.order_p, risen.images_p)
    return min(since.p_above(), rises) <= ALPHA
