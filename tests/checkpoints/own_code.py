"""A user's own class, as one may end up among a checkpoint's hyper-parameters."""

import enum


class Stage(enum.Enum):
    WARM = 1
