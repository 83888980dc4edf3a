"""Images are made here, never shipped; nothing touches the user's cache directory."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Save = Callable[..., Path]


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache directory for this test alone."""
    directory = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("SWAVEVAL_DATA", str(directory))
    return directory


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """`save("train/cat/1.png", 7)`: a small noise image, different for each seed, below `tmp_path/images`."""

    def write(name: str, seed: int, size: tuple[int, int] = (12, 10)) -> Path:
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        Image.fromarray(noise).save(path)
        return path

    return write
