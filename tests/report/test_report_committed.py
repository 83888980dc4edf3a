"""The pages in reports/ are made by the code they stand beside."""

import re
from pathlib import Path

import pytest

from swaveval.report.page import RENDERER

REPORTS = Path(__file__).parents[2] / "reports"
PAGES = sorted(REPORTS.rglob("*.html"))


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(REPORTS)))
def test_a_committed_page_is_of_the_present_renderer(page: Path) -> None:
    head = page.read_text(encoding="utf-8")[:4000]
    found = re.search(r'<meta name="generator" content="swaveval, renderer (\d+)">', head)
    assert found, "made before pages named their renderer: make it again by its command in reports/README.md"
    assert int(found[1]) == RENDERER


def test_there_are_pages() -> None:
    assert len(PAGES) >= 2
