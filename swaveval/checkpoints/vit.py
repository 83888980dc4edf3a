"""Vision transformers as DINO, DINOv2 and timm write them, told apart by names and shapes.

Features are the normalised class token, as DINO's and DINOv2's own evaluations read them (`x_norm_clstoken`).
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swaveval.checkpoints.architectures import LARGEST_WIDTH, MOST_BLOCKS, UnknownArchitecture

Shapes = Mapping[str, tuple[int, ...]]

_HEAD_DIM = 64  # of every ViT that DINO, DINOv2 and timm's namesakes train; shapes do not tell it
# The large ones of MAE, I-JEPA, timm and SigLIP have 16 heads, whatever their width.
_WIDER_HEADS = {1152: 16, 1280: 16, 1408: 16, 1664: 16, 4096: 32}
_HEAD_DIMS = (64, 32, 48, 80, 96, 16, 24, 40, 128, 88, 72, 56, 104, 112, 8)
_SIZES = {192: "tiny", 384: "small", 768: "base", 1024: "large", 1536: "giant"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ViTSpec:
    """A vision transformer.

    Attributes:
        dim: width d. depth: blocks. patch: side of a patch in pixels. grid: patches along a side when trained.
        hidden: width inside the MLP. gated: SwiGLU in place of GELU (DINOv2's giant).
        qkv_bias: bias of queries, keys and values. layer_scale: a learned factor after attention and MLP.
        registers: register tokens. class_position: whether the class token has a position embedding.
        heads: of the attention; None for those that a ViT of this width usually has.
        channels: of the images.
    """

    dim: int
    depth: int
    patch: int
    grid: int
    hidden: int
    gated: bool = False
    qkv_bias: bool = True
    layer_scale: bool = False
    registers: int = 0
    class_position: bool = True
    heads: int | None = None
    channels: int = 3

    @property
    def attention_heads(self) -> int:
        return self.heads or usual_heads(self.dim)

    @property
    def words(self) -> str:
        name = f"vit_{_SIZES.get(self.dim, str(self.dim))}, patch {self.patch}, trained at {self.patch * self.grid} px"
        depth = f"{self.depth} blocks" if self.depth != 12 else ""
        extras = [
            ("SwiGLU", self.gated),
            ("layer scale", self.layer_scale),
            (f"{self.registers} registers", self.registers),
            (f"{self.attention_heads} heads", self.attention_heads * _HEAD_DIM != self.dim),
            ("1 channel" if self.channels == 1 else f"{self.channels} channels", self.channels != 3),
        ]
        return ", ".join(filter(None, [name, depth, *(text for text, present in extras if present)]))

    @property
    def feature_dim(self) -> int:
        return self.dim

    def build(self) -> "ViT":
        return ViT(self)


class ViT(nn.Module):
    """Images `(B, spec.channels, H, W)` to class tokens `(B, dim)`. H and W must be multiples of the patch."""

    def __init__(self, spec: ViTSpec) -> None:
        super().__init__()
        self.spec = spec
        self.cls_token = nn.Parameter(torch.zeros(1, 1, spec.dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, spec.grid**2 + spec.class_position, spec.dim))
        if spec.registers:
            self.register_tokens = nn.Parameter(torch.zeros(1, spec.registers, spec.dim))
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(spec.channels, spec.dim, spec.patch, stride=spec.patch)})
        self.blocks = nn.ModuleList(_Block(spec) for _ in range(spec.depth))
        self.norm = nn.LayerNorm(spec.dim, eps=1e-6)
        if self.cls_token.device.type != "meta":
            for parameter in (self.cls_token, self.pos_embed):
                nn.init.trunc_normal_(parameter, std=0.02)
            for module in self.modules():
                if isinstance(module, nn.Linear):
                    nn.init.trunc_normal_(module.weight, std=0.02)

    def forward(self, images: Tensor) -> Tensor:
        patches = self.patch_embed["proj"](images)
        rows, columns = patches.shape[-2:]
        patches = patches.flatten(2).transpose(1, 2)
        class_position, positions = self._positions(rows, columns)
        first = [(self.cls_token + class_position).expand(len(images), -1, -1)]
        if self.spec.registers:
            first.append(self.register_tokens.expand(len(images), -1, -1))
        tokens = torch.cat([*first, patches + positions], dim=1)
        for block in self.blocks:
            tokens = block(tokens)
        return self.norm(tokens)[:, 0]

    def _positions(self, rows: int, columns: int) -> tuple[Tensor, Tensor]:
        """Position embeddings of the class token `(1, 1, d)` and of the patches `(1, rows·columns, d)`.

        Other sizes than the trained one are interpolated bicubically as in DINO, whose scale is off by 0.1 patch on
        purpose (facebookresearch/dino#8); models with registers were trained without that and with antialiasing.
        """
        split = int(self.spec.class_position)
        class_position = self.pos_embed[:, :split] if split else torch.zeros_like(self.cls_token)
        positions = self.pos_embed[:, split:]
        grid = self.spec.grid
        if (rows, columns) == (grid, grid):
            return class_position, positions
        square = positions.reshape(1, grid, grid, -1).permute(0, 3, 1, 2)
        if self.spec.registers:
            resized = F.interpolate(square, size=(rows, columns), mode="bicubic", antialias=True)
        else:
            scale = ((rows + 0.1) / grid, (columns + 0.1) / grid)
            resized = F.interpolate(square, scale_factor=scale, mode="bicubic")
        return class_position, resized.permute(0, 2, 3, 1).reshape(1, rows * columns, -1)


class _Block(nn.Module):
    def __init__(self, spec: ViTSpec) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(spec.dim, eps=1e-6)
        self.attn = _Attention(spec)
        self.norm2 = nn.LayerNorm(spec.dim, eps=1e-6)
        self.mlp = _Mlp(spec)
        self.ls1 = _LayerScale(spec.dim) if spec.layer_scale else nn.Identity()
        self.ls2 = _LayerScale(spec.dim) if spec.layer_scale else nn.Identity()

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.ls1(self.attn(self.norm1(tokens)))
        return tokens + self.ls2(self.mlp(self.norm2(tokens)))


class _Attention(nn.Module):
    def __init__(self, spec: ViTSpec) -> None:
        super().__init__()
        self.heads = spec.attention_heads
        self.qkv = nn.Linear(spec.dim, 3 * spec.dim, bias=spec.qkv_bias)
        self.proj = nn.Linear(spec.dim, spec.dim)

    def forward(self, tokens: Tensor) -> Tensor:
        batch, count, dim = tokens.shape
        query, key, value = self.qkv(tokens).reshape(batch, count, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value)
        return self.proj(mixed.transpose(1, 2).reshape(batch, count, dim))


class _Mlp(nn.Module):
    """GELU, or SwiGLU with both halves of its first layer in one matrix (`fc1` in timm, `w12` in DINOv2)."""

    def __init__(self, spec: ViTSpec) -> None:
        super().__init__()
        self.gated = spec.gated
        self.fc1 = nn.Linear(spec.dim, spec.hidden * (2 if spec.gated else 1))
        self.fc2 = nn.Linear(spec.hidden, spec.dim)

    def forward(self, tokens: Tensor) -> Tensor:
        hidden = self.fc1(tokens)
        if self.gated:
            gate, value = hidden.chunk(2, dim=-1)
            return self.fc2(F.silu(gate) * value)
        return self.fc2(F.gelu(hidden))


class _LayerScale(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(dim))

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens * self.gamma


def usual_heads(dim: int) -> int:
    """The heads that a ViT of this width usually has: 64 channels each, where that is possible."""
    return _WIDER_HEADS.get(dim) or (possible_heads(dim) or (1,))[0]


def possible_heads(dim: int) -> tuple[int, ...]:
    """Every number of heads with a head of realistic width, the most usual width first."""
    return tuple(dim // each for each in _HEAD_DIMS if dim % each == 0)


def infer_vit(shapes: Shapes) -> ViTSpec:
    """The vision transformer with parameters of these names and shapes.

    Raises:
        UnknownArchitecture: it is none of DINO's, DINOv2's or timm's plain ones; the message says what does not fit.
    """
    patch = shapes.get("patch_embed.proj.weight", ())
    positions = shapes.get("pos_embed", ())
    if len(patch) != 4 or patch[2] != patch[3] or len(positions) != 3:
        raise UnknownArchitecture("patch or position embeddings of an unusual shape")
    dim = patch[0]
    if dim not in _WIDER_HEADS and not possible_heads(dim):
        raise UnknownArchitecture(f"a ViT of width {dim}, which no usual number of heads divides")
    grid = math.isqrt(positions[1])
    class_position = grid * grid != positions[1]
    if class_position and grid * grid + 1 != positions[1]:
        raise UnknownArchitecture(f"{positions[1]} position embeddings are not a square, with or without a class token")
    depth = len({found[1] for name in shapes if (found := re.match(r"blocks\.(\d+)\.norm1\.weight", name))})
    first, second = shapes.get("blocks.0.mlp.fc1.weight", ()), shapes.get("blocks.0.mlp.fc2.weight", ())
    if depth > MOST_BLOCKS or dim > LARGEST_WIDTH or not all(patch) or patch[1] > LARGEST_WIDTH:
        raise UnknownArchitecture(f"{depth} blocks of width {dim} are no network anybody trains")
    if not depth or len(first) != 2 or len(second) != 2:
        raise UnknownArchitecture("its blocks are not a plain ViT's")
    registers = shapes.get("register_tokens", (1, 0))
    return ViTSpec(
        dim=dim,
        depth=depth,
        patch=patch[2],
        grid=grid,
        hidden=second[1],
        gated=first[0] == 2 * second[1],
        qkv_bias="blocks.0.attn.qkv.bias" in shapes,
        layer_scale="blocks.0.ls1.gamma" in shapes,
        registers=registers[1] if len(registers) == 3 else 0,
        class_position=class_position,
        channels=patch[1],
    )
