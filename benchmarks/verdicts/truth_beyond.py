"""What a probe with many labels cannot tell of a run: whether its features are gone, and whether few labels differ.

The rule of `truth.deserved` knows collapse from accuracy and from SwaV's ln K alone. A ridge classifier on standardised
features still reads classes from a few directions that are left, and ln K is the loss of a constant output only under
Sinkhorn. So collapse is measured here as the literature defines it, on images that `swaveval` is never shown (of digits
on MNIST's, which other people wrote):

- **constant output** (Chen & He 2021, 2011.10566; Caron et al. 2020, 2006.09882): what the loss sees, the head's
  output, is the same for different images: their mean cosine is at least CONSTANT, or one prototype takes that share of
  them. Then the loss has nothing left to teach, whatever a probe still finds in the features below.
- **dimensional collapse** (Jing et al. 2022, 2110.09348): features that differ in fewer directions than classes have to
  be told apart. The means of C classes that are equally far apart span C − 1 dimensions (Papyan, Han & Donoho 2020,
  2008.08186), and RankMe's features are not centred, which adds one: an effective rank below C, where no untrained
  network is below it. It speaks only where the probe shows no gain.
- **few labels**: the nearest of the class means of five labelled images (Snell et al. 2017, 1703.05175). Where it shows
  a gain and the probe with many labels excludes one, or it loses where that one gains, the truth is divided: the word
  stays that of many labels, and `inconclusive` is right as well.

The rule was written after the verdict had been seen on the bank, and before any of these numbers was measured. No
constant is fitted to a run: CONSTANT says "the same", C is the number of classes, the others are those of `truth`.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from scipy.stats import norm
from torch import nn

from benchmarks.verdicts.truth import LEAST, SURE

Array = np.ndarray[Any, np.dtype[Any]]

CONSTANT = 0.99
SHOTS, DRAWS = 5, 50


@dataclass(frozen=True, slots=True)
class Beyond:
    """What was measured.

    Attributes:
        alike: mean cosine between the head's outputs of different images. commonest: share of the images that the
            commonest prototype takes; 0 without prototypes.
        rank, rank_untrained: effective rank of the features, and the lowest of untrained networks. classes: C.
        few, few_best, few_worst: accuracy by five labels a class at the end, of the best and worst untrained network.
        few_gain_p, few_lost_p: one-sided p that the end is above the best, below the worst.
    """

    alike: float
    commonest: float
    rank: float
    rank_untrained: float
    classes: int
    few: float
    few_best: float
    few_worst: float
    few_gain_p: float
    few_lost_p: float

    @property
    def constant(self) -> bool:
        """Whether the head's output is the same for different images."""
        return max(self.alike, self.commonest) >= CONSTANT

    @property
    def gone(self) -> bool:
        """Whether there are fewer directions than the classes need, which no untrained network lacks."""
        return self.rank < self.classes <= self.rank_untrained

    @property
    def few_gains(self) -> bool:
        return self.few - self.few_best >= LEAST and self.few_gain_p < SURE

    @property
    def few_loses(self) -> bool:
        return self.few_worst - self.few >= LEAST and self.few_lost_p < SURE

    def to_json(self) -> dict[str, float]:
        return {key: round(value, 5) for key, value in asdict(self).items()}


def amended(word: str, beyond: Beyond) -> tuple[str, str]:
    """The word that a run deserves, given that of many labels, and another that is right as well; else empty."""
    if beyond.constant or (beyond.gone and word in ("not-learning", "")):
        return "collapsed", ""
    divided = (word == "not-learning" and beyond.few_gains) or (word in ("learning", "converged") and beyond.few_loses)
    return word, "inconclusive" if divided else ""


def alike(outputs: Array) -> float:
    """Mean cosine between different rows of `(n, d)`."""
    unit = outputs / np.maximum(np.linalg.norm(outputs, axis=1, keepdims=True), 1e-12)
    n = len(unit)
    return float((np.linalg.norm(unit.sum(axis=0)) ** 2 - n) / (n * (n - 1)))


