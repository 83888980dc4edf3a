"""transformers' random initialisation, which untrained networks beside a checkpoint start from."""

from collections.abc import Callable

from torch import Tensor, nn


def draw(module: nn.Module, spread: float, *, by: Callable[..., Tensor] = nn.init.normal_) -> None:
    """Draw the weights of linear layers and convolutions with this standard deviation; their biases become 0.

    On the meta device nothing is drawn, so the random numbers of a later network do not depend on it.
    """
    for part in module.modules():
        if isinstance(part, nn.Linear | nn.Conv2d) and part.weight.device.type != "meta":
            by(part.weight, std=spread)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
