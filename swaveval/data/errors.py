"""What can be wrong with what a user calls their data."""


class DataError(Exception):
    """The images cannot be used. The message is one sentence: what was found and what to do."""
