"""Hugging Face's transformers: a network's own names below `vit.`, `resnet.` or nothing, and a `config.json` beside."""

from swaveval.checkpoints.families.family import Family

# Where the words of the files beside a checkpoint stand among those of the checkpoint itself.
CONFIG, PREPROCESSOR = "config.json", "preprocessor_config.json"
# The first layer of every network of transformers that takes images, as it calls it.
MARK = r"(.*\.)?(embeddings\.patch_embeddings\.(?:projection\.)?|embedder\.embedder\.convolution\.)weight$"

FAMILY = Family(
    name="Hugging Face",
    marks=(MARK,),
    backbone=(),
    # A layer behind the class token, what stands for hidden patches, and what takes patches apart again.
    ignored=(
        r"(.*\.)?pooler\.dense\.",
        r"(.*\.)?embeddings\.mask_token$",
        r"(.*\.)?decoder\.",
        r".*\.relative_position_index$",
    ),
    head="other",
    proves=lambda description: (CONFIG,) in description.scalars,
)
