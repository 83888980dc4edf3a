"""Evaluators by name → what their cells' keys need; a broken plugin is found here and costs only its own cells."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from swaveval.evaluators.contract import described
from swaveval.evaluators.registry import PluginError, create, foreign
from swaveval.results.term import roles_from_json, terms_from_json
from swaveval.results.words import words_of
from swaveval.runs.plan import EvaluatorSpec
from swaveval.runs.plugins import PluginFailure, PluginHosts

DRIFT = EvaluatorSpec("drift", "", version=1, over_series=True, terms=words_of("drift"))
# Cells that no evaluator makes; with the built-in evaluators' names they are nobody else's.
OWN_CELLS = ("drift", "data")


def make_specs(sources: Sequence[str], hosts: PluginHosts | None = None) -> list[EvaluatorSpec]:
    """One spec per evaluator asked for, in that order.

    A plugin is made in its own process (`hosts`), so that importing it can neither end nor change this one.

    Raises:
        PluginError: no evaluator of that name or file is there, two are, one is asked for twice, or a built-in does
            not take these parameters: the user's mistakes, before anything is computed.
    """
    own = hosts if hosts is not None else PluginHosts()
    specs: dict[str, EvaluatorSpec] = {}
    try:
        for source in dict.fromkeys(sources):
            spec = DRIFT if source == "drift" else _foreign(source, own) if foreign(source) else _built_in(source)
            other = specs.get(spec.name)
            if other is not None and not spec.foreign:
                raise PluginError(
                    f"{spec.name} is asked for twice, as {other.source!r} and as {source!r}; a page shows one of them: "
                    "name the evaluators you want with --evaluators"
                )
            if spec.foreign and not spec.broken:
                spec = _without_collision(spec, other)
            if spec.broken:
                spec = _named_apart(spec, specs)
            specs[spec.name] = spec
    finally:
        if hosts is None:
            own.close()
    return list(specs.values())


def split_names(text: str) -> tuple[str, ...]:
    """`knn, linear(c=1,2)` as its parts: commas inside parentheses separate parameters, not evaluators."""
    return tuple(part.strip() for part in re.split(r",(?![^(]*\))", text) if part.strip())


def describe(source: str, hosts: PluginHosts) -> Mapping[str, Any]:
    """Name, version, needs, parameters, first line of the docstring, and whether it is one over the series.

    Raises:
        PluginError, PluginFailure: it cannot be made.
    """
    if source == DRIFT.name:  # made by `runs.drift` from the weights alone, and listed with the others all the same
        summary = "How far each layer moved from checkpoint to checkpoint, from the weights alone."
        return {"name": DRIFT.name, "version": DRIFT.version, "needs": ["weights"], "parameters": {},
                "summary": summary, "over_series": True}  # fmt: skip
    return hosts[source].describe() if foreign(source) else described(create(source))


def _built_in(source: str) -> EvaluatorSpec:
    return _spec(source, described(create(source)))


def _foreign(source: str, hosts: PluginHosts) -> EvaluatorSpec:
    try:
        return _spec(source, hosts[source].describe(), foreign=True)
    except PluginFailure as failure:
        return EvaluatorSpec(_class_name(source), source, broken=str(failure), foreign=True)


def _spec(source: str, facts: Mapping[str, Any], *, foreign: bool = False) -> EvaluatorSpec:
    return EvaluatorSpec(
        name=str(facts["name"]),
        source=source,
        version=int(facts["version"]),
        parameters=tuple(sorted(facts["parameters"].items())),
        over_series=bool(facts["over_series"]),
        foreign=foreign,
        terms=terms_from_json(facts.get("terms")),
        roles=roles_from_json(facts.get("roles")),
    )


def _without_collision(spec: EvaluatorSpec, other: EvaluatorSpec | None) -> EvaluatorSpec:
    """The spec, broken where its name, and so the ids of its metrics, are another's."""
    if _is_taken(spec.name):
        return _broken(spec, f"calls itself {spec.name!r}, the name of what swaveval itself brings")
    if other is not None:
        return _broken(spec, f"calls itself {spec.name!r}, as {other.source} does")
    return spec


def _broken(spec: EvaluatorSpec, fault: str) -> EvaluatorSpec:
    reason = f"{spec.source} {fault}; its metrics would pass for the other's: give it another name"
    return EvaluatorSpec(_class_name(spec.source), spec.source, broken=reason, foreign=True)


def _named_apart(spec: EvaluatorSpec, others: Iterable[str]) -> EvaluatorSpec:
    """A broken spec under a name that is nobody else's, so that its error is stored as its own."""
    name, count = spec.name, 1
    while name in others or _is_taken(name):
        count += 1
        name = f"{spec.name}-{count}"
    return EvaluatorSpec(name, spec.source, broken=spec.broken, foreign=True)


def _is_taken(name: str) -> bool:
    try:
        return name in OWN_CELLS or not foreign(name)
    except PluginError:
        return False


def _class_name(source: str) -> str:
    return source.split("(", 1)[0].rsplit(":", 1)[-1].strip() or "evaluator"
