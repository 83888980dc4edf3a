"""How large a page of 100 checkpoints is, and how fast headless Chromium shows it.

    python benchmarks/report/size_and_speed.py [--out benchmarks/report/size_and_speed.json]

Makes up an evaluation of 100 checkpoints with every evaluator and a 2,000-point map with thumbnails, writes its page,
opens it from a file five times with the network cut, and writes the medians with the machine and the versions.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[2]))

from swaveval.report import write_report
from tests.report.invented_results import Plan, verdict, write

LIMITS = {"bytes": 3_000_000, "first_content_ms": 1000, "usable_ms": 3000}
RUNS = 5
PLAN = Plan(
    name="size and speed",
    epochs=tuple(float(epoch) for epoch in range(100)),
    n_train=8000,
    n_test=2000,
    map_points=2000,
    thumbnail=32,
    prototypes=300,
    natural=True,
)


def measure(browser: Browser, page_file: Path) -> dict[str, float]:
    """Milliseconds from navigation to the first content, to a page that answers, and to the open map."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, offline=True)
    page = context.new_page()
    page.goto(page_file.as_uri())
    page.wait_for_selector("html[data-ready=yes]")
    first = page.evaluate("() => performance.getEntriesByName('first-contentful-paint')[0].startTime")
    usable = page.evaluate("() => performance.getEntriesByName('ready')[0].startTime")
    opened = time.perf_counter()
    page.click("#map summary")
    page.wait_for_selector("#map-plot canvas")
    page.wait_for_function("() => document.querySelector('#map-legend').children.length > 0")
    shown = 1000 * (time.perf_counter() - opened)
    context.close()
    return {"first_content_ms": first, "usable_ms": usable, "map_ms": shown}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    arguments = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        print("no Chromium on this machine", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        series = write(Path(folder), PLAN)
        said = verdict(series, PLAN)
        started = time.perf_counter()
        page_file = write_report(Path(folder), series=series, verdict=said)
        written = time.perf_counter() - started
        size = page_file.stat().st_size
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            release = browser.version
            runs = [measure(browser, page_file) for _ in range(RUNS)]
            browser.close()
    found = {name: round(statistics.median(run[name] for run in runs)) for name in runs[0]}
    result = {
        "date": datetime.now(UTC).date().isoformat(),
        "page": "100 checkpoints, every evaluator, 2,000-point map with thumbnails",
        "bytes": size,
        "written_s": round(written, 1),
        **found,
        "limits": LIMITS,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
        "versions": {"python": platform.python_version(), "chromium": release}
        | {name: version(name) for name in ("bokeh", "matplotlib", "numpy", "pillow")},
    }
    arguments.out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))
    return 0 if all(result[name] <= limit for name, limit in LIMITS.items()) else 1


if __name__ == "__main__":
    sys.exit(main())
