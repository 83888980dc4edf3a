"""The Python face: what a program or a notebook calls. The command line does the same through it."""

from swaveval.api.evaluating import evaluate
from swaveval.api.evaluation import Evaluation
from swaveval.api.monitor import Monitor
from swaveval.api.others import compare, sweep

__all__ = ["Evaluation", "Monitor", "compare", "evaluate", "sweep"]
