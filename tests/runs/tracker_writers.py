"""What trackers themselves write: run as a process: `python tracker_writers.py wandb|files|database DIRECTORY`.

Every loss is `truth` of the finished epochs, so that a test can say what any of them must be.
"""

import math
import os
import sys
from pathlib import Path

PER_EPOCH = 10


def truth(epoch: float) -> float:
    """The loss after so many epochs."""
    return round(7 - 0.2 * epoch, 5)


def wandb(place: Path) -> None:
    os.environ |= {"WANDB_MODE": "offline", "WANDB_SILENT": "true"}
    import wandb

    def run(project: str, *, id: str, name: str, rows: list[dict[str, object]], **more: object) -> None:
        (place / project).mkdir(exist_ok=True)
        begun = wandb.init(dir=str(place / project), project="p", id=id, name=name, **more)  # type: ignore[arg-type]
        for row in rows:
            begun.log(row)
        begun.finish()

    def logged(first: int, last: int, **more: object) -> list[dict[str, object]]:
        """As Lightning's logger does: epochs from 0, steps from 0."""
        return [
            {"train_loss": truth((s + 1) / PER_EPOCH), "epoch": s // PER_EPOCH, "trainer/global_step": s} | more
            for s in range(first, last)
        ]

    odd: list[dict[str, object]] = [
        {"train/loss": math.nan, "train/epoch": 2}, {"train/loss": math.inf, "train/epoch": 3},
        {"train/loss": -math.inf, "train/epoch": 4}, {"train/epoch": 5}, {"train/loss": "none", "train/epoch": 5},
        {"train/loss": 1e-30, "train/epoch": 6},
    ]  # fmt: skip
    numbers = [{"train/loss": 3.0, "train/epoch": 0}, {"train/loss": 2.0, "train/epoch": 1}, *odd]
    run("odd", id="odd1", name="odd", rows=numbers)  # type: ignore[arg-type]
    # Records longer than a block of 32 KB, and thousands that end anywhere in one.
    run("long", id="long1", name="long", rows=[*logged(0, 500, words="x" * 5000), *logged(500, 1500)])
    for first, last in ((0, 30), (25, 50)):
        run("resumed", id="again1", name="again", rows=logged(first, last), resume="allow")
    for _ in range(2):
        rows: list[dict[str, object]] = [{"train": {"loss": 5.0 - n}} for n in range(4)]
        run("unsaid", id="unsaid1", name="unsaid", rows=rows, resume="allow")
    run("two", id="first1", name="same", rows=logged(0, 30))
    run("two", id="second1", name="same", rows=[row | {"train_loss": 1.0} for row in logged(0, 30)])
    run("two", id="third1", name="other", rows=logged(0, 50))
    ours: list[dict[str, object]] = [
        {"swaveval/prototypes.loss": 3.0, "swaveval/knn.top1": 0.5, "epoch": n} for n in (1, 2)
    ]
    run("ours", id="eval1", name="evaluation", rows=ours)
    run("ours", id="train1", name="training", rows=logged(0, 30))


def mlflow(place: Path, uri: str) -> None:
    os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
    from mlflow import MlflowClient
    from mlflow.entities import Metric

    client = MlflowClient(uri)
    now = 1_790_000_000_000

    def log(run: str, name: str, values: dict[int, float], *, later: int = 0) -> None:
        client.log_batch(
            run, [Metric(name, value, now + later + n, step) for n, (step, value) in enumerate(values.items())]
        )

    def run(experiment: str, name: str) -> str:
        found = client.get_experiment_by_name(experiment)
        number = found.experiment_id if found else client.create_experiment(experiment)
        made: str = client.create_run(number, run_name=name).info.run_id
        return made

    losses = {s: truth((s + 1) / PER_EPOCH) for s in range(50)}
    epochs = {s: float(s // PER_EPOCH) for s in range(50)}
    ids = {}
    ids["steps"] = run("training", "steps")
    log(ids["steps"], "train/loss", losses)
    log(ids["steps"], "train/val_loss", dict.fromkeys(losses, 9.0))
    log(ids["steps"], "epoch", epochs)
    ids["resumed"] = run("training", "resumed: 'again'")
    log(ids["resumed"], "loss", {s: 99.0 if s >= 20 else losses[s] for s in range(30)})
    log(ids["resumed"], "loss", {s: losses[s] for s in range(20, 50)}, later=1000)
    ids["odd"] = run("odd", "odd")
    log(ids["odd"], "loss", {1: 3.0, 2: math.nan, 3: math.inf, 4: -math.inf, 6: 1.5})
    ids["bare"] = run("odd", "bare")
    for n in range(4):
        log(ids["bare"], "loss", {0: 4.0 - n}, later=n)
    ids["none"] = run("odd", "none")
    log(ids["none"], "accuracy", {0: 0.5, 1: 0.6})
    log(ids["none"], "swaveval/prototypes.loss", {0: 0.5, 1: 0.6})
    ids["gone"] = run("odd", "gone")
    log(ids["gone"], "loss", {0: 0.5, 1: 0.6})
    client.delete_run(ids["gone"])
    (place / "ids.txt").write_text("".join(f"{name} {id}\n" for name, id in ids.items()))


if __name__ == "__main__":
    what, directory = sys.argv[1], Path(sys.argv[2])
    sys.path.pop(0)  # else this directory's modules would come before the trackers' own
    if what == "wandb":
        wandb(directory)
    else:
        mlflow(directory, f"file://{directory}/mlruns" if what == "files" else f"sqlite:///{directory}/mlflow.db")
