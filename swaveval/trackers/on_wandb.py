"""The exporter `wandb`: a run per evaluation, written offline, for `wandb sync` to send.

Nothing that was sent can be changed, and what becomes of a run that is sent a second time as a whole is the server's to
decide. So as long as nothing was sent, each call replaces what the one before wrote by a whole run; what was sent
stays, and the next call continues it (as W&B's own resumed runs do) by the rows that are new. Where a row that was sent
is another one now, or a directory is gone of which nobody knows whether it was sent, a new run begins.
Numbers that the next checkpoint may change are on the page, which goes with the run.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from swaveval.results import Series
from swaveval.results.encoding import digest
from swaveval.results.exporters import STANDARD_OUTPUT, ExportError
from swaveval.results.places import check_writable
from swaveval.results.scalars import scalars
from swaveval.text import shortened
from swaveval.trackers.content import BASELINE_GROUP, Content
from swaveval.trackers.wandb_history import MARK, WandbHistory
from swaveval.trackers.wandb_process import WandbRun

_KEPT = ("WANDB_ERROR_REPORTING",)
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
        """Write what is not sent yet, or leave what was there.

        Returns:
            The command that sends it.
        """
        self.check(target)
        content, directory = Content.of(series), _directory()
        directory.mkdir(parents=True, exist_ok=True)
        identity = digest([content.identity, self.entity, target])[:16]
        being_written = _BEING_WRITTEN.format(identity=identity)
        for left in directory.glob(f"{being_written}*"):  # by a call that was killed
            shutil.rmtree(left, ignore_errors=True)
        rows = {str(step): scalars(point, settled=True) for step, point in content.steps}
        about = digest([content.settings(), _summary(content)])
        history = WandbHistory.read(directory, identity)
        if not history.continued_by(content.axis.name, rows):
            history = history.another()
        new = {step: numbers for step, numbers in rows.items() if step not in history.sent}
        if not new and about == history.about:
            return "W&B: nothing is new, and everything was sent"
        mark = {"axis": content.axis.name, "rows": {step: digest(numbers) for step, numbers in new.items()}}
        with tempfile.TemporaryDirectory(prefix=being_written, dir=directory, ignore_cleanup_errors=True) as scratch:
            written = self._run(content, target, history, new, Path(scratch))
            (written / MARK).write_text(json.dumps(mark | {"about": about}), encoding="utf-8")
            place = history.put(written)
        return f"W&B: send it with `wandb sync {place}`"

    def _run(
        self,
        content: Content,
        project: str,
        history: WandbHistory,
        new: Mapping[str, Mapping[str, float]],
        scratch: Path,
    ) -> Path:
        """The directory of the finished run.

        Raises:
            ExportError: wandb did not write it.
        """
        told: WandbRun = {
            "directory": str(scratch),
            "project": project,
            "entity": self.entity,
            "id": history.run_id,
            "name": content.name,
            "config": content.settings(),
            "axis": f"swaveval-{content.axis.name}",
            "first": len(history.sent),
            "rows": [(int(step), dict(numbers)) for step, numbers in new.items()],
            "summary": _summary(content),
            "page": str(content.page) if self.page and content.page is not None else "",
        }
        # What the surroundings say about a training's own run (its id, that it is resumed) is not about this one.
        kept = {name: value for name, value in os.environ.items() if "WANDB" not in name or name in _KEPT}
        finished = subprocess.run(
            [sys.executable, "-m", "swaveval.trackers.wandb_process"],
            input=json.dumps(told),
            env=kept,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        found = sorted(scratch.glob(f"wandb/offline-run-*-{history.run_id}"))
        if finished.returncode or not found or not (found[0] / f"run-{history.run_id}.wandb").is_file():
            why = (finished.stderr.strip().splitlines() or [f"it ended with {finished.returncode}"])[-1]
            raise ExportError(f"wandb could not write the run: {shortened(why, 300)}")
        return found[0]


def _summary(content: Content) -> dict[str, str | float]:
    found: dict[str, str | float] = {f"swaveval/{name}": text for name, text in content.facts().items()}
    for baseline, numbers in content.baselines().items():
        found |= {f"{BASELINE_GROUP}/{name.split('/', 1)[1]}/{baseline}": value for name, value in numbers.items()}
    return found


def _directory() -> Path:
    """Where W&B itself keeps runs: `wandb` in WANDB_DIR, else in the current directory."""
    return Path(os.environ.get("WANDB_DIR") or ".").expanduser().absolute() / "wandb"
