"""Does an evaluator keep the contract? Everything that can be found out without knowing what it measures."""

import json
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from swaveval.errors import SwavevalError
from swaveval.evaluators.contract import Evaluator, NotFinite, SeriesEvaluator, Skip, is_over_series, parameters, unmet
from swaveval.evaluators.registry import PluginError, build, create
from swaveval.features.features import Features, FeatureSeries
from swaveval.results import Artifact, Cell, CellKey, Metric, ResultStore
from swaveval.results.metric import metric_fault, outcomes_fault
from swaveval.testing.synthetic import awkward_features, synthetic_features, synthetic_series

AnyEvaluator = Evaluator | SeriesEvaluator
# Metrics and artifacts, one hopes; whatever the evaluator under test came up with.
Produced = list[Any]


class ConformanceError(SwavevalError, AssertionError):
    """The evaluator breaks the contract; the text lists every way in which it does."""


def check(specification: str) -> None:
    """Raise unless the evaluator keeps the contract.

    Args:
        specification: an installed name, `module:Class` or `path.py:Class`, with parameters in parentheses if wanted.

    Raises:
        ConformanceError: with one line per violation.
    """
    found = list(violations(specification))
    if found:
        raise ConformanceError(f"{specification} breaks the contract:\n" + "\n".join(f"- {line}" for line in found))


def violations(specification: str) -> Iterator[str]:
    """Every violation of the contract that was found, as a sentence."""
    try:
        evaluator = create(specification)
    except PluginError as error:
        yield str(error)
        return
    yield from _parameters(specification, evaluator)
    usual: Features | FeatureSeries = synthetic_series() if is_over_series(evaluator) else synthetic_features()
    try:
        produced = _run(evaluator, usual)
    except (Skip, NotFinite) as refusal:
        produced = f"it refuses: {refusal}"
    if isinstance(produced, str):
        yield f"on ordinary features: {produced}"
        return
    digests = usual.digests if isinstance(usual, FeatureSeries) else ()
    yield from _output(evaluator, produced, digests)
    if not all(isinstance(item, Metric | Artifact) for item in produced):
        return
    yield from _storage(evaluator, produced)
    yield from _determinism(specification, usual, produced)
    yield from _awkward(evaluator, digests)


def _parameters(specification: str, evaluator: Any) -> Iterator[str]:
    """Parameters name a result and rebuild its evaluator, so they have to survive JSON."""
    if not is_dataclass(evaluator):
        yield "it is not a dataclass, so its parameters cannot be stored with its results"
        return
    if not getattr(type(evaluator), "__dataclass_params__").frozen:  # noqa: B009
        yield "its dataclass is not frozen: parameters that change between calls name nothing"
    try:
        text = json.dumps(parameters(evaluator), allow_nan=False)
    except (TypeError, ValueError) as error:
        yield f"its parameters are not JSON: {error}"
        return
    target = specification.split("(", 1)[0] if specification.endswith(")") else specification
    try:
        again = build(target, json.loads(text))
    except PluginError as error:
        yield f"it cannot be rebuilt from its stored parameters: {error}"
        return
    if parameters(again) != parameters(evaluator):
        yield f"rebuilt from {text} its parameters are {parameters(again)}"


