"""transformers' ViT, DeiT, MSN, MAE, I-JEPA, DINOv2 (with registers) and DINOv3.

Features are the class token after the final norm (`last_hidden_state[:, 0]`), for I-JEPA, which has none, the mean of
all tokens. transformers' `pooler` (a layer behind the class token, often untrained) is left out.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swaveval.checkpoints.hugging_face.drawing import draw
from swaveval.checkpoints.hugging_face.words import ACTIVATIONS, Words
from swaveval.checkpoints.rotary import Rotation, rotated, rotation
from swaveval.checkpoints.sandbox.failure import Failure

_DINOV2 = ("dinov2", "dinov2_with_registers")
_EPS = {"vit": 1e-12, "deit": 1e-12, "vit_mae": 1e-12, "ijepa": 1e-12, "vit_msn": 1e-6, "dinov3_vit": 1e-5}
TRANSFORMERS = (*_EPS, *_DINOV2)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformerSpec:
    """Attributes:
    kind: `model_type` of its config.
    width, depth, heads: of its blocks. hidden: width inside the MLP.
    gated: SwiGLU. apart: with two matrices, not both in one (DINOv3; DINOv2 in the memory of transformers 5).
    patch, side: of a patch and of the images in training, in pixels. channels: of the images.
    eps: of the layer norms. activation: a name in `ACTIVATIONS`.
    biases: whether query, key, value, the attention's output and the MLP have one.
    registers: how many. theta: of DINOv3's rotary positions. spread: of the random initialisation.
    """

    kind: str
    width: int
    depth: int
    heads: int
    hidden: int
    gated: bool
    apart: bool
    patch: int
    side: int
    channels: int
    eps: float
    activation: str
    biases: tuple[bool, bool, bool, bool, bool]
    registers: int
    theta: float
    spread: float

    @property
    def rotary(self) -> bool:
        return self.kind == "dinov3_vit"

    @property
    def scaled(self) -> bool:
        return self.rotary or self.kind in _DINOV2

    @property
    def class_token(self) -> bool:
        return self.kind != "ijepa"

    @property
    def words(self) -> str:
        usual = self.activation == "gelu" and self.eps == _EPS.get(self.kind, 1e-6)
        named = ("query", "key", "value", "projection", "MLP")
        lacking = [name for name, has in zip(named, self.biases, strict=True) if not has]
        parts = [
            f"Hugging Face {self.kind}, width {self.width}, {self.depth} blocks, {self.heads} heads",
            f"patch {self.patch}" + ("" if self.rotary else f", trained at {self.side} px"),
            f"MLP {self.hidden}{' SwiGLU' if self.gated else ''}"
            if self.gated or self.hidden != 4 * self.width
            else "",
            f"{self.registers} registers" if self.registers else "",
            "" if usual else f"{self.activation}, eps {self.eps:g}",
            f"rotary base {self.theta:g}" if self.rotary and self.theta != 100 else "",
            f"no bias of {' '.join(lacking)}" if lacking and not (self.rotary and lacking == ["key"]) else "",
            f"{self.channels} channels" if self.channels != 3 else "",
        ]
        return ", ".join(filter(None, parts))

    @property
    def feature_dim(self) -> int:
        return self.width

    def build(self) -> "Transformer":
        return Transformer(self)


def transformer_spec(kind: str, words: Words, *, apart: bool) -> TransformerSpec:
    """The network that a config describes.

    Args:
        apart: whether the file's gated MLPs have two matrices in place of one.

    Raises:
        Failure: it describes none.
    """
    rotary = kind == "dinov3_vit"
    width = words.count("hidden_size", 384 if rotary else 768)
    heads = words.count("num_attention_heads", 6 if rotary else 12)
    if width % heads or (rotary and width // heads % 4):
        raise Failure("refused", f"config.json says {heads} heads for a width of {width}, which they do not divide")
    gated, hidden = False, 0
    if kind in _DINOV2:
        gated = words.flag("use_swiglu_ffn", False)
        hidden = int(width * words.number("mlp_ratio", 4, most=64))
        hidden = (int(hidden * 2 / 3) + 7) // 8 * 8 if gated else hidden
    else:
        gated = rotary and words.flag("use_gated_mlp", False)
        hidden = words.count("intermediate_size", 1536 if rotary else 3072)
    qkv = words.flag("qkv_bias", True)
    biases = (qkv, qkv, qkv, True, True)
    if rotary:
        names = {"query": True, "key": False, "value": True, "proj": True, "mlp": True}
        query, key, value, proj, mlp = (words.flag(f"{name}_bias", usual) for name, usual in names.items())
        biases = (query, key, value, proj, mlp)
    patch, side = words.side("patch_size", 14 if kind in _DINOV2 else 16), words.side("image_size", 224)
    if side < patch:
        raise Failure("refused", f"config.json says images of {side} px in patches of {patch} px")
    theta = words.number("rope_theta", 100.0, most=1e9) if rotary else 0.0
    if rotary and not theta:
        raise Failure("refused", "config.json says rope_theta: 0, by which positions cannot be turned")
    registers = {"dinov2_with_registers": 4, "dinov3_vit": 0}.get(kind)
    return TransformerSpec(
        kind=kind,
        width=width,
        depth=words.count("num_hidden_layers", 12, most=1000),
        heads=heads,
        hidden=max(1, hidden),
        gated=gated,
        apart=gated and apart,
        patch=patch,
        side=side,
        channels=words.count("num_channels", 3, most=1024),
        eps=words.number("layer_norm_eps", _EPS.get(kind, 1e-6), most=1.0),
        activation=words.choice("hidden_act", "gelu", ACTIVATIONS),
        biases=biases,
        registers=0 if registers is None else words.count("num_register_tokens", registers, least=0, most=1024),
        theta=theta,
        spread=words.number("initializer_range", 0.02, most=1.0),
    )


class Transformer(nn.Module):
    """Images `(B, channels, H, W)` to features `(B, width)`."""

    def __init__(self, spec: TransformerSpec) -> None:
        super().__init__()
        self.spec = spec
        if spec.class_token:
            self.cls_token = nn.Parameter(torch.zeros(1, 1, spec.width))
        if spec.kind == "deit":
            self.distillation_token = nn.Parameter(torch.zeros(1, 1, spec.width))
        if spec.registers or spec.rotary:  # DINOv3 has a tensor of them even where there are none
            self.register_tokens = nn.Parameter(torch.zeros(1, spec.registers, spec.width))
        self.grid = spec.side // spec.patch
        if not spec.rotary:
            positions = self.grid**2 + spec.class_token + (spec.kind == "deit")
            self.pos_embed = nn.Parameter(torch.zeros(1, positions, spec.width))
        self.patch = nn.Conv2d(spec.channels, spec.width, spec.patch, stride=spec.patch)
        self.blocks = nn.ModuleList(_Block(spec) for _ in range(spec.depth))
        self.norm = nn.LayerNorm(spec.width, eps=spec.eps)
        if self.patch.weight.device.type != "meta":
            self._draw()

    def _draw(self) -> None:
        """transformers' own random initialisation."""
        draw(self, self.spec.spread, by=nn.init.trunc_normal_)
        for name in ("cls_token", "pos_embed", "register_tokens" if self.spec.rotary else ""):
            if hasattr(self, name):
                nn.init.trunc_normal_(getattr(self, name), std=self.spec.spread)

    def forward(self, images: Tensor) -> Tensor:
        patches = self.patch(images)
        rows, columns = patches.shape[-2:]
        tokens = patches.flatten(2).transpose(1, 2)
        names = [name for name in ("cls_token", "distillation_token") if hasattr(self, name)]
        first = [getattr(self, name).expand(len(images), -1, -1) for name in names]
        tokens = torch.cat([*first, tokens], dim=1)
        turned = None
        if self.spec.rotary:
            each = self.spec.width // self.spec.heads
            frequencies = 1 / self.spec.theta ** torch.arange(0, 1, 4 / each, device=images.device)
            turned = rotation(rows, columns, frequencies)
        else:
            tokens = tokens + self._positions(rows, columns, len(first))
        if self.spec.registers:
            registers = self.register_tokens.expand(len(images), -1, -1)
            tokens = torch.cat([tokens[:, :1], registers, tokens[:, 1:]], dim=1)
        for block in self.blocks:
            tokens = block(tokens, turned)
        tokens = self.norm(tokens)
        return tokens[:, 0] if self.spec.class_token else tokens.mean(1)

    def _positions(self, rows: int, columns: int, first: int) -> Tensor:
        """Position embeddings of all tokens, those of patches interpolated as transformers does."""
        if (rows, columns) == (self.grid, self.grid):
            return self.pos_embed
        square = self.pos_embed[:, first:].reshape(1, self.grid, self.grid, -1).permute(0, 3, 1, 2)
        antialias = self.spec.kind == "dinov2_with_registers"
        resized = F.interpolate(square, size=(rows, columns), mode="bicubic", antialias=antialias)
        patches = resized.permute(0, 2, 3, 1).reshape(1, rows * columns, -1)
        return torch.cat([self.pos_embed[:, :first], patches], dim=1)


