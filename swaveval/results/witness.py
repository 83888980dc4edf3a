"""What is known beforehand of a metric that the verdict hears."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """A metric the verdict hears. Numbers are fractions: 0.01 is one percentage point.

    Attributes:
        metric: its id.
        confirms: the same asked of the test images, or empty.
        weight: its share of the family's error, relative to the others' (see `family`).
        gain: a gain of this size would matter; the verdict denies learning only where it is excluded.
        plateau: a change of less than this over the last third is none; None where the metric scatters too much to
            tell.
        jitter: standard deviation between neighbouring checkpoints that is assumed before any is seen.
        spread: the same between untrained networks.
        margin: a gain has to be larger than this to count.
        labelled: whether it rests on labels.
        chooses: whether a checkpoint may be chosen by it: it looks at no test label.
    """

    metric: str
    confirms: str = ""
    weight: float = 0.05
    gain: float = 0.02
    plateau: float | None = 0.01
    jitter: float = 0.005
    spread: float = 0.02
    margin: float = 0.0
    labelled: bool = True
    chooses: bool = True
