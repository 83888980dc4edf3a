"""One table: what each metric is for.

The order within a line is fixed before any number is seen. Evaluators that are not built in declare roles of their own
(`Role`), which stand in the manifest; see `declared`.
"""

from collections.abc import Mapping

from swaveval.results.manifest import RunManifest
from swaveval.results.term import Role
from swaveval.results.witness import Witness
from swaveval.results.words import GROUPS

# -- the verdict -------------------------------------------------------------------------------------------------------
# The order is that of the sentences. kNN has most of the family's error: it needs no fit and has no setting to choose,
# and small gains are looked for with it; the others see gains that are far larger than their noise, or none.
# What they scatter by between checkpoints, over the bank: .007, .009, .007 and .018. Of those with a small share a bit
# more is assumed, as their tests reach further into the tail. How far untrained networks are apart, over five sets of
# images: benchmarks/false_alarms/spread.md, rounded up.
WITNESSES = (
    Witness(metric="knn.loo_top1", confirms="knn.top1", weight=0.85, spread=0.01),
    Witness(metric="linear.fold_top1", confirms="linear.top1", jitter=0.01, spread=0.015),
    Witness(metric="lowshot.train_top1[shots=5]", gain=0.03, plateau=0.02, jitter=0.01, spread=0.015),
    # k-means starts anew at every checkpoint, so that purity scatters by more than the images explain.
    Witness(metric="clusters.train_purity", gain=0.05, plateau=None, jitter=0.02, spread=0.03),
)
# Where nothing was measured on the training images.
ON_TEST = (
    Witness(metric="knn.top1", weight=0.85, spread=0.01, chooses=False),
    Witness(metric="linear.top1", spread=0.015, chooses=False),
)
# Views are pulled together in every training, so that their retrieval rises a little also where nothing is learned.
RETRIEVAL = Witness(metric="views.retrieval", margin=0.01, spread=0.01, labelled=False)
# Whether labels can be seen at all is asked of this one.
VISIBLE = WITNESSES[0].metric
LABEL_FREE = (RETRIEVAL.metric,)
# What choosing on test images would be too optimistic of.
TEST = "knn.top1"
# In sentences.
SPOKEN: Mapping[str, str] = {
    "knn.loo_top1": "kNN",
    "knn.top1": "kNN",
    "linear.top1": "the linear probe",
    "views.retrieval": "view retrieval",
    "linear.fold_top1": "the linear probe",
    "lowshot.train_top1[shots=5]": "5-shot accuracy",
    "clusters.train_purity": "cluster purity",
    "spectrum.rankme_centred": "the rank of the centred features",
    "spectrum.std": "the spread of the features",
}
# Without per-image outcomes: described, never tested.
DESCRIBED = ("clusters.nmi", "views.lidar", "spectrum.rankme")
# Said to track quality without labels, and in which direction it is better. Over the bank:
# benchmarks/verdicts/label_free.md.
TRACKED: Mapping[str, int] = {
    "views.retrieval": 1,
    "views.lidar": 1,
    "views.alignment": -1,
    "views.uniformity": -1,
    "clusters.silhouette": 1,
    "spectrum.rankme": 1,
    "spectrum.rankme_centred": 1,
    "intrinsic.mst": -1,
    "intrinsic.lid": 1,
    "dse.score": 1,
    "prototypes.agreement": 1,
    "prototypes.unique": 1,
    "prototypes.loss": -1,
}
# What a collapse takes away, and what it leaves.
SPREAD = ("spectrum.rankme_centred", "spectrum.std")
UNIFORMITY = "views.uniformity"
USAGE = "prototypes.perplexity"
# They count every class alike: whether chance is one over the number of classes, or zero.
CLASSES_ALIKE: Mapping[str, bool] = {"knn.balanced": True, "linear.balanced": True, "clusters.ami": False}
# A collapse moves these the way learning does: by itself a change is neither a gain nor a loss.
GAIN_BY_COLLAPSE = ("views.alignment", "prototypes.agreement", "intrinsic.mst", "dse.score", "dse.intra")
MOVED = "drift.relative_l2"
LOSS = "prototypes.loss"
# What a constant answer can be compared with, by evaluator.
ACCURACIES: Mapping[str, str] = {"knn": "knn.top1", "linear": "linear.top1"}

# -- the page and the terminal -----------------------------------------------------------------------------------------
# The first figure, most telling first; all are fractions and share one axis.
FIRST_LABELLED = ("knn.top1", "linear.top1", "clusters.purity", "lowshot.top1[shots=5]")
FIRST_LABEL_FREE = ("views.retrieval", "prototypes.agreement", "clusters.silhouette")
# The number in a section's headline.
SECTION = (
    "knn.top1",
    "linear.top1",
    "clusters.purity",
    "prototypes.perplexity",
    "views.retrieval",
    "spectrum.rankme",
    "drift.relative_l2",
)
# Columns of the terminal's table, most important first.
TERMINAL: Mapping[str, str] = {
    "knn.top1": "kNN",
    "linear.top1": "linear",
    "clusters.purity": "purity",
    "views.retrieval": "retrieval",
    "spectrum.rankme": "RankMe",
    "prototypes.loss": "SwaV loss",
}
# Colours the map by right and wrong; says how far the map can be believed.
RIGHT_OR_WRONG = ("knn.top1", "linear.top1")
TRUST = "umap.trustworthiness"

# -- runs side by side -------------------------------------------------------------------------------------------------
# A number that saw test labels only where there is none that did not.
CHOOSES_WITHOUT_LABELS = ("views.retrieval", "prototypes.agreement")
CHOOSES_RUNS = ("knn.loo_top1", "views.retrieval", "prototypes.agreement", "knn.top1", "linear.top1", "clusters.ami")
TESTS_RUNS = ("knn.top1", "linear.top1", "knn.loo_top1", "views.retrieval")
RUNS_TABLE = ("knn.top1", "linear.top1", "clusters.ami", "views.retrieval", "prototypes.agreement")
HEALTH = ("prototypes.perplexity", "prototypes.dead", "prototypes.duplicates")
AGREEMENT = "prototypes.agreement"
RISES_WITH_K = ("prototypes.purity",)

# -- evaluators --------------------------------------------------------------------------------------------------------
SUPERVISED = ("knn", "linear", "lowshot")
GROUPED = ("clusters", "prototypes")
WITHOUT_LABELS = ("views", "spectrum", "intrinsic", "dse", "stability", "umap")
WEIGHTS = ("drift",)


def declared(manifest: RunManifest, role: Role) -> tuple[str, ...]:
    """The metrics that evaluators declared for a role, in the order they were asked for.

    No evaluator gives another's metric a role, nor a new one to what stands in the table above.
    """
    order = {name: place for place, (name, _, _) in enumerate(manifest.evaluators)}
    found = [
        metric for metric, roles in manifest.roles.items() if role in roles and metric.split(".", 1)[0] not in GROUPS
    ]
    return tuple(sorted(found, key=lambda metric: order.get(metric.split(".", 1)[0], len(order))))
