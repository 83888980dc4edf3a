"""The process of one plugin: imports it, calls it with features it maps itself, sends back plain numbers."""

import contextlib
import io
import json
import resource
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from swaveval.evaluators.contract import Skip, described, unmet
from swaveval.evaluators.registry import PluginError, create
from swaveval.features.features import Features, FeatureSeries
from swaveval.features.store import FeatureStore
from swaveval.results import Artifact, Metric
from swaveval.runs.child import serve
from swaveval.runs.failures import sentence
from swaveval.runs.plugins import StoredFeatures

_MEMORY_SHARE = 0.8


def main() -> None:
    connection = serve()
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _limit_memory()
    while True:
        try:
            request = connection.recv()
        except EOFError:
            return
        for part in _answer(request):
            connection.send(part)


def _answer(request: dict[str, Any]) -> tuple[str, bytes]:
    """What is to be sent; an exception of the plugin is its answer, SystemExit too."""
    try:
        if "describe" in request:
            return json.dumps(described(create(request["describe"])), allow_nan=False), b""
        answer, content = _evaluated(request)
        return json.dumps(answer, allow_nan=False), content
    except Skip as skip:
        return json.dumps({"skipped": str(skip)}), b""
    except PluginError as error:
        return json.dumps({"broken": str(error)}), b""
    except BaseException as error:
        return json.dumps({"broken": sentence(error)}), b""


def _evaluated(request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    evaluator: Any = create(request["evaluate"])
    places: list[StoredFeatures] = request["features"]
    by_digest = {place.backbone: place for place in places}
    series = FeatureSeries(tuple(by_digest), request["names"] or (), lambda digest: _load(by_digest[digest]))
    if missing := unmet(evaluator.needs, series[0]):
        raise Skip(missing)
    seen: Features | FeatureSeries = series if request["names"] is not None else series[0]
    return _packed(evaluator(seen, seed=request["seed"]), evaluator.name)


def _load(place: StoredFeatures) -> Features:
    features = FeatureStore(place.directory).get(place.backbone, place.settings, place.data)
    if features is None:
        raise RuntimeError("the stored features are gone; run again")
    return features


def _packed(produced: Iterable[object], name: str) -> tuple[dict[str, Any], bytes]:
    metrics: list[dict[str, Any]] = []
    artifacts: list[tuple[str, str | None, list[str]]] = []
    arrays: dict[str, Any] = {}
    for item in produced:
        if isinstance(item, Metric):
            metrics.append(item.to_json())
        elif isinstance(item, Artifact):
            for position, array in enumerate(item.arrays.values()):
                arrays[f"{len(artifacts)}/{position}"] = np.asarray(array)
            artifacts.append((item.id, item.checkpoint, list(item.arrays)))
        else:
            raise TypeError(f"{name} yielded a {type(item).__name__}, neither a Metric nor an Artifact")
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return {"metrics": metrics, "artifacts": artifacts}, buffer.getvalue()


def _limit_memory() -> None:
    """Most of the memory that is free now; beyond it the plugin gets a MemoryError, not the machine a dead end."""
    with contextlib.suppress(OSError, ValueError):
        # Should the system run short all the same, it is this process that goes.
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    free = _free_memory()
    with contextlib.suppress(OSError, ValueError, AttributeError):
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        limit = int(_MEMORY_SHARE * free)
        if free and (hard == resource.RLIM_INFINITY or limit < hard):
            resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))


def _free_memory() -> int:
    """Bytes that can be had now, 0 where nobody says."""
    found: list[int] = []
    with contextlib.suppress(OSError, ValueError, IndexError):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        found += [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    with contextlib.suppress(OSError, ValueError):  # in a container "max" where there is no limit
        group = Path("/sys/fs/cgroup")
        limit = int((group / "memory.max").read_text(encoding="ascii"))
        found.append(limit - int((group / "memory.current").read_text(encoding="ascii")))
    return max(0, min(found, default=0))
