"""One file per command. Before anything else is imported, the current directory leaves the module path."""

import os
import sys


def _leave_current_directory_out() -> None:
    """A `torch.py` or `typing.py` that lies where the user happens to stand must not pass for the module.

    `python -m` puts the current directory first. A directory that PYTHONPATH names in full stays; the one that this
    package came from goes to the end, for a checkout that is run in place.
    """
    try:
        here = os.getcwd()  # noqa: PTH109  (pathlib would be imported from that very directory)
    except OSError:
        here = ""
    named = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if os.path.isabs(part)]  # noqa: PTH117
    kept = [entry for entry in sys.path if entry not in ("", ".", here) or (entry == here and entry in named)]
    root = __file__.rsplit(os.sep, 3)[0]
    sys.path[:] = kept if root in kept else [*kept, root]


if not sys.flags.safe_path:
    _leave_current_directory_out()
