"""Mutants of a module: one replacement for each place that cosmic-ray's operators find, in a seeded order."""

import ast
import inspect
import random
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

OPERATOR_MODULES = (
    "binary_operator_replacement",
    "boolean_replacer",
    "break_continue",
    "comparison_operator_replacement",
    "number_replacer",
    "unary_operator_replacement",
    "zero_iteration_for_loop",
)
# Replacements from one kind to another (a sum of floats by a bit shift, a number compared by `is`) raise TypeError or
# change nothing: they would only swell the count.
KINDS = ({"Add", "Sub", "Mul", "Div", "FloorDiv", "Mod", "Pow"}, {"BitOr", "BitAnd", "BitXor"}, {"Is", "IsNot"})
_POSITIONAL = re.compile(r"(^ *|, )/,", re.MULTILINE)


@dataclass(frozen=True)
class Mutant:
    """A mutated module.

    Attributes:
        operator: cosmic-ray's.
        line: where, counted from 1.
        was, becomes: the first changed line, stripped.
        source: of the whole module.
    """

    operator: str
    line: int
    was: str
    becomes: str
    source: str


def mutants(source: str, *, seed: int, only: set[tuple[str, str]] | None = None) -> Iterator[Mutant]:
    """One mutant of each place, seeded, of those whose code differs outside docstrings and annotations.

    Args:
        only: (operator, line of code) of mutants that are known: then every one of these, in the order of the code.
    """
    from cosmic_ray.ast import Visitor, get_ast
    from cosmic_ray.mutating import mutate_code

    meaning, tree = _meaning(source), get_ast(source)
    places: dict[tuple[str, Any], list[tuple[Any, int]]] = defaultdict(list)
    for operator in _operators():
        found: list[Any] = []

        class Collector(Visitor):
            def visit(self, node: Any, operator: Any = operator, found: list[Any] = found) -> Any:
                found.extend(operator.mutation_positions(node))
                return node

        Collector().walk(tree)
        for occurrence, place in enumerate(found):
            places[type(operator).__name__.split("_")[0], place].append((operator, occurrence))
    draw = random.Random(seed)
    order = sorted(places)
    draw.shuffle(order)
    chosen = [(place, draw.choice(places[place])) for place in order]
    if only is not None:
        lines = [line.strip() for line in source.splitlines()]
        every = [(place, each) for place in sorted(places) for each in places[place]]
        chosen = [(at, each) for at, each in every if (type(each[0]).__name__, lines[at[1][0][0] - 1]) in only]
    for place, (operator, occurrence) in chosen:
        changed = mutate_code(source, operator, occurrence)
        # The star of a signature is no multiplication.
        if changed and not _POSITIONAL.search(changed) and _meaning(changed) not in (None, meaning):
            yield _mutant(type(operator).__name__, place[1][0][0], source, changed)


def _operators() -> list[Any]:
    """One instance of each of cosmic-ray's operators that is of use here."""
    found = []
    for name in OPERATOR_MODULES:
        module = import_module(f"cosmic_ray.operators.{name}")
        for candidate in vars(module).values():
            defined = inspect.isclass(candidate) and candidate.__module__ == module.__name__
            if defined and hasattr(candidate, "mutation_positions") and _useful(candidate.__name__):
                found.append(candidate())
    return found


def _useful(name: str) -> bool:
    family, *ends = name.split("_")
    if family == "ReplaceUnaryOperator":
        return ends[0] == "Delete"
    return all(set(ends) <= kind or not set(ends) & kind for kind in KINDS)


def _meaning(source: str) -> str | None:
    """The code without docstrings and annotations; None if it is not Python."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.returns = None
            for argument in (*node.args.args, *node.args.kwonlyargs):
                argument.annotation = None
        if isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(0)
        body = getattr(node, "body", None)
        first = body[0] if isinstance(body, list) and body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            first.value = ast.Constant("")
    return ast.dump(tree)


def _mutant(operator: str, line: int, source: str, changed: str) -> Mutant:
    pairs = zip(source.splitlines(), changed.splitlines(), strict=False)
    was, becomes = next(((one, other) for one, other in pairs if one != other), ("", ""))
    return Mutant(operator, line, was.strip(), becomes.strip(), changed)
