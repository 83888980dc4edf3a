"""What the command line names: `knn`, `knn(k=10)`, `package.module:Class`, `./mine.py:Class(threshold=0.5)`.

Evaluators, executors and exporters are found this way: by the name of an entry point, or by the place of their class.
"""

import ast
import difflib
import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import lru_cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from swaveval.errors import SwavevalError
from swaveval.neighbours import NEIGHBOURS


class PluginError(SwavevalError):
    """What was named cannot be had; the sentence says which, from where, and why."""


class UnknownName(PluginError):
    """Nothing of that name is installed."""


class DuplicateName(PluginError):
    """Two installed packages give the same name."""


@dataclass(frozen=True, slots=True)
class Installed:
    """An entry point, known by name only: nothing of it has been imported.

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
        return self.target.startswith("swaveval.")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of thing that packages bring.

    Attributes:
        word: what one is called in sentences: `evaluator`.
        group: of its entry points: `swaveval.evaluators`.
        methods: that one must have.
        advice: how else one may be named; ends the sentence on an unknown name.
    """

    word: str
    group: str
    methods: tuple[str, ...] = ()
    advice: str = "one of your own is named as module:Class or path.py:Class"

    def installed(self) -> Iterator[Installed]:
        """Every entry point of the group, as the installed packages name them."""
        return iter(_installed(self.group, tuple((place, _changed(place)) for place in sys.path)))

    def available(self) -> tuple[Installed, ...]:
        """Sorted by name, without importing any; the name of a built-in is nobody else's.

        Raises:
            DuplicateName: two packages that are not ours give one name.
        """
        found: dict[str, Installed] = {}
        for each in sorted(self.installed(), key=lambda each: not each.built_in):
            other = found.setdefault(each.name, each)
            if other.built_in or other.target == each.target:
                continue
            raise DuplicateName(
                f"two {self.word}s are called {each.name!r}: {other.target} from {other.distribution} and "
                f"{each.target} from {each.distribution}; uninstall one of them"
            )
        return tuple(found[name] for name in sorted(found))

    def named(self, name: str) -> Installed:
        """The entry point of that name.

        Raises:
            UnknownName, DuplicateName: there is none, or two.
        """
        known = {each.name: each for each in self.available()}
        if name not in known:
            near = "".join(f" (did you mean {found}?)" for found in difflib.get_close_matches(name, known, n=1))
            raise UnknownName(
                f"no {self.word} called {name!r}{near}; installed are {', '.join(known) or 'none'}, and {self.advice}"
            )
        return known[name]

    def make(self, specification: str) -> Any:
        """What `NAME`, `NAME(parameter=value)`, `module:Class` or `path.py:Class` names.

        Raises:
            PluginError: as for `build`, or it has not the methods of its kind.
        """
        origin, made = self.build(*split(specification))
        if not all(callable(getattr(made, method, None)) for method in self.methods):
            wanted = f"method{'s' if len(self.methods) > 1 else ''} {' and '.join(self.methods)}"
            raise PluginError(f"{self.word} {origin} has no {wanted}")
        return made

    def build(self, target: str, parameters: Mapping[str, Any]) -> tuple[str, Any]:
        """Where it came from, for sentences, and the object that `target` names, made with these parameters.

        Lists, which is what JSON makes of tuples, become tuples again.

        Raises:
            PluginError: it is not installed, cannot be imported, is no class, or does not take these parameters.
        """
        if ":" in target:
            origin, factory = target, self._imported(target)
        else:
            point = self.named(target)
            origin, factory = f"{target} (from {point.distribution})", self._imported(point.target)
        return origin, self._made(origin, factory, {name: _tuples(value) for name, value in parameters.items()})

    def _imported(self, target: str) -> Any:
        """Import what `module:Class` or `path.py:Class` names."""
        place, _, attribute = target.rpartition(":")
        try:
            module = _load_file(Path(place)) if place.endswith(".py") else importlib.import_module(place)
            found: Any = module
            for part in attribute.split("."):
                found = getattr(found, part)
        except KeyboardInterrupt:
            raise
        # Whatever a plugin's import does, SystemExit included, costs that plugin's work and nothing else.
        except BaseException as error:
            raise PluginError(
                f"{self.word} {target} cannot be loaded: {_line(error)}{_instead(target, error)}"
            ) from error
        return found

    def _made(self, origin: str, factory: Any, parameters: dict[str, Any]) -> Any:
        if not callable(factory):
            raise PluginError(f"{self.word} {origin} is a {type(factory).__name__}, not a class")
        known = [entry.name for entry in fields(factory) if entry.init] if is_dataclass(factory) else None
        unknown = [] if known is None else [name for name in parameters if name not in known]
        if unknown:
            raise PluginError(
                f"{self.word} {origin} has no parameter {', '.join(unknown)}; it has {', '.join(known or ()) or 'none'}"
            )
        try:
            return factory(**parameters)
        except Exception as error:
            raise PluginError(f"{self.word} {origin} cannot be made: {_line(error)}") from error


