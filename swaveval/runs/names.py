"""Names of runs and of the directories their results go to."""

import re
from collections.abc import Iterable


def slug(name: str) -> str:
    """A name as part of a file name: `version 1` as `version-1`."""
    return re.sub(r"[^A-Za-z0-9.=]+", "-", name).strip("-.")[:60] or "run"


def slugs(names: Iterable[str]) -> dict[str, str]:
    """Name → a slug that no other of these names has (`run`, `run-2` for two names of another script)."""
    found: dict[str, str] = {}
    for name in dict.fromkeys(names):
        own, count = slug(name), 1
        while (chosen := own if count == 1 else f"{own}-{count}") in found.values():
            count += 1
        found[name] = chosen
    return found
