"""The exporter `wandb`: one run per evaluation, written offline as a whole, for `wandb sync` to send.

A run's history cannot be changed once it is written, and parts of one run in several directories become what the
order of sending makes of them. So each call writes the whole run under the same id, not resumed: `wandb sync` sends
such a run from line 0 of its history on, over what an earlier one left there, and each checkpoint stands there once
however often it was sent. The directory of the call before is replaced.
"""

import importlib.util
import os
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swaveval.results import Series
from swaveval.results.exporters import STANDARD_OUTPUT, ExportError
from swaveval.results.places import check_writable
from swaveval.results.scalars import scalars
from swaveval.trackers.content import BASELINE_GROUP, Content

_BEING_WRITTEN = ".swaveval-{identity}-"


@dataclass(frozen=True)
class WandB:
    """Curves over their own axis, baselines and verdict in the summary, settings as configuration, the page as HTML.

    Attributes:
        entity: team or user that the run is sent to; empty for W&B's default.
        page: whether the page goes with it.
    """

    entity: str = ""
    page: bool = True

    def check(self, target: str) -> None:
        """Raise unless it can be written.

        Raises:
            ExportError: wandb is not installed, or no project is named. OutputError: the directory cannot be written.
        """
        if importlib.util.find_spec("wandb") is None:
            raise ExportError("this tracker needs wandb; pip install 'swaveval[wandb]'")
        if target in ("", STANDARD_OUTPUT) or set(target) & set("/\\#?%:") or len(target) > 128:
            raise ExportError(
                f"{target!r} is no project of W&B: name one without / \\ # ? % : and of at most 128 characters, as in "
                "wandb:mine; another team or user is wandb(entity='team'):mine"
            )
        check_writable(_directory(), option="WANDB_DIR")

    def write(self, series: Series, target: str) -> str:
        """Write it, or leave what was there.

        Returns:
            The command that sends it.
        """
        self.check(target)
        content, directory = Content.of(series), _directory()
        directory.mkdir(parents=True, exist_ok=True)
        being_written = _BEING_WRITTEN.format(identity=content.identity)
        for left in directory.glob(f"{being_written}*"):  # by a call that was killed
            shutil.rmtree(left, ignore_errors=True)
        run_id = f"swaveval-{content.identity}"
        with tempfile.TemporaryDirectory(prefix=being_written, dir=directory, ignore_cleanup_errors=True) as scratch:
            written = self._run(content, target, run_id, Path(scratch))
            before = sorted(directory.glob(f"offline-run-*-{run_id}"))
            place = directory / written.name
            with suppress(OSError):
                shutil.rmtree(place)  # of the same second
            written.rename(place)
        for earlier in before:
            if earlier != place:
                shutil.rmtree(earlier, ignore_errors=True)
        return f"W&B: send it with `wandb sync {place}`"

    def _run(self, content: Content, project: str, run_id: str, scratch: Path) -> Path:
        """The directory of the finished run."""
        import wandb

        run = wandb.init(
            project=project,
            entity=self.entity or None,
            id=run_id,
            name=content.name,
            config=content.settings(),
            dir=scratch,
            mode="offline",
            # A run of the program's own, and what it does with its output, stay as they are.
            # Whatever WANDB_RESUME says to the training, this run is written as a whole.
            settings=wandb.Settings(
                reinit="create_new", resume=None, console="off", silent=True, disable_git=True, disable_code=True
            ),
        )
        try:
            axis = f"swaveval-{content.axis.name}"
            run.define_metric(axis, hidden=True)
            run.define_metric("*", step_metric=axis)
            for step, point in content.steps:
                run.log({axis: step, **scalars(point)}, step=step)
            run.summary.update(_summary(content))
            if self.page and content.page is not None:
                run.log({"swaveval-page": wandb.Html(str(content.page), inject=False)}, step=content.last)
        finally:
            run.finish()
        found = sorted(scratch.glob(f"wandb/offline-run-*-{run_id}"))
        if not found or not (found[0] / f"run-{run_id}.wandb").is_file():
            raise ExportError(f"wandb wrote no run to {scratch}; the results are as they were")
        return found[0]


def _summary(content: Content) -> dict[str, Any]:
    found: dict[str, Any] = {f"swaveval/{name}": text for name, text in content.facts().items()}
    for baseline, numbers in content.baselines().items():
        found |= {f"{BASELINE_GROUP}/{name.split('/', 1)[1]}/{baseline}": value for name, value in numbers.items()}
    return found


def _directory() -> Path:
    """Where W&B itself keeps runs: `wandb` in WANDB_DIR, else in the current directory."""
    return Path(os.environ.get("WANDB_DIR") or ".").expanduser().absolute() / "wandb"
