"""One forward pass per image: features, the head's outputs and the views' features, from the same batches."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from swaveval.checkpoints.backbone import Backbone, PrototypeHead
from swaveval.data.decoded import DecodedImages
from swaveval.data.imageset import ImageSet
from swaveval.data.transforms import EvalTransform
from swaveval.features.errors import FeatureError
from swaveval.features.features import Features, ViewFeatures
from swaveval.features.image_size import refused
from swaveval.features.passing import Encode, Passing, Progress
from swaveval.features.precision import running
from swaveval.features.prototypes import HeadRecorder
from swaveval.features.views import ViewSettings, view_batches, view_index
from swaveval.results.precision import WORDS, Precision
from swaveval.results.seconds import Stopwatch

Array = np.ndarray[Any, np.dtype[Any]]

# Pixels a batch. On a CPU so few that activations stay near its cache: a ResNet-50 at 224 px is a tenth slower with 32
# images than with 12.
_BATCH_PIXELS, _MOST_IMAGES = 12 * 224 * 224, 256
# On a GPU so many that it is busy: for each so many bytes of its memory, four times at most.
_BATCH_PIXELS_ON_GPU, _MEMORY, _MOST_IMAGES_ON_GPU = 64 * 224 * 224, 10 << 30, 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractSettings:
    """How features are read.

    Attributes:
        transform: the eval transform; its mean and std are applied here, the rest of it by `decode`.
        device: `auto` (CUDA where there is one, else the CPU), `cpu`, `cuda`, `cuda:1`, `mps`.
        batch_size: images per forward pass; None chooses by image size.
        n_view_images, n_views: augmented views of a fixed sample of images; 0 for none, None to choose by the number
            of images: two views each of a sixth of them, of 2000 at most.
        flip: whether views may be mirrored.
        seed: of the views.
        dtype: features are stored in this precision.
        precision: of the networks' products; see `features.precision`. The head is always float32.
        swav: (`temperature` | `epsilon` | `sinkhorn_iterations`, value) pairs known from outside the file; they win.
    """

    transform: EvalTransform
    device: str = "auto"
    batch_size: int | None = None
    n_view_images: int | None = None
    n_views: int | None = None
    flip: bool = True
    seed: int = 0
    dtype: Literal["float32", "float16"] = "float32"
    precision: Precision = "fp32"
    swav: tuple[tuple[str, float], ...] = ()

    def views(self, n: int) -> ViewSettings:
        """The augmentation of the views of a set of n images."""
        return ViewSettings.affordable(n, images=self.n_view_images, views=self.n_views, seed=self.seed, flip=self.flip)

    @property
    def id(self) -> str:
        """A stable text that, with the image set, names every setting that numbers depend on.

        Batch size and device are not among them: they may round features differently in the last bits, and the
        measurement is the same.
        """
        swav = "".join(f"-{name}{value:g}" for name, value in sorted(self.swav))
        # "a sixth": what is chosen for None. (Before, "auto" was more of them, and features were of other views.)
        counts = ["sixth" if count is None else str(count) for count in (self.n_view_images, self.n_views)]
        by = "" if self.precision == "fp32" else f"-{self.precision}"
        settings = f"{self.dtype}{by}-views{'x'.join(counts)}-seed{self.seed}-flip{int(self.flip)}{swav}"
        return f"{self.transform.id}|{settings}"


def extract(
    backbone: Backbone,
    images: ImageSet,
    pixels: DecodedImages,
    *,
    settings: ExtractSettings,
    progress: Progress | None = None,
    watch: Stopwatch | None = None,
) -> Features:
    """The features of a frozen backbone on an image set.

    Args:
        backbone: moved to the device; put into eval mode for the time of the pass.
        images: labels, split and order.
        pixels: the same images, decoded with `settings.transform`.
        progress: called with (images and views done, in all).
        watch: given the seconds of `forward` and `forward_views`.

    Raises:
        FeatureError: the backbone does not give one feature vector per image, or cannot be put into eval mode.
    """
    device = choose_device(settings.device)
    backbone.to(device)
    normalise = Normalise(settings.transform, device)
    head = backbone.head

    def encode(batch: Tensor) -> tuple[Tensor, Tensor | None]:
        images = normalise(batch)
        try:
            with running(settings.precision, device):
                features = backbone.module(images)
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, AssertionError, ValueError, IndexError) as error:
            raise refused(backbone.module, tuple(images.shape), error) from error
        if features.ndim != 2 or len(features) != len(batch):
            raise FeatureError(
                f"the backbone made features of shape {tuple(features.shape)} from {len(batch)} images; expected "
                f"({len(batch)}, d): pool and flatten its output"
            )
        features = features.float()
        return features, None if head is None else head(features)

    with evaluating(backbone.module, head):
        recorder = _recorder(backbone, settings)
        passing = Passing(device, progress, watch)
        made = encode_images(encode, images, pixels, settings=settings, head=recorder, passing=passing)
    return replace(
        made,
        protocol=f"backbone output after pooling, before the head; eval mode, {WORDS[settings.precision]}; "
        f"{settings.transform.id}",
        device=device,
    )


@torch.inference_mode()
def encode_images(
    encode: Encode,
    images: ImageSet,
    pixels: DecodedImages,
    *,
    settings: ExtractSettings,
    passing: Passing,
    head: HeadRecorder | None = None,
) -> Features:
    """Run every image and every view through `encode` once.

    Args:
        encode: uint8 `(b, H, W, C)` to features `(b, d)`, float32, and prototype scores `(b, K)` or None.
        passing: how batches get there and back.
        head: what keeps the scores.
    """
    if pixels.shape[0] != len(images):
        raise FeatureError(f"{pixels.shape[0]} decoded images do not belong to an image set of {len(images)}")
    order = np.concatenate([images.train_index, images.test_index])
    size = settings.batch_size or batch_size(pixels.shape[1] * pixels.shape[2], passing.device)
    view = settings.views(len(images))
    chosen = view_index(len(images), view) if view.views else np.zeros(0, np.int32)
    total = len(order) + len(chosen) * view.views

    rows = _Filling(len(order), settings.dtype)
    with passing.stage("forward"):
        for features, scores in passing.through(encode, pixels.batches(order, size)):
            rows.add(features)
            if head is not None and scores is not None:
                head.add_images(scores)
            passing.tell(rows.filled, total)
    views_on = passing.device if passing.device.startswith("cuda") else "cpu"
    of_views = _Filling(len(chosen) * view.views, "float32")
    with passing.stage("forward_views"):
        for features, scores in passing.through(encode, view_batches(pixels, chosen, view, size, device=views_on)):
            of_views.add(features)
            if head is not None and scores is not None:
                head.add_views(scores, view.views)
            passing.tell(len(order) + of_views.filled, total)

    n_train = len(images.train_index)
    labels = images.labels
    return Features(
        train=rows.values[:n_train],
        test=rows.values[n_train:],
        train_labels=None if labels is None else labels[images.train_index],
        test_labels=None if labels is None else labels[images.test_index],
        train_index=images.train_index.astype(np.int32),
        test_index=images.test_index.astype(np.int32),
        class_names=images.class_names,
        views=_grouped(of_views, chosen, view),
        prototypes=None if head is None else head.outputs(n_train),
    )


def choose_device(name: str) -> str:
    """`auto` resolved to a device that is there."""
    if name != "auto":
        return name
    return "cuda" if torch.cuda.is_available() else "cpu"


def batch_size(pixels: int, device: str) -> int:
    """Images of so many pixels each for a forward pass on a device."""
    if device == "cpu":
        return max(8, min(_MOST_IMAGES, _BATCH_PIXELS // pixels))
    memory = torch.cuda.get_device_properties(device).total_memory if device.startswith("cuda") else _MEMORY
    together = _BATCH_PIXELS_ON_GPU * max(1, min(4, memory // _MEMORY))
    return max(8, min(_MOST_IMAGES_ON_GPU, together // pixels))


class Normalise:
    """uint8 `(b, H, W, C)` to normalised float32 `(b, C, H, W)` on the device: bytes travel, floats are made there.

    The result has channels-last strides, which is how the pixels lie and what convolutions are fastest with.
    """

    def __init__(self, transform: EvalTransform, device: str) -> None:
        mean, std = np.asarray(transform.mean), np.asarray(transform.std)
        self.device = device
        self.backwards = transform.order == "BGR"
        self.scale = torch.tensor(1 / (255 * std), dtype=torch.float32, device=device)
        self.shift = torch.tensor(-mean / std, dtype=torch.float32, device=device)

    def __call__(self, batch: Array | Tensor) -> Tensor:
        sent = torch.as_tensor(batch).to(self.device, non_blocking=True)
        if self.backwards:
            sent = sent.flip(3)
        return (sent.to(torch.float32) * self.scale + self.shift).permute(0, 3, 1, 2)


class _Filling:
    """Rows that arrive in batches; d is known with the first."""

    def __init__(self, n: int, dtype: str) -> None:
        self.values = np.zeros((n, 0), dtype)
        self.filled = 0

    def add(self, rows: Array) -> None:
        if self.filled == 0:
            self.values = np.empty((len(self.values), rows.shape[1]), self.values.dtype)
        with np.errstate(over="ignore"):  # beyond float16: an infinity, which is counted and reported as one
            self.values[self.filled : self.filled + len(rows)] = rows
        self.filled += len(rows)


def _grouped(views: _Filling, index: Array, settings: ViewSettings) -> ViewFeatures | None:
    if not views.filled:
        return None
    grouped = views.values.reshape(len(index), settings.views, -1)
    return ViewFeatures(grouped, index, protocol=settings.protocol)


def _recorder(backbone: Backbone, settings: ExtractSettings) -> HeadRecorder | None:
    if backbone.head is None:
        return None
    weights = backbone.head.prototypes.weight.detach().float().cpu().numpy()
    return HeadRecorder(weights, in_file=backbone.swav_settings, known=dict(settings.swav))


@contextmanager
def evaluating(module: nn.Module, head: PrototypeHead | None) -> Iterator[None]:
    """Eval mode and IEEE float32 for the time of a pass; both as before afterwards.

    BatchNorm in training mode would make an image's features depend on its batch (lightly#1440, virtex#16).
    """
    parts = [part for whole in (module, head) if whole is not None for part in whole.modules()]
    modes = [part.training for part in parts]
    tf32, precision = torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision()
    try:
        for part in parts:
            part.eval()
        stubborn = {type(part).__name__ for part in parts if part.training}
        if stubborn:
            raise FeatureError(
                f"{', '.join(sorted(stubborn))} stays in training mode when eval() is called, so an image's features "
                "would depend on its batch; let the module inherit torch's train() and eval()"
            )
        torch.backends.cudnn.allow_tf32 = False
        torch.set_float32_matmul_precision("highest")
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = tf32
        torch.set_float32_matmul_precision(precision)
        for part, mode in zip(parts, modes, strict=True):
            part.training = mode
