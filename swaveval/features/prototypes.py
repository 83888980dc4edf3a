"""What the SwaV head says of images and views, kept small while batches pass by."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from swaveval.features.features import PrototypeOutputs

Array = np.ndarray[Any, np.dtype[Any]]

# SwaV's own (2006.09882, main_swav.py) and lightly's SwaVLoss defaults.
_DEFAULTS = {"temperature": 0.1, "epsilon": 0.05, "sinkhorn_iterations": 3.0}
_VIEWS = 2  # of each image; all q of them would take as much room as the features


class HeadRecorder:
    """Collects prototype scores batch by batch.

    Args:
        weights: the prototypes, shape `(K, p)`.
        in_file: SwaV settings that the checkpoint tells.
        known: SwaV settings from the run's own record, which win.
    """

    def __init__(self, weights: Array, *, in_file: Mapping[str, Any], known: Mapping[str, float]) -> None:
        self.weights = weights
        self.settings, self.origin = _settings(in_file, known)
        self._assignment: list[Array] = []
        self._score: list[Array] = []
        self._views: list[Array] = []
        self._probability = np.zeros(len(weights))

    def add_images(self, scores: Array) -> None:
        """Scores `(b, K)` of the next images: train, then test."""
        self._assignment.append(scores.argmax(axis=1).astype(np.int32))
        self._score.append(scores.max(axis=1))
        logits = scores.astype(np.float64) / self.settings["temperature"]
        logits -= logits.max(axis=1, keepdims=True)
        probability = np.exp(logits, out=logits)
        probability /= probability.sum(axis=1, keepdims=True)
        self._probability += probability.sum(axis=0)

    def add_views(self, scores: Array, views: int) -> None:
        """Scores `(b · q, K)` of the q views of each of the next b images, image after image."""
        if views >= _VIEWS:
            self._views.append(scores.reshape(-1, views, scores.shape[1])[:, :_VIEWS].copy())

    def outputs(self, n_train: int) -> PrototypeOutputs:
        """Everything collected; the first `n_train` images are the train split."""
        assignment = np.concatenate([np.zeros(0, np.int32), *self._assignment])
        score = np.concatenate([np.zeros(0, np.float32), *self._score])
        return PrototypeOutputs(
            weights=self.weights,
            train_assignment=assignment[:n_train],
            test_assignment=assignment[n_train:],
            train_score=score[:n_train],
            test_score=score[n_train:],
            mean_probability=self._probability / max(1, len(assignment)),
            view_scores=np.concatenate(self._views) if self._views else None,
            temperature=self.settings["temperature"],
            epsilon=self.settings["epsilon"],
            sinkhorn_iterations=int(self.settings["sinkhorn_iterations"]),
            settings_origin=self.origin,
        )


def _settings(in_file: Mapping[str, Any], known: Mapping[str, float]) -> tuple[dict[str, float], str]:
    """Each setting from the best source there is, and a text that says which that was."""
    found: dict[str, float] = {}
    origins: dict[str, list[str]] = {}
    for name, default in _DEFAULTS.items():
        sources = (("from run.json", known), ("from the checkpoint", in_file), ("assumed", {name: default}))
        origin, value = next((origin, held[name]) for origin, held in sources if name in held)
        found[name] = float(value)
        origins.setdefault(origin, []).append(name.replace("_", " "))
    return found, "; ".join(f"{' and '.join(names)} {origin}" for origin, names in origins.items())
