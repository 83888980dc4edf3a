"""The run-time type checker of the suite: beartype, with an int accepted where a float is asked for, as mypy does.

What names the axes of arrays goes through jaxtyping, which compares them across arguments and result. Where nothing
does, jaxtyping would only bind the arguments and check each of them twice in every call, and compile two functions for
one; beartype alone makes the same check.
"""

import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import is_dataclass
from types import CodeType, FunctionType
from typing import Any, get_args, get_type_hints

import jaxtyping
from beartype import BeartypeConf, beartype

checked = beartype(conf=BeartypeConf(is_pep484_tower=True, violation_type=jaxtyping.TypeCheckError))
with_axes = jaxtyping.jaxtyped
# A function inside another one is made at every call of that: its checks are compiled at the first.
_first: dict[tuple[CodeType, tuple[tuple[str, Any], ...]], FunctionType] = {}
NOT_AT_ONCE = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


def jaxtyped(thing: Any = None, *, typechecker: Callable[..., Any]) -> Any:
    """In place of jaxtyping's decorator, where the import hook puts it: above every function and class."""
    if thing is None:
        return lambda decorated: jaxtyped(decorated, typechecker=typechecker)
    if isinstance(thing, type):
        if is_dataclass(thing) and "__init__" in vars(thing):
            thing.__init__ = jaxtyped(thing.__init__, typechecker=typechecker)  # type: ignore[misc]
        return thing
    # beartype would check the arguments of a generator when it is first asked, so never where nobody asks.
    if not inspect.isfunction(thing) or thing.__code__.co_flags & NOT_AT_ONCE:
        return with_axes(thing, typechecker=typechecker)
    stated = thing.__annotations__
    resolved = {name: _resolved(hint, thing.__globals__) for name, hint in stated.items()}
    if any(_names_axes(hint) for hint in resolved.values()):
        return with_axes(thing, typechecker=typechecker)
    key = (thing.__code__, tuple(resolved.items()))
    if key in _first:
        return _again(_first[key], thing)
    thing.__annotations__ = resolved
    made = typechecker(thing)
    thing.__annotations__ = made.__annotations__ = stated
    if "<locals>" in thing.__qualname__ and made is not thing:
        _first[key] = made
    return made


def _again(first: FunctionType, thing: FunctionType) -> FunctionType:
    """The checks of `first` around another function of the same code and hints."""
    made = FunctionType(first.__code__, first.__globals__, first.__name__, first.__defaults__, first.__closure__)
    made.__kwdefaults__ = {**(first.__kwdefaults__ or {}), "__beartype_func": thing}
    functools.update_wrapper(made, thing)
    for name, kept in vars(first).items():
        vars(made).setdefault(name, kept)
    return made


def _resolved(hint: Any, names: dict[str, Any]) -> Any:
    """As jaxtyping does: what a string stands for, and anything where that is not known yet."""
    if hint is None or (isinstance(hint, type) and not get_args(hint)):
        return hint
    holder = type("Holder", (), {"__annotations__": {"hint": hint}})
    try:
        return get_type_hints(holder, names, include_extras=True)["hint"]
    except Exception:
        return Any


def _names_axes(hint: Any) -> bool:
    return any(isinstance(part, type) and issubclass(part, jaxtyping.AbstractArray) for part in _parts(hint))


def _parts(hint: Any) -> Iterator[Any]:
    yield hint
    for inner in hint if isinstance(hint, list) else get_args(hint):
        yield from _parts(inner)
