"""What cannot work is refused in a sentence; what is chosen always can work."""

import math
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swaveval.pretrain.checks import SMALLEST_EPSILON, check_fit, check_plain, notes
from swaveval.pretrain.config import AUTO, PretrainConfig
from swaveval.pretrain.config_file import apply
from swaveval.pretrain.defaults import ImageFacts, chosen_otherwise, resolve
from swaveval.pretrain.errors import ConfigError

BASE = apply(PretrainConfig(), {"data": {"path": "somewhere"}}, origin="test")


def changed(**sections: dict[str, Any]) -> PretrainConfig:
    return apply(BASE, sections, origin="test")


@pytest.mark.parametrize(
    ("sections", "word"),
    [
        ({"data": {"path": ""}}, "no images"),
        ({"data": {"fraction": 0.0}}, "data.fraction is 0"),
        ({"hardware": {"devices": 0}}, "hardware.devices is 0"),
        ({"hardware": {"nodes": 0}}, "hardware.nodes is 0"),
        ({"training": {"epochs": 0}}, "training.epochs is 0"),
        ({"training": {"batch_size": 1}}, "training.batch_size is 1"),
        ({"swav": {"prototypes": 1}}, "swav.prototypes is 1"),
        ({"swav": {"epsilon": 0.001}}, "overflows"),
        ({"swav": {"temperature": 0.0}}, "swav.temperature is 0"),
        ({"backbone": {"stem_stride": 3}}, "stem_stride is 3"),
        ({"optimiser": {"learning_rate": 0.0}}, "learning_rate is 0"),
        ({"optimiser": {"momentum": 1.0}}, "momentum is 1"),
        ({"series": {"checkpoint_every": "often"}}, "'often'"),
        ({"series": {"checkpoint_every": "0"}}, "'0'"),
        ({"augmentation": {"crop_sizes": [16, 32]}}, "small crops (32 px) are larger"),
        ({"augmentation": {"crop_sizes": [32, 4]}}, "at least 8 px"),
        ({"augmentation": {"crop_sizes": [32, 16], "crop_counts": [2]}}, "as many entries"),
        ({"augmentation": {"crop_sizes": [64, 32, 16]}}, "as many entries"),
        ({"augmentation": {"crop_counts": [1, 0]}}, "nothing to predict"),
        ({"augmentation": {"crop_min_scales": [0.0, 0.1]}}, "0 < s ≤ 1"),
        ({"augmentation": {"crop_min_scales": [0.9], "crop_max_scales": [0.5]}}, "above the largest"),
    ],
)
def test_settings_out_of_range(sections: dict[str, dict[str, Any]], word: str) -> None:
    with pytest.raises(ConfigError) as refused:
        check_plain(changed(**sections))
    assert word in str(refused.value)


@pytest.mark.parametrize(
    ("sections", "word"),
    [
        ({"training": {"batch_size": 600}}, "larger than the train split (500 images); take at most 500"),
        ({"training": {"batch_size": 9}, "hardware": {"devices": 2}}, "does not divide over 2 devices"),
        ({"training": {"batch_size": 9}, "hardware": {"devices": 2, "nodes": 2}}, "over 4 devices; it counts"),
        ({"training": {"batch_size": 8}, "hardware": {"devices": 2}, "queue": {"size": 9, "start_epoch": 0}}, "9 does"),
        ({"swav": {"prototypes": 1001}}, "1001 prototypes for 500 training images"),
        ({"training": {"epochs": 10}, "queue": {"size": 128}}, "starts after epoch 15"),
        ({"queue": {"size": 4}, "training": {"batch_size": 100}}, "smaller than a batch"),
        ({"training": {"epochs": 1}, "optimiser": {"warmup_steps": 100}}, "100 warm-up steps"),
        ({"augmentation": {"crop_sizes": [512, 96]}}, "would only enlarge"),
    ],
)
def test_settings_against_the_images(sections: dict[str, dict[str, Any]], word: str) -> None:
    facts = ImageFacts(n_train=500, side=32)
    with pytest.raises(ConfigError) as refused:
        check_fit(resolve(changed(**sections), facts), facts)
    assert word in str(refused.value)


