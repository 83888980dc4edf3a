"""The Python face: what a program or a notebook calls. The command line does the same through it."""

from importlib import import_module
from typing import TYPE_CHECKING

from swaveval.api.evaluating import evaluate
from swaveval.api.evaluation import Evaluation
from swaveval.api.monitor import Monitor

if TYPE_CHECKING:
    from swaveval.api.others import compare, sweep

__all__ = ["Evaluation", "Monitor", "compare", "evaluate", "sweep"]


def __getattr__(name: str) -> object:
    """What trains brings Lightning with it, seconds for who only evaluates."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("swaveval.api.others"), name)
