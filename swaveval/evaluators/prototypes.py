"""SwaV's own health: what the prototypes cluster, which of them live, and the loss recomputed from the checkpoint."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.special import entr

from swaveval.evaluators.agreement import agreement
from swaveval.evaluators.contract import Need, NotFinite, Skip
from swaveval.evaluators.epsilon_net import net_sizes
from swaveval.evaluators.intervals import student, wilson
from swaveval.evaluators.rows import labels, positions, unit
from swaveval.evaluators.swapped import SwappedLoss, swapped_loss
from swaveval.evaluators.threads import one_thread
from swaveval.features.features import Features, PrototypeOutputs
from swaveval.results import Artifact, Metric, Term
from swaveval.results.words import words_of

Array = np.ndarray[Any, np.dtype[Any]]


def perplexity(probability: Array) -> float:
    """exp(−Σ p ln p) of a distribution over K prototypes, shape `(K,)`: K when all are used alike, 1 when one is."""
    p = probability.astype(np.float64)
    return float(np.exp(entr(p / p.sum()).sum()))


def duplicates(weights: Array, threshold: float, *, block: int = 2048) -> int:
    """Prototypes that another one stands for: K less the groups of prototypes whose cosine exceeds `threshold`.

    Partial prototype collapse (2410.14060). Groups are the connected components of "closer than the threshold", so
    the number does not depend on the order of the prototypes.

    Args:
        weights: shape `(K, p)`.
    """
    directions = unit(weights)
    total = len(directions)
    group = np.arange(total)
    components = total
    for start in range(0, total, block):
        near = np.argwhere(directions[start : start + block] @ directions.T > threshold)
        # Earlier blocks enter as one edge per prototype, so that memory stays at block·K.
        edges = np.concatenate(
            [np.stack([np.arange(total), _first_member(group)], axis=1), near + np.array([start, 0])]
        )
        graph = coo_array((np.ones(len(edges), dtype=np.int8), (edges[:, 0], edges[:, 1])), shape=(total, total))
        components, group = connected_components(graph, directed=False)
    return int(total - components)


def _first_member(group: Array) -> Array:
    """For each element the first element of its group."""
    _, first, inverse = np.unique(group, return_index=True, return_inverse=True)
    return first[inverse]


@dataclass(frozen=True)
class Prototypes:
    """Evaluates what the SwaV head says of the images (both splits) and of the fixed views.

    Attributes:
        duplicate_cosine: above it two prototypes count as one.
        batch: images per Sinkhorn batch. The codes, and so the loss, depend on it: more images fill more prototypes.
        groups: of images, each left out once for the jackknife intervals of purity and AMI.
        radii: cosine distances within which prototypes count as one, for the share of unique ones; the first is the
            headline's.
    """

    duplicate_cosine: float = 0.95
    batch: int = 256
    groups: int = 50
    radii: tuple[float, ...] = (0.025, 0.05, 0.1, 0.2, 0.5)

    name: ClassVar[str] = "prototypes"
    version: ClassVar[int] = 2
    needs: ClassVar[frozenset[Need]] = frozenset({Need.PROTOTYPES})
    terms: ClassVar[Mapping[str, Term]] = words_of("prototypes")

    def __post_init__(self) -> None:
        if self.batch < 1 or self.groups < 2 or not -1 <= self.duplicate_cosine <= 1:
            raise ValueError("prototypes: batch from 1, groups from 2, duplicate_cosine in -1…1")
        if len({f"{radius:g}" for radius in self.radii}) < len(self.radii) or not all(0 <= r <= 2 for r in self.radii):
            raise ValueError("prototypes: radii must differ and lie in 0…2, as cosine distances do")

    def __call__(self, features: Features, *, seed: int) -> Iterable[Metric | Artifact]:
        outputs = features.prototypes
        if outputs is None:
            raise Skip("the checkpoint holds no SwaV head and prototypes")
        _require_finite(outputs)
        assignment = np.concatenate([outputs.train_assignment, outputs.test_assignment]).astype(np.int32)
        if len(assignment) == 0:
            raise Skip("there is no image to assign to a prototype")
        with one_thread():
            return [
                *self._clustering(features, assignment, seed),
                *self._usage(outputs, assignment),
                *self._views(features, outputs),
            ]

    def _clustering(self, features: Features, assignment: Array, seed: int) -> Iterator[Metric | Artifact]:
        outputs = features.prototypes
        assert outputs is not None
        score = np.concatenate([outputs.train_score, outputs.test_score]).astype(np.float32)
        yield Artifact("prototypes.assignment", {"prototype": assignment, "score": score, "index": positions(features)})
        truth = labels(features)
        if truth is None or not (truth >= 0).any():
            return
        known = truth >= 0
        classes, truth = np.unique(truth[known], return_inverse=True)
        if len(classes) < 2:
            return  # every clustering of one class is pure; the number would only mislead
        text = (
            f"argmax of {len(outputs.weights)} prototypes against {len(classes)} classes, {len(truth)} images (train "
            "and test)"
        )
        if not known.all():
            text += f"; {int((~known).sum())} unlabelled images left out"
        compare = "rises with the number of prototypes: compare across K by AMI"
        for metric in agreement(assignment[known], truth, protocol=text, groups=self.groups, seed=seed):
            if metric.id == "clusters.purity":
                yield replace(metric, id="prototypes.purity", protocol=f"{metric.protocol}; {compare}")
            elif metric.id == "clusters.ami":
                yield replace(metric, id="prototypes.ami")

    def _usage(self, outputs: PrototypeOutputs, assignment: Array) -> Iterator[Metric | Artifact]:
        total, n = len(outputs.weights), len(assignment)
        counts = np.bincount(assignment, minlength=total).astype(np.int64)
        yield Metric(
            id="prototypes.perplexity",
            value=perplexity(outputs.mean_probability),
            unit="prototypes",
            bounds=(1.0, float(total)),
            n=n,
            protocol=f"exp(entropy) of the mean softmax(score/{outputs.temperature:g}) of {n} images, of {total}",
        )
        dead = int((counts == 0).sum())
        few = f"; at least {total - n} are, with fewer images than prototypes" if n < total else ""
        yield Metric(
            id="prototypes.dead",
            value=float(dead),
            unit="prototypes",
            better="lower",
            bounds=(0.0, float(total)),
            n=n,
            protocol=f"of {total} prototypes, those that are no image's argmax among {n} images{few}",
        )
        yield Metric(
            id="prototypes.duplicates",
            value=float(duplicates(outputs.weights, self.duplicate_cosine)),
            unit="prototypes",
            better="lower",
            bounds=(0.0, float(total - 1)),
            n=total,
            protocol=f"of {total} prototypes, those within cosine {self.duplicate_cosine:g} of one that is counted",
        )
        for radius, size in zip(self.radii, net_sizes(outputs.weights, self.radii), strict=True):
            unique = Metric(
                id=f"prototypes.unique[eps={radius:g}]",
                value=size / total,
                bounds=(1 / total, 1.0),
                n=total,
                protocol=f"greedy net at cosine distance {radius:g}, in the checkpoint's order: {size} of {total}",
            )
            if radius == self.radii[0]:
                yield replace(unique, id="prototypes.unique")
            yield unique
        yield Artifact("prototypes.usage", {"mean_probability": outputs.mean_probability, "count": counts})

    def _views(self, features: Features, outputs: PrototypeOutputs) -> Iterator[Metric | Artifact]:
        scores = outputs.view_scores
        if scores is None or scores.shape[0] == 0 or scores.shape[1] < 2:
            return
        yield from _agreement(features, scores)
        loss = swapped_loss(
            scores,
            temperature=outputs.temperature,
            epsilon=outputs.epsilon,
            iterations=outputs.sinkhorn_iterations,
            batch=self.batch,
        )
        yield from _loss(outputs, loss, scores.shape[1])
        yield Artifact("prototypes.loss_terms", {"entropy": loss.entropy, "divergence": loss.divergence})


def _agreement(features: Features, scores: Array) -> Iterator[Metric | Artifact]:
    """P(argmax p(x₁) = argmax p(x₂)) over the first two views."""
    m, _, total = scores.shape
    same = scores[:, 0].argmax(axis=1) == scores[:, 1].argmax(axis=1)
    index = features.views.index if features.views is not None else np.arange(m)
    source = features.views.protocol if features.views is not None else ""
    yield Metric(
        id="prototypes.agreement",
        value=float(same.mean()),
        bounds=(0.0, 1.0),
        ci95=wilson(int(same.sum()), m),
        n=m,
        protocol=f"same argmax of {total} prototypes for two views; {source}".rstrip("; "),
    )
    yield Artifact("prototypes.agreement.outcomes", {"correct": same, "index": index.astype(np.int32)})


def _loss(outputs: PrototypeOutputs, loss: SwappedLoss, views: int) -> Iterator[Metric]:
    total, m = len(outputs.weights), len(loss.entropy)
    ln_k = float(np.log(total))
    sizes = sorted(set(loss.batches))
    text = (
        f"swapped prediction over {views} views, T={outputs.temperature:g}, eps={outputs.epsilon:g}, "
        f"{outputs.sinkhorn_iterations} Sinkhorn iterations ({outputs.settings_origin}), {len(loss.batches)} "
        f"batches of {' or '.join(map(str, sizes))}; ln {total} = {ln_k:.3f}; "
        f"H(q) {loss.entropy.mean():.4f} + KL {loss.divergence.mean():.4f}"
    )
    ci95 = student(loss.per_image)
    yield Metric(
        id="prototypes.loss",
        value=loss.value,
        unit="nats",
        better="lower",
        bounds=(0.0, None),
        ci95=None if ci95 is None else (max(0.0, ci95[0]), ci95[1]),
        n=m,
        protocol=f"{text}; interval over images, the codes taken as given",
    )
    if total > 1:
        yield Metric(
            id="prototypes.loss_gap",
            value=1 - loss.value / ln_k,
            unit="ratio",
            better="neither",
            bounds=(None, 1.0),
            ci95=None if ci95 is None else (1 - ci95[1] / ln_k, 1 - max(0.0, ci95[0]) / ln_k),
            n=m,
            protocol=f"1 - loss / ln {total}; near 0 is collapse or a compressed loss, quality decides which; {text}",
        )


def _require_finite(outputs: PrototypeOutputs) -> None:
    arrays = {
        "prototypes": outputs.weights,
        "prototype scores of the images": outputs.mean_probability,
        "prototype scores of the views": outputs.view_scores,
    }
    for name, array in arrays.items():
        if array is not None and not np.isfinite(array).all():
            raise NotFinite(f"the {name} hold NaN or infinities: the training diverged before this checkpoint")
