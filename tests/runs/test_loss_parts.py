"""Logs that go on where another ends are one log; what else lies beside each other is not."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swaveval.runs.loss_parts import joined
from swaveval.runs.loss_rows import Row

A, B, C = Path("version_0"), Path("version_1"), Path("version_2")


def part(steps: range, of: float = 0.0) -> list[Row]:
    """Rows whose loss says which part they are of and where they stand."""
    return [Row(of + step / 1000, None, step) for step in steps]


def places(rows: list[Row]) -> list[int | None]:
    return [row.step for row in rows]


@given(total=st.integers(8, 60), data=st.data())
def test_a_run_cut_into_pieces_is_whole_again(total: int, data: st.DataObject) -> None:
    """Each piece begins where the one before it ends, or goes back some rows to a checkpoint."""
    cut = data.draw(st.integers(4, total - 4))
    back = data.draw(st.integers(0, cut - 2))
    first, second = part(range(cut), 1), part(range(cut - back, total), 2)
    rows, whose = joined(data.draw(st.permutations([(first, A), (second, B)])))
    assert whose == (A, B)
    assert places(rows) == list(range(total))
    assert [int(row.loss) for row in rows] == [1] * (cut - back) + [2] * (total - cut + back)


def test_three_pieces_in_whatever_order_they_are_found() -> None:
    pieces = [(part(range(20, 30), 3), C), (part(range(10), 1), A), (part(range(10, 20), 2), B)]
    rows, whose = joined(pieces)
    assert (places(rows), whose) == (list(range(30)), (A, B, C))


@pytest.mark.parametrize(
    ("first", "second", "gap", "one"),
    [
        (range(10), range(10, 20), "the next row", True),
        (range(10), range(12, 20), "three rows after the last", True),
        (range(10), range(13, 20), "four rows after the last", False),
        (range(0, 100, 10), range(120, 200, 10), "three of its own rows", True),
        (range(0, 100, 10), range(121, 200, 10), "more than three of its own rows", False),
        (range(10), range(39, 100, 10), "the later part logs more seldom", True),
        (range(0, 100, 10), range(120, 140), "the earlier part logs more seldom", True),
        (range(20), range(5, 15), "ends within the first", False),
        (range(20), range(5, 20), "ends with the first", False),
        (range(20), range(5, 21), "goes on by one row", True),
        (range(10), range(20), "begins as the first does", False),
        (range(10), range(1, 20), "begins one row after the first", False),
        (range(10), range(2, 20), "begins two rows after the first", True),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_goes_on(first: range, second: range, gap: str, one: bool) -> None:
    rows, whose = joined([(part(first), A), (part(second), B)])
    assert whose == ((A, B) if one else ())
    assert bool(rows) == one


def test_epochs_where_there_are_no_steps() -> None:
    first, second = ([Row(1.0, float(epoch)) for epoch in epochs] for epochs in (range(5), range(5, 9)))
    rows, whose = joined([(second, B), (first, A)])
    assert [row.epoch for row in rows] == list(range(9))
    assert whose == (A, B)


def test_what_has_no_places_is_no_part() -> None:
    falling = [Row(1.0, None, step) for step in (0, 1, 2, 0, 1, 2)]
    still = [Row(1.0, None, 10)] * 3
    bare = [Row(1.0), Row(2.0)]
    holes = [Row(1.0, None, 10), Row(1.0), Row(1.0, None, 12)]
    for other in (falling, still, bare, holes, [Row(1.0, None, 10)], []):
        assert joined([(part(range(10)), A), (other, B)]) == ([], ())
    assert joined([]) == ([], ())


def test_a_log_far_from_all_does_not_keep_two_from_being_one() -> None:
    far = part(range(1000, 1010))
    rows, whose = joined([(far, C), (part(range(10)), A), (part(range(10, 20)), B)])
    assert (places(rows), whose) == (list(range(20)), (A, B))
    rows, whose = joined([(part(range(500, 600)), A), (part(range(3)), C), (part(range(600, 700)), B)])
    assert (len(rows), whose) == (200, (A, B))
