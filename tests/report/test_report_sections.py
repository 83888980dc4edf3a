"""A page is a list of sections: each stands alone, brings its own script, and nothing else knows it."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser

import swaveval.report
from swaveval.report import ReportOptions
from swaveval.report.page import SCRIPTS, START, render
from swaveval.report.section import Built, Section
from swaveval.report.sections import SECTIONS
from tests.report.browsing import CHROMIUM, Evaluated, opened

PACKAGE = Path(swaveval.report.__file__).parent
REGISTERED = r"S\.sections\.([a-z]+) = "


def ids(html: str) -> list[str]:
    return re.findall(r'<details class="section" id="([a-z-]+)"', html)


def test_the_page_shows_the_tuple_in_its_order(evaluated: Evaluated) -> None:
    series, said = evaluated()
    own = tuple(section for section in SECTIONS if section.id != "other")  # no evaluator is somebody else's here
    assert ids(render(series, said, ReportOptions())) == [section.id for section in own]
    assert ids(render(series, said, ReportOptions(), tuple(reversed(own)))) == [section.id for section in reversed(own)]


def test_a_section_with_nothing_to_show_is_left_out(evaluated: Evaluated) -> None:
    empty = Section("empty", "Empty", lambda given: None, "section_tiles.html.j2")
    assert ids(render(*evaluated(), ReportOptions(), (empty, SECTIONS[0]))) == ["why"]


def test_what_a_section_builds_is_escaped_and_packed(evaluated: Evaluated) -> None:
    built = Built("<i>two</i>", {"terms": [], "docs_url": ""}, blobs={"own": "e30="})
    kept = Section("own", "<b>Own</b>", lambda given: built, "section_definitions.html.j2")
    html = render(*evaluated(), ReportOptions(), (kept,))
    assert "&lt;b&gt;Own&lt;/b&gt;" in html
    assert "&lt;i&gt;two&lt;/i&gt;" in html
    assert '<script type="application/octet-stream" id="blob-own">e30=</script>' in html


def test_every_script_belongs_to_a_section_or_to_the_page_and_registers_itself() -> None:
    scripts = {path.name for path in (PACKAGE / "templates").glob("*.js")} - {"comparison.js", "probe.js"}
    by_section = {section.script for section in SECTIONS if section.script}
    assert scripts == by_section | {*SCRIPTS, START}
    registered = {
        (name, script)
        for script in by_section
        for name in re.findall(REGISTERED, (PACKAGE / "templates" / script).read_text(encoding="utf-8"))
    }
    assert registered == {(section.id, section.script) for section in SECTIONS if section.script}


def test_only_its_own_module_names_a_section() -> None:
    """The tuple and the section's template and script: no other file of the report says its id as a section's."""
    for path in (*PACKAGE.glob("*.py"), *PACKAGE.glob("templates/*.j2"), *PACKAGE.glob("templates/*.js")):
        text = path.read_text(encoding="utf-8")
        if path.name != "sections.py":
            assert not re.search(r"\bSection\(\s*\"", text), path
        if path.name not in {section.script for section in SECTIONS}:
            assert not re.search(REGISTERED, text), path


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
@pytest.mark.parametrize("alone", ["quality", "map", "groups", "neighbours", "weights", "cards"])
def test_a_section_with_a_script_works_alone(
    browser: Browser, evaluated: Evaluated, tmp_path: Path, alone: str
) -> None:
    chosen = tuple(section for section in SECTIONS if section.id == alone)
    page = tmp_path / "index.html"
    page.write_text(render(*evaluated(), ReportOptions(), chosen), encoding="utf-8")
    with opened(browser, page) as watched:
        watched.open_all()
        assert watched.page.locator("details.section").count() == 1
        watched.check()
