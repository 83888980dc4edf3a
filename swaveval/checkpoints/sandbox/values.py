"""Which objects of a file are what they seem: exact types, since a subclass could answer with code of its own."""

from collections import Counter, OrderedDict
from typing import Any, TypeGuard

import torch
from torch import Tensor

MOST_TENSORS = 50_000
LONGEST_NAME = 500

TensorTable = dict[str, Tensor]


def is_mapping(value: Any) -> TypeGuard[dict[Any, Any]]:
    return type(value) in (dict, OrderedDict, Counter)


def is_tensor(value: Any) -> TypeGuard[Tensor]:
    return type(value) in (Tensor, torch.nn.Parameter)
