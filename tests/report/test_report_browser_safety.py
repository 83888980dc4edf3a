"""The page in headless Chromium: it asks for nothing, harmful text stays text, and everybody can read it."""

import json
import re
import shutil
import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hostile_strings import PAYLOADS
from playwright.sync_api import Browser

from swaveval.report import write_comparison, write_report
from tests.report.browsing import IN_CHROMIUM, NARROW, WIDE, opened
from tests.report.invented_results import Plan, verdict, write

pytestmark = IN_CHROMIUM

INJECTED = (
    "iframe,object,embed,base,form,marquee,video,audio,math,u,b[onclick],link[rel=stylesheet],"
    "meta[http-equiv=refresh],a[href^=javascript],a[href^=http]"
)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["1280", "390"])
def test_everything_opens_without_a_request_or_a_complaint(
    browser: Browser, report: Path, viewport: Any, scheme: Any
) -> None:
    with opened(browser, report, viewport=viewport, color_scheme=scheme) as watched:
        watched.open_all()
        assert watched.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
        assert watched.page.locator("canvas").count() > 8
        watched.check()


def test_without_scripts_the_verdict_and_a_picture_stand(browser: Browser, report: Path) -> None:
    context = browser.new_context(java_script_enabled=False, viewport=WIDE)
    page = context.new_page()
    page.goto(report.as_uri())
    assert "Learning" in page.inner_text("h1")
    box = page.locator(".overview noscript img").bounding_box()
    assert box is not None
    assert box["width"] > 400
    context.close()


@pytest.mark.parametrize("rotation", [0, 31])
def test_sixty_payloads_in_every_string_stay_text(browser: Browser, tmp_path: Path, rotation: int) -> None:
    plan = Plan(
        epochs=(0.0, 1.0, 2.0),
        n_train=90,
        n_test=60,
        map_points=40,
        hostile=PAYLOADS,
        rotation=rotation,
        hyperparameters={PAYLOADS[rotation]: PAYLOADS[-rotation - 1]},
    )
    series = write(tmp_path / "a", plan)
    page = write_report(tmp_path / "<b onclick=alert(1)>", series=series, verdict=verdict(series, plan))
    unharmed(browser, page, scripts=3)
    other = write(tmp_path / "b", replace(plan, rotation=rotation + 7, seed=1))
    both = [(series, verdict(series, plan)), (other, verdict(other, plan))]
    unharmed(browser, write_comparison(tmp_path / "both.html", both), scripts=2)


def unharmed(browser: Browser, path: Path, *, scripts: int) -> None:
    with opened(browser, path) as watched:
        page = watched.page
        watched.open_all()
        for tile in page.locator(".tile .small").all()[:3]:
            tile.hover()
        page.mouse.move(5, 5)
        assert page.evaluate("() => window.__ran") is None
        assert page.evaluate("() => [...document.scripts].filter((s) => !s.type).length") == scripts
        assert page.locator(INJECTED).count() == 0
        assert page.evaluate("() => handlers()") == []
        watched.check()


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed, so axe-core cannot be fetched")
    folder = tmp_path_factory.mktemp("axe")
    done = subprocess.run(
        [npm, "pack", "axe-core@4", "--silent"], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )
    packed = next(folder.glob("axe-core-*.tgz"), None)
    if done.returncode or packed is None:
        pytest.skip("axe-core could not be fetched by npm")
    with tarfile.open(packed) as archive:
        source = archive.extractfile("package/axe.min.js")
        assert source is not None
        return source.read().decode()


@pytest.mark.parametrize("scheme", [pytest.param("light", marks=pytest.mark.torture), "dark"])
@pytest.mark.parametrize("name", ["report", "comparison"])
def test_axe_finds_no_serious_violation(
    browser: Browser, axe: str, name: str, scheme: Any, request: pytest.FixtureRequest
) -> None:
    # axe is a script that the page's own policy rightly refuses.
    with opened(browser, request.getfixturevalue(name), bypass_csp=True, color_scheme=scheme) as watched:
        watched.open_all()
        watched.page.evaluate(axe)
        found = watched.page.evaluate(
            "async () => (await axe.run(document, { resultTypes: ['violations'] })).violations"
        )
    serious = [
        (v["id"], [re.sub(r"\s+", " ", n["html"])[:160] for n in v["nodes"][:3]])
        for v in found
        if v["impact"] in ("serious", "critical")
    ]
    assert serious == [], json.dumps(serious, indent=1)
