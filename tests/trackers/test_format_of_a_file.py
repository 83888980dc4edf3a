"""The form that a file is written in, by what it is called."""

import pytest

from swaveval.results.exporters import ExportError, format_of


@pytest.mark.parametrize(
    ("target", "form"),
    [("-", "csv"), ("out", "csv"), ("out.csv", "csv"), ("runs.v2/out", "csv"), ("out.JSON", "json"), ("a.txt", "csv"),
     ("out.parquet", "parquet")],
)  # fmt: skip
def test_the_suffix_says_it(target: str, form: str) -> None:
    assert format_of(target) == form


@pytest.mark.parametrize("target", ["out.xlsx", "out.feather", "out.jsonl", "out.tsv"])
def test_a_suffix_of_something_else_is_not_csv(target: str) -> None:
    with pytest.raises(ExportError, match=rf"no format is called {target[4:]}; name one with --format \(.*csv, "):
        format_of(target)
