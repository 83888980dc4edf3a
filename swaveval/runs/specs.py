"""Evaluators by name → what their cells' keys need; a broken plugin is found here and costs only its own cells."""

from collections.abc import Sequence

from swaveval.evaluators.contract import parameters
from swaveval.evaluators.registry import create
from swaveval.runs.evaluate import sentence
from swaveval.runs.plan import EvaluatorSpec

DRIFT = EvaluatorSpec("drift", "", version=1, over_series=True)


def make_specs(sources: Sequence[str]) -> list[EvaluatorSpec]:
    """One spec per evaluator asked for, in that order; the first of two with one name wins."""
    specs: dict[str, EvaluatorSpec] = {}
    for source in sources:
        if source == "drift":
            specs.setdefault("drift", DRIFT)  # from weights alone, so not an evaluator of features
            continue
        try:
            evaluator = create(source)
        except Exception as error:
            name = source.split("(", 1)[0].rsplit(":", 1)[-1]
            specs.setdefault(name, EvaluatorSpec(name, source, broken=sentence(error)))
            continue
        specs.setdefault(
            evaluator.name,
            EvaluatorSpec(
                name=evaluator.name,
                source=source,
                version=evaluator.version,
                parameters=tuple(sorted(parameters(evaluator).items())),
                over_series=bool(getattr(evaluator, "over_series", False)),
            ),
        )
    return list(specs.values())
