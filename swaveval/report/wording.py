"""Numbers as people read them: percent, thin spaces, no false digits."""

import math

from swaveval import text as text_
from swaveval.results import Metric

MINUS = "−"
LONGEST = 160


def number(value: float | None, unit: str = "", *, signed: bool = False) -> str:
    """`0.976, "fraction"` → `97.6 %`; `138060000, "bytes"` → `138 MB`; NaN → `not a number`."""
    if value is None:
        return "–"
    if math.isnan(value):
        return "not a number"
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    sign = "+" if signed and (round(value, 3) if unit == "fraction" else value) > 0 else ""
    if unit == "fraction":
        text = f"{round(100 * value, 1) + 0.0:.1f}" + (" points" if signed else " %")
    elif unit == "share":
        text = f"{round(100 * value, 1) + 0.0:.1f} %"
    elif unit == "bytes":
        text = _bytes(value)
    elif unit in ("count", "prototypes", "images") and float(value).is_integer():
        text = f"{int(value):,}"
    else:
        text = _digits(value)
    return sign + text.replace("-", MINUS)


def _digits(value: float) -> str:
    size = abs(value)
    if size == 0:
        return "0"
    if size >= 1e6 or size < 1e-4:
        return f"{value:.2e}"
    return f"{value:,.0f}" if size >= 1000 else f"{value:.{max(0, 2 - math.floor(math.log10(size)))}f}"


def _bytes(value: float) -> str:
    for limit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if abs(value) >= limit:
            return f"{value / limit:.3g} {name}"
    return f"{value:.0f} bytes"


def interval(ci95: tuple[float, float] | None, unit: str = "", *, signed: bool = False) -> str:
    """`(0.958, 0.987), "fraction"` → `95.8 to 98.7 %`; empty without an interval."""
    if ci95 is None or not all(math.isfinite(end) for end in ci95):
        return ""
    low, high = (number(end, unit, signed=signed) for end in ci95)
    for suffix in (" %", " points"):
        if low.endswith(suffix) and high.endswith(suffix):
            low = low.removesuffix(suffix)
    return f"{low} to {high}"


def of_metric(metric: Metric | None) -> str:
    """A metric's value with its unit."""
    return "–" if metric is None else number(metric.value, metric.unit)


def p_value(p: float | None) -> str:
    if p is None or math.isnan(p):
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def shortened(text: object, longest: int) -> str:
    """`text` up to `longest` characters, its end left out."""
    plain = clipped(text, 2000)
    return plain if len(plain) <= longest else plain[: longest - 1].rstrip(" ,;:") + "…"


def count(n: int, singular: str, plural: str = "") -> str:
    """`1 file`, `3 files`."""
    return f"{n:,} {singular if n == 1 else plural or singular + 's'}"


def sentence(text: str) -> str:
    """`text` with a capital and a full stop, so that another sentence can follow."""
    plain = text.strip()
    first = plain[:1] if plain[1:2].isupper() else plain[:1].upper()  # kNN stays kNN
    return first + plain[1:] + ("" if not plain or plain[-1] in ".!?…" else ".")


def clipped(text: object, longest: int = LONGEST) -> str:
    """`text` made printable, its middle left out where it is longer than `longest`."""
    return text_.clipped(text, longest)


def plot_text(text: object, longest: int = 28) -> str:
    """`text` for inside a plot, where Bokeh and matplotlib would read `$…$` as mathematics."""
    return clipped(text, longest).replace("$", "＄").replace("\\", "＼")
