"""What the cell `data` holds: labels of all images and thumbnails of those that maps and galleries show."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from PIL import Image

from swaveval.report.kinds import IMAGES, LABELS, kind_of
from swaveval.results import Artifact, Cell, CellKey, ResultStore
from swaveval.results.encoding import digest
from swaveval.runs.plan import EvaluatorSpec
from swaveval.runs.plugins import Produced
from swaveval.runs.workspace import Workspace

PICTURES = EvaluatorSpec("data", "", version=1)
THUMBNAIL = 32
INDEX_ARRAYS = ("index", "query", "neighbours", "images")
SHOWN_BY = ("map", "queries", "typical")


def pictures_key(fingerprint: str, shown: Sequence[int]) -> CellKey:
    """The cell's key: the images, and which of them are shown."""
    return CellKey(
        backbone="",
        data=fingerprint,
        transform=f"thumbnail{THUMBNAIL}",
        evaluator=PICTURES.name,
        version=PICTURES.version,
        parameters={"shown": digest(list(shown))},
    )


def shown_by(cells: Iterable[Cell], store: ResultStore, n_images: int) -> tuple[int, ...]:
    """Sorted positions of every image that some artifact points at."""
    positions: list[np.ndarray[tuple[int], np.dtype[np.int32]]] = [np.zeros(0, dtype=np.int32)]
    for cell in cells:
        if not any(kind_of(name) in SHOWN_BY for name, _, _ in cell.artifacts):
            continue
        for artifact in store.artifacts(cell):
            if kind_of(artifact.id) in SHOWN_BY:
                positions += [
                    np.ravel(array).astype(np.int32) for name, array in artifact.arrays.items() if name in INDEX_ARRAYS
                ]
    shown = np.unique(np.concatenate(positions))
    return tuple(shown[(shown >= 0) & (shown < n_images)].tolist())


def pictures(workspace: Workspace, shown: Sequence[int]) -> Produced:
    """Labels `(n,)` of all images, −1 for none; thumbnails of the `shown`, at most 32×32 pixels."""
    images = workspace.images
    everything = np.concatenate([images.train_index, images.test_index]).astype(np.int32)
    unlabelled = np.full(len(images), -1, dtype=np.int64)
    labels = unlabelled if images.labels is None else images.labels.astype(np.int64)
    index = np.asarray(shown, dtype=np.int32)
    facts: dict[str, np.ndarray[Any, np.dtype[Any]]] = {
        "label": labels[everything],
        "index": everything,
        "is_test": images.is_test[everything].astype(np.bool_),
    }
    if not len(index):
        return (Artifact(LABELS, facts),)
    seen: dict[str, np.ndarray[Any, np.dtype[Any]]] = {
        "index": index,
        "thumbnails": np.stack([_thumbnail(pixels) for pixels in workspace.pixels.take(index)]),
        "label": labels[index],
        "file": np.asarray([images.files[position] for position in index], dtype=np.str_),
    }
    return Artifact(LABELS, facts), Artifact(IMAGES, seen)


def _thumbnail(
    pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    image = Image.fromarray(_as_rgb(pixels))
    if max(image.size) > THUMBNAIL:
        image = image.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX)
    return np.asarray(image, dtype=np.uint8)


def _as_rgb(
    pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """What can be shown of any number of bands: the first three, or the first as grey."""
    bands = pixels.shape[2]
    return np.ascontiguousarray(pixels[..., :3] if bands >= 3 else np.repeat(pixels[..., :1], 3, axis=2))
