"""Little networks of transformers: configs, seeded weights, and what transformers itself makes of them.

`hugging_face.json` holds, for each case, the config that transformers wrote, the names and shapes of its file and its
features of two seeded images. It was made by `python -m tests.field.hugging_face_reference` where transformers is
installed; the tests need it no more than swaveval does.
"""

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

PLACE = Path(__file__).with_name("hugging_face.json")
_VIT: dict[str, Any] = {
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 12,
    "image_size": 32,
    "patch_size": 8,
}
_DINOV2 = {name: value for name, value in _VIT.items() if name != "intermediate_size"}
_MAE = {
    "mask_ratio": 0.0,
    "decoder_hidden_size": 8,
    "decoder_num_hidden_layers": 1,
    "decoder_num_attention_heads": 2,
    "decoder_intermediate_size": 8,
}
_SWIN: dict[str, Any] = {"embed_dim": 8, "depths": [2, 2], "num_heads": [1, 2], "image_size": 32, "patch_size": 2}
_STAGES: dict[str, Any] = {"hidden_sizes": [8, 16], "depths": [1, 2]}
# case → (class in transformers, its config, where its features are in its output)
CASES: dict[str, tuple[str, dict[str, Any], str]] = {
    "vit": ("ViTModel", _VIT, "class token"),
    "vit, classifier": (
        "ViTForImageClassification",
        _VIT | {"qkv_bias": False, "hidden_act": "quick_gelu", "layer_norm_eps": 1e-3},
        "class token",
    ),
    "vit, masked, 4 bands": (
        "ViTForMaskedImageModeling",
        _VIT | {"encoder_stride": 8, "num_channels": 4},
        "class token",
    ),
    "deit": ("DeiTModel", _VIT, "class token"),
    "vit_msn": ("ViTMSNModel", _VIT, "class token"),
    "vit_mae": ("ViTMAEForPreTraining", _VIT | _MAE, "class token"),
    "ijepa": ("IJepaModel", _VIT, "mean of tokens"),
    "dinov2": ("Dinov2Model", _DINOV2, "class token"),
    "dinov2, SwiGLU": ("Dinov2ForImageClassification", _DINOV2 | {"use_swiglu_ffn": True}, "class token"),
    "dinov2, registers": ("Dinov2WithRegistersModel", _DINOV2 | {"num_register_tokens": 3}, "class token"),
    "dinov3": ("DINOv3ViTModel", _VIT | {"num_register_tokens": 2}, "class token"),
    "dinov3, gated": ("DINOv3ViTModel", _VIT | {"use_gated_mlp": True, "hidden_act": "silu"}, "class token"),
    "resnet": ("ResNetForImageClassification", _STAGES | {"embedding_size": 4}, "pooled"),
    "resnet, basic": (
        "ResNetModel",
        _STAGES | {"embedding_size": 8, "layer_type": "basic", "downsample_in_first_stage": True},
        "pooled",
    ),
    "resnet, strides early": (
        "ResNetModel",
        _STAGES | {"embedding_size": 4, "downsample_in_bottleneck": True, "hidden_act": "gelu", "num_channels": 1},
        "pooled",
    ),
    "convnext": (
        "ConvNextForImageClassification",
        _STAGES | {"num_stages": 2, "layer_scale_init_value": 0.5},
        "pooled",
    ),
    "convnextv2": ("ConvNextV2Model", _STAGES | {"num_stages": 2}, "pooled"),
    "swin": ("SwinModel", _SWIN | {"window_size": 4}, "pooled"),
    "swin, positions": (
        "SwinForImageClassification",
        _SWIN
        | {"window_size": 3, "patch_size": 4, "mlp_ratio": 2.0, "qkv_bias": False, "use_absolute_embeddings": True},
        "pooled",
    ),
}


def weights(shapes: Mapping[str, list[int]]) -> dict[str, Tensor]:
    """A tensor for every name, the same wherever it is made: what norms scale by lies around 1, variances above 0."""
    made: dict[str, Tensor] = {}
    for name, shape in shapes.items():
        if name.endswith("num_batches_tracked"):
            made[name] = torch.tensor(7)
            continue
        values = 0.3 * np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape)
        if name.endswith("running_var"):
            values = 0.5 + np.abs(values)
        elif "norm" in name and name.endswith("weight"):
            values = 1 + values
        made[name] = torch.from_numpy(np.asarray(values, dtype=np.float32))
    return made


def images(channels: int, side: int) -> Tensor:
    """Two images."""
    return torch.from_numpy(np.random.default_rng(side).standard_normal((2, channels, side, side)).astype(np.float32))


def _features(model: Any, seen: Tensor, where: str) -> list[list[float]]:
    body = getattr(model, model.base_model_prefix, model) if model.base_model_prefix != "model" else model
    options = {"interpolate_pos_encoding": True} if where != "pooled" and "dino" not in model.config.model_type else {}
    if model.config.model_type == "swin":
        options = {"interpolate_pos_encoding": True}
    with torch.inference_mode():
        output = body(seen, **options)
    found = {
        "class token": lambda: output.last_hidden_state[:, 0],
        "mean of tokens": lambda: output.last_hidden_state.mean(1),
        "pooled": lambda: output.pooler_output.flatten(1),
    }[where]()
    return [[round(float(value), 6) for value in row] for row in found]


def main() -> None:
    """Write the numbers that transformers gives."""
    import tempfile

    import transformers
    from safetensors.torch import load_file, save_file

    made: dict[str, Any] = {"transformers": transformers.__version__}
    for case, (name, options, where) in CASES.items():
        kind = getattr(transformers, name)
        with tempfile.TemporaryDirectory() as directory:
            kind(kind.config_class(**options)).save_pretrained(directory)
            file = Path(directory, "model.safetensors")
            shapes = {key: list(tensor.shape) for key, tensor in load_file(file).items()}
            save_file(weights(shapes), file, metadata={"format": "pt"})
            model = kind.from_pretrained(directory).eval()
            config = json.loads(Path(directory, "config.json").read_text())
        channels = config["num_channels"]
        features = {str(side): _features(model, images(channels, side), where) for side in (32, 48)}
        made[case] = {"config": config, "shapes": shapes, "features": features}
    lines = ",\n".join(f"{json.dumps(case)}: {json.dumps(value)}" for case, value in made.items())
    PLACE.write_text("{\n" + lines + "\n}\n")


if __name__ == "__main__":
    main()
