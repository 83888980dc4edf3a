"""Everything that can be set, one frozen dataclass per concern. `AUTO`, `"auto"` and `()` mean: chosen from the data.

What a setting is good for stands here once; the command line's help and docs/pretrain.md say the same in short.
"""

from dataclasses import dataclass, field
from typing import Literal

AUTO = -1

Stem = Literal["auto", "imagenet", "small"]
Preset = Literal["natural", "digits"]
Views = Literal["auto", "batch", "lightly"]
OptimiserName = Literal["adamw", "sgd", "lars"]
Schedule = Literal["cosine", "constant"]
Precision = Literal["32", "bf16", "16"]
Accelerator = Literal["auto", "cpu", "gpu", "mps"]
Strategy = Literal["auto", "ddp"]


@dataclass(frozen=True, slots=True)
class DataConfig:
    """The images.

    Attributes:
        path: directory or data set name, as `swaveval.data.open_images` takes it.
        labels: table `filename,label[,split]`, `none`, `folders` or `names`, or empty. Labels are never trained on;
            they say which images are kept for testing.
        split_seed: of the split that is drawn when the data gives none.
        fraction: share of the training images to use; smaller shares are parts of larger ones.
        range, bands, pages, alpha, exif: how image files become pixels, as the options of the same names say it
            (docs/data.md); empty is the default.
    """

    path: str = ""
    labels: str = ""
    split_seed: int = 0
    fraction: float = 1.0
    range: str = ""
    bands: str = ""
    pages: str = ""
    alpha: str = ""
    exif: str = ""


@dataclass(frozen=True, slots=True)
class BackboneConfig:
    """The network whose features are evaluated.

    Attributes:
        name: `resnet10`, `resnet18`, `resnet34`, `resnet50`, `resnet101`, `resnet152`, or `timm:NAME`;
            `auto` is resnet10 for images up to 64 px and resnet18 above.
        stem: `imagenet` (7×7 stride 2 and max-pooling) or `small` (one 3×3 convolution).
        stem_stride: stride of the small stem's convolution, 1 or 2.
        width: channels of the first stage; 64 in the literature.
    """

    name: str = "auto"
    stem: Stem = "auto"
    stem_stride: int = AUTO
    width: int = AUTO


@dataclass(frozen=True, slots=True)
class SwavConfig:
    """SwaV's own settings (Caron et al. 2020, arXiv:2006.09882).

    Attributes:
        prototypes: K. An order of magnitude above the number of classes one expects; too few collapse.
        epsilon: ε of Sinkhorn; large values make the codes uniform, which collapses small runs.
        temperature: T of the prediction's softmax; high values compress the loss towards ln K.
        sinkhorn_iterations: row and column normalisations of the codes.
        frozen_prototype_steps: optimiser steps during which the prototypes stay as drawn.
        projection_hidden: hidden units of the projection head; AUTO is the feature dimension.
        projection_dim: dimensions in which images and prototypes meet.
    """

    prototypes: int = AUTO
    epsilon: float = AUTO
    temperature: float = 0.1
    sinkhorn_iterations: int = 3
    frozen_prototype_steps: int = AUTO
    projection_hidden: int = AUTO
    projection_dim: int = 128


@dataclass(frozen=True, slots=True)
class QueueConfig:
    """Embeddings of earlier batches that join the Sinkhorn step when a batch is small against K.

    Attributes:
        size: embeddings kept per full-size crop, by all processes together; 0 is no queue.
        start_epoch: epochs finished before it is filled (FAIR: 15). It is used once it is full.
    """

    size: int = 0
    start_epoch: int = 15


