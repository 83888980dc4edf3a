"""An architecture that the user names: `timm:NAME`, `torchvision:NAME`, `module:factory`, `path/to/nets.py:factory`."""

from swaveval.checkpoints.named.fitting import fitting
from swaveval.checkpoints.named.named_model import NamedModel, named_model
from swaveval.checkpoints.named.placing import Place, best_place, best_places

__all__ = ["NamedModel", "Place", "best_place", "best_places", "fitting", "named_model"]
