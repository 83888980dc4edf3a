"""Embeddings as a file: parquet, npz, or a directory for TensorBoard's projector."""

import importlib.util
import os
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from swaveval.results import Point, Series
from swaveval.results.atomic import named_path
from swaveval.results.exporters import STANDARD_OUTPUT, ExportError
from swaveval.results.places import check_file
from swaveval.text import listed, printable, shortened
from swaveval.trackers.content import Content
from swaveval.trackers.embeddings import Array, Embeddings, embeddings_of
from swaveval.trackers.own_directory import MARK, replace_files
from swaveval.trackers.projector import CONFIG, configured, metadata, thinned

_FILES = (".parquet", ".npz")


def write_embeddings(series: Series, which: str, target: str) -> tuple[str, ...]:
    """Write the features of one checkpoint, or of all, with what is known of each image.

    A row is one image of one checkpoint; docs/executors-and-exporters.md says what each column holds.

    Args:
        which: `best` (the verdict's), `last`, `all`, or the name of a checkpoint.
        target: a file that ends in `.parquet` or `.npz`, else a directory for TensorBoard's projector.

    Returns:
        The names of the checkpoints that were written.

    Raises:
        ExportError: there is no such checkpoint, its features are not kept any more, or pyarrow is missing.
        OutputError: nothing can be written there. OSError: the disk is full.
    """
    if target in ("", STANDARD_OUTPUT):
        raise ExportError("embeddings take a file or a directory; name it with --to FILE.parquet, FILE.npz or DIR")
    path, suffix = Path(target).expanduser(), Path(target).suffix.lower()
    a_file = suffix[1:].isalpha() and not target.endswith(("/", os.sep)) and not path.is_dir()
    if a_file and suffix not in _FILES:
        raise ExportError(
            f"embeddings are not written as {shortened(suffix, 20)}; name FILE.parquet, FILE.npz or a directory with "
            "--to (a directory whose name looks like this ends in a slash)"
        )
    if not a_file and path.exists() and not path.is_dir():
        raise ExportError(
            f"{shortened(str(path), 100)} is no directory; name one, or a file that ends in .parquet or .npz, with --to"
        )
    check_file(path, option="--to")
    content = Content.of(series)
    points = chosen(content, which)
    every = (embeddings_of(content, point) for point in points)
    if suffix == ".parquet":
        _write_parquet(every, path)
    elif suffix == ".npz":
        _write_npz(every, path)
    else:
        _write_projector(content, every, path)
    return tuple(point.record.name for point in points)


def chosen(content: Content, which: str) -> tuple[Point, ...]:
    """The points that a word or a name means.

    Raises:
        ExportError: there is none.
    """
    points, best = content.series.points, content.verdict.best
    if not points:
        raise ExportError("no checkpoint is evaluated yet; `swaveval run` does it")
    if which == "all":
        return points
    if which == "last":
        return points[-1:]
    if which == "best" and best is None:
        raise ExportError(
            f"the verdict ({content.verdict.verdict}) recommends no checkpoint; name one, or last, or all, with "
            "--embeddings"
        )
    name = best.checkpoint if which == "best" and best is not None else which
    named = [point for point in (*points, *content.series.baselines) if point.record.name == name]
    if not named:
        known = listed(point.record.name for point in points)
        raise ExportError(f"no checkpoint is called {shortened(name, 80)}; there are {known}, and best, last, all")
    return tuple(named[:1])


def _columns(held: Embeddings) -> dict[str, Any]:
    """Everything but the features, a value per row."""
    count = len(held.index)
    return {
        "checkpoint": np.full(count, printable(held.record.name)),
        "epoch": np.full(count, np.nan if held.record.epoch is None else held.record.epoch),
        "step": np.full(count, -1 if held.record.step is None else held.record.step, dtype=np.int64),
        "index": held.index,
        "file": np.asarray(held.files, dtype=np.str_),
        "split": np.where(held.test, "test", "train"),
        "label": held.label,
        "class": np.asarray([held.class_of(row) for row in range(count)], dtype=np.str_),
        "x": held.xy[:, 0],
        "y": held.xy[:, 1],
        **held.outcomes,
    }


