"""Files for TensorBoard's projector: tensors as bare float32, what is known of each row as tab-separated text."""

import io
from collections.abc import Callable, Iterator
from hashlib import sha256

import numpy as np

from swaveval.report.kinds import IMAGES, LABELS
from swaveval.results import Point
from swaveval.results.exporters import ExportError
from swaveval.text import clipped, printable
from swaveval.trackers.content import Content
from swaveval.trackers.embeddings import Array, Embeddings, artifact, embeddings_of, find_map

CONFIG = "projector_config.pbtxt"
# More the projector's browser does not take well.
MOST_ROWS = 10_000


def projector_files(content: Content, *, features: bool) -> dict[str, bytes]:
    """The maps of all checkpoints that have one, and the features of the checkpoint to use (else of the last).

    Where features or file names are not kept any more they are left out: a tracker is told what there is.

    Returns:
        Relative path to content, `projector_config.pbtxt` last; empty where there is nothing to show.
    """
    tensors: list[tuple[str, Array, bytes]] = []
    known: dict[bytes, bytes] = {}
    for point in content.series.points:
        found = find_map(content, point)
        if found is not None:
            index, xy = found
            finite = np.isfinite(xy).all(1)
            about = _about_map(content, index[finite], known)
            tensors.append((f"map, {point.record.name}", xy[finite], about))
    chosen = _chosen(content)
    if features and chosen is not None:
        try:
            held = thinned(embeddings_of(content, chosen))
            tensors.append((f"features, {chosen.record.name}", held.features, metadata(held)))
        except ExportError:
            pass
    return configured(tensors)


def thinned(held: Embeddings) -> Embeddings:
    """At most 10,000 rows, evenly chosen."""
    if len(held.index) <= MOST_ROWS:
        return held
    return held.rows(np.unique(np.linspace(0, len(held.index) - 1, MOST_ROWS).astype(np.int64)))


def configured(tensors: list[tuple[str, Array, bytes]]) -> dict[str, bytes]:
    """Tensors, their metadata and the file that names them.

    Args:
        tensors: name, values of shape `(n, d)`, metadata as tab-separated text.
    """
    files: dict[str, bytes] = {}
    lines: list[str] = []
    for name, values, about in tensors:
        tensor = np.ascontiguousarray(values, dtype="<f4").tobytes()
        # Called by what they hold: a file that a reader was told of is never another's.
        paths = f"projector/{_hashed(tensor)}.bytes", f"projector/{_hashed(about)}.tsv"
        files |= dict(zip(paths, (tensor, about), strict=True))
        lines += [
            "embeddings {",
            f"  tensor_name: {_quoted(name)}",
            f"  tensor_shape: {values.shape[0]}",
            f"  tensor_shape: {values.shape[1]}",
            f'  tensor_path: "{paths[0]}"',
            f'  metadata_path: "{paths[1]}"',
            "}",
        ]
    if lines:
        files[CONFIG] = ("\n".join(lines) + "\n").encode()
    return files


def metadata(held: Embeddings) -> bytes:
    """A line of names, then one per row: file, class, split, outcomes."""
    names = ["file", "class", "split", *(name.removesuffix(".outcomes") for name in held.outcomes)]

    def row(at: int) -> Iterator[str]:
        yield from (held.files[at], held.class_of(at), "test" if held.test[at] else "train")
        yield from (_outcome(float(values[at])) for values in held.outcomes.values())

    return _table(names, len(held.index), row)


def _about_map(content: Content, index: Array, known: dict[bytes, bytes]) -> bytes:
    """What is known of the images of a map, without the features."""
    key = index.tobytes()
    if key not in known:
        classes = content.series.manifest.data.class_names
        shown, every = artifact(content, IMAGES) or {}, artifact(content, LABELS) or {}
        files = dict(zip(shown["index"].tolist(), shown["file"].tolist(), strict=True)) if "file" in shown else {}
        labels = dict(zip(every["index"].tolist(), every["label"].tolist(), strict=True)) if "label" in every else {}
        tests = dict(zip(every["index"].tolist(), every["is_test"].tolist(), strict=True)) if "is_test" in every else {}

        def row(at: int) -> Iterator[str]:
            image = int(index[at])
            label = labels.get(image, -1)
            yield files.get(image, f"image {image}")
            yield classes[label] if 0 <= label < len(classes) else ""
            yield {True: "test", False: "train", None: ""}[tests.get(image)]

        known[key] = _table(["file", "class", "split"], len(index), row)
    return known[key]


def _chosen(content: Content) -> Point | None:
    best, points = content.verdict.best, content.series.points
    named = [point for point in points if best is not None and point.record.name == best.checkpoint]
    return next(iter((*named, *reversed(points))), None)


def _table(names: list[str], count: int, row: Callable[[int], Iterator[str]]) -> bytes:
    """Tabs and line ends in a text are escaped, and so is whatever else is not visible."""
    written = io.StringIO()
    written.write("\t".join(clipped(name, 60) for name in names) + "\n")
    for at in range(count):
        written.write("\t".join(_cell(text) for text in row(at)) + "\n")
    return written.getvalue().encode()


def _cell(text: str) -> str:
    return printable(text) or "–"


def _outcome(value: float) -> str:
    if np.isnan(value):
        return "–"
    return {1.0: "right", 0.0: "wrong"}.get(value, f"{value:.2f}")


def _hashed(content: bytes) -> str:
    return sha256(content).hexdigest()[:16]


def _quoted(name: str) -> str:
    text = clipped(name, 120).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
