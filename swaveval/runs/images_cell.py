"""The cell `data`: labels of all images and thumbnails of those that maps and galleries show."""

from collections.abc import Iterable
from contextlib import suppress

import numpy as np
from PIL import Image

from swaveval.report.kinds import IMAGES, LABELS, kind_of
from swaveval.results import Artifact, Cell, CellKey, DamagedCell
from swaveval.results.encoding import digest
from swaveval.runs.workspace import Workspace

THUMBNAIL = 32
INDEX_ARRAYS = ("index", "query", "neighbours", "images")
SHOWN_BY = ("map", "queries", "typical")


def store_images_cell(workspace: Workspace, cells: Iterable[Cell]) -> Cell:
    """Store (or find) the `data` cell for everything the given cells show; thumbnails are at most 32×32 pixels."""
    images = workspace.images
    shown = _shown(workspace, cells) if images.pictures else np.zeros(0, dtype=np.int32)
    key = CellKey(
        backbone="",
        data=images.fingerprint,
        transform=f"thumbnail{THUMBNAIL}",
        evaluator="data",
        version=1,
        parameters={"shown": digest(shown.tolist())},
    )
    with suppress(DamagedCell):  # what can be made again is made again
        held = workspace.store.get(key)
        if held is not None:
            workspace.store.check_arrays(held)
            return held
    everything = np.concatenate([images.train_index, images.test_index]).astype(np.int32)
    unlabelled = np.full(len(images), -1, dtype=np.int64)
    labels = unlabelled if images.labels is None else images.labels.astype(np.int64)
    artifacts = [
        Artifact(
            LABELS,
            {"label": labels[everything], "index": everything, "is_test": images.is_test[everything].astype(np.bool_)},
        )
    ]
    if len(shown):
        artifacts.append(
            Artifact(
                IMAGES,
                {
                    "index": shown,
                    "thumbnails": np.stack([_thumbnail(pixels) for pixels in workspace.pixels.take(shown)]),
                    "label": labels[shown],
                    "file": np.asarray([images.files[position] for position in shown], dtype=np.str_),
                },
            )
        )
    return workspace.store.put(Cell(key=key), artifacts)


def _shown(workspace: Workspace, cells: Iterable[Cell]) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    """Sorted positions of every image some artifact points at."""
    positions: list[np.ndarray[tuple[int], np.dtype[np.int32]]] = [np.zeros(0, dtype=np.int32)]
    for cell in cells:
        if not any(kind_of(name) in SHOWN_BY for name, _, _ in cell.artifacts):
            continue
        for artifact in workspace.store.artifacts(cell):
            if kind_of(artifact.id) in SHOWN_BY:
                positions += [
                    np.ravel(array).astype(np.int32) for name, array in artifact.arrays.items() if name in INDEX_ARRAYS
                ]
    shown = np.unique(np.concatenate(positions))
    return shown[(shown >= 0) & (shown < len(workspace.images))]


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
