"""One file per cell, written atomically, verified on every read.

Layout of a results directory::

    results/run.json            the manifest
    results/cells/<key>.json    one sealed cell (body + SHA-256)
    results/cells/<key>.npz     its artifacts' arrays, when it has any (`<key>.<checksum>.npz` where those of an earlier
                                result stand, which must be whole as long as its cell is)
    results/seconds/<key>.json  what cells share took (`results.seconds`); no result

Arrays are written before the cell that names their checksums, so a cell that can be read is whole. There is no index
and no log: the files are the truth, and a run killed anywhere loses at most the cell it was writing.
"""

import hashlib
import io
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from swaveval.errors import DAMAGED, SwavevalError
from swaveval.results.atomic import write_bytes
from swaveval.results.cell import Cell, CellKey
from swaveval.results.encoding import seal, unseal
from swaveval.results.manifest import RunManifest
from swaveval.results.metric import Artifact
from swaveval.results.seconds import SecondsStore

Arrays = dict[str, np.ndarray[Any, np.dtype[Any]]]
# What reading raises where a sealed file holds something else than it should: a list for a mapping, say.
_NOT_AS_WRITTEN = (ValueError, KeyError, TypeError, AttributeError)


class StoreError(SwavevalError):
    """The results directory cannot be used: missing, not a results directory, or damaged."""


class DamagedCell(StoreError):
    """A stored file is not what was written."""

    exit_code = DAMAGED