def split(specification: str) -> tuple[str, dict[str, Any]]:
    """`knn(k=10)` to (`knn`, {k: 10}); the values are Python literals, nothing is evaluated.

    Raises:
        PluginError: what stands in the parentheses is something else.
    """
    text = specification.strip()
    if not text.endswith(")"):
        return text, {}
    opening = _opening(text)
    target, arguments = text[:opening], text[opening + 1 : -1]
    try:
        call = ast.parse(f"f({arguments})", mode="eval").body
        if not isinstance(call, ast.Call) or call.args:
            raise ValueError("only keyword=value is understood")
        values = {str(entry.arg): _value(entry.value) for entry in call.keywords if entry.arg}
        if len(values) != len(call.keywords):
            raise ValueError("only keyword=value is understood")
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError) as error:
        raise PluginError(
            f"cannot read the parameters of {specification!r} ({_first(error)}); write them as name(k=10, ks=(1, 20))"
        ) from None
    return target.strip(), values


def is_missing_file(target: str) -> str:
    """The file that `path.py:Class` names where there is none, else an empty string."""
    place = target.rpartition(":")[0]
    return place if place.endswith(".py") and not Path(place).expanduser().is_file() else ""


def _instead(target: str, error: BaseException) -> str:
    """Advice where a module is not found."""
    place, _, attribute = target.rpartition(":")
    if not isinstance(error, ModuleNotFoundError):
        return ""
    if place.endswith(".py"):
        return f"; install {error.name}, lay it beside {Path(place).name}, or name its directory in PYTHONPATH"
    if error.name and f"{place}.".startswith(f"{error.name}."):
        file = f"{place.replace('.', '/')}.py"
        return f"; name its file ({file}:{attribute}), or its directory in PYTHONPATH: the current one is not looked in"
    return f"; install {error.name}, or name its directory in PYTHONPATH"


def _opening(text: str) -> int:
    """Where the parenthesis opens that the last character closes (a path may hold others); 0 when it does not."""
    depth = 0
    for position in range(len(text) - 1, 0, -1):
        depth += {")": 1, "(": -1}.get(text[position], 0)
        if depth == 0:
            return position
    return 0


def _load_file(path: Path) -> Any:
    """Import a single file under a name of its own, the same for the same path."""
    resolved = path.expanduser().resolve()
    if not resolved.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    name = f"swaveval_file_{hashlib.sha256(str(resolved).encode()).hexdigest()[:16]}"
    NEIGHBOURS.allow(resolved.parent)
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


@lru_cache(maxsize=16)
def _installed(group: str, places: tuple[tuple[str, int], ...]) -> tuple[Installed, ...]:
    """The entry points of a group. To read them takes as long as some evaluators do, and each is asked for by name.

    Args:
        places: of `sys.path`, with when each changed: what is installed meanwhile is found.
    """
    return tuple(Installed(point.name, point.value, _distribution(point)) for point in entry_points(group=group))


def _changed(place: str) -> int:
    try:
        return Path(place or ".").stat().st_mtime_ns
    except OSError:
        return 0


def _distribution(point: Any) -> str:
    """Of an entry point; the package `importlib_metadata`, once imported, makes them of a class of its own."""
    return f"{point.dist.name} {point.dist.version}" if point.dist is not None else "an unknown package"


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list | tuple) else value


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: {_first(error)}"


def _value(written: ast.expr) -> Any:
    try:
        return ast.literal_eval(written)
    except ValueError:
        text = ast.unparse(written)[:40]
        raise ValueError(f"{text} is no value: numbers, True, False, None and text in quotation marks are") from None


def _first(error: BaseException) -> str:
    """The first line of an exception's text, not longer than a terminal likes."""
    return (str(error).strip().splitlines() or [""])[0][:300]
