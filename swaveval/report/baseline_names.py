"""Baselines on the first figure: dashed lines with their names beside the frame, where no curve runs."""

from typing import Any

from bokeh.models import FixedTicker, LinearAxis, Span

from swaveval.report import palette

# Height of a name, two lines, as a share of the figure's; and the room for it beside the frame, in pixels.
TWO_LINES = 0.105
WIDTH = 66


def draw(plot: Any, dashed: dict[str, float], limits: tuple[float, float]) -> None:
    """Grey dashed lines; their names stand to the right of the frame, moved apart where lines nearly touch."""
    if not dashed:
        return
    ordered = sorted(dashed.items(), key=lambda entry: entry[1])
    places = apart([value for _, value in ordered], limits)
    names = {place: name.replace(" ", "\n", 1) for place, (name, _) in zip(places, ordered, strict=True)}
    for _, value in ordered:
        plot.add_layout(
            Span(
                dimension="width",
                location=value,
                line_color=palette.MUTED[0],
                line_dash="4 4",
                line_width=1,
                line_alpha=0.8,
            )
        )
    axis = LinearAxis(ticker=FixedTicker(ticks=list(names)), major_label_overrides=names)
    plot.add_layout(axis, "right")
    axis.axis_line_color = axis.major_tick_line_color = None
    axis.minor_tick_line_color = None
    axis.major_label_text_color, axis.major_label_text_font = palette.MUTED[0], palette.FONT
    axis.major_label_text_font_size = "11px"
    axis.major_label_standoff, axis.major_label_text_line_height = 0, 0.85


def apart(values: list[float], limits: tuple[float, float]) -> list[float]:
    """Places for names, ascending: at their values where there is room, else moved up, and down from the upper end."""
    room = (limits[1] - limits[0]) * TWO_LINES
    places: list[float] = []
    for value in values:
        places.append(max(value, places[-1] + room) if places else value)
    ceiling = limits[1]
    for position in reversed(range(len(places))):
        places[position] = min(places[position], ceiling - room / 2)
        ceiling = places[position] - room / 2
    return places
