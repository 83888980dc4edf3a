"""An untrained network as a fair start: BatchNorm that has seen the data, weights that have not."""

import torch
from torch import nn

from swaveval.checkpoints.backbone import Backbone
from swaveval.data.decoded import DecodedImages
from swaveval.data.imageset import ImageSet
from swaveval.data.transforms import EvalTransform
from swaveval.features.extract import Normalise, choose_device

# Means and variances over this many images are known to about 1 %; more would cost and change nothing.
SETTLING_IMAGES = 4096


def settle_batchnorm(
    backbone: Backbone, images: ImageSet, pixels: DecodedImages, *, transform: EvalTransform, device: str = "auto"
) -> Backbone:
    """Give every BatchNorm of an untrained backbone the statistics of the train images, in place.

    A network is initialised with running means 0 and variances 1, which fit no data; the first steps of any training
    replace them, at any learning rate. Without this, a random initialisation is no fair start: on digits its
    leave-one-out kNN is up to eight points lower than that of the same weights after twenty steps at rate 10⁻⁷.

    Args:
        backbone: its weights are not touched, only BatchNorm's running statistics; the head has features to work on
            that are not whitened, and none of its outputs is compared with a trained one's, so it is left alone.
        images: the first `SETTLING_IMAGES` of the train split are seen, in their order.
        pixels: the same images decoded with `transform`.
        device: as in `ExtractSettings`.
    """
    layers = [layer for layer in backbone.module.modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)]
    if not layers:
        return backbone
    chosen = choose_device(device)
    backbone.to(chosen)
    normalise = Normalise(transform, chosen)
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # the mean over all batches, each as heavy as the next
        layer.train()
    with torch.no_grad():
        # BatchNorm needs more than one value per channel, which a last batch of one image may not have.
        for batch in pixels.batches(images.train_index[:SETTLING_IMAGES], 256):
            if len(batch) > 1:
                backbone.module(normalise(batch))
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
        layer.eval()
    return backbone
