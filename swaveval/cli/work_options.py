"""The options for who does the work; the same in `run` and `sweep`."""

from dataclasses import dataclass
from typing import Annotated, Any

import typer


@dataclass(frozen=True)
class Work:
    """Device, worker processes, executor and the longest time of a cell; none of them changes a result."""

    device: Annotated[str, typer.Option("--device", help="Of the networks: auto, cpu, cuda, cuda:1, mps.")] = "auto"
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs", "-j", min=1, help="Checkpoints evaluated at the same time. Default: fits machine and work."
        ),
    ] = None
    executor: Annotated[
        str,
        typer.Option("--executor", help="Who does the work: local, or an installed executor, NAME(parameter=value)."),
    ] = "local"
    cell_timeout: Annotated[
        float | None,
        typer.Option(
            "--cell-timeout",
            min=0.1,
            help="Seconds that one evaluator may take on one checkpoint (features not counted); one over it is a "
            "failed cell, which the next run does again. Default: no limit.",
        ),
    ] = None

    def asked(self) -> dict[str, Any]:
        """The fields of a request."""
        return {
            "device": self.device,
            "jobs": self.jobs,
            "executor": self.executor,
            "cell_timeout": self.cell_timeout,
        }
