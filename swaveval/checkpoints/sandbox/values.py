"""Which objects of a file are what they seem: exact types, since a subclass could answer with code of its own."""

from collections import Counter, OrderedDict
from typing import Any, TypeGuard

import torch
from torch import Tensor

MOST_TENSORS = 50_000
LONGEST_NAME = 500

TensorTable = dict[str, Tensor]

# Those that weights have, in the words of safetensors.
DTYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}


def dtype_name(tensor: Tensor) -> str:
    return DTYPES.get(tensor.dtype, str(tensor.dtype))


def is_mapping(value: Any) -> TypeGuard[dict[Any, Any]]:
    return type(value) in (dict, OrderedDict, Counter)


def is_tensor(value: Any) -> TypeGuard[Tensor]:
    return type(value) in (Tensor, torch.nn.Parameter)