def _run(evaluator: AnyEvaluator, features: Any) -> Produced | str:
    """What it produced, or how it failed, in words; warnings count as failures. Skip and NotFinite pass through."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Third parties announce their own future; that is not the evaluator's output.
        warnings.simplefilter("default", DeprecationWarning)
        warnings.simplefilter("default", FutureWarning)
        try:
            return list(evaluator(features, seed=0))
        except (Skip, NotFinite):
            raise
        except Exception as error:
            return f"{type(error).__name__}: {error}"


def _output(evaluator: AnyEvaluator, produced: Produced, digests: tuple[str, ...]) -> Iterator[str]:
    if not produced:
        yield "it yields nothing on ordinary features"
    strangers = {type(item).__name__ for item in produced if not isinstance(item, Metric | Artifact)}
    if strangers:
        yield f"it yields {', '.join(sorted(strangers))}: only Metric and Artifact can be stored"
        return
    places = [(item.id, item.checkpoint) for item in produced]
    for place in sorted({place for place in places if places.count(place) > 1}, key=str):
        yield f"it yields {place[0]} more than once"
    for item in produced:
        if not item.id.startswith(f"{evaluator.name}."):
            yield f"{item.id} does not begin with {evaluator.name}."
        if item.checkpoint is not None and item.checkpoint not in digests:
            yield f"{item.id} belongs to a checkpoint {item.checkpoint!r} that it was not given"
        yield from _metric(item) if isinstance(item, Metric) else _outcomes(item, produced)


def _metric(metric: Metric) -> Iterator[str]:
    if not metric.protocol:
        yield f"{metric.id} has no protocol: nobody could say what the number is"
    if why := metric_fault(metric):
        yield why


def _outcomes(artifact: Artifact, produced: Produced) -> Iterator[str]:
    """`M.outcomes` go with a metric M, whose value is their mean."""
    if not artifact.id.endswith(".outcomes"):
        return
    name = artifact.id.removesuffix(".outcomes")
    arrays = artifact.arrays
    if set(arrays) not in ({"correct", "index"}, {"share", "index"}):
        yield f"{artifact.id} holds {sorted(arrays)}; paired tests look for correct (or share) and index"
        return
    if why := outcomes_fault(arrays):
        yield f"{artifact.id}: {why}"
        return
    values, index = arrays.get("correct", arrays.get("share")), arrays["index"]
    assert values is not None
    if values.dtype not in (np.bool_, np.float32) or index.dtype != np.int32:
        yield f"{artifact.id} must be bool (a share: float32) and int32, found {values.dtype} and {index.dtype}"
    metrics = [m for m in produced if isinstance(m, Metric) and (m.id, m.checkpoint) == (name, artifact.checkpoint)]
    if not metrics:
        yield f"{artifact.id} belongs to no metric {name}"
    elif len(values) and abs(metrics[0].value - (mean := float(values.mean(dtype=np.float64)))) > 1e-6:
        yield f"{name} is {metrics[0].value}, but {mean} of its outcomes are correct"


def _storage(evaluator: AnyEvaluator, produced: Produced) -> Iterator[str]:
    """What is read back must be what was yielded."""
    metrics = tuple(item for item in produced if isinstance(item, Metric))
    artifacts = [item for item in produced if isinstance(item, Artifact)]
    key = CellKey("0" * 64, "0" * 64, "none", evaluator.name, evaluator.version, parameters(evaluator))
    with tempfile.TemporaryDirectory() as directory:
        store = ResultStore(Path(directory))
        try:
            stored = store.put(Cell(key, metrics=metrics), artifacts)
            read = store.get(key)
            arrays = store.artifacts(stored)
        except Exception as error:
            yield f"its results cannot be stored: {type(error).__name__}: {error}"
            return
    given: Produced = [*metrics, *artifacts]
    back: Produced = [] if read is None else [*read.metrics, *arrays]
    changed = [one.id for one, stored in zip(given, back, strict=False) if _bits([one]) != _bits([stored])]
    if changed or len(back) != len(given):
        which = ", ".join(changed[:5]) or "some are gone"
        yield f"its results read back differently from how they were stored: {which}"


def _determinism(specification: str, features: Any, produced: Produced) -> Iterator[str]:
    """The same bits a second time, from a new instance, on another number of threads."""
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1 if threads > 1 else 2)
        again = _run(create(specification), _fresh(features))
    finally:
        torch.set_num_threads(threads)
    if isinstance(again, str):
        yield f"the second time: {again}"
    elif _bits(again) != _bits(produced):
        yield "called again with the same features and seed, on another number of threads, it gives other numbers"


def _fresh(features: Any) -> Any:
    """The same inputs made anew: nothing may hang on what an earlier call left in them."""
    return synthetic_series() if isinstance(features, FeatureSeries) else synthetic_features()


def _awkward(evaluator: AnyEvaluator, digests: tuple[str, ...]) -> Iterator[str]:
    """Inputs whose needs are met must give values, a Skip with a sentence, or NotFinite."""
    for name, features in awkward_features():
        if unmet(evaluator.needs, features):
            continue
        given: Any = features
        if is_over_series(evaluator):
            given = FeatureSeries(digests, digests, dict.fromkeys(digests, features).__getitem__)
        try:
            produced = _run(evaluator, given)
        except (Skip, NotFinite) as refusal:
            if len(str(refusal).split()) < 3:
                yield f"on {name}: it refuses with {str(refusal)!r}, which is not a sentence"
            continue
        if isinstance(produced, str):
            yield f"on {name}: {produced}"
        else:
            yield from (f"on {name}: {line}" for line in _output(evaluator, produced, digests) if "nothing" not in line)


def _floats(pair: tuple[float | None, float | None] | None) -> list[str] | None:
    return None if pair is None else [str(end if end is None else float(end)) for end in pair]


def _bits(produced: Any) -> list[Any]:
    """Everything in it as comparable values; NaN equal to NaN, floats bit by bit."""
    made: list[Any] = []
    for item in produced:
        if isinstance(item, Metric):
            # JSON keeps 0 and 0.0 apart, and either may be written for a bound or a count.
            bounds, interval = (_floats(pair) for pair in (item.bounds, item.ci95))
            made.append(
                json.dumps(item.to_json() | {"value": repr(float(item.value)), "bounds": bounds, "ci95": interval})
            )
        else:
            arrays = {name: np.asarray(array) for name, array in item.arrays.items()}
            made.append((item.id, item.checkpoint, {n: (a.dtype.str, a.shape, a.tobytes()) for n, a in arrays.items()}))
    return made
