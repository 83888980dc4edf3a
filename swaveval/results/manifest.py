"""The manifest of an evaluation: what was evaluated, on what, how. Stored beside the cells as `results/run.json`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from swaveval.results.checkpoint import CheckpointRecord
from swaveval.results.loss import LossCurve
from swaveval.results.term import Term, roles_from_json, roles_to_json, terms_from_json, terms_to_json

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class DataSummary:
    """What the page says about the images.

    Attributes:
        name: short name (`digits`, the directory's name).
        path: where they were, as the user gave it.
        fingerprint: SHA-256 over names, contents, labels and split.
        n_train, n_test: images in each split; without labels the split still exists (kNN bank and queries).
        class_names: in label order; empty without labels.
        labelled: whether labels exist.
        split: how the split came about, in words.
        transform: id of the eval transform.
        audit: counts and lists for the data audit: broken files with reasons, duplicates, sizes, class counts.
        label_origin: where the labels came from, or why there are none (`none: …`), in words.
        whole: how many images these were drawn from; 0 where all were taken. sample: how, in words.
        precision: of the networks (`fp32`, `bf16`, `fp16`). precision_why: how it was chosen, in words.
    """

    name: str
    path: str
    fingerprint: str
    n_train: int
    n_test: int
    class_names: tuple[str, ...] = ()
    labelled: bool = False
    split: str = ""
    transform: str = ""
    audit: Mapping[str, Any] = field(default_factory=dict)
    label_origin: str = ""
    precision: str = "fp32"
    precision_why: str = ""
    whole: int = 0
    sample: str = ""


@dataclass(frozen=True, slots=True)
class RunManifest:
    """Everything about an evaluation except its numbers.

    Attributes:
        name: the run's name on pages and in comparisons.
        data: the images.
        checkpoints: checkpoint files in natural order, then baselines.
        evaluators: (name, version, parameters) of each evaluator asked for, in page order.
        loss: the training loss, or None when none was found.
        hyperparameters: flat training settings (`prototypes`, `epsilon`, `temperature` …), as far as known.
        training_seconds: wall-clock time of the finished epochs; None where no log says. training_epochs: how many.
        command: the command line that made it.
        versions: package name to version, plus `python` and `machine`.
        created: ISO 8601 UTC time.
        seed: the seed evaluators were called with.
        notes: sentences the page must carry (partial load, trusted file, clipped k …).
        cells: digests of the cells that belong to this evaluation.
        order: what the checkpoints' order was read from: `epoch`, `step` (inside the files or in their names),
            `name` (numbers that grow), `time` (modification times), `unknown` (names alone); empty where not kept.
        source: the checkpoint directory or file, relative to the directory of the results; empty where not kept.
        cell_names: digest to (evaluator, checkpoint), so that a cell that is gone can be named; {} in old manifests.
        terms: metric id (without parameters) to its words, as its evaluator declared them; {} in old manifests.
        roles: metric id to what its evaluator declared it to be for, values of `Role`; {} in old manifests.
        budget_seconds: what the evaluation was given of time; None where it was given all it needs.
        repaired: digest of a cell that was once damaged or missing and was computed again to the day (ISO 8601), as far
            as it belongs to this evaluation; {} in old manifests.
        recipe: digest of everything that was set for the training but its seed; equal for repeats. Empty where not
            everything is known.
    """

    name: str
    data: DataSummary
    checkpoints: tuple[CheckpointRecord, ...]
    evaluators: tuple[tuple[str, int, Mapping[str, Any]], ...] = ()
    loss: LossCurve | None = None
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    training_seconds: float | None = None
    command: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    created: str = ""
    seed: int = 0
    notes: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()
    order: str = ""
    source: str = ""
    cell_names: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    terms: Mapping[str, Term] = field(default_factory=dict)
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    training_epochs: int | None = None
    recipe: str = ""
    budget_seconds: float | None = None
    repaired: Mapping[str, str] = field(default_factory=dict)

    @property
    def reached(self) -> tuple[int, int]:
        """How many checkpoints are evaluated, and of how many that can be."""
        able = [one for one in self.checkpoints if one.kind == "checkpoint" and not one.alias]
        done = sum(one.evaluated for one in able)
        return done, done + sum(one.state == "waiting" for one in able)

    @property
    def evaluated(self) -> tuple[str, ...]:
        """Those of `cells` that an evaluator made, as a plan and a run count them: without the pictures of the page."""
        known = {name for name, _, _ in self.evaluators}
        return tuple(cell for cell in self.cells if cell not in self.cell_names or self.cell_names[cell][0] in known)

    def to_json(self) -> dict[str, Any]:
        data = {name: getattr(self.data, name) for name in DataSummary.__dataclass_fields__}
        return {
            "schema": SCHEMA_VERSION,
            "name": self.name,
            "data": data | {"class_names": list(self.data.class_names), "audit": dict(self.data.audit)},
            "checkpoints": [record.to_json() for record in self.checkpoints],
            "evaluators": [[name, version, dict(parameters)] for name, version, parameters in self.evaluators],
            "loss": None if self.loss is None else self.loss.to_json(),
            "hyperparameters": dict(self.hyperparameters),
            "training_seconds": self.training_seconds,
            "command": self.command,
            "versions": dict(self.versions),
            "created": self.created,
            "seed": self.seed,
            "notes": list(self.notes),
            "cells": list(self.cells),
            "order": self.order,
            "source": self.source,
            "cell_names": {digest: list(names) for digest, names in self.cell_names.items()},
            "terms": terms_to_json(self.terms),
            "roles": roles_to_json(self.roles),
            "training_epochs": self.training_epochs,
            "recipe": self.recipe,
            "budget_seconds": self.budget_seconds,
            "repaired": dict(self.repaired),
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "RunManifest":
        if body.get("schema", 0) > SCHEMA_VERSION:
            raise ValueError(f"written by a newer swaveval (manifest schema {body['schema']})")
        data = {name: body["data"][name] for name in DataSummary.__dataclass_fields__ if name in body["data"]}
        data["class_names"] = tuple(data.get("class_names", ()))
        loss = body.get("loss")
        return cls(
            name=body["name"],
            data=DataSummary(**data),
            checkpoints=tuple(CheckpointRecord.from_json(record) for record in body["checkpoints"]),
            evaluators=tuple((name, version, parameters) for name, version, parameters in body.get("evaluators", ())),
            loss=None if loss is None else LossCurve.from_json(loss),
            hyperparameters=body.get("hyperparameters", {}),
            training_seconds=body.get("training_seconds"),
            command=body.get("command", ""),
            versions=body.get("versions", {}),
            created=body.get("created", ""),
            seed=body.get("seed", 0),
            notes=tuple(body.get("notes", ())),
            cells=tuple(body.get("cells", ())),
            order=body.get("order", ""),
            source=body.get("source", ""),
            cell_names={digest: (names[0], names[1]) for digest, names in body.get("cell_names", {}).items()},
            terms=terms_from_json(body.get("terms")),
            roles=roles_from_json(body.get("roles")),
            training_epochs=body.get("training_epochs"),
            recipe=str(body.get("recipe") or ""),
            budget_seconds=body.get("budget_seconds"),
            repaired={str(name): str(day) for name, day in dict(body.get("repaired") or {}).items()},
        )
