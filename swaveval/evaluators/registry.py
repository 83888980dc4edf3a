"""Evaluators by name: entry points of the group `swaveval.evaluators`, loaded only when asked for.

The built-ins are registered like anybody's, in pyproject.toml. A specification is what the command line takes:
`knn`, `knn(k=10)`, `package.module:Class`, `./mine.py:Class(threshold=0.5)`.
"""

import ast
import difflib
import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from swaveval.errors import SwavevalError
from swaveval.evaluators.contract import BadWords, Evaluator, Need, SeriesEvaluator, words

GROUP = "swaveval.evaluators"
OWN = "swaveval.evaluators."  # modules of the built-in evaluators

AnyEvaluator = Evaluator | SeriesEvaluator


class PluginError(SwavevalError):
    """An evaluator cannot be had; the sentence says which, from where, and why."""


class UnknownEvaluator(PluginError):
    """No evaluator of that name is installed."""


class DuplicateName(PluginError):
    """Two installed packages give an evaluator the same name."""


@dataclass(frozen=True, slots=True)
class Plugin:
    """An installed evaluator, known by name only: nothing of it has been imported.

    Attributes:
        name: what it is asked for by.
        target: `module:Class`.
        distribution: the package that brings it, with its version.
    """

    name: str
    target: str
    distribution: str

    @property
    def built_in(self) -> bool:
        return self.target.startswith(OWN)


def available() -> tuple[Plugin, ...]:
    """Every installed evaluator, sorted by name, without importing any; a built-in's name is nobody else's.

    Raises:
        DuplicateName: two plugins have one name.
    """
    found: dict[str, Plugin] = {}
    for plugin in sorted(_installed(), key=lambda plugin: not plugin.built_in):
        other = found.setdefault(plugin.name, plugin)
        if other.built_in:
            continue  # said by `overshadowed`
        if other.target != plugin.target:
            raise DuplicateName(
                f"two evaluators are called {plugin.name!r}: {other.target} from {other.distribution} and "
                f"{plugin.target} from {plugin.distribution}; uninstall one of them"
            )
    return tuple(found[name] for name in sorted(found))


def overshadowed() -> tuple[str, ...]:
    """One sentence for each installed plugin that cannot be had because a built-in evaluator has its name."""
    plugins = tuple(_installed())
    own = {plugin.name for plugin in plugins if plugin.built_in}
    return tuple(
        f"{plugin.target} from {plugin.distribution} calls itself {plugin.name!r}, which is a built-in evaluator's "
        "name; it is left out until it has another"
        for plugin in plugins
        if plugin.name in own and not plugin.built_in
    )


def _installed() -> Iterator[Plugin]:
    return (Plugin(point.name, point.value, _distribution(point)) for point in entry_points(group=GROUP))


def foreign(specification: str) -> bool:
    """Whether an evaluator is somebody else's: a plugin, a module or a file that does not belong to swaveval.

    Raises:
        UnknownEvaluator, DuplicateName: as for `create`. PluginError: the file it names is not there.
    """
    target, _ = _split(specification)
    if ":" not in target:
        target = _named(target).target
    elif (place := target.rpartition(":")[0]).endswith(".py") and not Path(place).expanduser().is_file():
        raise PluginError(f"evaluator {target} cannot be loaded: there is no file {place}")
    return not target.startswith(OWN)


def create(specification: str) -> AnyEvaluator:
    """The evaluator that a specification names, with its default parameters or those in parentheses.

    Raises:
        PluginError: it is not installed, cannot be imported, does not take these parameters, or is no evaluator.
    """
    target, arguments = _split(specification)
    return build(target, arguments)


def build(target: str, parameters: Mapping[str, Any]) -> AnyEvaluator:
    """An evaluator by name, `module:Class` or `path.py:Class`, with the given parameters.

    With the name and the parameters of a stored result it rebuilds what produced it; lists, which is what JSON makes
    of tuples, become tuples again.

    Raises:
        PluginError: as for `create`.
    """
    if ":" in target:
        origin, factory = target, _from_target(target)
        expected = None
    else:
        plugin = _named(target)
        origin, factory, expected = f"{target} (from {plugin.distribution})", _from_target(plugin.target), target
    evaluator = _construct(origin, factory, {name: _tuples(value) for name, value in parameters.items()})
    _check(origin, evaluator, expected)
    return evaluator


