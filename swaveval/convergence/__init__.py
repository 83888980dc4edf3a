"""A Series to a Verdict: statistics only, no torch, no HTML."""

from typing import TYPE_CHECKING, Any

from swaveval.convergence.verdict import Advice, Best, Evidence, LossState, Verdict, VerdictState

if TYPE_CHECKING:
    from swaveval.convergence.judging import judge

__all__ = ["Advice", "Best", "Evidence", "LossState", "Verdict", "VerdictState", "judge"]


def __getattr__(name: str) -> Any:
    """`judge` is imported when it is asked for: scipy's statistics take a second, and a verdict can be read without."""
    if name != "judge":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from swaveval.convergence.judging import judge

    return judge
