"""Which images a stored number is of."""

from collections.abc import Iterable

from swaveval.results.roles import ON_TEST, WITNESSES
from swaveval.results.series import Series


def grouped_by_images(series: Series, labels: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """What metrics are called, by the images that they rest on; those that do not say it are left out.

    Args:
        labels: of each metric its id and what it is called.
    """
    of: dict[str, list[str]] = {}
    for metric, label in labels:
        if images := images_behind(series, metric):
            of.setdefault(images, []).append(label)
    return of


def images_behind(series: Series, metric_id: str) -> str:
    """`100 test images`, by how many the metric says that it rests on; empty where it does not say."""
    counts = [m.n for point in series.points if (m := point.metrics.get(metric_id)) is not None and m.n]
    if not counts:
        return ""
    n = max(counts)
    kind = _kind(series, metric_id, n)
    return f"all {n:,} images" if kind == "all" else " ".join(filter(None, (f"{n:,}", kind, "images")))


def _kind(series: Series, metric_id: str, n: int) -> str:
    """Empty where nobody can tell, as of a sample."""
    data = series.manifest.data
    if n == data.n_train + data.n_test:
        return "all"
    if data.n_train != data.n_test:
        return {data.n_test: "test", data.n_train: "training"}.get(n, "")
    # Splits of one size are told apart by what the metric is for.
    on_test = {*(one.metric for one in ON_TEST), *(one.confirms for one in WITNESSES)}
    on_training = {one.metric for one in WITNESSES}
    return "test" if metric_id in on_test else "training" if metric_id in on_training else ""
