# The project's commands. Each makes its own set-up: a virtual environment in .venv, from pinned versions.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --constraint constraints.txt
SOURCES := pyproject.toml constraints.txt

.PHONY: demo test test-all check bench docs clean

# torch goes first and pinned: left open, a package that needs it would fetch a CUDA build of gigabytes.
$(VENV)/.core: $(SOURCES)
	$(PYTHON) -m venv $(VENV)
	$(PIP) torch
	$(PIP) --editable .
	touch $@

$(VENV)/.dev: $(VENV)/.core
	$(PIP) --editable '.[dev,train,export]'
	touch $@

demo: $(VENV)/.core  ## simulate a pair with a known answer, register it, print the error; outputs in demo/
	$(BIN)/hepareg demo -o demo

test: $(VENV)/.dev  ## the tests that run in minutes
	$(BIN)/python -m pytest -m 'not slow'

test-all: $(VENV)/.dev  ## every test
	$(BIN)/python -m pytest

check: $(VENV)/.dev  ## lint and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) demo
