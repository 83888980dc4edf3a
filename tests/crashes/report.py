"""`python -m tests.crashes.report` crashes every writer at every operation and writes reports/crash-points.*."""

import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from tests.crashes.points import crash_everywhere
from tests.crashes.writers import WRITERS

REPORTS = Path(__file__).parents[2] / "reports"
COMMAND = "python -m tests.crashes.report"


def main() -> None:
    rows = []
    for writer in WRITERS:
        with tempfile.TemporaryDirectory() as place:
            tally = crash_everywhere(writer, Path(place))
        rows.append(
            {
                "writer": tally.name,
                "operations": tally.operations,
                "states": tally.points,
                "different": tally.states,
                "torn": len(tally.torn),
                "lost": len(tally.lost),
            }
        )
    date = datetime.now(UTC).date().isoformat()
    body = {"command": COMMAND, "date": date, "writers": rows}
    (REPORTS / "crash-points.json").write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
    lines = "\n".join("| " + " | ".join(str(value) for value in row.values()) + " |" for row in rows)
    text = (
        "# Crash points: every writer, before, within and after each file operation\n\n"
        f"Command: `{COMMAND}`.\n{date}.\n\n"
        "After each operation: what a kill leaves (also half-way through a write), and everything that a power failure "
        "may leave where contents and names that were not synced are there, lost, half there or zeros. *torn* counts "
        "states in which a reader sees something that was never written whole, *lost* those without a result that was "
        "said to be kept. What can be made again (features, pixels, memories, figures) may be lost, never torn.\n\n"
        f"| writer | operations | states | different | torn | lost |\n|---|---|---|---|---|---|\n{lines}\n"
    )
    (REPORTS / "crash-points.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
