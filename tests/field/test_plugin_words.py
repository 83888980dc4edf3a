"""An evaluator from another package is shown like a built-in one: curve, words, first figure, terminal; also later."""

import base64
import json
import re
import subprocess
import sys
import tomllib
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from around_runs import (
    ROOT,
    bars,
    environment,
    evaluate,
    evaluated,
    spoilt,
    swaveval,
    table,
    write_checkpoints,
    write_plugin,
)

from swaveval.results import ResultStore, RunManifest, Term

EXAMPLE = ROOT / "examples" / "swaveval-intrinsic-dim"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str | None]:
    """An environment in which the example is installed, as its own pyproject.toml says."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    site = tmp_path_factory.mktemp("site")
    about = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    points = "".join(
        f"[{group}]\n" + "".join(f"{name} = {target}\n" for name, target in entries.items())
        for group, entries in project["entry-points"].items()
    )
    (about / "entry_points.txt").write_text(points)
    return {"PYTHONPATH": f"{ROOT}:{site}:{EXAMPLE}"}


@pytest.fixture(scope="module")
def with_example(
    bars: Path, installed: dict[str, str | None], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str]:
    """The results of a run with the example, and what the terminal said."""
    run = tmp_path_factory.mktemp("dimension") / "tiny"
    checkpoints = write_checkpoints(run / "checkpoints")
    asked = ("run", "-c", checkpoints, "-d", bars, "-e", "knn,spectrum,dimension", "--no-figures")
    return run / "report", swaveval(*asked, env=installed).stdout


def data_of(page: Path) -> dict[str, Any]:
    """What the page's script reads."""
    found = re.search(r'id="blob-data">([^<]*)<', page.read_text(encoding="utf-8"))
    assert found is not None
    content = json.loads(zlib.decompress(base64.b64decode(found[1])))
    assert isinstance(content, dict)
    return content


def test_its_words_and_curve_stand_on_the_page_and_in_the_first_figure(with_example: tuple[Path, str]) -> None:
    out, _ = with_example
    html, data = (out / "index.html").read_text(encoding="utf-8"), data_of(out / "index.html")
    assert "Intrinsic dimension (TwoNN)" in html
    assert "seen from its two nearest neighbours." in html
    assert "(Costa and Hero 2004)" in html
    tile = html.split('data-metric="dimension.twonn"')[1].split('<div class="tile"')[0]
    assert 'class="band"' in tile
    assert "95 %:" in tile
    assert [series["label"] for series in data["overview"]["series"]][-1] == "TwoNN"
    assert {"dimension.twonn", "dimension.spanning_tree"} <= {metric["id"] for metric in data["metrics"]}


def test_its_headline_is_a_column_of_the_terminal(with_example: tuple[Path, str]) -> None:
    _, said = with_example
    head = next(line for line in said.splitlines() if "kNN %" in line)
    assert head.split() == ["epoch", "kNN", "%", "TwoNN", "RankMe"]


def test_the_page_is_the_same_once_the_package_is_gone(with_example: tuple[Path, str]) -> None:
    out, _ = with_example
    before = (out / "index.html").read_bytes()
    swaveval("report", out)
    assert (out / "index.html").read_bytes() == before


def test_the_example_keeps_its_own_tests(installed: dict[str, str | None]) -> None:
    """Run as its author runs them, scikit-dimension beside them where it is installed."""
    finished = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", ".", "tests"],
        cwd=EXAMPLE,
        env=environment(installed),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr


HOSTILE = "\\x1b[31m\\u202e<script>alert(1)</script>$x$" + "y" * 3000
WORDS = """
    from swaveval.plugin import Term
    class Declares:
        terms = {"mine.value": Term("{said}", "{said}", "{said}", "{said}")}
        roles = {"mine.value": ("headline",)}
"""


def test_words_that_mean_harm_are_plain_text_everywhere(bars: Path, spoilt: Path, tmp_path: Path) -> None:
    source = write_plugin(tmp_path / "mine.py", top=WORDS.replace("{said}", HOSTILE))
    text = Path(source.rpartition(":")[0])
    text.write_text(text.read_text(encoding="utf-8").replace("class Mine:", "class Mine(Declares):"), encoding="utf-8")
    out = spoilt / "report"
    finished = swaveval("run", "-c", spoilt / "checkpoints", "-d", bars, "--evaluators", f"knn,spectrum,{source}")
    stored = ResultStore(out / "results").read_manifest().terms["mine.value"]
    html = (out / "index.html").read_text(encoding="utf-8")
    for said in (finished.stdout, html, *stored.to_json()):
        assert "\x1b" not in said
        assert "\u202e" not in said
    assert "<script>alert" not in html
    assert [len(said) for said in stored.to_json()] == [80, 400, 800, 40]


DECLARED = {
    "another's words": ('terms = {"knn.top1": Term("a", "b", "c")}', "not one of its own metrics"),
    "another's role": ('roles = {"knn.top1": ("headline",)}', "not one of its own metrics"),
    "no term": ('terms = {"mine.value": "better"}', "no Term"),
    "a term of numbers": ('terms = {"mine.value": Term(1, 2, 3)}', "no Term of texts"),
    "no mapping": ('terms = ["mine.value"]', "not a mapping"),
    "no such role": ('roles = {"mine.value": ("headlines",)}', "'headlines'; a role is one of"),
    "no tuple": ('roles = {"mine.value": "headline"}', "no tuple"),
}


@pytest.mark.parametrize("what", sorted(DECLARED))
def test_words_that_cannot_be_are_its_own_error(what: str, bars: Path, spoilt: Path, tmp_path: Path) -> None:
    """It costs the plugin's cells, with a reason; everybody else's stay as they were."""
    line, word = DECLARED[what]
    source = write_plugin(tmp_path / "mine.py", top="from swaveval.plugin import Term")
    text = Path(source.rpartition(":")[0])
    version = "version: ClassVar[int] = 1"
    text.write_text(text.read_text(encoding="utf-8").replace(version, f"{version}\n    {line}"), encoding="utf-8")
    before = table(spoilt / "report")
    result = evaluate(spoilt / "checkpoints", bars, "--evaluator", source, code=None)
    assert all(word in reason for _, _, reason in result["failed"])
    assert result["failed"]
    kept = [row for row in table(spoilt / "report") if row["evaluator"] in ("knn", "spectrum")]
    assert kept == [row for row in before if row["evaluator"] in ("knn", "spectrum")]


def test_a_manifest_keeps_the_order_of_the_words(evaluated: Path) -> None:
    """They are stored in a file whose keys are sorted; the page shows them as they were declared."""
    manifest = ResultStore(evaluated / "report" / "results").read_manifest()
    words = {name: Term(name, "", "") for name in ("z.b", "z.a", "a.z")}
    body = json.loads(json.dumps(replace(manifest, terms=words).to_json(), sort_keys=True))
    assert list(RunManifest.from_json(body).terms) == ["z.b", "z.a", "a.z"]


@pytest.mark.parametrize("spoil", [None, 3, "x", [1], [["a"]], [["a", "b"]], {"a": ["b"]}, [[1, [2, None, {}]]]])
def test_words_that_cannot_be_read_are_left_out(evaluated: Path, spoil: object) -> None:
    body = ResultStore(evaluated / "report" / "results").read_manifest().to_json()
    read = RunManifest.from_json(body | {"terms": spoil, "roles": spoil})
    assert set(read.terms) <= {"1"}
    assert all(roles == () for roles in read.roles.values())
