"""Evaluators that are not ours run in a process of their own: whatever one does costs its own cells and nothing else.

It protects against accidents (a crash, an exit, a hang, a global seed), not against code that means harm: a plugin has
the rights of whoever runs it.
"""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from swaveval.evaluators.contract import Skip
from swaveval.results import Artifact, Metric
from swaveval.results.metric import metric_fault
from swaveval.runs.child import Child, ChildDied, ChildHangs

# Generous: the slowest built-in takes seconds for thousands of images.
SECONDS = 600.0
SECONDS_PER_IMAGE = 0.02
IDLE_SECONDS = 120.0
IMPORT_SECONDS = 120.0
_MOST_DEATHS = 4  # in a row; then it is not started again in this run

Produced = tuple[Metric | Artifact, ...]


class PluginFailure(Exception):
    """A plugin did not give a result; the message is its cell's reason."""


class PluginDied(PluginFailure):
    """The process of a plugin ended."""


@dataclass(frozen=True, slots=True)
class StoredFeatures:
    """Where another process finds the features of one backbone.

    Attributes:
        directory: of the feature store.
        backbone, settings, data: what it knows them by.
        images: how many there are.
    """

    directory: Path
    backbone: str
    settings: str
    data: str
    images: int


@dataclass
class PluginHost:
    """The process of one plugin, started when first needed and again after it died."""

    source: str
    _child: Child | None = field(default=None, repr=False)
    _deaths: int = 0
    _given_up: str = ""

    def describe(self) -> Mapping[str, Any]:
        """`name`, `version`, `parameters`, `over_series` of the evaluator.

        Raises:
            PluginFailure: it cannot be made, or its import ends or hangs the process.
        """
        answer, _ = self._ask({"describe": self.source}, IMPORT_SECONDS, "while it was imported")
        if "broken" in answer:
            raise PluginFailure(str(answer["broken"]))
        return answer

    def evaluate(
        self, features: Sequence[StoredFeatures], *, seed: int, checkpoint: str, names: tuple[str, ...] | None = None
    ) -> Produced:
        """What it yields for the features (of one backbone, or of a series when `names` are given).

        A process that ends gets a second attempt in a fresh one; what raises or hangs does not.

        Raises:
            Skip: it has nothing to say about them. PluginFailure: it raised, died twice or hung.
        """
        request = {"evaluate": self.source, "features": list(features), "seed": seed, "names": names}
        seconds = SECONDS + SECONDS_PER_IMAGE * sum(place.images for place in features)
        try:
            answer, content = self._ask(request, seconds, f"on {checkpoint}")
        except PluginDied:  # once more in a fresh process: memory may have been short for a moment
            answer, content = self._ask(request, seconds, f"on {checkpoint}, twice")
        if "skipped" in answer:
            raise Skip(str(answer["skipped"]))
        if "broken" in answer:
            raise PluginFailure(str(answer["broken"]))
        return _unpacked(answer, content)

    def close(self) -> None:
        """End the process and whatever it has started."""
        if self._child is not None:
            self._child.kill()
        self._child = None

    def _ask(self, request: Mapping[str, Any], seconds: float, when: str) -> tuple[Mapping[str, Any], bytes]:
        if self._given_up:
            raise PluginFailure(self._given_up)
        try:
            if self._child is None or not self._child.lives:
                self._child = Child("swaveval.runs.plugin_process")
            self._child.send(request)
            answer = json.loads(self._child.receive(seconds=seconds, idle_seconds=IDLE_SECONDS))
            content = self._child.receive(seconds=seconds)
        except ChildHangs as hang:
            self._child = None
            self._given_up = f"{self.source} {hang} {when} and was ended; it is not tried again in this run"
            raise PluginFailure(self._given_up) from None
        except ChildDied as death:
            self._child = None
            self._deaths += 1
            reason = f"{self.source} ended its process {when}: it {death}"
            if self._deaths >= _MOST_DEATHS:
                self._given_up = f"{reason}; after {self._deaths} such ends it is not tried again in this run"
            raise PluginDied(reason) from None
        except BaseException:  # Ctrl-C: what it may still answer is for nobody
            self.close()
            raise
        self._deaths = 0
        return answer, content


@dataclass
class PluginHosts:
    """One host per plugin, made when asked for."""

    _hosts: dict[str, PluginHost] = field(default_factory=dict)

    def __getitem__(self, source: str) -> PluginHost:
        return self._hosts.setdefault(source, PluginHost(source))

    def close(self) -> None:
        for host in self._hosts.values():
            host.close()


def _unpacked(answer: Mapping[str, Any], content: bytes) -> Produced:
    """Metrics and artifacts from JSON and plain arrays: nothing of the plugin's own classes comes back.

    Raises:
        PluginFailure: a number contradicts its own interval, bounds or unit.
    """
    metrics = [Metric.from_json(body) for body in answer["metrics"]]
    if why := next(filter(None, map(metric_fault, metrics)), ""):
        raise PluginFailure(f"its numbers contradict one another, so nothing of it is kept: {why}")
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        arrays = dict(stored)
    artifacts = [
        Artifact(name, {key: arrays[f"{place}/{position}"] for position, key in enumerate(keys)}, owner)
        for place, (name, owner, keys) in enumerate(answer["artifacts"])
    ]
    return (*metrics, *artifacts)
