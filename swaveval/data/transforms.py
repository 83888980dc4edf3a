"""The eval transform: part of the protocol, so it has an id that results are keyed by."""

from dataclasses import dataclass
from typing import Literal

Interpolation = Literal["bilinear", "bicubic"]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True, slots=True)
class EvalTransform:
    """Resize the short side, crop the centre, normalise.

    For size > 64 the short side becomes round(size · 256/224) and the centre size×size is kept; up to 64 px images are
    resized to size×size without a crop (non-square images are centre-cropped to a square first).

    Attributes:
        size: side of the network's input in pixels.
        interpolation: `bilinear` (lightly, VISSL, swav) or `bicubic` (DINO).
        mean, std: per channel, of pixels in 0…1.
    """

    size: int = 224
    interpolation: Interpolation = "bilinear"
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD

    @property
    def short_side(self) -> int:
        """What the short side is resized to before the crop, in pixels."""
        return self.size if self.size <= 64 else round(self.size * 256 / 224)

    @property
    def id(self) -> str:
        """A stable text that names every setting, e.g. `resize256-crop224-bilinear-mean0.485,0.456,0.406-std…`."""
        mean = ",".join(f"{value:g}" for value in self.mean)
        std = ",".join(f"{value:g}" for value in self.std)
        return f"resize{self.short_side}-crop{self.size}-{self.interpolation}-mean{mean}-std{std}"
