"""What tests of runs look at from outside: which networks were asked for, which processes live."""

import os
from collections import Counter
from collections.abc import Mapping
from typing import Any

from swaveval.checkpoints import Backbone, Entry, LoadOptions
from swaveval.checkpoints.live import Live


class Counting(Live):
    """Networks in memory that count what is asked of them."""

    def __init__(self, things: Mapping[str, Any]) -> None:
        super().__init__(things)
        self.read: Counter[str] = Counter()

    def backbone(self, entry: Entry, options: LoadOptions) -> Backbone:
        self.read[entry.name] += 1
        return super().backbone(entry, options)


def alive(pid: int) -> bool:
    """Whether there is such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
