"""Advice as a program takes it: `--backbone file.py:factory` of the command line is `backbone="file.py:factory"`."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from swaveval.errors import SwavevalError

# What has the same name in both. A value is told from the next word of a sentence: a number, NAME, or with a colon or
# a slash in it.
_NAMES = "backbone|size|mean|std|loss-log|loss-pattern|images|data|labels"
_OPTION = re.compile(rf"(?<![\w-])--({_NAMES})(?![\w-])(?: (?:(\d[\d.]*\b|[A-Z]{{2,}}\b)|([\w.~/-]*[:/][\w.:/-]*\w)))?")


def in_python(text: str) -> str:
    """The sentence with the options that `swaveval.evaluate` has as its keywords."""
    return _OPTION.sub(_keyword, text)


@contextmanager
def told_in_python() -> Iterator[None]:
    """Errors leave the block with their advice as a program takes it."""
    try:
        yield
    except SwavevalError as error:
        if error.args and isinstance(error.args[0], str):
            error.args = (in_python(error.args[0]), *error.args[1:])
        raise


def _keyword(option: re.Match[str]) -> str:
    name, bare, text = option[1].replace("-", "_"), option[2], option[3]
    return f'{name}="{text}"' if text else f"{name}={bare or ''}"
