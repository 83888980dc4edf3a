"""Vision transformers as DINO, DINOv2, DINOv3, I-JEPA and timm write them, told apart by names and shapes.

Features are the normalised class token, as DINO's and DINOv2's own evaluations read them (`x_norm_clstoken`); of a
distilled DeiT the mean of its two class tokens, of a network without any (I-JEPA) the mean of its patches, as in
timm; where the last norm is called `fc_norm`, that of the mean of patches.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swaveval.checkpoints.architectures import LARGEST_WIDTH, MOST_BLOCKS, UnknownArchitecture
from swaveval.checkpoints.rotary import Rotation, rotated, rotation

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
        class_tokens: 1; 2 in a distilled DeiT; 0 where patches are averaged.
        rotary: positions by rotation in place of position embeddings (DINOv3), `grid` then being 0.
        pooled: patches are averaged before the final norm, which is then called `fc_norm` (timm's `avg`, MAE tuned).
        masked_bias: a mask beside the bias of queries, keys and values (DINOv3). apart: SwiGLU of two matrices.
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
    class_tokens: int = 1
    rotary: bool = False
    pooled: bool = False
    masked_bias: bool = False
    apart: bool = False

    @property
    def eps(self) -> float:
        return 1e-5 if self.rotary else 1e-6

    @property
    def attention_heads(self) -> int:
        return self.heads or usual_heads(self.dim)

    @property
    def words(self) -> str:
        trained = "rotary positions" if self.rotary else f"trained at {self.patch * self.grid} px"
        name = f"vit_{_SIZES.get(self.dim, str(self.dim))}, patch {self.patch}, {trained}"
        depth = f"{self.depth} blocks" if self.depth != 12 else ""
        extras = [
            ("SwiGLU", self.gated),
            ("layer scale", self.layer_scale),
            (f"{self.registers} registers", self.registers),
            ({0: "no class token", 2: "two class tokens"}.get(self.class_tokens, ""), self.class_tokens != 1),
            ("norm of the mean of patches", self.pooled),
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
    """Images `(B, spec.channels, H, W)` to features `(B, dim)`. H and W must be multiples of the patch."""

    def __init__(self, spec: ViTSpec) -> None:
        super().__init__()
        self.spec = spec
        if spec.class_tokens:
            self.cls_token = nn.Parameter(torch.zeros(1, 1, spec.dim))
        if spec.class_tokens == 2:
            self.dist_token = nn.Parameter(torch.zeros(1, 1, spec.dim))
        if spec.rotary:
            self.rope_embed = _Periods(spec.dim // spec.attention_heads)
        else:
            own = spec.class_tokens if spec.class_position else 0
            self.pos_embed = nn.Parameter(torch.zeros(1, spec.grid**2 + own, spec.dim))
        if spec.registers:
            self.register_tokens = nn.Parameter(torch.zeros(1, spec.registers, spec.dim))
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(spec.channels, spec.dim, spec.patch, stride=spec.patch)})
        self.blocks = nn.ModuleList(_Block(spec) for _ in range(spec.depth))
        norm = nn.LayerNorm(spec.dim, eps=spec.eps)
        self.add_module("fc_norm" if spec.pooled else "norm", norm)
        if norm.weight.device.type != "meta":
            for name in ("cls_token", "dist_token", "pos_embed"):
                if hasattr(self, name):
                    nn.init.trunc_normal_(getattr(self, name), std=0.02)
            for module in self.modules():
                if isinstance(module, nn.Linear):
                    nn.init.trunc_normal_(module.weight, std=0.02)

    def forward(self, images: Tensor) -> Tensor:
        patches = self.patch_embed["proj"](images)
        rows, columns = patches.shape[-2:]
        patches = patches.flatten(2).transpose(1, 2)
        turned = None
        first = [getattr(self, name) for name in ("cls_token", "dist_token") if hasattr(self, name)]
        if self.spec.rotary:
            turned = rotation(rows, columns, 1 / self.rope_embed.periods)
        else:
            own, positions = self._positions(rows, columns)
            patches = patches + positions
            first = [token + own[:, place : place + 1] for place, token in enumerate(first)] if own.shape[1] else first
        if self.spec.registers:
            first.append(self.register_tokens)
        tokens = torch.cat([*(part.expand(len(images), -1, -1) for part in first), patches], dim=1)
        for block in self.blocks:
            tokens = block(tokens, turned)
        count = self.spec.class_tokens
        if self.spec.pooled:
            return self.get_submodule("fc_norm")(tokens[:, count + self.spec.registers :].mean(1))
        tokens = self.get_submodule("norm")(tokens)
        if count == 0:
            return tokens[:, self.spec.registers :].mean(1)
        return tokens[:, 0] if count == 1 else tokens[:, :count].mean(1)

    def _positions(self, rows: int, columns: int) -> tuple[Tensor, Tensor]:
        """Position embeddings of the class tokens `(1, 0…2, d)` and of the patches `(1, rows·columns, d)`.

        Other sizes than the trained one are interpolated bicubically as in DINO, whose scale is off by 0.1 patch on
        purpose (facebookresearch/dino#8); models with registers were trained without that and with antialiasing, and
        timm does so for those of another number of class tokens.
        """
        split = self.spec.class_tokens if self.spec.class_position else 0
        own, positions = self.pos_embed[:, :split], self.pos_embed[:, split:]
        grid = self.spec.grid
        if (rows, columns) == (grid, grid):
            return own, positions
        square = positions.reshape(1, grid, grid, -1).permute(0, 3, 1, 2)
        if self.spec.registers or self.spec.class_tokens != 1:
            resized = F.interpolate(square, size=(rows, columns), mode="bicubic", antialias=True)
        else:
            scale = ((rows + 0.1) / grid, (columns + 0.1) / grid)
            resized = F.interpolate(square, scale_factor=scale, mode="bicubic")
        return own, resized.permute(0, 2, 3, 1).reshape(1, rows * columns, -1)


class _Periods(nn.Module):
    """Periods of DINOv3's rotary positions, 1 to 100; the file's own (rounded to bfloat16 in Meta's) are taken."""

    periods: Tensor

    def __init__(self, each: int) -> None:
        super().__init__()
        self.register_buffer("periods", 100 ** torch.arange(0, 1, 4 / each, dtype=torch.float32))


class _Block(nn.Module):
    def __init__(self, spec: ViTSpec) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(spec.dim, eps=spec.eps)
        self.attn = _Attention(spec)
        self.norm2 = nn.LayerNorm(spec.dim, eps=spec.eps)
        self.mlp = _Mlp(spec)
        self.ls1 = _LayerScale(spec.dim) if spec.layer_scale else nn.Identity()
        self.ls2 = _LayerScale(spec.dim) if spec.layer_scale else nn.Identity()

    def forward(self, tokens: Tensor, turned: Rotation | None) -> Tensor:
        tokens = tokens + self.ls1(self.attn(self.norm1(tokens), turned))
        return tokens + self.ls2(self.mlp(self.norm2(tokens)))


class _Attention(nn.Module):
    def __init__(self, spec: ViTSpec) -> None:
        super().__init__()
        self.heads = spec.attention_heads
        kind = _MaskedLinear if spec.masked_bias else nn.Linear
        self.qkv = kind(spec.dim, 3 * spec.dim, bias=spec.qkv_bias)
        self.proj = nn.Linear(spec.dim, spec.dim)

    def forward(self, tokens: Tensor, turned: Rotation | None) -> Tensor:
        batch, count, dim = tokens.shape
        query, key, value = self.qkv(tokens).reshape(batch, count, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        if turned is not None:
            query, key = rotated(query, turned), rotated(key, turned)
        mixed = F.scaled_dot_product_attention(query, key, value)
        return self.proj(mixed.transpose(1, 2).reshape(batch, count, dim))


class _MaskedLinear(nn.Linear):
    """A bias times a mask, which is 0 for keys: DINOv3's, which keeps the mask in the file."""

    bias_mask: Tensor

    def __init__(self, dim: int, out: int, *, bias: bool) -> None:
        super().__init__(dim, out, bias=bias)
        mask = torch.ones(3, out // 3)
        mask[1] = 0
        self.register_buffer("bias_mask", mask.flatten())

    def forward(self, tokens: Tensor) -> Tensor:
        return F.linear(tokens, self.weight, self.bias * self.bias_mask)


class _Mlp(nn.Module):
    """GELU, or SwiGLU, with both halves of its first layer in one matrix (`fc1` in timm, `w12` in DINOv2) or in two
    (`w1` and `w2` in DINOv3)."""

    def __init__(self, spec: ViTSpec) -> None:
        super().__init__()
        self.gated, self.apart = spec.gated, spec.apart
        if spec.apart:
            self.w1, self.w2 = nn.Linear(spec.dim, spec.hidden), nn.Linear(spec.dim, spec.hidden)
        else:
            self.fc1 = nn.Linear(spec.dim, spec.hidden * (2 if spec.gated else 1))
        self.fc2 = nn.Linear(spec.hidden, spec.dim)

    def forward(self, tokens: Tensor) -> Tensor:
        if self.apart:
            return self.fc2(F.silu(self.w1(tokens)) * self.w2(tokens))
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
    if len(patch) != 4 or patch[2] != patch[3]:
        raise UnknownArchitecture("patch embeddings of an unusual shape")
    dim = patch[0]
    if dim not in _WIDER_HEADS and not possible_heads(dim):
        raise UnknownArchitecture(f"a ViT of width {dim}, which no usual number of heads divides")
    tokens = sum(name in shapes for name in ("cls_token", "dist_token"))
    rotary = "rope_embed.periods" in shapes and "pos_embed" not in shapes
    grid, class_position = (0, False) if rotary else _grid(shapes.get("pos_embed", ()), tokens)
    norms = [shape for name, shape in shapes.items() if re.fullmatch(r"blocks\.\d+\.norm1\.weight", name)]
    depth = len(norms)
    if depth > MOST_BLOCKS or dim > LARGEST_WIDTH or not all(patch) or patch[1] > LARGEST_WIDTH:
        raise UnknownArchitecture(f"{depth} blocks of width {dim} are no network anybody trains")
    apart = "blocks.0.mlp.w1.weight" in shapes
    first, second = shapes.get("blocks.0.mlp.fc1.weight", ()), shapes.get("blocks.0.mlp.fc2.weight", ())
    if not depth or len(first) != (0 if apart else 2) or len(second) != 2 or set(norms) != {(dim,)}:
        raise UnknownArchitecture("its blocks are not a plain ViT's")
    registers = shapes.get("register_tokens", (1, 0))
    return ViTSpec(
        dim=dim,
        depth=depth,
        patch=patch[2],
        grid=grid,
        hidden=second[1],
        gated=apart or first[0] == 2 * second[1],
        apart=apart,
        qkv_bias="blocks.0.attn.qkv.bias" in shapes,
        masked_bias="blocks.0.attn.qkv.bias_mask" in shapes,
        layer_scale="blocks.0.ls1.gamma" in shapes,
        registers=registers[1] if len(registers) == 3 else 0,
        class_position=class_position,
        channels=patch[1],
        class_tokens=tokens,
        rotary=rotary,
        pooled="fc_norm.weight" in shapes and "norm.weight" not in shapes,
    )


def _grid(positions: tuple[int, ...], tokens: int) -> tuple[int, bool]:
    """Patches along a side, and whether position embeddings are also of the class tokens."""
    if len(positions) != 3:
        raise UnknownArchitecture("no position embeddings, or of an unusual shape")
    grid = math.isqrt(positions[1])
    if grid * grid == positions[1]:
        return grid, False
    grid = math.isqrt(max(0, positions[1] - tokens))
    if grid * grid + tokens == positions[1]:
        return grid, True
    raise UnknownArchitecture(f"{positions[1]} position embeddings are not a square, with or without a class token")
