"""`--log-to`, the same in `run` and `report`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from swaveval.results import Series
    from swaveval.runs.log_to import Destination

HELP = (
    "Also write the results there when the page is done: tensorboard:DIR, wandb:PROJECT, mlflow:FILE.db, "
    "trackio:PROJECT, or any exporter, NAME:TARGET. May be given several times; called again, it adds what is new."
)


@dataclass(frozen=True)
class Trackers:
    """Where results go beside the page; nothing here changes a result."""

    log_to: Annotated[list[str], typer.Option("--log-to", metavar="NAME:TARGET", help=HELP)] = field(
        default_factory=list
    )


def places(log_to: Sequence[str]) -> "tuple[Destination, ...]":
    """What was asked for, or a sentence on what cannot be, before anything is done."""
    if not log_to:
        return ()
    from swaveval.runs.log_to import destinations

    return destinations(log_to)


def tell(series: "Series", log_to: "Sequence[Destination]") -> bool:
    """Write to each place and say what came of it on stderr; whether all of them got it."""
    if not log_to:
        return True
    from swaveval.runs.log_to import log_to as write

    logged = write(series, log_to)
    for line in (*logged.said, *logged.problems):
        typer.echo(line, err=True)
    return not logged.problems
