"""Words that travel with a metric, and what it may be for."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from swaveval.text import shortened

_PARAMETERS = re.compile(r"^(?P<base>[^\[]+)\[(?P<inside>.*)\]$", re.DOTALL)


class Role(StrEnum):
    """What an evaluator may declare a metric to be for; docs/plugins.md says what each does."""

    HEADLINE = "headline"
    SELECTS = "selects"
    CONFIRMS = "confirms"
    WITNESS = "witness"


@dataclass(frozen=True, slots=True)
class Term:
    """One metric in words.

    Attributes:
        label: what the page calls it.
        meaning: one line a newcomer understands.
        definition: the formula or procedure, with its source.
        short: label for legends, tiles and the terminal.
    """

    label: str
    meaning: str
    definition: str
    short: str = ""

    @property
    def brief(self) -> str:
        return self.short or self.label

    def to_json(self) -> list[str]:
        return [self.label, self.meaning, self.definition, self.short]

    @classmethod
    def from_json(cls, body: Sequence[Any]) -> "Term":
        """Made by somebody's code, or read from a file: without control characters, and no longer than a page bears."""
        label, meaning, definition, short = (*body, "", "", "", "")[:4]
        return cls(_plain(label, 80), _plain(meaning, 400), _plain(definition, 800), _plain(short, 40))


def base_id(metric_id: str) -> str:
    """`knn.top1[k=200,T=0.1]` → `knn.top1`."""
    match = _PARAMETERS.match(metric_id)
    return match["base"] if match else metric_id


def inside(metric_id: str) -> str:
    """`knn.top1[k=200,T=0.1]` → `k=200,T=0.1`; empty without parameters."""
    match = _PARAMETERS.match(metric_id)
    return match["inside"] if match else ""


def terms_to_json(terms: Mapping[str, Term]) -> list[list[Any]]:
    """Pairs, as their order is that of the page, and sealed files sort the keys of mappings."""
    return [[metric, term.to_json()] for metric, term in terms.items()]


def terms_from_json(body: Any) -> dict[str, Term]:
    """Metric id to its words, whatever of it can be read; the inverse of `terms_to_json`."""
    return {metric: Term.from_json(entry) for metric, entry in _pairs(body)}


def roles_to_json(roles: Mapping[str, Iterable[str]]) -> list[list[Any]]:
    return [[metric, [str(role) for role in entries]] for metric, entries in roles.items()]


def roles_from_json(body: Any) -> dict[str, tuple[str, ...]]:
    """Metric id to its roles, those that there are; the inverse of `roles_to_json`."""
    return {metric: tuple(role.value for role in Role if role.value in entry) for metric, entry in _pairs(body)}


def _pairs(body: Any) -> Iterator[tuple[str, list[Any]]]:
    for pair in body if isinstance(body, list) else ():
        if isinstance(pair, list) and len(pair) == 2 and isinstance(pair[1], list):
            yield _plain(pair[0], 120), pair[1]


def _plain(text: object, longest: int) -> str:
    return shortened(str(text), longest)
