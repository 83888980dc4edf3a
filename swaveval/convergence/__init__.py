"""A Series to a Verdict: statistics only, no torch, no HTML."""

from swaveval.convergence.judge import judge
from swaveval.convergence.verdict import Advice, Best, Evidence, LossState, Verdict, VerdictState

__all__ = ["Advice", "Best", "Evidence", "LossState", "Verdict", "VerdictState", "judge"]
