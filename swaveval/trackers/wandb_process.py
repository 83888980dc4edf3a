"""Writes one offline run of W&B, told on stdin, in a process of its own: `python -m swaveval.trackers.wandb_process`.

wandb keeps settings, a service and a current run for the whole process. A program that trains with W&B has them set for
its own run: to resume it, say, which for this one would mean every number twice.
"""

import json
import sys
from typing import TypedDict


class WandbRun(TypedDict):
    """What is written.

    Attributes:
        directory: where wandb makes its directory `wandb`.
        axis: the metric that all others are drawn over.
        first: how many rows of the run were sent before; with any, the run is resumed when it is sent.
        rows: (place on the axis, name to value) in ascending order.
        page: HTML file that goes with the last row; empty for none.
    """

    directory: str
    project: str
    entity: str
    id: str
    name: str
    config: dict[str, object]
    axis: str
    first: int
    rows: list[tuple[int, dict[str, float]]]
    summary: dict[str, str | float]
    page: str


def write(told: WandbRun) -> None:
    """Write the run, from its beginning to its end."""
    import wandb

    run = wandb.init(
        project=told["project"],
        entity=told["entity"] or None,
        id=told["id"],
        name=told["name"],
        config=told["config"],
        dir=told["directory"],
        mode="offline",
        resume="allow" if told["first"] else None,
        settings=wandb.Settings(console="off", silent=True, disable_git=True, disable_code=True),
    )
    run.define_metric(told["axis"], hidden=True)
    run.define_metric("*", step_metric=told["axis"])
    number = told["first"]
    # W&B's own count only grows, also where a checkpoint between others comes later: its place is on our axis.
    for number, (place, numbers) in enumerate(told["rows"], told["first"]):
        run.log({told["axis"]: place, **numbers}, step=number)
    run.summary.update(told["summary"])
    if told["page"]:
        run.log({"swaveval-page": wandb.Html(told["page"], inject=False)}, step=number)
    run.finish()


if __name__ == "__main__":
    write(json.load(sys.stdin))
