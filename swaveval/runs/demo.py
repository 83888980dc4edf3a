"""`swaveval demo`: train on the embedded digits, evaluate, judge, write the page."""

from pathlib import Path

from swaveval.pretrain.recipes import digits_collapsed, digits_compressed
from swaveval.pretrain.reporter import ConsoleReporter
from swaveval.pretrain.train import pretrain
from swaveval.runs.outcome import RunOutcome
from swaveval.runs.progress import Progress
from swaveval.runs.request import RunRequest
from swaveval.runs.run import run


def train_demo(directory: Path, *, seed: int, collapsed: bool, command: str, quiet: bool) -> None:
    """Train the recipe into `directory`; a finished run is left as it is, an interrupted one is resumed."""
    config = digits_collapsed(seed) if collapsed else digits_compressed(seed)
    with ConsoleReporter(quiet=quiet) as reporter:
        pretrain(config, directory, resume=True, reporter=reporter, command=command)


def evaluate_demo(directory: Path, *, seed: int, command: str, progress: Progress) -> RunOutcome:
    """Evaluate every checkpoint of the demo with every evaluator; writes `directory/report/index.html`."""
    request = RunRequest(
        checkpoints=directory / "checkpoints",
        out=directory / "report",
        seed=seed,
        command=command,
        name=directory.name,
        jobs=None,
        precision="auto",
    )
    return run(request, progress)
