"""The page in headless Chromium, opened from a file: every part of it does what its reader asks."""

from dataclasses import replace
from pathlib import Path

from playwright.sync_api import Browser

from swaveval.report import write_report
from tests.report.browsing import IN_CHROMIUM, Evaluated, opened

pytestmark = IN_CHROMIUM


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


def test_no_claim_of_the_evidence_is_scrolled_away(browser: Browser, report: Path) -> None:
    with opened(browser, report) as watched:
        hidden = """() => {
            const table = document.querySelector('.evidence'), rows = table.querySelector('tbody')
            for (let i = 0; i < 20; i++) rows.append(rows.firstElementChild.cloneNode(true))
            return table.scrollHeight - table.clientHeight
        }"""
        assert watched.page.evaluate(hidden) == 0


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


def test_an_open_page_says_when_the_file_beside_it_is_newer(
    browser: Browser, evaluated: Evaluated, tmp_path: Path
) -> None:
    series, said = evaluated(evaluators=("knn",))
    back = "() => document.dispatchEvent(new Event('visibilitychange'))"
    with opened(browser, write_report(tmp_path, series=series, verdict=said)) as watched:
        page = watched.page
        # A small page is read sooner than the driver looks twice: whether the frame was there is noted in the page.
        page.evaluate(
            """() => new MutationObserver(found => found.forEach(change => change.addedNodes.forEach(node => {
              if (node.tagName === 'IFRAME') window.looked = true;
            }))).observe(document, {childList: true, subtree: true})"""
        )
        page.evaluate(back)
        page.wait_for_function("() => window.looked && !document.querySelector('iframe')")
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
        assert "K = 10 collapsed" in page.inner_text(".sentence")
        stars = [len(page.evaluate(f"() => column('best-{place}', 'y')")) for place in range(3)]
        assert stars == [0, 1, 1], "a collapsed run has none"
        before = page.evaluate(ys)
        page.locator(".metric").select_option(label="RankMe")
        assert page.evaluate(ys) != before
        page.locator(".legend button").first.click()
        assert page.locator(".legend button").first.get_attribute("aria-pressed") == "false"
        watched.open_all()
        assert page.locator(".values tbody tr").count() == 15
        assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
        watched.check()
