"""Numbers, metrics and arrays as strict JSON and back: nothing is lost, and nothing else is taken for them."""

import hashlib
import json
import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swaveval.results import Artifact, Metric
from swaveval.results.encoding import canonical, decode_number, digest, encode_number, seal, unseal
from swaveval.results.metric import outcomes_fault

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


# -- encoding ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "stored"),
    [(math.inf, "Infinity"), (-math.inf, "-Infinity"), (math.nan, "NaN"), (0.0, 0.0), (-2.5, -2.5), (None, None)],
)
def test_a_number_as_strict_json(value: float | None, stored: float | str | None) -> None:
    assert encode_number(value) == stored
    json.dumps(encode_number(value), allow_nan=False)
    assert repr(decode_number(encode_number(value))) == repr(value)


def test_a_decoded_number_is_a_float_and_an_unknown_word_is_none() -> None:
    assert repr(decode_number(3)) == "3.0"
    with pytest.raises(KeyError):
        decode_number("1.0")


def test_canonical_bytes_by_hand() -> None:
    assert canonical({"b": [1, 2.5, None, True], "a": "é"}) == b'{"a":"\\u00e9","b":[1,2.5,null,true]}'
    with pytest.raises(ValueError, match="JSON"):
        canonical(math.nan)


def test_a_digest_is_sha_256_of_the_canonical_bytes() -> None:
    assert digest({"b": 1, "a": 2}) == hashlib.sha256(b'{"a":2,"b":1}').hexdigest()
    assert digest({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


@given(st.dictionaries(st.text(max_size=6), plain, max_size=4))
def test_what_is_sealed_comes_back(body: dict[str, Any]) -> None:
    assert unseal(seal(body)) == body


def test_a_sealed_file_is_the_same_in_every_version() -> None:
    """Stored results are read by their bytes' checksum: the layout may not drift."""
    sha = hashlib.sha256(b'{"a":1}').hexdigest()
    assert seal({"a": 1}) == f'{{\n "body": {{\n  "a": 1\n }},\n "sha256": "{sha}"\n}}'.encode()


def sealed(body: Any) -> bytes:
    """With the right checksum, whatever the body is."""
    return json.dumps({"sha256": digest(body), "body": body}).encode()


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"null", b"[]", b"3", b'{"body": {}}', b'{"sha256": ""}', b"\xff\xfe\x00", sealed([1]), sealed(None),
     b'{"sha256": "0", "body": {"a": NaN}}', b"[" * 200_000, b'{"a":' * 200_000],
    ids=lambda content: repr(content[:30]),
)  # fmt: skip
def test_what_was_never_sealed_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"sealed|checksum"):
        unseal(content)


@given(st.binary(max_size=60))
def test_no_bytes_are_taken_for_a_sealed_file(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"sealed|checksum"):
        unseal(content)


# -- metrics -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", " ", " knn.top1", "knn.top1 ", "knn.top1\n"])
def test_an_id_without_a_name_of_its_own_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="empty or has surrounding spaces"):
        Metric(name, 0.5)


def test_an_evaluator_is_the_part_before_the_first_dot() -> None:
    assert Metric("lowshot.top1[T=0.1]", 0.5).evaluator == "lowshot"
    assert Metric("alone", 0.5).evaluator == "alone"


@pytest.mark.parametrize(
    ("value", "bounds", "allowed"),
    [
        (1 + 9e-7, (0, 1), True), (1 + 1.5e-6, (0, 1), False), (-9e-7, (0, 1), True), (-1.5e-6, (0, 1), False),
        (1e6 + 0.9, (0, 1e6), True), (1e6 + 3, (0, 1e6), False), (-1e6 - 0.9, (-1e6, 0), True),
        (-1e6 - 3, (-1e6, 0), False), (math.inf, (0, None), True), (math.inf, (0, 1), False),
        (math.inf, (None, 1), False), (-math.inf, (None, 0), True), (-math.inf, (0, None), False),
        (math.nan, (0, 1), True), (7.0, (None, None), True),
        (0.0, (0, 0), True), (5.0, (None, 5), True), (5.0, (5, None), True),
    ],
)  # fmt: skip
def test_bounds_hold_but_for_rounding(value: float, bounds: tuple[float | None, float | None], allowed: bool) -> None:
    if allowed:
        assert repr(Metric("a.b", value, bounds=bounds).value) == repr(value)
    else:
        with pytest.raises(ValueError, match="outside its bounds"):
            Metric("a.b", value, bounds=bounds)


def test_a_metric_of_which_little_was_stored() -> None:
    metric = Metric.from_json({"id": "knn.top1", "value": None})
    assert math.isnan(metric.value)
    assert (metric.unit, metric.better, metric.bounds, metric.ci95) == ("fraction", "higher", (None, None), None)
    assert (metric.n, metric.protocol, metric.checkpoint) == (None, "", None)


def test_every_field_of_a_metric_is_stored() -> None:
    metric = Metric("views.lidar", 2, "dimensions", "lower", (0, math.inf), (-math.inf, 3.5), 40, "in words", "c" * 64)
    body = json.loads(json.dumps(metric.to_json(), allow_nan=False))
    assert body["bounds"] == [0, "Infinity"]
    assert body["ci95"] == ["-Infinity", 3.5]
    assert Metric.from_json(body) == metric
    again = Metric.from_json(body | {"ci95": [None, 1]})
    assert again.ci95 is not None
    assert math.isnan(again.ci95[0])


@pytest.mark.parametrize("dtype", ["?", "i1", "u8", "f2", "f8", "<U3"])
def test_arrays_of_plain_numbers_and_words_are_artifacts(dtype: str) -> None:
    assert Artifact("a.b", {"x": np.zeros(2, dtype)}).arrays["x"].dtype == np.dtype(dtype)


@pytest.mark.parametrize("dtype", ["c16", "M8[s]", "m8[s]", "S3", "O", [("a", "i4")]])
def test_other_arrays_are_not(dtype: Any) -> None:
    with pytest.raises(ValueError, match=r"artifact a\.b: array 'x' has dtype"):
        Artifact("a.b", {"ok": np.zeros(1), "x": np.zeros(2, dtype)})


four = np.arange(4)


@pytest.mark.parametrize(
    ("correct", "index", "fault"),
    [
        (four > 1, four, "$"), (np.array([0, 1, 1, 0], np.uint8), four.astype(np.uint8), "$"),
        (four[:0] > 0, four[:0], "$"),
        (None, four, "need the arrays"), (four > 1, None, "need the arrays"),
        (four, four, "not one bool an image"), (four / 3 > 2, four / 1, "not one position an image"),
        ((four > 1) * 1.0, four, "correct is float64"), (np.ones((2, 2), bool), four, r"of shape \(2, 2\)"),
        (four > 1, four[:3], r"index is int64 of shape \(3,\)"), (np.array(True), four, "not one bool"),
    ],
)  # fmt: skip
def test_arrays_that_are_no_outcomes(correct: Any, index: Any, fault: str) -> None:
    arrays = {name: array for name, array in (("correct", correct), ("index", index)) if array is not None}
    found = outcomes_fault(arrays)
    assert re.search(fault, found)
    assert bool(found) == (fault != "$")