def test_no_images_at_all() -> None:
    facts = ImageFacts(n_train=0, side=0)
    with pytest.raises(ConfigError, match="0 training image"):
        check_fit(resolve(BASE, facts), facts)


@settings(deadline=None, max_examples=200)
@given(
    n_train=st.integers(2, 3_000_000),
    side=st.integers(8, 4000),
    epochs=st.integers(1, 800),
    optimiser=st.sampled_from(["adamw", "sgd", "lars"]),
)
def test_what_is_chosen_fits_and_leaves_nothing_open(n_train: int, side: int, epochs: int, optimiser: str) -> None:
    facts = ImageFacts(n_train=n_train, side=side)
    asked = changed(training={"epochs": epochs}, optimiser={"name": optimiser})
    config = resolve(asked, facts)
    check_plain(config)
    check_fit(config, facts)
    values = [(key, value) for section in asdict(config).values() for key, value in section.items()]
    assert [key for key, value in values if value in (AUTO, "auto", ())] == [
        "projection_hidden",
        "accelerator",
        "strategy",
    ]
    assert resolve(config, facts) == config


def test_the_least_epsilon_is_where_float32_overflows() -> None:
    assert math.exp(1 / SMALLEST_EPSILON) < 3.4e38
    assert math.log(3.4e38) < 1 / (SMALLEST_EPSILON * 0.9)


def test_notes_warn_of_noisy_codes_and_of_prototypes_that_never_move() -> None:
    facts = ImageFacts(n_train=5000, side=32)
    config = resolve(
        changed(swav={"prototypes": 3000, "frozen_prototype_steps": 10**6}, training={"batch_size": 64}), facts
    )
    found = notes(config, facts)
    assert len(found) == 2
    assert "3000 prototypes against 64 images" in found[0]
    assert "never move" in found[1]
    assert notes(resolve(BASE, facts), facts) == []


@pytest.mark.parametrize(
    ("sizes", "side", "said"),
    [((64, 48), 32, True), ((32, 16), 8, False), ((64, 32), 80, False), ((96, 48), 96, False), ((224, 96), 96, True)],
)
def test_crops_that_only_enlarge_the_images_are_said_to(sizes: tuple[int, ...], side: int, said: bool) -> None:
    """Not those of the defaults, which enlarge digits of 8 px on purpose."""
    facts = ImageFacts(n_train=5000, side=side)
    found = notes(resolve(changed(augmentation={"crop_sizes": sizes}), facts), facts)
    assert any("only enlarge them; crops of" in note for note in found) is said
    assert notes(resolve(BASE, facts), facts) == []


@pytest.mark.parametrize(
    ("asked", "accelerator", "trained"),
    [("16", "cpu", "bf16"), ("bf16", "cpu", "bf16"), ("32", "cpu", "32"), ("16", "gpu", "16"), ("16", "mps", "16")],
)
def test_the_precision_that_is_recorded_is_the_one_that_is_trained(asked: str, accelerator: str, trained: str) -> None:
    """Lightning trains in bf16 on a CPU that was asked for float16; run.json said 16."""
    facts = ImageFacts(n_train=500, side=32)
    config = changed(hardware={"precision": asked, "accelerator": accelerator})
    found = resolve(config, facts)
    assert found.hardware.precision == trained
    said = chosen_otherwise(config, found, facts)
    assert [sentence for sentence in said if "--precision" in sentence] == ([] if asked == trained else said)
    assert len(said) == (asked != trained)


@pytest.mark.parametrize(("images", "count"), [(2, 2), (40, 10), (240, 60), (399, 99), (400, 100), (19_999, 100)])
def test_few_images_get_few_prototypes_and_it_is_said(images: int, count: int) -> None:
    facts = ImageFacts(n_train=images, side=32)
    config = resolve(BASE, facts)
    assert config.swav.prototypes == count
    assert [sentence.split(":")[0] for sentence in chosen_otherwise(BASE, config, facts)] == (
        [f"K = {count} prototypes"] if count < 100 else []
    )
    named = changed(swav={"prototypes": count})
    assert not chosen_otherwise(named, resolve(named, facts), facts)
