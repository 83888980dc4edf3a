"""The few metrics that a small table shows: on the terminal, in a notebook."""

from swaveval.results.roles import TERMINAL, declared
from swaveval.results.series import Series
from swaveval.results.term import Role, base_id
from swaveval.results.words import GROUPS
from swaveval.text import shortened

LONGEST = 24
MOST_OWN = 2  # columns of an evaluator that is not built in


def columns_of(series: Series) -> list[tuple[str, str]]:
    """Metrics and what they are called, most important first.

    Of each evaluator that is not built in: what it declares a headline, else its first metric. They come right behind
    the first two, as who adds an evaluator wants to see what it says.
    """
    manifest = series.manifest
    headlines = declared(manifest, Role.HEADLINE)
    order = {name: place for place, name in enumerate(manifest.terms)}
    own: list[str] = []
    for evaluator in (name for name, _, _ in manifest.evaluators if name not in GROUPS):
        measured = [name for name in series.metric_ids if name.split(".", 1)[0] == evaluator]
        measured.sort(key=lambda name: order.get(base_id(name), len(order)))
        own += [name for name in measured if name in headlines][:MOST_OWN] or measured[:1]
    known = [(metric, label) for metric, label in TERMINAL.items() if metric in series.metric_ids]
    ahead = sum(metric in list(TERMINAL)[:2] for metric, _ in known)
    return [*known[:ahead], *((name, _called(series, name)) for name in own), *known[ahead:]]


def _called(series: Series, metric: str) -> str:
    term = series.manifest.terms.get(base_id(metric))
    return shortened(metric if term is None else term.brief, LONGEST)
