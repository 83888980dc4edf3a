"""The eval transform as far as the command line names it."""

from typing import Any

from swaveval.data.transforms import EvalTransform
from swaveval.runs.request import RunError


def choose_transform(size: int | None, interpolation: str | None) -> EvalTransform | None:
    """A transform of the given size, or None when none is given: then the data decides the size.

    Raises:
        RunError: an interpolation this project does not know.
    """
    chosen = interpolated(interpolation)
    return None if size is None else EvalTransform(size=size, **chosen)


def interpolated(interpolation: str | None) -> dict[str, Any]:
    """The field of an EvalTransform that `--interpolation` sets, whatever decides the size; {} where it is not given.

    Raises:
        RunError: an interpolation this project does not know.
    """
    if interpolation not in (None, "bilinear", "bicubic"):
        raise RunError(f"--interpolation takes bilinear or bicubic, not {interpolation!r}")
    return {} if interpolation is None else {"interpolation": interpolation}
