"""Numbers and clauses of the sentence. Points are percentage points."""

from collections.abc import Sequence

from swaveval.convergence.loss import Since
from swaveval.convergence.verdict import LossState


def points(effect: float) -> str:
    """`8.1`, of a fraction; without its sign."""
    return f"{100 * abs(effect):.1f}"


def signed(effect: float) -> str:
    rounded = round(100 * effect, 1) + 0.0  # no −0.0
    return f"{rounded:+.1f}".replace("-", "−")


def p_text(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def half_width(interval: tuple[float, float]) -> float:
    return (interval[1] - interval[0]) / 2


def compared(metric: str, effect: float, interval: tuple[float, float], n: int, p: float, *, than: str) -> str:
    """`kNN is 3.7 ± 4.8 points above 3 untrained networks (n = 450, paired, p = 0.13)`."""
    place = "above" if effect >= 0 else "below"
    reach = points(half_width(interval))
    return f"{metric} is {points(effect)} ± {reach} points {place} {than} (n = {n:,}, paired, {p_text(p)})"


def moved(metric: str, effect: float, interval: tuple[float, float], n: int, p: float) -> str:
    """`kNN rose 8.1 ± 1.3 points (n = 450, paired, p < 0.001)`; what rounds to nothing changed."""
    by = f"{points(effect)} ± {points(half_width(interval))} points (n = {n:,}, paired, {p_text(p)})"
    verb = "changed by" if points(effect) == "0.0" else "rose" if effect > 0 else "fell"
    return f"{metric} {verb} {by}"


def _place(axis: str, place: float) -> str:
    """`epoch 5`; a log with an axis of its own is quoted in its own unit."""
    if axis == "row":
        return f"row {place:g} of its log"
    return f"checkpoint {place + 1:g}" if axis == "checkpoint" else f"{axis} {place:g}"


def loss_clause(loss: LossState, since: Since | None) -> str:
    """What the loss did, as a clause; empty when no loss was found."""
    if loss.state == "unknown" or loss.end is None:
        return ""
    place = "" if loss.ln_k is None else f"{100 * loss.end / loss.ln_k:.0f} % of ln K"
    if loss.state == "nan":
        return f"the loss became NaN (last finite value {loss.end:.3f})"
    if loss.state == "flat" and since is not None:
        sits = f" and sits at {place}" if place else ""
        of = "" if since.range is None else f" of its range ({since.range:.2g})"
        return f"the loss moved only {100 * abs(since.change):.1f} %{of} since {_place(loss.axis, since.place)}{sits}"
    to = f" to {place}" if place else ""
    if loss.change is None:
        start = 0.0 if loss.start is None else loss.start
        verb = "fell" if loss.end < start else "rose"
        return f"the loss {verb} from {start:.2f} to {loss.end:.2f}".replace("-", "−")
    fell = loss.change < 0
    text = f"the loss {'fell' if fell else 'rose'} {100 * abs(loss.change):.0f} %{to}"
    if since is None or fell == (loss.state == "falling"):
        return text
    # Of two turns the later one is not to be missing.
    of = "" if since.range is None else f" of its range ({since.range:.2g})"
    turned = f"{'risen' if fell else 'fallen'} {100 * abs(since.change):.0f} %{of}"
    return f"{text} in all and has {turned} since {_place(loss.axis, since.place)}"


def loss_effect(loss: LossState, since: Since | None) -> float | None:
    """The change that `loss_clause` begins with, as a share."""
    return since.change if loss.state == "flat" and since is not None else loss.change


def listed(names: Sequence[str], *, last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`; or with another word before the last."""
    return f" {last} ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def ending(rows: Sequence[int]) -> str:
    """When these last checkpoints were: the last third of training may be one of them."""
    return "over the last third of training" if len(rows) > 1 else "at the end"


# One difference from untrained networks has three errors, by what is asked; the names tell them apart.
def untrained_networks(count: int) -> str:
    """`3 untrained networks`, for one where this run may have begun: that it began at yet another one is counted."""
    return f"{count} untrained network{'s' if count > 1 else ''}"


def average_untrained(count: int) -> str:
    """`untrained networks on average (3 seen)`: that few were seen is counted."""
    return f"untrained networks on average ({count} seen)"


def these_untrained(count: int) -> str:
    """`these 3 untrained networks`: how far such networks are apart is not counted."""
    return f"these {count} untrained networks" if count > 1 else "this untrained network"
