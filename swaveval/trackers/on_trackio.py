"""The exporter `trackio`: a run per evaluation in Trackio's local store, for `trackio show` and `trackio sync`.

Trackio keeps rows; one that has an id is taken once. A call adds what is not there yet, in one transaction. Where a
number that stands there is another one now (other weights at that step, another axis), a new run is begun and the old
one keeps what it has. Numbers that the next checkpoint may change are not written; the verdict is in the configuration,
which is replaced.
"""

import importlib.util
import os
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from swaveval.results import Series
from swaveval.results.encoding import digest
from swaveval.results.exporters import STANDARD_OUTPUT, ExportError
from swaveval.results.places import check_writable
from swaveval.results.scalars import scalars
from swaveval.text import shortened
from swaveval.trackers.content import BASELINE_GROUP, Content

# With these Trackio's own runs do not go to the local store.
_ELSEWHERE = ("TRACKIO_SPACE_ID", "TRACKIO_SERVER_URL")
_AXIS = "swaveval/axis"

Rows = dict[int, dict[str, float]]


@dataclass(frozen=True)
class Trackio:
    """Metrics at their steps, baselines at step 0, settings and verdict as the run's configuration."""

    def check(self, target: str) -> None:
        """Raise unless it can be written there.

        Raises:
            ExportError: trackio is not installed, or the project's name is none. OutputError: its directory cannot be
                written.
        """
        if importlib.util.find_spec("trackio") is None:
            raise ExportError("this tracker needs trackio; pip install 'swaveval[trackio]'")
        if target in ("", STANDARD_OUTPUT):
            raise ExportError("trackio takes a project; name one, as in trackio:mine")
        elsewhere = next((name for name in _ELSEWHERE if os.environ.get(name)), None)
        if elsewhere is not None:
            raise ExportError(
                f"{elsewhere} is set, and swaveval writes Trackio's local store only: unset it for this command, and "
                f"send the project with `trackio sync --project {shortened(target, 60)} --space-id …`"
            )
        storage = _storage()
        try:
            storage.validate_project_name(target)
        except ValueError as error:
            raise ExportError(shortened(str(error), 300)) from error
        check_writable(storage.get_project_db_path(target).parent, option="TRACKIO_DIR")

    def write(self, series: Series, target: str) -> str:
        """Add what is not there yet.

        Returns:
            The command that shows it.

        Raises:
            ExportError: the store does not take it.
        """
        self.check(target)
        content = Content.of(series)
        try:
            self._write(_storage(), content, target)
        except (sqlite3.Error, TimeoutError) as error:
            raise ExportError(f"trackio does not take it: {shortened(str(error), 300)}") from error
        return f"Trackio: see it with `trackio show --project {shortened(target, 60)}`"

    def _write(self, storage: Any, content: Content, project: str) -> None:
        wanted = _rows(content)
        run_id, there = _unfinished(storage, content, project, wanted)
        new = {
            step: {name: value for name, value in row.items() if name not in there.get(step, {})}
            for step, row in wanted.items()
        }
        # The configuration goes with a row, and says which verdict holds now: an empty row says that alone.
        new = {step: row for step, row in new.items() if row} or {max(wanted, default=0): {}}
        storage.bulk_log(
            project,
            content.name,
            list(new.values()),
            steps=list(new),
            config=_configuration(content),
            log_ids=[f"{run_id}-{step}-{digest(sorted(row))[:16]}" for step, row in new.items()],
            run_id=run_id,
        )


def _unfinished(storage: Any, content: Content, project: str, wanted: Rows) -> tuple[str, Rows]:
    """The id of the run that holds a part of this and nothing that contradicts it, with its rows; else of a new one."""
    known = {record["id"] for record in storage.get_run_records(project)}
    number, run_id = 1, content.identity
    while f"{content.identity}-{number + 1}" in known:
        number += 1
        run_id = f"{content.identity}-{number}"
    if run_id not in known:
        return run_id, {}
    there: Rows = {}
    for row in storage.get_logs(project, run_id=run_id, max_points=None):
        there.setdefault(int(row["step"]), {}).update(
            {name: value for name, value in row.items() if name not in ("step", "timestamp")}
        )
    said = storage.get_run_config(project, run_id=run_id) or {}
    same = said.get(_AXIS) == content.axis.name and all(
        wanted.get(step, {}).get(name, value) == value for step, row in there.items() for name, value in row.items()
    )
    return (run_id, there) if same else (f"{content.identity}-{number + 1}", {})


def _rows(content: Content) -> Rows:
    """What no later checkpoint changes, by step; the baselines at step 0."""
    found: Rows = {}
    for step, point in content.steps:
        found.setdefault(step, {}).update(scalars(point, settled=True))
    for baseline, numbers in content.baselines().items():
        found.setdefault(0, {}).update(
            {f"{BASELINE_GROUP}/{name.split('/', 1)[1]}/{baseline}": value for name, value in numbers.items()}
        )
    return found


def _configuration(content: Content) -> Mapping[str, Any]:
    """Settings, and the verdict as it is now."""
    facts = {f"swaveval/{name}": text for name, text in content.facts().items() if text}
    # Trackio keeps names with an underscore in front to itself.
    return {name.lstrip("_") or name: value for name, value in content.settings().items()} | facts


def _storage() -> Any:
    """What keeps Trackio's projects on this machine: `Api` reads through it, and has no way to read a run's rows."""
    from trackio.sqlite_storage import SQLiteStorage

    return SQLiteStorage
