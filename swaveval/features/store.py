"""Features on disk: plain .npy files, mapped into memory, verified before their first use.

Layout of a store::

    <key>.json            sealed: what the features are, and the SHA-256 of each array file
    <key>.<array>.npy     one file per array

The JSON is written last, so what can be read is whole. Nothing here can be computed only once: whatever does not
verify is treated as absent, with a warning, and extracted again.
"""

import hashlib
import threading
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from swaveval.features.errors import FeatureWarning
from swaveval.features.features import Features, PrototypeOutputs, ViewFeatures
from swaveval.results.atomic import atomic_path, write_bytes
from swaveval.results.encoding import digest, seal, unseal

Array = np.ndarray[Any, np.dtype[Any]]
Stamp = tuple[str, int, int, int]

SCHEMA_VERSION = 1
_IN_MEMORY = 1 << 20  # smaller arrays are read, not mapped: a map costs a file descriptor

_SPLITS = ("train", "test", "train_labels", "test_labels", "train_index", "test_index")
_PROTOTYPES = ("weights", "train_assignment", "test_assignment", "train_score", "test_score", "mean_probability")


class FeatureStore:
    """Features by (backbone digest, settings id, data fingerprint)."""

    # Files hashed in this process, by name, size, time and inode: a map of 5 GB is hashed once, not for each evaluator.
    _verified: dict[Stamp, str] = {}  # noqa: RUF012 - shared on purpose
    _lock = threading.Lock()

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def put(self, backbone: str, settings: str, data: str, features: Features) -> Features:
        """Store features, atomically, and return them as they are stored: mapped, not held."""
        key = _key(backbone, settings, data)
        self.directory.mkdir(parents=True, exist_ok=True)
        entries = {name: self._write(key, name, array) for name, array in _arrays(features).items()}
        body = {
            "schema": SCHEMA_VERSION,
            "backbone": backbone,
            "settings": settings,
            "data": data,
            "arrays": entries,
            "facts": _facts(features),
        }
        write_bytes(self._path(key), seal(body))
        stored = self.get(backbone, settings, data)
        if stored is None:
            raise OSError(f"features just written to {self.directory} cannot be read back: the disk is failing or full")
        return stored

    def get(self, backbone: str, settings: str, data: str) -> Features | None:
        """Stored features, or None when there are none that verify.

        Large arrays are read-only maps of their files. A damaged file is a FeatureWarning and counts as absent.
        """
        path = self._path(_key(backbone, settings, data))
        try:
            body = unseal(path.read_bytes())
            if [body["schema"], body["backbone"], body["settings"], body["data"]] != [
                SCHEMA_VERSION,
                backbone,
                settings,
                data,
            ]:
                raise ValueError("it describes other features")
            arrays = {name: self._read(path, name, sha) for name, sha in body["arrays"].items()}
            return _features(arrays, body["facts"])
        except FileNotFoundError:
            if path.exists():
                self._warn(path, "an array file is missing")
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            self._warn(path, str(error))
            return None

    def discard(self, backbone: str, settings: str, data: str) -> None:
        """Remove stored features; the JSON goes first, so none ever names missing arrays."""
        key = _key(backbone, settings, data)
        self._path(key).unlink(missing_ok=True)
        for path in self.directory.glob(f"{key}.*.npy"):
            path.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self.directory / f"{key}.json"

    def _write(self, key: str, name: str, array: Array) -> str:
        """Write one array; its SHA-256."""
        target = self.directory / f"{key}.{name}.npy"
        with atomic_path(target) as temporary, temporary.open("wb") as file:
            writer = _HashingWriter(file)
            np.lib.format.write_array(writer, np.asarray(array), allow_pickle=False)
        sha = writer.sha256.hexdigest()
        with self._lock:
            self._verified[_stamp(target)] = sha
        return sha

    def _read(self, path: Path, name: str, sha: str) -> Array:
        """One array, after its file's SHA-256 was seen to be right.

        Raises:
            ValueError: it is not. FileNotFoundError: there is no file.
        """
        if not name.replace("_", "").replace("-", "").isalnum():
            raise ValueError(f"{name!r} is no array's name")
        file = path.with_suffix(f".{name}.npy")
        stamp = _stamp(file)
        with self._lock:
            known = self._verified.get(stamp)
        if known is None:
            with file.open("rb") as opened:
                known = hashlib.file_digest(opened, "sha256").hexdigest()
            with self._lock:
                self._verified[stamp] = known
        if known != sha:
            raise ValueError(f"the checksum of {file.name} does not match")
        mapped = file.stat().st_size > _IN_MEMORY
        return np.load(file, mmap_mode="r" if mapped else None, allow_pickle=False)

    def _warn(self, path: Path, reason: str) -> None:
        warnings.warn(
            f"stored features {path.name} are damaged and are made anew: {reason}", FeatureWarning, stacklevel=3
        )


