"""Whether somebody else's program may still be writing a file."""

import time

# A file whose end is missing is being written when it changed this recently, and damaged when it did not.
WRITING_SECONDS = 60.0


def may_be_written(changed: float) -> bool:
    """Whether a file that changed then (seconds, as `st_mtime`) may be being written now."""
    return time.time() - changed < WRITING_SECONDS