class _Block(nn.Module):
    def __init__(self, spec: TransformerSpec) -> None:
        super().__init__()
        query, key, value, proj, mlp = spec.biases
        self.spec = spec
        self.norm1 = nn.LayerNorm(spec.width, eps=spec.eps)
        self.query = nn.Linear(spec.width, spec.width, bias=query)
        self.key = nn.Linear(spec.width, spec.width, bias=key)
        self.value = nn.Linear(spec.width, spec.width, bias=value)
        self.proj = nn.Linear(spec.width, spec.width, bias=proj)
        self.norm2 = nn.LayerNorm(spec.width, eps=spec.eps)
        if spec.apart:
            self.gate = nn.Linear(spec.width, spec.hidden, bias=mlp)
        self.fc1 = nn.Linear(spec.width, spec.hidden * (2 if spec.gated and not spec.apart else 1), bias=mlp)
        self.fc2 = nn.Linear(spec.hidden, spec.width, bias=mlp)
        self.ls1 = nn.Parameter(torch.ones(spec.width)) if spec.scaled else None
        self.ls2 = nn.Parameter(torch.ones(spec.width)) if spec.scaled else None

    def forward(self, tokens: Tensor, turned: Rotation | None) -> Tensor:
        attended = self._attention(self.norm1(tokens), turned)
        tokens = tokens + (attended if self.ls1 is None else attended * self.ls1)
        mixed = self._mlp(self.norm2(tokens))
        return tokens + (mixed if self.ls2 is None else mixed * self.ls2)

    def _attention(self, tokens: Tensor, turned: Rotation | None) -> Tensor:
        batch, count, width = tokens.shape
        heads = [
            layer(tokens).reshape(batch, count, self.spec.heads, -1).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        ]
        if turned is not None:
            heads = [*(rotated(part, turned) for part in heads[:2]), heads[2]]
        mixed = F.scaled_dot_product_attention(*heads)
        return self.proj(mixed.transpose(1, 2).reshape(batch, count, width))

    def _mlp(self, tokens: Tensor) -> Tensor:
        activation = ACTIVATIONS[self.spec.activation]
        hidden = self.fc1(tokens)
        if not self.spec.gated:
            return self.fc2(activation(hidden))
        gate, value = (self.gate(tokens), hidden) if self.spec.apart else hidden.chunk(2, dim=-1)
        return self.fc2((activation if self.spec.rotary else F.silu)(gate) * value)
