"""What the documents state of every metric, its range, its direction and the settings behind it, is what comes out."""

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from swaveval.evaluators.clusters import Clusters
from swaveval.evaluators.contract import is_over_series, parameters
from swaveval.evaluators.dse import Dse
from swaveval.evaluators.intrinsic import Intrinsic
from swaveval.evaluators.knn import Knn
from swaveval.evaluators.linear import Linear
from swaveval.evaluators.lowshot import LowShot
from swaveval.evaluators.prototypes import Prototypes
from swaveval.evaluators.spectrum import Spectrum
from swaveval.evaluators.views import Views
from swaveval.results import Metric
from swaveval.results.words import TERMS
from swaveval.testing import synthetic_features, synthetic_series

DOCS = Path(__file__).parents[2] / "docs"
EVALUATORS: tuple[Any, ...] = (
    *(Knn(), Linear(), LowShot(), Clusters(), Spectrum(), Views(), Prototypes()),
    *(Intrinsic(), Dse()),
)

N, DIMENSIONS, VIEWED, CLASSES = 180, 16, 40, 6
FRACTION, CHANCE_CORRECTED = (0.0, 1.0), (-1.0, 1.0)
ACCURACIES = [
    "knn.top1",
    "knn.balanced",
    *(f"knn.top1[k={k},T={t}]" for k in (10, 20, 100, 200) for t in ("0.01", "0.07", "0.1", "1")),
    "knn.top1[k=20,euclidean,w=1/(d+1e-5)]",
    "knn.top1[k=20,euclidean,w=1/d]",
    "knn.loo_top1",
    "linear.top1",
    "linear.top5",
    "linear.fold_top1",
    "lowshot.train_top1[shots=5]",
    "clusters.train_purity",
    "linear.balanced",
    *(f"lowshot.top1[shots={shots}]" for shots in (1, 5, 10)),
    *(f"clusters.{name}" for name in ("purity", "nmi", "hungarian", "nmi_restarts")),
    "views.retrieval",
    "prototypes.purity",
    "prototypes.agreement",
]
# ε adds up to r·ε·(ln r + 1) to the entropy.
WITH_EPSILON = pytest.approx(DIMENSIONS, rel=1e-5)
STATED: dict[str, tuple[str, Any, Any]] = {
    **dict.fromkeys(ACCURACIES, ("higher", *FRACTION)),
    **{f"clusters.{name}": ("higher", *CHANCE_CORRECTED) for name in ("silhouette", "restart_ami", "ari", "ami")},
    "knn.sensitivity": ("neither", *FRACTION),
    "linear.c": ("neither", 0.0, None),
    "linear.c_at_edge": ("lower", *FRACTION),
    "clusters.purity_shuffled": ("neither", *FRACTION),
    "clusters.scatter": ("lower", 0.0, None),
    "spectrum.rankme": ("higher", 1.0, WITH_EPSILON),
    "spectrum.rankme_centred": ("higher", 1.0, WITH_EPSILON),
    "spectrum.alpha": ("neither", None, None),
    "spectrum.nesum": ("higher", 1.0, DIMENSIONS),
    "spectrum.stable_rank": ("higher", 1.0, DIMENSIONS),
    "spectrum.std": ("higher", 0.0, pytest.approx(math.sqrt(N / (N - 1)))),
    "views.alignment": ("lower", 0.0, 4.0),
    "views.uniformity": ("lower", -8.0, 0.0),
    "views.lidar": ("higher", 1.0, WITH_EPSILON),
    "prototypes.ami": ("higher", *CHANCE_CORRECTED),
    "prototypes.perplexity": ("higher", 1.0, CLASSES),
    "prototypes.dead": ("lower", 0.0, CLASSES),
    "prototypes.duplicates": ("lower", 0.0, CLASSES - 1),
    "prototypes.loss": ("lower", 0.0, None),
    "prototypes.loss_gap": ("neither", None, 1.0),
    "prototypes.unique": ("higher", 1 / CLASSES, 1.0),
    **{f"prototypes.unique[eps={eps}]": ("higher", 1 / CLASSES, 1.0) for eps in ("0.025", "0.05", "0.1", "0.2", "0.5")},
    "intrinsic.mst": ("lower", 0.0, None),
    "intrinsic.lid": ("neither", 0.0, None),
    "dse.score": ("higher", None, None),
    "dse.inter": ("higher", 0.0, None),
    "dse.intra": ("lower", 0.0, None),
    "dse.dimension": ("higher", *FRACTION),
}


@pytest.fixture(scope="module")
def produced() -> dict[str, Metric]:
    features = synthetic_features(classes=CLASSES)
    assert features.views is not None
    assert (len(features.all), features.dimensions, len(features.views.features)) == (N, DIMENSIONS, VIEWED)

    def everything() -> Iterator[Metric]:
        for evaluator in EVALUATORS:
            given = synthetic_series(checkpoints=1) if is_over_series(evaluator) else features
            yield from (item for item in evaluator(given, seed=0) if isinstance(item, Metric))

    return {metric.id: metric for metric in everything()}


def test_every_metric_is_stated_and_every_stated_one_comes_out(produced: dict[str, Metric]) -> None:
    assert sorted(produced) == sorted(STATED)


