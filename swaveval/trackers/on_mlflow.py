"""The exporter `mlflow`: one run per evaluation, found again by its tag; what stands there is never written twice.

MLflow keeps every value that it was ever given, so only what is new is added. Where a number that stands there is
another one now (other weights at that step, another axis, other settings), a new run is begun and the old one keeps
what it has. Numbers that the next checkpoint may change are in the table, an artifact, which is replaced.
"""

import importlib.util
import json
import os
import re
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from swaveval.results import Series
from swaveval.results.export import rows
from swaveval.results.exporters import STANDARD_OUTPUT, ExportError
from swaveval.results.places import OutputError, check_writable
from swaveval.results.scalars import scalars
from swaveval.text import shortened
from swaveval.trackers.content import BASELINE_GROUP, Content

EVALUATION = "swaveval.evaluation"
# What MLflow takes in one call.
_METRICS, _PARAMETERS = 1000, 100
_LONGEST_NAME, _LONGEST_VALUE = 240, 500
_SQLITE = "sqlite:///"
_BEGINNING = b"SQLite format 3\0"  # of every such file
_DATABASES = (".db", ".sqlite", ".sqlite3")

Values = dict[tuple[str, int], float]


@dataclass(frozen=True)
class MLflow:
    """Metrics at their steps, settings as parameters, the verdict as tags, page and table as artifacts.

    Attributes:
        experiment: its name; empty for MLFLOW_EXPERIMENT_NAME, else `swaveval`.
    """

    experiment: str = ""

    def check(self, target: str) -> None:
        """Raise unless it can be written there.

        Raises:
            ExportError: mlflow is not installed, or no store is named. OutputError: the database cannot be written.
        """
        if importlib.util.find_spec("mlflow") is None:
            raise ExportError("this tracker needs mlflow; pip install 'swaveval[mlflow]'")
        if target in ("", STANDARD_OUTPUT):
            raise ExportError("mlflow takes a store; name one, as in mlflow:runs.db or mlflow:sqlite:///runs.db")
        database = _database(target)
        if database is not None:
            if importlib.util.find_spec("sqlalchemy") is None or importlib.util.find_spec("alembic") is None:
                raise ExportError("an MLflow database needs sqlalchemy and alembic; pip install 'swaveval[mlflow]'")
            _check_database(database)
        elif "://" not in target and not os.environ.get("MLFLOW_ALLOW_FILE_STORE"):
            what = "neither a database (FILE.db, .sqlite, .sqlite3) nor the address of a server"
            if Path(target).expanduser().is_dir():
                what = "a directory, which MLflow takes no more (unless MLFLOW_ALLOW_FILE_STORE=true)"
            raise ExportError(f"mlflow:{target} is {what}; name a database, as in mlflow:{target.rstrip('/')}.db")

    def write(self, series: Series, target: str) -> None:
        """Add what is not there yet.

        Raises:
            ExportError: the store does not take it.
        """
        self.check(target)
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # nobody asked for a connection
        from mlflow.tracking import MlflowClient

        database = _database(target)
        if database is not None:
            database.parent.mkdir(parents=True, exist_ok=True)
        content = Content.of(series)
        try:
            client = MlflowClient(tracking_uri=target if database is None else f"{_SQLITE}{database}")
            self._write(client, content, None if database is None else database.parent)
        except Exception as error:
            # A database says what is the matter in its own words.
            if type(error).__module__.partition(".")[0] not in ("mlflow", "sqlalchemy", "alembic", "requests"):
                raise
            raise ExportError(f"mlflow does not take it: {shortened(str(error), 300)}") from error

    def _write(self, client: Any, content: Content, beside: Path | None) -> None:
        from mlflow.entities import Metric, Param, RunTag

        values, settings = _values(content), _settings(content)
        tags = {f"swaveval.{name}": text for name, text in content.facts().items() if name != "output" or text}
        experiment = self._experiment(client, beside)
        run_id, there, known = _unfinished(client, experiment, content, values, settings)
        if run_id is None:
            own = {EVALUATION: content.identity, "swaveval.axis": content.axis.name}
            run_id = client.create_run(experiment, run_name=content.name, tags=own).info.run_id
        now = int(time.time() * 1000)
        new = [Metric(name, value, now, step) for (name, step), value in values.items() if (name, step) not in there]
        for start in range(0, len(new), _METRICS):
            client.log_batch(run_id, metrics=new[start : start + _METRICS])
        missing = [Param(name, value) for name, value in settings.items() if name not in known]
        for start in range(0, len(missing), _PARAMETERS):
            client.log_batch(run_id, params=missing[start : start + _PARAMETERS])
        client.log_batch(run_id, tags=[RunTag(name, text[:5000]) for name, text in tags.items()])
        with tempfile.TemporaryDirectory() as scratch:
            table = Path(scratch) / "metrics.json"
            table.write_text(json.dumps(rows(content.series), indent=1) + "\n", encoding="utf-8")
            client.log_artifact(run_id, str(table))
        if content.page is not None:
            client.log_artifact(run_id, str(content.page))
        client.set_terminated(run_id, "FINISHED")

    def _experiment(self, client: Any, beside: Path | None) -> str:
        """The id of the experiment, made where there is none; artifacts lie beside a database."""
        from mlflow.exceptions import MlflowException

        name = self.experiment or os.environ.get("MLFLOW_EXPERIMENT_NAME") or "swaveval"
        found = client.get_experiment_by_name(name)
        if found is None:
            place = None if beside is None else (beside / "mlartifacts" / _plain(name)).absolute().as_uri()
            try:
                return str(client.create_experiment(name, artifact_location=place))
            except MlflowException:  # another process was faster
                found = client.get_experiment_by_name(name)
                if found is None:
                    raise
        if found.lifecycle_stage != "active":
            raise ExportError(
                f"the MLflow experiment {shortened(name, 80)} is deleted; restore it, or name another as "
                "mlflow(experiment='mine'):…"
            )
        return str(found.experiment_id)


