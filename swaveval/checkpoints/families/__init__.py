"""Who wrote a checkpoint, and where it keeps backbone, head and prototypes.

One file per family, each with one `Family`; the table below lists them, the most particular first. A tenth family is
one more file and one more line.
"""

from swaveval.checkpoints.families import (
    bolts,
    dino,
    hugging_face,
    lightly,
    openmmlab,
    plain,
    solo_learn,
    stable_pretraining,
    swav,
    swaveval,
    vissl,
)
from swaveval.checkpoints.families.family import Family, Parts, View, Views
from swaveval.checkpoints.sandbox.config_text import CONFIG_TEXT
from swaveval.checkpoints.sandbox.description import Description

FAMILIES: tuple[Family, ...] = (
    hugging_face.FAMILY,
    swaveval.FAMILY,
    vissl.FAMILY,
    solo_learn.FAMILY,
    openmmlab.FAMILY,
    lightly.FAMILY,
    bolts.FAMILY,
    dino.FAMILY,
    swav.FAMILY,
    stable_pretraining.FAMILY,
    plain.FAMILY,
)

# Key paths of weights that lie deeper than the reading process searches, or that must not be too many; and of facts.
CONTAINERS = (
    *dict.fromkeys(path for family in FAMILIES for view in family.views for path, _ in view),
    ("state_dict",),
    ("model",),
    (),
)
SCALARS: tuple[tuple[str, ...], ...] = (
    ("epoch",),
    ("global_step",),
    ("step",),
    ("iteration",),
    ("iter",),
    ("phase_idx",),
    ("swaveval_epoch",),
    ("pytorch-lightning_version",),
    ("type",),
    ("arch",),
    ("args",),
    ("cfg",),
    ("hyper_parameters",),
    ("loops", "fit_loop", "epoch_loop.batch_progress", "is_last_batch"),
    ("loops", "fit_loop", "epoch_loop.batch_progress", "total", "completed"),
    ("meta", "epoch"),
    ("meta", "iter"),
    CONFIG_TEXT,
    (hugging_face.CONFIG,),
    (hugging_face.PREPROCESSOR,),
)

__all__ = ["CONTAINERS", "FAMILIES", "SCALARS", "Description", "Family", "Parts", "View", "Views"]
