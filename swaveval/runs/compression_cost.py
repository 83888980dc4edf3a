"""What compression costs in kNN accuracy, measured on the user's own images."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from swaveval.checkpoints import LoadOptions, load
from swaveval.checkpoints.compression import Measured, form_named, load_form, write_form
from swaveval.data import decode, default_transform, open_images
from swaveval.evaluators.knn import Knn
from swaveval.features.extract import ExtractSettings, extract
from swaveval.results import Metric
from swaveval.results.roles import TEST

Rows = Sequence[Measured]


def knn_changes(
    file: Path, rows: Rows, data: str | None, labels: Path | None, options: LoadOptions
) -> dict[str, dict[str, Any]]:
    """kNN accuracy of the original and of each form with other weights: form → {`knn`, `knn_change`}."""
    images = open_images(str(data), labels=labels)
    settings = ExtractSettings(transform=default_transform(images), n_view_images=0, n_views=0)
    pixels = decode(images, settings.transform, cache=None)

    def accuracy(backbone: Any) -> float:
        features = extract(backbone, images, pixels, settings=settings)
        return next(found.value for found in Knn()(features, seed=0) if isinstance(found, Metric) and found.id == TEST)

    before = accuracy(load(file, options=options))
    changes: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory(prefix="swaveval-compress-") as directory:
        for row in rows:
            after = before
            if not row.problem and not row.identical:
                form = form_named(row.form)
                target = write_form(file, form, Path(directory) / f"file{form.suffix}", options=options)
                after = accuracy(load_form(form, target, options))
            if not row.problem:
                changes[row.form] = {"knn": after, "knn_change": after - before}
    return changes