def _unfinished(
    client: Any, experiment: str, content: Content, values: Values, settings: Mapping[str, str]
) -> tuple[str | None, Values, Mapping[str, str]]:
    """The run that holds a part of this and nothing that contradicts it, with its values and parameters."""
    wanted = f"tags.`{EVALUATION}` = '{content.identity}'"
    for run in client.search_runs([experiment], wanted, order_by=["attributes.start_time DESC"], max_results=20):
        there: Values = {}
        for name in run.data.metrics:
            if name.startswith("swaveval"):
                there |= {(name, each.step): each.value for each in client.get_metric_history(run.info.run_id, name)}
        known = run.data.params
        same = all(values.get(place, value) == value for place, value in there.items())
        same &= all(known.get(name, value) == value for name, value in settings.items())
        if same and run.data.tags.get("swaveval.axis") == content.axis.name:
            return str(run.info.run_id), there, known
        # It is the record of what was measured then: it stays, and is not found by this name again.
        client.delete_tag(run.info.run_id, EVALUATION)
        client.set_tag(run.info.run_id, f"{EVALUATION}.before", content.identity)
    return None, {}, {}


def _values(content: Content) -> Values:
    """Metric by MLflow's name and step to value: what no later checkpoint changes, and the baselines at step 0."""
    found: Values = {}
    for step, point in content.steps:
        found |= {(_named(name), step): value for name, value in scalars(point, settled=True).items()}
    for baseline, numbers in content.baselines().items():
        for name, value in numbers.items():
            found[_named(f"{BASELINE_GROUP}/{name.split('/', 1)[1]}/{baseline}"), 0] = value
    return found


def _settings(content: Content) -> dict[str, str]:
    settings = content.settings().items()
    return {
        _named(name): shortened(value if isinstance(value, str) else json.dumps(value), _LONGEST_VALUE)
        for name, value in settings
    }


def _named(name: str) -> str:
    """A name of letters that MLflow takes: `lowshot.top1[shots=5]` is `lowshot.top1 shots:5`.

    Where something else had to go, a checksum keeps names apart.
    """
    readable = name.replace(", ", " ").translate({ord("["): " ", ord("]"): None, ord("="): ":", ord(","): " "})
    plain = _plain(readable)
    if plain == readable and len(plain) <= _LONGEST_NAME:
        return plain
    return f"{plain[: _LONGEST_NAME - 9].rstrip()}_{sha256(name.encode()).hexdigest()[:8]}"


def _plain(text: str) -> str:
    """Without what MLflow refuses in names: odd letters, and what a path would resolve."""
    plain = re.sub(r"[^A-Za-z0-9_\-. :/]", "_", text)
    return "/".join("_" if part.strip(". ") == "" else part for part in plain.split("/"))


def _check_database(database: Path) -> None:
    """Raise unless it is a database or can become one: MLflow would try for a minute before it says so.

    Raises:
        ExportError: something else is there. OutputError: nothing can be written there.
    """
    option = "mlflow:FILE.db"
    check_writable(database.parent, option=option)
    if database.exists():
        begins = b"?"
        with suppress(OSError):
            if database.is_file():
                with database.open("rb") as file:
                    begins = file.read(len(_BEGINNING))
        if begins not in (b"", _BEGINNING):
            raise ExportError(
                f"mlflow does not take it: {shortened(str(database), 100)} is no SQLite database that can be read; "
                "name another file, or move it away"
            )
    there = next(place for place in database.parents if place.exists())
    try:  # beside a database lies its journal; and of some places (/proc) only the trial tells that they take no file
        tempfile.TemporaryFile(dir=there).close()
        if database.exists():
            database.open("ab").close()
    except OSError as error:
        raise OutputError(
            f"cannot write to {shortened(str(database), 100)}: {error.strerror}; name another file with {option}"
        ) from None


def _database(target: str) -> Path | None:
    """The file of a SQLite database, named by its path or as `sqlite:///`; None for anything else."""
    if target.startswith(_SQLITE):
        return Path(target.removeprefix(_SQLITE)).expanduser().absolute()
    if "://" not in target and Path(target).suffix.lower() in _DATABASES:
        return Path(target).expanduser().absolute()
    return None
