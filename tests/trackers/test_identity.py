"""One number for an evaluation, on however many machines it is asked for."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from swaveval.trackers.identity import NAME, identity_of


def test_it_stays_and_moves_with_the_results(tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "results").mkdir(parents=True)
    with ThreadPoolExecutor(8) as several:
        (drawn,) = set(several.map(identity_of, [out] * 32))
    assert [path.name for path in (out / "results").iterdir()] == [NAME]
    moved = Path(shutil.move(out, tmp_path / "elsewhere"))
    assert identity_of(moved) == drawn
    (tmp_path / "other" / "results").mkdir(parents=True)
    assert identity_of(tmp_path / "other") != drawn


def test_what_is_damaged_or_cannot_be_written(tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "results").mkdir(parents=True)
    for content in ('{"id": "../../x"}', "[]", "{", '{"id": 3}', ""):
        (out / "results" / NAME).write_text(content)
        drawn = identity_of(out)
        assert len(drawn) == 16
        assert identity_of(out) == drawn
    nowhere = tmp_path / "nowhere"
    assert identity_of(nowhere) == identity_of(nowhere)
    assert len(identity_of(nowhere)) == 16
    assert not nowhere.exists()
