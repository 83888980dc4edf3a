"""From stored results to a page, its figures and a comparison; what is missing is drawn again and said."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from swaveval.cli.compare import compare
from swaveval.convergence import judge
from swaveval.convergence.verdict import WORDS
from swaveval.report import IncomparableRuns, figure_files
from swaveval.results import Series, StoreError, Term
from swaveval.results.encoding import seal, unseal
from swaveval.runs.compare import compare_runs
from swaveval.runs.page import draw_figures, write_page
from swaveval.runs.request import RunError
from tests.report.invented_results import Plan, write

# One figure alone, and four: drawing is what takes time.
SMALL = Plan(epochs=(0.0, 1.0), n_train=60, n_test=30, map_points=20, prototypes=8, evaluators=("gallery",))
MORE = replace(SMALL, evaluators=("knn",))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results with page and figures, not to be spoilt."""
    out = tmp_path_factory.mktemp("whole") / "report"
    write(out, SMALL)
    write_page(out)
    return out


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results with a loss, a metric and arrays, and their figures; not to be spoilt."""
    out = tmp_path_factory.mktemp("results") / "report"
    write(out, replace(SMALL, evaluators=("gallery", "spectrum")))
    write_page(out)
    return out


@pytest.fixture
def own(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "report"))


def figures(out: Path) -> dict[str, int]:
    """Figure → when it was written."""
    return {path.name: path.stat().st_mtime_ns for path in (out / "figures").iterdir() if path.suffix != ".json"}


def test_everything_is_written_and_says_the_same(whole: Path, own: Path) -> None:
    written = write_page(own)
    assert written.page == own / "index.html"
    assert written.page.read_text(encoding="utf-8") == (whole / "index.html").read_text(encoding="utf-8")
    verdict = json.loads((own / "verdict.json").read_text(encoding="utf-8"))
    assert (verdict["verdict"], verdict["sentence"]) == (written.verdict.verdict, written.verdict.sentence)
    assert written.verdict == judge(written.series, seed=written.series.manifest.seed)
    assert {Path(name).suffix for name in figures(own)} == {".png", ".svg"}
    assert written.problems == ()


def test_whole_figures_of_these_results_stay(own: Path) -> None:
    before = figures(own)
    assert write_page(own).problems == ()
    assert figures(own) == before
    draw_figures(own)  # asked for by name
    after = figures(own)
    assert after.keys() == before.keys()
    assert all(after[name] > before[name] for name in before)


def arrays_changed(out: Path) -> None:
    """The images of the gallery in another order: no metric tells."""
    series = Series.load(out)
    cell = next(cell for point in series.points for cell in point.cells.values() if cell.artifacts)
    assert series.store is not None
    turned = [
        replace(found, arrays={name: array[::-1] for name, array in found.arrays.items()})
        for found in series.store.artifacts(cell)
    ]
    series.store.put(cell, turned)


def metric_changed(out: Path) -> None:
    series = Series.load(out)
    cell = next(cell for point in series.points for cell in point.cells.values() if cell.metrics)
    assert series.store is not None
    first, *rest = cell.metrics
    series.store.put(replace(cell, metrics=(replace(first, value=first.value / 2, ci95=None), *rest)))


def manifest_changed(out: Path, **change: object) -> None:
    store = Series.load(out).store
    assert store is not None
    store.write_manifest(replace(store.read_manifest(), **change))  # type: ignore[arg-type]


def drawn_otherwise(out: Path) -> None:
    """As an older swaveval leaves it."""
    path = out / "figures" / "figures.json"
    path.write_bytes(seal(unseal(path.read_bytes()) | {"source": "0" * 64}))


OTHERWISE: dict[str, Callable[[Path], None]] = {
    "arrays": arrays_changed,
    "a metric": metric_changed,
    "a word": lambda out: manifest_changed(out, terms={"knn.top1": Term("Own word", "", "")}),
    "the loss": lambda out: manifest_changed(out, loss=None),
    "the code": drawn_otherwise,
}


@pytest.mark.parametrize("what", OTHERWISE)
def test_figures_of_anything_else_are_drawn_again(what: str, results: Path, tmp_path: Path) -> None:
    out = Path(shutil.copytree(results, tmp_path / "report"))
    before = figures(out)
    OTHERWISE[what](out)
    write_page(out)
    assert all(written > before[name] for name, written in figures(out).items())
    after = figures(out)
    manifest_changed(out, command="swaveval run again", created="2030-01-01T00:00:00+00:00")
    write_page(out)
    assert figures(out) == after


def test_the_pictures_on_the_page_are_kept_while_they_are_right(results: Path, tmp_path: Path) -> None:
    """The page is the same with the kept picture and with one drawn anew, and another once the results are."""
    out = Path(shutil.copytree(results, tmp_path / "report"))
    place, page = out / "cache" / "picture.json", out / "index.html"
    held = place.read_bytes()
    first = page.read_text(encoding="utf-8")
    assert unseal(held)["picture"] in first
    for spoilt in (None, held[:-9], held.replace(b"base64", b"base46")):
        place.unlink() if spoilt is None else place.write_bytes(spoilt)
        assert write_page(out).page.read_text(encoding="utf-8") == first
        assert place.read_bytes() == held
    other = seal(unseal(held) | {"picture": "data:image/png;base64,AAAA"})
    place.write_bytes(other)
    assert "base64,AAAA" in write_page(out).page.read_text(encoding="utf-8"), "it is looked at"
    manifest_changed(out, loss=None)
    again = write_page(out).page.read_text(encoding="utf-8")
    assert "base64,AAAA" not in again
    assert unseal(held)["picture"] not in again


def test_what_draws_is_its_code(tmp_path: Path) -> None:
    """One letter of a module that draws is another drawing."""
    package = Path(shutil.copytree(Path(figure_files.__file__).parents[1], tmp_path / "swaveval"))
    before = figure_files.code_below(package)
    assert before in figure_files.drawn_by()
    module = package / "report" / "figures.py"
    module.write_text(module.read_text(encoding="utf-8").replace("#e4e7eb", "#e4e7ec"), encoding="utf-8")
    assert figure_files.code_below(package) != before


def test_missing_and_damaged_figures_are_named_and_drawn(own: Path) -> None:
    first, second = sorted(figures(own))
    content = (own / "figures" / first).read_bytes()
    (own / "figures" / first).write_bytes(content[:-9])
    (own / "figures" / second).unlink()
    (problem,) = write_page(own).problems
    assert problem.startswith("2 figures were missing or damaged (")
    assert problem.endswith("): all are drawn again")
    assert first in problem
    assert second in problem
    assert "…" not in problem
    assert (own / "figures" / first).read_bytes() == content
    assert write_page(own).problems == ()


def test_of_many_three_are_named(tmp_path: Path) -> None:
    write(tmp_path, MORE)
    _, drawn = draw_figures(tmp_path)
    for path in drawn.paths[:4]:
        path.unlink()
    (problem,) = write_page(tmp_path).problems
    assert all(path.exists() for path in drawn.paths)
    assert problem.startswith("4 figures were missing")
    assert problem.count(".png") + problem.count(".svg") == 3
    assert " …)" in problem


def test_figures_that_were_never_finished_are_drawn(own: Path) -> None:
    shutil.rmtree(own / "figures")
    written = write_page(own)
    assert written.problems == ()  # nothing was lost: there were none
    assert figures(own)


def test_pictures_may_be_left_out(own: Path) -> None:
    pages = [write_page(own, images=images).page.read_text(encoding="utf-8") for images in (True, False)]
    assert pages[0].count("data:image/") > pages[1].count("data:image/")


def test_figures_alone(own: Path) -> None:
    before = {name: (own / name).stat().st_mtime_ns for name in ("index.html", "verdict.json")}
    series, drawn = draw_figures(own)
    assert series.manifest == Series.load(own).manifest
    assert {path.name for path in drawn.paths} == set(figures(own))
    assert drawn.problems == ()
    assert {name: (own / name).stat().st_mtime_ns for name in before} == before


@pytest.mark.parametrize("act", [write_page, draw_figures])
def test_no_results(act: object, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"run\.json is missing"):
        act(tmp_path)  # type: ignore[operator]


# -- several evaluations on one page -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    place = tmp_path_factory.mktemp("two")
    for name, end in (("low", 0.9), ("high", 0.97)):
        write(place / name / "report", replace(MORE, name=name, end=end))
    return [place / "low" / "report", place / "high" / "report"]


def test_a_comparison_tells_each_runs_verdict_once(two: list[Path], tmp_path: Path) -> None:
    compared = compare_runs([two[0].parent, two[1]], tmp_path / "new.html", images=False)
    page, lines, lost = compared.page, compared.lines, compared.lost
    assert page == tmp_path / "new.html"
    assert "low" in page.read_text(encoding="utf-8")
    for line, out in zip(lines, two, strict=True):
        series = Series.load(out)
        verdict = judge(series, seed=series.manifest.seed)
        assert line == f"{out.parent.name}: {verdict.sentence}"
        assert line.lower().count(f"{WORDS[verdict.verdict].title.lower()}:") == 1, "the word is said once"
    assert lost == ()


def test_a_program_gets_what_was_found_as_json(
    two: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "new.html"
    compare(two, page, force=False, no_images=True, as_json=True)
    said = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert said["page"] == str(page)
    (group,) = said["groups"]
    assert group["not_beaten"] == ["high"]
    left_out = [one["name"] for one in group["settings"] if one["left_out"]]
    assert {*left_out, *(one["setting"] for one in group["beaten"])} == {"low"}
    assert group["headline"] == ("high is the only one to recommend" if left_out else "high is best")
    assert [one["training_seconds"] for one in group["settings"]] == [None, None]
    compare(two, page, force=False, no_images=True, as_json=False)
    assert capsys.readouterr().out == f"{page}\n"


def test_a_run_given_twice_counts_once(two: list[Path], tmp_path: Path) -> None:
    """Patterns of a shell overlap."""
    compared = compare_runs([two[0], two[0].parent, two[1]], tmp_path / "page.html")
    assert [setting.name for setting in compared.groups[0].group.settings] == ["low", "high"]
    with pytest.raises(RunError, match="found one given 2 times"):
        compare_runs([two[0], two[0]], tmp_path / "page.html")


def test_a_directory_gets_an_index(two: list[Path], tmp_path: Path) -> None:
    assert compare_runs(two, tmp_path).page == tmp_path / "index.html"


def test_what_a_run_has_lost_is_told_by_its_name(two: list[Path], tmp_path: Path) -> None:
    spoilt = Path(shutil.copytree(two[0], tmp_path / "low"))
    cell = sorted((spoilt / "results" / "cells").glob("*.json"))[0]
    cell.unlink()
    lost = compare_runs([spoilt, two[1]], tmp_path / "page.html").lost
    assert lost
    assert all(line.startswith("low: ") for line in lost)


@pytest.mark.parametrize("count", [0, 1])
def test_one_run_is_no_comparison(count: int, two: list[Path], tmp_path: Path) -> None:
    with pytest.raises(RunError, match=f"compare takes two or more evaluations, found {count}"):
        compare_runs(two[:count], tmp_path)


def test_other_images_are_not_compared_unless_forced(two: list[Path], tmp_path: Path) -> None:
    other = tmp_path / "other" / "report"
    write(other, replace(MORE, name="other", fingerprint="e2" * 32))
    with pytest.raises(IncomparableRuns):
        compare_runs([two[0], other], tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()
    assert compare_runs([two[0], other], tmp_path / "page.html", force=True).page.is_file()


def test_a_place_without_results(two: list[Path], tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no results in"):
        compare_runs([two[0], tmp_path], tmp_path / "page.html")
