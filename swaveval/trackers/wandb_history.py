"""What was written of an evaluation for W&B, and what of it was sent: from the directories themselves."""

import json
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from swaveval.results.atomic import write_text
from swaveval.results.encoding import digest

MARK = "swaveval.json"


@dataclass(frozen=True)
class WandbHistory:
    """The directories of one run.

    Attributes:
        directory: `wandb`, that of all runs. ledger: file beside them that names those of this run.
        number: of the run: 1, unless another had to be begun.
        names: directories that were written, also those that are gone.
        sent: place on the axis to digest of its numbers, of everything that `wandb sync` has marked.
        unsent: directories it has not.
        axis: of what was sent, or empty. about: digest of settings and summary that were sent last.
        lost: whether a directory is gone.
    """

    directory: Path
    identity: str
    number: int = 1
    names: tuple[str, ...] = ()
    sent: Mapping[str, str] = field(default_factory=dict)
    unsent: tuple[Path, ...] = ()
    axis: str = ""
    about: str = ""
    lost: bool = False

    @classmethod
    def read(cls, directory: Path, identity: str) -> "WandbHistory":
        """What there is; also of a call that was killed before it could write it down."""
        ledger = _json(_ledger(directory, identity))
        number = int(ledger.get("number", 1))
        run_id = _run_id(identity, number)
        found = sorted(directory.glob(f"offline-run-*-{run_id}"))
        sent: dict[str, str] = {}
        unsent, axis, about = [], "", ""
        for place in found:
            mark = _json(place / MARK)
            if not (place / f"run-{run_id}.wandb.synced").exists():
                unsent.append(place)
                continue
            sent |= mark.get("rows", {})
            axis, about = str(mark.get("axis", "")), str(mark.get("about", ""))
        known = tuple(map(str, ledger.get("names", ())))
        lost = not set(known) <= {place.name for place in found}
        return cls(directory, identity, number, known, sent, tuple(unsent), axis, about, lost)

    @property
    def run_id(self) -> str:
        return _run_id(self.identity, self.number)

    def continued_by(self, axis: str, rows: Mapping[str, Mapping[str, float]]) -> bool:
        """Whether what was sent still holds. A checkpoint that is gone since then was there."""
        same = all(digest(rows[step]) == held for step, held in self.sent.items() if step in rows)
        return same and not self.lost and self.axis in ("", axis)

    def another(self) -> "WandbHistory":
        """A new run; what was not sent of this one is replaced by it."""
        return WandbHistory(self.directory, self.identity, self.number + 1, unsent=self.unsent)

    def put(self, written: Path) -> Path:
        """Move a directory to the others, in place of those that were not sent.

        These are removed first: whoever is killed in between has nothing, never the same rows twice.
        """
        for earlier in self.unsent:
            shutil.rmtree(earlier)
        place, number = self.directory / written.name, 1
        while place.exists():  # sent within the second in which it was begun
            stem, _, rest = written.name.partition("-swaveval-")
            place, number = self.directory / f"{stem}{number}-swaveval-{rest}", number + 1
        written.rename(place)
        gone = {path.name for path in self.unsent}
        names = [*(name for name in self.names if name not in gone), place.name]
        told = {"number": self.number, "names": list(dict.fromkeys(names))}
        write_text(_ledger(self.directory, self.identity), json.dumps(told) + "\n")
        return place


def _run_id(identity: str, number: int) -> str:
    return f"swaveval-{identity}" + (f"-{number}" if number > 1 else "")


def _ledger(directory: Path, identity: str) -> Path:
    return directory / f"swaveval-{identity}.json"


def _json(path: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        body = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(body, dict):
            return body
    return {}
