"""Times as people write them; known without torch."""

import math
import re

from swaveval.errors import SwavevalError

_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_PART = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(s|min|m|h|d)", re.IGNORECASE)


class DurationError(SwavevalError):
    """What should be a time is none; the sentence says what is."""


def seconds_of(text: str, option: str = "--budget") -> float:
    """`90s`, `10m`, `2h`, `1h30m` in seconds.

    Args:
        option: what it was given as.

    Raises:
        DurationError: it says no time above zero.
    """
    parts = _PART.findall(text)
    total = math.fsum(float(number) * _UNITS[unit.lower()] for number, unit in parts)
    if not parts or _PART.sub("", text).strip() or not 0 < total < math.inf:
        raise DurationError(f"{option} takes a time such as 90s, 10m, 2h or 1h30m; not {text[:40]!r}")
    return total
