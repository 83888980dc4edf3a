"""Harmless globals: honest checkpoints name these beside the weights, so refusing them would refuse the field.

None of them is imported or called. Each is rebuilt as a `StandIn`, an inert record of what the pickle passed, which
makes rebuilding harmless whatever the arguments. The list is short and fixed; everything else is a refusal that names
the global. torch itself never looks up `os`, `sys`, `posix` or `nt`, also when they are listed.
"""

from typing import Any


class MappingStandIn:
    """A dict of whatever type; the unpickler fills plain dicts only."""

    def __new__(cls, *_arguments: Any) -> Any:
        return {}


class SequenceStandIn:
    """A list of whatever type."""

    def __new__(cls, *_arguments: Any) -> Any:
        return []


class StandIn:
    """An object of a class that was not imported: remembers arguments and state, does nothing."""

    arguments: tuple[Any, ...]
    state: Any

    def __new__(cls, *arguments: Any) -> "StandIn":
        self = object.__new__(cls)
        self.arguments = arguments
        self.state = None
        return self

    def __setstate__(self, state: Any) -> None:
        self.state = state


MAPPINGS = (
    "collections.defaultdict",
    "pytorch_lightning.utilities.parsing.AttributeDict",
    "lightning.fabric.utilities.data.AttributeDict",
    "lightning_fabric.utilities.data.AttributeDict",
)
SEQUENCES = ("collections.deque",)
OBJECTS = (
    "argparse.Namespace",
    "pathlib.PosixPath",
    "pathlib.PurePosixPath",
    "pathlib.WindowsPath",
    "pathlib.PureWindowsPath",
    "pathlib.Path",
    "pathlib._local.PosixPath",
    "pathlib._local.WindowsPath",
    "numpy.dtype",
    "numpy.ndarray",
    "numpy.core.multiarray.scalar",
    "numpy.core.multiarray._reconstruct",
    "numpy._core.multiarray.scalar",
    "numpy._core.multiarray._reconstruct",
    "numpy.dtypes.Float32DType",
    "numpy.dtypes.Float64DType",
    "numpy.dtypes.Int64DType",
    "builtins.dict",
    "builtins.list",
    "builtins.tuple",
    "builtins.int",
    "builtins.float",
    "builtins.str",
    "builtins.bool",
    "typing.Any",
    "omegaconf.base.ContainerMetadata",
    "omegaconf.base.Metadata",
    "omegaconf.dictconfig.DictConfig",
    "omegaconf.listconfig.ListConfig",
    "omegaconf.nodes.AnyNode",
    "omegaconf.nodes.BooleanNode",
    "omegaconf.nodes.FloatNode",
    "omegaconf.nodes.IntegerNode",
    "omegaconf.nodes.StringNode",
    "mmengine.logging.history_buffer.HistoryBuffer",
)


HARMLESS = frozenset(OBJECTS + MAPPINGS + SEQUENCES)


def stand_ins() -> list[tuple[type, str]]:
    """The list in the form `torch.serialization.add_safe_globals` takes: one class of its own for each name."""
    kinds = ((OBJECTS, StandIn), (MAPPINGS, MappingStandIn), (SEQUENCES, SequenceStandIn))
    return [(type(name.rsplit(".", 1)[1], (kind,), {}), name) for names, kind in kinds for name in names]
