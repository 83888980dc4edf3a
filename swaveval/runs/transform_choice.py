"""The eval transform as far as the command line names it."""

from swaveval.data.transforms import EvalTransform
from swaveval.runs.request import RunError


def choose_transform(size: int | None, interpolation: str | None) -> EvalTransform | None:
    """A transform with the given size and interpolation, or None when neither is given (then the data decides).

    Raises:
        RunError: an interpolation this project does not know.
    """
    if size is None and interpolation is None:
        return None
    if interpolation not in (None, "bilinear", "bicubic"):
        raise RunError(f"--interpolation takes bilinear or bicubic, not {interpolation!r}")
    return EvalTransform(size=size or 224, interpolation="bicubic" if interpolation == "bicubic" else "bilinear")
