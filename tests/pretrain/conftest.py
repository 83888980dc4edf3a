"""A few small images on disk, and settings that train on them in a second."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from swaveval.pretrain.config import (
    AugmentationConfig,
    BackboneConfig,
    DataConfig,
    HardwareConfig,
    OptimiserConfig,
    PretrainConfig,
    QueueConfig,
    SwavConfig,
    TrainingConfig,
)


@pytest.fixture(scope="session")
def image_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`train/` and `test/` of two classes: 20 + 6 images of 16 px, smooth noise of two colours."""
    root = tmp_path_factory.mktemp("images")
    generator = np.random.default_rng(0)
    for split, count in (("train", 10), ("test", 3)):
        for label, tint in (("warm", (220, 120, 40)), ("cold", (40, 120, 220))):
            folder = root / split / label
            folder.mkdir(parents=True)
            for number in range(count):
                coarse = generator.integers(0, 80, (4, 4, 3)) + np.array(tint) // 2
                image = Image.fromarray(coarse.astype(np.uint8)).resize((16, 16), Image.Resampling.BICUBIC)
                image.save(folder / f"{number}.png")
    return root


@pytest.fixture
def tiny(image_folder: Path) -> PretrainConfig:
    """Three epochs of two steps on 20 images."""
    return PretrainConfig(
        data=DataConfig(path=str(image_folder)),
        backbone=BackboneConfig(name="resnet10", stem="small", stem_stride=2, width=4),
        swav=SwavConfig(prototypes=6, epsilon=0.05, frozen_prototype_steps=2, projection_dim=8),
        augmentation=AugmentationConfig(
            crop_sizes=(16, 8), crop_counts=(2, 1), crop_min_scales=(0.4, 0.2), crop_max_scales=(1.0, 0.4)
        ),
        optimiser=OptimiserConfig(learning_rate=1e-3, warmup_steps=1, weight_decay=1e-2),
        training=TrainingConfig(epochs=3, batch_size=8, seed=1),
        queue=QueueConfig(size=8, start_epoch=0),
        hardware=HardwareConfig(accelerator="cpu", workers=0, threads=1),
    )
