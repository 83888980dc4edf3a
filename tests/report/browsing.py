"""A page opened in headless Chromium from a file, the network cut, and everything it must not do kept."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from swaveval.convergence.verdict import Verdict
from swaveval.results import Series

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
IN_CHROMIUM = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")]
Evaluated = Callable[..., tuple[Series, Verdict]]
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}

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
