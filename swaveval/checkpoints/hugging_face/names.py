"""transformers' names of weights, in files and (since its version 5) in memory, as the networks here call them."""

import re
from collections.abc import Iterable

_BLOCK = r"(?:encoder\.layer|model\.layer|layers?)\.(\d+)\."
_TRANSFORMER = (
    (r"embeddings\.(cls_token|distillation_token|register_tokens)$", r"\1"),
    (r"embeddings\.position_embeddings$", "pos_embed"),
    (r"embeddings\.patch_embeddings\.(?:projection\.)?", "patch."),
    (_BLOCK + r"attention\.(?:attention\.)?(query|key|value)\.", r"blocks.\1.\2."),
    (_BLOCK + r"attention\.q_proj\.", r"blocks.\1.query."),
    (_BLOCK + r"attention\.k_proj\.", r"blocks.\1.key."),
    (_BLOCK + r"attention\.v_proj\.", r"blocks.\1.value."),
    (_BLOCK + r"attention\.(?:output\.dense|o_proj)\.", r"blocks.\1.proj."),
    (_BLOCK + r"(?:layernorm_before|norm1)\.", r"blocks.\1.norm1."),
    (_BLOCK + r"(?:layernorm_after|norm2)\.", r"blocks.\1.norm2."),
    (_BLOCK + r"(?:intermediate\.dense|mlp\.(?:fc1|weights_in|up_proj))\.", r"blocks.\1.fc1."),
    (_BLOCK + r"(?:output\.dense|mlp\.(?:fc2|weights_out|down_proj))\.", r"blocks.\1.fc2."),
    (_BLOCK + r"mlp\.gate_proj\.", r"blocks.\1.gate."),
    (_BLOCK + r"layer_scale([12])\.lambda1$", r"blocks.\1.ls\2"),
    (r"(?:layernorm|norm)\.", "norm."),
)
_RESIDUAL = (
    (r"embedder\.embedder\.convolution\.", "stem.conv."),
    (r"embedder\.embedder\.normalization\.", "stem.norm."),
    (r"encoder\.stages\.(\d+)\.layers\.(\d+)\.(shortcut|layer\.\d+)\.convolution\.", r"stages.\1.\2.\3.conv."),
    (r"encoder\.stages\.(\d+)\.layers\.(\d+)\.(shortcut|layer\.\d+)\.normalization\.", r"stages.\1.\2.\3.norm."),
)
_CONVNEXT = (
    (r"embeddings\.patch_embeddings\.", "patch."),
    (r"embeddings\.layernorm\.", "first_norm."),
    (r"encoder\.stages\.(\d+)\.downsampling_layer\.0\.", r"stages.\1.down_norm."),
    (r"encoder\.stages\.(\d+)\.downsampling_layer\.1\.", r"stages.\1.down."),
    (r"encoder\.stages\.(\d+)\.layers\.(\d+)\.layernorm\.", r"stages.\1.layers.\2.norm."),
    (r"encoder\.stages\.(\d+)\.layers\.(\d+)\.layer_scale_parameter$", r"stages.\1.layers.\2.gamma"),
    (r"encoder\.stages\.(\d+)\.layers\.(\d+)\.(dwconv|pwconv1|pwconv2|grn)\.", r"stages.\1.layers.\2.\3."),
    (r"layernorm\.", "norm."),
)
_WINDOWED = r"encoder\.layers\.(\d+)\.blocks\.(\d+)\."
_SWIN = (
    (r"embeddings\.position_embeddings$", "pos_embed"),
    (r"embeddings\.patch_embeddings\.projection\.", "patch."),
    (r"embeddings\.norm\.", "first_norm."),
    (_WINDOWED + r"attention\.self\.(query|key|value)\.", r"stages.\1.blocks.\2.\3."),
    (_WINDOWED + r"attention\.q_proj\.", r"stages.\1.blocks.\2.query."),
    (_WINDOWED + r"attention\.k_proj\.", r"stages.\1.blocks.\2.key."),
    (_WINDOWED + r"attention\.v_proj\.", r"stages.\1.blocks.\2.value."),
    (
        _WINDOWED + r"attention\.(?:self|relative_position_bias)\.relative_position_bias_table$",
        r"stages.\1.blocks.\2.relative",
    ),
    (_WINDOWED + r"attention\.(?:output\.dense|o_proj)\.", r"stages.\1.blocks.\2.proj."),
    (_WINDOWED + r"layernorm_before\.", r"stages.\1.blocks.\2.norm1."),
    (_WINDOWED + r"layernorm_after\.", r"stages.\1.blocks.\2.norm2."),
    (_WINDOWED + r"(?:intermediate\.dense|mlp\.fc1)\.", r"stages.\1.blocks.\2.fc1."),
    (_WINDOWED + r"(?:output\.dense|mlp\.fc2)\.", r"stages.\1.blocks.\2.fc2."),
    (r"encoder\.layers\.(\d+)\.downsample\.norm\.", r"stages.\1.down_norm."),
    (r"encoder\.layers\.(\d+)\.downsample\.reduction\.", r"stages.\1.down."),
    (r"layernorm\.", "norm."),
)
_RULES = {"swin": _SWIN, "resnet": _RESIDUAL, "convnext": _CONVNEXT, "convnextv2": _CONVNEXT}


def renamed(names: Iterable[str], kind: str) -> dict[str, str]:
    """Our name → transformers', of the weights of the network itself.

    Args:
        names: below the network's prefix. kind: `model_type`.
    """
    found: dict[str, str] = {}
    for name in names:
        for pattern, ours in _RULES.get(kind, _TRANSFORMER):
            if hit := re.match(pattern, name):
                found[hit.expand(ours) + name[hit.end() :]] = name
                break
    return found
