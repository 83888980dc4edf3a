"""Which precision a network is run in, what that changes, and how features of two precisions are compared."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from swaveval.features import precision
from swaveval.features.extract import ExtractSettings, extract
from swaveval.features.precision import LEAST_COSINE, LEAST_NEIGHBOURS, Agreement, agreement, fastest, running
from tests.features.tiny_network import TRANSFORM, tiny_backbone, tiny_images, tiny_pixels

SETTINGS = ExtractSettings(transform=TRANSFORM, n_view_images=10, n_views=3)


def drawn(n: int = 60, d: int = 12) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(n, d)) + 5.0


def test_the_same_features_agree_whatever_lies_under_them() -> None:
    same = agreement(drawn(), drawn())
    assert (same.cosine, same.neighbours, same.n) == (pytest.approx(1.0), 1.0, 60)
    assert agreement(np.ones((60, 3)), np.ones((60, 3))).good  # a collapsed network has nothing to lose
    assert agreement(drawn(2), drawn(2)).good


def test_cosines_are_of_the_centred_features() -> None:
    """A mean that all images share makes any two features alike: what tells images apart is what counts."""
    generator = np.random.default_rng(1)
    own = generator.normal(size=(200, 8))
    exact, lower = 1000 + own, 1000 + own + generator.normal(size=(200, 8))
    found = agreement(exact, lower)
    centred = [(a - exact.mean(0), b - exact.mean(0)) for a, b in zip(exact, lower, strict=True)]
    by_hand = np.median([a @ b / np.linalg.norm(a) / np.linalg.norm(b) for a, b in centred])
    assert found.cosine == pytest.approx(by_hand)
    assert found.cosine < 0.9
    assert not found.good


def test_neighbours_that_are_as_near_are_the_same() -> None:
    angles = np.array([0.0, 0.02, 0.0201, 1.5, 1.6])
    exact = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    swapped = exact[[0, 2, 1, 3, 4]]
    assert agreement(exact, swapped).neighbours == 1.0
    far = exact[[0, 3, 2, 1, 4]]
    assert agreement(exact, far).neighbours < 1.0


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_agrees_with_nothing(value: float) -> None:
    lower = drawn()
    lower[3, 3] = value
    assert not agreement(drawn(), lower).good


@pytest.mark.parametrize(
    ("cosine", "neighbours", "good"),
    [
        (LEAST_COSINE, LEAST_NEIGHBOURS, True),
        (LEAST_COSINE - 1e-6, 1.0, False),
        (1.0, LEAST_NEIGHBOURS - 1e-6, False),
    ],
)
def test_both_have_to_agree(cosine: float, neighbours: float, good: bool) -> None:
    assert Agreement(cosine, neighbours, 10).good is good


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("model name : x\nflags\t\t: fpu avx512f avx512_bf16 sse\n", "bf16"),
        ("flags : fpu amx_bf16 amx_tile\n", "bf16"),
        ("Features : fp asimd bf16\n", "bf16"),
        ("flags : fpu avx2 avx512f\n", "fp32"),
        ("flags : fpu not_bf16x\n", "fp32"),
        ("", "fp32"),
    ],
)
def test_a_processor_says_what_it_multiplies(
    text: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpuinfo").write_text(text, encoding="utf-8")
    monkeypatch.setattr(precision, "_CPUINFO", tmp_path / "cpuinfo")
    assert fastest("cpu") == expected
    assert fastest("mps") == "fp32"
    monkeypatch.setattr(precision, "_CPUINFO", tmp_path / "none")
    assert fastest("cpu") == "fp32"


def test_products_are_in_that_precision_for_the_block_only() -> None:
    layer, given = nn.Linear(4, 3), torch.ones(2, 4)
    for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16)):
        with running(name, "cpu"):  # type: ignore[arg-type]
            assert layer(given).dtype == dtype
    assert layer(given).dtype == torch.float32


def test_features_in_bf16_are_near_and_have_a_key_of_their_own() -> None:
    exact = extract(tiny_backbone(), tiny_images(), tiny_pixels(), settings=SETTINGS)
    lower_settings = replace(SETTINGS, precision="bf16")
    lower = extract(tiny_backbone(), tiny_images(), tiny_pixels(), settings=lower_settings)
    assert lower.all.dtype == np.float32
    assert not np.array_equal(lower.all, exact.all)
    assert np.abs(lower.all - exact.all).max() < 0.02 * np.abs(exact.all).max()
    assert "bfloat16" in lower.protocol
    assert "float32" in exact.protocol
    assert lower_settings.id != SETTINGS.id
    assert "fp32" not in SETTINGS.id  # what was stored before there was a choice keeps its key
    # The head multiplies in float32: its scores are those of these very features.
    assert lower.prototypes is not None
    head = tiny_backbone().head
    assert head is not None
    with torch.no_grad():
        expected = head.eval()(torch.from_numpy(np.array(lower.train))).numpy()
    np.testing.assert_allclose(lower.prototypes.train_score, expected.max(axis=1), rtol=1e-4, atol=1e-5)
