"""What can be wrong with features, said in a sentence."""


class FeatureError(ValueError):
    """Features that nothing can be computed from; an evaluation that meets it becomes an `error` cell."""


class FeatureWarning(UserWarning):
    """Stored features that could not be used and are computed again."""
