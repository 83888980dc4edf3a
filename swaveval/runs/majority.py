"""The majority-class baseline: what an accuracy is worth when nothing is looked at."""

import numpy as np

from swaveval.data import ImageSet
from swaveval.evaluators.contract import Skip
from swaveval.evaluators.intervals import wilson
from swaveval.results import Artifact, Metric
from swaveval.results.roles import ACCURACIES
from swaveval.runs.plugins import Produced


def majority_class(images: ImageSet, evaluator: str) -> Produced:
    """The accuracy of always answering the most frequent training class, under the id of the evaluator's own.

    Raises:
        Skip: the evaluator measures no accuracy, or no image of a split has a label.
    """
    labels = np.asarray(images.labels)
    train, test = labels[images.train_index], labels[images.test_index]
    index = images.test_index[test >= 0].astype(np.int32)
    known, test = train[train >= 0], test[test >= 0]
    metric_id = ACCURACIES.get(evaluator)
    if metric_id is None or not len(known) or not len(test):
        raise Skip("a constant answer has no features to evaluate")
    correct = test == np.bincount(known).argmax()
    metric = Metric(
        id=metric_id,
        value=float(correct.mean()),
        bounds=(0.0, 1.0),
        ci95=wilson(int(correct.sum()), len(correct)),
        n=len(correct),
        protocol="always the most frequent class of the training split",
    )
    return metric, Artifact(f"{metric_id}.outcomes", {"correct": correct, "index": index})
