# The project's commands. Each makes its own set-up: a virtual environment in .venv, from pinned versions.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --constraint constraints.txt
SOURCES := pyproject.toml constraints.txt
PEERS := .peers
PEERS_PIP := $(PEERS)/bin/pip install --quiet --constraint benchmarks/peers/constraints.txt

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

# Two processes, one thread each: as fast as two cores allow, wherever it runs.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2

test: $(VENV)/.dev  ## the tests that run in minutes
	$(PYTEST) -m 'not slow'

test-all: $(VENV)/.dev  ## every test
	$(PYTEST)

check: $(VENV)/.dev  ## lint and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# niftyreg has no wheel and takes minutes to build; where that fails, its rows say that it is not installed.
$(PEERS)/.ready: benchmarks/peers/constraints.txt benchmarks/peers/requirements.txt
	$(PYTHON) -m venv $(PEERS)
	$(PEERS_PIP) torch
	$(PEERS_PIP) --requirement benchmarks/peers/requirements.txt
	-CMAKE_POLICY_VERSION_MINIMUM=3.5 $(PEERS_PIP) niftyreg
	touch $@

# The pairs are made anew where the code that makes them has changed.
PAIRS := build/bench
MAKE_PAIRS := $(BIN)/python -m benchmarks.accuracy.core make
$(PAIRS)/.made: $(shell find src/hepareg/simulation -name '*.py') benchmarks/accuracy/core_pairs.py benchmarks/speed/volumes.py | $(VENV)/.dev
	rm -rf $(PAIRS)
	$(MAKE_PAIRS) $(PAIRS)/core
	$(MAKE_PAIRS) $(PAIRS)/same_grid --set same_grid
	touch $@

# BENCH_OPTIONS are those of benchmarks.compare, for instance: make bench BENCH_OPTIONS="--tools hepareg antspy".
COMPARE := $(BIN)/python -m benchmarks.compare
bench: $(VENV)/.dev $(PEERS)/.ready $(PAIRS)/.made  ## speed, then hepareg and the peers on the same pairs; results and pages
	@command -v elastix > /dev/null || echo "elastix is not installed, its rows will say so: apt-get install elastix"
	$(BIN)/python -m benchmarks.speed.measure --pairs $(PAIRS)/speed
	$(COMPARE) $(PAIRS)/core $(BENCH_OPTIONS)
	$(COMPARE) $(PAIRS)/same_grid --out benchmarks/results/comparison_same_grid.json $(BENCH_OPTIONS)
	$(COMPARE) $(PAIRS)/core --without-masks $(BENCH_OPTIONS)
	$(BIN)/python -m benchmarks.page

$(VENV)/.docs: $(VENV)/.core
	$(PIP) --editable '.[docs]'
	touch $@

docs: $(VENV)/.docs  ## pages of the benchmarks from their results, then the site, in site/
	$(BIN)/python -m benchmarks.page
	$(BIN)/mkdocs build --quiet --strict

clean:
	rm -rf $(VENV) $(PEERS) demo site