def _named(name: str) -> Plugin:
    plugins = {plugin.name: plugin for plugin in available()}
    if name not in plugins:
        near = "".join(f" (did you mean {found}?)" for found in difflib.get_close_matches(name, plugins, n=1))
        raise UnknownEvaluator(
            f"no evaluator called {name!r}{near}; installed are {', '.join(plugins) or 'none'}, "
            "and a file of your own is named as path.py:Class"
        )
    return plugins[name]


def _split(specification: str) -> tuple[str, dict[str, Any]]:
    """`knn(k=10)` to (`knn`, {k: 10}); the values are Python literals, nothing is evaluated."""
    text = specification.strip()
    if not text.endswith(")"):
        return text, {}
    opening = _opening(text)
    target, arguments = text[:opening], text[opening + 1 : -1]
    try:
        call = ast.parse(f"f({arguments})", mode="eval").body
        if not isinstance(call, ast.Call) or call.args:
            raise ValueError("only keyword=value is understood")
        values = {str(entry.arg): ast.literal_eval(entry.value) for entry in call.keywords if entry.arg}
        if len(values) != len(call.keywords):
            raise ValueError("only keyword=value is understood")
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError) as error:
        raise PluginError(
            f"cannot read the parameters of {specification!r} ({_line(error)}); write them as name(k=10, ks=(1, 20))"
        ) from None
    return target.strip(), values


def _opening(text: str) -> int:
    """Where the parenthesis opens that the last character closes (a path may hold others); 0 when it does not."""
    depth = 0
    for position in range(len(text) - 1, 0, -1):
        depth += {")": 1, "(": -1}.get(text[position], 0)
        if depth == 0:
            return position
    return 0


def _from_target(target: str) -> Any:
    """Import what `module:Class` or `path.py:Class` names."""
    place, _, attribute = target.rpartition(":")
    try:
        module = _load_file(Path(place)) if place.endswith(".py") else importlib.import_module(place)
        found: Any = module
        for part in attribute.split("."):
            found = getattr(found, part)
    except KeyboardInterrupt:
        raise
    # Whatever a plugin's import does, SystemExit included, costs that plugin's cells and nothing else.
    except BaseException as error:
        raise PluginError(f"evaluator {target} cannot be loaded: {type(error).__name__}: {_line(error)}") from error
    return found


def _load_file(path: Path) -> Any:
    """Import a single file under a name of its own, the same for the same path."""
    resolved = path.expanduser().resolve()
    if not resolved.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    name = f"swaveval_file_{hashlib.sha256(str(resolved).encode()).hexdigest()[:16]}"
    specification = importlib.util.spec_from_file_location(name, resolved)
    if specification is None or specification.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module  # dataclasses look their module up there
    try:
        specification.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _construct(origin: str, factory: Any, parameters: dict[str, Any]) -> Any:
    if not callable(factory):
        raise PluginError(f"evaluator {origin} is a {type(factory).__name__}, not a class")
    known = [entry.name for entry in fields(factory) if entry.init] if is_dataclass(factory) else None
    unknown = [] if known is None else [name for name in parameters if name not in known]
    if unknown:
        raise PluginError(
            f"evaluator {origin} has no parameter {', '.join(unknown)}; it has {', '.join(known or ()) or 'none'}"
        )
    try:
        return factory(**parameters)
    except Exception as error:
        raise PluginError(f"evaluator {origin} cannot be made: {type(error).__name__}: {_line(error)}") from error


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


def _distribution(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist is not None else "an unknown package"


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list | tuple) else value


def _line(error: BaseException) -> str:
    """The first line of an exception's text, not longer than a terminal likes."""
    return (str(error).strip().splitlines() or [""])[0][:300]