@pytest.mark.parametrize("name", STATED)
def test_direction_and_range(name: str, produced: dict[str, Metric]) -> None:
    metric = produced[name]
    assert (metric.better, *metric.bounds) == STATED[name]
    if metric.ci95 is not None:
        low, high = metric.ci95
        assert low <= metric.value <= high


# Field, its value, and the words of the documents that state it.
SETTINGS: list[tuple[object, str, object, str]] = [
    (Knn, "k", 20, "| `knn.top1` | DINO; also mmselfsup, DINOv2 | cosine | 20 | exp(s / 0.07) |"),
    (Knn, "temperature", 0.07, "| `knn.loo_top1` | as `knn.top1`, every training image"),
    (Knn, "ks", (10, 20, 100, 200), "| grid | cosine | 10, 20, 100, 200 | T = 0.01, 0.07, 0.1, 1 |"),
    (Knn, "temperatures", (0.01, 0.07, 0.1, 1.0), "| grid | cosine | 10, 20, 100, 200 | T = 0.01, 0.07, 0.1, 1 |"),
    (Knn, "loo_queries", 20_000, "at most 20,000 training images"),
    (Linear, "grid", tuple(10.0**power for power in (-6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5)), "1e-6 … 1e5"),
    (Linear, "held_out", 0.1, "stratified tenth of **train**"),
    (Linear, "selection_limit", 50_000, "C is chosen on a sample of 50,000"),
    (Linear, "max_iterations", 500, "500 passes at most"),
    (LowShot, "shots", (1, 5, 10, 25), "s = 1, 5, 10, 25 labelled images per class"),
    (LowShot, "draws", 10, "over 10 seeded draws"),
    (LowShot, "penalties", (0.1, 1.0, 10.0, 100.0, 1e3, 1e4, 1e5), "the penalty of seven, 0.1 … 1e5"),
    (Clusters, "clusters", None, "K = number of classes"),
    (Clusters, "unlabelled_clusters", 10, "(10 without labels or with a single class)"),
    (Clusters, "restarts", 5, "the best of five seeded initialisations"),
    (Clusters, "fit_limit", 50_000, "Above 50,000 images the centres are fitted to a sample"),
    (Clusters, "silhouette_limit", 2_000, "cosine, of at most 2,000 images"),
    (Clusters, "shuffles", 20, "under 20 shuffles of the labels"),
    (Clusters, "groups", 50, "delete-a-group jackknife, 50 groups"),
    (Spectrum, "max_images", 25_600, "n is at most 25,600"),
    (Spectrum, "groups", 10, "delete-a-group jackknife, 10 groups"),
    (Spectrum, "intervals_up_to", 1024, "up to 1,024 dimensions"),
    (Prototypes, "duplicate_cosine", 0.95, "prototypes with cosine above 0.95"),
    (Prototypes, "batch", 256, "as equal as can be of at most 256"),
    (Prototypes, "radii", (0.025, 0.05, 0.1, 0.2, 0.5), "ε = 0.025, 0.05, 0.1, 0.2, 0.5"),
    (Intrinsic, "max_images", 4000, "one seeded sample of at most 4,000 images"),
    (Intrinsic, "sizes", 5, "five sizes at most, each half the next"),
    (Intrinsic, "draws", 3, "three seeded permutations"),
    (Intrinsic, "k", 20, "to the k = 20 nearest"),
    (Dse, "max_images", 2048, "at most 2,048 images"),
    (Dse, "clusters", 24, "k-means, K = 24"),
    (Dse, "restarts", 3, "the best of three seeded starts"),
    (Views, "delta", 1e-4, "δ = 1e-4"),
    (Views, "uniformity_images", 8192, "at most 8,192 of them"),
]


@pytest.mark.parametrize(("evaluator", "field", "value", "words"), SETTINGS)
def test_settings_are_those_that_the_documents_state(evaluator: Any, field: str, value: object, words: str) -> None:
    text = " ".join(" ".join((DOCS / name).read_text() for name in ("metrics.md", "metrics-label-free.md")).split())
    assert words in text
    assert getattr(evaluator(), field) == (pytest.approx(value) if isinstance(value, tuple) else value)


def test_whose_protocol_a_vote_is_stands_beside_it(produced: dict[str, Metric]) -> None:
    for k in (10, 20, 100, 200):
        assert produced[f"knn.top1[k={k},T=0.07]"].protocol.startswith("dino: cosine")
        assert produced[f"knn.top1[k={k},T=1]"].protocol.startswith("cosine")
    assert produced["knn.top1[k=200,T=0.1]"].protocol.startswith("lightly, InstDisc")


@pytest.mark.parametrize("evaluator", EVALUATORS, ids=lambda evaluator: str(evaluator.name))
def test_a_definition_states_no_default_as_if_it_held_for_every_setting(evaluator: Any) -> None:
    """`knn(k=10)` stood beside "k = 20"."""
    defaults = [value for value in parameters(evaluator).values() if isinstance(value, int | float) and value != 1]
    for name, term in TERMS.items():
        if name.startswith(f"{evaluator.name}."):
            stated = [
                value
                for value in defaults
                if re.search(rf"(?<![\d.]){re.escape(f'{value:g}')}(?!\d|\.\d)", term.definition)
            ]
            assert not stated or "unless named" in term.definition, (name, stated)
