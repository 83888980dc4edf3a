"""Names of runs and of the directories their results go to."""

import re


def slug(name: str) -> str:
    """A name as part of a file name: `version 1` as `version-1`."""
    return re.sub(r"[^A-Za-z0-9.=]+", "-", name).strip("-.")[:60] or "run"
