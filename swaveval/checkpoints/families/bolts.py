"""lightning-bolts' SwAV: a copy of swav's network under `model.`."""

from collections.abc import Mapping

from swaveval.checkpoints.families.family import Family, Hints
from swaveval.checkpoints.families.settings import swav_settings
from swaveval.checkpoints.sandbox.description import Description


def _hints(description: Description) -> Hints:
    """A 3×3 stem has padding 1 of its own and 1 from swav's padding layer in front of it."""
    parameters = description.scalars.get(("hyper_parameters",))
    pool = parameters.get("maxpool1") if isinstance(parameters, Mapping) else None
    return Hints(
        stem_padding=2,
        maxpool=pool if isinstance(pool, bool) else None,
        settings=swav_settings(description),
    )


FAMILY = Family(
    name="bolts",
    marks=(r"model\.conv1\.weight", r"model\.(projection_head|prototypes)\."),
    backbone=("model.",),
    projection=("model.projection_head.",),
    prototypes=("model.prototypes.", "model.prototypes.prototypes0."),
    ignored=(r"model\.prototypes\.prototypes[1-9]",),
    hints=_hints,
)
