"""Labels in JSON: StyleGAN's dataset.json, COCO, FiftyOne, Label Studio, mappings, records, these by split, lines."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from swaveval.data.errors import DataError
from swaveval.data.tables.label_titles import has_image_ending, named, split_word

Rows = list[tuple[int, list[str]]]


def rows_of_json(text: str, present: frozenset[str] = frozenset(), *, name: str) -> tuple[list[str], Rows]:
    """Header and rows as of a CSV; the line number is the entry's.

    Args:
        text: of the file. present: bare names of the images that are there. name: of the file, for errors.

    Raises:
        DataError: it is not JSON, or of a form that is not known.
    """
    try:
        body = json.loads(text)
    except (ValueError, RecursionError) as error:
        body = _lines(text)
        if body is None:
            raise DataError(f"{name} is not JSON ({error}); write a CSV file filename,label[,split]") from error
    splits = isinstance(body, Mapping) and len(body) > 1 and all(split_word(str(key)) for key in body)
    found = _by_split(body, present) if splits else _table(body, present)
    if found is None:
        raise DataError(
            f"{name} is JSON of a form that is not known here (known: StyleGAN's dataset.json, COCO, a mapping or "
            "records of file names and labels, file names by class); write a CSV file filename,label[,split]"
        )
    return found


def _by_split(body: Mapping[str, Any], present: frozenset[str]) -> tuple[list[str], Rows] | None:
    """`{"train": …, "test": …}`, each of which is a table with the same header; None where they are not."""
    tables = [(str(split), _table(part, present)) for split, part in body.items()]
    headers = {tuple(table[0]) for _, table in tables if table is not None}
    if len(headers) != 1 or any(table is None for _, table in tables):
        return None
    rows = [[*cells, split] for split, table in tables if table is not None for _, cells in table[1]]
    return [*headers.pop(), "split"], list(enumerate(rows, 1))


def _table(body: Any, present: frozenset[str]) -> tuple[list[str], Rows] | None:
    """Header and rows of a value of JSON; None where its form is not known."""
    if isinstance(body, Mapping):
        if isinstance(body.get("images"), list) and isinstance(body.get("annotations"), list):
            return _coco(body)
        if isinstance(body.get("labels"), list):  # StyleGAN: {"labels": [["00000/img0.png", 6], …]}
            return ["filename", "label"], _pairs(body["labels"])
        if isinstance(body.get("labels"), Mapping):
            body = _in_words(body["labels"], body.get("classes"))
        if by_class := _by_class(body, present):
            return ["filename", "label"], by_class
        if len(body) == 1 and isinstance(records := next(iter(body.values())), list) and _are_records(records):
            body = records
        if isinstance(body, Mapping) and body and all(not isinstance(value, Mapping) for value in body.values()):
            return ["filename", "label"], _pairs(list(body.items()))
    if _are_records(body):
        if tasks := _label_studio(body):
            return ["filename", "label"], tasks
        header = list(dict.fromkeys(str(key) for entry in body for key in entry))
        return header, [(at, [_cell(entry.get(key)) for key in header]) for at, entry in enumerate(body, 1)]
    if isinstance(body, list) and body and all(isinstance(entry, list) and len(entry) > 1 for entry in body):
        return ["filename", "label"], _pairs(body)
    return None


def _in_words(labels: Mapping[str, Any], names: Any) -> Mapping[str, Any]:
    """FiftyOne: `{"classes": ["cat", …], "labels": {"1": 0, …}}`; as they are where a number is none of the names'.

    An image without a label has null.
    """
    numbers = [at for at in labels.values() if at is not None]
    if not isinstance(names, list) or not all(type(at) is int and 0 <= at < len(names) for at in numbers):
        return labels
    return {image: None if at is None else names[at] for image, at in labels.items()}


def _are_records(body: Any) -> bool:
    return isinstance(body, list) and bool(body) and all(isinstance(entry, Mapping) for entry in body)


def _label_studio(tasks: Sequence[Mapping[str, Any]]) -> Rows:
    """Label Studio's whole export, a task an image, with what its first annotation that was not cancelled says:
    choices, or labels of the regions; [] where it is something else."""
    images, labels = list[str](), list[list[str]]()
    for task in tasks:
        data, annotations = task.get("data"), task.get("annotations")
        if not isinstance(data, Mapping) or not isinstance(annotations, list):
            return []
        texts = (value for value in data.values() if isinstance(value, str))
        images.append(next(filter(has_image_ending, texts), ""))
        done = [one for one in annotations if not one.get("was_cancelled")] if _are_records(annotations) else []
        results: Any = done[0].get("result") if done else None
        said = [_words(result) for result in results] if _are_records(results) else []
        labels.append(list(dict.fromkeys(word for words in said for word in words)))
    if all(len(several) < 2 for several in labels):
        return _pairs([(image, "".join(one)) for image, one in zip(images, labels, strict=True)])
    return _pairs([(image, several or "") for image, several in zip(images, labels, strict=True)])


def _words(result: Mapping[str, Any]) -> list[str]:
    """Of Label Studio's `{"type": "choices", "value": {"choices": ["cat"]}}`: cat."""
    value, kind = result.get("value"), result.get("type")
    words = value.get(kind) if isinstance(value, Mapping) and isinstance(kind, str) else None
    return [word for word in words if isinstance(word, str)] if isinstance(words, list) else []


def _by_class(body: Mapping[str, Any], present: frozenset[str]) -> Rows:
    """`{"cat": ["1.jpg", …], …}`, where what is listed names more images than the keys do; else []."""
    listed = {str(key): value for key, value in body.items() if isinstance(value, list)}
    names = [item for items in listed.values() for item in items]
    if len(listed) < len(body) or not names or not all(isinstance(item, str) for item in names):
        return []
    if named(names, present) <= named(listed, present):
        return []
    pairs = [[item, label] for label, items in listed.items() for item in items]
    return list(enumerate(pairs, 1))


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
