"""What each metric is called and means on a page: in the words stored with the results, else the built-in ones."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from swaveval.results import RunManifest, Term
from swaveval.results.term import base_id, inside
from swaveval.results.words import GROUPS, TERMS

_IDS = re.compile(r"\b[a-zA-Z_][a-zA-Z0-9_]*\.[a-zA-Z0-9_]+(?:\[[^\]\s]*\])?")
_UNKNOWN = Term("", "Its evaluator declares no words for it.", "No definition was declared.")


@dataclass(frozen=True, slots=True)
class Glossary:
    """The words of one evaluation, or of several side by side.

    Attributes:
        stored: metric id to its words, as declared by the evaluators.
        order: names of the evaluators as they were asked for.
    """

    stored: Mapping[str, Term] = field(default_factory=dict)
    order: tuple[str, ...] = ()

    @classmethod
    def of(cls, manifests: Iterable[RunManifest]) -> "Glossary":
        """Of the first of them that has a metric's words."""
        stored: dict[str, Term] = {}
        order: dict[str, None] = {}
        for manifest in manifests:
            stored = {**manifest.terms, **stored}
            order |= dict.fromkeys(name for name, _, _ in manifest.evaluators)
        return cls(stored, tuple(order))

    def known(self, metric_id: str) -> Term | None:
        """Words stored or built in, with or without the id's parameters."""
        base = base_id(metric_id)
        return self.stored.get(metric_id) or self.stored.get(base) or TERMS.get(base)

    def term(self, metric_id: str) -> Term:
        """The words for a metric; one that nobody declared words for is called by its id."""
        known = self.known(metric_id)
        if known is None:
            return Term(metric_id, _UNKNOWN.meaning, _UNKNOWN.definition)
        parameters = inside(metric_id)
        if not parameters or metric_id in self.stored:
            return known
        shots = parameters.removeprefix("shots=")
        if shots != parameters:
            return Term(f"{known.label}, {shots} per class", known.meaning, known.definition, f"{shots}-shot")
        spaced = parameters.replace(",", ", ")
        return Term(f"{known.label} ({spaced})", known.meaning, known.definition, f"{known.brief} ({spaced})")

    def in_words(self, text: str) -> str:
        """`text` with the ids of known metrics replaced by what the page calls them."""

        def named(match: re.Match[str]) -> str:
            return self.term(match[0]).label if self.known(match[0]) is not None else match[0]

        return _IDS.sub(named, text)

    def page_order(self, metric_ids: Iterable[str]) -> tuple[str, ...]:
        """Metric ids in the glossary's order, others behind them as declared, variants behind their headline."""
        known = {name: position for position, name in enumerate((*TERMS, *(n for n in self.stored if n not in TERMS)))}
        evaluators = {name: position for position, name in enumerate((*GROUPS, *self.order))}
        evaluators |= {name: position for position, name in enumerate(GROUPS)}

        def place(metric_id: str) -> tuple[int, int, str]:
            evaluator = metric_id.split(".", 1)[0]
            found = known.get(base_id(metric_id), len(known))
            return evaluators.get(evaluator, len(evaluators)), found, _padded(metric_id)

        return tuple(sorted(metric_ids, key=place))


def group(metric_id: str) -> str:
    """The heading a metric stands under."""
    evaluator = metric_id.split(".", 1)[0]
    return GROUPS.get(evaluator, evaluator)


def anchor(metric_id: str) -> str:
    """The id of a metric's definition inside the page."""
    return "def-" + re.sub(r"[^a-z0-9]+", "-", base_id(metric_id).lower())[:80].strip("-")


def _padded(text: str) -> str:
    """Whole numbers padded, so that `shots=5` stands before `shots=10`, and `eps=0.025` before `eps=0.1`."""
    return re.sub(r"(?<![.\d])\d{1,12}", lambda match: match[0].zfill(12), text)
