"""DINO and DINOv2: teacher (preferred) or student. Their head is not SwaV's: prototypes counted, not evaluated."""

from swaveval.checkpoints.families.family import Family

FAMILY = Family(
    name="dino",
    marks=(r"(backbone\.|(student|teacher)\.backbone\.)", r"(head|dino_head|(student|teacher)\.(head|dino_head))\."),
    backbone=("backbone.", "teacher.backbone.", "student.backbone."),
    prototypes=("head.last_layer.", "dino_head.last_layer.", "teacher.dino_head.last_layer."),
    ignored=(r"(teacher\.|student\.)?(head|dino_head|ibot_head)\.", r"student\."),
    head="other",
)
