"""One name for a set of weights, whatever file and layout they came in."""

import hashlib
import json
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

_WORTH_THREADS = 8 << 20  # bytes


def tensor_hashes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[str, list[int], str]]:
    """Name → (dtype, shape, SHA-256 of the bytes) of each tensor. Hashing releases the GIL, so threads share it."""

    def one(tensor: Tensor) -> tuple[str, list[int], str]:
        content = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
        return str(tensor.dtype), list(tensor.shape), hashlib.sha256(content.data).hexdigest()

    items = sorted(tensors.items())
    if sum(tensor.numel() * tensor.element_size() for _, tensor in items) < _WORTH_THREADS:
        return {name: one(tensor) for name, tensor in items}
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        return dict(zip((name for name, _ in items), pool.map(one, (tensor for _, tensor in items)), strict=True))


def weights_digest(hashes: Mapping[str, tuple[str, list[int], str]], architecture: str) -> str:
    """SHA-256 over the architecture and, sorted by name, each tensor's name, dtype, shape and SHA-256.

    The architecture belongs to it: the same weights with another stem stride are another function.
    """
    rows = [[name, *hashes[name]] for name in sorted(hashes)]
    return hashlib.sha256(json.dumps([architecture, rows], ensure_ascii=True).encode()).hexdigest()