class ResultStore:
    """The cells and the manifest under `OUT/results`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.cells_directory = directory / "cells"
        self.seconds = SecondsStore(directory / "seconds")

    # -- manifest ------------------------------------------------------------------------------------------------

    def write_manifest(self, manifest: RunManifest) -> None:
        write_bytes(self.directory / "run.json", seal(manifest.to_json()))

    def read_manifest(self) -> RunManifest:
        """The manifest of this directory.

        Raises:
            StoreError: there is none, it is damaged, or it was written by a newer version.
        """
        path = self.directory / "run.json"
        try:
            return RunManifest.from_json(unseal(path.read_bytes()))
        except FileNotFoundError:
            raise StoreError(f"no results in {self.directory}: run.json is missing") from None
        except NotADirectoryError:
            raise StoreError(f"no results in {self.directory}: a part of this path is a file") from None
        except _NOT_AS_WRITTEN as error:
            raise DamagedCell(f"{path} is damaged: {error}") from error

    # -- cells ---------------------------------------------------------------------------------------------------

    def put(self, cell: Cell, artifacts: Iterable[Artifact] = ()) -> Cell:
        """Store `cell` with its artifacts and return it as stored (with the artifacts' checksums)."""
        entries: list[tuple[str, str | None, str]] = []
        packed: Arrays = {}
        for position, artifact in enumerate(artifacts):
            for name, array in artifact.arrays.items():
                packed.update(_pack(f"{position}/{name}", np.asarray(array)))
            entries.append((artifact.id, artifact.checkpoint, ""))
        if entries:
            buffer = io.BytesIO()
            np.savez_compressed(buffer, allow_pickle=False, **packed)
            content = buffer.getvalue()
            checksum = hashlib.sha256(content).hexdigest()
            write_bytes(self._place_for(cell.key.digest, content, checksum), content)
            entries = [(name, owner, checksum) for name, owner, _ in entries]
        stored = replace(cell, artifacts=tuple(entries))
        write_bytes(self._path(cell.key.digest, "json"), seal(stored.to_json()))
        self._remove_arrays(cell.key.digest, but=self._arrays_of(stored))
        return stored

    def get(self, key: CellKey | str) -> Cell | None:
        """The stored cell, or None when it was never stored.

        Raises:
            DamagedCell: a file is there but is not what was written.
        """
        name = key if isinstance(key, str) else key.digest
        path = self._path(name, "json")
        try:
            cell = Cell.from_json(unseal(path.read_bytes()))
            held = cell.key.digest
        except FileNotFoundError:
            return None
        except _NOT_AS_WRITTEN as error:
            raise DamagedCell(f"{path.name} is damaged: {error}") from error
        if held != name:
            raise DamagedCell(f"{path.name} holds the cell {held}")
        return cell

    def stamp(self, key: CellKey) -> int:
        """When the stored cell was last written, in nanoseconds; 0 where there is none."""
        try:
            return self._path(key.digest, "json").stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    def artifacts(self, cell: Cell) -> tuple[Artifact, ...]:
        """The artifacts of a stored cell, arrays verified against the cell's checksum.

        Raises:
            DamagedCell: the array file is missing or altered.
        """
        if not cell.artifacts:
            return ()
        content = self.check_arrays(cell)
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                groups = _unpack(dict(arrays))
        except (*_NOT_AS_WRITTEN, OSError, zipfile.BadZipFile, zlib.error) as error:
            raise DamagedCell(f"{cell.key.digest}.npz is damaged: {error}") from error
        return tuple(
            Artifact(name, groups.get(str(position), {}), owner)
            for position, (name, owner, _) in enumerate(cell.artifacts)
        )

    def check_arrays(self, cell: Cell) -> bytes:
        """The file of a stored cell's arrays, verified against the cell's checksum; empty for one without arrays.

        Raises:
            DamagedCell: it is missing or altered.
        """
        if not cell.artifacts:
            return b""
        path = self._arrays_of(cell)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise DamagedCell(f"{path.name} is missing") from None
        if any(checksum != hashlib.sha256(content).hexdigest() for _, _, checksum in cell.artifacts):
            raise DamagedCell(f"{path.name} is damaged: checksum does not match")
        return content

    def discard(self, key: CellKey | str) -> None:
        """Remove a cell, so that it is done again; the JSON goes first, so no cell ever names missing arrays."""
        name = key if isinstance(key, str) else key.digest
        self._path(name, "json").unlink(missing_ok=True)
        self._remove_arrays(name)

    def verify(self) -> list[str]:
        """Read everything; one sentence per damaged file, empty when the store is whole."""
        damage: list[str] = []
        for path in sorted(self.cells_directory.glob("*.json")):
            try:
                cell = self.get(path.stem)
                if cell is not None:
                    self.artifacts(cell)
            except DamagedCell as error:
                damage.append(str(error))
        return damage

    def _place_for(self, name: str, content: bytes, checksum: str) -> Path:
        """Where to write arrays: not over those that a stored cell still names."""
        place = self._path(name, "npz")
        try:
            if place.read_bytes() == content:
                return place
        except FileNotFoundError:
            return place
        return self._path(f"{name}.{checksum[:16]}", "npz")

    def _arrays_of(self, cell: Cell) -> Path:
        """The file of a cell's arrays, by their checksum where there is one of that name."""
        name = cell.key.digest
        apart = [self._path(f"{name}.{checksum[:16]}", "npz") for _, _, checksum in cell.artifacts[:1]]
        return next((path for path in apart if path.exists()), self._path(name, "npz"))

    def _remove_arrays(self, name: str, but: Path | None = None) -> None:
        for path in [self._path(name, "npz"), *self.cells_directory.glob(f"{name}.*.npz")]:
            if path != but:
                path.unlink(missing_ok=True)

    def _path(self, name: str, suffix: str) -> Path:
        return self.cells_directory / f"{name}.{suffix}"


def _pack(name: str, array: np.ndarray[Any, np.dtype[Any]]) -> Arrays:
    """Bool arrays as bits, with their shape; others as they are."""
    if array.dtype != np.bool_:
        return {name: array}
    return {f"{name}:bits": np.packbits(array), f"{name}:shape": np.asarray(array.shape, dtype=np.int64)}


def _unpack(stored: Arrays) -> dict[str, Arrays]:
    """Group `position/name` arrays by position, undoing `_pack`."""
    groups: dict[str, Arrays] = {}
    for full_name, array in stored.items():
        position, name = full_name.split("/", 1)
        if name.endswith(":shape"):
            continue
        if name.endswith(":bits"):
            shape = tuple(int(size) for size in stored[f"{full_name[:-5]}:shape"])
            count = int(np.prod(shape))
            array = np.unpackbits(array, count=count).astype(np.bool_).reshape(shape)
            name = name[:-5]
        groups.setdefault(position, {})[name] = array
    return groups
