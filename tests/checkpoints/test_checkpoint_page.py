"""docs/checkpoints.md: its table has every layout (that its example runs: tests/docs)."""

from pathlib import Path

from checkpoint_layouts import BEGIN, END, LAYOUTS

PAGE = (Path(__file__).parents[2] / "docs" / "checkpoints.md").read_text(encoding="utf-8")


def test_the_table_has_every_layout_and_no_large_difference() -> None:
    rows = [row.strip("| ").split(" | ") for row in PAGE.split(BEGIN)[1].split(END)[0].strip().splitlines()[2:]]
    assert [(row[0], row[1]) for row in rows] == [(layout.name, layout.verified) for layout in LAYOUTS]
    measured = [float(cell) for row in rows for cell in row[3:] if cell != "–"]
    assert len(measured) >= len(LAYOUTS)
    assert max(measured) <= 1e-6
