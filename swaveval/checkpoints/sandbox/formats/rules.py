"""Which globals beside the weights are inert, by whose they are; what is not is a refusal that names it.

| whose | named, or an object of it | called |
|---|---|---|
| harmless values: dates, paths, numbers, configurations | yes | yes |
| torch's | yes | as an enum is for its member |
| another package's, the user's own code | yes | a class, or a private rebuilding function |
| any other of Python's own library, swaveval's | no | no |

Nothing of this is imported or run: see `sandbox.formats.stand_ins`.
"""

import sys
from enum import Enum, auto


class Use(Enum):
    """What a pickle may do with a stand-in."""

    CALLED = auto()
    MEMBER = auto()
    NAMED = auto()


MAPPINGS = (
    "collections.defaultdict",
    "collections.ChainMap",
    "types.MappingProxyType",
    "pytorch_lightning.utilities.parsing.AttributeDict",
    "lightning.fabric.utilities.data.AttributeDict",
    "lightning_fabric.utilities.data.AttributeDict",
    "lightning.pytorch.utilities.parsing.AttributeDict",
    "yacs.config.CfgNode",
    "fvcore.common.config.CfgNode",
    "easydict.EasyDict",
    "addict.addict.Dict",
    "munch.Munch",
    "mmengine.config.config.ConfigDict",
)
SEQUENCES = ("collections.deque",)
VALUES = (
    "argparse.Namespace",
    "types.SimpleNamespace",
    "types.GenericAlias",
    "types.NoneType",
    "pathlib.PosixPath",
    "pathlib.PurePosixPath",
    "pathlib.WindowsPath",
    "pathlib.PureWindowsPath",
    "pathlib.Path",
    "pathlib.PurePath",
    "pathlib._local.PosixPath",
    "pathlib._local.WindowsPath",
    "datetime.date",
    "datetime.datetime",
    "datetime.time",
    "datetime.timedelta",
    "datetime.timezone",
    "datetime.tzinfo",
    "zoneinfo.ZoneInfo",
    "time.struct_time",
    "decimal.Decimal",
    "fractions.Fraction",
    "uuid.UUID",
    "uuid.SafeUUID",
    "array.array",
    "array._array_reconstructor",
    "ipaddress.IPv4Address",
    "ipaddress.IPv6Address",
    "random.Random",
    "string.Template",
    "re._compile",
    "re.RegexFlag",
    "logging.Logger",
    "logging.getLogger",
    "functools.partial",
    "functools.partialmethod",
    "copyreg._reconstructor",
    "copyreg.__newobj__",
    "copyreg.__newobj_ex__",
    "dataclasses._MISSING_TYPE",
    "dataclasses._HAS_DEFAULT_FACTORY_CLASS",
    "inspect._empty",
    "collections.UserDict",
    "collections.UserList",
    "collections.UserString",
    "enum.Enum",
    "enum.auto",
    "enum._make_class_unpicklable",
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
    "builtins.bytes",
    "builtins.object",
    "builtins.type",
    "builtins.slice",
    "builtins.range",
    "builtins.frozenset",
    "builtins.Ellipsis",
    "builtins.NotImplemented",
    "builtins.getattr",  # of stand-ins alone: how Python 3.11 pickles members of enums
    "builtins.max",
    "builtins.min",
    "builtins.sum",
    "builtins.abs",
    "builtins.len",
    "builtins.round",
    "builtins.print",
    "torch.torch_version.TorchVersion",
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
CALLED = ("numpy.random._pickle.__randomstate_ctor", "numpy.random._pickle.__generator_ctor")

HARMLESS = frozenset(VALUES + CALLED + MAPPINGS + SEQUENCES)
# Modules of Python's own library whose content is names of types, and nothing that acts.
_OF_TYPES = ("typing.", "numbers.", "collections.abc.", "math.", "enum.", "abc.", "typing_extensions.")
# In the middle of a name they are another module's import of what acts.
_ACTING = frozenset({"os", "sys", "posix", "nt", "subprocess", "builtins", "importlib", "shutil", "socket", "ctypes"})


def use_of(name: str) -> Use | None:
    """What a pickle may do with the global of this full name; None: nothing, the file is refused."""
    parts = name.split(".")
    if name in HARMLESS or (name.startswith(_OF_TYPES) and parts[-1][:1].isupper()):
        return Use.CALLED
    if name.startswith("math."):
        return Use.NAMED
    root, last = parts[0], parts[-1]
    if root == "swaveval" or root in sys.stdlib_module_names or _ACTING & set(parts[1:]) or not root.isidentifier():
        return None
    is_class = last.lstrip("_")[:1].isupper()
    if root == "torch":
        return Use.MEMBER if is_class else Use.NAMED
    return Use.CALLED if is_class or last.startswith("_") else Use.NAMED
