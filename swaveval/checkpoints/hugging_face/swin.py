"""transformers' Swin. Features are the mean of the last tokens after the final norm (`pooler_output`)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swaveval.checkpoints.hugging_face.drawing import draw
from swaveval.checkpoints.hugging_face.words import ACTIVATIONS, Words
from swaveval.checkpoints.sandbox.failure import Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class SwinSpec:
    """Attributes:
    width: of the first stage, doubled from each to the next. depths, heads: of each stage.
    window: side of a window in tokens. patch, side: of a patch and of the images in training, in pixels.
    channels: of the images. ratio: width inside the MLP over its own. eps: of the norms within and after the stages.
    activation: a name in `ACTIVATIONS`. bias: whether query, key and value have one.
    absolute: whether tokens have position embeddings too. spread: of the random initialisation.
    """

    width: int
    depths: tuple[int, ...]
    heads: tuple[int, ...]
    window: int
    patch: int
    side: int
    channels: int
    ratio: float
    eps: float
    activation: str
    bias: bool
    absolute: bool
    spread: float

    @property
    def words(self) -> str:
        parts = [
            f"Hugging Face swin of blocks {'-'.join(map(str, self.depths))}, width {self.width}",
            f"{'-'.join(map(str, self.heads))} heads, window {self.window}, patch {self.patch}",
            f"MLP {self.ratio:g} times as wide" if self.ratio != 4 else "",
            "" if self.activation == "gelu" and self.eps == 1e-5 else f"{self.activation}, eps {self.eps:g}",
            "" if self.bias else "no bias of query key value",
            f"absolute positions, trained at {self.side} px" if self.absolute else "",
            f"{self.channels} channels" if self.channels != 3 else "",
        ]
        return ", ".join(filter(None, parts))

    @property
    def feature_dim(self) -> int:
        return self.width * 2 ** (len(self.depths) - 1)

    def build(self) -> "Swin":
        return Swin(self)


def swin_spec(words: Words) -> SwinSpec:
    """The network that a config describes. Raises: Failure: it describes none."""
    depths = words.depths((2, 2, 6, 2))
    heads = words.counts("num_heads", (3, 6, 12, 24), length=len(depths))
    width = words.count("embed_dim", 96, most=1 << 13)
    for stage, count in enumerate(heads):
        if width * 2**stage % count:
            reason = f"{count} heads for a width of {width * 2**stage}, which they do not divide"
            raise Failure("refused", f"config.json says {reason}")
    return SwinSpec(
        width=width,
        depths=depths,
        heads=heads,
        window=words.count("window_size", 7, most=256),
        patch=words.side("patch_size", 4),
        side=words.side("image_size", 224),
        channels=words.count("num_channels", 3, most=1024),
        ratio=words.number("mlp_ratio", 4.0, most=64),
        eps=words.number("layer_norm_eps", 1e-5, most=1.0),
        activation=words.choice("hidden_act", "gelu", ACTIVATIONS),
        bias=words.flag("qkv_bias", True),
        absolute=words.flag("use_absolute_embeddings", False),
        spread=words.number("initializer_range", 0.02, most=1.0),
    )


class Swin(nn.Module):
    """Images `(B, channels, H, W)` to features `(B, feature_dim)`."""

    def __init__(self, spec: SwinSpec) -> None:
        super().__init__()
        self.spec = spec
        self.grid = spec.side // spec.patch
        self.patch = nn.Conv2d(spec.channels, spec.width, spec.patch, stride=spec.patch)
        if spec.absolute:
            self.pos_embed = nn.Parameter(torch.zeros(1, self.grid**2, spec.width))
        self.first_norm = nn.LayerNorm(spec.width)
        last = len(spec.depths) - 1
        self.stages = nn.ModuleList(_Stage(spec, stage, merges=stage < last) for stage in range(last + 1))
        self.norm = nn.LayerNorm(spec.feature_dim, eps=spec.eps)
        draw(self, spec.spread)

    def forward(self, images: Tensor) -> Tensor:
        patch = self.spec.patch
        tokens = self.patch(F.pad(images, (0, -images.shape[3] % patch, 0, -images.shape[2] % patch)))
        tokens = self.first_norm(tokens.permute(0, 2, 3, 1))
        if self.spec.absolute:
            tokens = tokens + self._positions(tokens.shape[1], tokens.shape[2])
        for stage in self.stages:
            tokens = stage(tokens)
        return self.norm(tokens).mean((1, 2))

    def _positions(self, rows: int, columns: int) -> Tensor:
        square = self.pos_embed.reshape(1, self.grid, self.grid, -1)
        if (rows, columns) == (self.grid, self.grid):
            return square
        resized = F.interpolate(square.permute(0, 3, 1, 2), size=(rows, columns), mode="bicubic")
        return resized.permute(0, 2, 3, 1)


class _Stage(nn.Module):
    """Blocks, every other one with shifted windows; then four neighbouring tokens become one of twice the width."""

    def __init__(self, spec: SwinSpec, stage: int, *, merges: bool) -> None:
        super().__init__()
        width = spec.width * 2**stage
        self.blocks = nn.ModuleList(
            _Block(spec, width, spec.heads[stage], shift=spec.window // 2 if position % 2 else 0)
            for position in range(spec.depths[stage])
        )
        self.down_norm = nn.LayerNorm(4 * width) if merges else None
        self.down = nn.Linear(4 * width, 2 * width, bias=False) if merges else None

    def forward(self, tokens: Tensor) -> Tensor:
        for block in self.blocks:
            tokens = block(tokens)
        if self.down is None or self.down_norm is None:
            return tokens
        tokens = F.pad(tokens, (0, 0, 0, tokens.shape[2] % 2, 0, tokens.shape[1] % 2))
        corners = [tokens[:, row::2, column::2] for column in range(2) for row in range(2)]
        return self.down(self.down_norm(torch.cat(corners, dim=-1)))


class _Block(nn.Module):
    def __init__(self, spec: SwinSpec, width: int, heads: int, *, shift: int) -> None:
        super().__init__()
        self.window, self.shift, self.heads = spec.window, shift, heads
        self.activation = ACTIVATIONS[spec.activation]
        self.norm1 = nn.LayerNorm(width, eps=spec.eps)
        self.query = nn.Linear(width, width, bias=spec.bias)
        self.key = nn.Linear(width, width, bias=spec.bias)
        self.value = nn.Linear(width, width, bias=spec.bias)
        self.relative = nn.Parameter(torch.zeros((2 * spec.window - 1) ** 2, heads))
        self.proj = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width, eps=spec.eps)
        hidden = max(1, int(spec.ratio * width))
        self.fc1, self.fc2 = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, tokens: Tensor) -> Tensor:
        batch, rows, columns, width = tokens.shape
        window, shift = self.window, self.shift
        if min(rows, columns) < window:  # nor does transformers take them
            reason = f"{rows}×{columns} tokens, fewer than a window of {window}×{window}"
            raise ValueError(f"the images are too small for this Swin: one of its stages has {reason}")
        shift = 0 if min(rows, columns) == window else shift
        inner = F.pad(self.norm1(tokens), (0, 0, 0, -columns % window, 0, -rows % window))
        high, wide = inner.shape[1:3]
        inner = self._attention(_windows(inner.roll((-shift, -shift), (1, 2)), window), self._mask(high, wide, shift))
        inner = inner.reshape(batch, high // window, wide // window, window, window, width)
        inner = inner.transpose(2, 3).reshape(batch, high, wide, width).roll((shift, shift), (1, 2))
        tokens = tokens + inner[:, :rows, :columns]
        return tokens + self.fc2(self.activation(self.fc1(self.norm2(tokens))))

    def _attention(self, windows: Tensor, mask: Tensor | None) -> Tensor:
        """Of tokens within each window: `(B·windows, window², d)`."""
        count, tokens, width = windows.shape
        query, key, value = (
            layer(windows).reshape(count, tokens, self.heads, -1).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        bias = self._relative()[None]
        if mask is not None:
            bias = (bias + mask[:, None]).repeat(count // len(mask), 1, 1, 1)
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        return self.proj(mixed.transpose(1, 2).reshape(count, tokens, width))

    def _relative(self) -> Tensor:
        """What each pair of places in a window adds: `(heads, window², window²)`."""
        side = torch.arange(self.window, device=self.relative.device)
        places = torch.stack(torch.meshgrid(side, side, indexing="ij")).flatten(1)
        apart = places[:, :, None] - places[:, None, :] + self.window - 1
        return self.relative[apart[0] * (2 * self.window - 1) + apart[1]].permute(2, 0, 1)

    def _mask(self, high: int, wide: int, shift: int) -> Tensor | None:
        """-100 between tokens that only the shift brought into one window: `(windows, window², window²)`."""
        if not shift:
            return None
        regions = []
        for size in (high, wide):
            places = torch.arange(size, device=self.relative.device)
            regions.append((places >= size - self.window).long() + (places >= size - shift).long())
        region = (regions[0][:, None] * 3 + regions[1])[None, :, :, None]
        each = _windows(region, self.window)[..., 0]
        return torch.zeros((), device=each.device).where(each[:, None] == each[:, :, None], -100.0)


def _windows(grid: Tensor, window: int) -> Tensor:
    """A grid `(B, H, W, d)` cut into windows `(B·windows, window², d)`."""
    batch, high, wide, width = grid.shape
    cut = grid.reshape(batch, high // window, window, wide // window, window, width)
    return cut.transpose(2, 3).reshape(-1, window * window, width)
