"""SwaV's swapped-prediction loss, recomputed on fixed views: a loss curve without logs."""

from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
from scipy.special import log_softmax, logsumexp, xlogy

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, eq=False)
class SwappedLoss:
    """The loss of each image in nats: cross-entropy = entropy of the codes + divergence of the predictions from them.

    Attributes:
        entropy: shape `(m,)`, float64: H(q), mean over the ordered pairs of views.
        divergence: shape `(m,)`, float64: KL(q‖p), likewise.
        batches: sizes of the Sinkhorn batches.
    """

    entropy: Array
    divergence: Array
    batches: tuple[int, ...]

    @property
    def per_image(self) -> Array:
        """L = H(q) + KL(q‖p), shape `(m,)`."""
        return self.entropy + self.divergence

    @property
    def value(self) -> float:
        return float(self.per_image.mean())


def sinkhorn(scores: Array, *, epsilon: float, iterations: int) -> Array:
    """ln of SwaV's codes Q (2006.09882, §3.1): exp(scores/ε) with rows and columns normalised in turn.

    In logarithms and float64, so that a small ε cannot overflow. The order is lightly's and swav's: prototypes
    first, then images, `iterations` times. The codes of an image depend on the batch it is in.

    Args:
        scores: shape `(B, K)`.

    Returns:
        ln q, shape `(B, K)`, float64; each row's q sums to 1.
    """
    log_q = scores.astype(np.float64) / epsilon
    log_q = log_q - logsumexp(log_q)
    for _ in range(iterations):
        log_q = log_q - logsumexp(log_q, axis=0, keepdims=True)
        log_q = log_q - logsumexp(log_q, axis=1, keepdims=True)
    # lightly multiplies by B at the end, which leaves images at 1 after a round and the whole at B without one.
    return log_q if iterations else log_q + np.log(len(scores))


def swapped_loss(view_scores: Array, *, temperature: float, epsilon: float, iterations: int, batch: int) -> SwappedLoss:
    """The SwaV loss over all ordered pairs of views: codes from one, prediction softmax(scores/T) from the other.

    Equals lightly's `SwaVLoss` with every view given as a high-resolution one. Images are cut, in their order, into
    batches as equal as can be of at most `batch`; every batch's Sinkhorn stands alone.

    Args:
        view_scores: shape `(m, v, K)`, v ≥ 2.
    """
    m, v, _ = view_scores.shape
    parts = np.array_split(np.arange(m), -(-m // batch))
    entropy, divergence = np.zeros(m), np.zeros(m)
    for part in parts:
        codes = [sinkhorn(view_scores[part, i], epsilon=epsilon, iterations=iterations) for i in range(v)]
        predictions = [log_softmax(view_scores[part, i].astype(np.float64) / temperature, axis=1) for i in range(v)]
        for i, j in permutations(range(v), 2):
            q = np.exp(codes[i])
            own = xlogy(q, q).sum(axis=1)
            entropy[part] -= own
            divergence[part] += own - (q * predictions[j]).sum(axis=1)
    pairs = v * (v - 1)
    return SwappedLoss(entropy / pairs, divergence / pairs, tuple(map(len, parts)))
