"""An untrained network as a fair start: BatchNorm that has seen the data, weights that have not."""

import numpy as np
import torch
from torch import nn

from swaveval.checkpoints.backbone import Backbone
from swaveval.data.decoded import DecodedImages
from swaveval.data.imageset import ImageSet
from swaveval.features.extract import ExtractSettings, Normalise, choose_device
from swaveval.features.precision import running

# Variances over this many images are known to about 2 %; 4,096 give no other kNN than these (docs/performance.md).
SETTLING_IMAGES = 512
# Few enough for activations to stay in a CPU's cache, enough for a variance within a batch to be that of all images.
_BATCH = 32


def settle_batchnorm(
    backbone: Backbone, images: ImageSet, pixels: DecodedImages, *, settings: ExtractSettings
) -> Backbone:
    """Give every BatchNorm of an untrained backbone the statistics of the train images, in place.

    A network is initialised with running means 0 and variances 1, which fit no data; the first steps of any training
    replace them, at any learning rate. Without this, a random initialisation is no fair start: on digits its
    leave-one-out kNN is up to eight points lower than that of the same weights after twenty steps at rate 10⁻⁷.

    Args:
        backbone: its weights are not touched, only BatchNorm's running statistics; the head has features to work on
            that are not whitened, and none of its outputs is compared with a trained one's, so it is left alone.
        images: `SETTLING_IMAGES` of the train split are seen, the same whatever the seed of the network.
        pixels: the same images decoded with the transform of `settings`.
        settings: how features are read; BatchNorm is settled on the same device and in the same precision.
    """
    layers = [layer for layer in backbone.module.modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)]
    if not layers:
        return backbone
    device = choose_device(settings.device)
    backbone.to(device)
    normalise = Normalise(settings.transform, device)
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # the mean over all batches, each as heavy as the next
        layer.train()
    with torch.no_grad(), running(settings.precision, device):
        for batch in pixels.batches(_sample(images.train_index), _BATCH):
            # BatchNorm needs more than one value per channel, which one image may not have.
            if len(batch) > 1:
                backbone.module(normalise(batch))
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
        layer.eval()
    return backbone


def _sample(train: np.ndarray[tuple[int], np.dtype[np.integer]]) -> np.ndarray[tuple[int], np.dtype[np.integer]]:
    """Images at random, in whole batches: folders come class by class, and a batch of one class varies too little."""
    drawn = np.random.default_rng(0).permutation(train)[:SETTLING_IMAGES]
    return drawn[: len(drawn) // _BATCH * _BATCH] if len(drawn) > _BATCH else drawn
