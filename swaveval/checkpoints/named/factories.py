"""`module:factory` and `path/to/nets.py:factory`: a function or class of the user's own that makes the network."""

import hashlib
import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any

from torch import nn

from swaveval.checkpoints.named.made import Made
from swaveval.checkpoints.sandbox.failure import Failure, printable


def factory_model(place: str, name: str) -> Made:
    """What the factory makes.

    Args:
        place: a module that Python can import, or the path of a Python file.
        name: of a function or class in it that takes no argument; dots lead to attributes.

    Raises:
        Failure: it cannot be imported, called, or gives no module.
    """
    text = f"--backbone {printable(place, 120)}:{printable(name, 60)}"
    try:
        made: Any = _file(Path(place)) if place.endswith(".py") else importlib.import_module(place)
        for part in name.split("."):
            made = getattr(made, part)
        module = made if isinstance(made, nn.Module) else made()
    except KeyboardInterrupt:
        raise
    # Whatever the user's code does, SystemExit included, is told in one sentence.
    except BaseException as error:
        reason = f"{text} does not give a model: {type(error).__name__}: {printable(error)}{_hint(place, error)}"
        raise Failure("unsupported", reason) from error
    if isinstance(made, nn.Module):
        reason = f"{text} is a network already; name a function that makes one, so that untrained ones can be made too"
        raise Failure("unsupported", reason)
    if not isinstance(module, nn.Module):
        raise Failure("unsupported", f"{text} gives a {type(module).__name__}, not a torch.nn.Module")
    return Made(build=made, module=module, words=f"{Path(place).name if place.endswith('.py') else place}:{name}")


def _hint(place: str, error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name and place.split(".")[0] == error.name:
        path = Path(place if "/" in place else place.replace(".", "/")).with_suffix(".py")
        if path.is_file():
            return f"; name the file by its path: --backbone {printable(path, 120)}:…"
    return ""


def _file(path: Path) -> Any:
    """Import a single file under a name of its own; modules beside it can be imported by it, as when it is run."""
    resolved = path.expanduser().resolve()
    if not resolved.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    content = hashlib.sha256(str(resolved).encode() + resolved.read_bytes()).hexdigest()
    name = f"swaveval_backbone_{content[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    specification = importlib.util.spec_from_file_location(name, resolved)
    if specification is None or specification.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module  # dataclasses look their module up there
    # Last, so that nothing beside the file takes the place of an installed module.
    sys.path.append(str(resolved.parent))
    try:
        specification.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    finally:
        sys.path.remove(str(resolved.parent))
    return module
