"""Whether two trainings differ by their seed alone: known of those whose run.json holds every setting."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

# What changes no weight: where the data lay, and how the work was spread.
_NO_MATTER: Mapping[str, frozenset[str]] = {
    "data": frozenset({"path", "labels"}),
    "training": frozenset({"seed", "stop_on_nan"}),
    "hardware": frozenset({"accelerator", "strategy", "workers", "threads"}),
    "series": frozenset({"log_every"}),
}


def recipe(run: Mapping[str, Any] | None) -> str:
    """SHA-256 over every setting of a training but its seed, and over its images; empty where not all are known.

    Args:
        run: what run.json holds: `swaveval pretrain`'s has `settings.config` with every section, another program's has
            not, and nobody knows what it leaves out.
    """
    settings, data = (run or {}).get("settings"), (run or {}).get("data")
    if not isinstance(settings, dict) or not isinstance(data, dict):
        return ""
    sections, images = settings.get("config"), data.get("fingerprint")
    if not isinstance(sections, dict) or not isinstance(images, str) or not images:
        return ""
    if not all(isinstance(section, dict) for section in sections.values()) or not _NO_MATTER.keys() <= sections.keys():
        return ""
    if not isinstance(sections["training"].get("seed"), int):
        return ""
    kept = {
        name: {key: value for key, value in section.items() if key not in _NO_MATTER.get(name, ())}
        for name, section in sections.items()
    }
    # The network as it was built, whatever the config calls it.
    written = json.dumps([kept, settings.get("backbone"), images], sort_keys=True)
    return hashlib.sha256(written.encode()).hexdigest()
