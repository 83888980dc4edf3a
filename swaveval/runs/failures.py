"""Exceptions as the reason of a stored cell, and those that are no cell's affair."""

import errno

# The machine has no room or no permission left: the next cell will not fare better, and nothing can be stored.
_OF_THE_MACHINE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG}


def sentence(error: BaseException) -> str:
    """An exception as one line of at most 500 characters."""
    text = " ".join(str(error).split()) or "no message"
    return f"{type(error).__name__}: {text}"[:500]


def ends_the_run(error: BaseException) -> bool:
    """Whether it tells of the machine (a full disk), so that it must not pass for the fault of a checkpoint."""
    return isinstance(error, OSError) and error.errno in _OF_THE_MACHINE