@dataclass(frozen=True, slots=True)
class AugmentationConfig:
    """Views of an image. The first entry of each pair is for the large crops, whose codes are predicted.

    Attributes:
        preset: `natural` (flip, colour, grey, blur: lightly's SwaVTransform as it comes) or `digits` (rotation ±15°,
            brightness, contrast; no flip, no blur).
        views: who draws them: `batch`, whole batches at once; `lightly`, its transform image by image; `auto` is what
            is faster on a CPU: `batch` for crops of up to 64 px (1.7 to 6.7 times), else `lightly`. The distribution is
            the same.
        crop_sizes: side of large and small crops in pixels.
        crop_counts: how many of each per image.
        crop_min_scales, crop_max_scales: share of the image's area that a crop covers.
    """

    preset: Preset = "natural"
    views: Views = "auto"
    crop_sizes: tuple[int, ...] = ()
    crop_counts: tuple[int, ...] = ()
    crop_min_scales: tuple[float, ...] = ()
    crop_max_scales: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class OptimiserConfig:
    """Optimiser and learning rate.

    Attributes:
        name: `adamw`, `sgd` (momentum 0.9) or `lars` (lightly's; for batches of thousands).
        learning_rate: peak value.
        schedule: `cosine` to `final_factor` of the peak, or `constant` after the warm-up.
        final_factor: where the cosine ends, as a share of the peak.
        warmup_steps: optimiser steps of linear warm-up.
        weight_decay: not applied to biases and normalisation layers.
        momentum: of SGD and LARS.
    """

    name: OptimiserName = "adamw"
    learning_rate: float = AUTO
    schedule: Schedule = "cosine"
    final_factor: float = 0.001
    warmup_steps: int = AUTO
    weight_decay: float = AUTO
    momentum: float = 0.9


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """How long and how much at once.

    Attributes:
        epochs: passes over the train split.
        batch_size: images per optimiser step over all devices together.
        seed: of initial weights, order and augmentation. The numbers do not depend on the number of workers.
        stop_on_nan: stop when the loss is NaN or infinite.
    """

    epochs: int = 100
    batch_size: int = AUTO
    seed: int = 0
    stop_on_nan: bool = True


@dataclass(frozen=True, slots=True)
class HardwareConfig:
    """Where it runs; Lightning's words.

    Attributes:
        accelerator: `auto`, `cpu`, `gpu`, `mps`.
        devices: processes on each machine, one a device. All of them together take the steps that one would take with
            the same batch: views, Sinkhorn, queue and BatchNorm are those of the joint batch.
        nodes: machines.
        strategy: `auto` is `ddp` for several processes.
        precision: `32`, `bf16` or `16` (on a CPU `bf16` in its place); the loss is always computed in 32 bits.
        workers: processes that prepare images; AUTO fits the machine.
        threads: of torch on a CPU; AUTO leaves the workers their cores. Results agree to the last bit only between
            runs with the same number.
    """

    accelerator: Accelerator = "auto"
    devices: int = 1
    nodes: int = 1
    strategy: Strategy = "auto"
    precision: Precision = "32"
    workers: int = AUTO
    threads: int = AUTO

    @property
    def processes(self) -> int:
        """Of the whole training, over all machines."""
        return self.devices * self.nodes


@dataclass(frozen=True, slots=True)
class SeriesConfig:
    """Which checkpoints are kept. Step 0 and the last epoch always are; none is ever deleted.

    Attributes:
        checkpoint_every: epochs between checkpoints as text (`1`, `5`), or `log` for 1, 2, 3, 4, 6, 8, 11, 16, 23 ….
        log_every: optimiser steps between two rows of metrics.csv.
    """

    checkpoint_every: str = "1"
    log_every: int = 1


@dataclass(frozen=True, slots=True)
class PretrainConfig:
    """All settings of a run; the sections of a TOML file have these names."""

    data: DataConfig = field(default_factory=DataConfig)
    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    swav: SwavConfig = field(default_factory=SwavConfig)
    queue: QueueConfig = field(default_factory=QueueConfig)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    hardware: HardwareConfig = field(default_factory=HardwareConfig)
    series: SeriesConfig = field(default_factory=SeriesConfig)
