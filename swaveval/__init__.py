"""swaveval: is this self-supervised model learning, and which checkpoint should I use?"""

__version__ = "0.1.0"

# Not typing's: nothing may be imported before the current directory is off the path (`python -m swaveval.cli.app`).
TYPE_CHECKING = False
if TYPE_CHECKING:
    from swaveval import lightning
    from swaveval.api import Evaluation, Monitor, compare, evaluate, sweep

__all__ = ["Evaluation", "Monitor", "__version__", "compare", "evaluate", "lightning", "sweep"]


def __getattr__(name: str) -> object:
    """The face is imported when it is asked for: `import swaveval` takes no time and no torch."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    if name == "lightning":
        return import_module("swaveval.lightning")
    return getattr(import_module("swaveval.api"), name)
