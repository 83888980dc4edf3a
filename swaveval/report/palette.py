"""Colours that colour-blind readers can tell apart, on white and on near-black; and the font of the plots."""

import colorsys

FONT = "system-ui, sans-serif"

# Lines: each has a twin for the dark page; templates/core.js swaps them in the plots. Shape differs with colour.
SERIES = (("#0b62a4", "#63b3ed"), ("#c2570c", "#f59e5b"), ("#0a7d5a", "#4fd1a5"), ("#8e4585", "#d99ad2"))
MARKERS = ("circle", "square", "triangle", "diamond", "inverted_triangle", "plus")
INK = ("#1c2126", "#e8eaed")
MUTED = ("#5b6570", "#a3acb6")
GRID = ("#e4e7eb", "#2c333b")
LOSS = ("#4a5058", "#c3c9d0")
REFERENCE = ("#a3123f", "#ff8fa3")
GROUND = ("#ffffff", "#181c22")
TWINS = dict((*SERIES, INK, MUTED, GRID, LOSS, REFERENCE, GROUND))

# Petroff (2021), ten colours chosen for colour-vision deficiency and for looks; legible on both pages.
CATEGORIES = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#94a4a2",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#92dadd",
)

# The same as lines, which need more contrast than the points of a map: on white, and on near-black.
RUNS = (
    ("#3f90da", "#3f90da"),
    ("#e76300", "#f07a1f"),
    ("#832db6", "#bb7be6"),
    ("#b87400", "#ffa90e"),
    ("#bd1f01", "#ff6f52"),
    ("#2a8f95", "#92dadd"),
    ("#a96b59", "#b97b69"),
    ("#7a8b88", "#94a4a2"),
    ("#8d8043", "#b9ac70"),
    ("#717581", "#8a8e9a"),
)


def categories(count: int) -> list[str]:
    """`count` colours: Petroff's ten, then hues by the golden angle at three lightnesses."""
    if count <= len(CATEGORIES):
        return list(CATEGORIES[:count])
    made = []
    for position in range(count):
        hue = (position * 0.618033988749895) % 1.0
        red, green, blue = colorsys.hls_to_rgb(hue, (0.44, 0.58, 0.68)[position % 3], 0.62)
        made.append(f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}")
    return made
