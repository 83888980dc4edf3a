"""Evaluators by name → what their cells' keys need; a broken plugin is found here and costs only its own cells."""

import re
from collections.abc import Sequence

from swaveval.evaluators.contract import parameters
from swaveval.evaluators.registry import DuplicateName, UnknownEvaluator, create
from swaveval.runs.evaluate import sentence
from swaveval.runs.plan import EvaluatorSpec

DRIFT = EvaluatorSpec("drift", "", version=1, over_series=True)


def make_specs(sources: Sequence[str]) -> list[EvaluatorSpec]:
    """One spec per evaluator asked for, in that order; the first of two with one name wins.

    Raises:
        UnknownEvaluator: no evaluator of that name is installed. DuplicateName: two are.
    """
    specs: dict[str, EvaluatorSpec] = {}
    for source in sources:
        if source == "drift":
            specs.setdefault("drift", DRIFT)  # from weights alone, so not an evaluator of features
            continue
        try:
            evaluator = create(source)
        except (UnknownEvaluator, DuplicateName):
            raise  # the user's mistake, not a plugin's: nothing has been computed yet
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


def split_names(text: str) -> tuple[str, ...]:
    """`knn, linear(c=1,2)` as its parts: commas inside parentheses separate parameters, not evaluators."""
    return tuple(part.strip() for part in re.split(r",(?![^(]*\))", text) if part.strip())
