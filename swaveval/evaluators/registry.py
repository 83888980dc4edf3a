"""Evaluators by name: entry points of the group `swaveval.evaluators`, loaded only when asked for.

The built-ins are registered like anybody's, in pyproject.toml. How one is named: `swaveval.specification`.
"""

from collections.abc import Mapping
from typing import Any

from swaveval.evaluators.contract import BadWords, Evaluator, Need, SeriesEvaluator, words
from swaveval.specification import DuplicateName, Installed, Kind, PluginError, UnknownName, is_missing_file, split

KIND = Kind("evaluator", "swaveval.evaluators", advice="a file of your own is named as path.py:Class")

AnyEvaluator = Evaluator | SeriesEvaluator


def available() -> tuple[Installed, ...]:
    """Every installed evaluator, sorted by name, without importing any; a built-in's name is nobody else's.

    Raises:
        DuplicateName: two plugins have one name.
    """
    return KIND.available()


def overshadowed() -> tuple[str, ...]:
    """One sentence for each installed plugin that cannot be had because a built-in evaluator has its name."""
    plugins = tuple(KIND.installed())
    own = {plugin.name for plugin in plugins if plugin.built_in}
    return tuple(
        f"{plugin.target} from {plugin.distribution} calls itself {plugin.name!r}, which is a built-in evaluator's "
        "name; it is left out until it has another"
        for plugin in plugins
        if plugin.name in own and not plugin.built_in
    )


def foreign(specification: str) -> bool:
    """Whether an evaluator is somebody else's: a plugin, a module or a file that does not belong to swaveval.

    Raises:
        UnknownName, DuplicateName: as for `create`. PluginError: the file it names is not there.
    """
    target, _ = split(specification)
    if ":" not in target:
        target = KIND.named(target).target
    elif place := is_missing_file(target):
        raise PluginError(f"evaluator {target} cannot be loaded: there is no file {place}")
    return not target.startswith("swaveval.evaluators.")


def create(specification: str) -> AnyEvaluator:
    """The evaluator that a specification names, with its default parameters or those in parentheses.

    Raises:
        PluginError: it is not installed, cannot be imported, does not take these parameters, or is no evaluator.
    """
    target, arguments = split(specification)
    return build(target, arguments)


def build(target: str, parameters: Mapping[str, Any]) -> AnyEvaluator:
    """An evaluator by name, `module:Class` or `path.py:Class`, with the given parameters.

    With the name and the parameters of a stored result it rebuilds what produced it.

    Raises:
        PluginError: as for `create`.
    """
    origin, evaluator = KIND.build(target, parameters)
    _check(origin, evaluator, None if ":" in target else target)
    return evaluator


def _check(origin: str, evaluator: Any, expected: str | None) -> None:
    """Raise unless the object has what the contract asks for."""
    name, version, needs = (getattr(evaluator, entry, None) for entry in ("name", "version", "needs"))
    if not isinstance(name, str) or not name.isidentifier():
        raise PluginError(f"evaluator {origin} has the name {name!r}; it must be an identifier, as metric ids begin so")
    if expected is not None and name != expected:
        raise PluginError(f"evaluator {origin} calls itself {name!r}; entry point and name must agree")
    if not isinstance(version, int):
        raise PluginError(f"evaluator {origin} has the version {version!r}; it must be an integer")
    if not isinstance(needs, frozenset) or not all(isinstance(need, Need) for need in needs):
        raise PluginError(f"evaluator {origin} has the needs {needs!r}; they must be a frozenset of Need")
    if not callable(evaluator):
        raise PluginError(f"evaluator {origin} cannot be called with features")
    try:
        words(evaluator)
    except BadWords as error:
        raise PluginError(f"evaluator {origin} {error}") from None


__all__ = [
    "AnyEvaluator",
    "DuplicateName",
    "PluginError",
    "UnknownName",
    "available",
    "build",
    "create",
    "foreign",
    "overshadowed",
]
