"""The majority-class baseline: what an accuracy is worth when nothing is looked at."""

from collections.abc import Iterable

import numpy as np

from swaveval.evaluators.intervals import wilson
from swaveval.results import Artifact, Cell, Metric
from swaveval.results.roles import ACCURACIES
from swaveval.runs.plan import PlannedCell
from swaveval.runs.workspace import Workspace


def majority_cells(workspace: Workspace, cells: Iterable[PlannedCell]) -> list[Cell]:
    """Store the accuracy of always answering the most frequent training class, under each accuracy's own id."""
    images = workspace.images
    stored: list[Cell] = []
    labels = np.asarray(images.labels)
    train, test = labels[images.train_index], labels[images.test_index]
    index = images.test_index[test >= 0].astype(np.int32)
    known, test = train[train >= 0], test[test >= 0]
    for planned in cells:
        metric_id = ACCURACIES.get(planned.spec.name)
        if metric_id is None or not len(known) or not len(test):
            reason = "a constant answer has no features to evaluate"
            stored.append(workspace.store.put(Cell(planned.key, status="skipped", reason=reason)))
            continue
        correct = test == np.bincount(known).argmax()
        metric = Metric(
            id=metric_id,
            value=float(correct.mean()),
            bounds=(0.0, 1.0),
            ci95=wilson(int(correct.sum()), len(correct)),
            n=len(correct),
            protocol="always the most frequent class of the training split",
        )
        outcomes = Artifact(f"{metric_id}.outcomes", {"correct": correct, "index": index})
        stored.append(workspace.store.put(Cell(planned.key, metrics=(metric,)), [outcomes]))
    return stored
