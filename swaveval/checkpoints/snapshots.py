"""Weights of one network at several moments of its training, as a source of checkpoints.

The network itself stays in memory; each moment's weights are a safetensors file until it is evaluated. What was found
in it is remembered (`results/snapshots.json`), so that it stays in the series when its file is removed.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from swaveval.checkpoints.backbone import Backbone
from swaveval.checkpoints.live import backbone_of
from swaveval.checkpoints.load_report import LoadReport
from swaveval.checkpoints.names import read_name
from swaveval.checkpoints.options import LoadOptions
from swaveval.checkpoints.refusal import CheckpointRefused
from swaveval.checkpoints.source import Entry, as_normalisation, weights_kept
from swaveval.errors import SwavevalError
from swaveval.results.atomic import atomic_path, write_bytes
from swaveval.results.encoding import seal, unseal

SUFFIX = ".safetensors"
_NUMBERED = re.compile(r"(\d{6,}) (.+)\.safetensors")


class SnapshotError(SwavevalError):
    """The weights of a network cannot be kept, or are not those of the network that was given before."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When weights were as they are. At least one of the two is known.

    Attributes:
        epoch: finished epochs, 0 before the first. step: optimiser steps taken.
    """

    epoch: float | None = None
    step: int | None = None

    @property
    def name(self) -> str:
        """What pages call it; `moment_of` reads it back."""
        parts = [f"epoch {self.epoch:g}"] if self.epoch is not None else []
        return ", ".join([*parts, *([f"step {self.step}"] if self.step is not None else [])])

    @classmethod
    def of(cls, name: str) -> "Moment":
        read = read_name(name)
        return cls(read.epoch, read.step)

    def is_before(self, other: "Moment") -> bool:
        """Whether it is earlier, by steps where both know them, else by epochs."""
        if self.step is not None and other.step is not None:
            return self.step < other.step
        return self.epoch is not None and other.epoch is not None and self.epoch < other.epoch


class Snapshots:
    """The snapshots below a directory, in the order they were taken."""

    ordered = True

    def __init__(self, directory: Path, ledger: Path, network: nn.Module) -> None:
        """Args:
        directory: of the files. ledger: what was found in each. network: one that the weights fit into.
        """
        self.directory, self.ledger, self.network = directory, ledger, network
        self.normalisation: Mapping[str, Any] = as_normalisation(self._body().get("normalisation", {}))

    # -- writing -------------------------------------------------------------------------------------------------------

    def check(self, moment: Moment, weights: Mapping[str, Tensor]) -> None:
        """Raises SnapshotError where the weights of a moment are not those of this network."""
        state = self.network.state_dict()
        expected = {name: value.shape for name, value in state.items() if isinstance(value, Tensor)}
        given = {name: value.shape for name, value in weights.items()}
        if given != expected:
            other = next(iter(sorted(set(given.items()) ^ set(expected.items()), key=lambda pair: pair[0])))[0]
            raise SnapshotError(
                f"the network at {moment.name} is not the one that was given before: {other} differs; one monitor "
                "takes one network"
            )

    def take(self, moment: Moment, weights: Mapping[str, Tensor]) -> None:
        """Keep weights, which `check` has seen, as those of a moment; by one thread at a time.

        Raises:
            OSError: the disk is full.
        """
        number = 1 + max((int(found[1]) for found in self._files().values()), default=0)
        number = max(number, 1 + len(self.known()))
        with atomic_path(self.directory / f"{number:06d} {moment.name}{SUFFIX}") as temporary:
            # Not `save_file`: it writes another file beside this one, which a kill leaves under a name of its own.
            temporary.write_bytes(save({name: value.contiguous() for name, value in weights.items()}))

    def forget(self, since: Moment) -> list[str]:
        """Leave out what is not before a moment: a training that begins there takes these steps again."""
        gone = [name for name in (entry.name for entry in self.entries()) if not Moment.of(name).is_before(since)]
        for name in gone:
            for path in self._paths(name):
                path.unlink(missing_ok=True)
        self._write({name: report for name, report in self.known().items() if name not in gone})
        return gone

    def learn(self, reports: Mapping[str, Mapping[str, Any]]) -> list[str]:
        """Take note of what was found in each entry; gives the names of those that were new."""
        known = self.known()
        fresh = {name: dict(report) for name, report in reports.items() if name not in known}
        if fresh:
            self._write(known | fresh)
        return list(fresh)

    def keep(self, names: Iterable[str]) -> None:
        """Remove the files of evaluated snapshots but for these, the first and the last."""
        known = list(self.known())
        kept = weights_kept(known, names)
        for name in known:
            if name not in kept:
                for path in self._paths(name):
                    path.unlink(missing_ok=True)

    def known(self) -> dict[str, Mapping[str, Any]]:
        """What was found in the snapshots that were evaluated, in their order."""
        try:
            return {str(one["name"]): one["report"] for one in self._body().get("snapshots", ())}
        except (KeyError, TypeError):
            return {}

    def waiting(self) -> list[str]:
        """Names of those that were not evaluated yet."""
        known = self.known()
        return [entry.name for entry in self.entries() if entry.name not in known]

    def place(self, name: str) -> Path | None:
        """The file of a snapshot; None where it is gone."""
        return next(iter(self._paths(name)), None)

    def _body(self) -> dict[str, Any]:
        """The ledger; empty where nothing was evaluated, or it is damaged."""
        try:
            body: dict[str, Any] = unseal(self.ledger.read_bytes())
            return body
        except (OSError, ValueError):
            return {}

    def _write(self, known: Mapping[str, Mapping[str, Any]]) -> None:
        found = [{"name": name, "report": report} for name, report in known.items()]
        body = {"schema": 1, "normalisation": dict(self.normalisation), "snapshots": found}
        write_bytes(self.ledger, seal(json.loads(json.dumps(body))))

    def _files(self) -> dict[Path, re.Match[str]]:
        found = {path: _NUMBERED.fullmatch(path.name) for path in sorted(self.directory.glob(f"*{SUFFIX}"))}
        return {path: match for path, match in found.items() if match is not None}

    def _paths(self, name: str) -> list[Path]:
        return [path for path, match in self._files().items() if match[2] == name]

    # -- as a source ---------------------------------------------------------------------------------------------------

    def entries(self) -> Sequence[Entry]:
        return [Entry(name) for name in dict.fromkeys([*self.known(), *(match[2] for match in self._files().values())])]

    def nothing(self) -> str:
        return f"no snapshot was taken yet in {self.directory}"

    def key(self, entry: Entry) -> str:
        return f"snapshot: {entry.name}"

    def unchanged(self, entry: Entry) -> bool:
        return False

    def beside(self, name: str) -> bytes | None:
        return None

    def is_gone(self, entry: Entry) -> bool:
        return self.place(entry.name) is None

    def report(self, entry: Entry) -> LoadReport | None:
        known = self.known().get(entry.name)
        return None if known is None else LoadReport.from_json(known)

    def backbone(self, entry: Entry, options: LoadOptions) -> Backbone:
        path = self.place(entry.name)
        if path is None:
            reason = "its snapshot was removed after it was evaluated"
            raise CheckpointRefused("refused", reason, LoadReport(file=entry.name, state="refused", refusal=reason))
        with torch.no_grad():
            self.network.load_state_dict(load_file(path), strict=False)  # `check` has seen that they are all there
        return backbone_of(entry.name, self.network)


def weights_of(network: nn.Module) -> dict[str, Tensor]:
    """A copy of all weights and buffers on the CPU. What is shared by two names is there twice.

    Raises:
        SnapshotError: they are spread over several processes.
    """
    state = network.state_dict()
    spread = [name for name, value in state.items() if type(value).__name__ in ("DTensor", "ShardedTensor")]
    if spread:
        raise SnapshotError(
            f"the weights are spread over several processes ({spread[0]} is a {type(state[spread[0]]).__name__}); "
            "have the training save checkpoints, and watch their directory (`swaveval run --watch`)"
        )
    return {name: value.detach().to("cpu", copy=True) for name, value in state.items() if isinstance(value, Tensor)}


def names_in_copy(weights: Mapping[str, Tensor], copy: nn.Module) -> dict[str, str]:
    """Names of weights to those that they have in a copy that was just made; {} where they are the same.

    Keras calls the layers of a copy otherwise.

    Raises:
        SnapshotError: the copy holds other weights.
    """
    inside = weights_of(copy)
    if inside.keys() == weights.keys():
        return {}
    pairs = list(zip(weights.items(), inside.items(), strict=False))
    same = all(a.shape == b.shape and torch.equal(a.float(), b.float()) for (_, a), (_, b) in pairs)
    if len(inside) != len(weights) or not same:
        raise SnapshotError("a copy of the network has other weights than itself; give the plain network inside it")
    return {name: other for (name, _), (other, _) in pairs}
