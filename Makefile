# altheory: `make` lists the targets. Everything is installed into .venv; nothing is written outside this folder.
.DEFAULT_GOAL := help

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   := .venv
BIN    := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --constraint constraints.txt
# quick, standard or deep; --seed, --data and the like go into ARGS
BUDGET ?= quick
ARGS   ?=
CORES  := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)

export MPLCONFIGDIR := $(CURDIR)/$(VENV)/var/matplotlib
export IPYTHONDIR := $(CURDIR)/$(VENV)/var/ipython
export JUPYTER_CONFIG_DIR := $(CURDIR)/$(VENV)/var/jupyter
export HYPOTHESIS_STORAGE_DIRECTORY := $(CURDIR)/$(VENV)/var/hypothesis

.PHONY: help verify test bench notebooks lint types clean

help:  ## show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

verify: $(VENV)/.runtime  ## verify every claim and write report/index.html (BUDGET=standard, ARGS="--seed 1")
	$(BIN)/proofs-check verify --budget $(BUDGET) --out report $(ARGS)

# notebooks side by side: with two threads each they wait for one another (two of them took 114 and 60 s, and 16 and 13 s now)
test: $(VENV)/.dev  ## run all tests, the notebooks included (ARGS="tests/altheory")
	$(BIN)/python -m pytest -n $(CORES) $(ARGS)
	$(if $(ARGS),,OMP_NUM_THREADS=1 $(BIN)/python -m pytest --nbmake --nbmake-timeout=300 -n $(CORES) notebooks)

bench: $(VENV)/.dev  ## run the benchmarks (ratios taken side by side; see benchmarks/RESULTS.md)
	$(BIN)/python -m pytest benchmarks -o python_files='bench_*.py' --benchmark-only --benchmark-sort=name --benchmark-columns=median,iqr,rounds $(ARGS)

notebooks: $(VENV)/.dev  ## execute the notebooks and keep their outputs
	$(BIN)/python -m pytest --nbmake --overwrite --nbmake-timeout=300 notebooks

lint: $(VENV)/.dev  ## ruff: style, imports, docstrings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev  ## mypy, strict
	$(BIN)/mypy

clean:  ## remove the environment, the report and every cache
	rm -rf $(VENV) report build *.egg-info .ruff_cache .mypy_cache .benchmarks .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "make: no python3 found; install Python 3.11 or newer"; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "make: $(PYTHON) is older than 3.11; run make PYTHON=/path/to/python3.11"; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(INSTALL) --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(INSTALL) --editable '.[dev]'
	@touch $(VENV)/.runtime $@
