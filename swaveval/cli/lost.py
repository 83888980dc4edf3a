"""What a stored evaluation has lost, told by every command that reads one."""

from collections.abc import Sequence

import typer

from swaveval.errors import DAMAGED

_SHOWN = 8


def leave_if_lost(lost: Sequence[object]) -> None:
    """Name the results that are missing or damaged and end with exit code 4; nothing where the store is whole."""
    if not lost:
        return
    shown = ", ".join(map(str, lost[:_SHOWN]))
    more = f", and {len(lost) - _SHOWN:,} more" if len(lost) > _SHOWN else ""
    count, them = ("1 stored result is", "it") if len(lost) == 1 else (f"{len(lost):,} stored results are", "them")
    typer.echo(
        f"swaveval: {count} missing or damaged, and left out here: {shown}{more}; `swaveval run` computes {them} again",
        err=True,
    )
    raise typer.Exit(DAMAGED)