def _write_npz(every: Iterator[Embeddings], path: Path) -> None:
    """Arrays of n rows each; `embedding` has the shape `(n, d)`."""
    parts: list[dict[str, Any]] = [_columns(held) | {"embedding": held.features} for held in every]
    _same_width([part["embedding"] for part in parts])
    names = dict.fromkeys(name for part in parts for name in part)
    arrays = {
        name: np.concatenate([part.get(name, np.full(len(part["index"]), np.nan, np.float32)) for part in parts])
        for name in names
    }
    # np.savez takes names as keywords, and one of its own is `file`.
    with named_path(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, array in arrays.items():
            with packed.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, array, allow_pickle=False)


def _write_parquet(every: Iterator[Embeddings], path: Path) -> None:
    """One checkpoint in memory at a time, each a row group.

    Text in parquet is UTF-8, which names of files need not be: `file_bytes` has every name as it is on disk.
    """
    if importlib.util.find_spec("pyarrow") is None:
        raise ExportError("parquet needs pyarrow; pip install 'swaveval[parquet]', or name a file that ends in .npz")
    import pyarrow as pa
    import pyarrow.parquet as parquet

    held = next(every)
    names = {name: pa.float32() for name in held.outcomes}
    schema = pa.schema(
        [
            ("checkpoint", pa.string()),
            ("epoch", pa.float64()),
            ("step", pa.int64()),
            ("index", pa.int64()),
            ("file", pa.string()),
            ("file_bytes", pa.binary()),
            ("split", pa.string()),
            ("label", pa.int64()),
            ("class", pa.string()),
            ("x", pa.float32()),
            ("y", pa.float32()),
            *names.items(),
            ("embedding", pa.list_(pa.float32(), held.features.shape[1])),
        ]
    )
    first = held.features
    with named_path(path) as temporary, parquet.ParquetWriter(temporary, schema) as writer:
        while True:
            writer.write_table(_table(held, schema))
            following = next(every, None)
            if following is None:
                return
            held = following
            _same_width([first, held.features])


def _table(held: Embeddings, schema: Any) -> Any:
    import pyarrow as pa

    columns = _columns(held)
    columns["file"] = [_utf8(name) for name in held.files]
    columns["class"] = [_utf8(name) for name in columns["class"].tolist()]
    columns["file_bytes"] = [os.fsencode(name) for name in held.files]
    if held.record.step is None:
        columns["step"] = [None] * len(held.index)
    columns["embedding"] = pa.FixedSizeListArray.from_arrays(
        pa.array(np.ascontiguousarray(held.features).reshape(-1), pa.float32()), held.features.shape[1]
    )
    empty = np.full(len(held.index), np.nan, dtype=np.float32)
    arrays = []
    for each in schema:
        values = columns.get(each.name, empty)
        missing = each.name in ("epoch", "x", "y", *held.outcomes) or values is empty
        arrays.append(pa.array(values, each.type, from_pandas=missing) if each.name != "embedding" else values)
    return pa.Table.from_arrays(arrays, schema=schema)


def _write_projector(content: Content, every: Iterator[Embeddings], path: Path) -> None:
    """Features and map of each checkpoint, of at most 10,000 images, in a directory of its own."""
    if path.exists() and any(path.iterdir()) and not (path / MARK).is_file():
        raise ExportError(
            f"{shortened(str(path), 100)} holds other files; name a new directory, or a file that ends in .parquet or "
            ".npz"
        )
    tensors: list[tuple[str, Array, bytes]] = []
    for held in every:
        few = thinned(held)
        tensors.append((f"features, {held.record.name}", few.features, metadata(few)))
        mapped = held.rows(np.flatnonzero(np.isfinite(held.xy).all(1)))
        if len(mapped.index):
            few = thinned(mapped)
            tensors.append((f"map, {held.record.name}", few.xy, metadata(few)))
    replace_files(path, content.identity, configured(tensors), last=(CONFIG,))


def _same_width(features: Sequence[Array]) -> None:
    widths = sorted({each.shape[1] for each in features})
    if len(widths) > 1:
        raise ExportError(
            f"the checkpoints have features of {' and '.join(map(str, widths))} dimensions, which is no one table; "
            "export one after the other with --embeddings NAME"
        )


def _utf8(name: str) -> str:
    """The name itself where UTF-8 can say it, else its printable form."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return printable(name)
    return name
