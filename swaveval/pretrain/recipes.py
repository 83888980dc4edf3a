"""The two demonstrations on scikit-learn's digits: loss curves alike, outcomes opposite."""

from swaveval.pretrain.config import (
    AugmentationConfig,
    BackboneConfig,
    DataConfig,
    OptimiserConfig,
    PretrainConfig,
    SwavConfig,
    TrainingConfig,
)

_DATA = DataConfig(path="digits")
_BACKBONE = BackboneConfig(name="resnet10", stem="small", stem_stride=2, width=32)


def digits_compressed(seed: int = 0) -> PretrainConfig:
    """K = 100, ε = 0.03, T = 3: the loss hardly leaves ln 100 = 4.605 while the features learn the digits."""
    return PretrainConfig(
        data=_DATA,
        backbone=_BACKBONE,
        swav=SwavConfig(prototypes=100, epsilon=0.03, temperature=3.0, frozen_prototype_steps=100),
        augmentation=AugmentationConfig(
            preset="digits",
            crop_sizes=(32, 16),
            crop_counts=(2, 4),
            crop_min_scales=(0.4, 0.2),
            crop_max_scales=(1.0, 0.4),
        ),
        optimiser=OptimiserConfig(name="adamw", learning_rate=2e-3, warmup_steps=40, weight_decay=1e-2),
        training=TrainingConfig(epochs=15, batch_size=128, seed=seed),
    )


def digits_collapsed(seed: int = 0) -> PretrainConfig:
    """K = 30, ε = 0.05, free prototypes, small crops: the loss ends at ln 30 = 3.401, the features below the start."""
    return PretrainConfig(
        data=_DATA,
        backbone=_BACKBONE,
        swav=SwavConfig(prototypes=30, epsilon=0.05, temperature=0.1, frozen_prototype_steps=20),
        augmentation=AugmentationConfig(
            preset="digits",
            crop_sizes=(32, 16),
            crop_counts=(2, 4),
            crop_min_scales=(0.3, 0.1),
            crop_max_scales=(1.0, 0.35),
        ),
        optimiser=OptimiserConfig(name="adamw", learning_rate=1e-3, warmup_steps=40, weight_decay=1e-2),
        training=TrainingConfig(epochs=20, batch_size=128, seed=seed),
    )
