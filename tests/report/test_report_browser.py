"""The page in headless Chromium, opened from a file: it works, it is quiet, it is safe, and everybody can use it."""

import json
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hostile_strings import PAYLOADS
from invented_results import Plan, verdict, write
from playwright.sync_api import Browser, Page, sync_playwright

from swaveval.convergence.verdict import Verdict
from swaveval.report import write_comparison, write_report
from swaveval.results import Series

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")]

# What the tests ask of a page, run beside it: violations of its policy, and Bokeh's models by name.
HELPERS = """
document.addEventListener("securitypolicyviolation", (e) => console.error("policy", e.violatedDirective));
window.models = () => Bokeh.documents.flatMap((d) => [...d._all_models.values()]);
window.named = (name) => models().filter((model) => model.name === name);
window.column = (name, key) => Array.from(named(name)[0].data.get(key));
window.place = (name, x, y) => {
  const view = Bokeh.index.find_one(named(name)[0]), box = view.canvas.el.getBoundingClientRect();
  return [box.left + view.frame.x_scale.compute(x), box.top + view.frame.y_scale.compute(y)];
};
window.unnamed = () => [...document.querySelectorAll("svg, canvas, img")]
  .filter((e) => !e.closest(".plot") && !e.closest("[aria-hidden=true]"))
  .filter((e) => !e.getAttribute("aria-label") && !e.getAttribute("alt")).map((e) => e.outerHTML.slice(0, 120));
window.handlers = () => [...document.querySelectorAll("*")]
  .filter((e) => [...e.attributes].some((a) => /^on/i.test(a.name))).map((e) => e.outerHTML.slice(0, 120));
"""
INJECTED = (
    "iframe,object,embed,base,form,marquee,video,audio,math,u,b[onclick],link[rel=stylesheet],"
    "meta[http-equiv=refresh],a[href^=javascript],a[href^=http]"
)
Evaluated = Callable[..., tuple[Series, Verdict]]
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@dataclass
class Watched:
    """A page with everything it must not do."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    def open_all(self) -> None:
        """Unfold everything that folds, also what only appears in what was unfolded."""
        self.page.wait_for_function(
            """() => { const closed = [...document.querySelectorAll('details:not([open])')];
            closed.forEach((d) => { d.open = true; });
            const filled = [...document.querySelectorAll('details[open] .fill')].every((f) => f.children.length);
            return !closed.length && filled; }""",
            timeout=90_000,
        )

    def check(self) -> None:
        assert self.requests == []
        assert self.complaints == []
        assert self.dialogs == []


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield made
        made.close()


@pytest.fixture(scope="module")
def report(evaluated: Evaluated, pages: Path) -> Path:
    series, said = evaluated()
    return write_report(pages / "report", series=series, verdict=said)


@pytest.fixture(scope="module")
def comparison(evaluated: Evaluated, pages: Path) -> Path:
    runs = [evaluated(name=f"K{k}", prototypes=k, end=end, seed=k) for k, end in ((10, 0.93), (30, 0.97), (300, 0.96))]
    return write_comparison(pages / "comparison" / "index.html", runs)


@contextmanager
def opened(browser: Browser, path: Path, anchor: str = "", **settings: Any) -> Iterator[Watched]:
    context = browser.new_context(**({"viewport": WIDE, "offline": True} | settings))
    page = context.new_page()
    watched = Watched(page)
    own = path.as_uri()
    page.on(
        "request", lambda r: watched.requests.append(r.url) if not r.url.startswith((own, "data:", "blob:")) else None
    )
    page.on("console", lambda m: watched.complaints.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: watched.complaints.append(str(error)))
    page.on("dialog", lambda dialog: (watched.dialogs.append(dialog.message), dialog.dismiss()))
    page.add_init_script(HELPERS)
    page.goto(own + anchor)
    page.wait_for_selector("html[data-ready=yes]", timeout=90_000)
    yield watched
    context.close()


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


def test_first_screen_holds_verdict_figure_and_checkpoint(browser: Browser, report: Path) -> None:
    with opened(browser, report) as watched:
        for selector in ("h1", "#overview-plot canvas >> nth=0", ".use", "#overview-legend"):
            box = watched.page.locator(selector).bounding_box()
            assert box is not None
            assert box["y"] < 900
        figure = watched.page.locator("#overview-plot").bounding_box()
        assert figure is not None
        assert figure["y"] + figure["height"] <= 900


def test_cursor_is_shared_and_a_click_opens_the_report_card(browser: Browser, report: Path) -> None:
    with opened(browser, report) as watched:
        page = watched.page
        assert "epoch 8" in page.inner_text("#overview-at")
        page.mouse.move(*page.evaluate("() => place('overview-quality', 2.1, 0.7)"))
        page.wait_for_function("() => document.querySelector('#overview-at').textContent === 'epoch 2'")
        assert page.evaluate("() => named('cursor').map((m) => [m.visible, m.location])") == [[True, 2], [True, 2]]
        page.mouse.click(*page.evaluate("() => place('overview-loss', 3.9, 1)"))
        page.wait_for_function("() => location.hash === '#checkpoint-epoch-4'")
        page.wait_for_selector("#checkpoint-epoch-4[open] table")
        text = page.inner_text("#checkpoint-epoch-4")
        assert "since previous" in text
        assert "kNN accuracy" in text
        assert "Confusion (kNN)" in text
        watched.check()


def test_anchor_link_opens_its_card(browser: Browser, report: Path) -> None:
    with opened(browser, report, "#checkpoint-epoch-1") as watched:
        watched.page.wait_for_selector("#checkpoint-epoch-1[open] table")
        assert watched.page.evaluate("() => document.querySelector('#cards').open")
        watched.page.goto(report.as_uri() + "#%E0%A4%A")
        watched.check()


def test_legend_hides_a_curve(browser: Browser, report: Path) -> None:
    visible = "(i) => named(`series-${i}`).every((m) => m.visible)"
    with opened(browser, report) as watched:
        button = watched.page.locator("#overview-legend button").nth(1)
        assert watched.page.evaluate(visible, 1)
        button.click()
        assert not watched.page.evaluate(visible, 1)
        assert watched.page.evaluate(visible, 0)
        assert button.get_attribute("aria-pressed") == "false"
        watched.check()


def test_map_slides_plays_and_changes_colour(browser: Browser, report: Path) -> None:
    xs, colours = "() => column('map-points', 'x')", "() => column('map-points', 'colour')"
    with opened(browser, report, reduced_motion="reduce") as watched:
        page = watched.page
        page.click("#map summary")
        page.wait_for_selector("#map-plot canvas")
        last = page.evaluate(xs)
        page.locator("#map-slider").fill("0")
        assert page.inner_text("#map-at") == "epoch 0"
        assert page.evaluate(xs) != last
        before = page.evaluate(colours)
        page.locator("#map-colour").select_option(label="k-means cluster")
        assert page.evaluate(colours) != before
        page.locator("#map-legend button").first.click()
        assert page.locator("#map-legend button").first.get_attribute("aria-pressed") == "true"
        assert len(set(page.evaluate("() => column('map-points', 'alpha')"))) == 2
        page.locator("#map-legend button").first.click()
        page.click("#map-play")
        page.wait_for_function("() => document.querySelector('#map-at').textContent === 'epoch 8'")
        assert page.evaluate(xs) == last
        page.check("#map-trails")
        assert len(page.evaluate("() => column('map-trails', 'xs')")) == 90
        watched.check()


def test_pointing_at_the_map_shows_the_image(browser: Browser, report: Path) -> None:
    with opened(browser, report) as watched:
        page = watched.page
        page.click("#map summary")
        page.wait_for_selector("#map-plot canvas")
        page.locator("#map-plot").scroll_into_view_if_needed()
        at = page.evaluate("() => place('map-plot', column('map-points', 'x')[0], column('map-points', 'y')[0])")
        page.mouse.move(at[0] - 3, at[1])
        page.mouse.move(*at)
        page.wait_for_selector("#tip:not([hidden]) .thumb")
        style = page.locator("#tip .thumb").evaluate("(e) => e.style.backgroundImage")
        assert style.startswith('url("data:image/webp')
        page.mouse.click(*at)
        assert len(page.evaluate("() => column('map-trail', 'x')")) == 5
        watched.check()


def test_confusion_steps_through_the_epochs(browser: Browser, report: Path) -> None:
    with opened(browser, report) as watched:
        page = watched.page
        page.click("#quality summary")
        page.wait_for_selector("#confusion td")
        last = page.inner_text("#confusion .matrix")
        page.locator("#confusion-slider").fill("0")
        page.wait_for_function("() => document.querySelector('#confusion output').textContent === 'epoch 0'")
        assert page.inner_text("#confusion .matrix") != last


def test_keyboard_alone_reaches_everything(browser: Browser, report: Path) -> None:
    with opened(browser, report) as watched:
        page = watched.page
        page.keyboard.press("Tab")
        assert page.evaluate("() => document.activeElement.className") == "skip"
        page.focus("#overview-plot")
        page.keyboard.press("Home")
        assert page.inner_text("#overview-at") == "epoch 0"
        page.keyboard.press("ArrowRight")
        assert page.inner_text("#overview-at") == "epoch 1"
        page.keyboard.press("Enter")
        page.wait_for_selector("#checkpoint-epoch-1[open] table")
        assert page.evaluate("() => document.activeElement.parentElement.id") == "checkpoint-epoch-1"
        page.focus("#map summary")
        page.keyboard.press("Enter")
        page.wait_for_selector("#map-plot canvas")
        page.focus("#map-plot")
        page.keyboard.press("ArrowLeft")
        assert page.inner_text("#map-at") == "epoch 4"
        watched.check()


def test_every_figure_has_words_and_a_table(browser: Browser, report: Path) -> None:
    with opened(browser, report) as watched:
        watched.open_all()
        assert watched.page.evaluate("() => unnamed()") == []
        for place in (".overview", "#map", "#drift", "#quality", "#label-free", "#groups"):
            table = watched.page.locator(f"{place} details.data-table table").first
            assert table.locator("tbody tr").count() >= 5, place
        for plot in ("#overview-plot", "#map-plot"):
            assert watched.page.get_attribute(plot, "aria-label")


def test_theme_follows_the_reader_and_repaints_the_plots(browser: Browser, report: Path) -> None:
    axis = "() => named('overview-loss')[0].left[0].major_label_text_color"
    ground = "() => getComputedStyle(document.body).backgroundColor"
    with opened(browser, report, color_scheme="light") as watched:
        page = watched.page
        light = page.evaluate(axis), page.evaluate(ground)
        page.emulate_media(color_scheme="dark")
        page.wait_for_function(
            "(was) => named('overview-loss')[0].left[0].major_label_text_color !== was", arg=light[0]
        )
        assert page.evaluate(ground) != light[1]
        page.emulate_media(color_scheme="light")
        page.click("#theme")
        assert page.evaluate("() => document.documentElement.dataset.theme") == "dark"
        assert page.evaluate(ground) != light[1]
        watched.check()


def test_print_shows_what_is_unfolded_on_white(browser: Browser, report: Path) -> None:
    with opened(browser, report, color_scheme="dark") as watched:
        page = watched.page
        page.emulate_media(media="print", color_scheme="light")
        assert page.evaluate("() => getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert page.locator("#theme").is_hidden()
        assert page.locator("#why").is_visible()
        assert page.locator("#map").is_hidden()


def test_without_scripts_the_verdict_and_a_picture_stand(browser: Browser, report: Path) -> None:
    context = browser.new_context(java_script_enabled=False, viewport=WIDE)
    page = context.new_page()
    page.goto(report.as_uri())
    assert "Learning" in page.inner_text("h1")
    box = page.locator(".overview noscript img").bounding_box()
    assert box is not None
    assert box["width"] > 400
    context.close()


def test_an_open_page_says_when_the_file_beside_it_is_newer(
    browser: Browser, evaluated: Evaluated, tmp_path: Path
) -> None:
    series, said = evaluated(evaluators=("knn",))
    back = "() => document.dispatchEvent(new Event('visibilitychange'))"
    with opened(browser, write_report(tmp_path, series=series, verdict=said)) as watched:
        page = watched.page
        page.evaluate(back)
        page.wait_for_selector("iframe", state="attached")
        page.wait_for_function("() => !document.querySelector('iframe')")
        assert page.locator("#newer").count() == 0, "the file is the one that is shown"
        later = replace(series, manifest=replace(series.manifest, created="2030-01-02T03:04:05+00:00"))
        write_report(tmp_path, series=later, verdict=said)
        page.evaluate(back)
        page.wait_for_selector("#newer")
        assert "older than the results beside it, which were made 2030-01-02 03:04 UTC" in page.inner_text("#newer")
        page.click("#newer button")
        page.wait_for_function("() => document.documentElement.dataset.made.startsWith('2030')")
        page.wait_for_selector("html[data-ready=yes]")
        assert page.locator("#newer").count() == 0
        watched.check()


def test_auto_reload_shows_newer_results_by_itself(browser: Browser, evaluated: Evaluated, tmp_path: Path) -> None:
    series, said = evaluated(evaluators=("knn",))
    with opened(browser, write_report(tmp_path, series=series, verdict=said)) as watched:
        page = watched.page
        later = replace(series, manifest=replace(series.manifest, created="2030-01-02T03:04:05+00:00"))
        write_report(tmp_path, series=later, verdict=said)
        page.click("#reload")
        page.wait_for_function("() => document.documentElement.dataset.made.startsWith('2030')")
        page.wait_for_selector("html[data-ready=yes]")
        assert page.get_attribute("#reload", "aria-pressed") == "true"
        assert "just updated" in page.inner_text("header")
        watched.check()


def test_best_and_tied_checkpoints_are_marked_on_the_curve(
    browser: Browser, report: Path, evaluated: Evaluated
) -> None:
    _, said = evaluated()
    assert said.best is not None
    assert said.best.tied_with
    marked = """(shape) => models()
      .filter((m) => m.type === "GlyphRenderer" && m.glyph.marker?.value === shape && m.glyph.size.value > 10)
      .map((m) => m.data_source.data).flatMap((d) => Array.from(d instanceof Map ? d.get("x") : d.x))"""
    with opened(browser, report) as watched:
        page = watched.page
        assert page.evaluate(marked, "star") == [8.0]
        assert len(page.evaluate(marked, "circle")) == len(said.best.tied_with)
        assert page.locator(".use .tied a").count() == len(said.best.tied_with)


def test_a_click_on_a_small_chart_opens_the_report_card(browser: Browser, report: Path) -> None:
    with opened(browser, report) as watched:
        page = watched.page
        page.click("#label-free summary")
        chart = page.locator("#label-free .tile .small").first
        box = chart.bounding_box()
        assert box is not None
        chart.click(position={"x": 0.26 * box["width"], "y": box["height"] / 2})
        page.wait_for_selector("#checkpoint-epoch-2[open] table")
        assert page.evaluate("() => location.hash") == "#checkpoint-epoch-2"
        watched.check()


def test_pictures_of_neighbours_groups_and_weights(browser: Browser, report: Path) -> None:
    with opened(browser, report) as watched:
        page = watched.page
        page.click("#neighbours summary")
        page.wait_for_selector("#neighbour-rows .thumb")
        assert page.locator("#neighbour-rows thead th").all_inner_texts() == ["query", "epoch 0", "epoch 2", "epoch 8"]
        page.click("#groups summary")
        page.wait_for_selector("#typical .thumb")
        last = page.inner_html("#typical .groups-grid")
        page.locator("#typical select").nth(0).select_option(label="epoch 0")
        assert page.inner_html("#typical .groups-grid") != last
        assert page.inner_text("#typical figcaption >> nth=0").startswith("cluster 0: 6 of 6 zero")
        page.click("#weights summary")
        page.wait_for_selector("#drift canvas")
        before = page.get_attribute("#drift canvas", "aria-label")
        page.locator("#drift select").select_option(index=1)
        assert page.get_attribute("#drift canvas", "aria-label") != before
        assert "optimiser" in page.inner_text(".parts")
        watched.check()


def test_reloading_by_itself_is_the_readers_choice(browser: Browser, report: Path) -> None:
    with opened(browser, report) as watched:
        assert watched.page.get_attribute("#reload", "aria-pressed") == "false"
        assert "ago" in watched.page.inner_text("#age")
        watched.page.click("#reload")
        assert watched.page.get_attribute("#reload", "aria-pressed") == "true"
        watched.check()


def test_comparison_switches_metrics_and_hides_runs(browser: Browser, comparison: Path) -> None:
    ys = "() => column('line-0', 'y')"
    with opened(browser, comparison) as watched:
        page = watched.page
        assert "K = 30" in page.inner_text("h1")
        before = page.evaluate(ys)
        page.locator(".metric").select_option(label="RankMe")
        assert page.evaluate(ys) != before
        page.locator(".legend button").first.click()
        assert page.locator(".legend button").first.get_attribute("aria-pressed") == "false"
        watched.open_all()
        assert page.locator(".values tbody tr").count() == 15
        assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
        watched.check()


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


@pytest.mark.parametrize("scheme", ["light", "dark"])
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
