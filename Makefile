# One target for each habit. `demo` and `test` work from a fresh clone: they make .venv when it is not there.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test lint types bench docs notebooks torture format clean

demo: $(STAMP)
	$(BIN)/swaveval demo

# One more than cores: some tests wait for a process, a node or the disk.
test: $(STAMP)
	$(BIN)/python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

# One or several by name: make bench NAMES='checkpoints.reading'; without names the list is printed.
NAMES ?=
bench: $(STAMP)
	$(BIN)/python -m benchmarks $(NAMES)

docs: $(STAMP)
	$(BIN)/python -m pytest tests/docs

# Each from its first cell to its last, in a kernel, as it is.
notebooks: $(STAMP)
	$(BIN)/python -m pytest -m torture tests/docs/test_notebooks.py

torture: $(STAMP)
	HYPOTHESIS_PROFILE=new $(BIN)/python -m pytest -m "torture or hypothesis"

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# What was trained and evaluated (runs/) is nobody's to delete but yours.
clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache

# torch and torchvision first and together, so that they come as a pair from one index.
$(STAMP): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet torch torchvision
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $(STAMP)
