"""What is raised when images cannot be used."""

from swaveval.errors import SwavevalError


class DataError(SwavevalError):
    """The images cannot be used; the message says what was found and what to do."""


class Undecodable(Exception):
    """One file is not an image that can be used; the message is the reason, without the file's name."""
