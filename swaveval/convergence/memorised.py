"""Have the labels of the training images been learned by heart?

A network that was trained with labels tells its own training images apart by them, and every witness of the training
images rises, whatever it would do on others. Where there are test images they say so.
"""

from collections.abc import Sequence

import numpy as np
from scipy.stats import norm

from swaveval.convergence.quality import Quality, read
from swaveval.convergence.start import gain_over_start
from swaveval.convergence.witnesses import Heard
from swaveval.convergence.wording import points
from swaveval.results import Series

# The gain on the training images exceeds that on the test images by so much, beyond chance at this level, and is mostly
# that: between two drawn splits of one set it differs by the images' noise alone.
EXCESS, SURE = 0.05, 0.001


def memorised(series: Series, heard: Sequence[Heard]) -> str:
    """The clause that says so, with its numbers; empty where the labels were not memorised, or nobody can tell."""
    for one in heard:
        test = read(series, one.witness.confirms) if one.witness.confirms else None
        if test is None or test.length != one.quality.length:
            continue
        here, there = _gain(one.quality), _gain(test)
        excess, error = here[0] - there[0], float(np.hypot(here[1], there[1]))
        certain = error == 0 or norm.sf((excess - EXCESS) / error) <= SURE
        if excess > EXCESS and certain and there[0] < here[0] / 2:
            verb = "rose" if there[0] >= 0 else "fell"
            return (
                f"the labels of the training images were learned by heart: {one.quality.name} of them rose "
                f"{points(here[0])} points, that of the {test.n:,} test images {verb} {points(there[0])}, so the test "
                "images decide"
            )
    return ""


def _gain(measured: Quality) -> tuple[float, float]:
    """Last checkpoint minus the start, and its standard error over images."""
    found = gain_over_start(measured, [measured.length - 1])
    return found.effect, float(np.sqrt(found.image_variance))
