"""What can be wrong with features, said in a sentence."""

from swaveval.errors import SwavevalError


class FeatureError(SwavevalError, ValueError):
    """Features that nothing can be computed from; an evaluation that meets it becomes an `error` cell."""


class FeatureWarning(UserWarning):
    """Stored features that could not be used and are computed again."""
