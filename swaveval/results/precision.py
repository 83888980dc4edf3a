"""The precisions that networks can be run in, by name; known without torch."""

from typing import Literal, get_args

Precision = Literal["fp32", "bf16", "fp16"]

PRECISIONS: tuple[str, ...] = get_args(Precision)
WORDS: dict[str, str] = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}
