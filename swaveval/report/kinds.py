"""The kinds of artifacts that a page can draw, known by the last part of their id, whoever made them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
Arrays = Mapping[str, Array]

# Kind → the arrays it must have, with their number of dimensions. docs/plugins.md says what each holds.
KINDS: Mapping[str, Mapping[str, int]] = {
    "confusion": {"counts": 2},
    "per_class": {"recall": 1, "n": 1},
    "assignment": {},
    "usage": {"count": 1},
    "eigenvalues": {"values": 1},
    "map": {"xy": 2, "index": 1},
    "queries": {"query": 1, "neighbours": 2, "similarity": 2},
    "typical": {"kind": 1, "group": 1, "images": 2},
}
# Of the whole evaluation, made by no evaluator.
IMAGES, LABELS, LAYERS = "data.images", "data.labels", "drift.layers"
SHARED = (IMAGES, LABELS, LAYERS)


def kind_of(artifact_id: str) -> str:
    """`knn.confusion` → `confusion`; empty for what no page draws."""
    last = artifact_id.rsplit(".", 1)[-1]
    return last if last in KINDS and artifact_id.count(".") == 1 and artifact_id not in SHARED else ""


def fault(artifact_id: str, arrays: Arrays) -> str:
    """Why arrays cannot be drawn as what their id says they are; empty where they can."""
    for name, dimensions in KINDS[kind_of(artifact_id)].items():
        found = arrays.get(name)
        if found is None:
            return f"it has no array {name!r}"
        if found.ndim != dimensions:
            return f"its array {name!r} has {found.ndim} dimensions, not {dimensions}"
    return _lengths(kind_of(artifact_id), arrays)


def _lengths(kind: str, arrays: Arrays) -> str:
    shapes = {name: arrays[name].shape for name in KINDS[kind]}
    if kind == "confusion" and (shapes["counts"][0] != shapes["counts"][1] or arrays["counts"].dtype.kind not in "iu"):
        return "its counts are no square table of whole numbers"
    if kind == "map" and (shapes["xy"] != (shapes["index"][0], 2) or arrays["index"].dtype.kind not in "iu"):
        return "its xy are not two numbers for each image of its index"
    if kind == "queries" and shapes["neighbours"] != shapes["similarity"]:
        return "its neighbours and their similarity have different shapes"
    if len({shape[0] for shape in shapes.values()}) > 1:
        return "its arrays have different lengths"
    return ""
