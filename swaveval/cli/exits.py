"""Exit codes, as `swaveval run --help` documents them."""

DONE = 0
CELLS_FAILED = 1
USAGE = 2
WRITING = 3
DAMAGED = 4
VERDICT_FAILED = 5
INTERRUPTED = 130
