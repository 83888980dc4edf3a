"""A verdict on an invented evaluation."""

import math
from typing import Any

from swaveval.convergence.verdict import Advice, Best, Evidence, LossState, Testimony, Verdict
from swaveval.results import Series
from tests.report.invented_plan import USUAL, Plan

UNTRAINED, PIXELS = "untrained networks", "raw pixels"
WITNESSES = (
    Testimony(
        "knn.loo_top1", "kNN", 1347, "none", 0.002, (-0.008, 0.012), 0.61, "step 0", 0.02, (), (PIXELS,), (UNTRAINED,)
    ),
    Testimony(
        "linear.fold_top1",
        "the linear probe",
        1347,
        "gain",
        0.029,
        (0.01, 0.048),
        0.004,
        "step 0",
        0.02,
        (UNTRAINED, PIXELS),
    ),
    Testimony(
        "clusters.train_purity",
        "cluster purity",
        1347,
        "undecided",
        0.03,
        (-0.01, 0.07),
        0.2,
        "step 0",
        0.05,
        room=False,
    ),
    Testimony(
        "views.retrieval", "view retrieval", 600, "gain", 0.164, (0.12, 0.2), 0.0001, "step 0", 0.02, (UNTRAINED,)
    ),
)


def verdict(series: Series, plan: Plan = USUAL, state: Any = "learning") -> Verdict:
    """A verdict such as `judge` would return, with every field filled."""
    quality = "knn.top1" if plan.labelled else "views.retrieval"
    values = series.values(quality)
    names = [point.record.name for point in series.points]
    loss = series.manifest.loss
    best = (
        Best(
            names[-1],
            series.points[-1].record.epoch,
            tuple(names[-4:-1]),
            "knn.loo_top1",
            0.004,
            "highest leave-one-out kNN on the training split",
        )
        if names
        else None
    )
    ln_k = math.log(plan.prototypes)
    return Verdict(
        verdict=state,
        sentence=plan.named("Loss moved 1.3 % since epoch 5; kNN rose 8.1 ± 1.3 points in the same time: learning."),
        loss=LossState(
            "flat",
            loss.values[0] if loss else None,
            ln_k * 0.972,
            -0.028,
            ln_k,
            0.028,
            False,
            plan.named("metrics.csv"),
        ),
        evidence=(
            Evidence(
                plan.named("kNN rose from 88.0 % to 97.3 % between the first and the best checkpoint."),
                quality,
                float(values[-1] - values[0]) if len(values) else None,
                (0.062, 0.118),
                "exact McNemar, paired images",
                1.2e-9,
                3.6e-9,
                450,
                "for",
            ),
            Evidence(
                "k-means purity rose by 39 points.",
                "clusters.purity",
                0.39,
                (0.35, 0.43),
                "paired bootstrap",
                1e-6,
                2e-6,
                1797,
                "for",
            ),
            Evidence(
                "The loss lies 2.8 % under ln K: it is compressed, not collapsed.",
                "loss",
                0.028,
                None,
                "last 20 % of the epochs",
                None,
                None,
                12,
                "neutral",
            ),
            Evidence(
                "RankMe did not change between epoch 12 and 15.",
                "spectrum.rankme",
                0.4,
                (-0.8, 1.6),
                "equivalence within ±5 %",
                0.4,
                0.4,
                1000,
                "against",
            ),
        ),
        best=best,
        advice=(
            Advice(
                plan.named("Train longer: quality was still rising at the last checkpoint."),
                plan.named("kNN rose 0.9 points over the last four checkpoints (p = 0.01)."),
            ),
            Advice(
                "Lower the temperature to open the loss's range.",
                "At T = 3.0 the loss cannot leave the neighbourhood of ln K.",
            ),
        ),
        labelled=plan.labelled,
        quality_metric=quality,
        seed=0,
        witnesses=WITNESSES if plan.labelled else WITNESSES[-1:],
    )
