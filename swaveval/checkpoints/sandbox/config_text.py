"""What the text of an OpenMMLab configuration says of the backbone. It is Python, and parsed, never run."""

import ast
from typing import Any

# Where OpenMMLab's checkpoints keep it.
CONFIG_TEXT = ("meta", "cfg")
NAMES = frozenset({"type", "arch", "depth", "style", "dilations", "strides", "deep_stem", "avg_down"})
_MOST = 200_000


def backbone_said(text: str) -> dict[str, Any]:
    """Settings of the first backbone in the text, by name: numbers, words and lists of numbers; {} where there is none.

    Args:
        text: of a stranger's file; called in the reading process, whose memory and time are bounded.
    """
    try:
        whole = ast.parse(text[:_MOST])
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    settings = next((found for node in ast.walk(whole) if (found := _backbone(node))), {})
    return {name: value for name, node in settings.items() if name in NAMES and (value := _literal(node)) is not None}


def _backbone(node: ast.AST) -> dict[str, ast.expr]:
    """The settings of a node that says `backbone=dict(…)` or `'backbone': {…}`."""
    if isinstance(node, ast.keyword) and node.arg == "backbone":
        return _settings(node.value)
    if isinstance(node, ast.Assign) and any(isinstance(it, ast.Name) and it.id == "backbone" for it in node.targets):
        return _settings(node.value)
    return _settings(_entries(node).get("backbone"))


def _settings(node: ast.expr | None) -> dict[str, ast.expr]:
    if isinstance(node, ast.Call):
        return {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg is not None}
    return _entries(node)


def _entries(node: ast.AST | None) -> dict[str, ast.expr]:
    if not isinstance(node, ast.Dict):
        return {}
    pairs = zip(node.keys, node.values, strict=True)
    return {str(key.value): value for key, value in pairs if isinstance(key, ast.Constant)}


def _literal(node: ast.expr) -> Any:
    """A number, a word, or a list of numbers; None for anything else."""
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, MemoryError, RecursionError):
        return None
    if isinstance(value, list | tuple):
        return list(value) if len(value) <= 16 and all(isinstance(item, int) for item in value) else None
    return value[:60] if isinstance(value, str) else value if isinstance(value, int | float) else None
