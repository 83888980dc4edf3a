"""DINO and DINOv2: teacher (preferred) or student. Their head is not SwaV's: prototypes counted, not evaluated.

lightly's examples keep the four parts side by side: `teacher_backbone`, `teacher_head` and the student's.
"""

from swaveval.checkpoints.families.family import Family

FAMILY = Family(
    name="dino",
    marks=(
        r"(backbone\.|(student|teacher)[._]backbone\.)",
        r"(head|dino_head|(student|teacher)\.(head|dino_head)|(teacher|student)_head\.(last_layer|dino_head))\.",
    ),
    backbone=(
        "backbone.",
        "teacher.backbone.",
        "teacher_backbone.",
        "teacher_backbone.vit.",  # within lightly's MaskedVisionTransformerTIMM
        "student.backbone.",
        "student_backbone.",
        "student_backbone.vit.",
    ),
    prototypes=(
        "head.last_layer.",
        "dino_head.last_layer.",
        "teacher.dino_head.last_layer.",
        "teacher_head.last_layer.",
        "student_head.last_layer.",
        "teacher_head.dino_head.last_layer.",
        "student_head.dino_head.last_layer.",
    ),
    ignored=(
        r"((teacher|student)[._])?(head|dino_head|ibot_head)\.",
        r"student[._]",
        r"(dino_|ibot_)?criterion\.",
        r"teacher_backbone\.mask_token$",
    ),
    head="other",
    # iBOT's and DINOv2's, of masked patches, also where both losses share a head; KoLeo is added as well. (DINO with
    # lightly's parts keeps an idle `teacher_backbone.mask_token`.)
    summed=r"(.*[._])?ibot_(head|loss)\.|(.*\.)?backbone\.(mask_token|masked_embed)$",
)
