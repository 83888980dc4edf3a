"""Names that DejaVu cannot draw: by another installed font, else escaped; never an empty box, never a warning."""

from pathlib import Path

import matplotlib as mpl
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager
from matplotlib.figure import Figure

from swaveval.report import fonts


@pytest.fixture
def only_dejavu(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine without fonts of its own."""
    shipped = [entry for entry in font_manager.fontManager.ttflist if entry.name == fonts.FIRST]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", shipped)
    fonts._family_of.cache_clear()


@pytest.fixture(autouse=True)
def forget() -> None:
    fonts._family_of.cache_clear()


def test_what_no_font_has_is_escaped(only_dejavu: None) -> None:
    assert fonts.drawable("猫 cat é α") == "\\u732b cat é α"
    assert fonts.drawable("＄5") == "$5"
    assert fonts.families("猫 cat") == [fonts.FIRST]


def test_an_installed_font_is_used(only_dejavu: None, tmp_path: Path) -> None:
    path = tmp_path / "cjk.ttf"
    pen = TTGlyphPen(None)
    for place, move in enumerate([(0, 0), (0, 700), (500, 700), (500, 0)]):
        (pen.lineTo if place else pen.moveTo)(move)
    pen.closePath()
    builder = FontBuilder(1000)
    builder.setupGlyphOrder([".notdef", "cat"])
    builder.setupCharacterMap({ord("猫"): "cat"})
    builder.setupGlyf({".notdef": TTGlyphPen(None).glyph(), "cat": pen.glyph()})
    builder.setupHorizontalMetrics({".notdef": (600, 0), "cat": (600, 0)})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Made CJK", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(path)
    font_manager.fontManager.addfont(str(path))
    try:
        fonts._family_of.cache_clear()
        assert fonts.drawable("猫犬") == "猫\\u72ac"
        families = fonts.families("猫 cat")
        assert families == [fonts.FIRST, "Made CJK"]
        with mpl.rc_context({"font.family": families}):
            drawn = Figure()
            drawn.suptitle("猫 cat")
            drawn.savefig(tmp_path / "a.svg")  # warnings are errors here
    finally:
        font_manager.fontManager.ttflist = [
            entry for entry in font_manager.fontManager.ttflist if entry.name != "Made CJK"
        ]