def commonest(scores: Array) -> float:
    """Share of the rows of `(n, K)` whose largest score is in the same column."""
    return float(np.bincount(scores.argmax(axis=1)).max() / len(scores))


def rank(features: Array) -> float:
    """RankMe of `(n, d)`: exp of the entropy of the singular values, not centred (2210.02885)."""
    values = np.linalg.svd(features.astype(np.float64), compute_uv=False)
    share = values / max(values.sum(), 1e-300) + 1e-7
    return float(np.exp(-(share * np.log(share)).sum()))


def by_few(features: Array, labels: Array) -> Array:
    """Share of the draws in which the nearest class mean of five labelled images (cosine) is right, `(n,)`."""
    unit = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    rng, classes = np.random.default_rng(5), np.unique(labels)
    right, asked = np.zeros(len(labels)), np.zeros(len(labels))
    for _ in range(DRAWS):
        drawn = np.stack([rng.choice(np.flatnonzero(labels == one), SHOTS, replace=False) for one in classes])
        means = unit[drawn].mean(axis=1)
        means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
        held = np.ones(len(labels), dtype=np.bool_)
        held[drawn.ravel()] = False
        right[held] += classes[(unit[held] @ means.T).argmax(axis=1)] == labels[held]
        asked[held] += 1
    return right / np.maximum(asked, 1)


def p_above(one: Array, other: Array) -> float:
    """One-sided p that `one` is above `other`, by the normal limit of paired differences."""
    difference = one - other
    error = float(difference.std(ddof=1)) / np.sqrt(len(difference))
    return float(norm.sf(difference.mean() / error)) if error else 1.0


@torch.no_grad()
def outputs(state: dict[str, Any], features: Array) -> tuple[Array, Array | None]:
    """What the loss sees of `features`: the projection head's output, and the scores of the prototypes or None."""
    head = sequential({name: value for name, value in state.items() if name.startswith("projection_head.layers.")})
    given = head(torch.from_numpy(features))
    weight = state.get("prototypes.heads.0.weight")
    if weight is None:
        return given.numpy(), None
    scores = nn.functional.linear(nn.functional.normalize(given), weight, state.get("prototypes.heads.0.bias"))
    return given.numpy(), scores.numpy()


@torch.no_grad()
def dino_outputs(state: dict[str, Any], features: Array) -> tuple[Array, Array]:
    """Of DINO's teacher: what its last layer sees, and its outputs over their centre, as the loss takes them."""
    layers = {name: value for name, value in state.items() if name.startswith("teacher_head.layers.")}
    given = nn.functional.normalize(sequential(layers, nn.GELU)(torch.from_numpy(features)))
    direction, length = (state[f"teacher_head.last_layer.weight_{one}"] for one in "vg")
    scores = (
        nn.functional.linear(given, length * nn.functional.normalize(direction)) - state["criterion.center"].flatten()
    )
    return given.numpy(), scores.numpy()


def sequential(state: dict[str, Any], between: type[nn.Module] = nn.ReLU) -> nn.Sequential:
    """A head of linear layers, BatchNorm and `between`, which has no weights, in eval mode."""
    parts: dict[int, dict[str, Any]] = {}
    for name, value in state.items():
        place, part = name.split("layers.")[1].split(".")
        parts.setdefault(int(place), {})[part] = value
    layers: list[nn.Module] = []
    for place in range(max(parts) + 1):
        part = parts.get(place)
        if part is None:
            layers.append(between())
            continue
        if "running_mean" in part:
            layer: nn.Module = nn.BatchNorm1d(len(part["running_mean"]), affine="weight" in part)
        else:
            layer = nn.Linear(part["weight"].shape[1], part["weight"].shape[0], bias="bias" in part)
        layer.load_state_dict(part)
        layers.append(layer)
    return nn.Sequential(*layers).eval()