@dataclass
class _HashingWriter:
    """A file that hashes what passes through it."""

    file: BinaryIO

    def __post_init__(self) -> None:
        self.sha256 = hashlib.sha256()

    def write(self, content: bytes) -> int:
        self.sha256.update(content)
        return self.file.write(content)


def _key(backbone: str, settings: str, data: str) -> str:
    return digest(["features", SCHEMA_VERSION, backbone, settings, data])[:32]


def _stamp(path: Path) -> Stamp:
    status = path.stat()
    return str(path.resolve()), status.st_size, status.st_mtime_ns, status.st_ino


def _arrays(features: Features) -> dict[str, Array]:
    """Every array of the features under a flat name."""
    named = {name: getattr(features, name) for name in _SPLITS}
    if features.views is not None:
        named |= {"views-features": features.views.features, "views-index": features.views.index}
    if features.prototypes is not None:
        named |= {f"prototypes-{name}": getattr(features.prototypes, name) for name in (*_PROTOTYPES, "view_scores")}
    return {name: array for name, array in named.items() if array is not None}


def _facts(features: Features) -> dict[str, Any]:
    """Everything else of the features, as JSON."""
    facts: dict[str, Any] = {
        "class_names": list(features.class_names),
        "protocol": features.protocol,
        "device": features.device,
    }
    if features.views is not None:
        facts["views"] = features.views.protocol
    if (held := features.prototypes) is not None:
        facts["prototypes"] = {
            "temperature": held.temperature,
            "epsilon": held.epsilon,
            "sinkhorn_iterations": held.sinkhorn_iterations,
            "settings_origin": held.settings_origin,
        }
    return facts


def _features(arrays: dict[str, Array], facts: dict[str, Any]) -> Features:
    """The inverse of `_arrays` and `_facts`."""
    views = prototypes = None
    if "views" in facts:
        views = ViewFeatures(arrays["views-features"], arrays["views-index"], protocol=facts["views"])
    if "prototypes" in facts:
        held: dict[str, Any] = {name: arrays[f"prototypes-{name}"] for name in _PROTOTYPES}
        prototypes = PrototypeOutputs(**held, view_scores=arrays.get("prototypes-view_scores"), **facts["prototypes"])
    return Features(
        train=arrays["train"],
        test=arrays["test"],
        train_labels=arrays.get("train_labels"),
        test_labels=arrays.get("test_labels"),
        train_index=arrays["train_index"],
        test_index=arrays["test_index"],
        class_names=tuple(facts["class_names"]),
        views=views,
        prototypes=prototypes,
        protocol=facts["protocol"],
        device=_present(facts["device"]),
    )


def _present(device: str) -> str:
    """The device features were made on, or the CPU where this machine has none like it."""
    if device == "cpu":
        return device
    import torch  # only here: reading features must not cost its import

    kind = device.split(":")[0]
    there = torch.cuda.is_available() if kind == "cuda" else kind == "mps" and torch.backends.mps.is_available()
    return device if there else "cpu"
