"""The suite's run-time checks are there, above functions with named axes and above all others."""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from jaxtyping import Float, Int, TypeCheckError
from shape_checks import checked, jaxtyped, with_axes

from swaveval.convergence.paired import holm, paired_difference
from swaveval.data.splits import stratified_split
from swaveval.results import Metric


def test_functions_and_dataclasses_of_the_package_are_checked() -> None:
    with pytest.raises(TypeCheckError, match="p_values"):
        holm(3)  # type: ignore[arg-type]
    with pytest.raises(TypeCheckError, match="unit"):
        Metric("knn.top1", 0.5, unit=3, protocol="")  # type: ignore[arg-type]
    with pytest.raises(TypeCheckError, match="seed"):
        paired_difference(np.ones(3, bool), np.ones(3, bool), seed=0.5)  # type: ignore[arg-type]
    with pytest.raises(TypeCheckError):
        stratified_split(np.zeros((3, 2), int), ["a", "b", "c"], seed=0)  # type: ignore[arg-type]
    assert Metric("knn.top1", 1, protocol="").value == 1, "an int is a float"


def shaped(a: Float[np.ndarray, " n"], b: "Float[np.ndarray, ' n'] | None" = None) -> None:
    """Names axes, once in a string."""


def nested(each: list[tuple[int, Float[np.ndarray, " n"]]]) -> None:
    """Names axes inside of something else."""


def counted(rows: int, *, name: str = "") -> "list[int]":
    return [rows] if name else [name]  # type: ignore[list-item]


def counting(rows: int) -> Iterator[int]:
    yield rows


def later(of: "NotYet") -> "NotYet":  # type: ignore[name-defined]
    return of


def adding(amount: float, kind: type = int) -> Any:
    """A function in it for each amount, and for each type of what it takes."""

    @lambda function: jaxtyped(function, typechecker=checked)
    def add(to: kind, *, twice: bool = False) -> float:  # type: ignore[valid-type]
        """Adds."""
        return to + amount * (1 + twice)

    return add


@dataclass
class Row:
    number: int
    values: Int[np.ndarray, " n"] | None = None


def test_named_axes_are_compared_across_arguments() -> None:
    for function in (shaped, nested):
        assert inspect.signature(jaxtyped(function, typechecker=checked)) == inspect.signature(function)
    made = jaxtyped(shaped, typechecker=checked)
    made(np.zeros(3), np.zeros(3))
    with pytest.raises(TypeCheckError):
        made(np.zeros(3), np.zeros(4))
    with pytest.raises(TypeCheckError):
        jaxtyped(nested, typechecker=checked)([(1, np.zeros((2, 2)))])
    row: Any = jaxtyped(Row, typechecker=checked)
    row(1, np.zeros(3, int))
    with pytest.raises(TypeCheckError):
        row("1")


def test_without_axes_arguments_and_results_are_refused_as_jaxtyping_refuses_them() -> None:
    calls: list[tuple[Any, tuple[Any, ...], dict[str, Any]]] = [
        (counted, (3,), {"name": "a"}),
        (counted, ("3",), {"name": "a"}),
        (counted, (3,), {}),
        (counted, (3,), {"name": 1}),
        (counting, (3,), {}),
        (counting, ("3",), {}),
        (later, (3,), {}),
    ]
    for function, args, named in calls:
        refused = []
        for decorate in (jaxtyped, with_axes):
            try:
                decorate(function, typechecker=checked)(*args, **named)
                refused.append(False)
            except TypeCheckError:
                refused.append(True)
        assert refused[0] == refused[1], (function, args)
    assert (
        jaxtyped(later, typechecker=checked).__annotations__
        == later.__annotations__
        == dict.fromkeys(("of", "return"), "NotYet")
    )


def test_a_function_inside_another_is_checked_each_time_it_is_made() -> None:
    one, ten = adding(1), adding(10)
    assert one.__code__ is ten.__code__, "compiled once"
    assert (one(1), ten(1), ten(1, twice=True)) == (2, 11, 21)
    assert (ten.__name__, ten.__doc__, inspect.signature(ten)) == ("add", "Adds.", inspect.signature(one))
    for made in (one, ten):
        with pytest.raises(TypeCheckError):
            made("1")
        with pytest.raises(TypeCheckError):
            made(1, twice=3)
    with pytest.raises(TypeCheckError):
        adding(1j)(1)  # type: ignore[arg-type]  # what it returns
    of_words = adding(0, str)
    with pytest.raises(TypeCheckError):
        of_words(1)
