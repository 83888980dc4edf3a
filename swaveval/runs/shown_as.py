"""Size and interpolation of the eval images as the files beside the checkpoints say them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from swaveval.data import ImageSet, default_transform
from swaveval.results import CheckpointRecord
from swaveval.runs.request import RunRequest

_KNOWN = ("bilinear", "bicubic")


def shown_as_said(
    request: RunRequest, records: Sequence[CheckpointRecord], images: ImageSet
) -> tuple[RunRequest, tuple[str, ...]]:
    """The request with the input size and interpolation that all checkpoints state, and what must be said of them.

    What the user said stands, and what the training run recorded.
    """
    stated = [record.load.get("geometry", {}).get("shown") for record in records if record.evaluated]
    if not stated or request.transform_recorded or any(one != stated[0] for one in stated) or not stated[0]:
        return request, ()
    said: dict[str, Any] = stated[0]
    usual = default_transform(images)
    notes, taken = [], dict(request.normalisation)
    size, way, share = said.get("input_size"), said.get("interpolation"), said.get("crop_share")
    if size is not None and request.transform is None:
        if size != usual.size:
            notes.append(
                f"images are shown at {size} px, as the file beside the checkpoints says; by their own size it would "
                f"be {usual.size} (--size)"
            )
        usual = replace(usual, size=size)
        request = replace(request, transform=usual)
    elif size is not None and request.transform is not None and size != request.transform.size:
        notes.append(f"the file beside the checkpoints says {size} px; --size {request.transform.size} was taken")
    if way in _KNOWN and "interpolation" not in taken:
        taken["interpolation"] = way
        if way != usual.interpolation:
            notes.append(f"images are resized by {way} interpolation, as the file beside the checkpoints says")
    elif way is not None and way not in _KNOWN:
        notes.append(
            f"the file beside the checkpoints says {way} interpolation, which is not done here: "
            f"{taken.get('interpolation', usual.interpolation)} is (--interpolation bilinear or bicubic)"
        )
    shown = request.transform or usual
    ours = shown.size / shown.short_side
    if share is not None and abs(share - ours) > 0.01:
        notes.append(
            f"the file beside the checkpoints cuts out {100 * share:.4g} % of the short side; here it is "
            f"{100 * ours:.4g} %, as in all evaluations of this size"
        )
    return replace(request, normalisation=taken), tuple(notes)
