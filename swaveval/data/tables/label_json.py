"""Labels in JSON: StyleGAN's dataset.json, COCO, a mapping, records, JSON lines."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from swaveval.data.errors import DataError

Rows = list[tuple[int, list[str]]]


def rows_of_json(text: str, *, name: str) -> tuple[list[str], Rows]:
    """Header and rows as of a CSV; the line number is the entry's.

    Raises:
        DataError: it is not JSON, or of a form that is not known.
    """
    try:
        body = json.loads(text)
    except (ValueError, RecursionError) as error:
        body = _lines(text)
        if body is None:
            raise DataError(f"{name} is not JSON ({error}); write a CSV file filename,label[,split]") from error
    if isinstance(body, Mapping):
        if isinstance(body.get("images"), list) and isinstance(body.get("annotations"), list):
            return _coco(body)
        if isinstance(body.get("labels"), list):  # StyleGAN: {"labels": [["00000/img0.png", 6], …]}
            return ["filename", "label"], _pairs(body["labels"])
        if isinstance(body.get("labels"), Mapping):
            body = body["labels"]
        if body and all(not isinstance(value, Mapping) for value in body.values()):
            return ["filename", "label"], _pairs(list(body.items()))
    if isinstance(body, list) and body and all(isinstance(entry, Mapping) for entry in body):
        header = list(dict.fromkeys(str(key) for entry in body for key in entry))
        return header, [(at, [_cell(entry.get(key)) for key in header]) for at, entry in enumerate(body, 1)]
    if isinstance(body, list) and body and all(isinstance(entry, list) and len(entry) > 1 for entry in body):
        return ["filename", "label"], _pairs(body)
    raise DataError(
        f"{name} is JSON of a form that is not known here (known: StyleGAN's dataset.json, COCO, a mapping or records "
        "of file names and labels); write a CSV file filename,label[,split]"
    )


def _lines(text: str) -> list[Any] | None:
    try:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    except (ValueError, RecursionError):
        return None


def _pairs(entries: Sequence[Any]) -> Rows:
    usable = [entry for entry in entries if isinstance(entry, list | tuple) and len(entry) > 1]
    return [(at, [str(entry[0]), _cell(entry[1])]) for at, entry in enumerate(usable, 1)]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return json.dumps([str(part) for part in value], ensure_ascii=False)
    return str(value).strip()


def _coco(body: Mapping[str, Any]) -> tuple[list[str], Rows]:
    """Each image with the categories of the objects in it, as a list; an image without objects has no label."""
    names = {entry.get("id"): str(entry.get("name", entry.get("id"))) for entry in body.get("categories", ())}
    inside: dict[Any, list[str]] = {}
    for entry in body["annotations"]:
        category = entry.get("category_id")
        inside.setdefault(entry.get("image_id"), []).append(names.get(category, str(category)))
    rows: Rows = []
    for at, image in enumerate(body["images"], 1):
        categories = list(dict.fromkeys(inside.get(image.get("id"), ())))
        rows.append((at, [str(image.get("file_name", "")), _cell(categories) if categories else ""]))
    return ["filename", "label"], rows
