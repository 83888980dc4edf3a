"""The images of one evaluation: names, labels, split, fingerprint; pixels on demand."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from swaveval.data.reading import AS_LOADERS, Reading

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Every image that could be decoded, in a fixed order (natural sort of the names).

    Attributes:
        name: short name for pages.
        path: as the user gave it.
        files: relative file names (or `digits/0001`), length n.
        labels: shape `(n,)`, int64, -1 where unlabelled; None when nothing is labelled.
        class_names: in label order; empty without labels.
        is_test: shape `(n,)`, bool.
        split_origin: how the split came about, in words.
        fingerprint: SHA-256 over names, contents, labels and split.
        audit: counts and lists for the data audit, plain JSON.
        open: position → image of 8 bits per channel: RGB, or shape `(H, W, channels)` for other numbers of channels.
        channels: of each image.
        reading: what the pixels are read by, with the range that was found.
        label_origin: where the labels came from, or why there are none (`none: …`), in words.
        pictures: whether there are images to show; False for rows of features that came without.
        contents: SHA-256 of each image's content, length n; empty for images that have none.
        whole: how many images these were drawn from; 0 where these are all. sample: how, in words.
    """

    name: str
    path: str
    files: tuple[str, ...]
    labels: Array | None
    class_names: tuple[str, ...]
    is_test: Array
    split_origin: str
    fingerprint: str
    open: Callable[[int], Image.Image | Array]
    audit: Mapping[str, Any] = field(default_factory=dict)
    label_origin: str = ""
    channels: int = 3
    reading: Reading = AS_LOADERS
    contents: tuple[str, ...] = ()
    pictures: bool = True
    whole: int = 0
    sample: str = ""

    def __len__(self) -> int:
        return len(self.files)

    @property
    def labelled(self) -> bool:
        return self.labels is not None

    @property
    def notes(self) -> tuple[str, ...]:
        """A sentence on everything that was passed over, left out or assumed; how pixels were read comes last."""
        return (*self.audit.get("notes", ()), *self.audit.get("pixels", ()))

    @property
    def train_index(self) -> Array:
        """Positions of the train split, ascending."""
        return np.flatnonzero(~self.is_test)

    @property
    def test_index(self) -> Array:
        """Positions of the test split, ascending."""
        return np.flatnonzero(self.is_test)
